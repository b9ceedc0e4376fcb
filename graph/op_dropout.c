/* Dropout (Srivastava et al. 2014), inverted: kept values are divided by 1 - p, evaluation changes nothing.
 */
#include "lowering.h"
#include "random.h"

wn_tensor wn_dropout(wn_graph *graph, wn_tensor x, float p) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_DROPOUT, .p = p}, NULL, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the input */
    if (!(layer->p >= 0 && layer->p < 1))
        wn_layer_fail(graph, layer, "found p %g, expected at least 0 and below 1", (double)layer->p);
}

static void run_dropout(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->dropout(&step->args.dropout, tid, nthreads);
}

/* Forward and backward draw the same mask again instead of keeping it. */
static void append(wn_lowering *lowering, const wn_layer *layer, const char *action, int from,
                   wn_place from_place, int to, wn_place to_place, bool accumulate) {
    wn_step *step = wn_lower_step(lowering, run_dropout, 1, layer, action, "dropout");
    wn_dropout_args *args = &step->args.dropout;
    args->p = layer->p;
    args->seed = lowering->tape->options.seed;
    args->stream = WN_STREAM_DROPOUT + ((uint64_t)(layer - lowering->graph->layers) << 8);
    args->step = &lowering->tape->step;
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->x, from, from_place, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, to, to_place, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = 2 * wn_lower_elements(lowering, to);
}

/* In evaluation the output shares the input's memory. */
static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    if (!lowering->tape->options.training)
        return;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    append(lowering, layer, "FWD", layer->inputs[0], x, layer->output, y, false);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool accumulate;
    wn_place dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write_over(lowering, layer->inputs[0], layer->output, &accumulate);
    append(lowering, layer, "BWD", layer->output, dy, layer->inputs[0], dx, accumulate);
}

const wn_layer_kind wn_kind_dropout = {
    .name = "dropout", .infer = infer, .forward = forward, .backward = backward};
