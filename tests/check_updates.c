/* What stands around the optimisers: the norm over all gradients and clipping by it, gradients of several
 * batches in one update, the average of weights, batch norm's statistics by hand; and a loss that is not
 * finite, which changes no parameter and is traced to its layer. */
#include "check_pool.h"
#include "nets.h"
#include "selected_isa.h"
#include <winnow/model.h>

#include <math.h>
#include <string.h>

enum { SIDE = 12, BATCH = 6, PIXELS = SIDE * SIDE, MOST = 1 << 20 };

typedef struct setting {
    wn_graph *graph;
    wn_model *model;
    int parameters;
} setting;

static setting make(const char *name) {
    setting s = {.graph = wn_graph_create()};
    wn_net_find(name, NULL)
        ->build(s.graph, &(wn_net_options){.channels = 1,
                                           .height = SIDE,
                                           .width = SIDE,
                                           .classes = 10,
                                           .width_divisor = 1,
                                           .hidden_divisor = 1});
    wn_status status = wn_model_create(s.graph, &s.model);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        exit(1);
    wn_model_initialise(s.model, WN_INIT_PYTORCH, 9);
    s.parameters = wn_model_parameter_count(s.model);
    return s;
}

static void unmake(setting *s) {
    wn_model_destroy(s->model);
    wn_graph_destroy(s->graph);
}

