/* FWD_B and BWD_D of `winograd`. For the gradient of the data the roles are turned: the "input" is dst's
 * gradient, and the weights are transposed and mirrored before they are transformed.
 *
 * There are two ways to divide the work. By tiles: all weights are transformed first; an item transforms its
 * tiles into a buffer of its thread, multiplies, and transforms back. By outputs: all tiles are transformed
 * first; an item transforms the weights of its output blocks into a buffer of its thread and then takes all
 * tiles. The first keeps activations in the cache, the second the weights, which outweigh small maps. */
#include "arena.h"
#include "direct.h"
#include "isa.h"
#include "pool.h"
#include "winograd.h"

enum { MAX_KERNEL = 5 };

typedef struct pass {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    const wn_winograd_transforms *transforms;
    wn_winograd_maps maps;
    const float *in, *weights, *bias;
    float *out;
    int64_t in_stride, out_stride; /* between images */
    int64_t in_block, out_block;   /* between blocks */
    int in_blocks, out_blocks;
    wn_winograd_buffer u, v, m; /* transformed weights, transformed input, their products */
    wn_tap *taps;
} pass;

/* Output blocks [begin, end). */
typedef struct block_range {
    int begin, end;
} block_range;

static bool by_outputs(const wn_conv_plan *plan) {
    return plan->config.knob[WINOGRAD_OUTPUTS];
}

/* Largest number of tiles in a group. */
static int64_t tiles_of_group(const wn_conv_plan *plan) {
    const int64_t *derived = plan->derived;
    return (derived[WINOGRAD_TOTAL_TILES] - 1) / derived[WINOGRAD_TILE_GROUPS] + 1;
}

wn_status wn_winograd_gather_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D, outputs = by_outputs(plan);
    const int in_blocks = wn_blocks(backward ? p->oc : p->ic),
              out_blocks = wn_blocks(backward ? p->ic : p->oc);
    const int64_t group = tiles_of_group(plan);
    int64_t *derived = plan->derived;
    int64_t shared = 0, private = 0, total;
    const bool fits =
        wn_winograd_reserve(plan, outputs ? plan->config.knob[WINOGRAD_BLOCKS] : out_blocks,
                            (int64_t)in_blocks * WN_BLOCK, outputs ? &private : &shared,
                            &derived[WINOGRAD_WEIGHTS], &derived[WINOGRAD_WEIGHTS_ELEMENT]) &&
        wn_winograd_reserve(plan, in_blocks, outputs ? derived[WINOGRAD_TOTAL_TILES] : group,
                            outputs ? &shared : &private, &derived[WINOGRAD_SOURCE],
                            &derived[WINOGRAD_SOURCE_ELEMENT]) &&
        wn_winograd_reserve(plan, outputs ? plan->config.knob[WINOGRAD_BLOCKS] : out_blocks, group, &private,
                            &derived[WINOGRAD_RESULT], &derived[WINOGRAD_RESULT_ELEMENT]);
    derived[WINOGRAD_TAPS] = private;
    const int64_t taps = (int64_t)wn_align64((size_t)in_blocks * sizeof(wn_tap)) / (int64_t)sizeof(float);
    if (!fits || __builtin_add_overflow(private, taps, &private) ||
        __builtin_mul_overflow(private, plan->threads, &total) ||
        __builtin_add_overflow(total, shared, &total) ||
        __builtin_mul_overflow(total, (int64_t)sizeof(float), &total))
        return wn_error(WN_ERROR_INVALID, "winograd: the bytes of the workspace do not fit 63 bits");
    derived[outputs ? WINOGRAD_WEIGHTS : WINOGRAD_SOURCE] += shared;
    derived[WINOGRAD_RESULT] += shared;
    derived[WINOGRAD_TAPS] += shared;
    derived[WINOGRAD_PRIVATE] = private;
    plan->workspace_bytes = (size_t)total;
    plan->phases = 2;
    return wn_ok();
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const wn_problem *p = &plan->problem;
    const int64_t *derived = plan->derived;
    const bool backward = p->direction == WN_BWD_D, outputs = by_outputs(plan);
    float *shared = args->workspace, *private = shared + tid * derived[WINOGRAD_PRIVATE];
    pass s = {
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .transforms = wn_winograd_transforms_of(plan),
        .maps = wn_winograd_maps_of(plan),
        .in = backward ? args->dst : args->src,
        .weights = args->weights,
        .bias = backward ? NULL : args->bias,
        .out = backward ? args->src : args->dst,
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .in_blocks = wn_blocks(backward ? p->oc : p->ic),
        .out_blocks = wn_blocks(backward ? p->ic : p->oc),
        .u = {.data = (outputs ? private : shared) + derived[WINOGRAD_WEIGHTS],
              .element = derived[WINOGRAD_WEIGHTS_ELEMENT]},
        .v = {.data = (outputs ? shared : private) + derived[WINOGRAD_SOURCE],
              .element = derived[WINOGRAD_SOURCE_ELEMENT]},
        .m = {.data = private + derived[WINOGRAD_RESULT], .element = derived[WINOGRAD_RESULT_ELEMENT]},
        .taps = (wn_tap *)(private + derived[WINOGRAD_TAPS]),
    };
    s.in_block = (int64_t)s.maps.in_height * s.maps.in_width * WN_BLOCK;
    s.out_block = (int64_t)s.maps.out_height * s.maps.out_width * WN_BLOCK;
    s.u.block = (int64_t)s.in_blocks * WN_BLOCK * WN_BLOCK;
    s.v.block = (outputs ? derived[WINOGRAD_TOTAL_TILES] : tiles_of_group(plan)) * WN_BLOCK;
    s.m.block = tiles_of_group(plan) * WN_BLOCK;
    for (int i = 0; i < s.in_blocks; i++)
        s.taps[i] = (wn_tap){.a = i * s.v.block, .b = (int64_t)i * WN_BLOCK * WN_BLOCK};
    return s;
}

