/* FWD_B and BWD_D of `winograd`. For the gradient of the data the roles are turned: the "input" is dst's
 * gradient, and the weights are transposed and mirrored before they are transformed.
 *
 * There are two ways to divide the work. By tiles: all weights are transformed first; an item transforms its
 * tiles into a buffer of its thread and takes the output blocks part by part: multiplies, transforms back. By
 * outputs: all tiles are transformed first; an item takes its output blocks' weights part by part: transforms
 * them into a buffer of its thread, adds their products with all tiles, and transforms back in the end. The
 * first keeps activations in the cache, the second the weights, which outweigh small maps.
 *
 * Constant weights are transformed once, all of them, and neither way transforms them again. */
#include "arena.h"
#include "direct.h"
#include "isa.h"
#include "pool.h"
#include "winograd.h"
#include <xmmintrin.h>

enum { MAX_KERNEL = 5 };

typedef struct pass {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    const wn_winograd_transforms *transforms;
    wn_winograd_maps maps;
    const float *in, *weights, *bias;
    float *out;
    ptrdiff_t mask;                /* from out */
    int64_t in_stride, out_stride; /* between images */
    int64_t in_block, out_block;   /* between blocks */
    int in_blocks, out_blocks;
    wn_winograd_buffer u, v, m; /* transformed weights, transformed input, their products */
    wn_tap *taps;
    wn_part_clock *clock; /* NULL: none */
} pass;

/* Blocks [begin, end). */
typedef struct block_range {
    int begin, end;
} block_range;

static bool by_outputs(const wn_conv_plan *plan) {
    return plan->config.knob[WINOGRAD_DIVIDE] == WINOGRAD_BY_OUTPUTS;
}

static bool constant(const wn_conv_plan *plan) {
    return plan->problem.constant_weights;
}

/* Where the parts lie: what all threads share first, then every thread's own. Weights are shared and tiles
 * private when the work is divided by tiles, and the other way round; constant weights lie elsewhere. */
static bool lay_out(wn_conv_plan *plan, int in_blocks, int out_blocks, int64_t *bytes) {
    const bool outputs = by_outputs(plan);
    const int item_blocks = wn_smaller(plan->config.knob[WINOGRAD_OUTPUTS], out_blocks);
    const int item_inputs = wn_smaller(plan->config.knob[WINOGRAD_REDUCE], in_blocks);
    const int64_t all = plan->derived[WINOGRAD_TOTAL_TILES], group = wn_winograd_tiles_of_group(plan);
    const int64_t taps = (int64_t)wn_align64((size_t)in_blocks * sizeof(wn_tap)) / (int64_t)sizeof(float);
    int64_t floats = 0, prepared = 0, shared, private;
    int64_t *weights = constant(plan) ? &prepared : &floats;
    bool fits = true;
    if (constant(plan) || !outputs)
        fits =
            wn_winograd_reserve(plan, WINOGRAD_WEIGHTS, out_blocks, (int64_t)in_blocks * WN_BLOCK, weights);
    if (outputs)
        fits = fits && wn_winograd_reserve(plan, WINOGRAD_SOURCE, in_blocks, all, &floats);
    shared = floats;
    if (!constant(plan) && outputs)
        fits = fits && wn_winograd_reserve(plan, WINOGRAD_WEIGHTS, item_blocks,
                                           (int64_t)item_inputs * WN_BLOCK, &floats);
    if (!outputs)
        fits = fits && wn_winograd_reserve(plan, WINOGRAD_SOURCE, in_blocks, group, &floats);
    fits = fits && prepared <= INT64_MAX / (int64_t)sizeof(float) &&
           wn_winograd_reserve(plan, WINOGRAD_RESULT, item_blocks, outputs ? all : group, &floats);
    plan->prepared_bytes = (size_t)prepared * sizeof(float);
    plan->derived[WINOGRAD_TAPS] = floats;
    fits = fits && !__builtin_add_overflow(floats, taps, &floats);
    plan->derived[WINOGRAD_PRIVATE] = private = floats - shared;
    return fits && !__builtin_mul_overflow(private, plan->threads, &private) &&
           !__builtin_add_overflow(shared, private, &floats) &&
           !__builtin_mul_overflow(floats, (int64_t)sizeof(float), bytes);
}

