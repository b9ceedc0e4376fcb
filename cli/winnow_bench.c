/* winnow-bench: convolutions under Google Benchmark. The flags and reports of that library, our problems. */
#include "bench_peer.h"
#include "cli.h"
#include "clock.h"
#include "counters.h"
#include "google.h"
#include "impl_list.h"
#include "kernel_benchmarks.h"
#include "problem_words.h"
#include "program.h"
#include "verbose_log.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char details[] =
    "Networks stand for their distinct convolutions in all directions (--dir: fewer), problems are "
    "benchdnn's\n"
    "descriptors; without either, the convolutions of resnet18. All flags of Google Benchmark work\n"
    "(--benchmark_filter=REGEX, --benchmark_list_tests, --benchmark_out=FILE, --benchmark_repetitions=N, "
    "...);\n"
    "repetitions run in random order. Each implementation is one benchmark; \"tuned\" is what the database "
    "picks.\n"
    "Time is wall time from barrier to barrier, CPU that of all threads. Operands come from memory "
    "(--cold).\n"
    "Counters: error beside sums in f64; perf's events are those of one run, all threads together.";

typedef struct flags {
    const char *isas, *db, *impls, *log;
    const char *threads, *colds;
    wn_problem_flags problems;
    wn_network_flags network;
    bool all_configs, refused;
} flags;

/* What is to be benchmarked, and everything it needs. */
typedef struct bench {
    flags flags;
    wn_peer_problems wanted;
    wn_kernel_benchmarks *set;
} bench;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        WN_OPTIONS_PROBLEMS(&f->problems, "FWD_B,BWD_D,BWD_WB (default: of problems FWD_B, of networks all)"),
        {.name = "--verbose-log",
         .kind = WN_OPTION_TEXT,
         .value = &f->log,
         .argument = "FILE",
         .help = "the convolutions in a log of oneDNN (ONEDNN_VERBOSE=1)"},
        {.name = "--impl",
         .kind = WN_OPTION_TEXT,
         .value = &f->impls,
         .argument = "LIST",
         .help = "these implementations only; \"tuned\": the database's pick"},
        {.name = "--all-configs",
         .kind = WN_OPTION_SWITCH,
         .value = &f->all_configs,
         .help = "every config, not only the default of each implementation"},
        {.name = "--refused",
         .kind = WN_OPTION_SWITCH,
         .value = &f->refused,
         .help = "list implementations that cannot run a problem, too, with the reason"},
        {.name = "--threads",
         .kind = WN_OPTION_TEXT,
         .value = &f->threads,
         .argument = "LIST",
         .help = "numbers of threads (default: the CPUs this process may use)"},
        {.name = "--isa",
         .kind = WN_OPTION_TEXT,
         .value = &f->isas,
         .argument = "LIST",
         .help = "among portable, avx2, avx512 (default: WINNOW_ISA, else the best of this CPU)"},
        {.name = "--cold",
         .kind = WN_OPTION_TEXT,
         .value = &f->colds,
         .argument = "LIST",
         .help =
             "among all, weights, none: what comes from memory in every run, not from caches (default: all)"},
        WN_OPTION_DB(&f->db),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static wn_status read_problems(bench *b, char **words, int count) {
    wn_problem_list list;
    WN_TRY(wn_problem_list_create(&list));
    wn_status status = wn_words_read_problems(words, count, &b->flags.problems, &list);
    if (!wn_failed(status) && b->flags.log)
        status = wn_verbose_log_read(&list, b->flags.log);
    if (!wn_failed(status))
        status = wn_peer_list(&list, &b->wanted);
    wn_problem_list_free(&list);
    return status;
}

/* What a word of a list is used with. */
typedef struct choice {
    bench *bench;
    bool direction[WN_DIRECTION_COUNT];
    wn_cold cold;
    const char *isa;
} choice;

