/* Depthwise convolution: every channel is a group of its own and has one filter. A vector holds 16 channels,
 * so nothing is summed across lanes and no zero of the blocked weights is multiplied: of a 16 x 16 block of
 * weights the diagonal alone is read, by a phase of its own, since maps are then taken as they lie in memory:
 * every one needs other weights.
 *
 * The output falls into rectangles whose pixels all have the same valid taps, as for `direct`, so padding is
 * never multiplied; border columns are tiled downwards. This file: what is supported, plans, FWD_B and BWD_D.
 * BWD_WB is in depthwise_weights.c. */
#include "depthwise.h"
#include "arena.h"
#include "implementations.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

static const char *const knobs[] = {"rows", "images", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (!wn_kernels_of(isa))
        return "this build has no kernels for the ISA";
    if (problem->g == 1 || problem->g != problem->ic || problem->oc != problem->ic)
        return "as many groups as input and output channels only";
    return NULL;
}

static int clamp(int64_t value, int low, int high) {
    return value < low ? low : value > high ? high : (int)value;
}

/* Rows that a work item can have: those of a residue class. */
static int most_rows(const wn_problem *problem) {
    return problem->direction == WN_BWD_D ? wn_ceil_div(problem->ih, problem->sh) : problem->oh;
}

/* Whole maps, unless that leaves threads without work. */
static wn_config default_gather(const wn_problem *problem, int threads) {
    const int64_t maps = (int64_t)problem->mb * wn_blocks(problem->ic), items = 4 * threads;
    const int rows = most_rows(problem), bands = clamp((items + maps - 1) / maps, 1, rows);
    return (wn_config){{[DEPTHWISE_ROWS] = wn_ceil_div(rows, bands)}};
}

/* Sums of some 512 pixels, and about 16 chunks. */
static wn_config default_weights(const wn_problem *problem) {
    const int chunks = clamp(wn_ceil_div(16, wn_blocks(problem->ic)), 1, problem->mb);
    return (wn_config){{[DEPTHWISE_ROWS] = clamp(512 / problem->ow, 1, problem->oh),
                        [DEPTHWISE_IMAGES] = wn_ceil_div(problem->mb, chunks)}};
}

/* The default, and half and twice of every knob. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)isa;
    const bool weights = problem->direction == WN_BWD_WB;
    const wn_config base = weights ? default_weights(problem) : default_gather(problem, threads);
    const int limit[] = {most_rows(problem), problem->mb};
    int count = 0;
    if (room > 0)
        list[count++] = base;
    for (int knob = 0; knob < (weights ? DEPTHWISE_KNOBS : DEPTHWISE_IMAGES); knob++)
        for (int twice = 0; twice < 2 && count < room; twice++) {
            wn_config config = base;
            config.knob[knob] = clamp(twice ? base.knob[knob] * 2LL : base.knob[knob] / 2, 1, limit[knob]);
            if (config.knob[knob] != base.knob[knob])
                list[count++] = config;
        }
    return count;
}

static bool take(int64_t *bytes, int64_t count, int64_t size) {
    int64_t more;
    return !__builtin_mul_overflow(count, size, &more) && !__builtin_add_overflow(*bytes, more, bytes);
}

/* Diagonals [block][tap][16], in the workspace or prepared. */
static bool lay_out_diagonals(wn_conv_plan *plan, int64_t *bytes) {
    const wn_problem *p = &plan->problem;
    int64_t prepared = 0;
    const bool fits = take(p->constant_weights ? &prepared : bytes, (int64_t)p->kh * p->kw * wn_blocks(p->ic),
                           WN_BLOCK * (int64_t)sizeof(float));
    plan->prepared_bytes = (size_t)prepared;
    plan->phases = p->constant_weights ? 1 : 2;
    return fits;
}

