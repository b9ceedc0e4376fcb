/* FWD_B and BWD_D of `direct`: every output pixel gathers its valid taps. For the gradient of the data the
 * roles are turned: the "input" is dst's gradient, the weights are transposed into the workspace, all in a
 * phase of their own or group by group, and the output coordinates fall into one class per residue of the
 * stride. */
#include "ahead.h"
#include "direct.h"
#include "gemm/sums.h"
#include "gemm/tile.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

/* A pass with its sizes as seen by the loops; input and output are named as the pass sees them. */
typedef struct pass {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    const float *in, *weights, *bias;
    float *group;    /* a group's transposed weights, when they are weights */
    int first_block; /* output block that weights begin with */
    float *out;
    ptrdiff_t mask;                /* from out */
    int64_t in_stride, out_stride; /* between images */
    int in_height, in_width, out_height, out_width;
    int pixel;                        /* floats between neighbouring input pixels: 16, plain 1 */
    int64_t in_block, out_block;      /* between channel blocks (plain: channels) */
    int64_t weight_tap, weight_block; /* between taps, between output blocks */
    int window, out_blocks;
    wn_axis vertical, horizontal;
    wn_axis_taps rows, columns; /* taps of the present classes */
    wn_tap *taps;
    wn_ahead ahead; /* of the next work item's weights */
    wn_ahead_weights ahead_weights;
} pass;

/* The work item: which images, output blocks and rows of each class; and the present input blocks. */
typedef struct item {
    int image_begin, image_end;
    int block, blocks;
    int row_begin, row_end;
    int input_begin, inputs; /* input blocks relative to the window */
    int64_t first_input;     /* first input block of the window */
    bool first, last;
} item;

/* The transposed problem, whose outputs are the inputs of `problem`: its windows say which output blocks a
 * block of inputs receives from. */
static wn_problem turned(const wn_problem *problem) {
    wn_problem result = *problem;
    result.ic = problem->oc;
    result.oc = problem->ic;
    return result;
}

/* Most taps that are listed: those of the input blocks (plain: channels) that are summed before a tile is
 * written. */
static int64_t listed_taps(const wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int inputs = p->plain_src
                           ? p->ic
                           : wn_smaller(plan->config.knob[DIRECT_REDUCE], (int)plan->derived[DIRECT_WINDOW]);
    return (int64_t)p->kh * p->kw * inputs;
}

wn_status wn_direct_gather_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const wn_problem seen = backward ? turned(p) : *p;
    const int32_t *knob = plan->config.knob;
    int64_t *derived = plan->derived;
    const bool flat = p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
                      p->ih == p->oh && p->iw == p->ow;
    int in_height = backward ? p->oh : p->ih, in_width = backward ? p->ow : p->iw;
    int out_height = backward ? p->ih : p->oh, out_width = backward ? p->iw : p->ow;
    int rows = wn_smaller(knob[DIRECT_ROWS], out_height);
    if (flat) { /* rows of the map run on into each other, as many as a band has */
        while (out_height % rows != 0)
            rows--;
        in_width = out_width *= rows;
        in_height = out_height /= rows;
        rows = 1;
    }
    derived[DIRECT_IN_HEIGHT] = in_height;
    derived[DIRECT_IN_WIDTH] = in_width;
    derived[DIRECT_OUT_HEIGHT] = out_height;
    derived[DIRECT_OUT_WIDTH] = out_width;
    derived[DIRECT_WINDOW] = p->plain_src ? 1 : wn_conv_window(&seen);
    derived[DIRECT_OUTPUT_GROUPS] = wn_ceil_div(wn_blocks(seen.oc), knob[DIRECT_BLOCKS]);
    derived[DIRECT_IMAGE_GROUPS] = wn_ceil_div(p->mb, knob[DIRECT_IMAGES]);
    derived[DIRECT_BANDS] = wn_ceil_div(wn_ceil_div(out_height, backward ? p->sh : 1), rows);
    const int64_t block =
        derived[DIRECT_WINDOW] * p->kh * p->kw * WN_BLOCK * (p->plain_src ? p->ic : WN_BLOCK);
    const int64_t maps =
        (int64_t)in_height * in_width * (p->plain_src ? p->ic : derived[DIRECT_WINDOW] * WN_BLOCK);
    derived[DIRECT_HOLDS_MAPS] =
        maps * wn_smaller(knob[DIRECT_IMAGES], p->mb) / derived[DIRECT_BANDS] > block * knob[DIRECT_BLOCKS];
    /* Groups that only one item needs are transposed by it: read once, and they never leave its caches. */
    const bool once = derived[DIRECT_IMAGE_GROUPS] * derived[DIRECT_BANDS] == 1;
    const bool by_group = backward && (once || !derived[DIRECT_HOLDS_MAPS]);
    const int64_t weights = backward && !by_group ? wn_blocks(p->ic) * block * 4 : 0;
    derived[DIRECT_GROUP_BYTES] = by_group ? knob[DIRECT_BLOCKS] * block * 4 : 0;
    const int64_t scratch = derived[DIRECT_GROUP_BYTES] + listed_taps(plan) * (int)sizeof(wn_tap) +
                            2 * ((int64_t)p->kh + p->kw) * (int)sizeof(int);
    derived[DIRECT_SCRATCH] = weights;
    derived[DIRECT_SCRATCH_STRIDE] = wn_conv_apart(scratch);
    plan->workspace_bytes = wn_conv_workspace(weights, derived[DIRECT_SCRATCH_STRIDE], plan->threads);
    plan->phases = weights > 0 ? 2 : 1;
    return wn_ok();
}

