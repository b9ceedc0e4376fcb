/* Small random networks for checks: every kind of layer, additions, concatenations with holes, tensors with
 * several readers. A pure function of the seed. */
#ifndef WN_RANDOM_GRAPH_H
#define WN_RANDOM_GRAPH_H

#include <stdint.h>
#include <winnow/graph.h>
#include <winnow/model.h>

typedef struct random_graph_options {
    int classes;
    bool smooth; /* no maximum pools and no ReLU: finite differences work */
} random_graph_options;

/* The caller destroys it; NULL when out of memory. Its status is OK unless the builder is at fault. */
wn_graph *random_graph(uint64_t seed, random_graph_options options);

/* Input in [-1, 1) and labels for a tape of such a network. */
void random_batch(const wn_graph *graph, wn_tape *tape, int batch, int classes, uint64_t seed);

#endif
