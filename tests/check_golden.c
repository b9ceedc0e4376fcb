/* Whole networks against PyTorch: the same weights and batches by formula, compared with the f64 run that
 * tools/peers/golden.py recorded. Every step starts from the golden weights, which the f64 interpreter makes
 * again step by step; that these are PyTorch's is seen by norms and products of every gradient.
 *
 * Of every step: the loss within 1e-5 relative, every gradient ||a - b|| <= max(1e-4 ||b||, 3 spread) +
 * 1e-6 ||whole||, where spread is what PyTorch's own f32 is off, and the last part is for biases before a
 * batch norm, whose gradient is zero. Free-running, losses within 5 times what PyTorch's own f32 drifts.
 * Evaluation with the golden weights and running statistics: every logit within 1e-4 of the largest one.
 *
 * Once more on AVX2 and AVX-512 with Winograd wherever it can be: its error and that of direct are measured
 * on the network's own convolutions, and the spread counts as many times more. Where a gradient is further
 * off than that, ReLUs and maxima lie nearer to their kinks than Winograd's error reaches: the interpreter
 * then takes the tape's branches, has to be within the same bounds, and every value that changed branch close
 * to its kink. */
#include "check.h"
#include "conv_running.h"
#include "golden_branches.h"
#include "golden_file.h"
#include "interpreter.h"
#include "nets.h"
#include "pool.h"
#include "random.h"
#include "tape_internal.h"
#include <math.h>
#include <string.h>

/* One way to run: ISA, threads, picks. */
typedef struct setting {
    wn_isa isa;
    int threads;
    bool winograd;
    wn_pool *pool;
    double widened; /* the spread counts this many times: 1 without Winograd */
    char name[128];
    wn_model *model;
    wn_tape *tape;
} setting;
enum { MOST_SETTINGS = 3 * WN_ISA_COUNT };

typedef struct run {
    golden g;
    wn_graph *graph;
    int learned[GOLDEN_MAX_TENSORS]; /* number of each recorded tensor among all parameters */
    interpreter it;                  /* at the golden weights */
    double *moments[2];              /* of all learned parameters, one after the other */
    setting settings[MOST_SETTINGS];
    int setting_count;
    uint32_t chance;              /* which setting a step of the sample takes */
    double worst, worst_winograd; /* distance of a gradient over its bound */
} run;

static double distance_of(const float *values, const double *subtracted, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += ((double)values[i] - subtracted[i]) * ((double)values[i] - subtracted[i]);
    return sqrt(sum);
}

/* Numbers of the learned parameters among all, which must be the recorded tensors in order. */
static bool match_parameters(run *r) {
    const golden *g = &r->g;
    int count = 0;
    for (int i = 0; i < r->graph->parameter_count; i++) {
        const wn_graph_parameter *parameter = &r->graph->parameters[i];
        if (!parameter->learned)
            continue;
        if (!CHECK(count < g->tensors && strcmp(parameter->name, g->tensor[count].name) == 0 &&
                       parameter->count == g->tensor[count].count,
                   "%s: parameter %d is %s of %lld, expected %s of %lld", g->net, count, parameter->name,
                   (long long)parameter->count, count < g->tensors ? g->tensor[count].name : "none",
                   (long long)(count < g->tensors ? g->tensor[count].count : 0)))
            return false;
        r->learned[count++] = i;
    }
    return CHECK(count == g->tensors, "%s: %d learned parameters, expected %d", g->net, count, g->tensors);
}

/* Winograd with its default config where it is supported, else what a tape takes by itself. */
static wn_status pick_winograd(void *context, const wn_problem *problem, wn_isa isa, int threads,
                               int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    (void)context;
    const wn_conv_impl *impl = wn_conv_find("winograd");
    if (impl->refuse(problem, isa))
        impl = wn_conv_find("direct");
    return wn_conv_plan_make(impl, problem, NULL, isa, threads, src_stride, dst_stride, plan);
}

