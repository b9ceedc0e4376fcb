/* The end of a training step: updates of the parameters; and what may stand before them when they wait for
 * all gradients, the sums over several batches and the norm over all parameters, and behind them, the
 * average. */
#include "lowering.h"
#include "pool.h"

#include <math.h>

/* Whether this step of the tape ends with new parameters: not while gradients are gathered, and not when the
 * loss says that they are lost. */
static bool goes_on(const wn_step *step) {
    return !step->args.update.hyper->hold && isfinite(*step->args.update.loss);
}

static void run_update(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    for (int i = 0; i < step->args.update.count && goes_on(step); i++)
        step->args.update.kernel(&step->args.update.of[i], tid, nthreads);
}

/* The same without regard to the loss: sums of gradients. */
static void run_gather(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    for (int i = 0; i < step->args.update.count; i++)
        step->args.update.kernel(&step->args.update.of[i], tid, nthreads);
}

/* The last phase of the norm's steps: one thread adds up what all of them left. */
static void run_norm(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase, (void)nthreads;
    wn_hyper *hyper = step->args.norm.hyper;
    if (tid != 0 || hyper->hold)
        return;
    double sum = 0;
    for (int64_t i = 0; i < step->args.norm.count; i++)
        sum += step->args.norm.squares[i];
    hyper->norm = sqrt(sum);
    double factor = (double)hyper->clip_norm / (hyper->norm + 1e-6); /* as PyTorch's clip_grad_norm_ */
    hyper->gradient_factor = hyper->clip_norm > 0 && factor < 1 ? (float)factor : 1;
}

/* Operations a weight, without a momentum buffer and with it. */
typedef struct update_kind {
    const char *name;
    wn_update_kernel *kernel;
    int flops[2];
} update_kind;

static update_kind kind_of(const wn_lowering *lowering) {
    const update_kind kinds[] = {
        [WN_OPTIMIZER_SGD] = {"sgd", lowering->ops->sgd, {4, 6}},
        [WN_OPTIMIZER_ADAM] = {"adam", lowering->ops->adam, {12, 12}},
        [WN_OPTIMIZER_RMSPROP] = {"rmsprop", lowering->ops->rmsprop, {10, 12}},
    };
    return kinds[lowering->tape->options.optimizer];
}

static void bind_beside(wn_lowering *lowering, wn_step *step, float **slot, const wn_arena *arena,
                        int parameter, wn_access access) {
    char *address = (char *)arena->base + lowering->tape->model->offsets[parameter];
    int buffer = wn_lower_fixed_buffer(lowering, address, (int64_t)lowering->tape->buffers[parameter].bytes);
    wn_bind_buffer(lowering, step, slot, buffer, access);
}

/* A step over the layer's learned parameters that have gradients. */
static wn_step *begin_step(wn_lowering *lowering, wn_step_run *run, const wn_layer *layer, const char *action,
                           const char *name, wn_update_kernel *kernel) {
    wn_step *step = wn_lower_step(lowering, run, 1, layer, action, name);
    step->args.update.kernel = kernel;
    step->args.update.hyper = &lowering->tape->hyper;
    step->args.update.loss = &lowering->tape->loss;
    return step;
}

/* Its arguments for the next one of them, `parameter`. */
static wn_update_args *next_args(const wn_lowering *lowering, wn_step *step, int parameter) {
    wn_update_args *args = &step->args.update.of[step->args.update.count++];
    args->count = (int64_t)(lowering->tape->buffers[parameter].bytes / sizeof(float));
    args->hyper = &lowering->tape->hyper;
    return args;
}

static bool waits(const wn_tape *tape) {
    return tape->options.clip_gradients || tape->options.accumulate_gradients;
}

static void bind_gradient(wn_lowering *lowering, wn_step *step, wn_update_args *args, int parameter) {
    wn_tape *tape = lowering->tape;
    if (tape->options.accumulate_gradients)
        bind_beside(lowering, step, (float **)&args->gradient, &tape->model->gathered, parameter,
                    WN_ACCESS_READ);
    else
        wn_bind_buffer(lowering, step, &args->gradient, tape->gradients[parameter], WN_ACCESS_READ);
}

static void append_update(wn_lowering *lowering, const wn_layer *layer) {
    wn_tape *tape = lowering->tape;
    update_kind kind = kind_of(lowering);
    bool moments[2];
    wn_tape_moments(&tape->options, moments);
    wn_step *step = begin_step(lowering, run_update, layer, "UPDATE", kind.name, kind.kernel);
    for (int p = layer->first_parameter; p < layer->first_parameter + layer->parameter_count; p++) {
        if (!lowering->graph->parameters[p].learned)
            continue;
        wn_update_args *args = next_args(lowering, step, p);
        wn_bind_buffer(lowering, step, &args->weights, p, WN_ACCESS_ADD);
        bind_gradient(lowering, step, args, p);
        if (moments[0])
            bind_beside(lowering, step, &args->moment1, &tape->model->moments[0], p, WN_ACCESS_ADD);
        if (moments[1])
            bind_beside(lowering, step, &args->moment2, &tape->model->moments[1], p, WN_ACCESS_ADD);
        step->flops += kind.flops[moments[0]] * (double)lowering->graph->parameters[p].count;
    }
}

