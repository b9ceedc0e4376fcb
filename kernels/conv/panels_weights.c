/* Panels by dst's gradient (BWD_WB): rows of a tile are the 16 channels of an entry (plain: taps and
 * channels), the reduction runs over the pixels of the panel. Panels are summed in fixed chunks, whose sums a
 * second phase adds in order, so the bits do not depend on the number of threads. */
#include "direct.h"
#include "gemm/sums.h"
#include "isa.h"
#include "panels.h"
#include "pool.h"
#include <string.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

/* The operands of a pass and one thread's buffers. */
typedef struct pass {
    wn_panels s;
    const float *in, *gradient;
    float *columns, *copied; /* copies of panels of both */
    wn_tap *taps;
    bool copy;
    wn_part_clock *clock; /* NULL: none */
} pass;

/* The work item: panels [panel, panel_end) by entries and output blocks, and where its sums go. */
typedef struct item {
    int64_t panel, panel_end;
    int entry, entry_end, block, block_end;
    float *weights, *bias; /* bias: NULL when another item or nobody wants it */
    bool accumulate;
} item;

/* The panel that the thread will take next, and how it lies to the present one: what is added to the
 * operands' places to find it, 0 where they are copied. */
typedef struct ahead {
    bool known;
    wn_panel panel;
    ptrdiff_t in, gradient;
} ahead;

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    char *private = wn_panels_private(plan, args->workspace, tid);
    return (pass){
        .s = wn_panels_of(plan),
        .in = args->src,
        .gradient = args->dst,
        .columns = (float *)private,
        .copied = (float *)(private + plan->derived[PANELS_GRADIENT]),
        .taps = (wn_tap *)(private + plan->derived[PANELS_TAPS]),
        .copy = plan->derived[PANELS_COPIED],
        .clock = wn_part_clock_of(args->clocks, tid),
    };
}

/* Where a panel starts in src, read in place, and in dst's gradient; block 0. */
static int64_t place_in(const wn_panels *s, const wn_panel *panel) {
    const int64_t row = panel->pixel / s->width * s->row_step, column = panel->pixel % s->width;
    return panel->image * s->in_stride + (row * s->in_width + column) * WN_BLOCK;
}

static int64_t place_out(const wn_panels *s, const wn_panel *panel) {
    return panel->image * s->out_stride + (int64_t)panel->pixel * WN_BLOCK;
}

/* The gradient of a panel's pixels in one output block, image by image. */
static void sum_bias(const pass *t, const wn_panel *panel, int block, float *bias) {
    const wn_sums *sums = wn_kernels_of(t->s.plan->isa)->sums;
    for (int i = 0; i < panel->images; i++)
        sums->rows(t->gradient + (panel->image + i) * t->s.out_stride + block * t->s.out_block +
                       panel->pixel * WN_BLOCK,
                   panel->pixels, WN_BLOCK, bias);
}

/* The same of `blocks` output blocks, made contiguous over the images. */
static void copy_gradient(const pass *t, const wn_panel *panel, int block, int blocks) {
    const wn_panels *s = &t->s;
    const int64_t floats = (int64_t)panel->pixels * WN_BLOCK;
    float *out = t->copied;
    for (int b = block; b < block + blocks; b++)
        for (int i = 0; i < panel->images; i++, out += floats)
            memcpy(out, t->gradient + (panel->image + i) * s->out_stride + b * s->out_block,
                   (size_t)floats * sizeof *out);
}

/* Lists the runs of pixels that both operands of a panel consist of, from its first pixel on. */
static void list_runs(const pass *t, const wn_panel *panel, wn_tile *tile) {
    const wn_panels *s = &t->s;
    const int runs = t->copy || s->flat ? 1 : panel->pixels / s->width;
    const int images = t->copy ? 1 : panel->images;
    for (int i = 0; i < images; i++)
        for (int run = 0; run < runs; run++)
            t->taps[i * runs + run] =
                (wn_tap){.a = i * s->in_stride + (int64_t)run * s->row_step * s->in_width * WN_BLOCK,
                         .b = i * s->out_stride + (int64_t)run * s->width * WN_BLOCK};
    tile->count = images * runs;
    tile->k = panel->images * panel->pixels / tile->count;
}

/* Where the tile finds both panels. */
static void set_operands(const pass *t, const wn_panel *panel, int entry, int block, int blocks,
                         wn_tile *tile) {
    const wn_panels *s = &t->s;
    tile->a = t->copy ? t->columns : t->in + place_in(s, panel) + entry * s->in_block;
    if (t->copy && panel->images > 1) {
        copy_gradient(t, panel, block, blocks);
        tile->b = t->copied;
        tile->b_block = (int64_t)panel->images * panel->pixels * WN_BLOCK;
    } else {
        tile->b = t->gradient + place_out(s, panel) + block * s->out_block;
        tile->b_block = s->out_block;
    }
}

/* One panel's contribution to an item. What the next panel reads is fetched meanwhile, a share of its entries
 * beside each group of output blocks, so that memory is as busy all the time. */