/* The weights of one output and one input block into `elements`. */
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

/* Products of `count` tiles, from row `row` of v on, with the weights of a range of blocks, the first of
 * which is block 0 of u and m. */
static void multiply(const pass *s, int64_t row, int count, block_range range) {
    const int32_t *knob = s->plan->config.knob;
    const int patch = s->maps.patch, reduce = knob[WINOGRAD_REDUCE];
    wn_tile tile = {.a_row = WN_BLOCK,
                    .a_k = 1,
                    .b_k = WN_BLOCK,
                    .b_block = s->u.block,
                    .k = WN_BLOCK,
                    .c_row = WN_BLOCK,
                    .c_block = s->m.block};
    for (int e = 0; e < patch * patch; e++)
        for (int block = 0; block < range.end - range.begin; block += knob[WINOGRAD_BLOCKS]) {
            const int left = range.end - range.begin - block;
            const int blocks = left < knob[WINOGRAD_BLOCKS] ? left : knob[WINOGRAD_BLOCKS];
            for (int in = 0; in < s->in_blocks; in += reduce) {
                tile.a = s->v.data + e * s->v.element + row * WN_BLOCK;
                tile.b = s->u.data + e * s->u.element + block * s->u.block;
                tile.c = s->m.data + e * s->m.element + block * s->m.block;
                tile.taps = s->taps + in;
                tile.count = s->in_blocks - in < reduce ? s->in_blocks - in : reduce;
                tile.accumulate = in > 0;
                wn_direct_run_rows(s->tiles, WN_TILE_PIXELS, &tile, count, blocks);
            }
        }
}

/* The products of tiles [begin, end) become pixels of a range of output blocks. */
static void transform_result(const pass *s, int64_t begin, int64_t end, block_range range) {
    const wn_problem *p = &s->plan->problem;
    wn_winograd_result result = {
        .row = (int64_t)s->maps.out_width * WN_BLOCK, .accumulate = p->accumulate, .relu = p->relu};
    for (int block = range.begin; block < range.end; block++) {
        const float *elements = s->m.data + (block - range.begin) * s->m.block;
        result.bias = s->bias ? s->bias + (int64_t)block * WN_BLOCK : NULL;
        for (int64_t tile = begin; tile < end; tile++) {
            const wn_winograd_place place = wn_winograd_place_of(&s->maps, tile);
            const int rows = s->maps.out_height - place.row, columns = s->maps.out_width - place.column;
            result.rows = rows < s->maps.tile ? rows : s->maps.tile;
            result.columns = columns < s->maps.tile ? columns : s->maps.tile;
            result.data = s->out + place.image * s->out_stride + block * s->out_block +
                          place.row * result.row + (int64_t)place.column * WN_BLOCK;
            s->transforms->result(elements + (tile - begin) * WN_BLOCK, s->m.element, &result);
        }
    }
}

/* By tiles, phase 0: all weights. */
static void transform_all_weights(const pass *s, int tid, int nthreads) {
    long begin, end;
    wn_split((long)s->out_blocks * s->in_blocks, tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++)
        transform_weights(s, (int)(pair / s->in_blocks), (int)(pair % s->in_blocks),
                          s->u.data + pair * WN_BLOCK * WN_BLOCK);
}

/* By tiles, phase 1. */
static void run_tile_groups(const pass *s, int tid, int nthreads) {
    const int64_t *derived = s->plan->derived;
    const int groups = (int)derived[WINOGRAD_TILE_GROUPS];
    const block_range all = {0, s->out_blocks};
    long group_begin, group_end, begin, end;
    wn_split(groups, tid, nthreads, &group_begin, &group_end);
    for (long group = group_begin; group < group_end; group++) {
        wn_split(derived[WINOGRAD_TOTAL_TILES], (int)group, groups, &begin, &end);
        for (int block = 0; block < s->in_blocks; block++)
            wn_winograd_transform_source(s->plan, &s->maps, s->in + block * s->in_block, s->in_stride, begin,
                                         end, s->v.data + block * s->v.block, s->v.element);
        multiply(s, 0, (int)(end - begin), all);
        transform_result(s, begin, end, all);
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
}

/* By outputs, phase 1. */
static void run_output_groups(const pass *s, int tid, int nthreads) {
    const int64_t *derived = s->plan->derived;
    const int groups = (int)derived[WINOGRAD_TILE_GROUPS], blocks = s->plan->config.knob[WINOGRAD_BLOCKS];
    long group_begin, group_end, begin, end;
    wn_split(derived[WINOGRAD_OUTPUT_GROUPS], tid, nthreads, &group_begin, &group_end);
    for (long group = group_begin; group < group_end; group++) {
        const int first = (int)group * blocks, left = s->out_blocks - first;
        const block_range range = {first, first + (left < blocks ? left : blocks)};
        for (int block = range.begin; block < range.end; block++)
            for (int in = 0; in < s->in_blocks; in++)
                transform_weights(s, block, in,
                                  s->u.data + (block - range.begin) * s->u.block +
                                      (int64_t)in * WN_BLOCK * WN_BLOCK);
        for (int tiles = 0; tiles < groups; tiles++) {
            wn_split(derived[WINOGRAD_TOTAL_TILES], tiles, groups, &begin, &end);
            multiply(s, begin, (int)(end - begin), range);
            transform_result(s, begin, end, range);
        }
    }
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
        if (phase == 0)
            transform_all_weights(&s, tid, nthreads);
        else
            run_tile_groups(&s, tid, nthreads);
    }
}
