/* BWD_WB of `winograd`: the adjoint of the forward pass. With input patches B^T d B and gradient tiles A y
 * A^T the transformed weights' gradient is, element by element, the sum of their products over all tiles, and
 * the weights' gradient is G^T U G of it.
 *
 * There are two ways to divide the work. By tiles: they are taken in groups, all threads on the same one; a
 * phase transforms the group, the next adds its products to U. By outputs: all tiles are transformed first;
 * an item sums the products of a few output and input blocks in a buffer of its thread and transforms them
 * back. The first keeps the group in the cache, the second U, which outweighs small maps.
 *
 * Each element of U is summed by one thread, group after group in the order of the tiles, so the bits depend
 * neither on the number of threads nor on the way, and no partial sums are kept. */
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
    wn_part_clock *clock;       /* NULL: none */
} pass;

/* Blocks [begin, end). */
typedef struct block_range {
    int begin, end;
} block_range;

static bool by_outputs(const wn_conv_plan *plan) {
    return plan->config.knob[WINOGRAD_DIVIDE] == WINOGRAD_BY_OUTPUTS;
}

/* By outputs, U of one item is a thread's own and comes last. */
static bool lay_out(wn_conv_plan *plan, int in_blocks, int out_blocks, int64_t *bytes) {
    const int32_t *knob = plan->config.knob;
    const bool outputs = by_outputs(plan);
    const int64_t rows = outputs ? plan->derived[WINOGRAD_TOTAL_TILES] : wn_winograd_tiles_of_group(plan);
    const int item_outputs = outputs ? wn_smaller(knob[WINOGRAD_OUTPUTS], out_blocks) : out_blocks;
    const int item_inputs = outputs ? wn_smaller(knob[WINOGRAD_REDUCE], in_blocks) : in_blocks;
    int64_t floats = 0, shared, private;
    bool fits = wn_winograd_reserve(plan, WINOGRAD_SOURCE, in_blocks, rows, &floats) &&
                wn_winograd_reserve(plan, WINOGRAD_RESULT, out_blocks, rows, &floats);
    shared = floats;
    fits = fits && wn_winograd_reserve(plan, WINOGRAD_WEIGHTS, item_outputs, (int64_t)item_inputs * WN_BLOCK,
                                       &floats);
    plan->derived[WINOGRAD_PRIVATE] = private = outputs ? floats - shared : 0;
    return fits && !__builtin_mul_overflow(private, plan->threads - 1, &private) &&
           !__builtin_add_overflow(floats, private, &floats) &&
           !__builtin_mul_overflow(floats, (int64_t)sizeof(float), bytes);
}

wn_status wn_winograd_weights_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const int in_blocks = wn_blocks(p->ic), out_blocks = wn_blocks(p->oc);
    int64_t bytes;
    if (!lay_out(plan, in_blocks, out_blocks, &bytes))
        return wn_error(WN_ERROR_INVALID, "winograd: the bytes of the workspace do not fit 63 bits");
    if (by_outputs(plan)) {
        plan->derived[WINOGRAD_OUTPUT_GROUPS] = wn_ceil_div(out_blocks, knob[WINOGRAD_OUTPUTS]);
        plan->derived[WINOGRAD_INPUT_GROUPS] = wn_ceil_div(in_blocks, knob[WINOGRAD_REDUCE]);
        plan->phases = 2;
    } else {
        plan->derived[WINOGRAD_OUTPUT_GROUPS] = wn_ceil_div(out_blocks, knob[WINOGRAD_BLOCKS]);
        plan->phases = 2 * (int)plan->derived[WINOGRAD_TILE_GROUPS] + 1;
    }
    plan->workspace_bytes = (size_t)bytes;
    return wn_ok();
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const wn_problem *p = &plan->problem;
    float *own = (float *)args->workspace + tid * plan->derived[WINOGRAD_PRIVATE];
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
        .u = wn_winograd_buffer_at(plan, WINOGRAD_WEIGHTS, own),
        .v = wn_winograd_buffer_at(plan, WINOGRAD_SOURCE, args->workspace),
        .y = wn_winograd_buffer_at(plan, WINOGRAD_RESULT, args->workspace),
        .clock = wn_part_clock_of(args->clocks, tid),
    };
}

