/* Operands, workspaces and the clock of a timing run. What is done with the times is in tune.c and bench/. */
#include "measure.h"
#include "accuracy.h"
#include "arena.h"
#include "clock.h"
#include "grow.h"
#include "machine.h"
#include "random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHES_OVER = 3,            /* the buffers together are this many times the last-level cache */
    UNKNOWN_CACHE = 32 << 20,   /* bytes assumed when the machine does not say */
    RANDOM_FLOATS = 65521,      /* a prime, so that the pattern does not repeat with pages or rows */
    SHORT_NANOSECONDS = 200000, /* runs shorter than this are repeated to fill it */
    MAX_REPEATS = 64,
    MAX_PEER_SETS = 256, /* a library keeps objects for each: with more, those would be cold, too */
};

const char *const wn_cold_names[WN_COLD_COUNT + 1] = {"all", "weights", "none", NULL};

typedef struct measured_plan {
    wn_conv_plan plan;
    void *state;
    int repeats; /* 0: not run yet */
} measured_plan;

struct wn_measure {
    wn_pool *pool;
    wn_arena operands, workspace, prepared;
    int64_t src, weights, bias, dst; /* floats of one set, each a multiple of 16 */
    bool alone;                      /* a peer's: the pool is no part of what is timed */
    bool same_data, same_weights;    /* taken from the first set every time */
    wn_accuracy *accuracy;           /* of the first set; made when it is first asked for */
    long sets, next;                 /* sets of operands, and the one to take next */
    measured_plan *entries;
    int count, room;
};

static int64_t whole_lines(int64_t floats) {
    return (floats + 15) & ~(int64_t)15;
}

static int64_t set_floats(const wn_measure *measure) {
    return measure->src + measure->weights + measure->bias + measure->dst;
}

static long last_level_cache(void) {
    wn_machine machine;
    wn_machine_read(&machine);
    long bytes = machine.l3 > machine.l2 ? machine.l3 : machine.l2;
    return bytes > 0 ? bytes : UNKNOWN_CACHE;
}

/* Uniform numbers in [-1, 1) everywhere, padded lanes too: no kernel's time depends on the values as long as
 * they are neither denormal nor infinite. One block of random numbers is repeated. */
static wn_status fill(wn_arena *arena) {
    float *block = malloc(RANDOM_FLOATS * sizeof *block);
    if (!block)
        return wn_error(WN_ERROR_MEMORY, "tuning: no memory for random numbers");
    for (uint64_t i = 0; i < RANDOM_FLOATS; i++)
        block[i] = 2 * wn_random_uniform(0, WN_STREAM_TUNE, i) - 1;
    size_t piece = RANDOM_FLOATS * sizeof *block;
    for (size_t at = 0; at < arena->bytes; at += piece)
        memcpy((char *)arena->base + at, block, piece < arena->bytes - at ? piece : arena->bytes - at);
    free(block);
    return wn_ok();
}

static wn_status create(wn_pool *pool, const wn_measure_peer *sizes, bool alone, wn_cold cold,
                        wn_measure **measure) {
    wn_measure *created = calloc(1, sizeof *created);
    if (!created)
        return wn_error(WN_ERROR_MEMORY, "tuning: no memory for a measurement");
    created->pool = pool;
    created->src = sizes->src;
    created->weights = sizes->weights;
    created->bias = sizes->bias;
    created->dst = sizes->dst;
    created->alone = alone;
    int64_t bytes = set_floats(created) * (int64_t)sizeof(float);
    created->same_data = cold != WN_COLD_ALL;
    created->same_weights = cold == WN_COLD_NONE;
    created->sets = 1 + CACHES_OVER * last_level_cache() / bytes;
    if (cold == WN_COLD_NONE)
        created->sets = 1;
    if (alone && created->sets > MAX_PEER_SETS)
        created->sets = MAX_PEER_SETS;
    wn_status status = wn_arena_map((size_t)(created->sets * bytes), &created->operands);
    if (!wn_failed(status))
        status = fill(&created->operands);
    if (wn_failed(status)) {
        wn_measure_destroy(created);
        return status;
    }
    *measure = created;
    return wn_ok();
}

wn_status wn_measure_create(wn_pool *pool, const wn_problem *problem, wn_measure **measure) {
    return wn_measure_create_cold(pool, problem, WN_COLD_ALL, measure);
}