/* Every word of a list that is joined by commas, up to the first failure. */
static wn_status for_each_word(const char *list, wn_status (*use)(choice *, const char *), choice *c) {
    char *copy = strdup(list), *rest = copy;
    wn_status status = copy ? wn_ok() : wn_error(WN_ERROR_MEMORY, "no memory for the list %.80s", list);
    for (char *word; !wn_failed(status) && (word = strsep(&rest, ","));)
        status = use(c, word);
    free(copy);
    return status;
}

static wn_status want_direction(choice *c, const char *word) {
    wn_direction direction;
    WN_TRY(wn_direction_parse(word, &direction));
    c->direction[direction] = true;
    return wn_ok();
}

/* Leaves only the directions that --dir names. */
static wn_status select_directions(bench *b) {
    choice wanted = {.bench = b};
    if (!b->flags.problems.directions)
        return wn_ok();
    WN_TRY(for_each_word(b->flags.problems.directions, want_direction, &wanted));
    int kept = 0;
    for (int i = 0; i < b->wanted.count; i++)
        if (wanted.direction[b->wanted.problems[i].direction])
            b->wanted.problems[kept++] = b->wanted.problems[i];
    b->wanted.count = kept;
    return wn_ok();
}

static wn_status read_wanted(bench *b, char **words, int count) {
    static char resnet18[] = "resnet18", *otherwise[] = {resnet18};
    int networks;
    WN_TRY(wn_words_count_networks(words, count, &networks));
    bool problems = count > networks || b->flags.problems.file || b->flags.log;
    if (networks > 0 && problems)
        return wn_error(WN_ERROR_USAGE, "found networks and problems, expected one kind at a time");
    if (problems)
        return read_problems(b, words, count);
    WN_TRY(wn_peer_networks(count ? words : otherwise, count ? count : 1, &b->flags.network, &b->wanted));
    return select_directions(b);
}

/* The benchmarks for one ISA, number of threads, and state of the caches. */
static wn_status add_all(bench *b, const char *isa_name, int threads, wn_cold cold) {
    const flags *f = &b->flags;
    wn_session session = {.pool = NULL};
    wn_tune_db *db = NULL;
    wn_kernel_options options = {.impls = f->impls,
                                 .all_configs = f->all_configs,
                                 .refused = f->refused,
                                 .threads = threads,
                                 .cold = cold};
    WN_TRY(wn_isa_select(isa_name, &options.isa));
    wn_machine_read(&session.machine);
    wn_machine_fingerprint(&session.machine, options.isa, threads, session.fingerprint,
                           sizeof session.fingerprint);
    WN_TRY(wn_session_database(&session, f->db, false, &db));
    options.db = db;
    wn_status status = wn_ok();
    for (int i = 0; i < b->wanted.count && !wn_failed(status); i++)
        status = wn_kernel_benchmarks_add(b->set, &options, &b->wanted.problems[i]);
    wn_tune_db_close(db);
    return status;
}

static wn_status add_threads(choice *c, const char *word) {
    char *end;
    long threads = strtol(word, &end, 10);
    if (end == word || *end || threads < 1 || threads > WN_THREADS_MAX)
        return wn_error(WN_ERROR_USAGE, "--threads: found \"%.40s\", expected whole numbers from 1 to %d",
                        word, WN_THREADS_MAX);
    return add_all(c->bench, c->isa, (int)threads, c->cold);
}

static wn_status add_isa(choice *c, const char *word) {
    const char *threads = c->bench->flags.threads;
    c->isa = word;
    return threads ? for_each_word(threads, add_threads, c)
                   : add_all(c->bench, word, wn_threads_default(), c->cold);
}

static wn_status add_cold(choice *c, const char *word) {
    int cold = 0;
    while (wn_cold_names[cold] && strcmp(wn_cold_names[cold], word) != 0)
        cold++;
    if (!wn_cold_names[cold])
        return wn_error(WN_ERROR_USAGE, "--cold: found \"%.40s\", expected all, weights or none", word);
    c->cold = (wn_cold)cold;
    const char *isas = c->bench->flags.isas;
    return isas ? for_each_word(isas, add_isa, c) : add_isa(c, NULL);
}

