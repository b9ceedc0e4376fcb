/* The distinct convolutions of a network, as shapes prints and benchmarks compare them. */
#include "cli.h"
#include <stdlib.h>

/* Collects the distinct problems and how many layers have each; returns how many there are. */
static int collect(const wn_network *network, wn_problem *problems, int *times) {
    int count = 0;
    for (int i = 0; i < wn_graph_layer_count(network->graph); i++) {
        wn_problem problem;
        if (!wn_graph_layer_problem(network->graph, i, network->batch, &problem))
            continue;
        int known = 0;
        while (known < count && !wn_problem_equal(&problems[known], &problem))
            known++;
        if (known == count)
            problems[count++] = problem;
        times[known]++;
    }
    return count;
}

wn_status wn_network_problems(const wn_network *network, wn_problem **problems, int *count) {
    size_t layers = (size_t)wn_graph_layer_count(network->graph);
    wn_problem *found = calloc(layers, sizeof *found);
    int *times = calloc(layers, sizeof *times);
    *problems = NULL;
    if (!found || !times) {
        free(found);
        free(times);
        return wn_error(WN_ERROR_MEMORY, "no memory for the problems of %s", network->net->name);
    }
    *count = collect(network, found, times);
    for (int i = 0; i < *count; i++) {
        char layer[sizeof found->name];
        snprintf(layer, sizeof layer, "%s", found[i].name);
        snprintf(found[i].name, sizeof found[i].name, "%.14s:%.44s*%d", network->net->name, layer, times[i]);
    }
    free(times);
    *problems = found;
    return wn_ok();
}
