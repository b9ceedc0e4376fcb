/* Max and average pooling over odd windows, strides, padding, overhanging windows and whole maps. */
#include "op_fixture.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef void pool_kernel(const wn_pool_args *, int tid, int nthreads);
typedef struct pool_run {
    pool_kernel *kernel;
    wn_pool_args args;
} pool_run;

static void call_pool(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const pool_run *run = context;
    run->kernel(&run->args, tid, threads);
}

typedef struct pool_case {
    op_shape x;
    ref_window window;
    bool ceil_mode;
    int oh, ow;
    char name[160];
} pool_case;

/* Output size as PyTorch: with ceil_mode a window may hang over the edge, but has to start within the input
 * or its left padding. */
static int pool_output(int size, int kernel, int stride, int pad, bool ceil_mode) {
    int room = size + 2 * pad - kernel, out = room / stride + 1;
    if (ceil_mode && room % stride && out * stride < size + pad)
        out++;
    return out;
}

/* False when the window does not fit. */
static bool complete_case(pool_case *c, const char *isa) {
    const ref_window *k = &c->window;
    if (c->x.h + 2 * k->ph < k->kh || c->x.w + 2 * k->pw < k->kw)
        return false;
    c->oh = pool_output(c->x.h, k->kh, k->sh, k->ph, c->ceil_mode);
    c->ow = pool_output(c->x.w, k->kw, k->sw, k->pw, c->ceil_mode);
    snprintf(c->name, sizeof c->name, "%s %dx%dx%dx%d kernel %dx%d stride %dx%d pad %dx%d%s%s", isa, c->x.n,
             c->x.c, c->x.h, c->x.w, k->kh, k->kw, k->sh, k->sw, k->ph, k->pw, c->ceil_mode ? " ceil" : "",
             k->exclude_pad ? " without padding" : "");
    return true;
}

/* Small integers, so that windows often hold their maximum more than once. */
static void random_integers(ref_tensor *t) {
    for (long i = 0; i < ref_count(t); i++)
        t->data[i] = op_random_below(7) - 3;
}

static wn_pool_args pool_args(const pool_case *c) {
    const ref_window *k = &c->window;
    return (wn_pool_args){.kh = k->kh,
                          .kw = k->kw,
                          .sh = k->sh,
                          .sw = k->sw,
                          .ph = k->ph,
                          .pw = k->pw,
                          .exclude_pad = k->exclude_pad};
}

/* The kernel's choice for element i of y as an index into x. */
static long chosen(const pool_case *c, const wn_pool_args *args, const ref_tensor *x, const ref_tensor *y,
                   long i) {
    const ref_window *k = &c->window;
    long pixels = (long)y->h * y->w, pixel = i % pixels, channel = i / pixels % y->c, n = i / pixels / y->c;
    long plane = n * wn_blocks(y->c) + channel / WN_BLOCK;
    long at = (plane * pixels + pixel) * WN_BLOCK + channel % WN_BLOCK;
    int tap = args->argmax ? args->argmax[at] : args->wide_argmax[at];
    int h = (int)(pixel / y->w) * k->sh - k->ph + tap / k->kw,
        w = (int)(pixel % y->w) * k->sw - k->pw + tap % k->kw;
    return ref_index(x, (int)n, (int)channel, h, w);
}

/* With `relu` the same taps, and none where the maximum is not positive. */
static void check_relu_mask(const pool_case *c, pool_run *run, const op_tensor *y, size_t bytes) {
    const uint8_t *plain = run->args.argmax;
    uint8_t *masked = malloc(bytes);
    const long floats = wn_blocks(y->view.channels) * (long)y->view.height * y->view.width * WN_BLOCK;
    long wrong = 0, positive = 0;
    run->args.argmax = masked;
    run->args.relu = true;
    op_run(c->name, call_pool, run, 1, (op_region[]){op_region_of(y), {masked, bytes}}, 2);
    for (size_t i = 0; i < bytes; i++) {
        long at = (long)i;
        bool passes = y->view.data[at / floats * y->view.stride + at % floats] > 0;
        positive += passes;
        wrong += masked[i] != (passes ? plain[i] : WN_MAX_POOL_NONE);
    }
    CHECK(wrong == 0 && (positive > 0 || bytes < 256),
          "%s: %ld of %zu taps are not masked as they should, %ld are positive", c->name, wrong, bytes,
          positive);
    free(masked);
}

static bool wide(const pool_case *c) {
    return c->window.kh * c->window.kw > WN_MAX_POOL_TAPS;
}

static void set_taps(const pool_case *c, void *taps, wn_pool_args *args) {
    args->argmax = wide(c) ? NULL : taps;
    args->wide_argmax = wide(c) ? taps : NULL;
}

