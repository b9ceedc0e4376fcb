/* Whole networks against PyTorch: the same weights and batches by formula, plain SGD, compared with the f64
 * run that tools/peers/golden.py recorded. Bounds come from the recorded spread of PyTorch's own f32 around
 * its f64.
 *
 * Step 1: loss within 1e-5 relative; every gradient ||a - b|| <= max(1e-4 ||b||, 3 spread) + 1e-6 ||whole||.
 * Then free-running: losses and gradient norms within 5 spreads (norms + 1e-6 ||whole||, since the bias
 * before a batch norm has gradient zero); in the end the loss in evaluation mode likewise. */
#include "check.h"
#include "nets.h"
#include "pool.h"
#include "random.h"

#include <math.h>
#include <string.h>
#include <winnow/model.h>

enum { MAX_TENSORS = 400, MAX_STEPS = 16 };

typedef struct recorded {
    double value, spread;
} recorded;

typedef struct golden {
    char net[32], variant[32];
    int channels, height, width, classes, width_divisor, batch, steps, tensors;
    float lr;
    struct {
        char name[64];
        int64_t count;
        double spread;
        float *gradient; /* of step 1, into `gradients` */
    } tensor[MAX_TENSORS];
    recorded loss[MAX_STEPS], norm[MAX_STEPS][MAX_TENSORS], evaluation;
    float *gradients;
} golden;

/* The formula of tools/peers/generator.py: one word for element i of tensor p. */
static uint32_t hashed(uint32_t tensor, uint32_t element) {
    uint32_t h = (element + 1) * 2654435761u ^ (tensor + 1) * 2246822519u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    h *= 3266489917u;
    return h ^ h >> 16;
}

static void fill_batch(const golden *g, int step, wn_tape *tape) {
    const uint32_t pixels = 1000000, labels = 2000000;
    float *input = wn_tape_input(tape);
    int64_t count = (int64_t)g->batch * g->channels * g->height * g->width;
    for (int64_t i = 0; i < count; i++)
        input[i] = (float)(hashed(pixels + (uint32_t)step, (uint32_t)i) >> 8) * 0x1p-24f;
    for (int n = 0; n < g->batch; n++)
        wn_tape_labels(tape)[n] =
            (int32_t)(hashed(labels + (uint32_t)step, (uint32_t)n) % (uint32_t)g->classes);
}

/* Takes one line; false when it is none that golden.py writes. */
static bool read_line(const char *line, golden *g) {
    char name[64];
    int step, tensor, version;
    long long count;
    recorded r;
    if (sscanf(line, "winnow-golden %d", &version) == 1)
        return version == 1;
    if (sscanf(line, "tensor %d %63s %lld %lf", &tensor, name, &count, &r.spread) == 4) {
        if (tensor != g->tensors || tensor >= MAX_TENSORS)
            return false;
        strcpy(g->tensor[tensor].name, name);
        g->tensor[tensor].count = count;
        g->tensor[tensor].spread = r.spread;
        g->tensors++;
        return true;
    }
    if (sscanf(line, "loss %d %lf %lf", &step, &r.value, &r.spread) == 3) {
        if (step < 1 || step > g->steps)
            return false;
        g->loss[step - 1] = r;
        return true;
    }
    if (sscanf(line, "norm %d %d %lf %lf", &step, &tensor, &r.value, &r.spread) == 4) {
        if (step < 1 || step > g->steps || tensor < 0 || tensor >= g->tensors)
            return false;
        g->norm[step - 1][tensor] = r;
        return true;
    }
    return sscanf(line, "evaluation %lf %lf", &g->evaluation.value, &g->evaluation.spread) == 2 ||
           sscanf(line, "net %31s", g->net) == 1 || sscanf(line, "variant %31s", g->variant) == 1 ||
           sscanf(line, "input %d %d %d", &g->channels, &g->height, &g->width) == 3 ||
           sscanf(line, "classes %d", &g->classes) == 1 ||
           sscanf(line, "width_divisor %d", &g->width_divisor) == 1 ||
           sscanf(line, "batch %d", &g->batch) == 1 || sscanf(line, "lr %f", &g->lr) == 1 ||
           (sscanf(line, "steps %d", &g->steps) == 1 && g->steps <= MAX_STEPS);
}

