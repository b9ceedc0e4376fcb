/* Inference tapes: batch norm folded and weights prepared give the logits of the layers as they are, see
 * every change of the parameters, and leave no step behind that fusion should have taken. */
#include "check.h"
#include "nets.h"
#include "pool.h"
#include "random.h"
#include "random_graph.h"
#include "selected_isa.h"
#include "tape_internal.h"
#include <math.h>
#include <string.h>

enum { BATCH = 3, CLASSES = 10 };

static wn_tape *compile(wn_model *model, wn_tape_options options) {
    wn_tape *tape;
    options.isa = selected_isa();
    options.batch = BATCH;
    wn_status status = wn_tape_compile(model, &options, &tape);
    CHECK(!wn_failed(status), "%s", status.message);
    return tape;
}

/* Weights by formula; statistics as training may leave them. */
static void fill_model(wn_model *model, uint64_t seed) {
    wn_model_initialise(model, WN_INIT_GENERATOR, 1);
    for (int p = 0; p < wn_model_parameter_count(model); p++) {
        wn_parameter of = wn_model_parameter(model, p);
        if (of.learned)
            continue;
        float *values = malloc((size_t)of.count * sizeof *values);
        bool variance = strstr(of.name, "running_var") != NULL;
        for (int64_t i = 0; i < of.count; i++) {
            float u = wn_random_uniform(seed + (uint64_t)p, WN_STREAM_TEST, (uint64_t)i);
            values[i] = variance ? 0.5F + u : u - 0.5F;
        }
        wn_model_write(model, p, values);
        free(values);
    }
}

/* Largest distance of two tapes' logits, relative to the largest logit. */
static double distance(wn_tape *tape, wn_tape *other) {
    float a[BATCH * CLASSES], b[BATCH * CLASSES];
    double most = 0, largest = 1e-30;
    wn_tape_run(tape);
    wn_tape_run(other);
    wn_tape_logits(tape, a);
    wn_tape_logits(other, b);
    for (int i = 0; i < BATCH * CLASSES; i++) {
        most = check_worst(most, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    return isfinite(most) ? most / largest : INFINITY;
}

static void check_agreement(const wn_graph *graph, wn_pool *pool, uint64_t seed, const char *what) {
    wn_model *model;
    if (!CHECK(!wn_failed(wn_model_create(graph, &model)), "no model"))
        return;
    fill_model(model, seed);
    wn_tape *folded = compile(model, (wn_tape_options){.pool = pool});
    wn_tape *plain = compile(model, (wn_tape_options){.pool = pool, .no_fuse = true});
    if (folded && plain) {
        random_batch(graph, folded, BATCH, CLASSES, seed);
        random_batch(graph, plain, BATCH, CLASSES, seed);
        double found = distance(folded, plain);
        CHECK(found <= 1e-4, "%s, seed %llu: logits differ by %g of the largest", what,
              (unsigned long long)seed, found);
        fill_model(model, seed + 1000);
        found = distance(folded, plain);
        CHECK(found <= 1e-4, "%s, seed %llu: after a change of parameters logits differ by %g of the largest",
              what, (unsigned long long)seed, found);
    }
    wn_tape_destroy(folded);
    wn_tape_destroy(plain);
    wn_model_destroy(model);
}

static wn_graph *build(const char *name, const char *variant, int size, int divisor) {
    wn_graph *graph = wn_graph_create();
    const wn_net *net = wn_net_find(name, variant);
    net->build(graph, &(wn_net_options){.channels = net->default_channels,
                                        .height = size,
                                        .width = size,
                                        .classes = CLASSES,
                                        .width_divisor = divisor,
                                        .hidden_divisor = 16});
    return graph;
}

/* An update by a training tape is seen: folded again before the next run. */
static void check_training_between(wn_pool *pool) {
    wn_graph *graph = build("resnet18", NULL, 32, 8);
    wn_model *model;
    if (!CHECK(!wn_failed(wn_model_create(graph, &model)), "no model"))
        return;
    wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
    wn_tape *folded = compile(model, (wn_tape_options){.pool = pool});
    wn_tape *plain = compile(model, (wn_tape_options){.pool = pool, .no_fuse = true});
    wn_tape *training = compile(model, (wn_tape_options){.pool = pool, .training = true});
    if (folded && plain && training) {
        wn_tape *const all[] = {folded, plain, training};
        for (int i = 0; i < 3; i++)
            random_batch(graph, all[i], BATCH, CLASSES, 3);
        double before = distance(folded, plain);
        double loss = wn_tape_loss(folded);
        wn_tape_run(training);
        double after = distance(folded, plain);
        CHECK(before <= 1e-4 && after <= 1e-4, "logits differ by %g before and %g after a training step",
              before, after);
        CHECK(wn_tape_loss(folded) != loss, "a training step changed nothing");
    }
    wn_tape_destroy(folded);
    wn_tape_destroy(plain);
    wn_tape_destroy(training);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

/* Nothing but convolutions, pools and the loss is left of residual networks. */
static void check_steps(const char *name, const char *variant, wn_pool *pool) {
    wn_graph *graph = build(name, variant, 64, 8);
    wn_model *model;
    if (!CHECK(!wn_failed(wn_model_create(graph, &model)), "no model"))
        return;
    wn_tape *tape = compile(model, (wn_tape_options){.pool = pool, .plan_only = true});
    for (int s = 0; tape && s < wn_tape_step_count(tape); s++) {
        wn_step_info step = wn_tape_step(tape, s);
        CHECK(step.plan || strstr(step.kernel, "pool") || strstr(step.label, "LOSS"),
              "%s: found a step '%s' (%s) in inference", name, step.label, step.kernel);
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

int main(void) {
    uint64_t seed = check_seed();
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_inference");
    for (uint64_t i = 0; i < (check_full() ? 1000 : 60); i++) {
        wn_graph *graph = random_graph(seed + i, (random_graph_options){.classes = CLASSES});
        check_agreement(graph, pool, seed + i, "random graph");
        wn_graph_destroy(graph);
    }
    static const struct {
        const char *name, *variant;
        int size;
    } nets[] = {{"resnet18", NULL, 32},        {"resnet50", "imagenet", 64},    {"resnet20", "cifar", 32},
                {"googlenet", "imagenet", 64}, {"densenet121", "imagenet", 64}, {"lenet-bn", NULL, 28},
                {"densenet", NULL, 32}};
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        wn_graph *graph = build(nets[i].name, nets[i].variant, nets[i].size, 4);
        check_agreement(graph, pool, seed, nets[i].name);
        wn_graph_destroy(graph);
    }
    check_training_between(pool);
    check_steps("resnet18", NULL, pool);
    check_steps("resnet50", "imagenet", pool);
    wn_pool_destroy(pool);
    return check_finish("check_inference");
}