/* [ob][window][kh][kw][ic][oc] becomes [ib][window][kh][kw][oc][ic]: pairs [begin, end) of (ib, its window).
 */
static void transpose_pairs(const wn_conv_plan *plan, const float *weights, long begin, long end,
                            float *out) {
    const wn_problem *p = &plan->problem;
    const wn_problem seen = turned(p);
    const int window = wn_conv_window(p), turned_window = (int)plan->derived[DIRECT_WINDOW];
    const int64_t taps = (int64_t)p->kh * p->kw, size = WN_BLOCK * WN_BLOCK;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    for (long pair = begin; pair < end; pair++, out += taps * size) {
        const int ib = (int)(pair / turned_window);
        const int ob = wn_conv_window_first(&seen, ib) + (int)(pair % turned_window);
        const int in_window = ib - wn_conv_window_first(p, ob);
        if (in_window < 0 || in_window >= window) {
            memset(out, 0, (size_t)(taps * size) * sizeof(float));
            continue;
        }
        const float *source = weights + ((int64_t)ob * window + in_window) * taps * size;
        for (int64_t t = 0; t < taps; t++)
            sums->transpose(source + t * size, out + t * size);
    }
}

/* Phase 0 of BWD_D, unless groups are transposed as they are needed. */
static void transpose_weights(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int64_t size = (int64_t)p->kh * p->kw * WN_BLOCK * WN_BLOCK;
    long begin, end;
    wn_split((long)wn_blocks(p->ic) * (int)plan->derived[DIRECT_WINDOW], tid, nthreads, &begin, &end);
    transpose_pairs(plan, args->weights, begin, end, (float *)args->workspace + begin * size);
}

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const wn_problem *p = &plan->problem;
    const int64_t *derived = plan->derived;
    const bool backward = p->direction == WN_BWD_D;
    const int window = (int)derived[DIRECT_WINDOW];
    char *scratch = (char *)args->workspace + derived[DIRECT_SCRATCH] + tid * derived[DIRECT_SCRATCH_STRIDE];
    pass s = {
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .in = backward ? args->dst : args->src,
        .weights = backward ? args->workspace : args->weights,
        .bias = backward ? NULL : args->bias,
        .out = backward ? args->src : args->dst,
        .mask = wn_conv_mask_distance(args),
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .in_height = (int)derived[DIRECT_IN_HEIGHT],
        .in_width = (int)derived[DIRECT_IN_WIDTH],
        .out_height = (int)derived[DIRECT_OUT_HEIGHT],
        .out_width = (int)derived[DIRECT_OUT_WIDTH],
        .pixel = p->plain_src ? 1 : WN_BLOCK,
        .window = window,
        .out_blocks = wn_blocks(backward ? p->ic : p->oc),
        .weight_tap = p->plain_src ? (int64_t)p->ic * WN_BLOCK : WN_BLOCK * WN_BLOCK,
        .group = (float *)scratch,
        .taps = (wn_tap *)(scratch + derived[DIRECT_GROUP_BYTES]),
    };
    s.in_block = (int64_t)s.in_height * s.in_width * s.pixel;
    s.out_block = (int64_t)s.out_height * s.out_width * WN_BLOCK;
    s.weight_block = s.weight_tap * p->kh * p->kw * window;
    s.vertical = wn_axis_make(p, true, s.in_height, s.out_height);
    s.horizontal = wn_axis_make(p, false, s.in_width, s.out_width);
    int *indices = (int *)(s.taps + listed_taps(plan));
    s.rows = (wn_axis_taps){.index = indices, .offset = indices + p->kh};
    s.columns = (wn_axis_taps){.index = indices + 2 * p->kh, .offset = indices + 2 * p->kh + p->kw};
    return s;
}

