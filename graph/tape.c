/* Compiling a tape and looking at it. Running it is in execute.c. */
#include "cgroup.h"
#include "pool.h"
#include "tape_internal.h"
#include <stdlib.h>
#include <string.h>

/* Far more than fits any memory with a real network, and little enough for all sizes counted in int. */
enum { MOST_IMAGES = 1 << 20 };

static wn_status check_options(const wn_tape_options *options) {
    if (options->batch < 1 || options->batch > MOST_IMAGES)
        return wn_error(WN_ERROR_INVALID, "found a batch of %d images, expected 1 to %d", options->batch,
                        MOST_IMAGES);
    if (!options->pool)
        return wn_error(WN_ERROR_INVALID, "a tape needs a pool of threads to run on");
    if (options->optimizer < WN_OPTIMIZER_SGD || options->optimizer > WN_OPTIMIZER_RMSPROP)
        return wn_error(WN_ERROR_INVALID, "found optimizer number %d, expected one of wn_optimizer",
                        (int)options->optimizer);
    if (!(options->label_smoothing >= 0 && options->label_smoothing < 1))
        return wn_error(WN_ERROR_INVALID, "found label smoothing %g, expected at least 0 and below 1",
                        (double)options->label_smoothing);
    if (options->isa < 0 || options->isa >= WN_ISA_COUNT)
        return wn_error(WN_ERROR_INVALID, "found ISA number %d, expected one of wn_isa", (int)options->isa);
    if (!wn_kernels_of(options->isa))
        return wn_error(WN_ERROR_UNSUPPORTED, "this build has no kernels for %s", wn_isa_name(options->isa));
    return wn_ok();
}

static wn_status open_convolutions(wn_tape *tape) {
    for (int s = 0; s < tape->step_count; s++) {
        wn_step *step = &tape->steps[s];
        if (!step->is_conv || !step->args.conv.plan.impl->open)
            continue;
        wn_status status = step->args.conv.plan.impl->open(&step->args.conv.plan, &step->args.conv.state);
        if (wn_failed(status))
            return wn_error(status.code, "%s with %s: %s", step->label, step->kernel, status.message);
        for (int p = 0; p < tape->preparations; p++) /* the state serves its preparation, too */
            if (step->prepared && tape->steps[p].prepared == step->prepared)
                tape->steps[p].args.conv.state = step->args.conv.state;
    }
    return wn_ok();
}

static void *place_in_arena(const wn_tape *tape, int buffer) {
    return (char *)tape->arena.base + tape->buffers[buffer].offset;
}

void wn_tape_resolve_step(const wn_tape *tape, wn_step *step, int first, int last) {
    for (int i = 0; i < step->operand_count; i++) {
        const wn_operand *operand = &step->operands[i];
        if (operand->buffer < first || operand->buffer > last)
            continue;
        char *address = (char *)tape->buffers[operand->buffer].address + operand->offset;
        memcpy((char *)step + operand->slot, &address, sizeof address);
    }
}

void wn_tape_resolve(wn_tape *tape) {
    for (int b = 0; b < tape->buffer_count; b++)
        if (tape->buffers[b].planned)
            tape->buffers[b].address = place_in_arena(tape, b);
    for (int s = 0; s < tape->step_count; s++)
        wn_tape_resolve_step(tape, &tape->steps[s], 0, tape->buffer_count - 1);
}

/* A plan that cannot be had is told with its sizes. */
static wn_status map_arena(wn_tape *tape) {
    const double gib = 1 << 30;
    wn_status status = wn_arena_map(tape->planned_bytes, &tape->arena);
    if (wn_failed(status))
        return wn_error(
            status.code,
            "the plan for a batch of %d, %d steps in an arena of %.2f GiB (%.2f GiB without reuse) "
            "beside %.2f GiB of parameters, cannot be had: %s",
            tape->options.batch, tape->step_count, (double)tape->planned_bytes / gib,
            (double)tape->naive_bytes / gib, (double)tape->model->values.bytes / gib, status.message);
    return status;
}

static wn_status compile(wn_tape *tape) {
    const wn_tape_options *options = &tape->options;
    for (int p = 0; p < tape->model->graph->parameter_count; p++)
        tape->gradients[p] = -1;
    if (options->training && !options->plan_only)
        WN_TRY(wn_model_prepare_training(tape->model, options));
    WN_TRY(wn_tape_lower(tape));
    WN_TRY(wn_tape_plan_memory(tape, !options->no_reuse));
    if (options->plan_only)
        return wn_ok();
    WN_TRY(map_arena(tape));
    wn_tape_resolve(tape);
    return open_convolutions(tape);
}

