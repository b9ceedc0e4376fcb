/* Functions of single elements: ReLU and sigmoid. A ReLU behind a convolution, a batch norm or an addition is
 * usually part of that layer's step and does not come here. */
#include "graph_internal.h"

wn_tensor wn_relu(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_RELU}, NULL, &x, 1);
}

wn_tensor wn_sigmoid(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_SIGMOID}, NULL, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)graph, (void)layer, (void)output; /* as the input */
}

const wn_layer_kind wn_kind_relu = {.name = "relu", .infer = infer};
const wn_layer_kind wn_kind_sigmoid = {.name = "sigmoid", .infer = infer};
