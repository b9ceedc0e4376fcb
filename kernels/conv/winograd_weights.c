/* BWD_WB of `winograd`: the adjoint of the forward pass. With input patches B^T d B and gradient tiles A y
 * A^T the transformed weights' gradient is, element by element, the sum of their products over all tiles, and
 * the weights' gradient is G^T U G of it.
 *
 * The tiles are taken in groups, all threads on the same one: a phase transforms the group, the next adds its
 * products to U. Each element of U is summed by one thread in the order of the tiles, so the bits do not
 * depend on the number of threads and no partial sums are kept. */
#include "direct.h"
#include "gemm/sums.h"
#include "isa.h"
#include "pool.h"
#include "winograd.h"
#include <string.h>

enum { TILES_OF_ITEM = 16 }; /* tiles that an item of a transforming phase takes */

typedef struct pass {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    const wn_winograd_transforms *transforms;
    wn_winograd_maps maps;
    const float *in, *gradient;
    int64_t in_block, out_block; /* between blocks */
    int in_blocks, out_blocks;
    wn_winograd_buffer u, v, y; /* weights' gradient, input, output's gradient, all transformed */
} pass;

wn_status wn_winograd_weights_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int in_blocks = wn_blocks(p->ic), out_blocks = wn_blocks(p->oc);
    const int64_t group = wn_winograd_tiles_of_group(plan);
    int64_t floats = 0, bytes;
    if (!wn_winograd_reserve(plan, WINOGRAD_WEIGHTS, out_blocks, (int64_t)in_blocks * WN_BLOCK, &floats) ||
        !wn_winograd_reserve(plan, WINOGRAD_SOURCE, in_blocks, group, &floats) ||
        !wn_winograd_reserve(plan, WINOGRAD_RESULT, out_blocks, group, &floats) ||
        __builtin_mul_overflow(floats, (int64_t)sizeof(float), &bytes))
        return wn_error(WN_ERROR_INVALID, "winograd: the bytes of the workspace do not fit 63 bits");
    plan->derived[WINOGRAD_OUTPUT_GROUPS] = wn_ceil_div(out_blocks, plan->config.knob[WINOGRAD_BLOCKS]);
    plan->workspace_bytes = (size_t)bytes;
    plan->phases = 2 * (int)plan->derived[WINOGRAD_TILE_GROUPS] + 1;
    return wn_ok();
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args) {
    const wn_problem *p = &plan->problem;
    return (pass){
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .transforms = wn_winograd_transforms_of(plan),
        .maps = wn_winograd_maps_of(plan),
        .in = args->src,
        .gradient = args->dst,
        .in_block = (int64_t)p->ih * p->iw * WN_BLOCK,
        .out_block = (int64_t)p->oh * p->ow * WN_BLOCK,
        .in_blocks = wn_blocks(p->ic),
        .out_blocks = wn_blocks(p->oc),
        .u = wn_winograd_buffer_at(plan, WINOGRAD_WEIGHTS, args->workspace),
        .v = wn_winograd_buffer_at(plan, WINOGRAD_SOURCE, args->workspace),
        .y = wn_winograd_buffer_at(plan, WINOGRAD_RESULT, args->workspace),
    };
}

static void transform_gradient(const pass *s, int block, int64_t begin, int64_t end, float *elements) {
    const float *map = s->gradient + block * s->out_block;
    for (int64_t tile = begin; tile < end; tile++) {
        const wn_winograd_place place = wn_winograd_place_of(&s->maps, tile);
        const wn_winograd_patch patch =
            wn_winograd_tile_of(&s->maps, &place, map + place.image * s->plan->dst_stride);
        s->transforms->gradient(&patch, elements + (tile - begin) * WN_BLOCK, s->y.element);
    }
}

