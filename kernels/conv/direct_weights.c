/* BWD_WB of `direct`: the gradient of weights and bias. Rows of a tile are 16 input channels (for a plain
 * source neighbouring taps of one kernel row), columns are output channels, and the reduction runs over
 * pixels.
 *
 * Images are summed in fixed chunks (a knob); with more than one chunk each writes a partial sum into the
 * workspace and a second phase adds them in order, so the bits do not depend on the number of threads. */
#include "direct.h"
#include "gemm/sums.h"
#include "gemm/tile.h"
#include "isa.h"
#include "pool.h"
#include <string.h>
#include <xmmintrin.h>

enum { STREAMED_FLOATS = 4 << 20 }; /* gradients that no cache would keep until they are used */

typedef struct pass {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    const float *in, *gradient;
    int in_height, in_width, out_height, out_width;
    int64_t in_block, out_block; /* between channel blocks (in, plain: channels) */
    int64_t weight_tap, weight_block;
    int window;
    wn_axis vertical, horizontal;
    wn_axis_taps rows, columns;
    wn_tap *taps;
} pass;

/* The work item: images [begin, end), output blocks [block, block + blocks), input blocks of the window. */
typedef struct item {
    int image_begin, image_end;
    int block, blocks;
    int input_begin, input_end;
    int64_t first_input; /* first input block of the window */
    float *weights;      /* where this chunk's gradient of the whole tensor begins */
    float *bias;         /* the same, or NULL */
    bool accumulate;
} item;

static int chunks_of(const wn_conv_plan *plan) {
    return (int)plan->derived[DIRECT_IMAGE_GROUPS];
}

/* Floats of the weight tensor. */
static int64_t weights_floats(const wn_conv_plan *plan) {
    return wn_conv_weights_floats(&plan->problem);
}

