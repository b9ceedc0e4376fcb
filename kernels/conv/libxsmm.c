/* libxsmm's batch-reduce product, generated at run time, under loops like direct's, as a yardstick for our
 * own register tiles: C[pixel][16 oc] += sum over input blocks and taps of B[pixel][16 ic] A[16 ic][16 oc].
 * After Georganas et al., "High-Performance Deep Learning via a Single Building Block" (2020), whose authors
 * wrote the library. It is timed where it is asked for and picked nowhere.
 *
 * The library is column-major: its m is 16 output channels, n the pixels of a line of a rectangle. open has
 * it generate the code for every length of line, so that run only looks it up. */
#include "implementations.h"
#include "isa.h"
#include "pool.h"
#include "rectangles.h"

#include <libxsmm.h>
#include <stdlib.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

static const char *const knobs[] = {"rows", NULL}; /* of the map (BWD_D: of a residue class) in an item */

/* plan->derived; places are bytes from the start of the workspace, which begins with transposed weights. */
enum { XSMM_BANDS, XSMM_PRIVATE, XSMM_LISTS_BYTES, XSMM_PRIVATE_BYTES };

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (isa < wn_isa_native())
        return "the library chooses its instruction set by itself";
    if (problem->g != 1)
        return "no groups";
    if (problem->plain_src)
        return "no plain source";
    if (problem->direction == WN_BWD_WB)
        return "no gradient of weights: its products are not laid out for one";
    return NULL;
}

static int most_rows(const wn_problem *problem) {
    return problem->direction == WN_BWD_D ? (problem->ih - 1) / problem->sh + 1 : problem->oh;
}

/* Whole maps, or half of them. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)isa;
    (void)threads;
    const int rows = most_rows(problem), count = rows > 1 ? 2 : 1;
    for (int i = 0; i < count && i < room; i++)
        list[i] = (wn_config){{(rows - 1) / (i + 1) + 1}};
    return count < room ? count : room;
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int64_t entries = wn_blocks(backward ? p->oc : p->ic);
    int64_t lists, offsets, private, bytes = 0;
    if (plan->config.knob[0] < 1)
        return wn_error(WN_ERROR_INVALID, "libxsmm: config rows=%d: expected at least 1",
                        plan->config.knob[0]);
    if (backward)
        bytes = wn_conv_weights_floats(p) * (int64_t)sizeof(float);
    plan->derived[XSMM_PRIVATE] = bytes;
    if (!wn_rectangles_bytes(p, &lists) ||
        __builtin_mul_overflow(entries * 2 * (int64_t)sizeof(unsigned long long), (int64_t)p->kh * p->kw,
                               &offsets) ||
        __builtin_add_overflow(lists, offsets + 63, &private) ||
        __builtin_mul_overflow(private & ~(int64_t)63, plan->threads, &offsets) ||
        __builtin_add_overflow(bytes, offsets, &bytes))
        return wn_error(WN_ERROR_INVALID, "libxsmm: the bytes of the workspace do not fit 63 bits");
    plan->derived[XSMM_BANDS] = (most_rows(p) - 1) / plan->config.knob[0] + 1;
    plan->derived[XSMM_LISTS_BYTES] = lists;
    plan->derived[XSMM_PRIVATE_BYTES] = private & ~(int64_t)63;
    plan->workspace_bytes = (size_t)bytes;
    plan->phases = backward ? 2 : 1;
    return wn_ok();
}

/* The product for the lines of a rectangle; generated when it is asked for the first time, NULL when that is
 * not possible. */
static libxsmm_smmfunction_reducebatch_offs product_of(const wn_rectangle *r) {
    const libxsmm_blasint lda = WN_BLOCK, ldb = (libxsmm_blasint)r->in_pixel;
    const libxsmm_blasint ldc = (libxsmm_blasint)r->out_pixel;
    const float one = 1;
    return libxsmm_smmdispatch_reducebatch_offs(WN_BLOCK, r->pixels, WN_BLOCK, &lda, &ldb, &ldc, &one, &one,
                                                NULL, NULL);
}

static void generate(const wn_rectangle *rectangle, void *failed) {
    if (rectangle->count && !product_of(rectangle))
        *(bool *)failed = true;
}

static wn_status open(const wn_conv_plan *plan, void **state) {
    const wn_problem *p = &plan->problem;
    const int bands = (int)plan->derived[XSMM_BANDS], rows = most_rows(p);
    bool failed = false;
    *state = NULL;
    float *lists = malloc((size_t)plan->derived[XSMM_LISTS_BYTES]);
    if (!lists)
        return wn_error(WN_ERROR_MEMORY, "libxsmm: no memory for %lld bytes of taps",
                        (long long)plan->derived[XSMM_LISTS_BYTES]);
    wn_rectangles s = wn_rectangles_of(plan, WN_BLOCK / 2, lists);
    for (int band = 0; band < bands; band++)
        wn_rectangles_walk(&s, lists, lists, wn_part_begin(rows, bands, band),
                           wn_part_begin(rows, bands, band + 1), generate, &failed);
    free(lists);
    return failed ? wn_error(WN_ERROR_UNSUPPORTED, "libxsmm: it generates no code for this CPU") : wn_ok();
}