/* Lists the valid taps of a rectangle for the item's input blocks; returns their number. With a plain source
 * an entry is a row of taps of one channel (the reduction runs along the row). */
static int list_taps(const pass *s, const item *it, wn_span row, wn_span column) {
    const wn_problem *p = &s->plan->problem;
    int count = 0;
    if (column.last == column.first)
        return 0;
    for (int i = 0; i < it->inputs; i++)
        for (int r = row.first; r < row.last; r++) {
            const int64_t in = i * s->in_block + (int64_t)s->rows.offset[r] * s->in_width * s->pixel;
            const int64_t row_tap = (int64_t)s->rows.index[r] * p->kw;
            if (p->plain_src) {
                const int first = column.first;
                s->taps[count].a = in + s->columns.offset[first];
                s->taps[count++].b = (row_tap + s->columns.index[first]) * s->weight_tap + i * WN_BLOCK;
                continue;
            }
            for (int c = column.first; c < column.last; c++) {
                s->taps[count].a = in + (int64_t)s->columns.offset[c] * s->pixel;
                s->taps[count++].b =
                    ((int64_t)i * p->kh * p->kw + row_tap + s->columns.index[c]) * s->weight_tap;
            }
        }
    return count;
}

/* Three nested directions of a rectangle: how many there are and what a step means for input and output. */
typedef struct direction {
    int count;
    int64_t in, out;
} direction;

