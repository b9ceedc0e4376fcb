/* Running a tape: every thread walks the same array of steps, with a barrier between phases and steps. */
#include "clock.h"
#include "pool.h"
#include "recorded.h"
#include "tape_internal.h"

#include <math.h>

typedef struct walk_context {
    const wn_tape *tape;
    int begin, end;        /* steps */
    double *seconds;       /* per step from `begin`, added to by thread 0; NULL: not timed */
    wn_part_clock *clocks; /* per thread; NULL: not recorded */
} walk_context;

static void run_external(void *context) {
    const wn_step *step = context;
    step->run(step, 0, 0, step->args.conv.plan.threads);
}

static void run_step(wn_pool *pool, wn_step *step, int tid, int nthreads) {
    if (step->external) {
        wn_pool_external(pool, tid, run_external, step);
        return;
    }
    for (int phase = 0; phase < step->phases; phase++) {
        step->run(step, phase, tid, nthreads);
        wn_pool_barrier(pool, tid);
    }
}

static void walk(void *pointer, int tid, int nthreads) {
    const walk_context *context = pointer;
    const wn_tape *tape = context->tape;
    for (int s = context->begin; s < context->end; s++)
        run_step(tape->options.pool, &tape->steps[s], tid, nthreads);
}

static void walk_timed(void *pointer, int tid, int nthreads) {
    const walk_context *context = pointer;
    const wn_tape *tape = context->tape;
    wn_pool_barrier(tape->options.pool, tid); /* the first step's time starts when everybody is there */
    int64_t start = wn_nanoseconds();
    for (int s = context->begin; s < context->end; s++) {
        run_step(tape->options.pool, &tape->steps[s], tid, nthreads);
        if (tid == 0) {
            int64_t end = wn_nanoseconds();
            context->seconds[s - context->begin] += (double)(end - start) * 1e-9;
            start = end;
        }
    }
}

/* A step's phases, each thread with its own clock. */
static void run_step_recorded(wn_pool *pool, wn_step *step, wn_part_clock *clock, int tid, int nthreads) {
    if (step->external) {
        clock->phase = 0;
        wn_pool_external(pool, tid, run_external, step);
        wn_part_record(clock, tid == 0 ? WN_PART_WHOLE : WN_PART_WAIT);
        return;
    }
    for (clock->phase = 0; clock->phase < step->phases; clock->phase++) {
        long before = clock->count;
        step->run(step, clock->phase, tid, nthreads);
        if (clock->count == before)
            wn_part_record(clock, WN_PART_WHOLE);
        wn_pool_barrier(pool, tid);
        wn_part_record(clock, WN_PART_WAIT);
    }
}

static void walk_recorded(void *pointer, int tid, int nthreads) {
    const walk_context *context = pointer;
    const wn_tape *tape = context->tape;
    wn_part_clock *clock = &context->clocks[tid];
    wn_pool_barrier(tape->options.pool, tid);
    clock->last = wn_nanoseconds();
    for (int s = context->begin; s < context->end; s++) {
        clock->step = s - context->begin;
        run_step_recorded(tape->options.pool, &tape->steps[s], clock, tid, nthreads);
    }
}

/* Folds and turns the parameters again if they changed since the last time. */
static void prepare(wn_tape *tape) {
    if (tape->preparations == 0 || tape->prepared_version == tape->model->version)
        return;
    walk_context context = {.tape = tape, .end = tape->preparations};
    wn_pool_run(tape->options.pool, walk, &context);
    tape->prepared_version = tape->model->version;
}

void wn_tape_begin_step(wn_tape *tape) {
    if (!tape->options.training)
        return;
    tape->step = ++tape->model->updates;
    tape->hyper.step = tape->update ? tape->update : tape->step;
    tape->model->version++;
}

static void run(wn_tape *tape, wn_task task, double *seconds, wn_part_clock *clocks) {
    wn_tape_begin_step(tape);
    prepare(tape);
    walk_context context = {.tape = tape,
                            .begin = tape->preparations,
                            .end = tape->step_count,
                            .seconds = seconds,
                            .clocks = clocks};
    wn_pool_run(tape->options.pool, task, &context);
}

void wn_tape_run(wn_tape *tape) {
    run(tape, walk, NULL, NULL);
}

void wn_tape_run_forward(wn_tape *tape) {
    walk_context context = {.tape = tape, .begin = tape->preparations, .end = tape->loss_end};
    tape->model->version++;
    wn_pool_run(tape->options.pool, walk, &context);
}

/* Whether the step left a value that is no number, or infinite, in a tensor. */
static bool leaves_nonfinite(const wn_tape *tape, const wn_step *step) {
    for (int i = 0; i < step->operand_count; i++) {
        const wn_operand *o = &step->operands[i];
        for (int n = 0; o->tensor && o->access != WN_ACCESS_READ && n < o->images; n++) {
            const char *run = (const char *)tape->buffers[o->buffer].address + o->offset + n * o->stride;
            for (int64_t f = 0; f < o->run / (int64_t)sizeof(float); f++)
                if (!isfinite(((const float *)run)[f]))
                    return true;
        }
    }
    return false;
}

const char *wn_tape_find_nonfinite(wn_tape *tape) {
    for (int s = tape->preparations; s < tape->loss_end; s++) {
        walk_context context = {.tape = tape, .begin = s, .end = s + 1};
        wn_pool_run(tape->options.pool, walk, &context);
        if (leaves_nonfinite(tape, &tape->steps[s]))
            return tape->steps[s].label;
    }
    return "LOSS";
}

void wn_tape_set_norm_momentum(wn_tape *tape, float momentum) {
    for (int s = 0; s < tape->step_count; s++)
        if (tape->steps[s].is_norm_forward)
            tape->steps[s].args.batch_norm.momentum = momentum;
}

void wn_tape_run_timed(wn_tape *tape, double *seconds) {
    run(tape, walk_timed, seconds, NULL);
}

/* Convolutions are told where the clocks are. */
static void set_clocks(wn_tape *tape, wn_part_clock *clocks) {
    for (int s = tape->preparations; s < tape->step_count; s++)
        if (tape->steps[s].is_conv)
            tape->steps[s].args.conv.args.clocks = clocks;
}

void wn_tape_run_recorded(wn_tape *tape, wn_part_clock *clocks) {
    set_clocks(tape, clocks);
    run(tape, walk_recorded, NULL, clocks);
    set_clocks(tape, NULL);
}
