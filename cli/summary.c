/* winnow summary: a network's layers, their sizes, and what they run with. */
#include "cli.h"
#include <string.h>

static const char details[] =
    "Multiply-adds are those of one image, taps on padding counted; the kernels are those of the forward "
    "pass with the batch size given, from the tuning database where it has a pick. "
    "Single blocks (see winnow list) are shown without kernels.";

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

static wn_status summarise(const wn_session *session, wn_network *network, wn_tune_db *db) {
    wn_tape *tape;
    char used[16], naive[16];
    WN_TRY(wn_network_tape(network, session, db, false, &tape));
    printf("%s (%s), input %dx%dx%d, batch %d, %s, %d threads\n", network->net->name, network->net->variant,
           network->net->default_channels, network->size, network->size, network->batch,
           wn_isa_name(session->isa), wn_pool_threads(session->pool));
    print_layers(network, tape);
    printf("inference: %d steps in %s of memory (%s without reuse)\n", wn_tape_step_count(tape),
           wn_bytes_text((double)wn_tape_arena_bytes(tape), used),
           wn_bytes_text((double)wn_tape_naive_bytes(tape), naive));
    wn_tape_destroy(tape);
    return wn_ok();
}

/* A block has no output, so there are no kernels to show. */
static wn_status summarise_block(const wn_net *block, const wn_network_flags *flags) {
    wn_network network;
    WN_TRY(wn_network_build(block, flags, &network));
    printf("%s: %s, input %dx%dx%d, batch %d\n", block->name, block->summary, block->default_channels,
           network.size, network.size, network.batch);
    print_layers(&network, NULL);
    wn_network_close(&network);
    return wn_ok();
}

static wn_status summary(const wn_command *command, int argc, char **argv) {
    const char *isa = NULL, *path = NULL;
    wn_network_flags flags = {0};
    int64_t threads = 0;
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&flags),
        WN_OPTION_THREADS(&threads),
        WN_OPTION_ISA(&isa),
        WN_OPTION_DB(&path),
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "summary: found %d networks, expected one: winnow summary %s", words,
                        command->usage);
    const wn_net *block = flags.variant ? NULL : wn_net_block_find(argv[0]);
    if (block)
        return summarise_block(block, &flags);
    wn_session session;
    wn_tune_db *db = NULL;
    wn_network network = {.net = NULL};
    WN_TRY(wn_session_open(isa, threads, &session));
    wn_status status = wn_session_database(&session, path, false, &db);
    if (!wn_failed(status))
        status = wn_network_open(argv[0], &flags, &network);
    if (!wn_failed(status))
        status = summarise(&session, &network, db);
    wn_network_close(&network);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return status;
}

const wn_command wn_command_summary = {"summary", "NET [options]",
                                       "layers of a network: shapes, parameters, multiply-adds, kernels",
                                       details, summary};
