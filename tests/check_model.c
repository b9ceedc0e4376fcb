/* Parameters: their blocked storage against the layouts of conv.h, reading and writing, initialisers. */
#include "check.h"
#include "pool.h"
#include "random_graph.h"
#include "selected_isa.h"
#include "tape_internal.h"
#include <math.h>
#include <string.h>

static wn_model *create_model(const wn_graph *graph) {
    wn_model *model;
    wn_status status = wn_model_create(graph, &model);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        exit(1);
    return model;
}

static float *numbered(int64_t count, int salt) {
    float *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)((i * 7 + salt) % 8191 + 1); /* never 0 */
    return values;
}

/* What is written is read back, and nothing else in the storage is touched. */
static void check_round_trip(uint64_t first_seed, int count) {
    for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)count; seed++) {
        wn_graph *graph = random_graph(seed, (random_graph_options){.classes = 10});
        wn_model *model = create_model(graph);
        for (int p = 0; p < wn_model_parameter_count(model); p++) {
            wn_parameter of = wn_model_parameter(model, p);
            float *values = numbered(of.count, p), *back = calloc((size_t)of.count, sizeof *back);
            wn_model_write(model, p, values);
            wn_model_read(model, p, back);
            CHECK(!memcmp(values, back, (size_t)of.count * sizeof *back),
                  "seed %llu, %s: read is not what was written", (unsigned long long)seed, of.name);
            int64_t used = 0, floats = wn_parameter_floats(graph, p);
            for (int64_t i = 0; i < floats; i++)
                used += wn_model_storage(model, p)[i] != 0;
            CHECK(used == of.count, "seed %llu, %s: %lld floats are not zero, expected %lld",
                  (unsigned long long)seed, of.name, (long long)used, (long long)of.count);
            free(values);
            free(back);
        }
        wn_model_destroy(model);
        wn_graph_destroy(graph);
    }
}

static void check_against_layout(const wn_graph *graph, wn_model *model, int p) {
    wn_parameter of = wn_model_parameter(model, p);
    wn_problem problem = wn_layer_problem(graph, &graph->layers[graph->parameters[p].layer], 1);
    int64_t floats = wn_conv_weights_floats(&problem);
    float *values = numbered(of.count, 3), *expected = calloc((size_t)floats, sizeof *expected);
    wn_conv_weights_block(&problem, values, expected);
    wn_model_write(model, p, values);
    CHECK(wn_parameter_floats(graph, p) == floats, "%s: found storage of %lld floats, expected %lld", of.name,
          (long long)wn_parameter_floats(graph, p), (long long)floats);
    CHECK(!memcmp(wn_model_storage(model, p), expected, (size_t)floats * sizeof *expected),
          "%s: storage differs from the convolution's own layout", of.name);
    free(values);
    free(expected);
}

/* Without holes, storage is what conv.h's own conversion makes of OIHW. */
static void check_layouts(void) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_input(g, 3, 9, 7);
    x = wn_conv(g, x, 20, .kernel = 5, .name = "plain");
    x = wn_conv(g, x, 40, .kernel = 3, .pad = 1, .name = "dense");
    x = wn_conv(g, x, 60, .kernel = 3, .pad = 1, .groups = 5, .name = "grouped");
    x = wn_conv(g, x, 60, .groups = 60, .name = "depthwise");
    wn_output(g, wn_linear(g, wn_flatten(g, x), 11, .name = "flat"));
    wn_model *model = create_model(g);
    for (int p = 0; p < wn_model_parameter_count(model); p += 2) {
        check_against_layout(g, model, p);
        wn_parameter bias = wn_model_parameter(model, p + 1);
        CHECK(bias.dims == 1 && strstr(bias.name, ".bias"), "found %s where a bias was expected", bias.name);
    }
    wn_parameter flat = wn_model_parameter(model, 8);
    CHECK(flat.dims == 2 && flat.shape[0] == 11 && flat.shape[1] == 60 * 5 * 3,
          "flat.weight: found %d dimensions, %lld x %lld, expected 11 x 900", flat.dims,
          (long long)flat.shape[0], (long long)flat.shape[1]);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* Parameters 0 to 7: conv.weight (fan in 27, fan out 144), conv.bias, norm.weight, norm.bias, the running
 * statistics, linear.weight, linear.bias. */
