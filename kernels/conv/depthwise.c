/* Depthwise convolution: every channel is a group of its own and has one filter. A vector holds 16 channels,
 * so nothing is summed across lanes and no zero of the blocked weights is multiplied: of a 16 x 16 block of
 * weights the diagonal alone is read, by a phase of its own, since maps are then taken as they lie in memory:
 * every one needs other weights.
 *
 * The output falls into rectangles whose pixels all have the same valid taps, as for `direct`, so padding is
 * never multiplied; border columns are tiled downwards. This file: what is supported, plans, FWD_B and BWD_D.
 * BWD_WB is in depthwise_weights.c. */
#include "depthwise.h"
#include "arena.h"
#include "configs.h"
#include "implementations.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

static const char *const knobs[] = {"rows", "images", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (!wn_kernels_of(isa))
        return "this build has no kernels for the ISA";
    if (problem->g == 1 || problem->g != problem->ic || problem->oc != problem->ic)
        return "as many groups as input and output channels only";
    return NULL;
}

/* Rows that a work item can have: those of a residue class. */
static int most_rows(const wn_problem *problem) {
    return problem->direction == WN_BWD_D ? wn_ceil_div(problem->ih, problem->sh) : problem->oh;
}

/* Whole maps, unless that leaves threads without work. */
static wn_config default_gather(const wn_problem *problem, int threads) {
    const int64_t maps = (int64_t)problem->mb * wn_blocks(problem->ic), items = 4 * threads;
    const int rows = most_rows(problem), bands = wn_clamp((items + maps - 1) / maps, 1, rows);
    return (wn_config){{[DEPTHWISE_ROWS] = wn_ceil_div(rows, bands)}};
}

/* Sums of some 512 pixels, and about 16 chunks. */
static wn_config default_weights(const wn_problem *problem) {
    const int chunks = wn_clamp(wn_ceil_div(16, wn_blocks(problem->ic)), 1, problem->mb);
    return (wn_config){{[DEPTHWISE_ROWS] = wn_clamp(512 / problem->ow, 1, problem->oh),
                        [DEPTHWISE_IMAGES] = wn_ceil_div(problem->mb, chunks)}};
}

/* The default, and half and twice of every knob. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)isa;
    const bool weights = problem->direction == WN_BWD_WB;
    const wn_config base = weights ? default_weights(problem) : default_gather(problem, threads);
    const int limit[] = {most_rows(problem), problem->mb};
    int count = 0;
    if (room > 0)
        list[count++] = base;
    for (int knob = 0; knob < (weights ? DEPTHWISE_KNOBS : DEPTHWISE_IMAGES); knob++)
        for (int twice = 0; twice < 2 && count < room; twice++) {
            wn_config config = base;
            config.knob[knob] = wn_clamp(twice ? base.knob[knob] * 2LL : base.knob[knob] / 2, 1, limit[knob]);
            if (config.knob[knob] != base.knob[knob])
                list[count++] = config;
        }
    return count;
}

/* Diagonals [block][tap][16], in the workspace or prepared. */
static bool lay_out_diagonals(wn_conv_plan *plan, int64_t *bytes) {
    const wn_problem *p = &plan->problem;
    int64_t prepared = 0;
    const bool fits =
        wn_take_bytes(p->constant_weights ? &prepared : bytes, (int64_t)p->kh * p->kw * wn_blocks(p->ic),
                      WN_BLOCK * (int64_t)sizeof(float));
    plan->prepared_bytes = (size_t)prepared;
    plan->phases = p->constant_weights ? 1 : 2;
    return fits;
}