/* Tiles one rectangle of pixels with equal taps, for all images of the item. */
static void run_rectangle(pass *s, const item *it, int row_class, int column_class, wn_span row,
                          wn_span column) {
    const wn_problem *p = &s->plan->problem;
    const wn_axis *v = &s->vertical, *h = &s->horizontal;
    direction inner = {column.end - column.begin, (int64_t)h->in_step * s->pixel,
                       (int64_t)h->classes * WN_BLOCK};
    direction middle = {row.end - row.begin, (int64_t)v->in_step * s->in_width * s->pixel,
                        (int64_t)v->classes * s->out_width * WN_BLOCK};
    direction outer = {it->image_end - it->image_begin, s->in_stride, s->out_stride};
    const int64_t in_start = (it->first_input + it->input_begin) * s->in_block +
                             it->image_begin * s->in_stride + row.begin * middle.in + column.begin * inner.in;
    const int64_t out_start = it->block * s->out_block + it->image_begin * s->out_stride +
                              row.begin * middle.out + column.begin * inner.out +
                              (int64_t)row_class * s->out_width * WN_BLOCK + (int64_t)column_class * WN_BLOCK;

    /* Rows of a tile go where they cost least; a little more for what is farther apart in memory. */
    const double along_width =
        wn_direct_rows_cost(s->tiles, s->plan->isa, inner.count, it->blocks) * middle.count * outer.count;
    const double along_height = wn_direct_rows_cost(s->tiles, s->plan->isa, middle.count, it->blocks) *
                                inner.count * outer.count * 1.02;
    const double along_images = wn_direct_rows_cost(s->tiles, s->plan->isa, outer.count, it->blocks) *
                                middle.count * inner.count * 1.1;
    if (along_images < along_width && along_images < along_height) {
        const direction images = outer;
        outer = middle, middle = inner, inner = images;
    } else if (along_height < along_width) {
        const direction width = inner;
        inner = middle, middle = width;
    }

    wn_tile tile = {
        .a_row = inner.in,
        .a_k = p->plain_src ? h->dilate : 1,
        .b = s->weights + (it->block - s->first_block) * s->weight_block +
             it->input_begin * s->weight_tap * p->kh * p->kw,
        .b_k = p->plain_src ? s->weight_tap : WN_BLOCK,
        .b_block = s->weight_block,
        .taps = s->taps,
        .count = list_taps(s, it, row, column),
        .k = p->plain_src ? column.last - column.first : WN_BLOCK,
        .c_row = inner.out,
        .c_block = s->out_block,
        .bias = it->first && s->bias ? s->bias + it->block * WN_BLOCK : NULL,
        .accumulate = !it->first || p->accumulate,
        .relu = it->last && p->relu,
        .mask = it->last ? s->mask : 0,
    };
    const wn_tile_kind kind = p->plain_src ? WN_TILE_GENERAL : wn_tile_of_pixels(&tile);
    const int parts = wn_ceil_div(inner.count, s->tiles->max_rows[it->blocks]);
    for (int o = 0; o < outer.count; o++)
        for (int m = 0; m < middle.count; m++)
            for (int part = 0; part < parts; part++) {
                const int begin = wn_part_begin(inner.count, parts, part);
                const int rows = wn_part_begin(inner.count, parts, part + 1) - begin;
                tile.a = s->in + in_start + o * outer.in + m * middle.in + begin * inner.in;
                tile.c = s->out + out_start + o * outer.out + m * middle.out + begin * inner.out;
                tile.next = part + 1 < parts ? rows * inner.in : middle.in - begin * inner.in;
                wn_ahead_fetch(&s->ahead);
                s->tiles->run[kind][it->blocks][rows](&tile);
            }
}

/* All rectangles of an item for its present input blocks. */
static void run_inputs(pass *s, const item *it) {
    for (int row_class = 0; row_class < s->vertical.classes; row_class++) {
        const int rows = wn_axis_length(&s->vertical, row_class);
        const int row_end = it->row_end < rows ? it->row_end : rows;
        wn_axis_class(&s->vertical, row_class, &s->rows);
        for (int column_class = 0; column_class < s->horizontal.classes; column_class++) {
            const int columns = wn_axis_length(&s->horizontal, column_class);
            wn_axis_class(&s->horizontal, column_class, &s->columns);
            for (int row = it->row_begin; row < row_end;) {
                const wn_span row_span = wn_axis_span(&s->vertical, &s->rows, row, row_end);
                for (int column = 0; column < columns;) {
                    const wn_span column_span = wn_axis_span(&s->horizontal, &s->columns, column, columns);
                    run_rectangle(s, it, row_class, column_class, row_span, column_span);
                    column = column_span.end;
                }
                row = row_span.end;
            }
        }
    }
}

/* Turns the weights of an item's outputs into the thread's scratch. */
static void take_group(pass *s, const wn_conv_args *args, const item *it) {
    transpose_pairs(s->plan, args->weights, (long)it->block * s->window,
                    (long)(it->block + it->blocks) * s->window, s->group);
    s->weights = s->group;
    s->first_block = it->block;
}

