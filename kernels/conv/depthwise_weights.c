/* BWD_WB of `depthwise`. Images are summed in fixed chunks (a knob), each into a part of the workspace; a
 * second phase adds the parts in order and writes the diagonals of the blocked weights, so the bits do not
 * depend on the number of threads. */
#include "depthwise.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

/* Floats of a part: [taps][16], then the bias. */
static int64_t part_floats(const wn_problem *problem) {
    return ((int64_t)problem->kh * problem->kw + 1) * WN_BLOCK;
}

bool wn_depthwise_weights_plan(wn_conv_plan *plan, int64_t *bytes) {
    const wn_problem *p = &plan->problem;
    const int64_t chunks = (p->mb - 1) / plan->config.knob[DEPTHWISE_IMAGES] + 1;
    int64_t parts;
    plan->derived[DEPTHWISE_CHUNKS] = chunks;
    plan->phases = 2;
    return !__builtin_mul_overflow(chunks * wn_blocks(p->ic), part_floats(p), &parts) &&
           !__builtin_mul_overflow(parts, (int64_t)sizeof(float), &parts) &&
           !__builtin_add_overflow(*bytes, parts, bytes);
}

typedef struct summing {
    const wn_depthwise *kernels;
    float *sums, *bias;
} summing;

static void sum_rectangle(const wn_rectangle *rectangle, void *context) {
    const summing *to = context;
    to->kernels->sum(rectangle, to->sums, to->bias);
}

/* The sums of blocks [begin, end) over the images of a chunk, maps in the order of memory. */
static void sum_chunk(const wn_conv_plan *plan, wn_rectangles *s, const wn_conv_args *args, int chunk,
                      int64_t begin, int64_t end) {
    const wn_problem *p = &plan->problem;
    const int chunks = (int)plan->derived[DEPTHWISE_CHUNKS], bands = (int)plan->derived[DEPTHWISE_BANDS];
    const int64_t floats = part_floats(p);
    float *parts = (float *)args->workspace + (chunk * (int64_t)wn_blocks(p->ic)) * floats;
    memset(parts + begin * floats, 0, (size_t)((end - begin) * floats) * sizeof(float));
    for (int image = wn_part_begin(p->mb, chunks, chunk); image < wn_part_begin(p->mb, chunks, chunk + 1);
         image++)
        for (int64_t block = begin; block < end; block++) {
            float *sums = parts + block * floats;
            summing context = {.kernels = wn_kernels_of(plan->isa)->depthwise,
                               .sums = sums,
                               .bias = sums + (int64_t)s->taps * WN_BLOCK};
            for (int band = 0; band < bands; band++)
                wn_rectangles_walk(s, args->src + image * s->in_stride + block * s->in_block,
                                   args->dst + image * s->out_stride + block * s->out_block,
                                   wn_part_begin(p->oh, bands, band), wn_part_begin(p->oh, bands, band + 1),
                                   sum_rectangle, &context);
        }
}

/* Phase 0: the sums of every chunk and block. */
static void sum_chunks(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    wn_rectangles s = wn_depthwise_rectangles(plan, args->workspace, tid);
    const int blocks = wn_blocks(plan->problem.ic);
    long begin, end;
    wn_split((long)blocks * plan->derived[DEPTHWISE_CHUNKS], tid, nthreads, &begin, &end);
    for (long next; begin < end; begin = next) {
        const long chunk = begin / blocks, first = chunk * blocks;
        next = first + blocks < end ? first + blocks : end;
        sum_chunk(plan, &s, args, (int)chunk, begin - first, next - first);
    }
}

/* The parts of one block in order, 16 floats from `at` on. */
static void add_parts(const wn_conv_plan *plan, const float *parts, int64_t at, float total[WN_BLOCK]) {
    const int64_t distance = wn_blocks(plan->problem.ic) * part_floats(&plan->problem);
    memcpy(total, parts + at, WN_BLOCK * sizeof *total);
    for (int64_t chunk = 1; chunk < plan->derived[DEPTHWISE_CHUNKS]; chunk++)
        for (int lane = 0; lane < WN_BLOCK; lane++)
            total[lane] += parts[chunk * distance + at + lane];
}

/* Phase 1: weights off the diagonal join different groups and are zero. */
static void combine(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int64_t taps = (int64_t)p->kh * p->kw;
    float total[WN_BLOCK];
    long begin, end;
    wn_split(wn_blocks(p->ic), tid, nthreads, &begin, &end);
    for (long block = begin; block < end; block++) {
        const float *parts = (float *)args->workspace + block * part_floats(p);
        float *weights = args->weights + block * taps * WN_BLOCK * WN_BLOCK;
        if (!p->accumulate)
            memset(weights, 0, (size_t)(taps * WN_BLOCK * WN_BLOCK) * sizeof(float));
        for (int64_t tap = 0; tap < taps; tap++) {
            add_parts(plan, parts, tap * WN_BLOCK, total);
            for (int lane = 0; lane < WN_BLOCK; lane++)
                weights[(tap * WN_BLOCK + lane) * WN_BLOCK + lane] += total[lane];
        }
        if (!args->bias)
            continue;
        add_parts(plan, parts, taps * WN_BLOCK, total);
        for (int lane = 0; lane < WN_BLOCK; lane++) {
            float *bias = args->bias + block * WN_BLOCK + lane;
            *bias = p->accumulate ? *bias + total[lane] : total[lane];
        }
    }
}

void wn_depthwise_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                              int nthreads) {
    if (phase == 0)
        sum_chunks(plan, args, tid, nthreads);
    else
        combine(plan, args, tid, nthreads);
}
