/* The reference convolution against its definition: one loop over all products, in plain layouts, that gives
 * all three passes at once. Also the reference on several threads, and into views. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"

enum { RANDOM_CASES = 120 };

/* NCHW and OIHW arrays of one problem; the gradients are sums into what is there. */
typedef struct definition {
    float *src, *weights, *bias, *dst;
    int64_t src_floats, weights_floats, dst_floats;
} definition;

/* For every product of the forward pass: what it adds to the pass's result. */
static void define(const wn_problem *p, const definition *in, double *result, double *bias_result) {
    int ic = p->ic / p->g, oc = p->oc / p->g;
    for (int64_t at = 0; at < in->dst_floats; at++) {
        int ow = (int)(at % p->ow), oh = (int)(at / p->ow % p->oh), o = (int)(at / p->ow / p->oh % p->oc);
        int64_t n = at / p->ow / p->oh / p->oc;
        if (p->direction == WN_FWD_B)
            result[at] += in->bias[o];
        if (p->direction == WN_BWD_WB)
            bias_result[o] += in->dst[at];
        for (int64_t filter = 0; filter < (int64_t)ic * p->kh * p->kw; filter++) {
            int kw = (int)(filter % p->kw), kh = (int)(filter / p->kw % p->kh);
            int64_t c = filter / p->kw / p->kh + o / oc * ic;
            int h = oh * p->sh - p->ph + kh * (p->dh + 1), w = ow * p->sw - p->pw + kw * (p->dw + 1);
            if (h < 0 || h >= p->ih || w < 0 || w >= p->iw)
                continue;
            int64_t from = ((n * p->ic + c) * p->ih + h) * p->iw + w;
            int64_t weight = (int64_t)o * ic * p->kh * p->kw + filter;
            if (p->direction == WN_FWD_B)
                result[at] += (double)in->src[from] * in->weights[weight];
            else if (p->direction == WN_BWD_D)
                result[from] += (double)in->dst[at] * in->weights[weight];
            else
                result[weight] += (double)in->dst[at] * in->src[from];
        }
    }
}

/* The plain arrays of a state of the operands. */
static definition read_plain(const operand_set *o) {
    const wn_problem *p = &o->problem;
    definition d = {.src_floats = (int64_t)p->mb * p->ic * p->ih * p->iw,
                    .weights_floats = (int64_t)p->oc * (p->ic / p->g) * p->kh * p->kw,
                    .dst_floats = (int64_t)p->mb * p->oc * p->oh * p->ow};
    d.src = floats_alloc(d.src_floats);
    d.weights = floats_alloc(d.weights_floats);
    d.bias = floats_alloc(p->oc);
    d.dst = floats_alloc(d.dst_floats);
    for (int n = 0; n < p->mb && p->plain_src; n++)
        memcpy(d.src + n * d.src_floats / p->mb, o->all[SRC].data + n * o->src_stride,
               (size_t)(d.src_floats / p->mb) * sizeof(float));
    if (!p->plain_src)
        wn_activations_unblock(p->mb, p->ic, p->ih, p->iw, o->all[SRC].data, o->src_stride, d.src);
    wn_activations_unblock(p->mb, p->oc, p->oh, p->ow, o->all[DST].data, o->dst_stride, d.dst);
    wn_conv_weights_unblock(p, o->all[WEIGHTS].data, d.weights);
    memcpy(d.bias, o->all[BIAS].data, (size_t)p->oc * sizeof(float));
    return d;
}

static void free_plain(definition *d) {
    free(d->src);
    free(d->weights);
    free(d->bias);
    free(d->dst);
}

static int64_t count_wrong(const wn_problem *p, const float *before, const double *sum, const float *found,
                           int64_t count) {
    int64_t wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        double expected = sum[i] + (p->accumulate ? before[i] : 0);
        if (p->relu && expected < 0)
            expected = 0;
        wrong += (double)found[i] != expected;
    }
    return wrong;
}

static void compare_with_definition(const char *text, const operand_set *before, const operand_set *after) {
    const wn_problem *p = &before->problem;
    definition in = read_plain(before), out = read_plain(after);
    int64_t count = p->direction == WN_FWD_B   ? in.dst_floats
                    : p->direction == WN_BWD_D ? in.src_floats
                                               : in.weights_floats;
    const float *was = p->direction == WN_FWD_B ? in.dst : p->direction == WN_BWD_D ? in.src : in.weights;
    const float *is = p->direction == WN_FWD_B ? out.dst : p->direction == WN_BWD_D ? out.src : out.weights;
    double *sum = calloc((size_t)count, sizeof *sum), *bias = calloc((size_t)p->oc, sizeof *bias);
    if (!sum || !bias)
        exit(1);
    define(p, &in, sum, bias);
    int64_t wrong = count_wrong(p, was, sum, is, count);
    CHECK(wrong == 0, "%s: %" PRId64 " of %" PRId64 " floats wrong", text, wrong, count);
    if (p->direction == WN_BWD_WB) {
        wrong = count_wrong(p, in.bias, bias, out.bias, p->oc);
        CHECK(wrong == 0, "%s: %" PRId64 " of %d floats of the bias wrong", text, wrong, p->oc);
    }
    free(sum);
    free(bias);
    free_plain(&in);
    free_plain(&out);
}

static void check_problem(wn_problem problem, uint64_t seed) {
    stream s = stream_of(seed, 3);
    char text[256];
    problem.relu = problem.direction == WN_FWD_B && stream_chance(&s, 50);
    problem.accumulate = stream_chance(&s, 50);
    wn_problem_format(&problem, text, sizeof text);
    operand_set before = operands_make(&problem, true, stream_chance(&s, 50), INTEGERS, seed);
    operand_set first = operands_copy(&before), other = operands_copy(&before);
    for (int threads = 1; threads <= 3; threads++) {
        wn_conv_plan plan;
        wn_status status = wn_conv_plan_make(wn_conv_find("reference"), &problem, NULL, WN_ISA_PORTABLE,
                                             threads, before.src_stride, before.dst_stride, &plan);
        if (!CHECK(!wn_failed(status), "%s: %s", text, status.message))
            break;
        wn_pool *pool = pool_make(threads);
        operand_set *target = threads == 1 ? &first : &other;
        status = run_plan(pool, &plan, &before, target);
        wn_pool_destroy(pool);
        CHECK(!wn_failed(status), "%s: %s", text, status.message);
        if (threads > 1)
            CHECK(operands_compare(&first, &other).wrong == 0, "%s: %d threads differ from one", text,
                  threads);
    }
    CHECK(operands_dirty(&first) == 0, "%s: padding is not zero", text);
    compare_with_definition(text, &before, &first);
    operands_free(&before);
    operands_free(&first);
    operands_free(&other);
}

int main(void) {
    uint64_t seed = check_seed();
    for (int i = 0; i < FIXED_CASES + RANDOM_CASES; i++) {
        wn_problem problem =
            i < FIXED_CASES ? listed_problem(fixed_cases[i]) : random_problem(seed, (uint64_t)i, 2e6);
        if (wn_problem_flops(&problem) > 4e7)
            continue;
        problem.direction = (wn_direction)(i % WN_DIRECTION_COUNT);
        check_problem(problem, seed * 1000003 + (uint64_t)i);
    }
    return check_finish("check_reference");
}
