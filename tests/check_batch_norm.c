/* Batch norm: training with its running statistics, evaluation, backward; data far from zero shows a variance
 * that is taken as the difference of two large numbers. */
#include "arena.h"
#include "op_fixture.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef struct norm_run {
    const wn_ops *ops;
    wn_batch_norm_args args;
} norm_run;

static void call_train(const void *context, int phase, int tid, int threads) {
    const norm_run *run = context;
    run->ops->batch_norm_train(&run->args, phase, tid, threads);
}
static void call_eval(const void *context, int phase, int tid, int threads) {
    (void)phase;
    const norm_run *run = context;
    run->ops->batch_norm_eval(&run->args, tid, threads);
}
static void call_backward(const void *context, int phase, int tid, int threads) {
    const norm_run *run = context;
    run->ops->batch_norm_backward(&run->args, phase, tid, threads);
}

/* Vectors of a layer, one float per lane, and the same in double. */
enum { MOST_LANES = 64, VECTORS = 8 };
typedef enum { SCALE, SHIFT, RUNNING_MEAN, RUNNING_VAR, SAVED_MEAN, SAVED_INV_STD, DSCALE, DSHIFT } vector_id;

typedef struct norm_case {
    char name[128];
    op_shape shape;
    double centre, spread; /* of the data */
    bool relu, residual, accumulate, in_place;
    bool from_input; /* backward finds the ReLU's mask from x */
    bool mask_dx;
    int lanes;
    float vectors[VECTORS][MOST_LANES] __attribute__((aligned(64)));
    double wide[VECTORS][MOST_LANES], bound[VECTORS][MOST_LANES];
    ref_batch_norm reference;
    norm_run run;
    op_region saved[4]; /* what training writes besides y */
} norm_case;

static void fill_vector(norm_case *c, vector_id id, double low, double high) {
    for (int i = 0; i < MOST_LANES; i++) {
        c->wide[id][i] = i < c->shape.c ? op_random_value(low, high) : 0;
        c->vectors[id][i] = (float)c->wide[id][i];
    }
}

static void poison_vector(norm_case *c, vector_id id) {
    for (int i = 0; i < MOST_LANES; i++)
        c->vectors[id][i] = NAN;
}

static void prepare(norm_case *c, const wn_ops *ops) {
    c->lanes = wn_blocks(c->shape.c) * WN_BLOCK;
    fill_vector(c, SCALE, 0.5, 1.5);
    fill_vector(c, SHIFT, -1, 1);
    fill_vector(c, RUNNING_MEAN, -1, 1);
    fill_vector(c, RUNNING_VAR, 0.5, 2);
    for (vector_id id = SAVED_MEAN; id <= DSHIFT; id++)
        poison_vector(c, id);
    c->reference = (ref_batch_norm){.eps = (double)1e-5f,
                                    .momentum = (double)0.1f,
                                    .scale = c->wide[SCALE],
                                    .shift = c->wide[SHIFT],
                                    .running_mean = c->wide[RUNNING_MEAN],
                                    .running_var = c->wide[RUNNING_VAR],
                                    .mean = c->wide[SAVED_MEAN],
                                    .inv_std = c->wide[SAVED_INV_STD]};
    int64_t workspace = wn_batch_norm_workspace(c->shape.n, c->shape.c);
    c->run = (norm_run){ops,
                        {.scale = c->vectors[SCALE],
                         .shift = c->vectors[SHIFT],
                         .dscale = c->vectors[DSCALE],
                         .dshift = c->vectors[DSHIFT],
                         .running_mean = c->vectors[RUNNING_MEAN],
                         .running_var = c->vectors[RUNNING_VAR],
                         .saved_mean = c->vectors[SAVED_MEAN],
                         .saved_inv_std = c->vectors[SAVED_INV_STD],
                         .partial = wn_calloc64((size_t)workspace * sizeof(float)),
                         .eps = 1e-5f,
                         .momentum = 0.1f,
                         .relu = c->relu,
                         .accumulate = c->accumulate,
                         .accumulate_residual = c->accumulate}};
    for (int64_t i = 0; i < workspace; i++)
        c->run.args.partial[i] = NAN;
}

