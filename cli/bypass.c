/* winnow bypass: the price list of the kernel's services, for a network's training step. */
#include "bypass.h"
#include "bench.h"
#include "cli.h"
#include "cpus.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char details[] =
    "Times what a compute loop may ask of Linux and the ways around it, all in turns: system calls, clocks,\n"
    "counters, hand-offs, page faults, feeding data, allocation, scheduling, denormals, and a whole "
    "training\n"
    "step of NET (default: resnet18 at 32, batch 32). \"faster\" is the median of paired ratios to the first "
    "way\n"
    "with its 96 % interval; \"ms/step\" is the price times how often NET's step would pay it. "
    "docs/linux.md\n"
    "explains each row. Columns of its CSV file:\n  " WN_BYPASS_HEADER;

enum { DEFAULT_ROUNDS = 25, DEFAULT_SIZE = 32, DEFAULT_BATCH = 32 };

typedef struct flags {
    const char *isa, *db, *csv;
    wn_network_flags network;
    int64_t threads, rounds;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        {.name = "--rounds",
         .kind = WN_OPTION_WHOLE,
         .value = &f->rounds,
         .argument = "N",
         .low = 1,
         .high = 100000,
         .help = "turns of every way (default: 25)"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static bool has_threads_of_its_own(const wn_tape *tape) {
    for (int s = 0; s < wn_tape_step_count(tape); s++) {
        const wn_conv_plan *plan = wn_tape_step(tape, s).plan;
        if (plan && plan->external)
            return true;
    }
    return false;
}

/* With the picks of the database; when one of them is a library with threads of its own, which the naive way
 * could not run, with the default of tapes. */
static wn_status compile(wn_network *network, const wn_session *session, wn_tune_db *db, wn_tape **tape) {
    WN_TRY(wn_network_tape(network, session, db, true, false, tape));
    if (!has_threads_of_its_own(*tape))
        return wn_ok();
    wn_tape_destroy(*tape);
    *tape = NULL;
    printf("some picks bring threads of their own: all layers with the default kernels instead\n");
    return wn_network_tape_with(network, session, NULL, NULL, true, false, tape);
}

static wn_status run(const flags *f, const wn_session *session, const cpu_set_t *allowed, wn_network *network,
                     wn_csv *csv) {
    const char *folder = getenv("TMPDIR");
    wn_bypass bypass = {.fingerprint = session->fingerprint,
                        .isa = session->isa,
                        .pool = session->pool,
                        .allowed = *allowed,
                        .rounds = f->rounds ? (int)f->rounds : DEFAULT_ROUNDS,
                        .folder = folder && folder[0] ? folder : "/tmp"};
    wn_tune_db *db;
    wn_tape *tape = NULL;
    WN_TRY(wn_session_database(session, f->db, false, &db));
    wn_status status = compile(network, session, db, &tape);
    if (!wn_failed(status)) {
        wn_model_initialise(network->model, WN_INIT_XAVIER_UNIFORM, 1);
        wn_bypass_count_step(&bypass.step, network->net->name, network->size, network->batch,
                             network->net->default_channels, tape);
        wn_bench_net_fill(&(wn_bench_net){.tape = bypass.step.tape,
                                          .batch = bypass.step.batch,
                                          .channels = network->net->default_channels,
                                          .size = network->size,
                                          .classes = network->net->default_classes});
        printf("%s, %s, %d threads, %d rounds\n", session->fingerprint, wn_isa_name(session->isa),
               wn_pool_threads(session->pool), bypass.rounds);
        status = wn_bypass_run(&bypass, stdout, csv);
    }
    wn_tape_destroy(tape);
    wn_tune_db_close(db);
    return status;
}

static wn_status bypass(const wn_command *command, int argc, char **argv) {
    flags f = {.rounds = 0};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words > 1)
        return wn_error(WN_ERROR_USAGE, "bypass: found %d networks, expected at most one", words);
    if (words == 0 && !f.network.size)
        f.network.size = DEFAULT_SIZE;
    if (words == 0 && !f.network.batch)
        f.network.batch = DEFAULT_BATCH;
    cpu_set_t allowed;
    if (!wn_cpus_mask(&allowed))
        return wn_error(WN_ERROR_IO, "bypass: the CPUs of this process are not known: %s", strerror(errno));
    wn_network network = {.net = NULL};
    wn_session session = {.pool = NULL};
    wn_csv csv = {.file = NULL};
    wn_status status = wn_network_open(words ? argv[0] : "resnet18", &f.network, &network);
    if (!wn_failed(status))
        status = wn_session_open_for(f.csv, f.isa, f.threads, &session);
    if (!wn_failed(status) && f.csv)
        status = wn_session_csv(&session, f.csv, "bypass", network.net->name, WN_BYPASS_HEADER, &csv);
    if (!wn_failed(status))
        status = run(&f, &session, &allowed, &network, f.csv ? &csv : NULL);
    wn_status closed = wn_csv_close(&csv);
    wn_network_close(&network);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

const wn_command wn_command_bypass = {"bypass", "[NET] [options]",
                                      "what Linux costs a training step, beside the ways around it", details,
                                      bypass};