/* The gradients join those of the batches before. */
static void append_gather(wn_lowering *lowering, const wn_layer *layer) {
    wn_tape *tape = lowering->tape;
    wn_step *step =
        begin_step(lowering, run_gather, layer, "GATHER", "gradient sums", lowering->ops->gather_gradient);
    for (int p = layer->first_parameter; p < layer->first_parameter + layer->parameter_count; p++) {
        if (!lowering->graph->parameters[p].learned)
            continue;
        wn_update_args *args = next_args(lowering, step, p);
        bind_beside(lowering, step, &args->weights, &tape->model->gathered, p, WN_ACCESS_ADD);
        wn_bind_buffer(lowering, step, &args->gradient, tape->gradients[p], WN_ACCESS_READ);
        step->flops += 2 * (double)lowering->graph->parameters[p].count;
    }
}

/* Squares of the layer's gradients, summed by pieces of one size whatever the threads, from `first` on. */
static void append_squares(wn_lowering *lowering, const wn_layer *layer, int squares, int64_t *first) {
    wn_step *step =
        begin_step(lowering, run_update, layer, "SQUARES", "gradient norm", lowering->ops->gradient_squares);
    for (int p = layer->first_parameter; p < layer->first_parameter + layer->parameter_count; p++) {
        if (!lowering->graph->parameters[p].learned)
            continue;
        wn_update_args *args = next_args(lowering, step, p);
        args->first_square = *first;
        *first += wn_gradient_pieces(args->count);
        bind_gradient(lowering, step, args, p);
        wn_bind_buffer(lowering, step, &args->squares, squares, WN_ACCESS_ADD);
        step->flops += 2 * (double)lowering->graph->parameters[p].count;
    }
}

static bool has_gradients(const wn_lowering *lowering, const wn_layer *layer) {
    bool any = false;
    for (int p = layer->first_parameter; p < layer->first_parameter + layer->parameter_count; p++)
        any |= lowering->tape->gradients[p] >= 0;
    return any;
}

/* All layers with gradients, in the order in which they came. */
static void for_each_layer(wn_lowering *lowering, void (*append)(wn_lowering *, const wn_layer *)) {
    for (int i = lowering->graph->layer_count - 1; i >= 0 && !wn_failed(lowering->status); i--)
        if (has_gradients(lowering, &lowering->graph->layers[i]))
            append(lowering, &lowering->graph->layers[i]);
}

static void append_norm(wn_lowering *lowering) {
    const wn_graph *graph = lowering->graph;
    int64_t pieces = 0, first = 0;
    for (int p = 0; p < graph->parameter_count; p++)
        pieces += wn_gradient_pieces((int64_t)(lowering->tape->buffers[p].bytes / sizeof(float)));
    int squares = wn_lower_buffer(lowering, wn_lower_bytes(lowering, 2, pieces)); /* doubles */
    for (int i = graph->layer_count - 1; i >= 0 && !wn_failed(lowering->status); i--)
        if (has_gradients(lowering, &graph->layers[i]))
            append_squares(lowering, &graph->layers[i], squares, &first);
    wn_step *step = wn_lower_step(lowering, run_norm, 1, NULL, "NORM", "gradient norm");
    step->args.norm.hyper = &lowering->tape->hyper;
    step->args.norm.count = first;
    wn_bind_buffer(lowering, step, &step->args.norm.squares, squares, WN_ACCESS_READ);
}

/* One step over all parameters and running statistics, which lie in one block. */
static void append_average(wn_lowering *lowering) {
    const wn_model *model = lowering->tape->model;
    int64_t bytes = (int64_t)model->offsets[lowering->graph->parameter_count];
    wn_step *step =
        begin_step(lowering, run_update, NULL, "AVERAGE", "average", lowering->ops->average_weights);
    wn_update_args *args = &step->args.update.of[step->args.update.count++];
    args->count = bytes / (int64_t)sizeof(float);
    args->hyper = &lowering->tape->hyper;
    wn_bind_buffer(lowering, step, &args->weights,
                   wn_lower_fixed_buffer(lowering, model->average.base, bytes), WN_ACCESS_ADD);
    wn_bind_buffer(lowering, step, &args->gradient,
                   wn_lower_fixed_buffer(lowering, model->values.base, bytes), WN_ACCESS_READ);
    step->flops = 3 * (double)args->count;
}

void wn_lower_update(wn_lowering *lowering, const wn_layer *layer) {
    if (!waits(lowering->tape))
        append_update(lowering, layer);
}

void wn_lower_late_updates(wn_lowering *lowering) {
    wn_tape *tape = lowering->tape;
    if (tape->options.accumulate_gradients)
        for_each_layer(lowering, append_gather);
    if (tape->options.clip_gradients)
        append_norm(lowering);
    if (waits(tape))
        for_each_layer(lowering, append_update);
    if (tape->options.average_weights)
        append_average(lowering);
}