static void check_vector(const norm_case *c, const char *vector, vector_id id) {
    char what[160];
    snprintf(what, sizeof what, "%s, %s", c->name, vector);
    op_check_array(what, c->vectors[id], c->wide[id], c->shape.c, c->lanes, c->bound[id]);
}

/* Relative to the standard deviation: tiles sum up to 32 deviations in a row, half an epsilon each, and every
 * operation of the normalisation costs another half. The mean is rounded to f32, which is the only error that
 * grows with the data's distance from zero. */
static void forward_bounds(norm_case *c, const ref_tensor *normalised, ref_tensor *bound) {
    long pixels = (long)c->shape.h * c->shape.w;
    for (long i = 0; i < ref_count(bound); i++) {
        long channel = i / pixels % c->shape.c;
        double scale = fabs(c->wide[SCALE][channel]), shift = fabs(c->wide[SHIFT][channel]);
        double offset = fabs(c->wide[SAVED_MEAN][channel]) * c->wide[SAVED_INV_STD][channel];
        double size = fabs(normalised->data[i]) + scale + shift;
        bound->data[i] = FLT_EPSILON * (scale * (offset + 16) + 20 * size);
    }
    for (int i = 0; i < c->shape.c; i++) {
        double deviation = 1 / c->wide[SAVED_INV_STD][i], mean = fabs(c->wide[SAVED_MEAN][i]);
        c->bound[SAVED_MEAN][i] = FLT_EPSILON * (mean + deviation);
        c->bound[SAVED_INV_STD][i] = 20 * FLT_EPSILON * c->wide[SAVED_INV_STD][i];
        c->bound[RUNNING_MEAN][i] = FLT_EPSILON * (mean + deviation + fabs(c->wide[RUNNING_MEAN][i]));
        c->bound[RUNNING_VAR][i] = 40 * FLT_EPSILON * fabs(c->wide[RUNNING_VAR][i]);
    }
}

static void add_residual_and_relu(const norm_case *c, const ref_tensor *residual, ref_tensor *y,
                                  ref_tensor *bound) {
    for (long i = 0; i < ref_count(y) && c->residual; i++) {
        y->data[i] += residual->data[i];
        bound->data[i] += FLT_EPSILON * fabs(residual->data[i]);
    }
    if (c->relu)
        ref_relu_forward(y, y);
}

/* With the statistics of the first blocks known the bits stay, and nothing is summed up for these. */
static void check_known(norm_case *c, op_tensor *to, const double *statistics) {
    wn_batch_norm_args *args = &c->run.args;
    const op_region y = op_region_of(to);
    const int blocks = wn_blocks(c->shape.c);
    const size_t channels = (size_t)c->shape.c * sizeof(float);
    float expected[2][MOST_LANES], *saved[2] = {c->vectors[SAVED_MEAN], c->vectors[SAVED_INV_STD]};
    void *bits = malloc(y.bytes);
    memcpy(bits, y.memory, y.bytes);
    for (int i = 0; i < 2; i++)
        memcpy(expected[i], saved[i], sizeof expected[i]);
    for (int known = 1; known <= blocks; known++) {
        args->known = statistics;
        args->known_blocks = known;
        args->statistics = NULL;
        for (int64_t i = 0; i < wn_batch_norm_workspace(c->shape.n, c->shape.c); i++)
            args->partial[i] = NAN;
        op_poison(to);
        op_run(c->name, call_train, &c->run, wn_batch_norm_phases(&args->x), &y, 1);
        CHECK(!memcmp(bits, y.memory, y.bytes) && !memcmp(expected[0], saved[0], channels) &&
                  !memcmp(expected[1], saved[1], channels),
              "%s: other bits with the statistics of %d of %d blocks known", c->name, known, blocks);
        const long chunks = (c->shape.n + WN_OP_CHUNK - 1) / WN_OP_CHUNK;
        CHECK(isnan(args->partial[known * chunks * WN_BATCH_NORM_CHUNK_FLOATS - 1]),
              "%s: what is known of %d blocks was summed up again", c->name, known);
    }
    free(bits);
}