/* Fetches what an item will transpose when it is the next one. Nothing with groups, whose windows differ. */
static void fetch_weights_of(pass *s, const wn_conv_args *args, const item *it) {
    enum { SQUARE = WN_BLOCK * WN_BLOCK, TILE = 14 };
    const wn_problem *p = &s->plan->problem;
    const int taps = p->kh * p->kw, row = it->blocks * taps;
    const int64_t rows = (int64_t)(it->row_end - it->row_begin) * s->vertical.classes;
    s->ahead_weights = (wn_ahead_weights){.weights = args->weights + (int64_t)it->block * taps * SQUARE,
                                          .row = row,
                                          .step = (int64_t)wn_conv_window(p) * taps * SQUARE};
    s->ahead = (wn_ahead){.fetch = wn_ahead_fetch_weights,
                          .what = &s->ahead_weights,
                          .end = p->g == 1 ? row * s->window : 0,
                          .tiles = (it->image_end - it->image_begin) * rows * s->out_width / TILE + 1};
}

/* Work item `index`. Items that share the larger of their operands follow each other: the maps of a band,
 * which all groups of outputs pass over in turn, or the weights of a group, which pass over all bands. */
static item item_at(const pass *s, long index) {
    const wn_problem *p = &s->plan->problem;
    const wn_problem seen = p->direction == WN_BWD_D ? turned(p) : *p;
    const int64_t *derived = s->plan->derived;
    const int bands = (int)derived[DIRECT_BANDS], groups = (int)derived[DIRECT_OUTPUT_GROUPS];
    const int image_groups = (int)derived[DIRECT_IMAGE_GROUPS], most = s->plan->config.knob[DIRECT_BLOCKS];
    const bool groups_inside = derived[DIRECT_HOLDS_MAPS];
    const int inner = (int)(index % (groups_inside ? groups : bands));
    const int outer = (int)(index / (groups_inside ? groups : bands) % (groups_inside ? bands : groups));
    const int band = groups_inside ? outer : inner, group = groups_inside ? inner : outer;
    const int images = (int)(index / bands / groups);
    const int steps = wn_ceil_div(s->out_height, s->vertical.classes);
    item it = {
        .image_begin = wn_part_begin(p->mb, image_groups, images),
        .image_end = wn_part_begin(p->mb, image_groups, images + 1),
        .block = group * most,
        .row_begin = wn_part_begin(steps, bands, band),
        .row_end = wn_part_begin(steps, bands, band + 1),
    };
    it.blocks = wn_smaller(s->out_blocks - it.block, most);
    it.first_input = p->plain_src ? 0 : wn_conv_window_first(&seen, it.block);
    return it;
}

static void gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int64_t *derived = plan->derived;
    pass s = make_pass(plan, args, tid);
    const int total_inputs = p->plain_src ? p->ic : s.window;
    const int reduce = p->plain_src ? p->ic : plan->config.knob[DIRECT_REDUCE];
    const bool transpose = derived[DIRECT_GROUP_BYTES] > 0;
    wn_part_clock *clock = wn_part_clock_of(args->clocks, tid);
    int transposed = -1; /* first block of the group */
    long begin, end;
    wn_split((long)derived[DIRECT_IMAGE_GROUPS] * (int)derived[DIRECT_OUTPUT_GROUPS] *
                 (int)derived[DIRECT_BANDS],
             tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        item it = item_at(&s, index);
        const item next = index + 1 < end ? item_at(&s, index + 1) : it;
        s.ahead = (wn_ahead){0};
        if (transpose && it.block != transposed) {
            wn_part_end(clock, WN_PART_MULTIPLY);
            take_group(&s, args, &it);
            wn_part_end(clock, WN_PART_WEIGHTS);
        }
        transposed = it.block;
        if (transpose && next.block != it.block)
            fetch_weights_of(&s, args, &next);
        for (int input = 0; input < total_inputs; input += reduce) {
            it.input_begin = input;
            it.inputs = wn_smaller(total_inputs - input, reduce);
            it.first = input == 0;
            it.last = input + it.inputs == total_inputs;
            run_inputs(&s, &it);
        }
    }
}

void wn_direct_gather_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                          int nthreads) {
    const bool turn = plan->phases == 2 && phase == 0;
    if (turn)
        transpose_weights(plan, args, tid, nthreads);
    else
        gather(plan, args, tid, nthreads);
    wn_part_end(wn_part_clock_of(args->clocks, tid), turn ? WN_PART_WEIGHTS : WN_PART_MULTIPLY);
}