/* Transforms the group's input and gradient. */
static void transform_group(const pass *s, int64_t begin, int64_t end, int tid, int nthreads) {
    const int parts = wn_ceil_div((int)(end - begin), TILES_OF_ITEM);
    long item_begin, item_end, part_begin, part_end;
    wn_split((long)(s->in_blocks + s->out_blocks) * parts, tid, nthreads, &item_begin, &item_end);
    for (long item = item_begin; item < item_end; item++) {
        const int block = (int)(item / parts);
        wn_split(end - begin, (int)(item % parts), parts, &part_begin, &part_end);
        const int64_t row = part_begin * WN_BLOCK;
        if (block < s->in_blocks)
            wn_winograd_transform_source(s->plan, &s->maps, s->in + block * s->in_block, s->plan->src_stride,
                                         begin + part_begin, begin + part_end,
                                         s->v.data + block * s->v.block + row, s->v.element);
        else
            transform_gradient(s, block - s->in_blocks, begin + part_begin, begin + part_end,
                               s->y.data + (block - s->in_blocks) * s->y.block + row);
    }
}

/* Adds the products of a group of `count` tiles. */
static void multiply_group(const pass *s, int count, bool first, int tid, int nthreads) {
    const int knob = s->plan->config.knob[WINOGRAD_BLOCKS], patch = s->maps.patch;
    const int groups = (int)s->plan->derived[WINOGRAD_OUTPUT_GROUPS];
    const wn_tap tap = {0, 0};
    wn_tile tile = {.a_row = 1,
                    .a_k = WN_BLOCK,
                    .b_k = WN_BLOCK,
                    .b_block = s->y.block,
                    .taps = &tap,
                    .count = 1,
                    .k = count,
                    .c_row = WN_BLOCK,
                    .c_block = s->u.block,
                    .accumulate = !first};
    long begin, end;
    wn_split((long)patch * patch * groups, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        const int64_t e = item / groups;
        const int block = (int)(item % groups) * knob;
        const int blocks = s->out_blocks - block < knob ? s->out_blocks - block : knob;
        for (int in = 0; in < s->in_blocks; in++) {
            tile.a = s->v.data + e * s->v.element + in * s->v.block;
            tile.b = s->y.data + e * s->y.element + block * s->y.block;
            tile.c = s->u.data + e * s->u.element + block * s->u.block + (int64_t)in * WN_BLOCK * WN_BLOCK;
            wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, WN_BLOCK, blocks);
        }
    }
}

static void transform_weights(const pass *s, float *weights, int tid, int nthreads) {
    const int64_t taps = (int64_t)s->transforms->kernel * s->transforms->kernel;
    long begin, end;
    wn_split((long)s->out_blocks * s->in_blocks, tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++)
        s->transforms->weights_gradient(
            s->u.data + pair / s->in_blocks * s->u.block + pair % s->in_blocks * WN_BLOCK * WN_BLOCK,
            s->u.element, weights + pair * taps * WN_BLOCK * WN_BLOCK, s->plan->problem.accumulate);
}

static void sum_bias(const pass *s, float *bias, int tid, int nthreads) {
    const wn_problem *p = &s->plan->problem;
    const wn_sums *sums = wn_kernels_of(s->plan->isa)->sums;
    long begin, end;
    wn_split(s->out_blocks, tid, nthreads, &begin, &end);
    for (long block = begin; block < end; block++) {
        float *sum = bias + block * WN_BLOCK;
        if (!p->accumulate)
            memset(sum, 0, WN_BLOCK * sizeof *sum);
        for (int n = 0; n < p->mb; n++)
            sums->rows(s->gradient + n * s->plan->dst_stride + block * s->out_block, s->out_block / WN_BLOCK,
                       WN_BLOCK, sum);
    }
}

void wn_winograd_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                             int nthreads) {
    const pass s = make_pass(plan, args);
    const int groups = (int)plan->derived[WINOGRAD_TILE_GROUPS], group = phase / 2;
    if (group == groups) {
        transform_weights(&s, args->weights, tid, nthreads);
        return;
    }
    long begin, end;
    wn_split(plan->derived[WINOGRAD_TOTAL_TILES], group, groups, &begin, &end);
    if (phase % 2 == 0)
        transform_group(&s, begin, end, tid, nthreads);
    else
        multiply_group(&s, (int)(end - begin), group == 0, tid, nthreads);
    if (phase == 0 && args->bias)
        sum_bias(&s, args->bias, tid, nthreads);
}