static wn_graph *small_graph(void) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_conv(g, wn_input(g, 3, 8, 8), 16, .kernel = 3, .name = "conv");
    x = wn_batch_norm(g, x, .name = "norm");
    wn_output(g, wn_linear(g, wn_flatten(g, x), 400, .name = "linear"));
    return g;
}

typedef struct moments {
    double least, most, mean, deviation;
} moments;

static moments moments_of(const wn_model *model, int p) {
    wn_parameter of = wn_model_parameter(model, p);
    float *values = malloc((size_t)of.count * sizeof *values);
    wn_model_read(model, p, values);
    moments m = {.least = INFINITY, .most = -INFINITY};
    for (int64_t i = 0; i < of.count; i++) {
        m.least = fmin(m.least, (double)values[i]);
        m.most = fmax(m.most, (double)values[i]);
        m.mean += (double)values[i] / (double)of.count;
    }
    for (int64_t i = 0; i < of.count; i++)
        m.deviation += pow((double)values[i] - m.mean, 2) / (double)of.count;
    m.deviation = sqrt(m.deviation);
    free(values);
    return m;
}

static void check_uniform(const wn_model *model, int p, double bound, const char *scheme) {
    moments m = moments_of(model, p);
    CHECK(m.least >= -bound && m.most <= bound && m.most > 0.5 * bound && m.least < -0.5 * bound,
          "%s, %s: found values in [%g, %g], expected them spread over +-%g", scheme,
          wn_model_parameter(model, p).name, m.least, m.most, bound);
}