/* Both forward passes: with and without choices. want[] receives the reference's choices. */
static void check_max_forward(const wn_ops *ops, const pool_case *c, void *taps, size_t bytes, long *want) {
    ref_tensor x = ref_create(c->x.n, c->x.c, c->x.h, c->x.w), y = ref_create(c->x.n, c->x.c, c->oh, c->ow);
    op_tensor from = op_create(x.n, x.c, x.h, x.w, 0, 1), to = op_create(y.n, y.c, y.h, y.w, 1, 0);
    random_integers(&x);
    op_write(&from, &x);
    ref_max_pool_forward(&c->window, &x, &y, want);
    pool_run run = {ops->max_pool_forward, pool_args(c)};
    run.args.x = from.view;
    run.args.y = to.view;
    op_run(c->name, call_pool, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &y, NULL);
    op_poison(&to);
    set_taps(c, taps, &run.args);
    op_run(c->name, call_pool, &run, 1, (op_region[]){op_region_of(&to), {taps, bytes}}, 2);
    op_check(c->name, &to, &y, NULL);
    long wrong = 0;
    for (long i = 0; i < ref_count(&y); i++)
        wrong += chosen(c, &run.args, &x, &y, i) != want[i];
    CHECK(wrong == 0, "%s: %ld of %ld windows chose another pixel than the first maximum", c->name, wrong,
          ref_count(&y));
    if (c->window.kh * c->window.kw < WN_MAX_POOL_TAPS)
        check_relu_mask(c, &run, &to, bytes);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&y);
}

static void check_max_backward(const wn_ops *ops, const pool_case *c, void *taps, const long *want,
                               bool accumulate) {
    ref_tensor dx = ref_create(c->x.n, c->x.c, c->x.h, c->x.w), dy = ref_create(c->x.n, c->x.c, c->oh, c->ow);
    op_tensor from = op_create(dy.n, dy.c, dy.h, dy.w, 0, 0), to = op_create(dx.n, dx.c, dx.h, dx.w, 2, 0);
    random_integers(&dy); /* sums of small integers are exact in any order */
    op_write(&from, &dy);
    if (accumulate) {
        random_integers(&dx);
        op_write(&to, &dx);
    }
    ref_max_pool_backward(want, &dy, &dx);
    pool_run run = {ops->max_pool_backward, pool_args(c)};
    run.args.dy = from.view;
    run.args.dx = to.view;
    set_taps(c, taps, &run.args);
    run.args.accumulate = accumulate;
    op_run(c->name, call_pool, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &dx, NULL);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&dx);
    ref_destroy(&dy);
}

static void check_max(const wn_ops *ops, const pool_case *c) {
    size_t pixels = (size_t)c->oh * (size_t)c->ow;
    size_t bytes = (size_t)c->x.n * (size_t)wn_blocks(c->x.c) * pixels * WN_BLOCK * (wide(c) ? 4 : 1);
    long *want = malloc((size_t)c->x.n * (size_t)c->x.c * pixels * sizeof *want);
    void *taps = malloc(bytes);
    memset(taps, 255, bytes);
    check_max_forward(ops, c, taps, bytes, want);
    check_max_backward(ops, c, taps, want, false);
    check_max_backward(ops, c, taps, want, true);
    free(want);
    free(taps);
}

/* Sums and their rounding: `terms` additions of half an epsilon each of at most the sum of the absolute
 * values, which the reference gives for data without signs. */
static void scale_bound(ref_tensor *bound, double terms) {
    for (long i = 0; i < ref_count(bound); i++)
        bound->data[i] *= terms * FLT_EPSILON;
}

static void take_absolute(const ref_tensor *t, ref_tensor *absolute) {
    for (long i = 0; i < ref_count(t); i++)
        absolute->data[i] = fabs(t->data[i]);
}

static void check_average_forward(const wn_ops *ops, const pool_case *c) {
    ref_tensor x = ref_create(c->x.n, c->x.c, c->x.h, c->x.w), y = ref_create(c->x.n, c->x.c, c->oh, c->ow);
    ref_tensor sizes = ref_create(x.n, x.c, x.h, x.w), bound = ref_create(y.n, y.c, y.h, y.w);
    op_tensor from = op_create(x.n, x.c, x.h, x.w, 1, 1), to = op_create(y.n, y.c, y.h, y.w, 0, 2);
    op_random(&x, -1, 1);
    op_write(&from, &x);
    ref_average_pool_forward(&c->window, &x, &y);
    take_absolute(&x, &sizes);
    ref_average_pool_forward(&c->window, &sizes, &bound);
    scale_bound(&bound,
                (1 + c->window.kh + c->window.kw) / 2.0); /* along a row, down the rows, the division */
    pool_run run = {ops->average_pool_forward, pool_args(c)};
    run.args.x = from.view;
    run.args.y = to.view;
    op_run(c->name, call_pool, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &y, bound.data);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&sizes);
    ref_destroy(&bound);
}

