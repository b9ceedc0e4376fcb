/* winnow bench: which benchmarks are wanted, and their CSV file. */
#include "bench.h"
#include "bench_networks.h"
#include "bench_peer.h"
#include "cli.h"
#include "impl_list.h"
#include "net_winners.h"
#include "onednn.h"
#include "perf_template.h"
#include "problem_words.h"
#include "step_parts.h"
#include <stdlib.h>

static const char details[] =
    "With networks: times a training step and an inference step by step of the tape, with the tuning\n"
    "database's picks. With problems (benchdnn's descriptors, or a batch file of them): times the\n"
    "implementations of each side by side. The share of the peak is of an FMA loop measured in turns with "
    "them.\n"
    "Columns of the CSV file for networks:\n  " WN_BENCH_NET_HEADER
    "\nof --parts-csv:\n  " WN_STEP_PARTS_HEADER "\nwith --winners:\n  " WN_NET_WINNERS_HEADER
    "\nand for problems:\n  " WN_BENCH_PROBLEM_HEADER
    "\nTemplates of --perf-template hold %driver% %engine% %impl% %name% %dir% %alg% %mb% %desc% %prb%, and "
    "with\n"
    "-, 0 or + (least, mean, greatest) and K, M or G before the name: %time% (ms) %ops% %flops% %iobytes% "
    "%bw%.\n"
    "With --peer=onednn: our best beside the best of oneDNN (direct and Winograd) in its own layouts, in\n"
    "turns, with the median of paired ratios time(oneDNN) / time(ours); above 1 we are faster. Networks "
    "stand\n"
    "for their distinct convolutions in all directions, but for BWD_D of first layers; a problem of up to 4\n"
    "channels is a first layer. Our best is the pick of a database given by --db, else of a short race.\n"
    "Columns of its CSV file:\n  " WN_BENCH_PEER_HEADER;

enum { DEFAULT_REPETITIONS = 7 };

