/* im2col and a library's matrix product (OpenBLAS), as a yardstick: what a well-kept BLAS gives without a
 * line of one's own. After Chellapilla, Puri and Simard (2006). It is timed where it is asked for and picked
 * nowhere.
 *
 * Everything is turned into row-major matrices with pixels as rows: columns[pixel][depth],
 * weights[depth][oc], products[pixel][oc], where depth runs over input blocks, taps and 16 lanes (plain
 * source: taps and channels) and oc over the lanes of all blocks. So copies move 16 floats at a time. The
 * library threads the products; the copies are made by the one thread that calls it. */
#include "arena.h"
#include "implementations.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>

static const char *const knobs[] = {"images", NULL}; /* images of one product */

/* plan->derived: where in the workspace the matrices start, floats. */
enum { CBLAS_WEIGHTS, CBLAS_COLUMNS, CBLAS_PRODUCTS };

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (isa < wn_isa_native())
        return "the library chooses its instruction set by itself";
    if (problem->g != 1)
        return "no groups";
    if (problem->plain_src && problem->direction == WN_BWD_D)
        return "no gradient for a plain source";
    return NULL;
}

/* Sizes of the matrices. */
typedef struct matrices {
    int pixels, channels;   /* of an image of dst; lanes of all its blocks */
    int64_t depth;          /* of the reduction forward */
    int taps, entries, run; /* depth = entries of `run` neighbouring floats each */
} matrices;

static matrices matrices_of(const wn_problem *p) {
    matrices m = {.pixels = p->oh * p->ow, .channels = wn_blocks(p->oc) * WN_BLOCK, .taps = p->kh * p->kw};
    m.run = p->plain_src ? 1 : WN_BLOCK;
    m.entries = m.taps * (p->plain_src ? p->ic : wn_blocks(p->ic));
    m.depth = (int64_t)m.entries * m.run;
    return m;
}

/* Enough images for a thousand rows, half, and twice as many. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)isa;
    (void)threads;
    const int64_t pixels = (int64_t)problem->oh * problem->ow;
    const int64_t wanted = 1 + 1024 / pixels, images = wanted < problem->mb ? wanted : problem->mb;
    const int64_t choices[] = {images, images / 2, images * 2};
    int count = 0;
    for (int i = 0; i < 3 && count < room; i++)
        if (choices[i] >= 1 && choices[i] <= problem->mb)
            list[count++].knob[0] = (int32_t)choices[i];
    return count;
}

/* Room for rows x columns floats; false when that does not fit an int or 63 bits. */
static bool reserve(wn_conv_plan *plan, int which, int64_t rows, int64_t columns, int64_t *floats) {
    int64_t size;
    plan->derived[which] = *floats;
    return rows <= INT32_MAX && columns <= INT32_MAX && !__builtin_mul_overflow(rows, columns, &size) &&
           size < INT64_MAX - WN_BLOCK &&
           !__builtin_add_overflow(*floats, (size + WN_BLOCK - 1) / WN_BLOCK * WN_BLOCK, floats);
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int images = plan->config.knob[0];
    const int64_t pixels = (int64_t)p->oh * p->ow, channels = (int64_t)wn_blocks(p->oc) * WN_BLOCK;
    const int64_t depth = (int64_t)p->kh * p->kw * (p->plain_src ? p->ic : wn_blocks(p->ic) * WN_BLOCK);
    int64_t floats = 0, prepared = 0;
    if (images < 1 || images > p->mb)
        return wn_error(WN_ERROR_INVALID, "cblas: config images=%d: expected 1 to %d", images, p->mb);
    if (!reserve(plan, CBLAS_WEIGHTS, depth, channels, p->constant_weights ? &prepared : &floats) ||
        !reserve(plan, CBLAS_COLUMNS, pixels * images, depth, &floats) ||
        !reserve(plan, CBLAS_PRODUCTS, pixels * images, channels, &floats) ||
        floats > INT64_MAX / (int64_t)sizeof(float) || prepared > INT64_MAX / (int64_t)sizeof(float))
        return wn_error(WN_ERROR_INVALID, "cblas: the matrices are too large to count");
    plan->workspace_bytes = (size_t)floats * sizeof(float);
    plan->prepared_bytes = (size_t)prepared * sizeof(float);
    plan->external = true;
    return wn_ok();
}

/* A pass and its matrices. */
typedef struct pass {
    const wn_conv_plan *plan;
    const wn_problem *p;
    const wn_conv_args *args;
    matrices m;
    float *weights, *columns, *products;
} pass;