static bool read_gradients(const char *path, golden *g) {
    int64_t total = 0, at = 0;
    for (int p = 0; p < g->tensors; p++)
        total += g->tensor[p].count;
    g->gradients = calloc((size_t)total, sizeof(float));
    FILE *file = fopen(path, "rb");
    bool good = g->gradients && file &&
                fread(g->gradients, sizeof(float), (size_t)total, file) == (size_t)total &&
                fgetc(file) == EOF;
    CHECK(good, "%s: expected %lld floats", path, (long long)total);
    if (file)
        fclose(file);
    for (int p = 0; p < g->tensors && good; at += g->tensor[p++].count)
        g->tensor[p].gradient = g->gradients + at;
    return good;
}

static bool read_golden(const char *name, golden *g) {
    char path[1024], line[256];
    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", WN_SOURCE_ROOT, name);
    *g = (golden){0};
    FILE *file = fopen(path, "r");
    if (!CHECK(file, "%s cannot be opened", path))
        return false;
    bool good = true;
    while (good && fgets(line, sizeof line, file))
        good = CHECK(read_line(line, g), "%s: not understood: %s", path, line);
    fclose(file);
    good = good &&
           CHECK(g->tensors > 0 && g->steps > 0 && g->evaluation.value > 0 && wn_net_find(g->net, g->variant),
                 "%s: incomplete, or of an unknown network: %d tensors", path, g->tensors);
    snprintf(path, sizeof path, "%s/tests/golden/%s.bin", WN_SOURCE_ROOT, name);
    return good && read_gradients(path, g);
}

/* Numbers of the learned parameters among all, which must be the recorded tensors in order. */
static bool match_parameters(const golden *g, const wn_model *model, int learned[MAX_TENSORS]) {
    int count = 0;
    for (int i = 0; i < wn_model_parameter_count(model); i++) {
        wn_parameter parameter = wn_model_parameter(model, i);
        if (!parameter.learned)
            continue;
        if (!CHECK(count < g->tensors && strcmp(parameter.name, g->tensor[count].name) == 0 &&
                       parameter.count == g->tensor[count].count,
                   "%s: parameter %d is %s of %lld, expected %s of %lld", g->net, count, parameter.name,
                   (long long)parameter.count, count < g->tensors ? g->tensor[count].name : "none",
                   (long long)(count < g->tensors ? g->tensor[count].count : 0)))
            return false;
        learned[count++] = i;
    }
    return CHECK(count == g->tensors, "%s: %d learned parameters, expected %d", g->net, count, g->tensors);
}

static double norm_of(const float *values, const float *subtracted, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = (double)values[i] - (subtracted ? (double)subtracted[i] : 0);
        sum += value * value;
    }
    return sqrt(sum);
}

static double whole_norm(const golden *g, int step) {
    double sum = 0;
    for (int p = 0; p < g->tensors; p++)
        sum += g->norm[step][p].value * g->norm[step][p].value;
    return sqrt(sum);
}

static void check_gradients(const golden *g, const wn_tape *tape, const int *learned, int step,
                            const char *where) {
    double whole = whole_norm(g, step);
    for (int p = 0; p < g->tensors; p++) {
        int64_t count = g->tensor[p].count;
        float *got = calloc((size_t)count, sizeof *got);
        if (!CHECK(got, "out of memory"))
            return;
        wn_tape_gradient(tape, learned[p], got);
        const recorded *norm = &g->norm[step][p];
        if (step == 0) {
            double bound = fmax(1e-4 * norm->value, 3 * g->tensor[p].spread) + 1e-6 * whole;
            double distance = norm_of(got, g->tensor[p].gradient, count);
            CHECK(distance <= bound, "%s, gradient of %s: off by %g of %g, expected at most %g", where,
                  g->tensor[p].name, distance, norm->value, bound);
        }
        double found = norm_of(got, NULL, count), bound = 5 * norm->spread + 1e-6 * whole;
        CHECK(fabs(found - norm->value) <= bound,
              "%s, step %d, norm of %s's gradient: %.9g, expected %.9g +- %g", where, step + 1,
              g->tensor[p].name, found, norm->value, bound);
        free(got);
    }
}