/* A thread's part: taps, and four lists of the taps of a class. */
static bool lay_out_private(wn_conv_plan *plan, int64_t *bytes) {
    const wn_problem *p = &plan->problem;
    int64_t part = 0;
    const bool fits = take(&part, (int64_t)p->kh * p->kw, (int64_t)sizeof(wn_depthwise_tap)) &&
                      take(&part, 2 * ((int64_t)p->kh + p->kw), (int64_t)sizeof(int)) &&
                      part < INT64_MAX - 64;
    part = (int64_t)wn_align64((size_t)part);
    plan->derived[DEPTHWISE_PRIVATE] = *bytes;
    plan->derived[DEPTHWISE_PRIVATE_BYTES] = part;
    return fits && take(bytes, part, plan->threads);
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const bool weights = p->direction == WN_BWD_WB;
    if (knob[DEPTHWISE_ROWS] < 1)
        return wn_error(WN_ERROR_INVALID, "depthwise: config rows=%d: expected at least 1",
                        knob[DEPTHWISE_ROWS]);
    if (weights ? knob[DEPTHWISE_IMAGES] < 1 : knob[DEPTHWISE_IMAGES] != 0)
        return wn_error(WN_ERROR_INVALID, "depthwise: config images=%d: expected %s", knob[DEPTHWISE_IMAGES],
                        weights ? "at least 1" : "0 here");
    int64_t bytes = 0;
    plan->derived[DEPTHWISE_BANDS] = (most_rows(p) - 1) / knob[DEPTHWISE_ROWS] + 1;
    if (!(weights ? wn_depthwise_weights_plan(plan, &bytes) : lay_out_diagonals(plan, &bytes)) ||
        !lay_out_private(plan, &bytes))
        return wn_error(WN_ERROR_INVALID, "depthwise: the bytes of the workspace do not fit 63 bits");
    plan->workspace_bytes = (size_t)bytes;
    return wn_ok();
}

wn_depthwise_pass wn_depthwise_pass_of(const wn_conv_plan *plan, void *workspace, int tid) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int in_height = backward ? p->oh : p->ih, out_height = backward ? p->ih : p->oh;
    wn_depthwise_pass s = {
        .plan = plan,
        .kernels = wn_kernels_of(plan->isa)->depthwise,
        .taps = p->kh * p->kw,
        .blocks = wn_blocks(p->ic),
        .in_width = backward ? p->ow : p->iw,
        .out_width = backward ? p->iw : p->ow,
        .in_stride = backward ? plan->dst_stride : plan->src_stride,
        .out_stride = backward ? plan->src_stride : plan->dst_stride,
        .list = (wn_depthwise_tap *)((char *)workspace + plan->derived[DEPTHWISE_PRIVATE] +
                                     tid * plan->derived[DEPTHWISE_PRIVATE_BYTES]),
    };
    s.in_block = (int64_t)in_height * s.in_width * WN_BLOCK;
    s.out_block = (int64_t)out_height * s.out_width * WN_BLOCK;
    s.vertical = wn_axis_make(p, true, in_height, out_height);
    s.horizontal = wn_axis_make(p, false, s.in_width, s.out_width);
    int *indices = (int *)(s.list + s.taps);
    s.rows = (wn_axis_taps){.index = indices, .offset = indices + p->kh};
    s.columns = (wn_axis_taps){.index = indices + 2 * p->kh, .offset = indices + 2 * p->kh + p->kw};
    return s;
}

static int list_taps(const wn_depthwise_pass *s, wn_span row, wn_span column) {
    int count = 0;
    for (int r = row.first; r < row.last; r++)
        for (int c = column.first; c < column.last; c++)
            s->list[count++] = (wn_depthwise_tap){
                .in = ((int64_t)s->rows.offset[r] * s->in_width + s->columns.offset[c]) * WN_BLOCK,
                .weights =
                    ((int64_t)s->rows.index[r] * s->horizontal.kernel + s->columns.index[c]) * WN_BLOCK};
    return count;
}

/* The rectangle of two spans; `in` and `out` are where pixel 0 of row 0 of the classes is. */
static wn_depthwise_rectangle cut(const wn_depthwise_pass *s, const float *in, float *out, wn_span row,
                                  wn_span column) {
    wn_depthwise_rectangle r = {
        .lines = row.end - row.begin,
        .pixels = column.end - column.begin,
        .in_line = (int64_t)s->vertical.in_step * s->in_width * WN_BLOCK,
        .in_pixel = (int64_t)s->horizontal.in_step * WN_BLOCK,
        .out_line = (int64_t)s->vertical.classes * s->out_width * WN_BLOCK,
        .out_pixel = (int64_t)s->horizontal.classes * WN_BLOCK,
        .taps = s->list,
        .count = list_taps(s, row, column),
    };
    r.in = in + row.begin * r.in_line + column.begin * r.in_pixel;
    r.out = out + row.begin * r.out_line + column.begin * r.out_pixel;
    if (r.pixels < r.lines && r.pixels < s->kernels->pixels / 2) { /* a tile goes downwards */
        const wn_depthwise_rectangle upright = r;
        r.lines = upright.pixels, r.in_line = upright.in_pixel, r.out_line = upright.out_pixel;
        r.pixels = upright.lines, r.in_pixel = upright.in_line, r.out_pixel = upright.out_line;
    }
    return r;
}