typedef struct flags {
    const char *isa, *db, *csv, *impls, *peer, *parts_csv, *trace, *perf_template;
    wn_problem_flags problems;
    wn_network_flags network;
    int64_t threads, repetitions; /* 0: the default */
    double budget;                /* 0: the default */
    int mode;
    bool all_configs, constant_weights, parts, winners;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    static const char *const modes[] = {"both", "training", "inference", NULL};
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        {.name = "--mode",
         .kind = WN_OPTION_CHOICE,
         .value = &f->mode,
         .argument = "both|training|inference",
         .choices = modes,
         .help = "of networks (default: both)"},
        {.name = "--parts",
         .kind = WN_OPTION_SWITCH,
         .value = &f->parts,
         .help = "of networks: also what each step spends its time on, by clocks inside the steps"},
        {.name = "--parts-csv",
         .kind = WN_OPTION_TEXT,
         .value = &f->parts_csv,
         .argument = "FILE",
         .help = "of networks: the same as CSV"},
        {.name = "--trace",
         .kind = WN_OPTION_TEXT,
         .value = &f->trace,
         .argument = "FILE",
         .help = "of networks: a timeline of steps, phases and threads for chrome://tracing and Perfetto"},
        {.name = "--winners",
         .kind = WN_OPTION_SWITCH,
         .value = &f->winners,
         .help = "of networks: each implementation forced, and the tuned picks, in turns"},
        WN_OPTIONS_PROBLEMS(&f->problems, "of problems: FWD_B,BWD_D,BWD_WB (default: FWD_B)"),
        {.name = "--impl",
         .kind = WN_OPTION_TEXT,
         .value = &f->impls,
         .argument = "LIST",
         .help = "of problems, and with --winners: these implementations only"},
        {.name = "--all-configs",
         .kind = WN_OPTION_SWITCH,
         .value = &f->all_configs,
         .help = "of problems: every config, not only the default of each implementation"},
        {.name = "--perf-template",
         .kind = WN_OPTION_TEXT,
         .value = &f->perf_template,
         .argument = "def|csv|TEMPLATE",
         .help = "of problems: lines as benchdnn's --perf-template makes them, in place of tables"},
        {.name = "--constant-weights",
         .kind = WN_OPTION_SWITCH,
         .value = &f->constant_weights,
         .help = "of problems: FWD_B as for inference, what is made of weights is made before"},
        {.name = "--repetitions",
         .kind = WN_OPTION_WHOLE,
         .value = &f->repetitions,
         .argument = "N",
         .low = 1,
         .high = 100000,
         .help = "timed runs after one that warms up (default: 7); pairs with --peer (default: 9; at least)"},
        {.name = "--peer",
         .kind = WN_OPTION_TEXT,
         .value = &f->peer,
         .argument = "onednn|self",
         .help = "compare our best with that of a peer, or with itself: what noise alone does"},
        {.name = "--budget",
         .kind = WN_OPTION_REAL,
         .value = &f->budget,
         .argument = "SECONDS",
         .low = 0.001,
         .high = 86400,
         .help = "with --peer: for finding the best of both, per problem and direction (default: 1)"},
        WN_OPTION_NO_FUSE(&f->network.no_fuse),
        WN_OPTION_PICKS(&f->network.picks),
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static wn_status read_problems(const flags *f, char **words, int count, wn_problem_list *list) {
    WN_TRY(wn_impl_list_check("--impl", f->impls, NULL));
    return wn_words_read_problems(words, count, &f->problems, list);
}

static wn_status bench_problems(const flags *f, const wn_session *session, wn_problem_list *list,
                                wn_csv *csv) {
    if (f->perf_template)
        printf("Output template: %s\n", f->perf_template);
    wn_bench_problem bench = {.fingerprint = session->fingerprint,
                              .impls = f->impls,
                              .all_configs = f->all_configs,
                              .perf_template = f->perf_template,
                              .repetitions = f->repetitions ? (int)f->repetitions : DEFAULT_REPETITIONS,
                              .isa = session->isa,
                              .pool = session->pool};
    for (int i = 0; i < list->count; i++) {
        list->problems[i].constant_weights = f->constant_weights;
        WN_TRY(wn_bench_problem_run(&bench, &list->problems[i], stdout, csv));
        fflush(stdout);
    }
    return wn_ok();
}

static wn_status compare_problems(const flags *f, const wn_conv_impl *peer, const wn_session *session,
                                  const wn_peer_problems *wanted, wn_csv *csv) {
    wn_bench_peer bench = {.fingerprint = session->fingerprint,
                           .peer = peer,
                           .budget = f->budget > 0 ? f->budget : 1,
                           .pairs = f->repetitions > WN_BENCH_PEER_MIN_PAIRS ? (int)f->repetitions
                                                                             : WN_BENCH_PEER_MIN_PAIRS,
                           .isa = session->isa,
                           .pool = session->pool};
    if (f->db)
        WN_TRY(wn_session_database(session, f->db, true, &bench.db));
    wn_status status = wn_peer_compare(&bench, wanted, csv);
    wn_tune_db_close(bench.db);
    return status;
}

static wn_status bench_with_peer(const flags *f, char **words, int count, bool networks) {
    const wn_conv_impl *peer;
    WN_TRY(wn_bench_peer_find(f->peer, &peer));
    if (f->impls || f->all_configs || f->constant_weights || f->mode != WN_MODE_BOTH)
        return wn_error(WN_ERROR_USAGE, "bench: found --impl, --all-configs, --constant-weights or --mode, "
                                        "expected none with --peer");
    wn_session session = {.pool = NULL};
    wn_csv csv = {.file = NULL};
    wn_peer_problems wanted = {NULL, 0};
    wn_problem_list list;
    WN_TRY(wn_problem_list_create(&list));
    wn_status status = networks ? wn_peer_networks(words, count, &f->network, &wanted)
                                : read_problems(f, words, count, &list);
    if (!wn_failed(status) && !networks)
        status = wn_peer_list(&list, &wanted);
    if (!wn_failed(status))
        status = wn_session_open_for(f->csv, f->isa, f->threads, &session);
    if (!wn_failed(status))
        status = wn_onednn_limit(session.isa);
    if (!wn_failed(status) && f->csv)
        status = wn_session_csv(&session, f->csv, "peer", networks && count == 1 ? words[0] : NULL,
                                WN_BENCH_PEER_HEADER, &csv);
    if (!wn_failed(status))
        status = compare_problems(f, peer, &session, &wanted, f->csv ? &csv : NULL);
    wn_status closed = wn_csv_close(&csv);
    free(wanted.problems);
    wn_problem_list_free(&list);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

static wn_status bench_networks(const flags *f, char **names, int count) {
    wn_session session;
    if (f->constant_weights)
        return wn_error(WN_ERROR_USAGE, "bench: found --constant-weights, which is for problems alone");
    WN_TRY(wn_session_open_for(f->csv ? f->csv : f->parts_csv, f->isa, f->threads, &session));
    wn_networks networks = {.session = &session,
                            .network = &f->network,
                            .db = f->db,
                            .impls = f->impls,
                            .mode = f->mode,
                            .repetitions = f->repetitions ? (int)f->repetitions : DEFAULT_REPETITIONS,
                            .parts = f->parts,
                            .csv = f->csv,
                            .parts_csv = f->parts_csv,
                            .trace = f->trace};
    wn_status status = f->winners ? wn_networks_winners(&networks, names, count)
                                  : wn_networks_bench(&networks, names, count);
    wn_session_close(&session);
    return status;
}

static wn_status bench_problem_words(const flags *f, char **argv, int words) {
    wn_session session = {.pool = NULL};
    wn_csv csv = {.file = NULL};
    wn_problem_list list;
    WN_TRY(wn_problem_list_create(&list));
    wn_status status = read_problems(f, argv, words, &list);
    if (!wn_failed(status))
        status = wn_session_open_for(f->csv, f->isa, f->threads, &session);
    if (!wn_failed(status) && f->csv)
        status = wn_session_csv(&session, f->csv, "layers", NULL, WN_BENCH_PROBLEM_HEADER, &csv);
    if (!wn_failed(status))
        status = bench_problems(f, &session, &list, f->csv ? &csv : NULL);
    wn_status closed = wn_csv_close(&csv);
    wn_problem_list_free(&list);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

static wn_status bench(const wn_command *command, int argc, char **argv) {
    flags f = {.repetitions = 0};
    int words, networks;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words == 0 && !f.problems.file)
        return wn_error(WN_ERROR_USAGE, "bench: found no network and no problem, expected winnow bench %s",
                        command->usage);
    WN_TRY(wn_words_count_networks(argv, words, &networks));
    if (networks > 0 && (networks < words || f.problems.file))
        return wn_error(WN_ERROR_USAGE, "bench: found networks and problems, expected one kind at a time");
    const bool inside = f.parts || f.parts_csv || f.trace;
    if ((inside || f.winners) && (f.peer || networks == 0))
        return wn_error(WN_ERROR_USAGE, "bench: found --parts, --parts-csv, --trace or --winners, which are "
                                        "for networks alone");
    if (inside && f.winners)
        return wn_error(WN_ERROR_USAGE,
                        "bench: found --parts, --parts-csv or --trace, expected none with --winners");
    if (f.perf_template && (f.peer || networks))
        return wn_error(WN_ERROR_USAGE, "bench: found --perf-template, which is for problems without --peer");
    if (f.perf_template)
        WN_TRY(wn_perf_template_read(f.perf_template, &f.perf_template));
    if (f.peer)
        return bench_with_peer(&f, argv, words, networks > 0);
    if (f.budget > 0)
        return wn_error(WN_ERROR_USAGE, "bench: found --budget, which is for --peer alone");
    return networks ? bench_networks(&f, argv, networks) : bench_problem_words(&f, argv, words);
}

const wn_command wn_command_bench = {"bench", "NET...|PROBLEM... [options]",
                                     "time a network step by step, or the implementations of one problem",
                                     details, bench};
