/* winnow shapes: the convolutions of a network as problems that winnow bench and benchdnn read. */
#include "cli.h"
#include <stdlib.h>

static const char details[] = "One line for every distinct convolution, in the order of the network; its "
                              "name is that of the first layer\n"
                              "that has it, with the number of layers behind a star. Channels are those of "
                              "the layers, without padding.\n"
                              "Read them back with: winnow bench --batch FILE";

typedef struct shape {
    wn_problem problem;
    int times;
} shape;

/* Distinct problems among the layers; returns how many. */
static int collect(const wn_network *network, shape *shapes) {
    int count = 0;
    for (int i = 0; i < wn_graph_layer_count(network->graph); i++) {
        wn_problem problem;
        if (!wn_graph_layer_problem(network->graph, i, network->batch, &problem))
            continue;
        int known = 0;
        while (known < count && !wn_problem_equal(&shapes[known].problem, &problem))
            known++;
        if (known == count)
            shapes[count++] = (shape){.problem = problem};
        shapes[known].times++;
    }
    return count;
}

static wn_status print(const wn_network *network) {
    shape *shapes = calloc((size_t)wn_graph_layer_count(network->graph), sizeof *shapes);
    if (!shapes)
        return wn_error(WN_ERROR_MEMORY, "shapes: no memory for the problems of %s", network->net->name);
    int count = collect(network, shapes);
    for (int i = 0; i < count; i++) {
        char layer[sizeof shapes->problem.name], text[512];
        wn_problem *problem = &shapes[i].problem;
        snprintf(layer, sizeof layer, "%s", problem->name);
        snprintf(problem->name, sizeof problem->name, "%.20s:%.30s*%d", network->net->name, layer,
                 shapes[i].times);
        wn_problem_format(problem, text, sizeof text);
        puts(text);
    }
    free(shapes);
    return wn_ok();
}

static wn_status shapes(const wn_command *command, int argc, char **argv) {
    wn_network_flags flags = {0};
    const wn_option options[] = {WN_OPTIONS_NETWORK(&flags)};
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "shapes: found %d networks, expected one: winnow shapes %s", words,
                        command->usage);
    wn_network network;
    WN_TRY(wn_network_open(argv[0], &flags, &network));
    wn_status status = print(&network);
    wn_network_close(&network);
    return status;
}

const wn_command wn_command_shapes = {
    "shapes", "NET [options]", "convolutions of a network as problems for winnow bench", details, shapes};
