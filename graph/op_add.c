/* Addition of two tensors: residual connections. */
#include "lowering.h"

wn_tensor wn_add(wn_graph *graph, wn_tensor a, wn_tensor b) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_ADD}, NULL, (wn_tensor[]){a, b}, 2);
}

static bool same_layout(const wn_graph_tensor *a, const wn_graph_tensor *b) {
    if (a->map_channels != b->map_channels || a->map_height != b->map_height || a->map_width != b->map_width)
        return false;
    for (int c = 0; c < a->map_channels; c++)
        if ((a->physical_of ? a->physical_of[c] : c) != (b->physical_of ? b->physical_of[c] : c))
            return false;
    return true;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the first input */
    const wn_graph_tensor *a = wn_layer_input(graph, layer, 0), *b = wn_layer_input(graph, layer, 1);
    if (a->channels != b->channels || a->height != b->height || a->width != b->width)
        wn_layer_fail(graph, layer, "found %dx%dx%d and %dx%dx%d, expected equal shapes", a->channels,
                      a->height, a->width, b->channels, b->height, b->width);
    else if (!same_layout(a, b))
        wn_layer_fail(graph, layer,
                      "its inputs are stored differently (concatenations whose parts are no multiples "
                      "of 16 channels, or flattened maps); this is not supported");
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_place a = wn_value_place(lowering, layer->inputs[0]), b = wn_value_place(lowering, layer->inputs[1]);
    wn_place y = wn_value_place(lowering, group->output);
    wn_step *step = wn_lower_step(lowering, wn_run_add, 1, layer, "FWD", group->relu ? "add+relu" : "add");
    wn_add_args *args = &step->args.add;
    args->relu = group->relu;
    wn_bind_view(lowering, step, &args->a, layer->inputs[0], a, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->b, layer->inputs[1], b, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, group->output, y, WN_ACCESS_SET);
    step->flops = wn_lower_elements(lowering, group->output);
}

/* The gradient of a sum is that of both summands. */
static void backward(wn_lowering *lowering, wn_group *group) {
    wn_place gradient = wn_gradient_behind_relu(lowering, group);
    wn_gradient_pass(lowering, group->head->inputs[0], gradient, false);
    wn_gradient_pass(lowering, group->head->inputs[1], gradient, false);
}

const wn_layer_kind wn_kind_add = {
    .name = "add", .is_operator = true, .infer = infer, .forward = forward, .backward = backward};