static pass pass_of(const wn_conv_plan *plan, const wn_conv_args *args) {
    float *workspace = args->workspace;
    return (pass){.plan = plan,
                  .p = &plan->problem,
                  .args = args,
                  .m = matrices_of(&plan->problem),
                  .weights = plan->prepared_bytes ? args->prepared : workspace + plan->derived[CBLAS_WEIGHTS],
                  .columns = workspace + plan->derived[CBLAS_COLUMNS],
                  .products = workspace + plan->derived[CBLAS_PRODUCTS]};
}

/* Row `entry`, lane `lane` of the weight matrix for output block ob lies here in the blocked weights. Both
 * layouts have the entries in the same order: input blocks outside, taps inside (plain: taps, channels). */
static float *blocked_weights(const pass *s, int ob, int64_t row) {
    return s->args->weights + (ob * s->m.depth + row) * WN_BLOCK;
}

static void unpack_weights(const pass *s) {
    for (int64_t row = 0; row < s->m.depth; row++)
        for (int ob = 0; ob < wn_blocks(s->p->oc); ob++)
            memcpy(s->weights + row * s->m.channels + ob * WN_BLOCK, blocked_weights(s, ob, row),
                   WN_BLOCK * sizeof(float));
}

static void pack_weights(const pass *s) {
    for (int64_t row = 0; row < s->m.depth; row++)
        for (int ob = 0; ob < wn_blocks(s->p->oc); ob++) {
            const float *from = s->weights + row * s->m.channels + ob * WN_BLOCK;
            float *to = blocked_weights(s, ob, row);
            for (int lane = 0; lane < WN_BLOCK; lane++)
                to[lane] = s->p->accumulate ? to[lane] + from[lane] : from[lane];
        }
}

/* Where entry `entry` of pixel (row, column) lies in src's image, or NULL on padding. */
static float *place_of(const pass *s, float *image, int entry, int row, int column) {
    const wn_problem *p = s->p;
    const int tap = p->plain_src ? entry / p->ic : entry % s->m.taps;
    const int block = p->plain_src ? entry % p->ic : entry / s->m.taps;
    const int64_t y = (int64_t)row * p->sh - p->ph + tap / p->kw * (p->dh + 1);
    const int64_t x = (int64_t)column * p->sw - p->pw + tap % p->kw * (p->dw + 1);
    if (y < 0 || y >= p->ih || x < 0 || x >= p->iw)
        return NULL;
    return image + (((int64_t)block * p->ih + y) * p->iw + x) * s->m.run;
}

/* im2col for one image, or, with `back`, col2im: columns are added to src. */
static void visit_columns(const pass *s, int64_t n, float *columns, bool back) {
    float *image = s->args->src + n * s->plan->src_stride;
    const size_t bytes = (size_t)s->m.run * sizeof(float);
    for (int row = 0; row < s->p->oh; row++)
        for (int column = 0; column < s->p->ow; column++)
            for (int entry = 0; entry < s->m.entries; entry++, columns += s->m.run) {
                float *place = place_of(s, image, entry, row, column);
                if (!back && place)
                    memcpy(columns, place, bytes);
                else if (!back)
                    memset(columns, 0, bytes);
                else if (place)
                    for (int lane = 0; lane < WN_BLOCK; lane++)
                        place[lane] += columns[lane];
            }
}

/* One pixel of dst in block ob of image n. */
static float *dst_pixel(const pass *s, int64_t n, int ob, int pixel) {
    return s->args->dst + n * s->plan->dst_stride + ((int64_t)ob * s->m.pixels + pixel) * WN_BLOCK;
}

static void read_dst(const pass *s, int64_t n, float *products) {
    for (int pixel = 0; pixel < s->m.pixels; pixel++)
        for (int ob = 0; ob < wn_blocks(s->p->oc); ob++, products += WN_BLOCK)
            memcpy(products, dst_pixel(s, n, ob, pixel), WN_BLOCK * sizeof(float));
}

/* With bias, sum and ReLU. */
static void write_dst(const pass *s, int64_t n, const float *products) {
    static const float none[WN_BLOCK];
    for (int pixel = 0; pixel < s->m.pixels; pixel++)
        for (int ob = 0; ob < wn_blocks(s->p->oc); ob++, products += WN_BLOCK) {
            const float *bias = s->args->bias ? s->args->bias + ob * WN_BLOCK : none;
            float *to = dst_pixel(s, n, ob, pixel);
            for (int lane = 0; lane < WN_BLOCK; lane++) {
                float value = products[lane] + bias[lane];
                value = s->p->accumulate ? value + to[lane] : value;
                to[lane] = s->p->relu && !(value > 0) ? 0 : value;
            }
        }
}