wn_status wn_direct_weights_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    int64_t *derived = plan->derived;
    const bool flat = p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
                      p->ih == p->oh && p->iw == p->ow;
    int rows_together = 1;
    if (flat) { /* rows of the map run on into each other: the longest run that keeps them equal */
        rows_together = knob[DIRECT_ROWS] < p->oh ? knob[DIRECT_ROWS] : p->oh;
        while (p->oh % rows_together != 0)
            rows_together--;
    }
    derived[DIRECT_IN_HEIGHT] = p->ih / rows_together;
    derived[DIRECT_IN_WIDTH] = (int64_t)p->iw * rows_together;
    derived[DIRECT_OUT_HEIGHT] = p->oh / rows_together;
    derived[DIRECT_OUT_WIDTH] = (int64_t)p->ow * rows_together;
    derived[DIRECT_WINDOW] = p->plain_src ? 1 : wn_conv_window(p);
    derived[DIRECT_OUTPUT_GROUPS] = wn_ceil_div(wn_blocks(p->oc), knob[DIRECT_BLOCKS]);
    derived[DIRECT_IMAGE_GROUPS] = wn_ceil_div(p->mb, knob[DIRECT_IMAGES]);
    derived[DIRECT_BANDS] = wn_ceil_div((int)derived[DIRECT_WINDOW], knob[DIRECT_REDUCE]);
    const int64_t chunks = derived[DIRECT_IMAGE_GROUPS];
    int64_t partial = 0;
    if (chunks > 1 &&
        (__builtin_mul_overflow(chunks, weights_floats(plan) * 4, &partial) || partial > INT64_MAX / 2))
        return wn_error(WN_ERROR_INVALID, "direct: the bytes of the workspace do not fit 63 bits");
    const int64_t bias = chunks > 1 ? chunks * wn_blocks(p->oc) * WN_BLOCK * 4 : 0;
    const int64_t taps = (int64_t)p->oh * (knob[DIRECT_ACROSS] ? p->ow : 1);
    const int64_t scratch = taps * (int)sizeof(wn_tap) + 2 * ((int64_t)p->kh + p->kw) * (int)sizeof(int);
    derived[DIRECT_BIAS_PARTS] = partial;
    derived[DIRECT_SCRATCH] = partial + bias;
    derived[DIRECT_SCRATCH_STRIDE] = wn_conv_apart(scratch);
    plan->workspace_bytes = wn_conv_workspace(partial + bias, derived[DIRECT_SCRATCH_STRIDE], plan->threads);
    derived[DIRECT_STREAM] = knob[DIRECT_ACROSS] && chunks == 1 && knob[DIRECT_ROWS] >= p->oh && p->g == 1 &&
                             !p->accumulate && weights_floats(plan) > STREAMED_FLOATS;
    plan->phases = chunks > 1 || p->g > 1 ? 2 : 1;
    return wn_ok();
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const wn_problem *p = &plan->problem;
    const int64_t *derived = plan->derived;
    char *scratch = (char *)args->workspace + derived[DIRECT_SCRATCH] + tid * derived[DIRECT_SCRATCH_STRIDE];
    pass s = {
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .in = args->src,
        .gradient = args->dst,
        .in_height = (int)derived[DIRECT_IN_HEIGHT],
        .in_width = (int)derived[DIRECT_IN_WIDTH],
        .out_height = (int)derived[DIRECT_OUT_HEIGHT],
        .out_width = (int)derived[DIRECT_OUT_WIDTH],
        .window = (int)derived[DIRECT_WINDOW],
        .weight_tap = p->plain_src ? (int64_t)p->ic * WN_BLOCK : WN_BLOCK * WN_BLOCK,
        .taps = (wn_tap *)scratch,
    };
    s.in_block = (int64_t)s.in_height * s.in_width * (p->plain_src ? 1 : WN_BLOCK);
    s.out_block = (int64_t)s.out_height * s.out_width * WN_BLOCK;
    s.weight_block = s.weight_tap * p->kh * p->kw * s.window;
    s.vertical = wn_axis_make(p, true, s.in_height, s.out_height);
    s.horizontal = wn_axis_make(p, false, s.in_width, s.out_width);
    const size_t taps = (size_t)p->oh * (size_t)(plan->config.knob[DIRECT_ACROSS] ? p->ow : 1);
    int *indices = (int *)(s.taps + taps);
    s.rows = (wn_axis_taps){.index = indices, .offset = indices + p->kh};
    s.columns = (wn_axis_taps){.index = indices + 2 * p->kh, .offset = indices + 2 * p->kh + p->kw};
    wn_axis_class(&s.vertical, 0, &s.rows);
    wn_axis_class(&s.horizontal, 0, &s.columns);
    return s;
}

/* Output coordinates at which a tap reads inside the map. */
static wn_span valid(const wn_axis *axis, int offset) {
    const int enter = offset >= 0 ? 0 : wn_ceil_div(-offset, axis->in_step);
    const int leave = offset >= axis->in_size ? 0 : wn_ceil_div(axis->in_size - offset, axis->in_step);
    wn_span span = {.begin = enter, .end = leave < axis->out_size ? leave : axis->out_size};
    if (span.end < span.begin)
        span.end = span.begin;
    return span;
}

/* Lists output rows [begin, end) for vertical tap offset `offset`, columns starting at input column
 * `in_column` and output column `out_column`; returns their number. */
static int list_rows(const pass *s, int begin, int end, int offset, int64_t in_column, int64_t out_column,
                     int pixel) {
    for (int row = begin; row < end; row++) {
        const int64_t in_row = (int64_t)row * s->vertical.in_step + offset;
        s->taps[row - begin].a = (in_row * s->in_width + in_column) * pixel;
        s->taps[row - begin].b = ((int64_t)row * s->out_width + out_column) * WN_BLOCK;
    }
    return end - begin;
}

