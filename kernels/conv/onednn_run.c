/* States of `onednn` plans: primitives and memory objects, created in open, and their execution.
 * oneDNN itself allocates a little on every execution; that is its own affair and another reason why it runs
 * as an external implementation. */
#include "onednn_choice.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040 };

/* A memory object and where it lies at the moment: telling oneDNN a new place makes it clear the padding
 * there, so that is done only when the place is new. */
typedef struct moving_memory {
    dnnl_memory_t memory;
    void *at;
} moving_memory;

typedef struct operand_state {
    moving_memory ours, theirs;
    dnnl_primitive_t before, after;
} operand_state;

typedef struct onednn_state {
    wn_onednn_choice choice;
    dnnl_stream_t stream;
    dnnl_primitive_t conv;
    moving_memory bias, scratchpad;
    operand_state operand[ONEDNN_OPERANDS];
    bool threads_ready; /* the OpenMP threads flush denormals */
} onednn_state;

static dnnl_status_t make_place(wn_dnnl_desc desc, dnnl_engine_t engine, moving_memory *place) {
    return dnnl_memory_create(&place->memory, desc, engine, DNNL_MEMORY_NONE);
}

static dnnl_status_t make_operand(const wn_onednn_operand *choice, dnnl_engine_t engine,
                                  operand_state *state) {
    dnnl_status_t status = make_place(choice->ours, engine, &state->ours);
    if (status == dnnl_success && choice->apart)
        status = make_place(choice->theirs, engine, &state->theirs);
    if (status == dnnl_success && choice->before)
        status = dnnl_primitive_create(&state->before, choice->before);
    if (status == dnnl_success && choice->after)
        status = dnnl_primitive_create(&state->after, choice->after);
    return status;
}

/* A byte buffer as large as the largest scratchpad serves every primitive. */
static dnnl_status_t make_scratchpad(const wn_conv_plan *plan, dnnl_engine_t engine, moving_memory *place) {
    int64_t bytes = (int64_t)plan->workspace_bytes - plan->derived[ONEDNN_SCRATCHPAD];
    const dnnl_dims_t floats = {bytes / (int64_t)sizeof(float)};
    wn_dnnl_desc desc = NULL;
    dnnl_status_t status = wn_dnnl_desc_make(1, floats, dnnl_a, &desc);
    if (status == dnnl_success)
        status = make_place(desc, engine, place);
    wn_dnnl_desc_free(desc);
    return status;
}

static dnnl_status_t make_state(const wn_conv_plan *plan, onednn_state *state) {
    dnnl_engine_t engine = state->choice.engine;
    dnnl_status_t status = dnnl_stream_create(&state->stream, engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&state->conv, state->choice.conv);
    if (status == dnnl_success)
        status = make_place(state->choice.bias, engine, &state->bias);
    if (status == dnnl_success)
        status = make_scratchpad(plan, engine, &state->scratchpad);
    for (int which = 0; which < ONEDNN_OPERANDS && status == dnnl_success; which++)
        status = make_operand(&state->choice.operand[which], engine, &state->operand[which]);
    return status;
}

wn_status wn_onednn_open(const wn_conv_plan *plan, void **opened) {
    onednn_state *state = calloc(1, sizeof *state);
    if (!state)
        return wn_error(WN_ERROR_MEMORY, "onednn: cannot allocate a state of %zu bytes", sizeof *state);
    wn_status status = wn_onednn_choose(plan, &state->choice);
    if (!wn_failed(status)) {
        if (plan->threads > 1)
            wn_onednn_calm_threads();
        int before = wn_onednn_set_threads(plan->threads);
        status = wn_onednn_check(make_state(plan, state), "creating primitives");
        wn_onednn_set_threads(before);
    }
    if (wn_failed(status))
        wn_onednn_close(state);
    else
        *opened = state;
    return status;
}