static void clear_src(const pass *s, int64_t n) {
    if (!s->p->accumulate)
        memset(s->args->src + n * s->plan->src_stride, 0,
               (size_t)(wn_conv_src_floats(s->p) / s->p->mb) * sizeof(float));
}

static void add_bias_gradient(const pass *s, const float *products, int64_t rows) {
    for (int64_t row = 0; row < rows; row++)
        for (int lane = 0; lane < s->m.channels; lane++)
            s->args->bias[lane] += products[row * s->m.channels + lane];
}

/* Forward: products = columns weights. */
static void forward(const pass *s, int64_t first, int images) {
    const int rows = images * s->m.pixels, depth = (int)s->m.depth, oc = s->m.channels;
    for (int i = 0; i < images; i++)
        visit_columns(s, first + i, s->columns + i * s->m.pixels * s->m.depth, false);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, oc, depth, 1, s->columns, depth, s->weights,
                oc, 0, s->products, oc);
    for (int i = 0; i < images; i++)
        write_dst(s, first + i, s->products + (int64_t)i * s->m.pixels * oc);
}

/* Gradient of the data: columns = products weightsᵀ. */
static void backward_data(const pass *s, int64_t first, int images) {
    const int rows = images * s->m.pixels, depth = (int)s->m.depth, oc = s->m.channels;
    for (int i = 0; i < images; i++)
        read_dst(s, first + i, s->products + (int64_t)i * s->m.pixels * oc);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, depth, oc, 1, s->products, oc, s->weights, oc,
                0, s->columns, depth);
    for (int i = 0; i < images; i++) {
        clear_src(s, first + i);
        visit_columns(s, first + i, s->columns + i * s->m.pixels * s->m.depth, true);
    }
}

/* Gradient of the weights: weights += columnsᵀ products, from zero for the first images. */
static void backward_weights(const pass *s, int64_t first, int images) {
    const int rows = images * s->m.pixels, depth = (int)s->m.depth, oc = s->m.channels;
    for (int i = 0; i < images; i++) {
        visit_columns(s, first + i, s->columns + i * s->m.pixels * s->m.depth, false);
        read_dst(s, first + i, s->products + (int64_t)i * s->m.pixels * oc);
    }
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, depth, oc, rows, 1, s->columns, depth, s->products,
                oc, first ? 1 : 0, s->weights, oc);
    if (s->args->bias)
        add_bias_gradient(s, s->products, rows);
}

static void prepare(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid, int nthreads) {
    (void)state;
    (void)tid;
    (void)nthreads;
    const pass s = pass_of(plan, args);
    unpack_weights(&s);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    static void (*const parts[WN_DIRECTION_COUNT])(const pass *, int64_t, int) = {
        [WN_FWD_B] = forward, [WN_BWD_D] = backward_data, [WN_BWD_WB] = backward_weights};
    (void)state;
    (void)phase;
    (void)tid;
    const pass s = pass_of(plan, args);
    const bool weights = s.p->direction == WN_BWD_WB;
    openblas_set_num_threads(nthreads);
    if (!weights && !plan->prepared_bytes)
        unpack_weights(&s);
    if (weights && args->bias && !s.p->accumulate)
        memset(args->bias, 0, (size_t)s.m.channels * sizeof(float));
    const int images = plan->config.knob[0];
    for (int64_t first = 0; first < s.p->mb; first += images)
        parts[s.p->direction](&s, first, s.p->mb - first < images ? (int)(s.p->mb - first) : images);
    if (weights)
        pack_weights(&s);
}

/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." has it second. */
static const char *version(void) {
    static _Thread_local char text[32];
    if (sscanf(openblas_get_config(), "%*s %31s", text) != 1)
        snprintf(text, sizeof text, "unknown");
    return text;
}

const wn_conv_impl wn_conv_cblas = {.name = "cblas",
                                    .knobs = knobs,
                                    .refuse = refuse,
                                    .configs = configs,
                                    .plan = plan,
                                    .prepare = prepare,
                                    .run = run,
                                    .yardstick = true,
                                    .version = version};
