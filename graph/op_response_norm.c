/* Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3). */
#include "lowering.h"

wn_tensor wn_local_response_norm_with(wn_graph *graph, wn_tensor x, wn_response_norm_options options) {
    wn_layer layer = {.kind = WN_KIND_LOCAL_RESPONSE_NORM,
                      .window = options.size ? options.size : 5,
                      .alpha = options.alpha != 0 ? options.alpha : 1e-4F,
                      .k = options.k != 0 ? options.k : 1};
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the input */
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (layer->window < 1 || layer->window > WN_RESPONSE_NORM_MOST || layer->window % 2 == 0)
        wn_layer_fail(graph, layer, "found %d channels as its size, expected an odd number from 1 to %d",
                      layer->window, WN_RESPONSE_NORM_MOST);
    else if (!(layer->alpha > 0) || !(layer->k > 0))
        wn_layer_fail(graph, layer, "found alpha %g and k %g, expected both above 0", (double)layer->alpha,
                      (double)layer->k);
    else if (wn_layer_input(graph, layer, 0)->physical_of)
        wn_layer_fail(graph, layer,
                      "a concatenation whose parts are no multiples of 16 channels is not supported");
}

static void run_forward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->response_norm_forward(&step->args.response_norm, tid, nthreads);
}

static void run_backward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->response_norm_backward(&step->args.response_norm, tid, nthreads);
}

static void set_options(wn_response_norm_args *args, const wn_layer *layer) {
    args->size = layer->window;
    args->alpha = layer->alpha;
    args->k = layer->k;
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    wn_step *step = wn_lower_step(lowering, run_forward, 1, layer, "FWD", "local_response_norm");
    wn_response_norm_args *args = &step->args.response_norm;
    set_options(args, layer);
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, layer->output, y, WN_ACCESS_SET);
    step->flops = (layer->window + 6) * wn_lower_elements(lowering, layer->output);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool accumulate;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write(lowering, layer->inputs[0], &accumulate);
    wn_step *step = wn_lower_step(lowering, run_backward, 1, layer, "BWD", "local_response_norm");
    wn_response_norm_args *args = &step->args.response_norm;
    set_options(args, layer);
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dy, layer->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, layer->inputs[0], dx, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = (2 * layer->window + 12) * wn_lower_elements(lowering, layer->output);
}

const wn_layer_kind wn_kind_local_response_norm = {
    .name = "local_response_norm", .infer = infer, .forward = forward, .backward = backward};
