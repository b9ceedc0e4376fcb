/* Panels: geometry, the copying, the products over their rows, and what precedes BWD_D. Plans are in
 * panels_plan.c, the passes in panels_gather.c, panels_weights.c and panels_scatter.c. */
#include "panels.h"
#include "direct.h"
#include "gemm/sums.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

/* What one entry (plain: one k) reads. */
typedef struct reach {
    const float *map; /* of image 0 */
    int row, column;  /* added to a pixel's coordinates */
    int enter, leave; /* columns of dst's map whose tap lies inside */
} reach;

static int64_t round_up(int64_t value, int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

wn_panels wn_panels_of(const wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int unit = p->plain_src ? 1 : WN_BLOCK;
    wn_panels s = {
        .plan = plan,
        .tiles = wn_kernels_of(plan->isa)->tiles,
        .in_height = backward ? p->oh : p->ih,
        .in_width = backward ? p->ow : p->iw,
        .row_step = backward ? 1 : p->sh,
        .column_step = backward ? 1 : p->sw,
        .row_dilate = p->dh + 1,
        .column_dilate = p->dw + 1,
        .row_pad = backward ? 0 : p->ph,
        .column_pad = backward ? 0 : p->pw,
        .unit = unit,
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_blocks = wn_blocks(backward ? p->ic : p->oc),
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .width = p->ow,
        .pixels = p->oh * p->ow,
        .taps = p->kh * p->kw,
    };
    s.depth =
        p->plain_src ? s.taps * p->ic : (backward ? wn_blocks(p->oc) : wn_blocks(p->ic) * s.taps) * WN_BLOCK;
    s.entries = wn_blocks(s.depth);
    s.in_block = (int64_t)s.in_height * s.in_width * unit;
    s.out_block = (int64_t)(backward ? p->ih * p->iw : s.pixels) * WN_BLOCK;
    s.weight_block = (int64_t)s.depth * WN_BLOCK;
    s.flat = backward || (s.taps == 1 && p->sh == 1 && p->sw == 1 && p->ph == 0 && p->pw == 0 &&
                          p->ih == p->oh && p->iw == p->ow);
    /* An odd number of cache lines apart, lest all entries of a pixel fall into the same cache sets. */
    const int64_t rows = plan->derived[PANELS_IMAGES] * plan->derived[PANELS_LENGTH];
    s.distance = (round_up(rows * unit, WN_BLOCK) / WN_BLOCK | 1) * WN_BLOCK;
    return s;
}

int64_t wn_panels_count(const wn_conv_plan *plan) {
    return plan->derived[PANELS_IMAGE_GROUPS] * plan->derived[PANELS_PARTS];
}

wn_panel wn_panels_at(const wn_panels *s, int64_t index) {
    const int64_t *derived = s->plan->derived;
    const int groups = (int)derived[PANELS_IMAGE_GROUPS], length = (int)derived[PANELS_LENGTH];
    const int group = (int)(index / derived[PANELS_PARTS]), part = (int)(index % derived[PANELS_PARTS]);
    wn_panel panel = {.image = wn_part_begin(s->plan->problem.mb, groups, group), .pixel = part * length};
    panel.images = wn_part_begin(s->plan->problem.mb, groups, group + 1) - panel.image;
    panel.pixels = wn_smaller(length, s->pixels - panel.pixel);
    return panel;
}

char *wn_panels_private(const wn_conv_plan *plan, void *workspace, int tid) {
    return (char *)workspace + plan->derived[PANELS_PRIVATE] + tid * plan->derived[PANELS_PRIVATE_BYTES];
}

static reach reach_of(const wn_panels *s, const float *in, int entry) {
    const wn_problem *p = &s->plan->problem;
    const int tap = p->plain_src ? entry / p->ic : entry % s->taps;
    const int block = p->plain_src ? entry % p->ic : entry / s->taps;
    reach r = {.map = in + block * s->in_block,
               .row = tap / p->kw * s->row_dilate - s->row_pad,
               .column = tap % p->kw * s->column_dilate - s->column_pad};
    r.enter = r.column >= 0 ? 0 : wn_ceil_div(-r.column, s->column_step);
    r.leave = r.column >= s->in_width
                  ? 0
                  : wn_smaller(s->width, wn_ceil_div(s->in_width - r.column, s->column_step));
    return r;
}

/* Inlined with constant steps, which GCC turns into shuffles. */
static inline void copy_every(const float *in, int64_t step, int count, float *out) {
    for (int i = 0; i < count; i++)
        out[i] = in[i * step];
}

/* Copies `count` pixels that lie `step` pixels apart. */
static void copy_pixels(const float *in, int unit, int step, int count, float *out) {
    if (step == 1)
        memcpy(out, in, (size_t)(count * unit) * sizeof *out);
    else if (unit == WN_BLOCK)
        for (int i = 0; i < count; i++)
            memcpy(out + i * WN_BLOCK, in + (int64_t)i * step * WN_BLOCK, WN_BLOCK * sizeof *out);
    else if (step == 2)
        copy_every(in, 2, count, out);
    else if (step == 4)
        copy_every(in, 4, count, out);
    else
        copy_every(in, step, count, out);
}

/* Columns [begin, end) of one row of dst's map; `in_row` is where the tap reads. */
static void copy_row(const wn_panels *s, const reach *r, int64_t image, int64_t in_row, int begin, int end,
                     float *out) {
    const bool inside = in_row >= 0 && in_row < s->in_height;
    int enter = r->enter > begin ? r->enter : begin, leave = wn_smaller(r->leave, end);
    if (!inside || leave <= enter)
        enter = leave = end;
    const size_t pixel = (size_t)s->unit * sizeof *out;
    memset(out, 0, (size_t)(enter - begin) * pixel);
    if (enter < leave) {
        const float *in =
            r->map + image + (in_row * s->in_width + (int64_t)enter * s->column_step + r->column) * s->unit;
        float *inner = out + (enter - begin) * s->unit;
        copy_pixels(in, s->unit, s->column_step, leave - enter, inner);
    }
    memset(out + (leave - begin) * s->unit, 0, (size_t)(end - leave) * pixel);
}

static void copy_entry(const wn_panels *s, const wn_panel *panel, const reach *r, float *out) {
    for (int i = 0; i < panel->images; i++) {
        const int64_t image = (panel->image + i) * s->in_stride;
        if (s->flat) {
            copy_pixels(r->map + image + panel->pixel * s->unit, s->unit, 1, panel->pixels, out);
            out += panel->pixels * s->unit;
            continue;
        }
        int row = panel->pixel / s->width, column = panel->pixel % s->width;
        for (int left = panel->pixels; left > 0; row++, column = 0) {
            const int end = wn_smaller(s->width, column + left);
            copy_row(s, r, image, (int64_t)row * s->row_step + r->row, column, end, out);
            out += (end - column) * s->unit;
            left -= end - column;
        }
    }
}

void wn_panels_pack(const wn_panels *s, const wn_panel *panel, const float *in, int begin, int end,
                    float *columns) {
    const int each = s->unit == 1 ? WN_BLOCK : 1; /* of what reach_of counts, in an entry */
    const int last = s->unit == 1 ? wn_smaller(end * each, s->depth) : end;
    for (int k = begin * each; k < last; k++) {
        const reach r = reach_of(s, in, k);
        copy_entry(s, panel, &r, columns + (k - begin * each) * s->distance);
    }
}

int wn_panels_rows(const wn_panels *s, const wn_panel *panel) {
    const int last = (panel->pixel + panel->pixels - 1) / s->width;
    return panel->images * (last + 1 - panel->pixel / s->width);
}

void wn_panels_fetch(const wn_panels *s, const wn_panel *panel, const float *in, int entry, int part,
                     int parts) {
    const int begin = panel->pixel / s->width, all = wn_panels_rows(s, panel);
    const int rows = all / panel->images;
    if (s->unit == 1 || part >= all)
        return;
    const reach r = reach_of(s, in, entry);
    for (int i = part; i < all; i += parts) {
        const int64_t row = (int64_t)(begin + i % rows) * s->row_step + r.row;
        if (row < 0 || row >= s->in_height)
            continue;
        const float *pixels =
            r.map + (panel->image + i / rows) * s->in_stride + (row * s->in_width + r.column) * WN_BLOCK;
        for (int column = r.enter; column < r.leave; column++)
            __builtin_prefetch(pixels + (int64_t)column * s->column_step * WN_BLOCK, 0, 2);
    }
}

static int64_t place_of(const wn_panel_rows *rows, int pixel) {
    const int q = rows->first + pixel;
    return q / rows->width * rows->c_row + q % rows->width * rows->c_pixel;
}

void wn_panels_multiply(const wn_panels *s, wn_tile_kind kind, wn_tile tile, int blocks,
                        const wn_panel *panel, const wn_panel_rows *rows, wn_ahead *ahead) {
    const wn_isa isa = s->plan->isa;
    const int run = wn_smaller(panel->pixels, rows->width);
    const double along_pixels =
        wn_direct_rows_cost(s->tiles, isa, run, blocks) * panel->images * wn_ceil_div(panel->pixels, run);
    const double along_images =
        wn_direct_rows_cost(s->tiles, isa, panel->images, blocks) * panel->pixels * 1.1;
    if (kind == WN_TILE_PIXELS && along_images < along_pixels) {
        tile.a_row = rows->a_image;
        tile.c_row = rows->c_image;
        for (int pixel = 0; pixel < panel->pixels; pixel++) {
            tile.a = rows->a + pixel * rows->a_pixel;
            tile.c = rows->c + place_of(rows, pixel);
            wn_direct_run_rows(s->tiles, kind, &tile, panel->images, blocks, ahead);
        }
        return;
    }
    tile.a_row = rows->a_pixel;
    tile.c_row = rows->c_pixel;
    for (int image = 0; image < panel->images; image++)
        for (int pixel = 0, count; pixel < panel->pixels; pixel += count) {
            count = wn_smaller(rows->width - (rows->first + pixel) % rows->width, panel->pixels - pixel);
            tile.a = rows->a + image * rows->a_image + pixel * rows->a_pixel;
            tile.c = rows->c + image * rows->c_image + place_of(rows, pixel);
            wn_direct_run_rows(s->tiles, kind, &tile, count, blocks, ahead);
        }
}

/* [ob][ib][tap][16 ic][16 oc] becomes [ib][tap][ob][16 oc][16 ic] in the workspace. */
static void transpose_weights(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    const int64_t entries = (int64_t)wn_blocks(p->ic) * p->kh * p->kw;
    const int out_blocks = wn_blocks(p->oc);
    long begin, end;
    wn_split((long)(entries * out_blocks), tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int64_t entry = index / out_blocks, ob = index % out_blocks;
        sums->transpose(args->weights + (ob * entries + entry) * SQUARE,
                        (float *)args->workspace + index * SQUARE);
    }
}

/* Pixels that no output of a 1x1 kernel reads have no gradient. */
static void clear_unused(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int64_t block = (int64_t)p->ih * p->iw * WN_BLOCK;
    const int blocks = wn_blocks(p->ic);
    if (p->accumulate || wn_panels_scatters(p) || (p->ih == p->oh && p->iw == p->ow))
        return;
    long begin, end;
    wn_split((long)p->mb * blocks, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++)
        memset(args->src + index / blocks * plan->src_stride + index % blocks * block, 0,
               (size_t)block * sizeof(float));
}

void wn_panels_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid, int nthreads) {
    const wn_direction direction = plan->problem.direction;
    wn_part_clock *clock = wn_part_clock_of(args->clocks, tid);
    if (direction == WN_BWD_WB && phase == 0) {
        wn_panels_sum_chunks(plan, args, tid, nthreads);
    } else if (direction == WN_BWD_WB) {
        wn_panels_combine(plan, args, tid, nthreads);
    } else if (phase + 1 < plan->phases) {
        transpose_weights(plan, args, tid, nthreads);
        wn_part_end(clock, WN_PART_WEIGHTS);
        clear_unused(plan, args, tid, nthreads);
        wn_part_end(clock, WN_PART_OUTPUT);
    } else if (wn_panels_scatters(&plan->problem)) {
        wn_panels_scatter(plan, args, tid, nthreads);
    } else {
        wn_panels_gather(plan, args, tid, nthreads);
    }
}
