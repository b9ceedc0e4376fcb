/* Panels into dst (FWD_B) and, for 1x1 kernels without padding, into src's gradient (BWD_D): a panel is
 * copied and multiplied with every output block of the work item before the next entries are taken. */
#include "direct.h"
#include "gemm/sums.h"
#include "isa.h"
#include "panels.h"
#include "pool.h"
#include <limits.h>
#include <string.h>
#include <xmmintrin.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

/* The operands of a pass and one thread's buffers. */
typedef struct pass {
    wn_panels s;
    const float *in, *weights, *bias;
    float *out;
    ptrdiff_t mask; /* from out */
    float *columns;
    wn_tap *taps;
    bool copy;
    float *turned;        /* transposed weights of a step; NULL: all of them lie at weights */
    float *results;       /* of a work item, before they are spread; NULL: tiles write to out */
    bool stream;          /* spread them past the caches */
    int reduce, most;     /* entries and output blocks of a step, at most */
    int groups;           /* of output blocks */
    wn_part_clock *clock; /* NULL: none */
} pass;

/* What a thread does between two looks at its list: entries [begin, end) of a panel by output blocks [block,
 * block + blocks) of work item `index`, whose own are [first, last). */
typedef struct step {
    long index;
    int begin, end, block, blocks, first, last;
} step;

static pass make_pass(const wn_conv_plan *plan, const wn_conv_args *args, int tid) {
    const bool backward = plan->problem.direction == WN_BWD_D;
    const bool turns = plan->derived[PANELS_TURNS];
    const int32_t *knob = plan->config.knob;
    char *private = wn_panels_private(plan, args->workspace, tid);
    pass t = {
        .s = wn_panels_of(plan),
        .in = backward ? args->dst : args->src,
        .weights = backward && !turns ? args->workspace : args->weights,
        .bias = backward ? NULL : args->bias,
        .out = backward ? args->src : args->dst,
        .mask = wn_conv_mask_distance(args),
        .columns = (float *)private,
        .taps = (wn_tap *)(private + plan->derived[PANELS_TAPS]),
        .copy = plan->derived[PANELS_COPIED],
        .turned = turns ? (float *)(private + plan->derived[PANELS_TURNED]) : NULL,
        .most = knob[PANELS_BLOCKS],
        .clock = wn_part_clock_of(args->clocks, tid),
    };
    if (turns && wn_panels_strided(&plan->problem))
        t.results = (float *)(private + plan->derived[PANELS_RESULTS]);
    t.stream = !plan->problem.accumulate && wn_conv_src_floats(&plan->problem) > WN_CONV_STREAMED_FLOATS;
    t.reduce = wn_smaller(knob[PANELS_REDUCE], t.s.entries);
    t.groups = wn_ceil_div(t.s.out_blocks, knob[PANELS_OUTPUTS]);
    return t;
}

/* A step of item `index` with its ends. */
static step step_at(const pass *t, long index, int begin, int block) {
    const int group = (int)(index % t->groups);
    step now = {.index = index,
                .begin = begin,
                .end = wn_smaller(begin + t->reduce, t->s.entries),
                .first = wn_part_begin(t->s.out_blocks, t->groups, group),
                .last = wn_part_begin(t->s.out_blocks, t->groups, group + 1)};
    now.block = block < 0 ? now.first : block;
    now.blocks = wn_smaller(t->most, now.last - now.block);
    return now;
}

/* The step after `now`: the next output blocks, then the next entries, then the next item. */
static step step_after(const pass *t, const step *now) {
    if (now->block + now->blocks < now->last)
        return step_at(t, now->index, now->begin, now->block + now->blocks);
    if (now->end < t->s.entries)
        return step_at(t, now->index, now->end, -1);
    return step_at(t, now->index + 1, 0, -1);
}

/* Rows of A as copied, or where they lie; rows of C in dst, or every stride-th pixel of src's gradient. */
static wn_panel_rows rows_of(const pass *t, const wn_panel *panel, const step *now) {
    const wn_panels *s = &t->s;
    const wn_problem *p = &s->plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const bool even = t->results || !backward || (p->sh == 1 && p->sw == 1 && p->iw == p->ow);
    const int64_t image = (int64_t)panel->pixels * s->unit;
    wn_panel_rows rows = {
        .a = t->copy
                 ? t->columns
                 : t->in + panel->image * s->in_stride + now->begin * s->in_block + panel->pixel * s->unit,
        .a_image = t->copy ? image : s->in_stride,
        .a_pixel = s->unit,
        .c = t->out + panel->image * s->out_stride + now->block * s->out_block,
        .c_image = s->out_stride,
        .c_row = even ? 0 : (int64_t)p->sh * p->iw * WN_BLOCK,
        .c_pixel = backward ? p->sw * WN_BLOCK : WN_BLOCK,
        .first = panel->pixel,
        .width = even ? INT_MAX : s->width,
    };
    if (t->results) {
        rows.c = t->results + (now->block - now->first) * panel->images * image;
        rows.c_image = image;
        rows.c_pixel = WN_BLOCK;
    }
    return rows;
}

