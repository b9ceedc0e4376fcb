/* `onednn-native`: oneDNN in its own layouts, for benchmarks. Which of its implementations there are is said
 * by onednn.c, their layouts by onednn_choice.c; here are plans, states and the conversions that checks use.
 */
#include "onednn.h"

#include "arena.h"
#include "cpus.h"
#include "onednn_choice.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (problem->accumulate && problem->direction != WN_FWD_B)
        return "its backward passes do not add to their results";
    return wn_onednn_refuse(problem, isa);
}

static wn_status check_config(const wn_conv_plan *plan, const wn_onednn_choice *choice) {
    char name[ONEDNN_NAME];
    wn_onednn_name_of(choice, name);
    if (wn_onednn_is_offered(name, plan->isa))
        return wn_ok();
    return wn_error(WN_ERROR_INVALID, "onednn-native: config winograd=%d,index=%d is %s: not offered with %s",
                    plan->config.knob[ONEDNN_WINOGRAD], plan->config.knob[ONEDNN_INDEX], name,
                    wn_isa_name(plan->isa));
}

/* The workspace is the scratchpad. */
static wn_status plan(wn_conv_plan *plan) {
    wn_onednn_choice choice;
    WN_TRY(wn_onednn_choose(plan, &choice));
    wn_status status = check_config(plan, &choice);
    plan->external = true;
    plan->workspace_bytes = wn_align64(wn_dnnl_query_bytes(choice.conv, dnnl_query_scratchpad_md));
    wn_onednn_choice_free(&choice);
    return status;
}

/* Memory objects of one set of operands, the bias last. */
typedef struct placed_set {
    const float *src;
    dnnl_memory_t memory[ONEDNN_ARGUMENTS];
} placed_set;

typedef struct native_state {
    wn_onednn_choice choice;
    dnnl_stream_t stream;
    dnnl_primitive_t conv;
    dnnl_memory_t scratchpad;
    placed_set *sets;
    int count, room;
    int last; /* sets come in turn: the next is likely the one behind it */
    bool threads_ready;
} native_state;

static dnnl_status_t make_state(native_state *state) {
    wn_dnnl_desc scratchpad = NULL;
    dnnl_status_t status =
        dnnl_stream_create(&state->stream, state->choice.engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&state->conv, state->choice.conv);
    if (status == dnnl_success)
        status = wn_dnnl_desc_query(state->choice.conv, dnnl_query_scratchpad_md, &scratchpad);
    if (status == dnnl_success)
        status = dnnl_memory_create(&state->scratchpad, scratchpad, state->choice.engine, DNNL_MEMORY_NONE);
    wn_dnnl_desc_free(scratchpad);
    return status;
}

static void close_state(void *opened) {
    native_state *state = opened;
    for (int i = 0; i < state->count; i++)
        for (int which = 0; which < ONEDNN_ARGUMENTS; which++)
            dnnl_memory_destroy(state->sets[i].memory[which]);
    free(state->sets);
    dnnl_memory_destroy(state->scratchpad);
    dnnl_primitive_destroy(state->conv);
    dnnl_stream_destroy(state->stream);
    wn_onednn_choice_free(&state->choice);
    free(state);
}

static wn_status open_state(const wn_conv_plan *plan, void **opened) {
    native_state *state = calloc(1, sizeof *state);
    if (!state)
        return wn_error(WN_ERROR_MEMORY, "onednn-native: cannot allocate a state of %zu bytes",
                        sizeof *state);
    wn_status status = wn_onednn_choose(plan, &state->choice);
    if (!wn_failed(status)) {
        int before = wn_onednn_set_threads(plan->threads);
        status = wn_onednn_check(make_state(state), "creating primitives");
        wn_onednn_set_threads(before);
    }
    if (wn_failed(status))
        close_state(state);
    else
        *opened = state;
    return status;
}

/* Index of a set that was placed before, or -1. */
static int find(const native_state *state, const float *src) {
    for (int i = 1; i <= state->count; i++) {
        int candidate = (state->last + i) % state->count;
        if (state->sets[candidate].src == src)
            return candidate;
    }
    return -1;
}

static wn_dnnl_desc layout_of(const wn_onednn_choice *choice, int which) {
    return which == ONEDNN_OPERANDS ? choice->bias : choice->operand[which].theirs;
}

static int add(native_state *state, const wn_conv_args *args) {
    if (state->count == state->room) {
        int room = state->room ? state->room * 2 : 16;
        placed_set *sets = realloc(state->sets, (size_t)room * sizeof *sets);
        wn_onednn_must(sets ? dnnl_success : dnnl_out_of_memory, "placing memory");
        state->sets = sets;
        state->room = room;
    }
    placed_set *set = &state->sets[state->count];
    void *places[ONEDNN_ARGUMENTS] = {[ONEDNN_SRC] = args->src,
                                      [ONEDNN_WEIGHTS] = args->weights,
                                      [ONEDNN_DST] = args->dst,
                                      [ONEDNN_OPERANDS] = args->bias};
    set->src = args->src;
    for (int which = 0; which < ONEDNN_ARGUMENTS; which++)
        wn_onednn_must(dnnl_memory_create(&set->memory[which], layout_of(&state->choice, which),
                                          state->choice.engine, places[which]),
                       "placing memory");
    return state->count++;
}