/* Why some counters are missing, in one line for the head of the report. */
static void describe_counters(void) {
    wn_counters *counters;
    if (wn_failed(wn_counters_open(&counters)))
        return;
    if (wn_counters_note(counters)[0])
        wn_google_context("counters", wn_counters_note(counters));
    wn_counters_close(counters);
}

/* Facts for the head of the report: what ran where, and how well the clock sees it. */
static void describe(void) {
    wn_machine machine;
    char text[256];
    wn_machine_read(&machine);
    wn_machine_fingerprint(&machine, machine.isa, wn_threads_default(), text, sizeof text);
    wn_google_context("winnow", WN_VERSION);
    wn_google_context("machine", text);
    wn_clock_cost cost = wn_clock_measure();
    snprintf(text, sizeof text, "reading it takes %.0f ns, it moves in steps of %.0f ns",
             cost.read_nanoseconds, cost.step_nanoseconds);
    wn_google_context("clock", text);
    wn_finding findings[WN_FINDINGS];
    int count = wn_doctor_examine("", 0.2, findings);
    char verdict[1024];
    wn_doctor_verdict(findings, count, verdict, sizeof verdict);
    wn_google_context("doctor", verdict);
    describe_counters();
}

/* Google Benchmark would answer --help with its own page alone. */
static bool wants_help(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* Before anything is measured; the library would end the program itself. */
static wn_status check_out(const char *path) {
    FILE *file = path ? fopen(path, "ae") : NULL;
    if (path && !file)
        return wn_error(WN_ERROR_IO, "--benchmark_out: %.200s: %s", path, strerror(errno));
    if (file)
        fclose(file);
    return wn_ok();
}

static wn_status run(int argc, char **argv) {
    static const wn_command command = {"winnow-bench", "[NET...|PROBLEM...] [options] [--benchmark_...]",
                                       "benchmark the implementations of convolutions with Google Benchmark",
                                       details, NULL};
    bench b = {.set = NULL};
    int words;
    bool help;
    if (wants_help(argc, argv))
        return read_flags(&command, 1, (char *[]){"--help"}, &b.flags, &words, &help);
    const char *unknown = wn_google_start(&argc, argv);
    if (unknown)
        return wn_error(WN_ERROR_USAGE, "%.80s: unknown flag or value, expected one of Google Benchmark's",
                        unknown);
    WN_TRY(read_flags(&command, argc - 1, argv + 1, &b.flags, &words, &help));
    WN_TRY(check_out(wn_google_out()));
    wn_status status = wn_kernel_benchmarks_create(&b.set);
    if (!wn_failed(status))
        status = read_wanted(&b, argv + 1, words);
    if (!wn_failed(status))
        status = for_each_word(b.flags.colds ? b.flags.colds : wn_cold_names[WN_COLD_ALL], add_cold,
                               &(choice){.bench = &b});
    if (!wn_failed(status) && wn_kernel_benchmarks_count(b.set) == 0)
        status = wn_error(WN_ERROR_UNSUPPORTED,
                          "none of the implementations runs any of the problems (see --refused)");
    if (!wn_failed(status)) {
        describe();
        wn_kernel_benchmarks_declare();
        int count = wn_google_run();
        if (count < 0)
            status = wn_error(WN_ERROR_IO, "%s: not everything could be written",
                              wn_google_out() ? wn_google_out() : "standard output");
        if (count == 0)
            status = wn_error(WN_ERROR_USAGE, "--benchmark_filter: found nothing that matches (see "
                                              "--benchmark_list_tests)");
    }
    free(b.wanted.problems);
    wn_kernel_benchmarks_destroy(b.set);
    return status;
}

int main(int argc, char **argv) {
    wn_program_begin();
    return wn_program_end("winnow-bench", run(argc, argv));
}
