/* Flatten: the same memory seen as features. Nothing moves; a linear layer behind it orders its weights. */
#include "lowering.h"

wn_tensor wn_flatten(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_FLATTEN}, NULL, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    long features = (long)input->channels * input->height * input->width;
    if (features > 1 << 30) {
        wn_layer_fail(graph, layer, "%ld features are too many (at most 2^30)", features);
        return;
    }
    output->channels = (int)features;
    output->height = output->width = 1;
}

/* The output's values and gradients are the root's. */
static void no_steps(wn_lowering *lowering, wn_group *group) {
    (void)lowering, (void)group;
}

const wn_layer_kind wn_kind_flatten = {
    .name = "flatten", .infer = infer, .forward = no_steps, .backward = no_steps};