wn_status wn_tape_compile(wn_model *model, const wn_tape_options *options, wn_tape **result) {
    *result = NULL;
    WN_TRY(check_options(options));
    wn_arena_set_limit((size_t)wn_cgroup_memory("")); /* it may have been changed since the model was made */
    wn_tape *tape = calloc(1, sizeof *tape);
    int *gradients = calloc((size_t)model->graph->parameter_count + 1, sizeof *gradients);
    if (!tape || !gradients) {
        free(tape);
        free(gradients);
        return wn_error(WN_ERROR_MEMORY, "out of memory for a tape");
    }
    tape->model = model;
    tape->options = *options;
    tape->threads = wn_pool_threads(options->pool);
    tape->gradients = gradients;
    tape->prepared_version = -1;
    wn_tape_set_options(tape, &(wn_step_options){.lr = 0.01F, .beta1 = 0.9F, .beta2 = 0.999F, .eps = 1e-8F});
    wn_status status = compile(tape);
    if (wn_failed(status)) {
        wn_tape_destroy(tape);
        return status;
    }
    *result = tape;
    return wn_ok();
}

static void destroy_step(wn_step *step) {
    if (step->is_conv && step->args.conv.state && step->args.conv.plan.impl->close)
        step->args.conv.plan.impl->close(step->args.conv.state);
    free(step->label);
    free(step->kernel);
}

void wn_tape_destroy(wn_tape *tape) {
    if (!tape)
        return;
    for (int s = 0; s < tape->step_count; s++)
        destroy_step(&tape->steps[s]);
    for (int i = 0; i < tape->lane_mask_count; i++)
        free(tape->lane_masks[i]);
    wn_arena_unmap(&tape->arena);
    free(tape->lane_masks);
    free(tape->steps);
    free(tape->buffers);
    free(tape->gradients);
    free(tape);
}

float *wn_tape_input(wn_tape *tape) {
    return place_in_arena(tape, tape->input);
}

int32_t *wn_tape_labels(wn_tape *tape) {
    return place_in_arena(tape, tape->labels);
}

/* Only the steps that read the batch are told: a run over all operands, without any memory traffic to speak
 * of. */
void wn_tape_read_batch(wn_tape *tape, float *images, int32_t *labels) {
    const int buffers[] = {tape->input, tape->labels};
    void *const addresses[] = {images ? images : wn_tape_input(tape), labels ? labels : wn_tape_labels(tape)};
    for (int b = 0; b < 2; b++) {
        tape->buffers[buffers[b]].address = addresses[b];
        for (int s = 0; s < tape->step_count; s++)
            wn_tape_resolve_step(tape, &tape->steps[s], buffers[b], buffers[b]);
    }
}

void wn_tape_read_mix(wn_tape *tape, const int32_t *others, const float *shares) {
    wn_loss_args *loss = &tape->steps[tape->loss_end - 1].args.loss;
    loss->others = others;
    loss->shares = shares;
}

void wn_tape_set_options(wn_tape *tape, const wn_step_options *options) {
    tape->hyper = (wn_hyper){.lr = options->lr,
                             .momentum = options->momentum,
                             .weight_decay = options->weight_decay,
                             .beta1 = options->beta1,
                             .beta2 = options->beta2,
                             .eps = options->eps,
                             .decoupled_decay = options->decoupled_decay,
                             .nesterov = options->nesterov,
                             .clip_norm = options->clip_norm,
                             .average_decay = options->average_decay,
                             .share = options->share,
                             .first = options->first,
                             .hold = options->hold,
                             .norm = tape->hyper.norm};
    tape->update = options->update;
}

double wn_tape_loss(const wn_tape *tape) {
    return tape->loss;
}

double wn_tape_gradient_norm(const wn_tape *tape) {
    return tape->hyper.norm;
}

int64_t wn_tape_correct(const wn_tape *tape) {
    return tape->correct;
}

void wn_tape_logits(const wn_tape *tape, float *logits) {
    int classes = tape->model->graph->tensors[tape->logits].channels;
    const wn_operand *at = &tape->logits_at;
    const float *blocked = (const float *)((char *)tape->buffers[at->buffer].address + at->offset);
    wn_activations_unblock(tape->options.batch, classes, 1, 1, blocked, at->stride / (int64_t)sizeof(float),
                           logits);
}

void wn_tape_gradient(const wn_tape *tape, int parameter, float *values) {
    wn_parameter_unblock(tape->model->graph, parameter, tape->buffers[tape->gradients[parameter]].address,
                         values);
}

int wn_tape_step_count(const wn_tape *tape) {
    return tape->step_count - tape->preparations;
}

wn_step_info wn_tape_step(const wn_tape *tape, int index) {
    const wn_step *step = &tape->steps[tape->preparations + index];
    return (wn_step_info){.label = step->label,
                          .kernel = step->kernel,
                          .flops = step->flops,
                          .bytes = step->bytes,
                          .plan = step->is_conv ? &step->args.conv.plan : NULL};
}

size_t wn_tape_arena_bytes(const wn_tape *tape) {
    return tape->arena.bytes;
}

size_t wn_tape_naive_bytes(const wn_tape *tape) {
    return tape->naive_bytes;
}

size_t wn_tape_bound_bytes(const wn_tape *tape) {
    return tape->bound_bytes;
}

size_t wn_tape_planned_bytes(const wn_tape *tape) {
    return tape->planned_bytes;
}