static wn_tape *compile(const setting *s, wn_tape_options options) {
    wn_tape *tape = NULL;
    options.training = true;
    options.isa = selected_isa();
    wn_status status = wn_tape_compile(s->model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        exit(1);
    return tape;
}

/* Images and labels number first, first + 1, ... */
static void feed(wn_tape *tape, int first, int count) {
    for (int n = 0; n < count; n++) {
        wn_tape_labels(tape)[n] = (first + n) % 10;
        for (int i = 0; i < PIXELS; i++)
            wn_tape_input(tape)[n * PIXELS + i] = (float)((i * 7 + (first + n) * 31) % 64) / 64;
    }
}

/* All parameters one behind the other; returns how many values. */
static int64_t read_all(const setting *s, float *values) {
    int64_t count = 0;
    for (int p = 0; p < s->parameters; p++) {
        wn_model_read(s->model, p, values + count);
        count += wn_model_parameter(s->model, p).count;
    }
    return count;
}

/* With a bound below the norm w' = w - lr bound / norm g, with one above it w' = w - lr g, to the bit. */
static void check_clipping(wn_pool *pool) {
    static float before[MOST], after[MOST], gradient[MOST];
    for (int bound = 0; bound < 2; bound++) {
        setting s = make("mnist-cnn");
        wn_tape *tape = compile(
            &s,
            (wn_tape_options){.batch = BATCH, .clip_gradients = true, .keep_gradients = true, .pool = pool});
        float clip = bound ? 1e6f : 0.01f;
        wn_tape_set_options(tape, &(wn_step_options){.lr = 0.5f, .clip_norm = clip});
        feed(tape, 3, BATCH);
        read_all(&s, before);
        wn_tape_run(tape);
        read_all(&s, after);
        double squares = 0;
        int64_t at = 0;
        for (int p = 0; p < s.parameters; at += wn_model_parameter(s.model, p++).count)
            wn_tape_gradient(tape, p, gradient + at);
        for (int64_t i = 0; i < at; i++)
            squares += (double)gradient[i] * (double)gradient[i];
        double norm = sqrt(squares), factor = fmin(1, (double)clip / (norm + 1e-6));
        CHECK(fabs(wn_tape_gradient_norm(tape) - norm) < 1e-9 * norm, "norm %.17g, expected %.17g",
              wn_tape_gradient_norm(tape), norm);
        for (int64_t i = 0; i < at; i++) {
            float want = fmaf(-0.5f, (float)factor * gradient[i], before[i]);
            if (!CHECK(after[i] == want, "value %lld: %.9g, expected %.9g", (long long)i, (double)after[i],
                       (double)want))
                break;
        }
        wn_tape_destroy(tape);
        unmake(&s);
    }
}

/* Two batches of 4 and 2 images gathered make the update of one batch of 6, but for rounding; nothing changes
 * before the last of them. */
static void check_gathering(wn_pool *pool) {
    static float before[MOST], after[MOST], want[MOST];
    setting whole = make("mnist-cnn"), parts = make("mnist-cnn");
    wn_tape *six =
        compile(&whole, (wn_tape_options){.batch = 6, .optimizer = WN_OPTIMIZER_ADAM, .pool = pool});
    wn_tape_options options = {.batch = 4,
                               .optimizer = WN_OPTIMIZER_ADAM,
                               .accumulate_gradients = true,
                               .clip_gradients = true,
                               .pool = pool};
    wn_tape *four = compile(&parts, options);
    options.batch = 2;
    wn_tape *two = compile(&parts, options);
    wn_step_options step = {.lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-3f};
    for (int update = 1; update <= 3; update++) {
        step.update = update;
        wn_tape_set_options(six, &step);
        feed(six, 6 * update, 6);
        wn_tape_run(six);
        read_all(&parts, before);
        step.share = 4.0f / 6;
        step.first = step.hold = true;
        wn_tape_set_options(four, &step);
        feed(four, 6 * update, 4);
        wn_tape_run(four);
        int64_t count = read_all(&parts, after);
        CHECK(!memcmp(before, after, (size_t)count * sizeof *after), "update %d came too early", update);
        step.share = 2.0f / 6;
        step.first = step.hold = false;
        wn_tape_set_options(two, &step);
        feed(two, 6 * update + 4, 2);
        wn_tape_run(two);
        read_all(&parts, after);
        read_all(&whole, want);
        double worst = 0;
        for (int64_t i = 0; i < count; i++)
            worst = check_worst(worst, fabs((double)after[i] - (double)want[i]));
        /* Adam's step is lr at most; eps keeps rounding from being divided by next to nothing. */
        CHECK(worst < 2e-5, "update %d: off by %g", update, worst);
        CHECK(memcmp(before, after, (size_t)count * sizeof *after), "update %d did nothing", update);
    }
    wn_tape_destroy(six);
    wn_tape_destroy(four);
    wn_tape_destroy(two);
    unmake(&whole);
    unmake(&parts);
}

/* The average, by its definition in f64, running statistics included. */
static void check_average(wn_pool *pool) {
    static float values[MOST], average[MOST];
    static double want[MOST];
    setting s = make("mnist-bn");
    wn_tape *tape = compile(&s, (wn_tape_options){.batch = BATCH, .average_weights = true, .pool = pool});
    wn_tape_set_options(tape, &(wn_step_options){.lr = 0.1f, .average_decay = 0.4f});
    int64_t count = read_all(&s, values);
    for (int64_t i = 0; i < count; i++)
        want[i] = (double)values[i];
    for (int n = 1; n <= 8; n++) {
        double decay = fmin(0.4f, (1.0 + n) / (10.0 + n));
        feed(tape, n, BATCH);
        wn_tape_run(tape);
        read_all(&s, values);
        for (int64_t i = 0; i < count; i++)
            want[i] += (1 - decay) * ((double)values[i] - want[i]);
    }
    CHECK(wn_model_has_average(s.model), "no average");
    wn_model_swap_average(s.model);
    read_all(&s, average);
    wn_model_swap_average(s.model);
    double worst = 0;
    for (int64_t i = 0; i < count; i++)
        worst = check_worst(worst, fabs((double)average[i] - want[i]) / (1 + fabs(want[i])));
    CHECK(worst < 1e-6, "the average is off by %g", worst);
    static float again[MOST];
    read_all(&s, again);
    CHECK(!memcmp(values, again, (size_t)count * sizeof *again), "swapping twice changes the weights");
    wn_model_read_average(s.model, 0, again);
    CHECK(!memcmp(average, again, (size_t)wn_model_parameter(s.model, 0).count * sizeof *again),
          "reading the average reads something else");
    wn_tape_destroy(tape);
    unmake(&s);
}

static int index_of(const setting *s, const char *name) {
    for (int p = 0; p < s->parameters; p++)
        if (!strcmp(wn_model_parameter(s->model, p).name, name))
            return p;
    fprintf(stderr, "no parameter %s\n", name);
    exit(1);
}

/* An infinite weight is found in its own layer, and the parameters stay as they were. */
static void check_nonfinite(int batch, wn_pool *pool) {
    static float values[MOST], before[MOST], after[MOST];
    static const char *const layers[] = {"0", "3", "7"}; /* mnist-cnn's with weights */
    for (size_t i = 0; i < 3; i++) {
        setting s = make("mnist-cnn");
        wn_tape *tape = compile(&s, (wn_tape_options){.batch = batch, .momentum = true, .pool = pool});
        char name[32], label[32];
        snprintf(name, sizeof name, "%s.weight", layers[i]);
        snprintf(label, sizeof label, "%s FWD", layers[i]);
        int p = index_of(&s, name);
        feed(tape, 1, batch);
        CHECK(wn_model_find_nonfinite(s.model) == -1, "parameter %d is not finite at first",
              wn_model_find_nonfinite(s.model));
        wn_model_read(s.model, p, values);
        values[1] = INFINITY; /* a NaN would end in the ReLU */
        wn_model_write(s.model, p, values);
        CHECK(wn_model_find_nonfinite(s.model) == p, "parameter %d, expected %d",
              wn_model_find_nonfinite(s.model), p);
        int64_t count = read_all(&s, before);
        wn_tape_run(tape);
        CHECK(!isfinite(wn_tape_loss(tape)), "the loss is %g", wn_tape_loss(tape));
        read_all(&s, after);
        CHECK(!memcmp(before, after, (size_t)count * sizeof *after), "%s: parameters changed", name);
        const char *found = wn_tape_find_nonfinite(tape);
        CHECK(!strncmp(found, label, strlen(label)), "batch %d: found in '%s', expected '%s...'", batch,
              found, label);
        wn_tape_destroy(tape);
        unmake(&s);
    }
}

/* With momentum 1 running statistics are the batch's own; nothing else changes in a run forward. */
static void check_forward(wn_pool *pool) {
    static float before[MOST], mean[64], other[64];
    setting s = make("mnist-bn"), twin = make("mnist-bn");
    wn_tape *tape = compile(&s, (wn_tape_options){.batch = BATCH, .pool = pool});
    wn_tape *usual = compile(&twin, (wn_tape_options){.batch = BATCH, .pool = pool});
    int weight = index_of(&s, "0.0.weight"), running = index_of(&s, "0.1.running_mean");
    int64_t weights = wn_model_parameter(s.model, weight).count,
            channels = wn_model_parameter(s.model, running).count;
    wn_model_read(s.model, weight, before);
    feed(tape, 0, BATCH);
    feed(usual, 0, BATCH);
    wn_tape_set_norm_momentum(tape, 1);
    wn_tape_run_forward(tape);
    wn_tape_run(usual); /* from zeros: a tenth of the batch's mean */
    wn_model_read(s.model, running, mean);
    wn_model_read(twin.model, running, other);
    for (int64_t c = 0; c < channels; c++)
        CHECK(fabs((double)mean[c] - 10 * (double)other[c]) < 1e-5, "channel %lld: mean %g, a tenth is %g",
              (long long)c, (double)mean[c], (double)other[c]);
    static float after[MOST];
    wn_model_read(s.model, weight, after);
    CHECK(!memcmp(before, after, (size_t)weights * sizeof *after), "a run forward changes weights");
    wn_tape_destroy(tape);
    wn_tape_destroy(usual);
    unmake(&s);
    unmake(&twin);
}

/* All of it at once: the same bits whatever the threads. */
static void check_threads(void) {
    static float first[MOST], other[MOST];
    for (int threads = 1; threads <= 3; threads++) {
        wn_pool *pool = check_pool_of(threads);
        setting s = make("mnist-bn");
        wn_tape *tape = compile(&s, (wn_tape_options){.batch = BATCH,
                                                      .momentum = true,
                                                      .clip_gradients = true,
                                                      .accumulate_gradients = true,
                                                      .average_weights = true,
                                                      .pool = pool});
        for (int n = 0; n < 6; n++) {
            wn_tape_set_options(tape, &(wn_step_options){.lr = 0.1f,
                                                         .momentum = 0.9f,
                                                         .clip_norm = 0.1f,
                                                         .share = 0.5f,
                                                         .first = n % 2 == 0,
                                                         .hold = n % 2 == 0,
                                                         .average_decay = 0.9f,
                                                         .update = n / 2 + 1});
            feed(tape, n, BATCH);
            wn_tape_run(tape);
        }
        wn_model_swap_average(s.model);
        int64_t count = read_all(&s, threads == 1 ? first : other);
        CHECK(threads == 1 || !memcmp(first, other, (size_t)count * sizeof *other), "%d threads: other bits",
              threads);
        wn_tape_destroy(tape);
        unmake(&s);
        wn_pool_destroy(pool);
    }
}

int main(void) {
    check_threads();
    wn_pool *pool = check_pool_of(2);
    check_clipping(pool);
    check_gathering(pool);
    check_average(pool);
    check_nonfinite(BATCH, pool);
    check_nonfinite(1, pool);
    check_forward(pool);
    wn_pool_destroy(pool);
    return check_finish("check_updates");
}