static bool compile(const run *r, setting *s, bool training) {
    wn_tape_options options = {.batch = r->g.batch,
                               .training = training,
                               .keep_gradients = training,
                               .optimizer = r->g.optimizer,
                               .momentum = r->g.momentum > 0,
                               .isa = s->isa,
                               .pool = s->pool,
                               .no_reuse = s->winograd,
                               .pick = s->winograd ? pick_winograd : NULL};
    wn_status status = wn_tape_compile(s->model, &options, &s->tape);
    wn_step_options step = {.lr = r->g.lr,
                            .momentum = r->g.momentum,
                            .weight_decay = r->g.weight_decay,
                            .beta1 = 0.9F,
                            .beta2 = 0.999F,
                            .eps = 1e-8F};
    if (!CHECK(!wn_failed(status), "%s: %s", s->name, status.message))
        return false;
    wn_tape_set_options(s->tape, &step);
    return true;
}

/* How far a plan is off, relative to the length of its result, on random operands. */
static double error_of_plan(const char *impl, const wn_conv_plan *like, wn_pool *pool) {
    wn_problem problem = like->problem;
    problem.relu = problem.accumulate = false;
    const bool weights = problem.direction == WN_BWD_WB;
    const int which = weights ? WEIGHTS : problem.direction == WN_FWD_B ? DST : SRC;
    operand_set before = operands_make(&problem, weights, false, REALS, 1);
    operand_set want = operands_copy(&before), got = operands_copy(&before);
    wn_conv_plan judge, plan;
    double error = 0, length = 0;
    wn_status status = wn_conv_plan_make(wn_conv_find("reference"), &problem, NULL, WN_ISA_PORTABLE,
                                         wn_pool_threads(pool), 0, 0, &judge);
    if (!wn_failed(status))
        status = wn_conv_plan_make(wn_conv_find(impl), &problem, NULL, like->isa, wn_pool_threads(pool), 0, 0,
                                   &plan);
    if (!wn_failed(status))
        status = run_plan(pool, &judge, &before, &want);
    if (!wn_failed(status))
        status = run_plan(pool, &plan, &before, &got);
    CHECK(!wn_failed(status), "%s: %s", impl, status.message);
    for (int64_t i = GUARD; i < want.all[which].floats - GUARD; i++) {
        double a = (double)want.all[which].memory[i], b = (double)got.all[which].memory[i];
        error += (a - b) * (a - b);
        length += a * a;
    }
    operands_free(&before);
    operands_free(&want);
    operands_free(&got);
    return sqrt(error / length);
}

/* The largest errors of Winograd and of direct over the passes that Winograd takes. */
static void measure_winograd(setting *s) {
    double winograd = 0, direct = 0;
    int passes = 0;
    for (int i = 0; i < wn_tape_step_count(s->tape); i++) {
        const wn_conv_plan *plan = wn_tape_step(s->tape, i).plan;
        if (!plan || strcmp(plan->impl->name, "winograd") != 0)
            continue;
        winograd = fmax(winograd, error_of_plan("winograd", plan, s->pool));
        direct = fmax(direct, error_of_plan("direct", plan, s->pool));
        passes++;
    }
    s->widened = passes ? fmax(1, winograd / direct) : 1;
    printf("%s: %d passes, off by up to %.2g where direct is by %.2g: spreads count %.1f times\n", s->name,
           passes, winograd, direct, s->widened);
}

static void add_setting(run *r, const char *name, wn_isa isa, int threads, bool winograd) {
    setting *s = &r->settings[r->setting_count++];
    *s = (setting){.isa = isa, .threads = threads, .winograd = winograd, .widened = 1};
    snprintf(s->name, sizeof s->name, "%s, %s, %d threads%s", name, wn_isa_name(isa), threads,
             winograd ? ", Winograd" : "");
    wn_status status = wn_pool_create(threads, &s->pool);
    if (!wn_failed(status))
        status = wn_model_create(r->graph, &s->model);
    if (CHECK(!wn_failed(status), "%s: %s", s->name, status.message) && compile(r, s, true) && winograd)
        measure_winograd(s);
}

/* Under the sanitizers, which make minutes of seconds, half of the networks and one setting have to do. */
static bool everything(void) {
#ifdef __SANITIZE_ADDRESS__
    return check_full();
#else
    return true;
#endif
}