static void check_schemes(void) {
    wn_graph *g = small_graph();
    wn_model *model = create_model(g);
    double conv_fan = 27, linear_fan = 16 * 36;
    wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
    check_uniform(model, 0, sqrt(6 / (conv_fan + 144)), "Xavier");
    check_uniform(model, 1, 1 / sqrt(conv_fan), "Xavier");
    check_uniform(model, 6, sqrt(6 / (linear_fan + 400)), "Xavier");
    wn_model_initialise(model, WN_INIT_PYTORCH, 1);
    check_uniform(model, 0, 1 / sqrt(conv_fan), "PyTorch");
    check_uniform(model, 6, 1 / sqrt(linear_fan), "PyTorch");
    moments first = moments_of(model, 6);
    wn_model_initialise(model, WN_INIT_PYTORCH, 2);
    CHECK(moments_of(model, 6).mean != first.mean, "seeds 1 and 2 give the same weights");
    wn_model_initialise(model, WN_INIT_PYTORCH, 1);
    CHECK(moments_of(model, 6).mean == first.mean, "seed 1 gives other weights the second time");
    wn_model_initialise(model, WN_INIT_KAIMING_NORMAL, 1);
    moments normal = moments_of(model, 6);
    double expected = sqrt(2 / linear_fan);
    CHECK(fabs(normal.deviation / expected - 1) < 0.01 && fabs(normal.mean) < 0.01 * expected &&
              normal.most > 3.5 * expected,
          "Kaiming: found mean %g and deviation %g, expected 0 and %g", normal.mean, normal.deviation,
          expected);
    CHECK(moments_of(model, 7).most == 0, "Kaiming: biases are not zero");
    for (int p = 2; p <= 5; p++) {
        moments m = moments_of(model, p);
        double value = p == 2 || p == 5; /* scale and running variance */
        CHECK(m.least == value && m.most == value, "%s: found [%g, %g], expected %g",
              wn_model_parameter(model, p).name, m.least, m.most, value);
    }
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* The formula as it is documented, in 64-bit arithmetic reduced modulo 2^32. */
static double generator_uniform(uint64_t parameter, uint64_t element) {
    const uint64_t word = UINT64_C(1) << 32;
    uint64_t h = ((element + 1) * 2654435761U % word) ^ ((parameter + 1) * 2246822519U % word);
    h ^= h >> 15;
    h = h * 2246822519U % word;
    h ^= h >> 13;
    h = h * 3266489917U % word;
    h ^= h >> 16;
    return (double)(h / 256) / (double)(1 << 24);
}

static void check_generator(void) {
    static const int numbers[] = {0, 1, 2, 3, -1, -1, 4, 5}; /* running statistics are not counted */
    wn_graph *g = small_graph();
    wn_model *model = create_model(g);
    wn_model_initialise(model, WN_INIT_GENERATOR, 0);
    for (int p = 0; p < 8; p++) {
        wn_parameter of = wn_model_parameter(model, p);
        float *values = malloc((size_t)of.count * sizeof *values);
        wn_model_read(model, p, values);
        double center = p == 2 || p == 5, spread = p == 0 ? sqrt(3.0 / 27) : p == 6 ? sqrt(3.0 / 576) : 0.1;
        int wrong = 0;
        for (int64_t i = 0; i < of.count; i++) {
            double u = numbers[p] < 0 ? 0.5 : generator_uniform((uint64_t)numbers[p], (uint64_t)i);
            wrong += values[i] != (float)(center + (2 * u - 1) * spread);
        }
        CHECK(!wrong, "%s: %d values differ from the formula", of.name, wrong);
        free(values);
    }
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* A kept gradient has the parameter's conventional order: with lr 1 and plain SGD it is the difference made.
 */
static void check_gradient_order(void) {
    wn_graph *g = small_graph();
    wn_model *model = create_model(g);
    wn_pool *pool;
    wn_tape *tape = NULL;
    if (!CHECK(!wn_failed(wn_pool_create(1, &pool)), "no pool"))
        return;
    wn_tape_options options = {
        .batch = 2, .training = true, .keep_gradients = true, .isa = selected_isa(), .pool = pool};
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (CHECK(!wn_failed(status), "%s", status.message)) {
        random_batch(g, tape, 2, 400, 1);
        wn_tape_set_options(tape, &(wn_step_options){.lr = 1});
        for (int p = 0; p < 8; p++) {
            wn_parameter of = wn_model_parameter(model, p);
            if (!of.learned)
                continue;
            size_t bytes = (size_t)of.count * sizeof(float);
            float *before = malloc(bytes), *after = malloc(bytes), *gradient = malloc(bytes);
            wn_model_initialise(model, WN_INIT_GENERATOR, 0);
            wn_model_read(model, p, before);
            wn_tape_run(tape);
            wn_model_read(model, p, after);
            wn_tape_gradient(tape, p, gradient);
            int wrong = 0, moved = 0;
            for (int64_t i = 0; i < of.count; i++) {
                wrong += fabsf(before[i] - gradient[i] - after[i]) >
                         1e-6F * (fabsf(before[i]) + fabsf(gradient[i]));
                moved += gradient[i] != 0;
            }
            CHECK(!wrong && moved, "%s: %d of %lld gradients are not what was subtracted, %d are not zero",
                  of.name, wrong, (long long)of.count, moved);
            free(before);
            free(after);
            free(gradient);
        }
    }
    wn_tape_destroy(tape);
    wn_pool_destroy(pool);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

static void check_errors(void) {
    wn_graph *g = wn_graph_create();
    wn_model *model;
    wn_graph_fail(g, "broken on purpose");
    wn_status status = wn_model_create(g, &model);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "on purpose") && !model, "found '%s'",
          status.message);
    wn_graph_destroy(g);
    g = wn_graph_create();
    wn_tensor x = wn_flatten(g, wn_input(g, 1, 32768, 32768));
    wn_output(g, wn_linear(g, wn_linear(g, x, 1000, .name = "vast"), 2));
    status = wn_model_create(g, &model);
    CHECK(wn_failed(status) && !model, "a layer of 2^40 weights was taken");
    wn_graph_destroy(g);
}

int main(void) {
    check_round_trip(check_seed(), check_full() ? 200 : 20);
    check_layouts();
    check_schemes();
    check_generator();
    check_gradient_order();
    check_errors();
    return check_finish("check_model");
}