wn_status wn_measure_create_cold(wn_pool *pool, const wn_problem *problem, wn_cold cold,
                                 wn_measure **measure) {
    *measure = NULL;
    WN_TRY(wn_problem_check(problem));
    const wn_measure_peer sizes = {.src = whole_lines(wn_conv_src_floats(problem)),
                                   .weights = whole_lines(wn_conv_weights_floats(problem)),
                                   .bias = (int64_t)wn_blocks(problem->oc) * WN_BLOCK,
                                   .dst = whole_lines(wn_conv_dst_floats(problem))};
    return create(pool, &sizes, false, cold, measure);
}

wn_status wn_measure_create_peer(wn_pool *pool, const wn_measure_peer *peer, wn_measure **measure) {
    *measure = NULL;
    return create(pool, peer, true, WN_COLD_ALL, measure);
}

void wn_measure_destroy(wn_measure *measure) {
    if (!measure)
        return;
    for (int i = 0; i < measure->count; i++)
        if (measure->entries[i].plan.impl->close)
            measure->entries[i].plan.impl->close(measure->entries[i].state);
    wn_arena_unmap(&measure->operands);
    wn_arena_unmap(&measure->workspace);
    wn_arena_unmap(&measure->prepared);
    free(measure->entries);
    free(measure->accuracy);
    free(measure);
}

/* What all plans share, since its contents mean nothing between runs. */
static wn_status reserve(wn_arena *arena, size_t bytes) {
    if (bytes <= arena->bytes)
        return wn_ok();
    wn_arena_unmap(arena);
    WN_TRY(wn_arena_map(bytes, arena));
    return fill(arena);
}

/* Prepared weights are taken in turn as the operands are, from more than the caches hold. Nobody prepares
 * them: no kernel's time depends on the values. */
static wn_status reserve_prepared(wn_measure *measure, size_t bytes) {
    return bytes ? reserve(&measure->prepared, bytes + CACHES_OVER * (size_t)last_level_cache()) : wn_ok();
}

wn_status wn_measure_reserve(wn_measure *measure, size_t workspace_bytes, size_t prepared_bytes) {
    WN_TRY(reserve(&measure->workspace, workspace_bytes));
    return reserve_prepared(measure, prepared_bytes);
}

wn_status wn_measure_add(wn_measure *measure, const wn_conv_plan *plan, int *index) {
    measured_plan *entries = wn_grow(measure->entries, measure->count, &measure->room, sizeof *entries);
    if (!entries)
        return wn_error(WN_ERROR_MEMORY, "tuning: no memory for %d candidates", measure->count + 1);
    measure->entries = entries;
    WN_TRY(wn_measure_reserve(measure, plan->workspace_bytes, plan->prepared_bytes));
    measured_plan added = {.plan = *plan};
    if (plan->impl->open)
        WN_TRY(plan->impl->open(plan, &added.state));
    *index = measure->count++;
    measure->entries[*index] = added;
    return wn_ok();
}

static wn_conv_args set_args(const wn_measure *measure, const wn_conv_plan *plan, long set) {
    float *base = measure->operands.base;
    float *src = base + (measure->same_data ? 0 : set) * set_floats(measure);
    float *weights = base + (measure->same_weights ? 0 : set) * set_floats(measure) + measure->src;
    wn_conv_args args = {.src = src,
                         .weights = weights,
                         .bias = weights + measure->weights,
                         .dst = src + measure->src + measure->weights + measure->bias,
                         .workspace = measure->workspace.base};
    if (plan->prepared_bytes) {
        size_t bytes = wn_align64(plan->prepared_bytes);
        args.prepared =
            (char *)measure->prepared.base + (size_t)set % (measure->prepared.bytes / bytes) * bytes;
    }
    return args;
}

void wn_measure_visit(wn_measure *measure, int index,
                      void (*visit)(const wn_conv_plan *plan, void *state, const wn_conv_args *args)) {
    const measured_plan *entry = &measure->entries[index];
    for (long set = 0; set < measure->sets; set++) {
        wn_conv_args args = set_args(measure, &entry->plan, set);
        visit(&entry->plan, entry->state, &args);
    }
}

typedef struct timed_run {
    const wn_measure *measure;
    const measured_plan *entry;
    int repeats;
    int64_t nanoseconds;
} timed_run;

typedef struct external_run {
    const measured_plan *entry;
    const wn_conv_args *args;
} external_run;

static void run_external(void *context) {
    const external_run *run = context;
    const wn_conv_plan *plan = &run->entry->plan;
    plan->impl->run(plan, run->entry->state, run->args, 0, 0, plan->threads);
}

