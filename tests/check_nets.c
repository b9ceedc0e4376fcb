/* The networks: parameters and multiply-adds of the full versions, names as PyTorch gives them, sizes they
 * refuse, and that narrow versions compile, train and evaluate. */
#include "check.h"
#include "nets.h"
#include "pool.h"
#include <math.h>
#include <string.h>
#include <winnow/model.h>

static wn_graph *build(const char *name, int size, int divisor) {
    const wn_net *net = wn_net_find(name, NULL);
    wn_graph *graph = wn_graph_create();
    net->build(graph, &(wn_net_options){.channels = 1,
                                        .height = size ? size : net->default_size,
                                        .width = size ? size : net->default_size,
                                        .classes = 10,
                                        .width_divisor = divisor});
    return graph;
}

typedef struct totals {
    int64_t parameters;
    double convolution_multiply_adds;
    int convolutions;
} totals;

static totals sum(const wn_graph *graph) {
    totals total = {0};
    for (int i = 0; i < wn_graph_layer_count(graph); i++) {
        wn_layer_info layer = wn_graph_layer(graph, i);
        total.parameters += layer.parameters;
        if (strcmp(layer.kind, "conv"))
            continue;
        total.convolutions++;
        total.convolution_multiply_adds += layer.multiply_adds;
    }
    return total;
}

/* Counts by hand: a convolution has out * (in * k * k) + out values, a linear layer out * in + out, a batch
 * norm two per channel. alexnet and the multiply-adds are as published. */
static void check_counts(void) {
    static const struct {
        const char *name;
        int size;
        int64_t parameters;
        double million_multiply_adds;
        int convolutions;
    } expected[] = {
        {"lenet", 28, 6 * 25 + 6 + 16 * 150 + 16 + 120 * 400 + 120 + 84 * 120 + 84 + 840 + 10, 0.3576, 2},
        {"mnist-cnn", 28, 16 * 9 + 16 + 32 * 144 + 32 + 10 * 1568 + 10, 1.0161, 2},
        {"alexnet", 224, 46764746, 895, 5},
        {"resnet18", 96, 11178378, 319, 20},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        wn_graph *graph = build(expected[i].name, expected[i].size, 0);
        totals found = sum(graph);
        CHECK(!wn_failed(wn_graph_status(graph)), "%s: %s", expected[i].name, wn_graph_status(graph).message);
        CHECK(found.parameters == expected[i].parameters, "%s: found %lld parameters, expected %lld",
              expected[i].name, (long long)found.parameters, (long long)expected[i].parameters);
        CHECK(found.convolutions == expected[i].convolutions, "%s: found %d convolutions, expected %d",
              expected[i].name, found.convolutions, expected[i].convolutions);
        double million = found.convolution_multiply_adds * 1e-6;
        CHECK(fabs(million - expected[i].million_multiply_adds) <= 0.5e-3 * million + 0.5 * (million > 100),
              "%s at %d: found %g MMAC, expected %g", expected[i].name, expected[i].size, million,
              expected[i].million_multiply_adds);
        wn_graph_destroy(graph);
    }
}

/* The layers with parameters, in order, as the teaching code's modules are called. */
static void check_names(void) {
    static const char *const expected[] = {
        "0.0",       "0.1",       "1.0.conv1", "1.0.bn1",   "1.0.conv2", "1.0.bn2",   "1.1.conv1",
        "1.1.bn1",   "1.1.conv2", "1.1.bn2",   "2.0.conv1", "2.0.bn1",   "2.0.conv2", "2.0.bn2",
        "2.0.conv3", "2.1.conv1", "2.1.bn1",   "2.1.conv2", "2.1.bn2",   "3.0.conv1", "3.0.bn1",
        "3.0.conv2", "3.0.bn2",   "3.0.conv3", "3.1.conv1", "3.1.bn1",   "3.1.conv2", "3.1.bn2",
        "4.0.conv1", "4.0.bn1",   "4.0.conv2", "4.0.bn2",   "4.0.conv3", "4.1.conv1", "4.1.bn1",
        "4.1.conv2", "4.1.bn2",   "7"};
    const int most = sizeof expected / sizeof *expected;
    int count = 0;
    bool seen[sizeof expected / sizeof *expected] = {false};
    wn_graph *graph = build("resnet18", 96, 0);
    for (int i = 0; i < wn_graph_layer_count(graph); i++) {
        wn_layer_info layer = wn_graph_layer(graph, i);
        if (!layer.parameters)
            continue;
        count++;
        for (int k = 0; k < most; k++)
            seen[k] |= !strcmp(layer.name, expected[k]);
    }
    CHECK(count == most, "resnet18: found %d layers with parameters, expected %d", count, most);
    for (int k = 0; k < most; k++)
        CHECK(seen[k], "resnet18 has no layer called %s", expected[k]);
    wn_graph_destroy(graph);
}

