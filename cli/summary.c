/* winnow summary: a network's layers, their sizes, and what they run with. */
#include "cli.h"
#include <string.h>

static const char details[] =
    "Multiply-adds are those of one image, taps on padding counted; the kernels are those of the forward "
    "pass with the batch size given, from the tuning database where it has a pick.\n"
    "Single blocks (see winnow list) are shown without kernels.\n"
    "--memory compares the memory planned for a step with the bytes alive in its fullest moment, below "
    "which\n"
    "no plan can go, and with what the buffers take when none is used twice.\n"
    "--tape lists the steps with their operations and the bytes they move, and the sum of these beside the\n"
    "least that a tape of the network must move (docs/compiler.md).";

typedef struct flags {
    const char *isa, *db;
    wn_network_flags network;
    int64_t threads;
    int mode;
    bool memory, tape;
} flags;

enum { MODE_BOTH, MODE_TRAINING, MODE_INFERENCE };
static const char *const modes[] = {"both", "training", "inference", NULL};

/* The kernel of the forward step of a layer, "" when it has none (flatten, or fused into another). */
static const char *kernel_of(const wn_tape *tape, const char *layer) {
    size_t length = strlen(layer);
    if (!tape)
        return "";
    for (int i = 0; i < wn_tape_step_count(tape); i++) {
        wn_step_info step = wn_tape_step(tape, i);
        if (strncmp(step.label, layer, length) == 0 && (step.label[length] == ' ' || !step.label[length]))
            return step.kernel;
    }
    return "";
}

static void print_layers(const wn_network *network, const wn_tape *tape) {
    wn_network_totals total = wn_network_count(network);
    printf("%-26s %-21s %16s %12s %10s  %s\n", "layer", "kind", "output", "parameters", "MMAC", "kernel");
    for (int i = 0; i < wn_graph_layer_count(network->graph); i++) {
        wn_layer_info layer = wn_graph_layer(network->graph, i);
        char shape[48];
        snprintf(shape, sizeof shape, "%dx%dx%d", layer.channels, layer.height, layer.width);
        printf("%-26s %-21s %16s %12lld %10.2f  %s\n", layer.name, layer.kind, shape,
               (long long)layer.parameters, layer.multiply_adds * 1e-6, kernel_of(tape, layer.name));
    }
    printf("%-26s %-21s %16s %12s %10.2f\n", "convolutions", "", "", "", total.convolutions * 1e-6);
    printf("%-26s %-21s %16s %12lld %10.2f\n", "total", "", "", (long long)total.parameters,
           total.multiply_adds * 1e-6);
}

static void print_memory(const wn_tape *tape, const char *mode) {
    char planned[16], bound[16], naive[16];
    double ratio = (double)wn_tape_planned_bytes(tape) / (double)wn_tape_bound_bytes(tape);
    printf("%-10s %12s %12s %7.3f %14s\n", mode, wn_bytes_text((double)wn_tape_planned_bytes(tape), planned),
           wn_bytes_text((double)wn_tape_bound_bytes(tape), bound), ratio,
           wn_bytes_text((double)wn_tape_naive_bytes(tape), naive));
}

static void print_tape(const wn_tape *tape, const char *mode) {
    double flops = 0, bytes = 0, minimum = wn_tape_minimum_bytes(tape);
    printf("\n%-44s %10s %10s  %s\n", mode, "MFLOP", "MB", "kernel");
    for (int i = 0; i < wn_tape_step_count(tape); i++) {
        wn_step_info step = wn_tape_step(tape, i);
        printf("%-44s %10.2f %10.2f  %s\n", step.label, step.flops * 1e-6, step.bytes * 1e-6, step.kernel);
        flops += step.flops;
        bytes += step.bytes;
    }
    printf("%-44s %10.2f %10.2f  least %.2f MB, ratio %.3f\n", "total", flops * 1e-6, bytes * 1e-6,
           minimum * 1e-6, bytes / minimum);
}

