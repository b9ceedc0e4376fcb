/* Panels into dst (FWD_B) and, for 1x1 kernels without padding, into src's gradient (BWD_D): a panel is
 * copied and multiplied with every output block of the work item before the next entries are taken. */
#include "direct.h"
#include "isa.h"
#include "panels.h"
#include "pool.h"
#include <limits.h>

/* The operands of a pass and one thread's buffers. */
typedef struct pass {
    wn_panels s;
    const float *in, *weights, *bias;
    float *out;
    ptrdiff_t mask; /* from out */
    float *columns;
    wn_tap *taps;
    bool copy;
    wn_part_clock *clock; /* NULL: none */
} pass;

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const bool backward = plan->problem.direction == WN_BWD_D;
    char *private = wn_panels_private(plan, args->workspace, tid);
    return (pass){
        .s = wn_panels_of(plan),
        .in = backward ? args->dst : args->src,
        .weights = backward ? args->workspace : args->weights,
        .bias = backward ? NULL : args->bias,
        .out = backward ? args->src : args->dst,
        .mask = wn_conv_mask_distance(args),
        .columns = (float *)private,
        .taps = (wn_tap *)(private + plan->derived[PANELS_TAPS]),
        .copy = plan->derived[PANELS_COPIED],
        .clock = wn_part_clock_of(args->clocks, tid),
    };
}

/* Rows of A as copied, or where they lie; rows of C in dst, or every stride-th pixel of src's gradient. */
static wn_panel_rows rows_of(const pass *t, const wn_panel *panel, int entry) {
    const wn_panels *s = &t->s;
    const wn_problem *p = &s->plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const bool even = !backward || (p->sh == 1 && p->sw == 1 && p->iw == p->ow);
    return (wn_panel_rows){
        .a = t->copy ? t->columns
                     : t->in + panel->image * s->in_stride + entry * s->in_block + panel->pixel * s->unit,
        .a_image = t->copy ? panel->pixels * s->unit : s->in_stride,
        .a_pixel = s->unit,
        .c = t->out + panel->image * s->out_stride,
        .c_image = s->out_stride,
        .c_row = even ? 0 : (int64_t)p->sh * p->iw * WN_BLOCK,
        .c_pixel = backward ? p->sw * WN_BLOCK : WN_BLOCK,
        .first = panel->pixel,
        .width = even ? INT_MAX : s->width,
    };
}

/* Entries [begin, end) of a panel by output blocks [block, last). */
static void multiply(const pass *t, const wn_panel *panel, int begin, int end, int block, int last) {
    const wn_panels *s = &t->s;
    const wn_problem *p = &s->plan->problem;
    const int64_t distance = t->copy ? s->distance : s->in_block;
    const int most = s->plan->config.knob[PANELS_BLOCKS];
    const int depth = end * WN_BLOCK < s->depth ? end * WN_BLOCK : s->depth;
    wn_panel_rows rows = rows_of(t, panel, begin);
    wn_tile tile = {.a_k = p->plain_src ? distance : 1,
                    .b_k = WN_BLOCK,
                    .b_block = s->weight_block,
                    .taps = t->taps,
                    .count = p->plain_src ? 1 : end - begin,
                    .k = p->plain_src ? depth - begin * WN_BLOCK : WN_BLOCK,
                    .c_block = s->out_block,
                    .accumulate = begin > 0 || p->accumulate,
                    .relu = end == s->entries && p->relu,
                    .mask = end == s->entries ? t->mask : 0};
    for (int i = 0; i < tile.count; i++)
        t->taps[i] = (wn_tap){.a = i * distance, .b = i * WN_BLOCK * WN_BLOCK};
    float *const out = rows.c;
    for (; block < last; block += most) {
        tile.b = t->weights + block * s->weight_block + (int64_t)begin * WN_BLOCK * WN_BLOCK;
        tile.bias = begin == 0 && t->bias ? t->bias + block * WN_BLOCK : NULL;
        rows.c = out + block * s->out_block;
        wn_panels_multiply(s, p->plain_src ? WN_TILE_CHANNELS : WN_TILE_PIXELS, tile,
                           last - block < most ? last - block : most, panel, &rows);
    }
}

void wn_panels_gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const pass t = make_pass(plan, args, tid);
    const int32_t *knob = plan->config.knob;
    const int entries = t.s.entries, groups = wn_ceil_div(t.s.out_blocks, knob[PANELS_OUTPUTS]);
    const int reduce = knob[PANELS_REDUCE] < entries ? knob[PANELS_REDUCE] : entries;
    int64_t copied = -1; /* the panel that all entries of are in the columns */
    long first, last;
    wn_split((long)(wn_panels_count(plan) * groups), tid, nthreads, &first, &last);
    for (long index = first; index < last; index++) {
        const int group = (int)(index % groups);
        const wn_panel panel = wn_panels_at(&t.s, index / groups);
        for (int begin = 0; begin < entries; begin += reduce) {
            const int end = entries - begin < reduce ? entries : begin + reduce;
            if (t.copy && copied != index / groups) {
                wn_panels_pack(&t.s, &panel, t.in, begin, end, t.columns);
                wn_part_end(t.clock, WN_PART_INPUT);
            }
            multiply(&t, &panel, begin, end, wn_part_begin(t.s.out_blocks, groups, group),
                     wn_part_begin(t.s.out_blocks, groups, group + 1));
            wn_part_end(t.clock, WN_PART_MULTIPLY);
        }
        copied = reduce == entries ? index / groups : -1;
    }
}