static void add_panel(const pass *t, const item *it, const wn_panel *panel, const ahead *next,
                      bool accumulate) {
    const wn_panels *s = &t->s;
    const bool plain = s->plan->problem.plain_src;
    const int most = s->plan->config.knob[PANELS_BLOCKS];
    const int depth = it->entry_end * WN_BLOCK < s->depth ? it->entry_end * WN_BLOCK : s->depth;
    const int64_t distance = t->copy ? s->distance : s->in_block;
    const int entries = it->entry_end - it->entry, turns = wn_ceil_div(it->block_end - it->block, most);
    if (t->copy)
        wn_panels_pack(s, panel, t->in, it->entry, it->entry_end, t->columns);
    wn_tile tile = {.a_row = plain ? distance : 1,
                    .a_k = plain     ? 1
                           : t->copy ? WN_BLOCK
                                     : (int64_t)s->column_step * WN_BLOCK,
                    .b_k = WN_BLOCK,
                    .taps = t->taps,
                    .c_row = WN_BLOCK,
                    .c_block = s->weight_block,
                    .accumulate = accumulate};
    list_runs(t, panel, &tile);
    for (int block = it->block; block < it->block_end; block += most) {
        const int blocks = it->block_end - block < most ? it->block_end - block : most;
        set_operands(t, panel, it->entry, block, blocks, &tile);
        wn_part_end(t->clock, WN_PART_INPUT);
        const float *const a = tile.a;
        float *const weights = it->weights + block * s->weight_block + (int64_t)it->entry * SQUARE;
        if (plain) {
            tile.c = weights;
            wn_direct_run_rows(s->tiles, WN_TILE_GENERAL, &tile, depth - it->entry * WN_BLOCK, blocks, NULL);
        } else {
            const int turn = (block - it->block) / most;
            for (int entry = 0; entry < entries; entry++) {
                if (t->copy && next->known)
                    wn_panels_fetch(s, &next->panel, t->in, it->entry + entry, turn, turns);
                tile.next = entry % turns == turn ? next->in : 0;
                tile.next_b = entry == entries * turn / turns ? next->gradient : 0;
                tile.a = a + entry * distance;
                tile.c = weights + (int64_t)entry * SQUARE;
                wn_direct_run_rows(s->tiles, WN_TILE_CHANNELS, &tile, WN_BLOCK, blocks, NULL);
            }
        }
        wn_part_end(t->clock, WN_PART_MULTIPLY);
        for (int b = block; it->bias && b < block + blocks; b++)
            sum_bias(t, panel, b, it->bias + b * WN_BLOCK);
        wn_part_end(it->bias ? t->clock : NULL, WN_PART_SUM);
    }
}

/* What follows a panel of a chunk. */
static ahead ahead_of(const pass *t, const wn_panel *panel, int64_t index, int64_t end) {
    ahead next = {.known = index + 1 < end};
    if (!next.known)
        return next;
    next.panel = wn_panels_at(&t->s, index + 1);
    if (!t->copy)
        next.in = place_in(&t->s, &next.panel) - place_in(&t->s, panel);
    if (!t->copy || panel->images == 1)
        next.gradient = place_out(&t->s, &next.panel) - place_out(&t->s, panel);
    return next;
}

void wn_panels_sum_chunks(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const pass t = make_pass(plan, args, tid);
    const int chunks = (int)plan->derived[PANELS_SUMS];
    const int64_t panels = wn_panels_count(plan), bias_floats = (int64_t)t.s.out_blocks * WN_BLOCK;
    const int in_groups = wn_ceil_div(t.s.entries, knob[PANELS_REDUCE]);
    const int out_groups = wn_ceil_div(t.s.out_blocks, knob[PANELS_OUTPUTS]);
    float *bias_sums = (float *)((char *)args->workspace + plan->derived[PANELS_BIAS]);
    long first, last;
    wn_split((long)chunks * in_groups * out_groups, tid, nthreads, &first, &last);
    for (long index = first; index < last; index++) {
        const int out_group = (int)(index % out_groups), in_group = (int)(index / out_groups % in_groups);
        const int chunk = (int)(index / out_groups / in_groups);
        item it = {
            .panel = panels * chunk / chunks,
            .panel_end = panels * (chunk + 1) / chunks,
            .entry = wn_part_begin(t.s.entries, in_groups, in_group),
            .entry_end = wn_part_begin(t.s.entries, in_groups, in_group + 1),
            .block = wn_part_begin(t.s.out_blocks, out_groups, out_group),
            .block_end = wn_part_begin(t.s.out_blocks, out_groups, out_group + 1),
            .weights =
                chunks > 1 ? (float *)args->workspace + chunk * wn_conv_weights_floats(p) : args->weights,
            .bias = chunks > 1 ? bias_sums + chunk * bias_floats : args->bias,
            .accumulate = chunks == 1 && p->accumulate,
        };
        if (!args->bias || in_group != 0)
            it.bias = NULL;
        if (it.bias && !it.accumulate)
            memset(it.bias + it.block * WN_BLOCK, 0,
                   (size_t)(it.block_end - it.block) * WN_BLOCK * sizeof(float));
        for (int64_t i = it.panel; i < it.panel_end; i++) {
            const wn_panel panel = wn_panels_at(&t.s, i);
            const ahead next = ahead_of(&t, &panel, i, it.panel_end);
            add_panel(&t, &it, &panel, &next, it.accumulate || i > it.panel);
        }
    }
}

void wn_panels_combine(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    const int chunks = (int)plan->derived[PANELS_SUMS];
    const int64_t floats = wn_conv_weights_floats(p), bias_floats = (int64_t)wn_blocks(p->oc) * WN_BLOCK;
    const float *parts = args->workspace;
    long begin, end;
    wn_split((long)(floats / WN_BLOCK), tid, nthreads, &begin, &end);
    sums->arrays(parts + begin * WN_BLOCK, chunks, floats, args->weights + begin * WN_BLOCK,
                 (end - begin) * WN_BLOCK, p->accumulate);
    if (tid == 0 && args->bias)
        sums->arrays((const float *)((const char *)args->workspace + plan->derived[PANELS_BIAS]), chunks,
                     bias_floats, args->bias, bias_floats, p->accumulate);
    wn_part_end(wn_part_clock_of(args->clocks, tid), WN_PART_SUM);
}