wn_status wn_winograd_gather_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int in_blocks = wn_blocks(backward ? p->oc : p->ic);
    const int out_blocks = wn_blocks(backward ? p->ic : p->oc);
    int64_t bytes;
    if (!lay_out(plan, in_blocks, out_blocks, &bytes))
        return wn_error(WN_ERROR_INVALID, "winograd: the bytes of the workspace do not fit 63 bits");
    plan->derived[WINOGRAD_OUTPUT_GROUPS] = wn_ceil_div(out_blocks, plan->config.knob[WINOGRAD_OUTPUTS]);
    plan->derived[WINOGRAD_STREAM] =
        !p->accumulate &&
        (backward ? wn_conv_src_floats(p) : wn_conv_dst_floats(p)) > WN_CONV_STREAMED_FLOATS;
    plan->workspace_bytes = (size_t)bytes;
    plan->phases = constant(plan) && !by_outputs(plan) ? 1 : 2;
    return wn_ok();
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D, outputs = by_outputs(plan);
    float *shared = args->workspace, *private = shared + tid * plan->derived[WINOGRAD_PRIVATE];
    pass s = {
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .transforms = wn_winograd_transforms_of(plan),
        .maps = wn_winograd_maps_of(plan),
        .in = backward ? args->dst : args->src,
        .weights = args->weights,
        .bias = backward ? NULL : args->bias,
        .out = backward ? args->src : args->dst,
        .mask = wn_conv_mask_distance(args),
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .in_blocks = wn_blocks(backward ? p->oc : p->ic),
        .out_blocks = wn_blocks(backward ? p->ic : p->oc),
        .u = wn_winograd_buffer_at(plan, WINOGRAD_WEIGHTS,
                                   constant(plan) ? args->prepared
                                   : outputs      ? private
                                                  : shared),
        .v = wn_winograd_buffer_at(plan, WINOGRAD_SOURCE, outputs ? shared : private),
        .m = wn_winograd_buffer_at(plan, WINOGRAD_RESULT, private),
        .taps = (wn_tap *)(private + plan->derived[WINOGRAD_TAPS]),
        .clock = wn_part_clock_of(args->clocks, tid),
    };
    s.in_block = (int64_t)s.maps.in_height * s.maps.in_width * WN_BLOCK;
    s.out_block = (int64_t)s.maps.out_height * s.maps.out_width * WN_BLOCK;
    for (int i = 0; i < s.in_blocks; i++)
        s.taps[i] = (wn_tap){.a = i * s.v.block, .b = (int64_t)i * WN_BLOCK * WN_BLOCK};
    return s;
}

/* The weights of one output and one input block become [16][16] of every element. */
static void transform_weights(const pass *s, int out, int in, float *elements) {
    const int taps = s->transforms->kernel * s->transforms->kernel;
    const int64_t size = WN_BLOCK * WN_BLOCK;
    if (s->plan->problem.direction != WN_BWD_D) {
        s->transforms->weights(s->weights + ((int64_t)out * s->in_blocks + in) * taps * size, elements,
                               s->u.element);
        return;
    }
    const wn_sums *sums = wn_kernels_of(s->plan->isa)->sums;
    const float *weights = s->weights + ((int64_t)in * s->out_blocks + out) * taps * size;
    _Alignas(64) float turned[MAX_KERNEL * MAX_KERNEL * WN_BLOCK * WN_BLOCK];
    for (int tap = 0; tap < taps; tap++)
        sums->transpose(weights + (taps - 1 - tap) * size, turned + tap * size);
    s->transforms->weights(turned, elements, s->u.element);
}

/* Products of the first `count` tiles of v with weights u, whose first block and input channel are those of
 * the ranges; to the first blocks of m. */