void wn_onednn_close(void *opened) {
    onednn_state *state = opened;
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        operand_state *operand = &state->operand[which];
        dnnl_memory_destroy(operand->ours.memory);
        dnnl_memory_destroy(operand->theirs.memory);
        dnnl_primitive_destroy(operand->before);
        dnnl_primitive_destroy(operand->after);
    }
    dnnl_memory_destroy(state->bias.memory);
    dnnl_memory_destroy(state->scratchpad.memory);
    dnnl_primitive_destroy(state->conv);
    dnnl_stream_destroy(state->stream);
    wn_onednn_choice_free(&state->choice);
    free(state);
}

void wn_onednn_must(dnnl_status_t status, const char *what) {
    if (status == dnnl_success)
        return;
    fprintf(stderr, "onednn: %s failed with status %d\n", what, (int)status);
    abort();
}

/* NULL leaves it: this call does not touch the operand. */
static void put(moving_memory *place, void *at) {
    if (place->memory && at && place->at != at) {
        wn_onednn_must(dnnl_memory_set_data_handle(place->memory, at), "placing memory");
        place->at = at;
    }
}

static void *in_workspace(const wn_conv_plan *plan, const wn_conv_args *args, int what) {
    int64_t at = plan->derived[what];
    return at < 0 ? NULL : (char *)args->workspace + at;
}

static void reorder(const onednn_state *state, dnnl_primitive_t primitive, const moving_memory *from,
                    const moving_memory *to) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from->memory},
                                    {DNNL_ARG_TO, to->memory},
                                    {DNNL_ARG_SCRATCHPAD, state->scratchpad.memory}};
    wn_onednn_must(dnnl_primitive_execute(primitive, state->stream, 3, args), "a reorder");
}

const int wn_onednn_arguments[WN_DIRECTION_COUNT][ONEDNN_ARGUMENTS] = {
    [WN_FWD_B] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS},
    [WN_BWD_D] = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_BIAS},
    [WN_BWD_WB] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS}};

static void convolve(const onednn_state *state, wn_direction direction) {
    const int *kinds = wn_onednn_arguments[direction];
    dnnl_exec_arg_t args[5];
    int count = 0;
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        const operand_state *operand = &state->operand[which];
        args[count++] = (dnnl_exec_arg_t){kinds[which], operand->theirs.memory ? operand->theirs.memory
                                                                               : operand->ours.memory};
    }
    if (direction != WN_BWD_D)
        args[count++] = (dnnl_exec_arg_t){kinds[ONEDNN_OPERANDS], state->bias.memory};
    args[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, state->scratchpad.memory};
    wn_onednn_must(dnnl_primitive_execute(state->conv, state->stream, count, args), "the convolution");
}

/* Where oneDNN finds or leaves the bias: ours, or a stand-in when there is none or its gradient is added. */
static float *bias_place(const wn_conv_plan *plan, const wn_conv_args *args) {
    const wn_problem *p = &plan->problem;
    bool adds = p->direction == WN_BWD_WB && p->accumulate;
    return args->bias && !adds ? args->bias : in_workspace(plan, args, ONEDNN_BIAS);
}

/* Weights in goihw, where groups want that: oneDNN's operand, or on the way to it. */
static float *plain_weights_place(const wn_conv_plan *plan, const onednn_state *state,
                                  const wn_conv_args *args) {
    const bool apart = state->choice.operand[ONEDNN_WEIGHTS].apart;
    return plan->prepared_bytes && !apart ? args->prepared : in_workspace(plan, args, ONEDNN_PLAIN_WEIGHTS);
}

static void put_everything(const wn_conv_plan *plan, onednn_state *state, const wn_conv_args *args) {
    float *plain_weights = plain_weights_place(plan, state, args);
    float *ours[ONEDNN_OPERANDS] = {[ONEDNN_SRC] = args->src,
                                    [ONEDNN_WEIGHTS] = plain_weights ? plain_weights : args->weights,
                                    [ONEDNN_DST] = args->dst};
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        put(&state->operand[which].ours, ours[which]);
        put(&state->operand[which].theirs, in_workspace(plan, args, ONEDNN_COPIES + which));
    }
    if (plan->prepared_bytes)
        put(&state->operand[ONEDNN_WEIGHTS].theirs, args->prepared);
    put(&state->bias, bias_place(plan, args));
    put(&state->scratchpad, in_workspace(plan, args, ONEDNN_SCRATCHPAD));
}