/* One image, output rows [row_begin, row_end), 16 input channels by the item's output channels. */
static void sum_blocked(const pass *s, const item *it, const float *in, const float *gradient, int row_begin,
                        int row_end) {
    const wn_problem *p = &s->plan->problem;
    wn_tile tile = {.a_row = 1,
                    .a_k = (int64_t)s->horizontal.in_step * WN_BLOCK,
                    .b = gradient + it->block * s->out_block,
                    .b_k = WN_BLOCK,
                    .b_block = s->out_block,
                    .taps = s->taps,
                    .c_row = WN_BLOCK,
                    .c_block = s->weight_block,
                    .accumulate = true};
    for (int input = it->input_begin; input < it->input_end; input++)
        for (int r = 0; r < p->kh; r++) {
            const wn_span rows = valid(&s->vertical, s->rows.offset[r]);
            const int begin = rows.begin > row_begin ? rows.begin : row_begin;
            const int end = rows.end < row_end ? rows.end : row_end;
            for (int c = 0; begin < end && c < p->kw; c++) {
                const wn_span columns = valid(&s->horizontal, s->columns.offset[c]);
                const int64_t in_column =
                    (int64_t)columns.begin * s->horizontal.in_step + s->columns.offset[c];
                tile.k = columns.end - columns.begin;
                if (tile.k == 0)
                    continue;
                tile.count = list_rows(s, begin, end, s->rows.offset[r], in_column, columns.begin, WN_BLOCK);
                tile.a = in + (it->first_input + input) * s->in_block;
                tile.c = it->weights + it->block * s->weight_block +
                         (((int64_t)input * p->kh + r) * p->kw + c) * s->weight_tap;
                wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, WN_BLOCK, it->blocks, NULL);
            }
        }
}

/* The same for a plain source: rows of the tile are the taps of a kernel row that are valid together. */
static void sum_plain(const pass *s, const item *it, const float *in, const float *gradient, int row_begin,
                      int row_end) {
    const wn_problem *p = &s->plan->problem;
    const int together = s->horizontal.dilate == 1 ? p->kw : 1; /* taps that are neighbours in memory */
    wn_tile tile = {.a_row = 1,
                    .a_k = s->horizontal.in_step,
                    .b = gradient + it->block * s->out_block,
                    .b_k = WN_BLOCK,
                    .b_block = s->out_block,
                    .taps = s->taps,
                    .c_row = s->weight_tap,
                    .c_block = s->weight_block,
                    .accumulate = true};
    for (int r = 0; r < p->kh; r++) {
        const wn_span rows = valid(&s->vertical, s->rows.offset[r]);
        const int begin = rows.begin > row_begin ? rows.begin : row_begin;
        const int end = rows.end < row_end ? rows.end : row_end;
        for (int column = 0; begin < end && column < s->out_width;) {
            const wn_span span = wn_axis_span(&s->horizontal, &s->columns, column, s->out_width);
            column = span.end;
            tile.k = span.end - span.begin;
            for (int first = span.first; first < span.last; first += together) {
                const int taps = span.last - first < together ? span.last - first : together;
                const int64_t in_column =
                    (int64_t)span.begin * s->horizontal.in_step + s->columns.offset[first];
                tile.count = list_rows(s, begin, end, s->rows.offset[r], in_column, span.begin, 1);
                for (int channel = 0; channel < p->ic; channel++) {
                    tile.a = in + channel * s->in_block;
                    tile.c = it->weights + it->block * s->weight_block +
                             ((int64_t)r * p->kw + s->columns.index[first]) * s->weight_tap +
                             channel * WN_BLOCK;
                    wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, taps, it->blocks, NULL);
                }
            }
        }
    }
}

/* Tiny maps and linear layers (a 1x1 output): the reduction runs over the images of the chunk, one list entry
 * per valid output pixel of rows [row_begin, row_end). */