static void multiply(const pass *s, int count, const float *u, block_range out, block_range in) {
    const int knob = s->plan->config.knob[WINOGRAD_BLOCKS], patch = s->maps.patch;
    wn_tile tile = {.a_row = WN_BLOCK,
                    .a_k = 1,
                    .b_k = WN_BLOCK,
                    .b_block = s->u.block,
                    .taps = s->taps,
                    .count = in.end - in.begin,
                    .k = WN_BLOCK,
                    .c_row = WN_BLOCK,
                    .c_block = s->m.block,
                    .accumulate = in.begin > 0};
    for (int e = 0; e < patch * patch; e++)
        for (int block = 0; block < out.end - out.begin; block += knob) {
            tile.a = s->v.data + e * s->v.element + in.begin * s->v.block;
            tile.b = u + e * s->u.element + block * s->u.block;
            tile.c = s->m.data + e * s->m.element + block * s->m.block;
            wn_direct_run_rows(s->tiles, WN_TILE_PIXELS, &tile, count,
                               wn_smaller(out.end - out.begin - block, knob), NULL);
        }
}

/* The products of tiles [begin, end) become pixels of a range of output blocks. */
static void transform_result(const pass *s, int64_t begin, int64_t end, block_range range) {
    const wn_problem *p = &s->plan->problem;
    const bool stream = s->plan->derived[WINOGRAD_STREAM];
    wn_winograd_result result = {.row = (int64_t)s->maps.out_width * WN_BLOCK,
                                 .accumulate = p->accumulate,
                                 .relu = p->relu,
                                 .mask = s->mask,
                                 .stream = stream};
    for (int block = range.begin; block < range.end; block++) {
        const float *elements = s->m.data + (block - range.begin) * s->m.block;
        float *map = s->out + block * s->out_block;
        result.bias = s->bias ? s->bias + (int64_t)block * WN_BLOCK : NULL;
        for (int64_t tile = begin; tile < end; tile++) {
            const wn_winograd_place place = wn_winograd_place_of(&s->maps, tile);
            const int64_t ahead = tile + WINOGRAD_WRITE_AHEAD;
            if (!stream && ahead < end)
                wn_winograd_fetch(&s->maps, map, s->maps.out_height, s->maps.out_width, s->out_stride, ahead,
                                  true);
            result.rows = wn_smaller(s->maps.out_height - place.row, s->maps.tile);
            result.columns = wn_smaller(s->maps.out_width - place.column, s->maps.tile);
            result.data =
                map + place.image * s->out_stride + place.row * result.row + (int64_t)place.column * WN_BLOCK;
            s->transforms->result(elements + (tile - begin) * WN_BLOCK, s->m.element, &result);
        }
    }
}

/* The output blocks that are multiplied together. */
static block_range outputs_of(const pass *s, int group) {
    const int groups = (int)s->plan->derived[WINOGRAD_OUTPUT_GROUPS];
    return (block_range){wn_part_begin(s->out_blocks, groups, group),
                         wn_part_begin(s->out_blocks, groups, group + 1)};
}

/* The input blocks that are summed from `first` on. */
static block_range inputs_from(const pass *s, int first) {
    return (block_range){first, wn_smaller(s->in_blocks, first + s->plan->config.knob[WINOGRAD_REDUCE])};
}

/* Of u that holds all weights. */
static float *weights_at(const pass *s, int64_t out, int64_t in) {
    return s->u.data + out * s->u.block + in * WN_BLOCK * WN_BLOCK;
}

/* By tiles, phase 0, and ahead of all runs for constant weights: all weights. */
static void transform_all_weights(const pass *s, int tid, int nthreads) {
    long begin, end;
    wn_split((long)s->out_blocks * s->in_blocks, tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++) {
        const int out = (int)(pair / s->in_blocks);
        const int in = (int)(pair % s->in_blocks);
        transform_weights(s, out, in, weights_at(s, out, in));
    }
    wn_part_end(s->clock, WN_PART_WEIGHTS);
}