static void check_forward(norm_case *c, const wn_ops *ops, bool training) {
    op_shape s = c->shape;
    ref_tensor x = ref_create(s.n, s.c, s.h, s.w), y = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor residual = ref_create(s.n, s.c, s.h, s.w), bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor from = op_create(s.n, s.c, s.h, s.w, 1, 0), apart = op_create(s.n, s.c, s.h, s.w, 0, 1);
    op_tensor shortcut = op_create(s.n, s.c, s.h, s.w, 0, 0);
    op_tensor *to = !c->in_place ? &apart : c->residual ? &shortcut : &from;
    op_random(&x, c->centre - c->spread, c->centre + c->spread);
    op_random(&residual, -1, 1);
    op_write(&from, &x);
    op_write(&shortcut, &residual);
    prepare(c, ops);
    c->run.args.x = from.view;
    c->run.args.y = to->view;
    if (c->residual)
        c->run.args.residual = shortcut.view;
    if (training) {
        ref_batch_norm_train(&c->reference, &x, &y);
        forward_bounds(c, &y, &bound);
        add_residual_and_relu(c, &residual, &y, &bound);
        op_region outputs[5] = {op_region_of(to)};
        for (int i = 0; i < 4; i++)
            outputs[1 + i] = (op_region){c->vectors[RUNNING_MEAN + i], sizeof c->vectors[0]};
        double *statistics = calloc((size_t)wn_blocks(s.c) * WN_BATCH_NORM_STATISTICS, sizeof *statistics);
        c->run.args.statistics = statistics;
        op_run(c->name, call_train, &c->run, wn_batch_norm_phases(&c->run.args.x), outputs, 5);
        check_vector(c, "mean", SAVED_MEAN);
        for (int i = s.c; i < c->lanes; i++) /* of constant zeros */
            c->vectors[SAVED_INV_STD][i] = 0;
        check_vector(c, "1 / deviation", SAVED_INV_STD);
        check_vector(c, "running mean", RUNNING_MEAN);
        check_vector(c, "running variance", RUNNING_VAR);
        op_check(c->name, to, &y, bound.data);
        if (to == &apart)
            check_known(c, to, statistics);
        free(statistics);
    } else {
        ref_batch_norm_eval(&c->reference, &x, &y);
        for (int i = 0; i < s.c; i++)
            c->wide[SAVED_MEAN][i] = c->wide[RUNNING_MEAN][i];
        forward_bounds(c, &y, &bound);
        add_residual_and_relu(c, &residual, &y, &bound);
        op_run(c->name, call_eval, &c->run, 1, (op_region[]){op_region_of(to)}, 1);
    }
    op_check(c->name, to, &y, bound.data);
    free(c->run.args.partial);
    op_destroy(&from);
    op_destroy(&apart);
    op_destroy(&shortcut);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&residual);
    ref_destroy(&bound);
}

/* The statistics the backward pass reads are given and shared with the reference. Its sums run over up to 64
 * products in f32 before they go on in double: 32 epsilons of the sum of their absolute values; products lose
 * another two. */
static void backward_bounds(norm_case *c, const ref_tensor *x, const ref_tensor *g, ref_tensor *bound) {
    long pixels = (long)x->h * x->w;
    double values = (double)x->n * (double)pixels;
    for (int channel = 0; channel < x->c; channel++) {
        double mean = c->wide[SAVED_MEAN][channel], inv_std = c->wide[SAVED_INV_STD][channel];
        double sum = 0, product = 0, factor = fabs(c->wide[SCALE][channel]) * inv_std;
        for (long n = 0; n < x->n; n++)
            for (long first = ref_index(x, (int)n, channel, 0, 0), i = first; i < first + pixels; i++) {
                sum += fabs(g->data[i]);
                product += fabs(g->data[i] * (x->data[i] - mean) * inv_std);
            }
        c->bound[DSHIFT][channel] = 34 * FLT_EPSILON * sum;
        c->bound[DSCALE][channel] = 34 * FLT_EPSILON * product;
        for (long n = 0; n < x->n; n++)
            for (long first = ref_index(x, (int)n, channel, 0, 0), i = first; i < first + pixels; i++) {
                double normalised = fabs(x->data[i] - mean) * inv_std;
                bound->data[i] += FLT_EPSILON * factor *
                                  (4 * fabs(g->data[i]) + 38 * (sum + normalised * product) / values);
            }
    }
}