static void sum_across_images(const pass *s, const item *it, int row_begin, int row_end, bool accumulate) {
    const wn_problem *p = &s->plan->problem;
    wn_tile tile = {.a_row = 1,
                    .a_k = s->plan->src_stride,
                    .b = s->gradient + it->image_begin * s->plan->dst_stride + it->block * s->out_block,
                    .b_k = s->plan->dst_stride,
                    .b_block = s->out_block,
                    .taps = s->taps,
                    .k = it->image_end - it->image_begin,
                    .c_row = WN_BLOCK,
                    .c_block = s->weight_block,
                    .accumulate = accumulate,
                    .stream = s->plan->derived[DIRECT_STREAM]};
    for (int r = 0; r < p->kh; r++) {
        const wn_span rows = valid(&s->vertical, s->rows.offset[r]);
        const int begin = rows.begin > row_begin ? rows.begin : row_begin;
        const int end = rows.end < row_end ? rows.end : row_end;
        for (int c = 0; c < p->kw; c++) {
            const wn_span columns = valid(&s->horizontal, s->columns.offset[c]);
            tile.count = 0;
            for (int row = begin; row < end; row++)
                for (int column = columns.begin; column < columns.end; column++) {
                    const int64_t in_row = (int64_t)row * s->vertical.in_step + s->rows.offset[r];
                    const int64_t in_column = (int64_t)column * s->horizontal.in_step + s->columns.offset[c];
                    s->taps[tile.count].a = (in_row * s->in_width + in_column) * WN_BLOCK;
                    s->taps[tile.count++].b = ((int64_t)row * s->out_width + column) * WN_BLOCK;
                }
            for (int input = it->input_begin; input < it->input_end; input++) {
                tile.a =
                    s->in + it->image_begin * s->plan->src_stride + (it->first_input + input) * s->in_block;
                tile.c = it->weights + it->block * s->weight_block +
                         (((int64_t)input * p->kh + r) * p->kw + c) * s->weight_tap;
                wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, WN_BLOCK, it->blocks, NULL);
            }
        }
    }
}

static void sum_bias(const pass *s, const item *it) {
    const wn_sums *sums = wn_kernels_of(s->plan->isa)->sums;
    for (int b = it->block; b < it->block + it->blocks; b++) {
        float *bias = it->bias + b * WN_BLOCK;
        if (!it->accumulate)
            memset(bias, 0, WN_BLOCK * sizeof *bias);
        for (int n = it->image_begin; n < it->image_end; n++)
            sums->rows(s->gradient + n * s->plan->dst_stride + b * s->out_block, s->out_block / WN_BLOCK,
                       WN_BLOCK, bias);
    }
}

static void clear_weights(const pass *s, const item *it) {
    const int64_t taps = (int64_t)s->plan->problem.kh * s->plan->problem.kw;
    for (int b = it->block; b < it->block + it->blocks; b++)
        memset(it->weights + b * s->weight_block + it->input_begin * taps * s->weight_tap, 0,
               (size_t)((it->input_end - it->input_begin) * taps * s->weight_tap) * sizeof(float));
}

static void run_item(const pass *s, const item *it) {
    const wn_problem *p = &s->plan->problem;
    const int32_t *knob = s->plan->config.knob;
    const int rows = p->oh == s->out_height ? knob[DIRECT_ROWS] : 1;
    const int images = knob[DIRECT_ACROSS] ? it->image_begin + 1 : it->image_end;
    if (it->bias && it->input_begin == 0)
        sum_bias(s, it);
    if (!it->accumulate && !knob[DIRECT_ACROSS])
        clear_weights(s, it);
    for (int n = it->image_begin; n < images; n++) {
        const float *in = s->in + n * s->plan->src_stride;
        const float *gradient = s->gradient + n * s->plan->dst_stride;
        for (int row = 0; row < s->out_height; row += rows) {
            const int row_end = s->out_height - row < rows ? s->out_height : row + rows;
            if (knob[DIRECT_ACROSS])
                sum_across_images(s, it, row, row_end, it->accumulate || row > 0);
            else if (p->plain_src)
                sum_plain(s, it, in, gradient, row, row_end);
            else
                sum_blocked(s, it, in, gradient, row, row_end);
        }
    }
}

