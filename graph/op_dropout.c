/* Dropout (Srivastava et al. 2014), inverted: kept values are divided by 1 - p, evaluation changes nothing.
 */
#include "graph_internal.h"

wn_tensor wn_dropout(wn_graph *graph, wn_tensor x, float p) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_DROPOUT, .p = p}, NULL, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the input */
    if (!(layer->p >= 0 && layer->p < 1))
        wn_layer_fail(graph, layer, "found p %g, expected at least 0 and below 1", (double)layer->p);
}

const wn_layer_kind wn_kind_dropout = {.name = "dropout", .infer = infer};