/* Every ISA on one thread and on two, and those with wide vectors with Winograd. */
static void add_settings(run *r, const char *name) {
    const int isas = (int)wn_isa_detect() + 1, count = 3 * isas - 1;
    const bool all = everything();
    for (int i = 0; i < count; i++) {
        bool winograd = i >= 2 * isas;
        if (all || (int)(r->chance % (uint32_t)count) == i)
            add_setting(r, name, (wn_isa)(winograd ? i - 2 * isas + 1 : i % isas), i < isas ? 1 : 2,
                        winograd);
    }
}

static void close_settings(run *r) {
    for (int i = 0; i < r->setting_count; i++) {
        wn_tape_destroy(r->settings[i].tape);
        wn_model_destroy(r->settings[i].model);
        wn_pool_destroy(r->settings[i].pool);
    }
}

/* The interpreter's parameters, exact in f32 when they are golden. */
static void write_parameters(const run *r, wn_model *model) {
    for (int p = 0; p < r->graph->parameter_count; p++) {
        int64_t count = r->graph->parameters[p].count;
        float *values = malloc((size_t)count * sizeof *values);
        for (int64_t i = 0; i < count; i++)
            values[i] = (float)r->it.parameters[p][i];
        wn_model_write(model, p, values);
        free(values);
    }
}

static void read_parameters(run *r, const wn_model *model) {
    for (int p = 0; p < r->graph->parameter_count; p++) {
        int64_t count = r->graph->parameters[p].count;
        float *values = malloc((size_t)count * sizeof *values);
        wn_model_read(model, p, values);
        for (int64_t i = 0; i < count; i++)
            r->it.parameters[p][i] = (double)values[i];
        free(values);
    }
}

static void fill_interpreter(run *r, int step) {
    ref_tensor *input = &r->it.values[r->graph->input];
    float *values = malloc((size_t)ref_count(input) * sizeof *values);
    golden_batch(&r->g, step, values, r->it.labels);
    for (long i = 0; i < ref_count(input); i++)
        input->data[i] = (double)values[i];
    free(values);
}

static bool same_print(golden_print a, golden_print b, double scale) {
    return fabs(a.norm - b.norm) <= scale && fabs(a.dot - b.dot) <= scale;
}

/* Both are f64 and agree to twelve digits, until a golden weight is so close to the middle of two f32 numbers
 * that it is rounded to another one than in PyTorch: that costs up to 6e-8 of it (seen once, in step 10 of
 * lenet-bn). The product of a tensor of n values may be sqrt(n) times its norm. */
static void check_interpreter(run *r, int step, double loss, double whole) {
    const golden *g = &r->g;
    CHECK(fabs(loss - g->loss[step].value) <= 1e-8 * g->loss[step].value,
          "%s (%s), interpreter: loss of step %d is %.15g, expected %.15g", g->net, g->variant, step + 1,
          loss, g->loss[step].value);
    for (int p = 0; p < g->tensors; p++) {
        int64_t count = g->tensor[p].count;
        golden_print want = g->gradient[step][p].print;
        golden_print got = golden_print_of(r->it.parameter_gradients[r->learned[p]], count, p);
        CHECK(
            same_print(got, want, (1e-7 * want.norm + 1e-10 * whole) * sqrt((double)count)),
            "%s (%s), interpreter, step %d, gradient of %s: norm %.12g, product %.12g, expected %.12g, %.12g",
            g->net, g->variant, step + 1, g->tensor[p].name, got.norm, got.dot, want.norm, want.dot);
    }
}

static double whole_gradient(const golden *g, int step) {
    double sum = 0;
    for (int p = 0; p < g->tensors; p++)
        sum += g->gradient[step][p].print.norm * g->gradient[step][p].print.norm;
    return sqrt(sum);
}

/* PyTorch's own gradients of step 1; later ones, and those of other branches, are the interpreter's, which
 * were compared with PyTorch's. */
static const double *expected_gradient(const run *r, int step, int p, bool branched, double *room) {
    if (step > 0 || branched)
        return r->it.parameter_gradients[r->learned[p]];
    for (int64_t i = 0; i < r->g.tensor[p].count; i++)
        room[i] = (double)r->g.tensor[p].gradient[i];
    return room;
}