/* Phase 0: every item of (chunk, output blocks, input blocks). */
static void sum_chunks(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const int chunks = chunks_of(plan), groups = (int)plan->derived[DIRECT_OUTPUT_GROUPS];
    const int bands = (int)plan->derived[DIRECT_BANDS], blocks = wn_blocks(p->oc);
    const pass s = make_pass(plan, args, tid);
    float *bias_parts = (float *)((char *)args->workspace + plan->derived[DIRECT_BIAS_PARTS]);
    long begin, end;
    wn_split((long)chunks * groups * bands, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int band = (int)(index % bands), group = (int)(index / bands % groups);
        const int chunk = (int)(index / bands / groups);
        item it = {
            .image_begin = wn_part_begin(p->mb, chunks, chunk),
            .image_end = wn_part_begin(p->mb, chunks, chunk + 1),
            .block = group * knob[DIRECT_BLOCKS],
            .input_begin = wn_part_begin(s.window, bands, band),
            .input_end = wn_part_begin(s.window, bands, band + 1),
            .weights = args->weights,
            .bias = args->bias,
            .accumulate = p->accumulate && chunks == 1,
        };
        it.blocks = blocks - it.block < knob[DIRECT_BLOCKS] ? blocks - it.block : knob[DIRECT_BLOCKS];
        it.first_input = p->plain_src ? 0 : wn_conv_window_first(p, it.block);
        if (chunks > 1) {
            it.weights = (float *)args->workspace + chunk * weights_floats(plan);
            it.bias = args->bias ? bias_parts + (int64_t)chunk * blocks * WN_BLOCK : NULL;
        }
        run_item(&s, &it);
    }
    if (plan->derived[DIRECT_STREAM])
        _mm_sfence();
}

/* Zeros where a weight would join different groups. One block of outputs and one of inputs of the window. */
static void clear_across_groups(const wn_problem *p, int ob, int ib, float *block) {
    const int group_in = p->ic / p->g, group_out = p->oc / p->g;
    for (int i = 0; i < WN_BLOCK; i++)
        for (int o = 0; o < WN_BLOCK; o++) {
            const int in = ib * WN_BLOCK + i, out = ob * WN_BLOCK + o;
            if (in >= p->ic || out >= p->oc || in / group_in != out / group_out)
                for (int64_t t = 0; t < (int64_t)p->kh * p->kw; t++)
                    block[t * WN_BLOCK * WN_BLOCK + i * WN_BLOCK + o] = 0;
        }
}

/* Phase 1: the chunks' sums are added in order; groups are kept apart. */
static void combine_chunks(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    const int chunks = chunks_of(plan), window = (int)plan->derived[DIRECT_WINDOW];
    const int64_t floats = weights_floats(plan), bias_floats = (int64_t)wn_blocks(p->oc) * WN_BLOCK;
    const int64_t size = floats / ((int64_t)wn_blocks(p->oc) * window);
    long begin, end;
    wn_split((long)wn_blocks(p->oc) * window, tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++) {
        float *weights = args->weights + pair * size;
        if (chunks > 1)
            sums->arrays((const float *)args->workspace + pair * size, chunks, floats, weights, size,
                         p->accumulate);
        const int ob = (int)(pair / window);
        if (p->g > 1)
            clear_across_groups(p, ob, wn_conv_window_first(p, ob) + (int)(pair % window), weights);
    }
    if (tid == 0 && chunks > 1 && args->bias)
        sums->arrays((const float *)((const char *)args->workspace + plan->derived[DIRECT_BIAS_PARTS]),
                     chunks, bias_floats, args->bias, bias_floats, p->accumulate);
}

void wn_direct_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                           int nthreads) {
    if (phase == 0)
        sum_chunks(plan, args, tid, nthreads);
    else
        combine_chunks(plan, args, tid, nthreads);
    wn_part_end(wn_part_clock_of(args->clocks, tid), phase == 0 ? WN_PART_MULTIPLY : WN_PART_SUM);
}