/* A block of outputs of one image. */
typedef struct block_pass {
    const wn_conv_plan *plan;
    const float *weights, *bias; /* of the block */
    int64_t in_block;
    int taps, in_blocks;
    unsigned long long *a, *b; /* offsets of weights and pixels, bytes */
} block_pass;

/* Offsets must not be negative: they count from the lowest tap, whose offset is returned. */
static int64_t list_offsets(const block_pass *s, const wn_rectangle *r) {
    int64_t lowest = r->taps[0].in;
    for (int t = 1; t < r->count; t++)
        lowest = r->taps[t].in < lowest ? r->taps[t].in : lowest;
    for (int block = 0, i = 0; block < s->in_blocks; block++)
        for (int t = 0; t < r->count; t++, i++) {
            const int64_t tap = (int64_t)block * s->taps + r->taps[t].weights / WN_BLOCK;
            s->a[i] = (unsigned long long)tap * SQUARE * sizeof(float);
            s->b[i] = (unsigned long long)(block * s->in_block + r->taps[t].in - lowest) * sizeof(float);
        }
    return lowest;
}

/* Before the product: bias, and what is there already. */
static void begin_line(const block_pass *s, const wn_rectangle *r, float *out) {
    const bool adds = s->plan->problem.accumulate;
    for (int pixel = 0; pixel < r->pixels; pixel++, out += r->out_pixel)
        for (int lane = 0; lane < WN_BLOCK; lane++) {
            const float bias = s->bias ? s->bias[lane] : 0;
            out[lane] = adds ? out[lane] + bias : bias;
        }
}

static void end_line(const wn_rectangle *r, float *out) {
    for (int pixel = 0; pixel < r->pixels; pixel++, out += r->out_pixel)
        for (int lane = 0; lane < WN_BLOCK; lane++)
            out[lane] = out[lane] > 0 ? out[lane] : 0;
}

static void multiply(const wn_rectangle *r, void *context) {
    const block_pass *s = context;
    const int64_t lowest = r->count ? list_offsets(s, r) : 0;
    const unsigned long long count = (unsigned long long)r->count * (unsigned long long)s->in_blocks;
    const libxsmm_smmfunction_reducebatch_offs product = r->count ? product_of(r) : NULL;
    for (int line = 0; line < r->lines; line++) {
        float *out = r->out + line * r->out_line;
        begin_line(s, r, out);
        if (product)
            product(s->weights, r->in + line * r->in_line + lowest, out, &count, s->a, s->b);
        if (s->plan->problem.relu)
            end_line(r, out);
    }
}

static void gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const float *in = backward ? args->dst : args->src;
    float *out = backward ? args->src : args->dst;
    const float *weights = backward ? args->workspace : args->weights;
    const int bands = (int)plan->derived[XSMM_BANDS], rows = most_rows(p);
    const int blocks = wn_blocks(backward ? p->ic : p->oc);
    char *private =
        (char *)args->workspace + plan->derived[XSMM_PRIVATE] + tid * plan->derived[XSMM_PRIVATE_BYTES];
    wn_rectangles s = wn_rectangles_of(plan, WN_BLOCK / 2, private);
    block_pass pass = {.plan = plan,
                       .in_block = s.in_block,
                       .taps = s.taps,
                       .in_blocks = wn_blocks(backward ? p->oc : p->ic),
                       .a = (unsigned long long *)(private + plan->derived[XSMM_LISTS_BYTES])};
    pass.b = pass.a + (int64_t)pass.taps * pass.in_blocks;
    long begin, end;
    wn_split((long)p->mb * blocks * bands, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int band = (int)(index % bands);
        const int64_t block = index / bands % blocks, image = index / bands / blocks;
        pass.weights = weights + block * pass.in_blocks * pass.taps * SQUARE;
        pass.bias = args->bias && !backward ? args->bias + block * WN_BLOCK : NULL;
        wn_rectangles_walk(&s, in + image * s.in_stride, out + image * s.out_stride + block * s.out_block,
                           wn_part_begin(rows, bands, band), wn_part_begin(rows, bands, band + 1), multiply,
                           &pass);
    }
}

/* [ob][ib][tap][16 ic][16 oc] becomes [ib][ob][tap][16 oc][16 ic]. */
static void transpose_weights(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const int64_t taps = (int64_t)p->kh * p->kw, in_blocks = wn_blocks(p->ic), out_blocks = wn_blocks(p->oc);
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    long begin, end;
    wn_split((long)(in_blocks * out_blocks), tid, nthreads, &begin, &end);
    for (long pair = begin; pair < end; pair++) {
        const int64_t ib = pair / out_blocks, ob = pair % out_blocks;
        for (int64_t tap = 0; tap < taps; tap++)
            sums->transpose(args->weights + ((ob * in_blocks + ib) * taps + tap) * SQUARE,
                            (float *)args->workspace + (pair * taps + tap) * SQUARE);
    }
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    if (plan->problem.direction == WN_BWD_D && phase == 0)
        transpose_weights(plan, args, tid, nthreads);
    else
        gather(plan, args, tid, nthreads);
}

static const char *version(void) {
    return LIBXSMM_VERSION;
}

const wn_conv_impl wn_conv_libxsmm = {.name = "libxsmm",
                                      .knobs = knobs,
                                      .refuse = refuse,
                                      .configs = configs,
                                      .plan = plan,
                                      .open = open,
                                      .run = run,
                                      .yardstick = true,
                                      .version = version};