/* The largest distance of a gradient over its bound, and which gradient that is. */
static double worst_gradient(const run *r, const setting *s, int step, bool branched, const char **which) {
    const golden *g = &r->g;
    double whole = whole_gradient(g, step), worst = 0;
    *which = "none";
    for (int p = 0; p < g->tensors; p++) {
        int64_t count = g->tensor[p].count;
        float *got = malloc((size_t)count * sizeof *got);
        double *room = malloc((size_t)count * sizeof *room);
        wn_tape_gradient(s->tape, r->learned[p], got);
        double bound =
            fmax(1e-4 * g->gradient[step][p].print.norm, 3 * s->widened * g->gradient[step][p].spread) +
            1e-6 * whole;
        double off = distance_of(got, expected_gradient(r, step, p, branched, room), count) / bound;
        if (!isnan(worst) && !(off <= worst)) {
            worst = off;
            *which = g->tensor[p].name;
        }
        free(got);
        free(room);
    }
    return worst;
}

/* The same with the interpreter on the tape's branches; it is as before afterwards. */
static double worst_on_same_branches(run *r, const setting *s, int step, const char **which) {
    double *statistics[r->graph->parameter_count];
    for (int p = 0; p < r->graph->parameter_count; p++) {
        size_t bytes = (size_t)r->graph->parameters[p].count * sizeof(double);
        statistics[p] = r->graph->parameters[p].learned ? NULL : malloc(bytes);
        if (statistics[p])
            memcpy(statistics[p], r->it.parameters[p], bytes);
    }
    const double near = 1e-3;
    golden_branches found = golden_take_branches(&r->it, s->tape);
    interpreter_backward(&r->it);
    double worst = worst_gradient(r, s, step, true, which);
    printf("%s, step %d: %ld ReLUs and %ld maxima take other branches, at most %.2g from their kinks\n",
           s->name, step + 1, found.relus, found.maxima, found.farthest);
    CHECK(found.relus + found.maxima > 0 && found.farthest <= near,
          "%s, step %d: a value %g from its kink takes another branch, expected at most %g", s->name,
          step + 1, found.farthest, near);
    interpreter_forward(&r->it);
    interpreter_backward(&r->it);
    for (int p = 0; p < r->graph->parameter_count; p++) {
        if (statistics[p])
            memcpy(r->it.parameters[p], statistics[p],
                   (size_t)r->graph->parameters[p].count * sizeof(double));
        free(statistics[p]);
    }
    return worst;
}

static void check_gradients(run *r, const setting *s, int step) {
    const char *which;
    double off = worst_gradient(r, s, step, false, &which);
    if (s->winograd && off > 1) {
        printf("%s, step %d: %s is off by %.2f times its bound\n", s->name, step + 1, which, off);
        off = worst_on_same_branches(r, s, step, &which);
    }
    double *worst = s->winograd ? &r->worst_winograd : &r->worst;
    *worst = check_worst(*worst, off);
    CHECK(off <= 1, "%s, step %d, gradient of %s: off by %.3g times its bound", s->name, step + 1, which,
          off);
}

static void check_loss(const run *r, const setting *s, int step, double bound, const char *how) {
    double loss = wn_tape_loss(s->tape), expected = r->g.loss[step].value;
    CHECK(fabs(loss - expected) <= bound, "%s, loss of step %d %s: %.9g, expected %.9g +- %g", s->name,
          step + 1, how, loss, expected, bound);
}

/* In the sample step 1 runs in every setting, a later one in one of them, which goes round from a seeded
 * start; so does the free run. */
static bool takes_step(const run *r, int index, int step) {
    return check_full() || (r->chance + (uint32_t)step) % (uint32_t)r->setting_count == (uint32_t)index;
}