void wn_onednn_native_place(const wn_conv_plan *plan, void *opened, const wn_conv_args *args) {
    (void)plan;
    native_state *state = opened;
    add(state, args);
}

/* OpenMP's threads get what the pool gives its own: denormals flushed, and a CPU each. Left to the system,
 * two of them may share one, and the peer would be blamed for that. */
static void prepare_threads(int threads) {
    wn_cpus cpus;
    wn_onednn_flush_denormals();
    wn_cpus_allowed(&cpus);
    if (threads > cpus.count)
        return;
#pragma omp parallel
    if (omp_get_thread_num() > 0)
        wn_cpus_pin(cpus.cpu[omp_get_thread_num()]);
}

static void run(const wn_conv_plan *plan, void *opened, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)phase;
    (void)tid;
    (void)nthreads;
    native_state *state = opened;
    int threads_before = wn_onednn_set_threads(plan->threads);
    if (!state->threads_ready)
        prepare_threads(plan->threads);
    state->threads_ready = true;
    int found = find(state, args->src);
    state->last = found < 0 ? add(state, args) : found;
    wn_onednn_must(dnnl_memory_set_data_handle(state->scratchpad, args->workspace), "placing the scratchpad");
    dnnl_exec_arg_t list[ONEDNN_ARGUMENTS + 1];
    int count = 0;
    for (int which = 0; which < ONEDNN_ARGUMENTS; which++)
        if (which < ONEDNN_OPERANDS || plan->problem.direction != WN_BWD_D)
            list[count++] = (dnnl_exec_arg_t){wn_onednn_arguments[plan->problem.direction][which],
                                              state->sets[state->last].memory[which]};
    list[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, state->scratchpad};
    wn_onednn_must(dnnl_primitive_execute(state->conv, state->stream, count, list), "the convolution");
    wn_onednn_must(dnnl_stream_wait(state->stream), "waiting");
    wn_onednn_set_threads(threads_before);
}

static int64_t whole_blocks(size_t bytes) {
    return (int64_t)(wn_align64(bytes) / sizeof(float));
}

wn_status wn_onednn_native_floats(const wn_conv_plan *plan, wn_onednn_floats *floats) {
    wn_onednn_choice choice;
    WN_TRY(wn_onednn_choose(plan, &choice));
    *floats =
        (wn_onednn_floats){.src = whole_blocks(wn_dnnl_desc_bytes(choice.operand[ONEDNN_SRC].theirs)),
                           .weights = whole_blocks(wn_dnnl_desc_bytes(choice.operand[ONEDNN_WEIGHTS].theirs)),
                           .bias = whole_blocks(wn_dnnl_desc_bytes(choice.bias)),
                           .dst = whole_blocks(wn_dnnl_desc_bytes(choice.operand[ONEDNN_DST].theirs))};
    wn_onednn_choice_free(&choice);
    return wn_ok();
}

/* One reorder, with everything it needs made for it alone. */
static dnnl_status_t reorder(const wn_onednn_choice *choice, dnnl_primitive_desc_t desc, wn_dnnl_desc from,
                             void *source, wn_dnnl_desc to, void *target) {
    dnnl_stream_t stream = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source_memory = NULL, target_memory = NULL, scratchpad = NULL;
    wn_dnnl_desc scratchpad_desc = NULL;
    dnnl_status_t status = dnnl_stream_create(&stream, choice->engine, dnnl_stream_default_flags);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&primitive, desc);
    if (status == dnnl_success)
        status = dnnl_memory_create(&source_memory, from, choice->engine, source);
    if (status == dnnl_success)
        status = dnnl_memory_create(&target_memory, to, choice->engine, target);
    if (status == dnnl_success)
        status = wn_dnnl_desc_query(desc, dnnl_query_scratchpad_md, &scratchpad_desc);
    if (status == dnnl_success)
        status = dnnl_memory_create(&scratchpad, scratchpad_desc, choice->engine, DNNL_MEMORY_ALLOCATE);
    if (status == dnnl_success) {
        const dnnl_exec_arg_t args[] = {
            {DNNL_ARG_FROM, source_memory}, {DNNL_ARG_TO, target_memory}, {DNNL_ARG_SCRATCHPAD, scratchpad}};
        status = dnnl_primitive_execute(primitive, stream, 3, args);
    }
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    dnnl_memory_destroy(scratchpad);
    wn_dnnl_desc_free(scratchpad_desc);
    dnnl_memory_destroy(target_memory);
    dnnl_memory_destroy(source_memory);
    dnnl_primitive_destroy(primitive);
    dnnl_stream_destroy(stream);
    return status;
}

