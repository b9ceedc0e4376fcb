/* Local response normalisation against the f64 reference, forward and backward. */
#include "op_fixture.h"
#include <float.h>
#include <math.h>

typedef void norm_kernel(const wn_response_norm_args *, int tid, int nthreads);
typedef struct norm_run {
    norm_kernel *kernel;
    wn_response_norm_args args;
} norm_run;

static void call_norm(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const norm_run *run = context;
    run->kernel(&run->args, tid, threads);
}

typedef struct settings {
    int size;
    float alpha, k;
} settings;

static void forward(const settings *s, const ref_tensor *x, const ref_tensor *y) {
    ref_response_norm_forward(s->size, (double)s->alpha, (double)s->k, x, y);
}

static void backward(const settings *s, const ref_tensor *x, const ref_tensor *dy, const ref_tensor *dx) {
    ref_response_norm_backward(s->size, (double)s->alpha, (double)s->k, x, dy, dx);
}

/* The sum of squares has a rounding for each channel, its power counts three quarters of that; roots,
 * quotient and products add a handful. */
static double roundings(const settings *s) {
    return (s->size + 8) * (double)FLT_EPSILON;
}

static void check_forward(const char *what, const wn_ops *ops, op_shape shape, const settings *s) {
    ref_tensor x = ref_create(shape.n, shape.c, shape.h, shape.w), y = ref_create(x.n, x.c, x.h, x.w);
    ref_tensor bound = ref_create(x.n, x.c, x.h, x.w);
    op_tensor from = op_create(x.n, x.c, x.h, x.w, 1, 2), to = op_create(x.n, x.c, x.h, x.w, 2, 1);
    op_random(&x, -3, 3);
    op_write(&from, &x);
    forward(s, &x, &y);
    for (long i = 0; i < ref_count(&y); i++)
        bound.data[i] = roundings(s) * fabs(y.data[i]);
    norm_run run = {ops->response_norm_forward,
                    {.x = from.view, .y = to.view, .size = s->size, .alpha = s->alpha, .k = s->k}};
    op_run(what, call_norm, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(what, &to, &y, bound.data);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&bound);
}

/* Bounds of the gradient from the sizes of its terms: with |x| and |dy| the reference subtracts the second
 * term from the first one, |dy| y / x. */
static void bound_gradient(const settings *s, const ref_tensor *x, const ref_tensor *dy,
                           const ref_tensor *before, const ref_tensor *bound) {
    ref_tensor size = ref_create(x->n, x->c, x->h, x->w), gradient = ref_create(x->n, x->c, x->h, x->w);
    ref_tensor y = ref_create(x->n, x->c, x->h, x->w);
    for (long i = 0; i < ref_count(x); i++) {
        size.data[i] = fabs(x->data[i]);
        gradient.data[i] = fabs(dy->data[i]);
    }
    forward(s, &size, &y);
    backward(s, &size, &gradient, bound);
    for (long i = 0; i < ref_count(x); i++) {
        double first = gradient.data[i] * y.data[i] / size.data[i], second = first - bound->data[i];
        bound->data[i] = 2 * roundings(s) * (first + second + fabs(before->data[i]));
    }
    ref_destroy(&size);
    ref_destroy(&gradient);
    ref_destroy(&y);
}

static void check_backward(const char *what, const wn_ops *ops, op_shape shape, const settings *s,
                           bool accumulate) {
    ref_tensor x = ref_create(shape.n, shape.c, shape.h, shape.w), dy = ref_create(x.n, x.c, x.h, x.w);
    ref_tensor dx = ref_create(x.n, x.c, x.h, x.w), bound = ref_create(x.n, x.c, x.h, x.w);
    op_tensor values = op_create(x.n, x.c, x.h, x.w, 1, 0), from = op_create(x.n, x.c, x.h, x.w, 0, 2);
    op_tensor to = op_create(x.n, x.c, x.h, x.w, 1, 1);
    op_random(&x, 0.1, 3);
    op_random(&dy, -1, 1);
    op_write(&values, &x);
    op_write(&from, &dy);
    if (accumulate) {
        op_random(&dx, -1, 1);
        op_write(&to, &dx);
    }
    bound_gradient(s, &x, &dy, &dx, &bound);
    backward(s, &x, &dy, &dx);
    norm_run run = {ops->response_norm_backward,
                    {.x = values.view,
                     .dy = from.view,
                     .dx = to.view,
                     .size = s->size,
                     .alpha = s->alpha,
                     .k = s->k,
                     .accumulate = accumulate}};
    op_run(what, call_norm, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(what, &to, &dx, bound.data);
    op_destroy(&values);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&dy);
    ref_destroy(&dx);
    ref_destroy(&bound);
}

int main(void) {
    static const settings all[] = {{5, 1e-4F, 2}, {5, 2, 1}, {3, 0.75F, 0.5F}, {9, 3, 1}, {1, 1, 1}};
    op_seed(check_seed());
    for (int isa = 0; op_table(isa); isa++)
        for (const op_shape *shape = op_shapes; shape->n; shape++)
            for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
                char what[96];
                snprintf(what, sizeof what, "%s %dx%dx%dx%d size %d", wn_isa_name((wn_isa)isa), shape->n,
                         shape->c, shape->h, shape->w, all[i].size);
                check_forward(what, op_table(isa), *shape, &all[i]);
                check_backward(what, op_table(isa), *shape, &all[i], false);
                check_backward(what, op_table(isa), *shape, &all[i], true);
            }
    return check_finish("check_response_norm");
}