static void mask_gradient(const norm_case *c, const ref_tensor *y, ref_tensor *dy) {
    for (long i = 0; i < ref_count(dy) && c->relu; i++)
        if (y->data[i] <= 0)
            dy->data[i] = 0;
}

/* The output as the forward kernel computes it, so that it has the same signs. */
static void normalise_in_f32(const norm_case *c, const ref_tensor *x, ref_tensor *y) {
    long pixels = (long)x->h * x->w;
    for (long i = 0; i < ref_count(x); i++) {
        long channel = i / pixels % x->c;
        float factor = c->vectors[SCALE][channel] * c->vectors[SAVED_INV_STD][channel];
        y->data[i] = (double)fmaf((float)x->data[i] - c->vectors[SAVED_MEAN][channel], factor,
                                  c->vectors[SHIFT][channel]);
    }
}

static void check_backward(norm_case *c, const wn_ops *ops) {
    op_shape s = c->shape;
    ref_tensor x = ref_create(s.n, s.c, s.h, s.w), y = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor dy = ref_create(s.n, s.c, s.h, s.w), dx = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor dr = ref_create(s.n, s.c, s.h, s.w), bound = ref_create(s.n, s.c, s.h, s.w);
    ref_tensor residual_bound = ref_create(s.n, s.c, s.h, s.w);
    op_tensor input = op_create(s.n, s.c, s.h, s.w, 1, 0), output = op_create(s.n, s.c, s.h, s.w, 0, 2);
    op_tensor from = op_create(s.n, s.c, s.h, s.w, 0, 0), to = op_create(s.n, s.c, s.h, s.w, 1, 1);
    op_tensor shortcut = op_create(s.n, s.c, s.h, s.w, 2, 0);
    op_tensor *dinput = c->in_place && !c->residual ? &from : &to;
    op_tensor *dshortcut = c->in_place && c->residual ? &from : &shortcut;
    prepare(c, ops);
    fill_vector(c, SAVED_MEAN, c->centre - 0.1, c->centre + 0.1);
    fill_vector(c, SAVED_INV_STD, 1 / c->spread, 2 / c->spread);
    for (int i = 0; i < s.c; i++)
        c->wide[DSCALE][i] = c->wide[DSHIFT][i] = 0;
    op_random(&x, c->centre - c->spread, c->centre + c->spread);
    op_random(&y, -1, 1);
    op_random(&dy, -1, 1);
    op_write(&input, &x);
    op_write(&output, &y);
    op_write(&from, &dy);
    if (c->accumulate) {
        op_random(&dx, -1, 1);
        op_random(&dr, -1, 1);
        op_write(&to, &dx);
        op_write(&shortcut, &dr);
    }
    for (long i = 0; i < ref_count(&dx); i++)
        bound.data[i] = FLT_EPSILON * fabs(dx.data[i]);
    if (c->from_input)
        normalise_in_f32(c, &x, &y);
    mask_gradient(c, &y, &dy);
    backward_bounds(c, &x, &dy, &bound);
    ref_batch_norm_backward(&c->reference, &x, &dy, &dx, c->wide[DSCALE], c->wide[DSHIFT]);
    for (long i = 0; c->mask_dx && i < ref_count(&dx); i++)
        if (x.data[i] <= 0)
            dx.data[i] = bound.data[i] = 0;
    for (long i = 0; i < ref_count(&dr); i++)
        residual_bound.data[i] = c->accumulate ? FLT_EPSILON * (fabs(dr.data[i]) + fabs(dy.data[i])) : 0;
    ref_add(&dy, &dr);
    c->run.args.x = input.view;
    if (!c->from_input)
        c->run.args.y = output.view;
    c->run.args.mask_dx = c->mask_dx;
    c->run.args.dy = from.view;
    c->run.args.dx = dinput->view;
    if (c->residual)
        c->run.args.dresidual = dshortcut->view;
    op_region outputs[4] = {op_region_of(dinput),
                            {c->vectors[DSCALE], sizeof c->vectors[0]},
                            {c->vectors[DSHIFT], sizeof c->vectors[0]},
                            op_region_of(dshortcut)};
    op_run(c->name, call_backward, &c->run, wn_batch_norm_phases(&input.view), outputs, 4);
    op_check(c->name, dinput, &dx, bound.data);
    if (c->residual)
        op_check(c->name, dshortcut, &dr, residual_bound.data);
    check_vector(c, "gradient of the scale", DSCALE);
    check_vector(c, "gradient of the shift", DSHIFT);
    free(c->run.args.partial);
    op_destroy(&input);
    op_destroy(&output);
    op_destroy(&from);
    op_destroy(&to);
    op_destroy(&shortcut);
    ref_destroy(&x);
    ref_destroy(&y);
    ref_destroy(&dy);
    ref_destroy(&dx);
    ref_destroy(&dr);
    ref_destroy(&bound);
    ref_destroy(&residual_bound);
}

