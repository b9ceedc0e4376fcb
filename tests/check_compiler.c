/* What the compiler promises for the published networks at their own sizes, from plans alone: the memory
 * planned for a step is near the bytes alive in its fullest moment, and the bytes its steps move are near the
 * least; with the default picks, and with implementations forced that need workspaces of their own. */
#include "check.h"
#include "conv.h"
#include "nets.h"
#include "pool.h"
#include "tune.h"
#include <string.h>
#include <winnow/model.h>

static const double most_memory = 1.05, most_bytes = 1.25;

typedef struct plan_case {
    const char *name, *variant;
    int size, batch;
} plan_case;

static const plan_case teaching[] = {
    {"alexnet", "d2l", 224, 16}, {"alexnet-slim", "d2l", 224, 16}, {"vgg11", "d2l", 224, 16},
    {"nin", "d2l", 224, 16},     {"googlenet", "d2l", 96, 64},     {"lenet-bn", "d2l", 28, 256},
    {"resnet18", "d2l", 96, 64}, {"densenet", "d2l", 96, 64},
};

static double bytes_of(const wn_tape *tape) {
    double sum = 0;
    for (int s = 0; s < wn_tape_step_count(tape); s++)
        sum += wn_tape_step(tape, s).bytes;
    return sum;
}

/* The implementation that is the context wherever it supports the problem. */
static wn_status forced_pick(void *impl, const wn_problem *problem, wn_isa isa, int threads,
                             int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    if (!wn_failed(wn_conv_plan_make(impl, problem, NULL, isa, threads, src_stride, dst_stride, plan)))
        return wn_ok();
    return wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan);
}

/* forced NULL: the default picks. */
static void check_tape(const plan_case *c, wn_model *model, wn_pool *pool, wn_isa isa, int batch,
                       bool training, const wn_conv_impl *forced) {
    wn_tape_options options = {.batch = batch,
                               .training = training,
                               .isa = isa,
                               .pool = pool,
                               .plan_only = true,
                               .pick = forced ? forced_pick : NULL,
                               .pick_context = (void *)forced};
    const char *picks = forced ? forced->name : "default";
    const char *mode = training ? "training" : "inference";
    wn_tape *tape;
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", c->name, status.message))
        return;
    double memory = (double)wn_tape_planned_bytes(tape) / (double)wn_tape_bound_bytes(tape);
    double bytes = bytes_of(tape) / wn_tape_minimum_bytes(tape);
    printf("%-14s %-9s batch %3d, %-8s picks: memory %.3f of the bound, bytes %.3f of the least\n", c->name,
           mode, batch, picks, memory, bytes);
    CHECK(memory >= 1 && memory <= most_memory,
          "%s %s, batch %d, %s: planned %.3f of the bound, expected at most %g", c->name, mode, batch, picks,
          memory, most_memory);
    /* im2col cannot mask a gradient, so that forcing it brings steps back that ReLUs do not have else */
    if (!forced || strcmp(picks, "im2col") != 0)
        CHECK(bytes >= 0.99 && bytes <= most_bytes,
              "%s %s, batch %d, %s: moves %.3f of the least bytes, expected at most %g", c->name, mode, batch,
              picks, bytes, most_bytes);
    wn_tape_destroy(tape);
}

static void check_net(const plan_case *c, wn_pool *pool, wn_isa isa) {
    wn_graph *graph = wn_graph_create();
    const wn_net *net = wn_net_find(c->name, c->variant);
    wn_model *model = NULL;
    net->build(graph, &(wn_net_options){.channels = net->default_channels,
                                        .height = c->size,
                                        .width = c->size,
                                        .classes = net->default_classes,
                                        .width_divisor = 1,
                                        .hidden_divisor = 1});
    wn_status status = wn_model_create(graph, &model);
    if (CHECK(!wn_failed(status), "%s: %s", c->name, status.message)) {
        static const char *const forced[] = {NULL, "winograd", "im2col"};
        for (size_t i = 0; i < sizeof forced / sizeof *forced; i++) {
            const wn_conv_impl *impl = forced[i] ? wn_conv_find(forced[i]) : NULL;
            check_tape(c, model, pool, isa, c->batch, true, impl);
            check_tape(c, model, pool, isa, c->batch, false, impl);
            check_tape(c, model, pool, isa, 1, false, impl);
        }
        wn_model_destroy(model);
    }
    wn_graph_destroy(graph);
}

int main(void) {
    wn_isa isa = WN_ISA_PORTABLE;
    wn_pool *pool;
    wn_status status = wn_isa_select(NULL, &isa);
    if (!wn_failed(status))
        status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_compiler");
    for (size_t i = 0; i < sizeof teaching / sizeof *teaching; i++)
        check_net(&teaching[i], pool, isa);
    wn_pool_destroy(pool);
    return check_finish("check_compiler");
}