static bool lay_out_private(wn_conv_plan *plan, int64_t *bytes) {
    int64_t part;
    plan->derived[DEPTHWISE_PRIVATE] = *bytes;
    const bool fits = wn_rectangles_bytes(&plan->problem, &part);
    plan->derived[DEPTHWISE_PRIVATE_BYTES] = part;
    return fits && wn_take_bytes(bytes, part, plan->threads);
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const bool weights = p->direction == WN_BWD_WB;
    if (knob[DEPTHWISE_ROWS] < 1)
        return wn_error(WN_ERROR_INVALID, "depthwise: config rows=%d: expected at least 1",
                        knob[DEPTHWISE_ROWS]);
    if (weights ? knob[DEPTHWISE_IMAGES] < 1 : knob[DEPTHWISE_IMAGES] != 0)
        return wn_error(WN_ERROR_INVALID, "depthwise: config images=%d: expected %s", knob[DEPTHWISE_IMAGES],
                        weights ? "at least 1" : "0 here");
    int64_t bytes = 0;
    plan->derived[DEPTHWISE_BANDS] = (most_rows(p) - 1) / knob[DEPTHWISE_ROWS] + 1;
    if (!(weights ? wn_depthwise_weights_plan(plan, &bytes) : lay_out_diagonals(plan, &bytes)) ||
        !lay_out_private(plan, &bytes))
        return wn_error(WN_ERROR_INVALID, "depthwise: the bytes of the workspace do not fit 63 bits");
    plan->workspace_bytes = (size_t)bytes;
    return wn_ok();
}

wn_rectangles wn_depthwise_rectangles(const wn_conv_plan *plan, void *workspace, int tid) {
    return wn_rectangles_of(plan, wn_kernels_of(plan->isa)->depthwise->pixels / 2,
                            (char *)workspace + plan->derived[DEPTHWISE_PRIVATE] +
                                tid * plan->derived[DEPTHWISE_PRIVATE_BYTES]);
}

/* What a rectangle of FWD_B or BWD_D needs besides its pixels. */
typedef struct gathering {
    const wn_conv_plan *plan;
    const float *weights, *bias; /* of the block */
} gathering;

static void gather_rectangle(const wn_rectangle *rectangle, void *context) {
    const gathering *g = context;
    const wn_problem *p = &g->plan->problem;
    wn_kernels_of(g->plan->isa)->depthwise->gather(rectangle, g->weights, g->bias, p->accumulate, p->relu);
}

/* Where the diagonals are, or go. */
static float *diagonals_of(const wn_conv_plan *plan, const wn_conv_args *args) {
    return plan->prepared_bytes ? args->prepared : args->workspace;
}

static void read_diagonals(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    float *diagonals = diagonals_of(plan, args);
    long begin, end;
    wn_split((long)p->kh * p->kw * wn_blocks(p->ic), tid, nthreads, &begin, &end);
    for (long i = begin * WN_BLOCK; i < end * WN_BLOCK; i++)
        diagonals[i] = args->weights[i * WN_BLOCK + i % WN_BLOCK];
}

static void gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const float *in = backward ? args->dst : args->src, *diagonals = diagonals_of(plan, args);
    float *out = backward ? args->src : args->dst;
    const int bands = (int)plan->derived[DEPTHWISE_BANDS], rows = most_rows(p), blocks = wn_blocks(p->ic);
    wn_rectangles s = wn_depthwise_rectangles(plan, args->workspace, tid);
    long begin, end;
    wn_split((long)p->mb * blocks * bands, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int band = (int)(index % bands);
        const int64_t block = index / bands % blocks, image = index / bands / blocks;
        gathering context = {.plan = plan, .weights = diagonals + block * s.taps * WN_BLOCK};
        if (args->bias && !backward)
            context.bias = args->bias + block * WN_BLOCK;
        wn_rectangles_walk(&s, in + image * s.in_stride + block * s.in_block,
                           out + image * s.out_stride + block * s.out_block, wn_part_begin(rows, bands, band),
                           wn_part_begin(rows, bands, band + 1), gather_rectangle, &context);
    }
}

static void prepare(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid, int nthreads) {
    (void)state;
    read_diagonals(plan, args, tid, nthreads);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    wn_part_clock *clock = wn_part_clock_of(args->clocks, tid);
    if (plan->problem.direction == WN_BWD_WB) {
        wn_depthwise_weights_run(plan, args, phase, tid, nthreads);
        wn_part_end(clock, phase == 0 ? WN_PART_MULTIPLY : WN_PART_SUM);
    } else if (phase == 0 && !plan->prepared_bytes) {
        read_diagonals(plan, args, tid, nthreads);
        wn_part_end(clock, WN_PART_WEIGHTS);
    } else {
        gather(plan, args, tid, nthreads);
        wn_part_end(clock, WN_PART_MULTIPLY);
    }
}

const wn_conv_impl wn_conv_depthwise = {.name = "depthwise",
                                        .knobs = knobs,
                                        .refuse = refuse,
                                        .configs = configs,
                                        .plan = plan,
                                        .prepare = prepare,
                                        .run = run};