/* Of one mode's tape what the flags ask for. */
static wn_status print_mode(const flags *f, const wn_session *session, wn_network *network, wn_tune_db *db,
                            int mode) {
    if (f->mode != MODE_BOTH && f->mode != mode)
        return wn_ok();
    wn_tape *tape;
    WN_TRY(wn_network_tape(network, session, db, mode == MODE_TRAINING, true, &tape));
    if (f->tape)
        print_tape(tape, modes[mode]);
    else
        print_memory(tape, modes[mode]);
    wn_tape_destroy(tape);
    return wn_ok();
}

/* A block has no output, so there are no kernels to show. */
static wn_status summarise_block(const wn_net *block, const wn_network_flags *how) {
    wn_network network;
    WN_TRY(wn_network_build(block, how, &network));
    printf("%s: %s, input %dx%dx%d, batch %d\n", block->name, block->summary, block->default_channels,
           network.size, network.size, network.batch);
    print_layers(&network, NULL);
    wn_network_close(&network);
    return wn_ok();
}

static wn_status summarise(const flags *f, const wn_session *session, wn_network *network, wn_tune_db *db) {
    wn_tape *tape;
    char used[16], naive[16];
    WN_TRY(wn_network_tape(network, session, db, false, true, &tape));
    printf("%s (%s), input %dx%dx%d, batch %d, %s, %d threads\n", network->net->name, network->net->variant,
           network->net->default_channels, network->size, network->size, network->batch,
           wn_isa_name(session->isa), wn_pool_threads(session->pool));
    if (!f->memory && !f->tape) {
        print_layers(network, tape);
        printf("inference: %d steps in %s of memory (%s without reuse)\n", wn_tape_step_count(tape),
               wn_bytes_text((double)wn_tape_planned_bytes(tape), used),
               wn_bytes_text((double)wn_tape_naive_bytes(tape), naive));
    }
    wn_tape_destroy(tape);
    if (f->memory) {
        flags memory = *f;
        memory.tape = false;
        printf("%-10s %12s %12s %7s %14s\n", "memory", "planned", "lower bound", "ratio", "without reuse");
        WN_TRY(print_mode(&memory, session, network, db, MODE_TRAINING));
        WN_TRY(print_mode(&memory, session, network, db, MODE_INFERENCE));
    }
    if (f->tape) {
        WN_TRY(print_mode(f, session, network, db, MODE_TRAINING));
        WN_TRY(print_mode(f, session, network, db, MODE_INFERENCE));
    }
    return wn_ok();
}

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        {.name = "--memory",
         .kind = WN_OPTION_SWITCH,
         .value = &f->memory,
         .help = "the memory of a step in place of the layers"},
        {.name = "--tape",
         .kind = WN_OPTION_SWITCH,
         .value = &f->tape,
         .help = "the steps with operations and bytes in place of the layers"},
        {.name = "--mode",
         .kind = WN_OPTION_CHOICE,
         .value = &f->mode,
         .argument = "both|training|inference",
         .choices = modes,
         .help = "of --memory and --tape (default: both)"},
        WN_OPTION_NO_FUSE(&f->network.no_fuse),
        WN_OPTION_PICKS(&f->network.picks),
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static wn_status summary(const wn_command *command, int argc, char **argv) {
    flags f = {0};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "summary: found %d networks, expected one: winnow summary %s", words,
                        command->usage);
    const wn_net *block = f.network.variant ? NULL : wn_net_block_find(argv[0]);
    if (block)
        return summarise_block(block, &f.network);
    wn_session session;
    wn_tune_db *db = NULL;
    wn_network network = {.net = NULL};
    WN_TRY(wn_session_open(f.isa, f.threads, &session));
    wn_status status = wn_session_database(&session, f.db, false, &db);
    if (!wn_failed(status))
        status = wn_network_open(argv[0], &f.network, &network);
    if (!wn_failed(status))
        status = summarise(&f, &session, &network, db);
    wn_network_close(&network);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return status;
}

const wn_command wn_command_summary = {"summary", "NET [options]",
                                       "layers of a network: shapes, parameters, multiply-adds, kernels",
                                       details, summary};