/* The tiles of a step. */
static void multiply(const pass *t, const wn_panel *panel, const step *now, wn_ahead *ahead) {
    const wn_panels *s = &t->s;
    const wn_problem *p = &s->plan->problem;
    const int64_t distance = t->copy ? s->distance : s->in_block;
    const int entries = now->end - now->begin;
    const int depth = now->end * WN_BLOCK < s->depth ? now->end * WN_BLOCK : s->depth;
    const bool last = now->end == s->entries;
    const wn_panel_rows rows = rows_of(t, panel, now);
    const wn_tile tile = {
        .a_k = p->plain_src ? distance : 1,
        .b = t->turned ? t->turned : t->weights + now->block * s->weight_block + (int64_t)now->begin * SQUARE,
        .b_k = WN_BLOCK,
        .b_block = t->turned ? (int64_t)entries * SQUARE : s->weight_block,
        .taps = t->taps,
        .count = p->plain_src ? 1 : entries,
        .k = p->plain_src ? depth - now->begin * WN_BLOCK : WN_BLOCK,
        .c_block = t->results ? (int64_t)panel->images * panel->pixels * WN_BLOCK : s->out_block,
        .bias = now->begin == 0 && t->bias ? t->bias + now->block * WN_BLOCK : NULL,
        .accumulate = now->begin > 0 || (p->accumulate && !t->results),
        .relu = last && p->relu,
        .mask = last && !t->results ? t->mask : 0};
    for (int i = 0; i < tile.count; i++)
        t->taps[i] = (wn_tap){.a = i * distance, .b = (int64_t)i * SQUARE};
    wn_panels_multiply(s, p->plain_src ? WN_TILE_CHANNELS : WN_TILE_PIXELS, tile, now->blocks, panel, &rows,
                       ahead);
}

/* Turns the weights of a step, [entry][out block][16][16] among all, into [out block][entry][16][16]. */
static void turn_weights(const pass *t, const step *now) {
    const wn_sums *sums = wn_kernels_of(t->s.plan->isa)->sums;
    const int entries = now->end - now->begin;
    for (int entry = 0; entry < entries; entry++)
        for (int b = 0; b < now->blocks; b++)
            sums->transpose(t->weights +
                                ((int64_t)(now->begin + entry) * t->s.out_blocks + now->block + b) * SQUARE,
                            t->turned + ((int64_t)b * entries + entry) * SQUARE);
}

/* What is fetched while a step multiplies: weights that the next one turns, or a panel that is copied after
 * the step's entries. */
typedef struct coming {
    const pass *t;
    wn_ahead_weights weights;
    wn_panel panel;
    int begin, rows; /* first entry; rows of the panel */
} coming;

static void fetch_row(const void *what, int unit) {
    const coming *next = what;
    wn_panels_fetch(&next->t->s, &next->panel, next->t->in, next->begin + unit / next->rows,
                    unit % next->rows, next->rows);
}

static wn_ahead weights_ahead(const pass *t, int64_t tiles, const step *next, coming *what) {
    what->weights = (wn_ahead_weights){
        .weights = t->weights + ((int64_t)next->begin * t->s.out_blocks + next->block) * SQUARE,
        .row = next->blocks,
        .step = (int64_t)t->s.out_blocks * SQUARE};
    return (wn_ahead){.fetch = wn_ahead_fetch_weights,
                      .what = &what->weights,
                      .end = (next->end - next->begin) * next->blocks,
                      .tiles = tiles};
}

/* A step's share of the panel, if another one follows before item `last`. Other taps than the only one would
 * ask for the same lines again. */