static void check_average_backward(const wn_ops *ops, const pool_case *c, bool accumulate) {
    ref_tensor dx = ref_create(c->x.n, c->x.c, c->x.h, c->x.w), dy = ref_create(c->x.n, c->x.c, c->oh, c->ow);
    ref_tensor sizes = ref_create(dy.n, dy.c, dy.h, dy.w), bound = ref_create(dx.n, dx.c, dx.h, dx.w);
    op_tensor from = op_create(dy.n, dy.c, dy.h, dy.w, 1, 0), to = op_create(dx.n, dx.c, dx.h, dx.w, 0, 1);
    op_random(&dy, -1, 1);
    op_write(&from, &dy);
    if (accumulate) {
        op_random(&dx, -1, 1);
        op_write(&to, &dx);
        take_absolute(&dx, &bound);
    }
    ref_average_pool_backward(&c->window, &dy, &dx);
    take_absolute(&dy, &sizes);
    ref_average_pool_backward(&c->window, &sizes, &bound);
    scale_bound(&bound,
                2 + c->window.kh * c->window.kw / 2.0); /* the area's reciprocal, a product, the sum */
    pool_run run = {ops->average_pool_backward, pool_args(c)};
    run.args.dy = from.view;
    run.args.dx = to.view;
    run.args.accumulate = accumulate;
    op_run(c->name, call_pool, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &dx, bound.data);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&dx);
    ref_destroy(&dy);
    ref_destroy(&sizes);
    ref_destroy(&bound);
}

static void check_case(const wn_ops *ops, const pool_case *c) {
    check_max(ops, c);
    check_average_forward(ops, c);
    check_average_backward(ops, c, false);
    check_average_backward(ops, c, true);
}

/* The windows of known networks on odd maps, and whole maps. */
static void check_common(const wn_ops *ops, const char *isa) {
    static const struct {
        int kernel, stride, pad;
    } windows[] = {{2, 2, 0}, {3, 2, 0}, {3, 2, 1}, {3, 1, 1}, {1, 1, 0}};
    for (const op_shape *s = op_shapes; s->n; s++) {
        pool_case whole = {.x = *s, .window = {.kh = s->h, .kw = s->w, .sh = s->h, .sw = s->w, .groups = 1}};
        if (complete_case(&whole, isa))
            check_case(ops, &whole);
        for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
            for (int ceil_mode = 0; ceil_mode < 2; ceil_mode++) {
                int k = windows[i].kernel, stride = windows[i].stride, pad = windows[i].pad;
                pool_case c = {.x = *s,
                               .window = {k, k, stride, stride, pad, pad, 0, 0, 1, false},
                               .ceil_mode = ceil_mode};
                if (complete_case(&c, isa))
                    check_case(ops, &c);
            }
    }
}