/* A step of the tapes from the golden weights. */
static void check_step(run *r, int step) {
    for (int i = 0; i < r->setting_count; i++) {
        setting *s = &r->settings[i];
        if (!s->tape || (step > 0 && !takes_step(r, i, step)))
            continue;
        write_parameters(r, s->model);
        golden_batch(&r->g, step, wn_tape_input(s->tape), wn_tape_labels(s->tape));
        wn_tape_run(s->tape);
        double bound = 1e-5 * r->g.loss[step].value;
        if (s->winograd)
            bound = fmax(bound, 3 * s->widened * r->g.loss[step].spread);
        check_loss(r, s, step, bound, "from golden weights");
        check_gradients(r, s, step);
    }
}

/* The interpreter's weights after a step, rounded as golden.py does. */
static void update(run *r, int step) {
    const golden *g = &r->g;
    ref_update options = {.lr = (double)g->lr,
                          .momentum = (double)g->momentum,
                          .weight_decay = (double)g->weight_decay,
                          .beta1 = 0.9,
                          .beta2 = 0.999,
                          .eps = 1e-8,
                          .step = step + 1};
    int64_t at = 0;
    for (int p = 0; p < g->tensors; p++) {
        long count = (long)g->tensor[p].count;
        double *weights = r->it.parameters[r->learned[p]];
        const double *gradient = r->it.parameter_gradients[r->learned[p]];
        if (g->optimizer == WN_OPTIMIZER_ADAM)
            ref_adam(&options, count, weights, gradient, r->moments[0] + at, r->moments[1] + at);
        else
            ref_sgd(&options, count, weights, gradient, r->moments[0] + at);
        for (long i = 0; i < count; i++)
            weights[i] = (double)(float)weights[i];
        at += count;
    }
}

/* Running statistics, which training has moved, as PyTorch's; then rounded, to be golden as well. */
static void check_statistics(run *r) {
    int found = 0;
    for (int p = 0; p < r->graph->parameter_count; p++) {
        const wn_graph_parameter *parameter = &r->graph->parameters[p];
        double *values = r->it.parameters[p];
        if (parameter->learned)
            continue;
        golden_print got = golden_print_of(values, parameter->count, found);
        golden_print want = r->g.statistic[found].print;
        double bound = 1e-7 * want.norm * sqrt((double)parameter->count);
        CHECK(found < r->g.statistics && strcmp(parameter->name, r->g.statistic[found].name) == 0 &&
                  same_print(got, want, bound),
              "%s (%s), interpreter: %s has norm %.12g, product %.12g, expected %.12g, %.12g", r->g.net,
              r->g.variant, parameter->name, got.norm, got.dot, want.norm, want.dot);
        for (int64_t i = 0; i < parameter->count; i++)
            values[i] = (double)(float)values[i];
        found++;
    }
    CHECK(found == r->g.statistics, "%s: %d running statistics, expected %d", r->g.net, found,
          r->g.statistics);
}

static void check_evaluation(run *r, setting *s) {
    const golden *g = &r->g;
    int count = g->batch * g->classes;
    wn_tape_destroy(s->tape);
    s->tape = NULL;
    if (!s->model || !compile(r, s, false))
        return;
    write_parameters(r, s->model);
    golden_batch(g, g->steps, wn_tape_input(s->tape), wn_tape_labels(s->tape));
    wn_tape_run(s->tape);
    float *logits = malloc((size_t)count * sizeof *logits), largest = 0, off = 0;
    wn_tape_logits(s->tape, logits);
    for (int i = 0; i < count; i++) {
        largest = fmaxf(largest, fabsf(g->logits[i]));
        off = fmaxf(off, fabsf(logits[i] - g->logits[i]));
    }
    CHECK(off <= 1e-4F * largest, "%s, evaluation: a logit is off by %g, expected at most 1e-4 of %g",
          s->name, (double)off, (double)largest);
    CHECK(fabs(wn_tape_loss(s->tape) - g->evaluation) <= 1e-4 * g->evaluation,
          "%s, evaluation: %.9g, expected %.9g", s->name, wn_tape_loss(s->tape), g->evaluation);
    free(logits);
}

