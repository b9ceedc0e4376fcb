/* BWD_D through columns: dst's gradient, read where it lies, by the transposed weights gives the columns of a
 * few input blocks, which are then added to src's gradient, tap by tap (col2im). A work item has all pixels
 * of its images and input blocks, so no two threads add to the same place and the order is always the same.
 */
#include "direct.h"
#include "gemm/sums.h"
#include "isa.h"
#include "panels.h"
#include "pool.h"
#include <limits.h>
#include <string.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

/* The operands of a pass and one thread's buffers. */
typedef struct pass {
    wn_panels s;
    const float *gradient, *weights; /* transposed */
    float *out;
    float *columns;
    wn_tap *taps;
} pass;

/* All columns of a panel for input blocks [block, last). */
static void fill_columns(const pass *t, const wn_panel *panel, int block, int last) {
    const wn_panels *s = &t->s;
    const int32_t *knob = s->plan->config.knob;
    const int columns = (last - block) * s->taps, reduce = knob[PANELS_REDUCE], most = knob[PANELS_BLOCKS];
    for (int begin = 0; begin < s->entries; begin += reduce) {
        wn_tile tile = {.a_k = 1,
                        .b_k = WN_BLOCK,
                        .b_block = s->weight_block,
                        .taps = t->taps,
                        .count = s->entries - begin < reduce ? s->entries - begin : reduce,
                        .k = WN_BLOCK,
                        .c_block = s->distance,
                        .accumulate = begin > 0};
        wn_panel_rows rows = {
            .a = t->gradient + panel->image * s->in_stride + begin * s->in_block + panel->pixel * WN_BLOCK,
            .a_image = s->in_stride,
            .a_pixel = WN_BLOCK,
            .c_image = panel->pixels * WN_BLOCK,
            .c_pixel = WN_BLOCK,
            .width = INT_MAX,
        };
        for (int i = 0; i < tile.count; i++)
            t->taps[i] = (wn_tap){.a = i * s->in_block, .b = i * SQUARE};
        for (int column = 0; column < columns; column += most) {
            tile.b =
                t->weights + ((int64_t)block * s->taps + column) * s->weight_block + (int64_t)begin * SQUARE;
            rows.c = t->columns + column * s->distance;
            wn_panels_multiply(s, WN_TILE_PIXELS, tile, columns - column < most ? columns - column : most,
                               panel, &rows, NULL);
        }
    }
}

/* Output coordinates [begin, end) at which a tap reads inside the map. */
typedef struct range {
    int begin, end;
} range;

static range valid(int offset, int step, int in_size, int out_size) {
    range r = {.begin = offset >= 0 ? 0 : wn_ceil_div(-offset, step)};
    r.end = offset >= in_size ? 0 : wn_ceil_div(in_size - offset, step);
    r.end = r.end < out_size ? r.end : out_size;
    return r;
}

/* Adds one column, the pixels of one image, to `map`, a block of that image of src's gradient. */
static void add_column(const pass *t, const wn_panel *panel, int tap, const float *column, float *map) {
    const wn_problem *p = &t->s.plan->problem;
    const wn_sums *sums = wn_kernels_of(t->s.plan->isa)->sums;
    const int down = tap / p->kw * (p->dh + 1) - p->ph, right = tap % p->kw * (p->dw + 1) - p->pw;
    const range rows = valid(down, p->sh, p->ih, p->oh), inside = valid(right, p->sw, p->iw, p->ow);
    const int last = panel->pixel + panel->pixels;
    for (int row = panel->pixel / p->ow; row * p->ow < last; row++) {
        const int64_t start = (int64_t)row * p->ow;
        const int64_t from = start + inside.begin > panel->pixel ? start + inside.begin : panel->pixel;
        const int64_t to = start + inside.end < last ? start + inside.end : last;
        if (row < rows.begin || row >= rows.end || from >= to)
            continue;
        const int64_t in_row = (int64_t)row * p->sh + down;
        const float *in = column + (from - panel->pixel) * WN_BLOCK;
        float *out = map + (in_row * p->iw + (from - start) * p->sw + right) * WN_BLOCK;
        if (p->sw == 1)
            sums->arrays(in, 1, 0, out, (to - from) * WN_BLOCK, true);
        else
            for (int64_t i = 0; i < to - from; i++)
                sums->arrays(in + i * WN_BLOCK, 1, 0, out + i * p->sw * WN_BLOCK, WN_BLOCK, true);
    }
}

/* The columns of a panel into input blocks [block, last). */
static void add_columns(const pass *t, const wn_panel *panel, int block, int last) {
    const wn_panels *s = &t->s;
    for (int i = 0; i < panel->images; i++)
        for (int b = block; b < last; b++)
            for (int tap = 0; tap < s->taps; tap++)
                add_column(t, panel, tap,
                           t->columns + ((b - block) * s->taps + tap) * s->distance +
                               (int64_t)i * panel->pixels * WN_BLOCK,
                           t->out + (panel->image + i) * s->out_stride + b * s->out_block);
}

void wn_panels_scatter(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    char *private = wn_panels_private(plan, args->workspace, tid);
    const pass t = {.s = wn_panels_of(plan),
                    .gradient = args->dst,
                    .weights = args->workspace,
                    .out = args->src,
                    .columns = (float *)private,
                    .taps = (wn_tap *)(private + plan->derived[PANELS_TAPS])};
    const wn_panels *s = &t.s;
    const int groups = wn_ceil_div(s->out_blocks, plan->config.knob[PANELS_OUTPUTS]);
    const int64_t parts = plan->derived[PANELS_PARTS];
    wn_part_clock *clock = wn_part_clock_of(args->clocks, tid);
    long first, end;
    wn_split((long)plan->derived[PANELS_IMAGE_GROUPS] * groups, tid, nthreads, &first, &end);
    for (long index = first; index < end; index++) {
        const int group = (int)(index % groups);
        const int block = wn_part_begin(s->out_blocks, groups, group);
        const int last = wn_part_begin(s->out_blocks, groups, group + 1);
        for (int64_t part = 0; part < parts; part++) {
            const wn_panel panel = wn_panels_at(s, index / groups * parts + part);
            for (int i = 0; part == 0 && !plan->problem.accumulate && i < panel.images; i++)
                memset(t.out + (panel.image + i) * s->out_stride + block * s->out_block, 0,
                       (size_t)((last - block) * s->out_block) * sizeof(float));
            fill_columns(&t, &panel, block, last);
            wn_part_end(clock, WN_PART_MULTIPLY);
            add_columns(&t, &panel, block, last);
            wn_part_end(clock, WN_PART_OUTPUT);
        }
    }
}