static wn_ahead panel_ahead(const pass *t, int64_t tiles, const step *now, long last, coming *what) {
    const bool part = now->end < t->s.entries;
    const long index = part ? now->index : now->index + 1;
    const bool other = t->reduce < t->s.entries || index / t->groups != now->index / t->groups;
    if (index == last || !other || t->s.taps > 1)
        return (wn_ahead){0};
    const step next = step_at(t, index, part ? now->end : 0, -1);
    *what = (coming){.t = t, .panel = wn_panels_at(&t->s, index / t->groups), .begin = next.begin};
    what->rows = wn_panels_rows(&t->s, &what->panel);
    const int turns = wn_ceil_div(now->last - now->first, t->most);
    const int turn = (now->block - now->first) / t->most, units = (next.end - next.begin) * what->rows;
    return (wn_ahead){.fetch = fetch_row,
                      .what = what,
                      .first = wn_part_begin(units, turns, turn),
                      .end = wn_part_begin(units, turns, turn + 1),
                      .tiles = tiles};
}

/* Writes a line, past the caches if wanted. */
static void write_line(const float line[WN_BLOCK], bool stream, float *out) {
    if (!stream)
        memcpy(out, line, WN_BLOCK * sizeof *out);
    else
        for (int lane = 0; lane < WN_BLOCK; lane += 4)
            _mm_stream_ps(out + lane, _mm_load_ps(line + lane));
}

/* One pixel of src's gradient; mask as in wn_tile. */
static void write_pixel(const pass *t, const float *result, float *out) {
    _Alignas(64) float line[WN_BLOCK];
    const bool accumulate = t->s.plan->problem.accumulate;
    if (!accumulate && t->mask == 0) {
        write_line(result, t->stream, out);
        return;
    }
    for (int lane = 0; lane < WN_BLOCK; lane++) {
        const float value = accumulate ? out[lane] + result[lane] : result[lane];
        line[lane] = t->mask && !(out[lane + t->mask] > 0) ? 0 : value;
    }
    write_line(line, t->stream, out);
}

/* Spreads the results of a step over src's gradient, whose other pixels are 0. */
static void spread(const pass *t, const wn_panel *panel, const step *now) {
    static const _Alignas(64) float zeros[WN_BLOCK];
    const wn_problem *p = &t->s.plan->problem;
    const float *result =
        t->results + (int64_t)(now->block - now->first) * panel->images * panel->pixels * WN_BLOCK;
    for (int b = now->block; b < now->block + now->blocks; b++)
        for (int i = 0; i < panel->images; i++) {
            float *out = t->out + (panel->image + i) * t->s.out_stride + b * t->s.out_block;
            for (int row = 0; row < p->ih; row++) {
                const bool used = row % p->sh == 0 && row / p->sh < p->oh;
                for (int column = 0, next = 0; column < p->iw; column++, out += WN_BLOCK)
                    if (used && column == next && column < p->ow * p->sw) {
                        write_pixel(t, result, out);
                        result += WN_BLOCK;
                        next += p->sw;
                    } else if (!p->accumulate) {
                        write_line(zeros, t->stream, out);
                    }
            }
        }
    if (t->stream)
        _mm_sfence();
}

void wn_panels_gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const pass t = make_pass(plan, args, tid);
    long first, last, copied = -1; /* the item whose entries, from copied_begin on, are in the columns */
    int copied_begin = 0;
    wn_split((long)(wn_panels_count(plan) * t.groups), tid, nthreads, &first, &last);
    step next = step_at(&t, first, 0, -1);
    for (step now = next; now.index < last; now = next) {
        const wn_panel panel = wn_panels_at(&t.s, now.index / t.groups);
        next = step_after(&t, &now);
        if (t.copy &&
            (copied < 0 || copied / t.groups != now.index / t.groups || copied_begin != now.begin)) {
            wn_part_end(t.clock, WN_PART_MULTIPLY);
            wn_panels_pack(&t.s, &panel, t.in, now.begin, now.end, t.columns);
            wn_part_end(t.clock, WN_PART_INPUT);
            copied = now.index;
            copied_begin = now.begin;
        }
        if (t.turned) {
            turn_weights(&t, &now);
            wn_part_end(t.clock, WN_PART_WEIGHTS);
        }
        const int64_t tiles = (int64_t)panel.images * panel.pixels / t.s.tiles->max_rows[now.blocks] + 1;
        coming what;
        wn_ahead ahead = {0};
        if (t.turned && next.index < last)
            ahead = weights_ahead(&t, tiles, &next, &what);
        else if (t.copy)
            ahead = panel_ahead(&t, tiles, &now, last, &what);
        multiply(&t, &panel, &now, &ahead);
        wn_part_end(t.turned ? t.clock : NULL, WN_PART_MULTIPLY);
        if (t.results && now.end == t.s.entries) {
            spread(&t, &panel, &now);
            wn_part_end(t.clock, WN_PART_OUTPUT);
        }
    }
    wn_part_end(t.clock, WN_PART_MULTIPLY);
}