/* All steps on the tape's own weights; the model stays as it is then. */
static void check_free_run(run *r, setting *s) {
    if (!s->tape)
        return;
    wn_model_initialise(s->model, WN_INIT_GENERATOR, 0);
    for (int step = 0; step < r->g.steps; step++) {
        golden_batch(&r->g, step, wn_tape_input(s->tape), wn_tape_labels(s->tape));
        wn_tape_run(s->tape);
        check_loss(r, s, step, 5 * s->widened * r->g.loss[step].drift, "free-running");
    }
}

static bool begin(run *r, const char *name) {
    const golden *g = &r->g;
    wn_net_options options = {.channels = g->channels,
                              .height = g->height,
                              .width = g->width,
                              .classes = g->classes,
                              .width_divisor = g->width_divisor,
                              .no_dropout = true};
    int64_t total = 0;
    wn_net_find(g->net, g->variant)->build(r->graph, &options);
    wn_status status = wn_graph_status(r->graph);
    if (!CHECK(!wn_failed(status), "%s: %s", g->net, status.message) || !match_parameters(r))
        return false;
    for (int p = 0; p < g->tensors; p++)
        total += g->tensor[p].count;
    for (int i = 0; i < 2; i++)
        r->moments[i] = calloc((size_t)total, sizeof *r->moments[i]);
    r->it = interpreter_create(r->graph, g->batch);
    r->it.training = true;
    add_settings(r, name);
    return CHECK(r->moments[0] && r->moments[1] && r->settings[0].model, "%s: nothing to run it with",
                 g->net);
}

static void check_network(run *r, const char *name) {
    if (begin(r, name)) {
        for (int i = 0; i < r->setting_count; i++)
            if (takes_step(r, i, 0))
                check_free_run(r, &r->settings[i]);
        wn_model_initialise(r->settings[0].model, WN_INIT_GENERATOR, 0);
        read_parameters(r, r->settings[0].model);
        for (int step = 0; step < r->g.steps; step++) {
            fill_interpreter(r, step);
            double loss = interpreter_forward(&r->it);
            interpreter_backward(&r->it);
            check_interpreter(r, step, loss, whole_gradient(&r->g, step));
            check_step(r, step);
            update(r, step);
        }
        check_statistics(r);
        for (int i = 0; i < r->setting_count; i++)
            check_evaluation(r, &r->settings[i]);
        printf("%s: gradients reach %.2f of their bounds, %.2f with Winograd\n", name, r->worst,
               r->worst_winograd);
    }
    close_settings(r);
    free(r->moments[0]);
    free(r->moments[1]);
    if (r->it.graph)
        interpreter_destroy(&r->it);
}

/* The cases named, or all. */
int main(int argc, char **argv) {
    static const char *const cases[] = {"lenet-d2l",
                                        "lenet-bn-d2l",
                                        "mnist-cnn-d2l",
                                        "mnist-cnn-d2l-adam",
                                        "mnist-bn-d2l",
                                        "mnist-bn-d2l-momentum",
                                        "mnist-res-d2l",
                                        "alexnet-d2l",
                                        "alexnet-slim-d2l",
                                        "vgg11-d2l",
                                        "nin-d2l",
                                        "googlenet-d2l",
                                        "resnet18-d2l",
                                        "densenet-d2l",
                                        "alexnet-imagenet",
                                        "alexnet-2012-imagenet",
                                        "vgg13-imagenet",
                                        "nin-imagenet",
                                        "googlenet-imagenet",
                                        "resnet50-imagenet",
                                        "densenet121-imagenet",
                                        "resnet20-cifar"};
    static run r;
    const uint64_t seed = check_seed();
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        bool wanted = argc < 2 && (everything() || (n + seed) % 2 == 0);
        for (int i = 1; i < argc; i++)
            wanted |= !strcmp(argv[i], cases[n]);
        if (!wanted)
            continue;
        memset(&r, 0, sizeof r);
        r.graph = wn_graph_create();
        r.chance = wn_random_below(seed, WN_STREAM_TEST, n, 1 << 16);
        if (CHECK(r.graph, "out of memory") && golden_read(cases[n], &r.g))
            check_network(&r, cases[n]);
        wn_graph_destroy(r.graph);
        free(r.g.values);
    }
    return check_finish("check_golden");
}