/* Windows with more taps than a byte can count, square and long, over the edge and side by side. */
static void check_large(const wn_ops *ops, const char *isa) {
    static const pool_case cases[] = {
        {.x = {2, 17, 40, 33},
         .window = {.kh = 17, .kw = 17, .sh = 5, .sw = 3, .ph = 8, .pw = 4, .groups = 1}},
        {.x = {1, 5, 70, 66}, .window = {.kh = 64, .kw = 64, .sh = 2, .sw = 2, .groups = 1}},
        {.x = {1, 33, 300, 3}, .window = {.kh = 130, .kw = 2, .sh = 130, .sw = 1, .groups = 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pool_case c = cases[i];
        c.ceil_mode = i == 2;
        if (CHECK(complete_case(&c, isa), "large window %zu has no output", i))
            check_max(ops, &c);
    }
}

/* Height and width apart; padding up to half of the kernel, as PyTorch allows. */
static void check_random(const wn_ops *ops, const char *isa, int count) {
    while (count > 0) {
        pool_case c = {.ceil_mode = op_random_below(2)};
        c.x = (op_shape){1 + op_random_below(5), 1 + op_random_below(40), 1 + op_random_below(14),
                         1 + op_random_below(14)};
        c.window = (ref_window){.kh = 1 + op_random_below(6), .kw = 1 + op_random_below(6), .groups = 1};
        c.window.sh = 1 + op_random_below(5);
        c.window.sw = 1 + op_random_below(5);
        c.window.ph = op_random_below(c.window.kh / 2 + 1);
        c.window.pw = op_random_below(c.window.kw / 2 + 1);
        c.window.exclude_pad = op_random_below(2);
        if (!complete_case(&c, isa))
            continue;
        check_case(ops, &c);
        count--;
    }
}

/* Adaptive average pooling of one random map to one random size, in both directions. */
static void check_adaptive(const wn_ops *ops, const char *isa, bool accumulate) {
    char what[96];
    op_shape s = {1 + op_random_below(3), 1 + op_random_below(40), 1 + op_random_below(14),
                  1 + op_random_below(14)};
    int oh = 1 + op_random_below(14), ow = 1 + op_random_below(14);
    snprintf(what, sizeof what, "%s adaptive %dx%dx%dx%d to %dx%d", isa, s.n, s.c, s.h, s.w, oh, ow);
    ref_tensor x = ref_create(s.n, s.c, s.h, s.w), dx = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor y = ref_create(s.n, s.c, oh, ow), dy = ref_create(s.n, s.c, oh, ow);
    ref_tensor y_bound = ref_create(s.n, s.c, oh, ow), dx_bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor from = op_create(s.n, s.c, s.h, s.w, 1, 0), to = op_create(s.n, s.c, oh, ow, 0, 1);
    op_tensor gradient = op_create(s.n, s.c, oh, ow, 1, 1), into = op_create(s.n, s.c, s.h, s.w, 0, 2);
    op_random(&x, 0, 1);
    op_random(&dy, 0, 1);
    op_write(&from, &x);
    op_write(&gradient, &dy);
    if (accumulate) {
        op_random(&dx, 0, 1);
        op_write(&into, &dx);
    }
    ref_adaptive_average_pool_forward(&x, &y);
    ref_adaptive_average_pool_backward(&dy, &dx);
    /* All terms are positive: each result is off by at most one rounding for every term and a few more. */
    for (long i = 0; i < ref_count(&y); i++)
        y_bound.data[i] = (14 + 14 + 2) * (double)FLT_EPSILON * y.data[i];
    for (long i = 0; i < ref_count(&dx); i++)
        dx_bound.data[i] = (14 * 14 + 4) * (double)FLT_EPSILON * dx.data[i];
    pool_run forward = {ops->average_pool_forward, {.x = from.view, .y = to.view, .adaptive = true}};
    op_run(what, call_pool, &forward, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(what, &to, &y, y_bound.data);
    pool_run backward = {ops->average_pool_backward,
                         {.dy = gradient.view, .dx = into.view, .adaptive = true, .accumulate = accumulate}};
    op_run(what, call_pool, &backward, 1, (op_region[]){op_region_of(&into)}, 1);
    op_check(what, &into, &dx, dx_bound.data);
    op_destroy(&from);
    op_destroy(&to);
    op_destroy(&gradient);
    op_destroy(&into);
    ref_destroy(&x);
    ref_destroy(&dx);
    ref_destroy(&y);
    ref_destroy(&dy);
    ref_destroy(&y_bound);
    ref_destroy(&dx_bound);
}

/* NaN wins over numbers, minus infinity loses against them, and the first of equals is chosen. */
static void check_special(const wn_ops *ops, const char *isa) {
    static const float rows[4][4] = {{1, NAN, 3, 2},
                                     {-INFINITY, -FLT_MAX, -INFINITY, -FLT_MAX},
                                     {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
                                     {0, 0, 0, 0}};
    static const int expected[4] = {1, 1, 0, 0};
    for (int i = 0; i < 4; i++) {
        float x[64] __attribute__((aligned(64))) = {0}, y[16] __attribute__((aligned(64)));
        uint8_t argmax[16];
        for (int tap = 0; tap < 4; tap++)
            x[tap * 16] = rows[i][tap];
        wn_view from = {x, 1, 1, 2, 2, 64}, to = {y, 1, 1, 1, 1, 16};
        ops->max_pool_forward(
            &(wn_pool_args){.x = from, .y = to, .kh = 2, .kw = 2, .sh = 2, .sw = 2, .argmax = argmax}, 0, 1);
        CHECK(argmax[0] == expected[i], "%s, window %d: tap %d, expected %d", isa, i, argmax[0], expected[i]);
        CHECK(memcmp(&y[0], &rows[i][expected[i]], sizeof(float)) == 0, "%s, window %d: maximum %g", isa, i,
              (double)y[0]);
    }
}

int main(void) {
    op_seed(check_seed());
    for (int isa = 0; op_table(isa); isa++) {
        const char *name = wn_isa_name((wn_isa)isa);
        check_special(op_table(isa), name);
        check_common(op_table(isa), name);
        check_large(op_table(isa), name);
        check_random(op_table(isa), name, check_full() ? 1000 : 60);
        for (int i = 0; i < (check_full() ? 1000 : 60); i++)
            check_adaptive(op_table(isa), name, i % 2);
    }
    return check_finish("check_pooling");
}