/* What has to be there before oneDNN starts and is not its business. */
static void set_up(const wn_conv_plan *plan, const wn_conv_args *args) {
    const wn_problem *p = &plan->problem;
    float *plain_weights = in_workspace(plan, args, ONEDNN_PLAIN_WEIGHTS);
    if (plain_weights && !plan->prepared_bytes && (p->direction != WN_BWD_WB || p->accumulate))
        wn_conv_weights_unblock(p, args->weights, plain_weights);
    if (p->direction == WN_FWD_B && !args->bias)
        memset(in_workspace(plan, args, ONEDNN_BIAS), 0, (size_t)p->oc * sizeof(float));
}

/* The gradients of weights and bias, back in our layouts. */
static void finish(const wn_conv_plan *plan, const wn_conv_args *args) {
    const wn_problem *p = &plan->problem;
    if (p->direction != WN_BWD_WB)
        return;
    float *plain_weights = in_workspace(plan, args, ONEDNN_PLAIN_WEIGHTS);
    if (plain_weights)
        wn_conv_weights_block(p, plain_weights, args->weights);
    if (!args->bias)
        return;
    const float *sums = in_workspace(plan, args, ONEDNN_BIAS);
    for (int o = 0; o < p->oc && p->accumulate; o++)
        args->bias[o] += sums[o];
    memset(args->bias + p->oc, 0, (size_t)(wn_blocks(p->oc) * WN_BLOCK - p->oc) * sizeof(float));
}

void wn_onednn_flush_denormals(void) {
    unsigned caller = _mm_getcsr();
#pragma omp parallel
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO);
    _mm_setcsr(caller);
}

/* Sets OpenMP's threads to the plan's; returns their number before. */
static int take_threads(const wn_conv_plan *plan, onednn_state *state) {
    int before = wn_onednn_set_threads(plan->threads);
    if (!state->threads_ready)
        wn_onednn_flush_denormals();
    state->threads_ready = true;
    return before;
}

void wn_onednn_prepare(const wn_conv_plan *plan, void *opened, const wn_conv_args *args, int tid,
                       int nthreads) {
    (void)tid;
    (void)nthreads;
    onednn_state *state = opened;
    const operand_state *weights = &state->operand[ONEDNN_WEIGHTS];
    int threads_before = take_threads(plan, state);
    put_everything(plan, state, args);
    if (!wn_onednn_has_own_blocks(&plan->problem))
        wn_conv_weights_unblock(&plan->problem, args->weights, plain_weights_place(plan, state, args));
    if (weights->before)
        reorder(state, weights->before, &weights->ours, &weights->theirs);
    wn_onednn_must(dnnl_stream_wait(state->stream), "waiting");
    wn_onednn_set_threads(threads_before);
}

void wn_onednn_run(const wn_conv_plan *plan, void *opened, const wn_conv_args *args, int phase, int tid,
                   int nthreads) {
    (void)phase;
    (void)tid;
    (void)nthreads;
    onednn_state *state = opened;
    int threads_before = take_threads(plan, state);
    put_everything(plan, state, args);
    set_up(plan, args);
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        const operand_state *operand = &state->operand[which];
        const bool prepared = which == ONEDNN_WEIGHTS && plan->prepared_bytes;
        if (operand->before && !prepared)
            reorder(state, operand->before, &operand->ours, &operand->theirs);
    }
    convolve(state, plan->problem.direction);
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        const operand_state *operand = &state->operand[which];
        if (operand->after)
            reorder(state, operand->after, &operand->theirs, &operand->ours);
    }
    wn_onednn_must(dnnl_stream_wait(state->stream), "waiting");
    finish(plan, args);
    wn_onednn_set_threads(threads_before);
}
