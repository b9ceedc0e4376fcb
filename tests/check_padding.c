/* Padding modes: the kernels against the reference on integers, blocked and plain, and a convolution whose
 * every value can be told in advance. */
#include "op_fixture.h"
#include "pool.h"
#include <math.h>
#include <string.h>
#include <winnow/model.h>

static const char *const mode_names[] = {"zeros", "reflect", "replicate", "circular"};

typedef void pad_kernel(const wn_pad_args *, int tid, int nthreads);
typedef struct pad_run {
    pad_kernel *kernel;
    wn_pad_args args;
} pad_run;

static void call_pad(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const pad_run *run = context;
    run->kernel(&run->args, tid, threads);
}

static void random_integers(ref_tensor *t) {
    for (long i = 0; i < ref_count(t); i++)
        t->data[i] = op_random_below(15) - 7;
}

/* Height and width are padded apart, each up to what the mode allows. */
typedef struct pad_case {
    op_shape x;
    int height, width;
    wn_padding mode;
    char name[96];
} pad_case;

static pad_case draw_case(op_shape x, wn_padding mode, const char *isa) {
    pad_case c = {.x = x, .mode = mode};
    int spare = mode == WN_PADDING_REFLECT ? 0 : mode == WN_PADDING_CIRCULAR ? 1 : 4;
    c.height = op_random_below(x.h + spare);
    c.width = op_random_below(x.w + spare);
    snprintf(c.name, sizeof c.name, "%s %s %dx%dx%dx%d by %d and %d", isa, mode_names[mode], x.n, x.c, x.h,
             x.w, c.height, c.width);
    return c;
}

static void check_forward(const wn_ops *ops, const pad_case *c) {
    ref_tensor x = ref_create(c->x.n, c->x.c, c->x.h, c->x.w);
    ref_tensor y = ref_create(x.n, x.c, x.h + 2 * c->height, x.w + 2 * c->width);
    op_tensor from = op_create(x.n, x.c, x.h, x.w, 1, 0), to = op_create(y.n, y.c, y.h, y.w, 0, 2);
    random_integers(&x);
    op_write(&from, &x);
    ref_pad_forward(c->mode, &x, &y);
    pad_run run = {
        ops->pad_forward,
        {.x = from.view, .y = to.view, .pad_height = c->height, .pad_width = c->width, .mode = c->mode}};
    op_run(c->name, call_pad, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &y, NULL);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&x);
    ref_destroy(&y);
}

static void check_plain(const wn_ops *ops, const pad_case *c) {
    ref_tensor x = ref_create(c->x.n, c->x.c, c->x.h, c->x.w);
    ref_tensor y = ref_create(x.n, x.c, x.h + 2 * c->height, x.w + 2 * c->width);
    long from_count = ref_count(&x), to_count = ref_count(&y);
    float *from = malloc((size_t)from_count * sizeof *from), *to = malloc((size_t)to_count * sizeof *to);
    random_integers(&x);
    for (long i = 0; i < from_count; i++)
        from[i] = (float)x.data[i];
    for (long i = 0; i < to_count; i++)
        to[i] = NAN;
    ref_pad_forward(c->mode, &x, &y);
    pad_run run = {ops->pad_forward,
                   {.x = {from, x.n, x.c, x.h, x.w, (int64_t)x.c * x.h * x.w},
                    .y = {to, y.n, y.c, y.h, y.w, (int64_t)y.c * y.h * y.w},
                    .pad_height = c->height,
                    .pad_width = c->width,
                    .mode = c->mode,
                    .plain = true}};
    op_run(c->name, call_pad, &run, 1, (op_region[]){{to, (size_t)to_count * sizeof *to}}, 1);
    op_check_array(c->name, to, y.data, to_count, to_count, NULL);
    free(from);
    free(to);
    ref_destroy(&x);
    ref_destroy(&y);
}

static void check_backward(const wn_ops *ops, const pad_case *c, bool accumulate) {
    ref_tensor dx = ref_create(c->x.n, c->x.c, c->x.h, c->x.w);
    ref_tensor dy = ref_create(dx.n, dx.c, dx.h + 2 * c->height, dx.w + 2 * c->width);
    op_tensor from = op_create(dy.n, dy.c, dy.h, dy.w, 0, 1), to = op_create(dx.n, dx.c, dx.h, dx.w, 2, 0);
    random_integers(&dy);
    op_write(&from, &dy);
    if (accumulate) {
        random_integers(&dx);
        op_write(&to, &dx);
    }
    ref_pad_backward(c->mode, &dy, &dx);
    pad_run run = {ops->pad_backward,
                   {.dy = from.view,
                    .dx = to.view,
                    .pad_height = c->height,
                    .pad_width = c->width,
                    .mode = c->mode,
                    .accumulate = accumulate}};
    op_run(c->name, call_pad, &run, 1, (op_region[]){op_region_of(&to)}, 1);
    op_check(c->name, &to, &dx, NULL);
    op_destroy(&from);
    op_destroy(&to);
    ref_destroy(&dx);
    ref_destroy(&dy);
}

static void check_kernels(void) {
    for (int isa = 0; op_table(isa); isa++)
        for (const op_shape *s = op_shapes; s->n; s++)
            for (int mode = WN_PADDING_REFLECT; mode <= WN_PADDING_CIRCULAR; mode++)
                for (int repeat = 0; repeat < (check_full() ? 20 : 2); repeat++) {
                    pad_case c = draw_case(*s, (wn_padding)mode, wn_isa_name((wn_isa)isa));
                    check_forward(op_table(isa), &c);
                    check_plain(op_table(isa), &c);
                    check_backward(op_table(isa), &c, false);
                    check_backward(op_table(isa), &c, true);
                }
}

