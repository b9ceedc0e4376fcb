/* ReLU, sigmoid and tanh against the f64 reference, and the accuracy of the latter two over their range. */
#include "op_fixture.h"
#include <float.h>
#include <math.h>

typedef void unary_kernel(const wn_unary_args *, int tid, int nthreads);
typedef struct unary_run {
    unary_kernel *kernel;
    wn_unary_args args;
} unary_run;

static void call_unary(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const unary_run *run = context;
    run->kernel(&run->args, tid, threads);
}

/* 1 for the used lanes of all blocks. Room for the widest of op_shapes. */
static const float *lane_mask(int channels) {
    static float mask[64] __attribute__((aligned(64)));
    for (int i = 0; i < 64; i++)
        mask[i] = i < channels;
    return mask;
}

typedef void ref_unary(const ref_tensor *x, const ref_tensor *y);
typedef void ref_unary_gradient(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx);

static void check_forward(const char *what, unary_kernel *kernel, ref_unary *reference, op_shape s,
                          double ulps, bool in_place) {
    ref_tensor x = ref_create(s.n, s.c, s.h, s.w), y = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor from = op_create(s.n, s.c, s.h, s.w, 0, 2), to = op_create(s.n, s.c, s.h, s.w, 1, 0);
    op_tensor *output = in_place ? &from : &to;
    op_random(&x, -9, 9);
    op_write(&from, &x);
    reference(&x, &y);
    for (long i = 0; i < ref_count(&y); i++)
        bound.data[i] = ulps * FLT_EPSILON * fabs(y.data[i]);
    unary_run run = {kernel, {.x = from.view, .y = output->view, .lane_mask = lane_mask(s.c)}};
    op_run(what, call_unary, &run, 1, (op_region[]){op_region_of(output)}, 1);
    op_check(what, output, &y, bound.data);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&bound);
}

static void check_backward(const char *what, unary_kernel *kernel, ref_unary_gradient *reference, op_shape s,
                           double ulps, bool accumulate, bool in_place) {
    ref_tensor y = ref_create(s.n, s.c, s.h, s.w), dy = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor dx = ref_create(s.n, s.c, s.h, s.w), bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor output = op_create(s.n, s.c, s.h, s.w, 1, 1), from = op_create(s.n, s.c, s.h, s.w, 0, 0);
    op_tensor to = op_create(s.n, s.c, s.h, s.w, 2, 0), *gradient = in_place ? &from : &to;
    op_random(&y, -1, 1); /* the sigmoid's never is negative, but its formula does not mind */
    op_random(&dy, -1, 1);
    op_write(&output, &y);
    op_write(&from, &dy);
    if (accumulate) {
        op_random(&dx, -1, 1);
        op_write(&to, &dx);
    }
    for (long i = 0; i < ref_count(&dx); i++)
        bound.data[i] = fabs(dx.data[i]);
    reference(&y, &dy, &dx);
    for (long i = 0; i < ref_count(&dx); i++)
        bound.data[i] = ulps * FLT_EPSILON * (bound.data[i] + fabs(dx.data[i]));
    unary_run run = {kernel,
                     {.y = output.view, .dy = from.view, .dx = gradient->view, .accumulate = accumulate}};
    op_run(what, call_unary, &run, 1, (op_region[]){op_region_of(gradient)}, 1);
    op_check(what, gradient, &dx, bound.data);
    op_destroy(&output);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&y);
    ref_destroy(&dy);
    ref_destroy(&dx);
    ref_destroy(&bound);
}

/* Sixteen arguments at a time through a kernel. */
static void apply16(unary_kernel *kernel, const float x[16], float y[16]) {
    wn_view from = {(float *)x, 1, 16, 1, 1, 16}, to = {y, 1, 16, 1, 1, 16};
    kernel(&(wn_unary_args){.x = from, .y = to, .lane_mask = lane_mask(16)}, 0, 1);
}

/* Distance in units of the last place of the f32 next to the true value. */
static double ulps_off(float got, double want) {
    int exponent;
    frexp(want, &exponent);
    double ulp = ldexp(1, (exponent < FLT_MIN_EXP ? FLT_MIN_EXP : exponent) - FLT_MANT_DIG);
    return fabs((double)got - want) / ulp;
}

/* e^-|x| has at most 1 ulp, the sum and the quotient half a unit each: 2.5 units in all, and below the
 * smallest normal number one more for the second rounding there. */
static void check_sigmoid_accuracy(const wn_ops *ops, const char *isa) {
    float x[16] __attribute__((aligned(64))), y[16] __attribute__((aligned(64)));
    double worst = 0, worst_denormal = 0, previous = 0;
    bool rising = true;
    for (double at = -110; at < 110; at += 16 * 0.0005) {
        for (int i = 0; i < 16; i++)
            x[i] = (float)(at + i * 0.0005);
        apply16(ops->sigmoid_forward, x, y);
        for (int i = 0; i < 16; i++) {
            double want = 1 / (1 + exp(-(double)x[i])), off = ulps_off(y[i], want);
            if (want >= (double)FLT_MIN)
                worst = fmax(worst, off);
            else
                worst_denormal = fmax(worst_denormal, off);
            rising &= (double)y[i] >= previous * (1 - 4 * (double)FLT_EPSILON) - 2e-45;
            previous = (double)y[i];
        }
    }
    printf("sigmoid %s: at most %.2f ulp, %.2f where denormal\n", isa, worst, worst_denormal);
    CHECK(worst <= 2.5, "sigmoid %s is off by %.2f ulp", isa, worst);
    CHECK(worst_denormal <= 2, "sigmoid %s is off by %.2f denormal ulp", isa, worst_denormal);
    CHECK(rising, "sigmoid %s falls somewhere by more than its error", isa);
}