static void transform_gradient(const pass *s, int block, int64_t begin, int64_t end, float *elements) {
    const float *map = s->gradient + block * s->out_block;
    for (int64_t tile = begin; tile < end; tile++) {
        const wn_winograd_place place = wn_winograd_place_of(&s->maps, tile);
        const wn_winograd_patch patch =
            wn_winograd_tile_of(&s->maps, &place, map + place.image * s->plan->dst_stride);
        const int64_t ahead = tile + WINOGRAD_READ_AHEAD;
        if (ahead < s->plan->derived[WINOGRAD_TOTAL_TILES])
            wn_winograd_fetch(&s->maps, map, s->maps.out_height, s->maps.out_width, s->plan->dst_stride,
                              ahead, false);
        s->transforms->gradient(&patch, elements + (tile - begin) * WN_BLOCK, s->y.element);
    }
}

/* Transforms input and gradient of tiles [begin, end). */
static void transform_tiles(const pass *s, int64_t begin, int64_t end, int tid, int nthreads) {
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
    wn_part_end(s->clock, WN_PART_INPUT);
}

/* The products of `count` tiles from `row` on, of some output and input blocks and one element: to u, which
 * starts with the first of these blocks. */
static void multiply(const pass *s, int64_t e, int64_t row, int count, block_range out, block_range in,
                     float *u, bool accumulate) {
    const wn_tap tap = {0, 0};
    wn_tile tile = {.a_row = 1,
                    .a_k = WN_BLOCK,
                    .b = s->y.data + e * s->y.element + out.begin * s->y.block + row * WN_BLOCK,
                    .b_k = WN_BLOCK,
                    .b_block = s->y.block,
                    .taps = &tap,
                    .count = 1,
                    .k = count,
                    .c_row = WN_BLOCK,
                    .c_block = s->u.block,
                    .accumulate = accumulate};
    for (int block = in.begin; block < in.end; block++) {
        tile.a = s->v.data + e * s->v.element + block * s->v.block + row * WN_BLOCK;
        tile.c = u + (int64_t)(block - in.begin) * WN_BLOCK * WN_BLOCK;
        wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, WN_BLOCK, out.end - out.begin, NULL);
    }
}

/* By tiles: adds the products of a group of `count` tiles. */
static void multiply_group(const pass *s, int count, bool first, int tid, int nthreads) {
    const int knob = s->plan->config.knob[WINOGRAD_BLOCKS], patch = s->maps.patch;
    const int groups = (int)s->plan->derived[WINOGRAD_OUTPUT_GROUPS];
    const block_range in = {0, s->in_blocks};
    long begin, end;
    wn_split((long)patch * patch * groups, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        const int64_t e = item / groups;
        const int block = (int)(item % groups) * knob;
        const block_range out = {block, wn_smaller(s->out_blocks, block + knob)};
        multiply(s, e, 0, count, out, in, s->u.data + e * s->u.element + block * s->u.block, !first);
    }
    wn_part_end(s->clock, WN_PART_MULTIPLY);
}

/* By outputs: the products of all tiles, to the start of u. */
static void multiply_item(const pass *s, block_range out, block_range in) {
    const int knob = s->plan->config.knob[WINOGRAD_BLOCKS], patch = s->maps.patch;
    const int groups = (int)s->plan->derived[WINOGRAD_TILE_GROUPS];
    long begin, end;
    for (int e = 0; e < patch * patch; e++)
        for (int group = 0; group < groups; group++) {
            wn_split(s->plan->derived[WINOGRAD_TOTAL_TILES], group, groups, &begin, &end);
            for (int block = out.begin; block < out.end; block += knob) {
                const block_range blocks = {block, wn_smaller(out.end, block + knob)};
                multiply(s, e, begin, (int)(end - begin), blocks, in,
                         s->u.data + e * s->u.element + (block - out.begin) * s->u.block, group > 0);
            }
        }
    wn_part_end(s->clock, WN_PART_MULTIPLY);
}