enum { SIDE = 4, PADDED = SIDE + 2, OUTPUTS = 2, CLASSES = OUTPUTS * PADDED * PADDED };

/* What stands around a row or column of four; -1: zero. */
static int shown(wn_padding mode, int i) {
    static const int above[] = {-1, 1, 0, 3}, below[] = {-1, 2, 3, 0};
    return i < 0 ? above[mode] : i >= SIDE ? below[mode] : i;
}

/* A 1x1 convolution of 1...48 in 3 x 4 x 4 with padding 1, its output led out by a linear layer with ones on
 * the diagonal. */
static wn_model *build_example(wn_graph *g, wn_padding mode, const float weights[OUTPUTS][3],
                               const float bias[OUTPUTS]) {
    static float identity[CLASSES * CLASSES];
    wn_tensor x = wn_conv(g, wn_input(g, 3, SIDE, SIDE), OUTPUTS, .pad = 1, .padding = mode);
    wn_output(g, wn_linear(g, wn_flatten(g, x), CLASSES, .no_bias = true));
    wn_model *model;
    wn_status status = wn_model_create(g, &model);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return NULL;
    for (int i = 0; i < CLASSES; i++)
        identity[i * CLASSES + i] = 1;
    wn_model_write(model, 0, weights[0]);
    wn_model_write(model, 1, bias);
    wn_model_write(model, 2, identity);
    return model;
}

static void check_example(wn_padding mode, wn_isa isa, wn_pool *pool) {
    static const float weights[OUTPUTS][3] = {{0.5F, -2, 0.25F}, {3, 1, -1.5F}}, bias[OUTPUTS] = {7, -0.5F};
    wn_graph *g = wn_graph_create();
    wn_model *model = build_example(g, mode, weights, bias);
    wn_tape *tape = NULL;
    wn_status status =
        wn_tape_compile(model, &(wn_tape_options){.batch = 1, .isa = isa, .pool = pool}, &tape);
    if (CHECK(!wn_failed(status), "%s: %s", mode_names[mode], status.message)) {
        float got[CLASSES];
        for (int i = 0; i < 3 * SIDE * SIDE; i++)
            wn_tape_input(tape)[i] = (float)(i + 1);
        wn_tape_labels(tape)[0] = 0;
        wn_tape_run(tape);
        wn_tape_logits(tape, got);
        for (int i = 0; i < CLASSES; i++) {
            int o = i / PADDED / PADDED, h = shown(mode, i / PADDED % PADDED - 1);
            int w = shown(mode, i % PADDED - 1), at = h < 0 || w < 0 ? -1 : h * SIDE + w;
            float want = bias[o];
            for (int c = 0; c < 3 && at >= 0; c++)
                want += weights[o][c] * (float)(c * SIDE * SIDE + at + 1);
            CHECK(got[i] == want, "%s with %s: output %d, row %d, column %d is %g, expected %g",
                  mode_names[mode], wn_isa_name(isa), o, i / PADDED % PADDED, i % PADDED, (double)got[i],
                  (double)want);
        }
        /* as the text has it: border elements are the bias, pixels rise by the sum of the weights */
        float sum = weights[0][0] + weights[0][1] + weights[0][2];
        CHECK(mode != WN_PADDING_ZEROS || (got[0] == bias[0] && got[PADDED * PADDED - 1] == bias[0]),
              "border elements are %g and %g", (double)got[0], (double)got[PADDED * PADDED - 1]);
        CHECK(got[PADDED + 2] - got[PADDED + 1] == sum,
              "the first two inner pixels differ by %g, expected %g",
              (double)(got[PADDED + 2] - got[PADDED + 1]), (double)sum);
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* Maps that a mode cannot pad: the message says which layer and from what size on it works. */
static void check_too_small(wn_padding mode, int stride, int size, const char *expected) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_conv(g, wn_input(g, 1, size, size), 4, .kernel = 3, .stride = stride, .pad = 1);
    wn_conv(g, x, 4, .kernel = 5, .pad = 3, .padding = mode, .name = "last");
    wn_status status = wn_graph_status(g);
    bool refused = strstr(status.message, "'last.pad'") && strstr(status.message, "up to here is ");
    if (expected)
        CHECK(refused && strstr(status.message, expected), "found '%s', expected %s", status.message,
              expected);
    else
        CHECK(!wn_failed(status), "found '%s'", status.message);
    wn_graph_destroy(g);
}

int main(void) {
    wn_pool *pool;
    op_seed(check_seed());
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_padding");
    check_kernels();
    for (int isa = 0; op_table(isa); isa++)
        for (int mode = WN_PADDING_ZEROS; mode <= WN_PADDING_CIRCULAR; mode++)
            check_example((wn_padding)mode, (wn_isa)isa, pool);
    check_too_small(WN_PADDING_REFLECT, 2, 6, "is 7x7");
    check_too_small(WN_PADDING_REFLECT, 2, 7, NULL);
    check_too_small(WN_PADDING_CIRCULAR, 1, 2, "is 3x3");
    check_too_small(WN_PADDING_CIRCULAR, 1, 3, NULL);
    check_too_small(WN_PADDING_REPLICATE, 1, 1, NULL);
    wn_pool_destroy(pool);
    return check_finish("check_padding");
}