static void check_training(const golden *g, wn_model *model, const wn_tape_options *options,
                           const int *learned, const char *where) {
    wn_tape *tape;
    wn_status status = wn_tape_compile(model, options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", where, status.message))
        return;
    wn_step_options step_options = {.lr = g->lr};
    wn_tape_set_options(tape, &step_options);
    for (int step = 0; step < g->steps; step++) {
        fill_batch(g, step, tape);
        wn_tape_run(tape);
        double loss = wn_tape_loss(tape), expected = g->loss[step].value;
        double spread = g->loss[step].spread;
        double bound = step == 0 ? 1e-5 * expected : 5 * spread;
        CHECK(fabs(loss - expected) <= bound, "%s, loss of step %d: %.9g, expected %.9g +- %g", where,
              step + 1, loss, expected, bound);
        check_gradients(g, tape, learned, step, where);
    }
    wn_tape_destroy(tape);
}

static void check_evaluation(const golden *g, wn_model *model, const wn_tape_options *options,
                             const char *where) {
    wn_tape *tape;
    wn_status status = wn_tape_compile(model, options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", where, status.message))
        return;
    fill_batch(g, g->steps, tape);
    wn_tape_run(tape);
    double bound = 5 * g->evaluation.spread;
    CHECK(fabs(wn_tape_loss(tape) - g->evaluation.value) <= bound,
          "%s, evaluation: %.9g, expected %.9g +- %g", where, wn_tape_loss(tape), g->evaluation.value, bound);
    wn_tape_destroy(tape);
}

static void check_run(const golden *g, wn_isa isa, wn_pool *pool) {
    char where[128];
    snprintf(where, sizeof where, "%s (%s), %s, %d threads", g->net, g->variant, wn_isa_name(isa),
             wn_pool_threads(pool));
    wn_graph *graph = wn_graph_create();
    wn_model *model = NULL;
    wn_net_options net_options = {.channels = g->channels,
                                  .height = g->height,
                                  .width = g->width,
                                  .classes = g->classes,
                                  .width_divisor = g->width_divisor,
                                  .no_dropout = true};
    wn_net_find(g->net, g->variant)->build(graph, &net_options);
    wn_status status = wn_model_create(graph, &model);
    int learned[MAX_TENSORS];
    if (CHECK(!wn_failed(status), "%s: %s", where, status.message) && match_parameters(g, model, learned)) {
        wn_model_initialise(model, WN_INIT_GENERATOR, 0);
        wn_tape_options options = {.batch = g->batch, .isa = isa, .pool = pool};
        options.training = options.keep_gradients = true;
        check_training(g, model, &options, learned, where);
        options.training = options.keep_gradients = false;
        check_evaluation(g, model, &options, where);
    }
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

/* Every ISA on one thread and on two; under the sanitizers, which make that minutes, one of these by the
 * seed. */
static void check_everywhere(const golden *g, uint32_t chance) {
    const int isas = (int)wn_isa_detect() + 1;
#ifdef __SANITIZE_ADDRESS__
    const bool all = check_full();
#else
    const bool all = true;
#endif
    for (int threads = 1; threads <= 2; threads++) {
        wn_pool *pool;
        wn_status status = wn_pool_create(threads, &pool);
        if (!CHECK(!wn_failed(status), "%s", status.message))
            continue;
        for (int isa = 0; isa < isas; isa++)
            if (all || (int)(chance % (2 * (uint32_t)isas)) == 2 * isa + threads - 1)
                check_run(g, (wn_isa)isa, pool);
        wn_pool_destroy(pool);
    }
}

int main(void) {
    static const char *const nets[] = {"lenet-d2l",
                                       "lenet-bn-d2l",
                                       "mnist-cnn-d2l",
                                       "mnist-bn-d2l",
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
    static golden g;
    const uint64_t seed = check_seed();
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        if (read_golden(nets[n], &g))
            check_everywhere(&g, wn_random_below(seed, WN_STREAM_TEST, n, 1 << 16));
        free(g.gradients);
    }
    return check_finish("check_golden");
}