void wn_depthwise_walk(wn_depthwise_pass *s, const float *in, float *out, int begin, int end,
                       wn_depthwise_visit *visit, void *context) {
    for (int row_class = 0; row_class < s->vertical.classes; row_class++) {
        const int row_end = clamp(end, 0, wn_axis_length(&s->vertical, row_class));
        wn_axis_class(&s->vertical, row_class, &s->rows);
        for (int column_class = 0; column_class < s->horizontal.classes; column_class++) {
            const int columns = wn_axis_length(&s->horizontal, column_class);
            float *first = out + ((int64_t)row_class * s->out_width + column_class) * WN_BLOCK;
            wn_axis_class(&s->horizontal, column_class, &s->columns);
            for (int row = begin; row < row_end;) {
                const wn_span row_span = wn_axis_span(&s->vertical, &s->rows, row, row_end);
                for (int column = 0; column < columns;) {
                    const wn_span column_span = wn_axis_span(&s->horizontal, &s->columns, column, columns);
                    const wn_depthwise_rectangle r = cut(s, in, first, row_span, column_span);
                    visit(&r, context);
                    column = column_span.end;
                }
                row = row_span.end;
            }
        }
    }
}

/* What a rectangle of FWD_B or BWD_D needs besides its pixels. */
typedef struct gathering {
    const wn_depthwise_pass *s;
    const float *weights, *bias; /* of the block */
} gathering;

static void gather_rectangle(const wn_depthwise_rectangle *rectangle, void *context) {
    const gathering *g = context;
    const wn_problem *p = &g->s->plan->problem;
    g->s->kernels->gather(rectangle, g->weights, g->bias, p->accumulate, p->relu);
}

/* Where the diagonals are, or go. */
static float *diagonals_of(const wn_conv_plan *plan, const wn_conv_args *args) {
    return plan->prepared_bytes ? args->prepared : args->workspace;
}

static void read_diagonals(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    float *diagonals = diagonals_of(plan, args);
    long begin, end;
    wn_split((long)p->kh * p->kw * wn_blocks(p->ic), tid, nthreads, &begin, &end);
    for (long i = begin * WN_BLOCK; i < end * WN_BLOCK; i++)
        diagonals[i] = args->weights[i * WN_BLOCK + i % WN_BLOCK];
}

static void gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const float *in = backward ? args->dst : args->src, *diagonals = diagonals_of(plan, args);
    float *out = backward ? args->src : args->dst;
    const int bands = (int)plan->derived[DEPTHWISE_BANDS], rows = most_rows(p);
    wn_depthwise_pass s = wn_depthwise_pass_of(plan, args->workspace, tid);
    long begin, end;
    wn_split((long)p->mb * s.blocks * bands, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int band = (int)(index % bands);
        const int64_t block = index / bands % s.blocks, image = index / bands / s.blocks;
        gathering context = {.s = &s, .weights = diagonals + block * s.taps * WN_BLOCK};
        if (args->bias && !backward)
            context.bias = args->bias + block * WN_BLOCK;
        wn_depthwise_walk(&s, in + image * s.in_stride + block * s.in_block,
                          out + image * s.out_stride + block * s.out_block, wn_part_begin(rows, bands, band),
                          wn_part_begin(rows, bands, band + 1), gather_rectangle, &context);
    }
}

static void prepare(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid, int nthreads) {
    (void)state;
    read_diagonals(plan, args, tid, nthreads);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    if (plan->problem.direction == WN_BWD_WB)
        wn_depthwise_weights_run(plan, args, phase, tid, nthreads);
    else if (phase == 0 && !plan->prepared_bytes)
        read_diagonals(plan, args, tid, nthreads);
    else
        gather(plan, args, tid, nthreads);
}

const wn_conv_impl wn_conv_depthwise = {.name = "depthwise",
                                        .knobs = knobs,
                                        .refuse = refuse,
                                        .configs = configs,
                                        .plan = plan,
                                        .prepare = prepare,
                                        .run = run};
