/* Functions of single elements: ReLU, sigmoid and tanh. A ReLU behind a convolution, a batch norm or an
 * addition is usually part of that layer's step and does not come here. */
#include "lowering.h"
#include <stdlib.h>

wn_tensor wn_relu(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_RELU}, NULL, &x, 1);
}

wn_tensor wn_sigmoid(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_SIGMOID}, NULL, &x, 1);
}

wn_tensor wn_tanh(wn_graph *graph, wn_tensor x) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_TANH}, NULL, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)graph, (void)layer, (void)output; /* as the input */
}

/* Steps of one function; the phase means nothing to them. */
#define RUN(name)                                                                                            \
    static void run_##name(const wn_step *step, int phase, int tid, int nthreads) {                          \
        (void)phase;                                                                                         \
        step->ops->name(&step->args.unary, tid, nthreads);                                                   \
    }
RUN(relu_forward)
RUN(relu_backward)
RUN(sigmoid_forward)
RUN(sigmoid_backward)
RUN(tanh_forward)
RUN(tanh_backward)

typedef struct function {
    wn_step_run *forward, *backward;
    double forward_flops, backward_flops; /* of one element */
} function;

static function function_of(wn_kind kind) {
    switch (kind) {
    case WN_KIND_SIGMOID:
        return (function){run_sigmoid_forward, run_sigmoid_backward, 10, 3};
    case WN_KIND_TANH:
        return (function){run_tanh_forward, run_tanh_backward, 20, 4};
    default:
        return (function){run_relu_forward, run_relu_backward, 1, 1};
    }
}

/* 1 for lanes that hold a channel, 0 for padding: sigmoid(0) is not 0. The tape owns it. */
static int lane_mask_buffer(wn_lowering *lowering, int tensor) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[tensor];
    wn_tape *tape = lowering->tape;
    int64_t bytes = (int64_t)wn_blocks(shape->physical) * WN_BLOCK * (int64_t)sizeof(float);
    float **masks = realloc(tape->lane_masks, ((size_t)tape->lane_mask_count + 1) * sizeof *masks);
    if (masks)
        tape->lane_masks = masks;
    float *mask = masks ? wn_calloc64((size_t)bytes) : NULL;
    if (!mask) {
        wn_lower_fail(lowering, wn_error(WN_ERROR_MEMORY, "out of memory while compiling the network"));
        return 0;
    }
    masks[tape->lane_mask_count++] = mask;
    for (int c = 0; c < shape->map_channels; c++)
        mask[shape->physical_of ? shape->physical_of[c] : c] = 1;
    return wn_lower_fixed_buffer(lowering, mask, bytes);
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    const function f = function_of(layer->kind);
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    wn_step *step = wn_lower_step(lowering, f.forward, 1, layer, "FWD", wn_layer_kind_of(layer->kind)->name);
    wn_unary_args *args = &step->args.unary;
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, layer->output, y, WN_ACCESS_SET);
    step->flops = f.forward_flops * wn_lower_elements(lowering, layer->output);
    if (layer->kind == WN_KIND_SIGMOID)
        wn_bind_buffer(lowering, step, &args->lane_mask, lane_mask_buffer(lowering, layer->output),
                       WN_ACCESS_READ);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    const function f = function_of(layer->kind);
    bool accumulate;
    if (layer->kind == WN_KIND_RELU && wn_gradient_is_masked(lowering, layer->output)) {
        wn_gradient_pass(lowering, layer->inputs[0], wn_gradient_of(lowering, layer->output), false);
        return;
    }
    wn_place y = wn_value_place(lowering, layer->output), dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write_over(lowering, layer->inputs[0], layer->output, &accumulate);
    wn_step *step = wn_lower_step(lowering, f.backward, 1, layer, "BWD", wn_layer_kind_of(layer->kind)->name);
    wn_unary_args *args = &step->args.unary;
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->y, layer->output, y, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dy, layer->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, layer->inputs[0], dx, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = f.backward_flops * wn_lower_elements(lowering, layer->output);
}

const wn_layer_kind wn_kind_relu = {.name = "relu", .infer = infer, .forward = forward, .backward = backward};
const wn_layer_kind wn_kind_sigmoid = {
    .name = "sigmoid", .infer = infer, .forward = forward, .backward = backward};
const wn_layer_kind wn_kind_tanh = {.name = "tanh", .infer = infer, .forward = forward, .backward = backward};