/* By tiles, phase 1. */
static void run_tile_groups(const pass *s, int tid, int nthreads) {
    const int64_t *derived = s->plan->derived;
    const int groups = (int)derived[WINOGRAD_TILE_GROUPS];
    const int output_groups = (int)derived[WINOGRAD_OUTPUT_GROUPS];
    long group_begin, group_end, begin, end;
    wn_split(groups, tid, nthreads, &group_begin, &group_end);
    for (long group = group_begin; group < group_end; group++) {
        wn_split(derived[WINOGRAD_TOTAL_TILES], (int)group, groups, &begin, &end);
        for (int block = 0; block < s->in_blocks; block++)
            wn_winograd_transform_source(s->plan, &s->maps, s->in + block * s->in_block, s->in_stride, begin,
                                         end, s->v.data + block * s->v.block, s->v.element);
        wn_part_end(s->clock, WN_PART_INPUT);
        for (int outputs = 0; outputs < output_groups; outputs++) {
            const block_range out = outputs_of(s, outputs);
            for (int in = 0; in < s->in_blocks; in += s->plan->config.knob[WINOGRAD_REDUCE])
                multiply(s, (int)(end - begin), weights_at(s, out.begin, in), out, inputs_from(s, in));
            wn_part_end(s->clock, WN_PART_MULTIPLY);
            transform_result(s, begin, end, out);
            wn_part_end(s->clock, WN_PART_OUTPUT);
        }
    }
}

/* By outputs, phase 0: all tiles. */
static void transform_all_tiles(const pass *s, int tid, int nthreads) {
    const int64_t *derived = s->plan->derived;
    const int groups = (int)derived[WINOGRAD_TILE_GROUPS];
    long item_begin, item_end, begin, end;
    wn_split((long)groups * s->in_blocks, tid, nthreads, &item_begin, &item_end);
    for (long item = item_begin; item < item_end; item++) {
        const int64_t block = item / groups;
        wn_split(derived[WINOGRAD_TOTAL_TILES], (int)(item % groups), groups, &begin, &end);
        wn_winograd_transform_source(s->plan, &s->maps, s->in + block * s->in_block, s->in_stride, begin, end,
                                     s->v.data + block * s->v.block + begin * WN_BLOCK, s->v.element);
    }
    wn_part_end(s->clock, WN_PART_INPUT);
}

/* The weights between output and input blocks, to the start of u. */
static void transform_some_weights(const pass *s, block_range out, block_range in) {
    for (int o = out.begin; o < out.end; o++)
        for (int i = in.begin; i < in.end; i++)
            transform_weights(s, o, i,
                              s->u.data + (o - out.begin) * s->u.block +
                                  (int64_t)(i - in.begin) * WN_BLOCK * WN_BLOCK);
    wn_part_end(s->clock, WN_PART_WEIGHTS);
}

/* By outputs, phase 1. */
static void run_output_groups(const pass *s, int tid, int nthreads) {
    const int total = (int)s->plan->derived[WINOGRAD_TOTAL_TILES];
    long begin, end;
    wn_split(s->plan->derived[WINOGRAD_OUTPUT_GROUPS], tid, nthreads, &begin, &end);
    for (long group = begin; group < end; group++) {
        const block_range out = outputs_of(s, (int)group);
        for (int first = 0; first < s->in_blocks; first += s->plan->config.knob[WINOGRAD_REDUCE]) {
            const block_range in = inputs_from(s, first);
            if (!constant(s->plan))
                transform_some_weights(s, out, in);
            multiply(s, total, constant(s->plan) ? weights_at(s, out.begin, first) : s->u.data, out, in);
            wn_part_end(s->clock, WN_PART_MULTIPLY);
        }
        transform_result(s, 0, total, out);
        wn_part_end(s->clock, WN_PART_OUTPUT);
    }
}

void wn_winograd_gather_prepare(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const pass s = make_pass(plan, args, tid);
    transform_all_weights(&s, tid, nthreads);
}

void wn_winograd_gather_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                            int nthreads) {
    const pass s = make_pass(plan, args, tid);
    if (by_outputs(plan)) {
        if (phase == 0)
            transform_all_tiles(&s, tid, nthreads);
        else
            run_output_groups(&s, tid, nthreads);
    } else {
        if (phase == 0 && !constant(plan))
            transform_all_weights(&s, tid, nthreads);
        else
            run_tile_groups(&s, tid, nthreads);
    }
    if (plan->derived[WINOGRAD_STREAM])
        _mm_sfence();
}