/* The size that a refusal names; 0 when the network can be built. */
static int named_size(const char *name, int size) {
    wn_graph *graph = build(name, size, 16);
    int height = 0, width = 0;
    if (wn_failed(wn_graph_status(graph))) {
        const char *message = wn_graph_status(graph).message, *is = strstr(message, "works up to here is ");
        bool read = is && sscanf(is, "works up to here is %dx%d", &height, &width) == 2;
        CHECK(read && height > size && height == width, "%s at %d says '%s'", name, size, message);
        height = read ? height : size + 1;
    }
    wn_graph_destroy(graph);
    return height;
}

/* Refusals name the smallest size that works up to the layer that refuses: following them leads to the
 * smallest size of the whole network. */
static void check_smallest(const char *name, int size, int smallest) {
    int last = size;
    for (int next = named_size(name, size); next; next = named_size(name, next))
        last = next;
    CHECK(last == smallest, "%s: refusals lead to size %d, expected %d", name, last, smallest);
    CHECK(named_size(name, smallest - 1) == smallest, "%s at %d is not refused", name, smallest - 1);
}

/* The ISA of WINNOW_ISA, else the best. */
static wn_isa selected_isa(void) {
    wn_isa isa = WN_ISA_PORTABLE;
    wn_status status = wn_isa_select(NULL, &isa);
    CHECK(!wn_failed(status), "%s", status.message);
    return isa;
}

static void run_once(wn_model *model, wn_pool *pool, int size, bool training, const char *name) {
    const int batch = 3;
    wn_tape *tape;
    wn_tape_options options = {
        .batch = batch, .training = training, .isa = selected_isa(), .pool = pool, .seed = 1};
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", name, status.message))
        return;
    for (int i = 0; i < batch * size * size; i++)
        wn_tape_input(tape)[i] = (float)((i * 37) % 64) / 64;
    for (int i = 0; i < batch; i++)
        wn_tape_labels(tape)[i] = i;
    wn_tape_run(tape);
    CHECK(isfinite(wn_tape_loss(tape)) && wn_tape_loss(tape) > 0, "%s: found loss %g", name,
          wn_tape_loss(tape));
    CHECK(wn_tape_correct(tape) >= 0 && wn_tape_correct(tape) <= batch, "%s: found %lld right answers of %d",
          name, (long long)wn_tape_correct(tape), batch);
    CHECK(wn_tape_arena_bytes(tape) > 0 && wn_tape_naive_bytes(tape) > 0, "%s: no arena", name);
    wn_tape_destroy(tape);
}

static void check_narrow(const char *name, int size, int divisor, wn_pool *pool) {
    wn_graph *graph = build(name, size, divisor);
    wn_model *model;
    wn_status status = wn_model_create(graph, &model);
    if (CHECK(!wn_failed(status), "%s: %s", name, status.message)) {
        wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
        run_once(model, pool, size, true, name);
        run_once(model, pool, size, false, name);
    }
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

int main(void) {
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_nets");
    check_counts();
    check_names();
    check_smallest("alexnet", 20, 65);
    check_smallest("lenet", 5, 12);
    check_smallest("mnist-cnn", 3, 4);
    check_narrow("lenet", 28, 2, pool);
    check_narrow("mnist-cnn", 28, 3, pool);
    check_narrow("alexnet", 67, 16, pool);
    check_narrow("resnet18", 32, 8, pool);
    CHECK(!wn_net_find("no-such-net", NULL) && wn_net_find("lenet", NULL), "names are not told apart");
    for (const wn_net *net = wn_nets; net->name; net++)
        CHECK(net->summary && net->default_size > 0 && net->default_batch > 0 && net->default_lr > 0 &&
                  wn_net_find(net->name, net->variant) == net,
              "%s: incomplete entry", net->name);
    wn_pool_destroy(pool);
    return check_finish("check_nets");
}