/* One run with the phases and barriers that a tape gives it. */
static void run_once(wn_pool *pool, const measured_plan *entry, const wn_conv_args *args, int tid,
                     int nthreads) {
    const wn_conv_plan *plan = &entry->plan;
    if (plan->external) {
        external_run run = {entry, args};
        wn_pool_external(pool, tid, run_external, &run);
        return;
    }
    for (int phase = 0; phase < plan->phases; phase++) {
        plan->impl->run(plan, entry->state, args, phase, tid, nthreads);
        wn_pool_barrier(pool, tid);
    }
}

typedef struct checked_run {
    wn_pool *pool;
    const measured_plan *entry;
    const wn_conv_args *args;
    int64_t nanoseconds;
} checked_run;

static void prepare_external(void *context) {
    const checked_run *run = context;
    const wn_conv_plan *plan = &run->entry->plan;
    plan->impl->prepare(plan, run->entry->state, run->args, 0, plan->threads);
}

/* As a tape for inference does it, with weights just set. */
static void checked_task(void *context, int tid, int nthreads) {
    checked_run *run = context;
    const wn_conv_plan *plan = &run->entry->plan;
    if (plan->prepared_bytes && plan->external) {
        wn_pool_external(run->pool, tid, prepare_external, run);
    } else if (plan->prepared_bytes) {
        plan->impl->prepare(plan, run->entry->state, run->args, tid, nthreads);
        wn_pool_barrier(run->pool, tid);
    }
    wn_pool_barrier(run->pool, tid);
    int64_t begin = wn_nanoseconds();
    run_once(run->pool, run->entry, run->args, tid, nthreads);
    if (tid == 0)
        run->nanoseconds = wn_nanoseconds() - begin;
}

/* How often a plan is run for one time, judged by how long it took. */
static void decide_repeats(measured_plan *entry, int64_t nanoseconds) {
    int64_t repeats = nanoseconds > 0 ? SHORT_NANOSECONDS / nanoseconds + 1 : MAX_REPEATS;
    entry->repeats = repeats < MAX_REPEATS ? (int)repeats : MAX_REPEATS;
}

double wn_measure_error(wn_measure *measure, int index, double *seconds) {
    measured_plan *entry = &measure->entries[index];
    const wn_problem *problem = &entry->plan.problem;
    wn_conv_args args = set_args(measure, &entry->plan, 0);
    *seconds = 0;
    if (!measure->accuracy) {
        measure->accuracy = malloc(sizeof *measure->accuracy);
        if (!measure->accuracy)
            return (double)NAN;
        wn_accuracy_clear_padding(problem, &args);
        wn_accuracy_prepare(measure->accuracy, problem, &args);
    }
    wn_accuracy_before(measure->accuracy, problem, &args);
    checked_run run = {measure->pool, entry, &args, 0};
    wn_pool_run(measure->pool, checked_task, &run);
    decide_repeats(entry, run.nanoseconds);
    *seconds = (double)run.nanoseconds * 1e-9;
    return wn_accuracy_error(measure->accuracy, problem, &args);
}

static void timed_alone(void *context) {
    timed_run *run = context;
    const wn_measure *measure = run->measure;
    int64_t begin = wn_nanoseconds();
    for (int i = 0; i < run->repeats; i++) {
        wn_conv_args args = set_args(measure, &run->entry->plan, (measure->next + i) % measure->sets);
        run_external(&(external_run){run->entry, &args});
    }
    run->nanoseconds = wn_nanoseconds() - begin;
}

static void timed_task(void *context, int tid, int nthreads) {
    timed_run *run = context;
    const wn_measure *measure = run->measure;
    if (measure->alone) {
        wn_pool_external(measure->pool, tid, timed_alone, run);
        return;
    }
    wn_pool_barrier(measure->pool, tid); /* the clock starts when everybody is there */
    int64_t begin = wn_nanoseconds();
    for (int i = 0; i < run->repeats; i++) {
        wn_conv_args args = set_args(measure, &run->entry->plan, (measure->next + i) % measure->sets);
        run_once(measure->pool, run->entry, &args, tid, nthreads);
    }
    if (tid == 0)
        run->nanoseconds = wn_nanoseconds() - begin;
}

int wn_measure_repeats(const wn_measure *measure, int index) {
    return measure->entries[index].repeats;
}

double wn_measure_run(wn_measure *measure, int index) {
    measured_plan *entry = &measure->entries[index];
    timed_run run = {measure, entry, entry->repeats ? entry->repeats : 1, 0};
    wn_pool_run(measure->pool, timed_task, &run);
    measure->next = (measure->next + run.repeats) % measure->sets;
    if (!entry->repeats)
        decide_repeats(entry, run.nanoseconds);
    return (double)run.nanoseconds * 1e-9 / run.repeats;
}
