/* Batch normalisation (Ioffe & Szegedy 2015), with the ReLU and the addition that follow it fused in. */
#include "graph_internal.h"

wn_tensor wn_batch_norm_with(wn_graph *graph, wn_tensor x, wn_layer_options options) {
    wn_layer layer = {.kind = WN_KIND_BATCH_NORM,
                      .eps = options.eps != 0 ? options.eps : 1e-5F,
                      .momentum = options.momentum != 0 ? options.momentum : 0.1F};
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the input */
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (!(layer->eps > 0) || !(layer->momentum > 0 && layer->momentum <= 1)) {
        wn_layer_fail(graph, layer, "found eps %g and momentum %g, expected eps > 0 and momentum in (0, 1]",
                      (double)layer->eps, (double)layer->momentum);
        return;
    }
    int64_t shape[4] = {wn_layer_input(graph, layer, 0)->channels};
    wn_layer_parameter(graph, layer, WN_ROLE_WEIGHT, true, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_BIAS, true, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_RUNNING_MEAN, false, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_RUNNING_VAR, false, 1, shape);
}

const wn_layer_kind wn_kind_batch_norm = {.name = "batch_norm", .infer = infer};
