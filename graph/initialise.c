/* First values of the learned parameters. */
#include "random.h"
#include "tape_internal.h"
#include <math.h>

/* Number of values that flow into and out of one value, as PyTorch counts them. */
typedef struct fans {
    double in, out;
} fans;

static fans fans_of_layer(const wn_graph *graph, const wn_layer *layer) {
    const wn_graph_parameter *weight = &graph->parameters[layer->first_parameter];
    double taps = (double)(weight->shape[2] * weight->shape[3]);
    return (fans){.in = (double)weight->shape[1] * taps, .out = (double)weight->shape[0] * taps};
}

/* Uniform in (-bound, bound), or normal with that deviation. */
typedef struct distribution {
    bool normal;
    double size;
} distribution;

static distribution choose(wn_init scheme, bool weight, fans fan) {
    switch (scheme) {
    case WN_INIT_XAVIER_UNIFORM: /* Glorot & Bengio 2010, eq. 16 */
        return (distribution){.size = weight ? sqrt(6 / (fan.in + fan.out)) : 1 / sqrt(fan.in)};
    case WN_INIT_KAIMING_NORMAL: /* He et al. 2015, eq. 10 */
        return (distribution){.normal = weight, .size = weight ? sqrt(2 / fan.in) : 0};
    default: /* PyTorch: Kaiming-uniform with a = sqrt(5) comes to 1 / sqrt(fan in) */
        return (distribution){.size = 1 / sqrt(fan.in)};
    }
}

static float draw(distribution from, uint64_t seed, uint64_t stream, uint64_t index) {
    if (from.normal)
        return (float)(from.size * (double)wn_random_normal(seed, stream, index));
    return (float)(from.size * (2 * (double)wn_random_uniform(seed, stream, index) - 1));
}

static void fill_random(wn_model *model, int p, distribution from, uint64_t seed) {
    wn_parameter_layout layout = wn_parameter_layout_of(model->graph, p);
    float *storage = wn_model_storage(model, p);
    uint64_t stream = WN_STREAM_WEIGHTS + ((uint64_t)p << 8), index = 0;
    for (int64_t run = 0; run < layout.runs; run++) {
        float *to = storage + wn_parameter_run_start(&layout, run);
        for (int64_t i = 0; i < layout.length; i++)
            to[i * layout.step] = draw(from, seed, stream, index++);
    }
}

static void fill_constant(wn_model *model, int p, float value) {
    wn_parameter_layout layout = wn_parameter_layout_of(model->graph, p);
    for (int64_t run = 0; run < layout.runs; run++)
        wn_model_storage(model, p)[wn_parameter_run_start(&layout, run)] = value;
}

/* The formula shared with tools/peers/generator.py: a hash (the finaliser of xxHash32) of the element's index
 * and the parameter's number, both counted from 0, in [0, 1). */
static double generator_uniform(uint32_t parameter, uint64_t element) {
    uint32_t h = ((uint32_t)(element + 1) * 2654435761U) ^ ((parameter + 1) * 2246822519U);
    h ^= h >> 15;
    h *= 2246822519U;
    h ^= h >> 13;
    h *= 3266489917U;
    h ^= h >> 16;
    return (double)(h >> 8) / 16777216.0;
}

/* value = center + spread * (2u - 1) in double, rounded to float: a weight of a convolution or linear layer
 * has spread sqrt(3 / fan in), biases and batch norm shifts 0.1, batch norm scales 0.1 around 1. */
static void fill_generator(wn_model *model, int p, uint32_t number, double center, double spread) {
    wn_parameter_layout layout = wn_parameter_layout_of(model->graph, p);
    float *storage = wn_model_storage(model, p);
    uint64_t element = 0;
    for (int64_t run = 0; run < layout.runs; run++) {
        float *to = storage + wn_parameter_run_start(&layout, run);
        for (int64_t i = 0; i < layout.length; i++)
            to[i * layout.step] = (float)(center + (2 * generator_uniform(number, element++) - 1) * spread);
    }
}

static void initialise_generator(wn_model *model, int p, uint32_t number) {
    const wn_graph_parameter *of = &model->graph->parameters[p];
    const wn_layer *layer = &model->graph->layers[of->layer];
    bool weight = of->role == WN_ROLE_WEIGHT, normalisation = layer->kind == WN_KIND_BATCH_NORM;
    double center = weight && normalisation ? 1 : 0;
    double spread = weight && !normalisation ? sqrt(3 / fans_of_layer(model->graph, layer).in) : 0.1;
    fill_generator(model, p, number, center, spread);
}

void wn_model_initialise(wn_model *model, wn_init scheme, uint64_t seed) {
    uint32_t number = 0; /* among learned parameters */
    model->version++;
    for (int p = 0; p < model->graph->parameter_count; p++) {
        const wn_graph_parameter *of = &model->graph->parameters[p];
        const wn_layer *layer = &model->graph->layers[of->layer];
        bool weight = of->role == WN_ROLE_WEIGHT;
        if (!of->learned)
            fill_constant(model, p, of->role == WN_ROLE_RUNNING_VAR ? 1 : 0);
        else if (scheme == WN_INIT_GENERATOR)
            initialise_generator(model, p, number++);
        else if (layer->kind == WN_KIND_BATCH_NORM)
            fill_constant(model, p, weight ? 1 : 0);
        else
            fill_random(model, p, choose(scheme, weight, fans_of_layer(model->graph, layer)), seed);
    }
}