/* U between output and input block, at `elements`, becomes the gradient of their weights. */
static void transform_weights(const pass *s, int out, int in, const float *elements, float *weights) {
    const int64_t size = (int64_t)s->transforms->kernel * s->transforms->kernel * WN_BLOCK * WN_BLOCK;
    s->transforms->weights_gradient(elements, s->u.element,
                                    weights + ((int64_t)out * s->in_blocks + in) * size,
                                    s->plan->problem.accumulate);
}

/* By tiles, the last phase. */
static void transform_all_weights(const pass *s, float *weights, int tid, int nthreads) {
    long begin, end;
    wn_split((long)s->out_blocks * s->in_blocks, tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++) {
        const int64_t out = pair / s->in_blocks, in = pair % s->in_blocks;
        transform_weights(s, (int)out, (int)in, s->u.data + out * s->u.block + in * WN_BLOCK * WN_BLOCK,
                          weights);
    }
    wn_part_end(s->clock, WN_PART_OUTPUT);
}

/* By outputs, the last phase. */
static void run_items(const pass *s, float *weights, int tid, int nthreads) {
    const int in_groups = (int)s->plan->derived[WINOGRAD_INPUT_GROUPS];
    const int out_groups = (int)s->plan->derived[WINOGRAD_OUTPUT_GROUPS];
    long begin, end;
    wn_split((long)out_groups * in_groups, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        const int o = (int)(item / in_groups), i = (int)(item % in_groups);
        const block_range out = {wn_part_begin(s->out_blocks, out_groups, o),
                                 wn_part_begin(s->out_blocks, out_groups, o + 1)};
        const block_range in = {wn_part_begin(s->in_blocks, in_groups, i),
                                wn_part_begin(s->in_blocks, in_groups, i + 1)};
        multiply_item(s, out, in);
        for (int a = out.begin; a < out.end; a++)
            for (int b = in.begin; b < in.end; b++)
                transform_weights(s, a, b,
                                  s->u.data + (a - out.begin) * s->u.block +
                                      (int64_t)(b - in.begin) * WN_BLOCK * WN_BLOCK,
                                  weights);
        wn_part_end(s->clock, WN_PART_OUTPUT);
    }
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
    wn_part_end(s->clock, WN_PART_SUM);
}

static void run_by_outputs(const pass *s, const wn_conv_args *args, int phase, int tid, int nthreads) {
    if (phase == 0)
        transform_tiles(s, 0, s->plan->derived[WINOGRAD_TOTAL_TILES], tid, nthreads);
    else
        run_items(s, args->weights, tid, nthreads);
}

static void run_by_tiles(const pass *s, const wn_conv_args *args, int phase, int tid, int nthreads) {
    const int groups = (int)s->plan->derived[WINOGRAD_TILE_GROUPS], group = phase / 2;
    if (group == groups) {
        transform_all_weights(s, args->weights, tid, nthreads);
        return;
    }
    long begin, end;
    wn_split(s->plan->derived[WINOGRAD_TOTAL_TILES], group, groups, &begin, &end);
    if (phase % 2 == 0)
        transform_tiles(s, begin, end, tid, nthreads);
    else
        multiply_group(s, (int)(end - begin), group == 0, tid, nthreads);
}

void wn_winograd_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                             int nthreads) {
    const pass s = make_pass(plan, args, tid);
    if (by_outputs(plan))
        run_by_outputs(&s, args, phase, tid, nthreads);
    else
        run_by_tiles(&s, args, phase, tid, nthreads);
    if (phase == 0 && args->bias)
        sum_bias(&s, args->bias, tid, nthreads);
}