static norm_case make_case(const char *pass, int isa, op_shape shape, int flags, double centre,
                           double spread) {
    norm_case c = {.shape = shape,
                   .centre = centre,
                   .spread = spread,
                   .relu = flags & 1,
                   .residual = flags & 2,
                   .accumulate = flags & 4,
                   .in_place = flags & 8,
                   .from_input = flags & 16,
                   .mask_dx = flags & 32};
    snprintf(c.name, sizeof c.name, "%s %s %dx%dx%dx%d at %g +- %g%s%s%s%s%s%s", pass,
             wn_isa_name((wn_isa)isa), shape.n, shape.c, shape.h, shape.w, centre, spread,
             c.relu ? " relu" : "", c.residual ? " residual" : "", c.accumulate ? " accumulate" : "",
             c.in_place ? " in place" : "", c.from_input ? " mask from x" : "",
             c.mask_dx ? " masked dx" : "");
    return c;
}

/* Backward with the masks that fusion asks for; the mask comes from x where there is no residual. */
static void check_masks(int isa, op_shape shape) {
    for (int flags = 16; flags < 64; flags++) {
        norm_case c = make_case("backward", isa, shape, flags, 0, 1);
        if (!(c.accumulate && c.in_place) && !(c.from_input && (c.residual || !c.relu)))
            check_backward(&c, op_table(isa));
    }
}

/* Blocks in several waves, with a remainder. */
static void check_waves(int isa) {
    const op_shape large = {.n = 5, .c = 50, .h = 61, .w = 67};
    for (int flags = 1; flags < 8; flags += 3) {
        norm_case train = make_case("train", isa, large, flags, 3, 0.01);
        norm_case backward = make_case("backward", isa, large, flags, 3, 0.01);
        if (!train.accumulate)
            check_forward(&train, op_table(isa), true);
        check_backward(&backward, op_table(isa));
    }
}

int main(void) {
    op_seed(check_seed());
    static const double data[][2] = {{0, 1}, {3, 0.01}, {-1000, 0.5}};
    for (int isa = 0; op_table(isa); isa++) {
        check_waves(isa);
        for (const op_shape *s = op_shapes; s->n; s++) {
            check_masks(isa, *s);
            for (int flags = 0; flags < 16; flags++)
                for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
                    bool accumulate = flags & 4, in_place = flags & 8, one_value = s->n * s->h * s->w == 1;
                    norm_case train = make_case("train", isa, *s, flags, data[i][0], data[i][1]);
                    norm_case eval = make_case("eval", isa, *s, flags, data[i][0], data[i][1]);
                    norm_case backward = make_case("backward", isa, *s, flags, data[i][0], data[i][1]);
                    if (!one_value && !accumulate && (train.residual || !in_place))
                        check_forward(&train, op_table(isa), true);
                    if (!accumulate)
                        check_forward(&eval, op_table(isa), false);
                    if (!(accumulate && in_place))
                        check_backward(&backward, op_table(isa));
                }
        }
    }
    return check_finish("check_batch_norm");
}
