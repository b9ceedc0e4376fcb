/* What the compiler promises for the published networks at their own sizes, from plans alone: the memory
 * planned for a step is near the bytes alive in its fullest moment, and the bytes its steps move are near the
 * least. */
#include "check.h"
#include "nets.h"
#include "pool.h"
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

static void check_tape(const plan_case *c, wn_model *model, wn_pool *pool, wn_isa isa, int batch,
                       bool training) {
    wn_tape_options options = {
        .batch = batch, .training = training, .isa = isa, .pool = pool, .plan_only = true};
    const char *mode = training ? "training" : "inference";
    wn_tape *tape;
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", c->name, status.message))
        return;
    double memory = (double)wn_tape_planned_bytes(tape) / (double)wn_tape_bound_bytes(tape);
    double bytes = bytes_of(tape) / wn_tape_minimum_bytes(tape);
    printf("%-14s %-9s batch %3d: memory %.3f of the bound, bytes %.3f of the least\n", c->name, mode, batch,
           memory, bytes);
    CHECK(memory >= 1 && memory <= most_memory,
          "%s %s, batch %d: planned %.3f of the bound, expected at most %g", c->name, mode, batch, memory,
          most_memory);
    CHECK(bytes >= 0.99 && bytes <= most_bytes,
          "%s %s, batch %d: moves %.3f of the least bytes, expected at most %g", c->name, mode, batch, bytes,
          most_bytes);
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
        check_tape(c, model, pool, isa, c->batch, true);
        check_tape(c, model, pool, isa, c->batch, false);
        check_tape(c, model, pool, isa, 1, false);
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