static wn_status import_operand(const wn_onednn_choice *choice, int which, void *ours, void *theirs) {
    const wn_onednn_operand *operand = &choice->operand[which];
    if (!operand->apart) {
        memcpy(theirs, ours, wn_dnnl_desc_bytes(operand->ours));
        return wn_ok();
    }
    if (!operand->before) /* a result that is not read */
        return wn_ok();
    return wn_onednn_check(reorder(choice, operand->before, operand->ours, ours, operand->theirs, theirs),
                           "reordering to its layout");
}

static wn_status export_operand(const wn_onednn_choice *choice, int which, void *theirs, void *ours) {
    const wn_onednn_operand *operand = &choice->operand[which];
    if (!operand->apart) {
        memcpy(ours, theirs, wn_dnnl_desc_bytes(operand->ours));
        return wn_ok();
    }
    return wn_onednn_check(reorder(choice, operand->after, operand->theirs, theirs, operand->ours, ours),
                           "reordering from its layout");
}

/* Our weights as oneDNN can describe them: a plain copy where groups cross blocks, else themselves. *copy is
 * the caller's to free. */
static wn_status describable_weights(const wn_problem *p, float *weights, float **copy, float **found) {
    *copy = NULL;
    *found = weights;
    if (wn_onednn_has_own_blocks(p))
        return wn_ok();
    size_t bytes = (size_t)p->oc * (size_t)(p->ic / p->g) * (size_t)p->kh * (size_t)p->kw * sizeof(float);
    *found = *copy = wn_calloc64(bytes);
    return *copy ? wn_ok() : wn_error(WN_ERROR_MEMORY, "onednn-native: no memory for %zu bytes", bytes);
}

wn_status wn_onednn_native_import(const wn_conv_plan *plan, const wn_conv_args *ours,
                                  const wn_conv_args *theirs) {
    const wn_problem *p = &plan->problem;
    wn_onednn_choice choice;
    float *copy, *weights;
    WN_TRY(wn_onednn_choose(plan, &choice));
    wn_status status = describable_weights(p, ours->weights, &copy, &weights);
    if (!wn_failed(status) && copy && p->direction != WN_BWD_WB)
        wn_conv_weights_unblock(p, ours->weights, copy);
    if (!wn_failed(status))
        status = import_operand(&choice, ONEDNN_SRC, ours->src, theirs->src);
    if (!wn_failed(status))
        status = import_operand(&choice, ONEDNN_WEIGHTS, weights, theirs->weights);
    if (!wn_failed(status))
        status = import_operand(&choice, ONEDNN_DST, ours->dst, theirs->dst);
    if (!wn_failed(status) && p->direction == WN_FWD_B)
        memcpy(theirs->bias, ours->bias, (size_t)p->oc * sizeof(float));
    free(copy);
    wn_onednn_choice_free(&choice);
    return status;
}

wn_status wn_onednn_native_export(const wn_conv_plan *plan, const wn_conv_args *theirs,
                                  const wn_conv_args *ours) {
    const wn_problem *p = &plan->problem;
    wn_onednn_choice choice;
    float *copy = NULL, *weights;
    WN_TRY(wn_onednn_choose(plan, &choice));
    wn_status status = wn_ok();
    if (p->direction == WN_FWD_B) {
        status = export_operand(&choice, ONEDNN_DST, theirs->dst, ours->dst);
    } else if (p->direction == WN_BWD_D) {
        status = export_operand(&choice, ONEDNN_SRC, theirs->src, ours->src);
    } else {
        status = describable_weights(p, ours->weights, &copy, &weights);
        if (!wn_failed(status))
            status = export_operand(&choice, ONEDNN_WEIGHTS, theirs->weights, weights);
        if (!wn_failed(status) && copy)
            wn_conv_weights_block(p, copy, ours->weights);
        memset(ours->bias, 0, (size_t)wn_blocks(p->oc) * WN_BLOCK * sizeof(float));
        memcpy(ours->bias, theirs->bias, (size_t)p->oc * sizeof(float));
    }
    free(copy);
    wn_onednn_choice_free(&choice);
    return status;
}

wn_status wn_onednn_limit(wn_isa isa) {
    if (isa == WN_ISA_PORTABLE)
        return wn_error(WN_ERROR_UNSUPPORTED, "onednn: its kernels need more than the portable ISA");
    if (isa == WN_ISA_AVX2)
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2); /* whether that worked is seen from what it uses */
    if (!wn_onednn_keeps_to(isa))
        return wn_error(WN_ERROR_UNSUPPORTED, "onednn: the library cannot be held to %s", wn_isa_name(isa));
    return wn_ok();
}

static const wn_conv_impl native = {
    .name = "onednn-native",
    .knobs = wn_onednn_knobs,
    .refuse = refuse,
    .configs = wn_onednn_list,
    .plan = plan,
    .open = open_state,
    .run = run,
    .close = close_state,
    .approximate = wn_onednn_is_approximate,
    .version = wn_onednn_version,
};

const wn_conv_impl *wn_onednn_native(void) {
    return &native;
}
