/* What inference makes of constant parameters: batch norm folded into the convolution before it, and weights
 * turned once into what the convolution's implementation wants. Both are steps that run when parameters were
 * set, before all others, and write buffers that last. Also here: the addition behind a convolution, in the
 * memory of what is added. */
#include "lowering.h"
#include "pool.h"
#include <math.h>
#include <stdlib.h>

/* What y = scale (x - mean) / sqrt(var + eps) + shift multiplies a channel with. */
static float factor_of(const wn_fold_args *args, long channel) {
    return (float)((double)args->scale[channel] /
                   sqrt((double)args->running_var[channel] + (double)args->eps));
}

static void run_fold(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    const wn_fold_args *args = &step->args.fold;
    long begin, end;
    wn_split(args->blocks, tid, nthreads, &begin, &end);
    for (long channel = begin * WN_BLOCK; channel < end * WN_BLOCK; channel++) {
        float bias = args->bias ? args->bias[channel] : 0;
        args->folded_bias[channel] =
            (float)((double)(bias - args->running_mean[channel]) * (double)factor_of(args, channel) +
                    (double)args->shift[channel]);
    }
    for (long block = begin; block < end; block++) {
        float factor[WN_BLOCK];
        for (int lane = 0; lane < WN_BLOCK; lane++)
            factor[lane] = factor_of(args, block * WN_BLOCK + lane);
        const float *from = args->weights + block * args->block_floats;
        float *to = args->folded_weights + block * args->block_floats;
        for (int64_t i = 0; i < args->block_floats; i += WN_BLOCK)
            for (int lane = 0; lane < WN_BLOCK; lane++)
                to[i + lane] = from[i + lane] * factor[lane];
    }
}

void wn_lower_fold(wn_lowering *lowering, const wn_group *group, int *weights, int *bias) {
    const wn_layer *layer = group->head;
    const wn_buffer *buffers = lowering->tape->buffers;
    int norm = group->norm->first_parameter;
    int64_t weight_bytes = (int64_t)buffers[*weights].bytes, bias_bytes = (int64_t)buffers[norm].bytes;
    int folded_weights = wn_lower_buffer(lowering, weight_bytes);
    int folded_bias = wn_lower_buffer(lowering, bias_bytes);
    wn_step *step = wn_lower_step(lowering, run_fold, 1, layer, "FOLD", "batch_norm");
    wn_fold_args *args = &step->args.fold;
    step->preparation = true;
    args->eps = group->norm->eps;
    args->blocks = wn_blocks(layer->out_channels);
    args->block_floats = weight_bytes / (int64_t)sizeof(float) / args->blocks;
    wn_bind_buffer(lowering, step, &args->weights, *weights, WN_ACCESS_READ);
    if (*bias >= 0)
        wn_bind_buffer(lowering, step, &args->bias, *bias, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->scale, norm, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->shift, norm + 1, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->running_mean, norm + 2, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->running_var, norm + 3, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->folded_weights, folded_weights, WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->folded_bias, folded_bias, WN_ACCESS_SET);
    *weights = folded_weights;
    *bias = folded_bias;
}

static void run_prepare(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    const wn_conv_plan *plan = &step->args.conv.plan;
    plan->impl->prepare(plan, step->args.conv.state, &step->args.conv.args, tid, nthreads);
}

int wn_lower_prepare(wn_lowering *lowering, const wn_layer *layer, const wn_conv_plan *plan, int weights) {
    int prepared = wn_lower_buffer(lowering, (int64_t)plan->prepared_bytes);
    wn_step *step = wn_lower_step(lowering, run_prepare, 1, layer, "PREPARE", plan->impl->name);
    step->preparation = true;
    step->external = plan->external;
    step->args.conv.plan = *plan;
    step->prepared = prepared;
    wn_bind_buffer(lowering, step, &step->args.conv.args.weights, weights, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &step->args.conv.args.prepared, prepared, WN_ACCESS_SET);
    if (plan->workspace_bytes)
        wn_bind_buffer(lowering, step, &step->args.conv.args.workspace,
                       wn_lower_buffer(lowering, (int64_t)plan->workspace_bytes), WN_ACCESS_SCRATCH);
    return prepared;
}

/* Marks the buffers that preparations write, then keeps those of them that other steps read. */
static void keep_prepared(wn_tape *tape, bool *written) {
    for (int s = 0; s < tape->step_count; s++) {
        const wn_step *step = &tape->steps[s];
        for (int i = 0; i < step->operand_count; i++) {
            int buffer = step->operands[i].buffer;
            if (step->preparation && step->operands[i].access == WN_ACCESS_SET)
                written[buffer] = true;
            else if (!step->preparation && written[buffer])
                tape->buffers[buffer].lasting = true;
        }
    }
}

void wn_lower_put_preparations_first(wn_lowering *lowering) {
    wn_tape *tape = lowering->tape;
    wn_step *sorted = calloc((size_t)tape->step_count + 1, sizeof *sorted);
    bool *written = calloc((size_t)tape->buffer_count + 1, sizeof *written);
    if (wn_failed(lowering->status) || !sorted || !written) {
        wn_lower_fail(lowering, wn_error(WN_ERROR_MEMORY, "out of memory while compiling the network"));
        free(sorted);
        free(written);
        return;
    }
    keep_prepared(tape, written);
    int count = 0;
    for (int wanted = 1; wanted >= 0; wanted--) {
        for (int s = 0; s < tape->step_count; s++)
            if (tape->steps[s].preparation == (wanted == 1))
                sorted[count++] = tape->steps[s];
        if (wanted)
            tape->preparations = count;
    }
    free(written);
    free(tape->steps);
    tape->steps = sorted;
}

/* Is a tensor read by groups behind the present one? */
static bool is_read_later(const wn_lowering *lowering, int tensor) {
    int root = lowering->roots[tensor];
    for (int i = lowering->current + 1; i < lowering->group_count; i++) {
        const wn_group *group = &lowering->groups[i];
        if (group->residual >= 0 && lowering->roots[group->residual] == root)
            return true;
        for (int k = 0; k < group->head->input_count; k++)
            if (lowering->roots[group->head->inputs[k]] == root)
                return true;
    }
    return lowering->roots[lowering->graph->output] == root;
}

bool wn_lower_take_over(wn_lowering *lowering, int tensor, int output) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[lowering->roots[tensor]];
    wn_value *value = &lowering->values[lowering->roots[tensor]];
    wn_value *result = &lowering->values[lowering->roots[output]];
    bool whole =
        value->placed && value->place.offset == 0 && value->place.stride == wn_dense_stride(lowering, tensor);
    if (result->placed || !whole || shape->producer < 0 ||
        lowering->graph->layers[shape->producer].kind == WN_KIND_CONCAT || is_read_later(lowering, tensor))
        return false;
    result->place = value->place;
    result->placed = true;
    return true;
}