static void check_sigmoid_special(const wn_ops *ops, const char *isa) {
    static const float x[16] __attribute__((aligned(64))) = {
        0.0f,    -0.0f,    INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 1e-45f, -1e-45f,
        FLT_MIN, -FLT_MIN, 1e-30f,   -1e-30f,   1000.0f, -1000.0f, 17.5f,  NAN};
    static const float want[15] = {0.5f, 0.5f, 1, 0, 1, 0, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 1, 0, 1};
    float y[16] __attribute__((aligned(64)));
    apply16(ops->sigmoid_forward, x, y);
    for (int i = 0; i < 15; i++)
        CHECK(y[i] == want[i] || fabsf(y[i] - want[i]) <= (i == 14 ? FLT_EPSILON : 0),
              "sigmoid(%g) is %.9g with %s, expected %g", (double)x[i], (double)y[i], isa, (double)want[i]);
    CHECK(isnan(y[15]), "sigmoid(NaN) is %g with %s", (double)y[15], isa);
}

/* The polynomial has at most half a unit and a little; further out e^-2|x| <= 0.287 has 1 ulp and counts less
 * the larger |x| is, difference, sum and quotient half a unit each: 2 units in all. */
static void check_tanh(const wn_ops *ops, const char *isa) {
    float x[16] __attribute__((aligned(64))), y[16] __attribute__((aligned(64)));
    double worst = 0;
    for (double at = 1e-6; at < 12; at += 0.0004 + at * 1e-4) {
        for (int i = 0; i < 16; i++)
            x[i] = (float)(i % 2 ? at * (1 + i * 1e-5) : -at * (1 + i * 1e-5));
        apply16(ops->tanh_forward, x, y);
        for (int i = 0; i < 16; i++)
            worst = fmax(worst, ulps_off(y[i], tanh((double)x[i])));
    }
    printf("tanh %s: at most %.2f ulp\n", isa, worst);
    CHECK(worst <= 2, "tanh %s is off by %.2f ulp", isa, worst);
    static const float special[16]
        __attribute__((aligned(64))) = {0.0f,    -0.0f,   INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 1e-45f,
                                        -1e-45f, FLT_MIN, -FLT_MIN, 20,        -20,     NAN};
    static const float want[12] = {0.0f, -0.0f, 1, -1, 1, -1, 1e-45f, -1e-45f, FLT_MIN, -FLT_MIN, 1, -1};
    apply16(ops->tanh_forward, special, y);
    for (int i = 0; i < 12; i++)
        CHECK(y[i] == want[i] && signbit(y[i]) == signbit(want[i]), "tanh(%g) is %.9g with %s, expected %g",
              (double)special[i], (double)y[i], isa, (double)want[i]);
    CHECK(isnan(y[12]), "tanh(NaN) is %g with %s", (double)y[12], isa);
}

static void check_relu_special(const wn_ops *ops, const char *isa) {
    float x[16] __attribute__((aligned(64))) = {NAN, -INFINITY, INFINITY, -FLT_MIN, FLT_MIN};
    wn_view view = {x, 1, 16, 1, 1, 16};
    ops->relu_forward(&(wn_unary_args){.x = view, .y = view}, 0, 1);
    CHECK(isnan(x[0]) && x[1] == 0 && x[2] == INFINITY && x[3] == 0 && x[4] == FLT_MIN,
          "relu with %s: %g %g %g %g %g", isa, (double)x[0], (double)x[1], (double)x[2], (double)x[3],
          (double)x[4]);
}

int main(void) {
    op_seed(check_seed());
    for (int isa = 0; op_table(isa); isa++) {
        const wn_ops *ops = op_table(isa);
        const char *name = wn_isa_name((wn_isa)isa);
        for (const op_shape *s = op_shapes; s->n; s++)
            for (int variant = 0; variant < 3; variant++) {
                bool accumulate = variant == 1, in_place = variant == 2;
                char what[64];
                snprintf(what, sizeof what, "%s %dx%dx%dx%d variant %d", name, s->n, s->c, s->h, s->w,
                         variant);
                check_forward(what, ops->relu_forward, ref_relu_forward, *s, 0, in_place);
                check_forward(what, ops->sigmoid_forward, ref_sigmoid_forward, *s, 2.5, in_place);
                check_forward(what, ops->tanh_forward, ref_tanh_forward, *s, 2, in_place);
                check_backward(what, ops->relu_backward, ref_relu_backward, *s, accumulate, accumulate,
                               in_place);
                check_backward(what, ops->sigmoid_backward, ref_sigmoid_backward, *s, 2.5, accumulate,
                               in_place);
                check_backward(what, ops->tanh_backward, ref_tanh_backward, *s, 2.5, accumulate, in_place);
            }
        check_sigmoid_accuracy(ops, name);
        check_sigmoid_special(ops, name);
        check_tanh(ops, name);
        check_relu_special(ops, name);
    }
    return check_finish("check_unary");
}
