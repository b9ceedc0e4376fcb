/* The networks: parameters, multiply-adds and shapes of the full versions, names as PyTorch gives them, sizes
 * they refuse, and that narrow versions compile, train and evaluate. */
#include "check.h"
#include "conv.h"
#include "nets.h"
#include "pool.h"
#include "selected_isa.h"
#include <math.h>
#include <string.h>
#include <winnow/model.h>

/* A network with its default channels and classes; size 0 is its default, variant NULL its first. */
static wn_graph *build_with(const char *name, const char *variant, wn_net_options options) {
    const wn_net *net = wn_net_find(name, variant);
    wn_graph *graph = wn_graph_create();
    if (!CHECK(net, "no network %s, %s", name, variant ? variant : "first variant"))
        return graph;
    options.channels = net->default_channels;
    options.classes = net->default_classes;
    if (!options.height)
        options.height = options.width = net->default_size;
    net->build(graph, &options);
    CHECK(!wn_failed(wn_graph_status(graph)), "%s (%s): %s", name, net->variant,
          wn_graph_status(graph).message);
    return graph;
}

typedef struct totals {
    int64_t parameters;
    double convolution_multiply_adds, multiply_adds;
    int convolutions;
} totals;

static totals sum(const wn_graph *graph) {
    totals total = {0};
    for (int i = 0; i < wn_graph_layer_count(graph); i++) {
        wn_layer_info layer = wn_graph_layer(graph, i);
        total.parameters += layer.parameters;
        total.multiply_adds += layer.multiply_adds;
        if (strcmp(layer.kind, "conv"))
            continue;
        total.convolutions++;
        total.convolution_multiply_adds += layer.multiply_adds;
    }
    return total;
}

/* A convolution has out * (in * k * k) + out values, a linear layer out * in + out, a batch norm two per
 * channel; a CIFAR network three stages of 2 n convolutions with 16, 32 and 64 channels. */
#define LENET_LINEAR(features) (120 * (features) + 120 + 84 * 120 + 84 + 840 + 10)
#define CIFAR(n)                                                                                             \
    (16 * 27 + 2 * 16 + 2 * (n) * (16 * 16 * 9 + 2 * 16) + (16 * 32 + (2 * (n)-1) * 32 * 32) * 9 +           \
     2 * (n)*2 * 32 + (32 * 64 + (2 * (n)-1) * 64 * 64) * 9 + 2 * (n)*2 * 64 + 640 + 10)

static const struct {
    const char *name, *variant;
    int64_t parameters;
    int convolutions;
    double million;       /* multiply-adds of convolutions at the default size, 0: not known */
    double million_total; /* linear layers included */
    double within;        /* what the published figure is rounded to, halved */
} expected_counts[] = {
    {"lenet", "d2l", 6 * 25 + 6 + 16 * 150 + 16 + LENET_LINEAR(400), 2, 0.3576, 0, 1e-9},
    {"lenet-bn", "d2l", 6 * 25 + 6 + 16 * 150 + 16 + LENET_LINEAR(256) + 2 * (6 + 16 + 120 + 84), 2, 0.24, 0,
     1e-9},
    {"mnist-cnn", "d2l", 16 * 9 + 16 + 32 * 144 + 32 + 10 * 1568 + 10, 2, 1.016064, 0, 1e-9},
    {"mnist-bn", "d2l", 9 * (8 + 8 * 16 + 16 * 32 + 32 * 16 + 16 * 10) + 3 * (8 + 16 + 32 + 16 + 10), 5, 0, 0,
     0},
    {"mnist-res", "d2l",
     9 * (8 + 8 * 16 + 16 * 32 + 32 * 16 + 16 * 10 + 2 * (8 * 8 + 16 * 16 + 32 * 32 + 16 * 16)) +
         2 * (3 * (8 + 16 + 32 + 16) + 10),
     13, 0, 0, 0},
    {"alexnet", "d2l", 46764746, 5, 895, 0, 0.5},
    {"alexnet-slim", "d2l", 46764746 - (384 * 384 * 9 + 384) - (4096 * 4096 + 4096), 4, 0, 0, 0},
    {"vgg11", "d2l", 128806154, 8, 7428, 0, 0.5},
    {"nin", "d2l", 1992166, 12, 762, 0, 0.5},
    {"googlenet", "d2l", 5977530, 57, 276, 0, 0.5},
    {"resnet18", "d2l", 11178378, 20, 319, 0, 0.5},
    {"densenet", "d2l", 758226, 20, 129, 0, 0.5},

    {"alexnet", "imagenet", 61100840, 5, 0, 710, 5},
    {"alexnet-2012", "imagenet", 60965224, 5, 0, 0, 0},
    {"vgg11", "imagenet", 132863336, 8, 0, 7610, 5},
    {"vgg13", "imagenet", 133047848, 10, 0, 11310, 5},
    {"vgg16", "imagenet", 138357544, 13, 0, 15470, 5},
    {"vgg19", "imagenet", 143667240, 16, 0, 19630, 5},
    {"nin", "imagenet", 7439608, 12, 0, 0, 0},
    {"googlenet", "imagenet", 6624904, 57, 0, 1500, 5},
    {"resnet18", "imagenet", 11689512, 20, 0, 1810, 5},
    {"resnet34", "imagenet", 21797672, 36, 0, 3660, 5},
    {"resnet50", "imagenet", 25557032, 53, 0, 4090, 5},
    {"resnet101", "imagenet", 44549160, 104, 0, 7800, 5},
    {"resnet152", "imagenet", 60192808, 155, 0, 11510, 5},
    {"densenet121", "imagenet", 7978856, 120, 0, 2830, 5},
    {"densenet169", "imagenet", 14149480, 168, 0, 3360, 5},
    {"densenet201", "imagenet", 20013928, 200, 0, 4290, 5},

    {"resnet20", "cifar", CIFAR(3), 19, 0, 0, 0},
    {"resnet32", "cifar", CIFAR(5), 31, 0, 0, 0},
    {"resnet44", "cifar", CIFAR(7), 43, 0, 0, 0},
    {"resnet56", "cifar", CIFAR(9), 55, 0, 0, 0},
    {"resnet110", "cifar", CIFAR(18), 109, 0, 0, 0},
};

static void check_counts(void) {
    const int count = sizeof expected_counts / sizeof *expected_counts;
    for (int i = 0; i < count; i++) {
        const char *name = expected_counts[i].name, *variant = expected_counts[i].variant;
        wn_graph *graph = build_with(name, variant, (wn_net_options){0});
        totals found = sum(graph);
        CHECK(found.parameters == expected_counts[i].parameters,
              "%s (%s): found %lld parameters, expected %lld", name, variant, (long long)found.parameters,
              (long long)expected_counts[i].parameters);
        CHECK(found.convolutions == expected_counts[i].convolutions,
              "%s (%s): found %d convolutions, expected %d", name, variant, found.convolutions,
              expected_counts[i].convolutions);
        double million = found.convolution_multiply_adds * 1e-6, total = found.multiply_adds * 1e-6;
        CHECK(!(expected_counts[i].million > 0) ||
                  fabs(million - expected_counts[i].million) <= expected_counts[i].within,
              "%s (%s): found %g MMAC of convolutions, expected %g", name, variant, million,
              expected_counts[i].million);
        CHECK(!(expected_counts[i].million_total > 0) ||
                  fabs(total - expected_counts[i].million_total) <= expected_counts[i].within,
              "%s (%s): found %g MMAC, expected %g", name, variant, total, expected_counts[i].million_total);
        wn_graph_destroy(graph);
    }
    int networks = 0;
    while (wn_nets[networks].name)
        networks++;
    CHECK(networks == count, "%d networks are counted, there are %d", count, networks);
}

/* Options change what they say: parameters of vgg11 with a quarter of the channels, and of residual networks
 * without projections (A) and with one in every block (C). */
static void check_options(void) {
    static const struct {
        const char *name, *variant;
        wn_net_options options;
        int64_t parameters;
    } expected[] = {
        {"vgg11", "d2l", {.width_divisor = 4, .hidden_divisor = 1}, 43093322},
        {"resnet18", "imagenet", {.shortcut = WN_SHORTCUT_B}, 11689512},
        {"resnet18",
         "imagenet",
         {.shortcut = WN_SHORTCUT_A},
         11689512 - (64 * 128 + 128 * 256 + 256 * 512 + 2 * (128 + 256 + 512))},
        {"resnet18",
         "imagenet",
         {.shortcut = WN_SHORTCUT_C},
         11689512 + 2 * 64 * 64 + 128 * 128 + 256 * 256 + 512 * 512 + 2 * (2 * 64 + 128 + 256 + 512)},
        {"resnet20", "cifar", {.shortcut = WN_SHORTCUT_A}, CIFAR(3)},
        {"resnet20", "cifar", {.shortcut = WN_SHORTCUT_B}, CIFAR(3) + 16 * 32 + 32 * 64 + 2 * (32 + 64)},
        {"alexnet", "d2l", {.no_dropout = true}, 46764746},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        wn_graph *graph = build_with(expected[i].name, expected[i].variant, expected[i].options);
        int64_t found = sum(graph).parameters;
        CHECK(found == expected[i].parameters, "%s (%s), options %zu: found %lld parameters, expected %lld",
              expected[i].name, expected[i].variant, i, (long long)found, (long long)expected[i].parameters);
        wn_graph_destroy(graph);
    }
}

/* Outputs of layers, by name or as the last one of a kind. */
static void check_shapes(void) {
    static const struct {
        const char *name, *variant;
        int size;
        const char *layer;
        int channels, height;
    } expected[] = {
        {"alexnet", "d2l", 224, "12", 256, 5},
        {"vgg11", "d2l", 224, "4.4", 512, 7},
        {"nin", "d2l", 224, "7.4", 10, 5},
        {"googlenet", "d2l", 96, "2.0.concat", 256, 12},
        {"googlenet", "d2l", 96, "2.1.concat", 480, 12},
        {"googlenet", "d2l", 96, "3.4.concat", 832, 6},
        {"googlenet", "d2l", 96, "4.1.concat", 1024, 3},
        {"resnet18", "d2l", 224, "0.3", 64, 56},
        {"resnet18", "d2l", 224, "1.1.add", 64, 56},
        {"resnet18", "d2l", 224, "2.1.add", 128, 28},
        {"resnet18", "d2l", 224, "3.1.add", 256, 14},
        {"resnet18", "d2l", 224, "4.1.add", 512, 7},
        {"resnet18", "d2l", 224, "5", 512, 1},
        {"resnet18", "d2l", 224, "7", 10, 1},
        {"densenet", "d2l", 96, "1.net.concat", 192, 24},
        {"densenet", "d2l", 96, "2.3", 96, 12},
        {"densenet", "d2l", 96, "3.net.concat", 224, 12},
        {"densenet", "d2l", 96, "4.3", 112, 6},
        {"densenet", "d2l", 96, "5.net.concat", 240, 6},
        {"densenet", "d2l", 96, "6.3", 120, 3},
        {"densenet", "d2l", 96, "7.net.concat", 248, 3},
        {"mnist-bn", "d2l", 28, "0.0", 8, 14},
        {"mnist-bn", "d2l", 28, "1.0", 16, 7},
        {"mnist-bn", "d2l", 28, "2.0", 32, 4},
        {"mnist-bn", "d2l", 28, "3.0", 16, 2},
        {"mnist-bn", "d2l", 28, "4.0", 10, 1},
        {"alexnet", "imagenet", 224, "features.12", 256, 6},
        {"alexnet-2012", "imagenet", 227, "features.0", 96, 55},
        {"alexnet-2012", "imagenet", 227, "features.12", 256, 13},
        {"alexnet-2012", "imagenet", 227, "features.14", 256, 6},
        {"vgg16", "imagenet", 224, "features.30", 512, 7},
        {"googlenet", "imagenet", 224, "maxpool2", 192, 28},
        {"googlenet", "imagenet", 224, "maxpool3", 480, 14},
        {"googlenet", "imagenet", 224, "maxpool4", 832, 7},
        {"resnet34", "imagenet", 224, "conv1", 64, 112},
        {"resnet34", "imagenet", 224, "maxpool", 64, 56},
        {"resnet34", "imagenet", 224, "layer1.2.add", 64, 56},
        {"resnet34", "imagenet", 224, "layer2.3.add", 128, 28},
        {"resnet34", "imagenet", 224, "layer3.5.add", 256, 14},
        {"resnet34", "imagenet", 224, "layer4.2.add", 512, 7},
        {"resnet50", "imagenet", 224, "layer4.2.add", 2048, 7},
        {"densenet121", "imagenet", 224, "features.norm5", 1024, 7},
        {"resnet20", "cifar", 32, "layer1.2.add", 16, 32},
        {"resnet20", "cifar", 32, "layer2.2.add", 32, 16},
        {"resnet20", "cifar", 32, "layer3.2.add", 64, 8},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        wn_graph *graph = build_with(expected[i].name, expected[i].variant,
                                     (wn_net_options){.height = expected[i].size, .width = expected[i].size});
        wn_layer_info found = {.name = NULL}; /* the last one of that name: operators share theirs */
        for (int k = 0; k < wn_graph_layer_count(graph); k++)
            if (!strcmp(wn_graph_layer(graph, k).name, expected[i].layer))
                found = wn_graph_layer(graph, k);
        CHECK(found.name && found.channels == expected[i].channels && found.height == expected[i].height &&
                  found.width == expected[i].height,
              "%s (%s): layer %s is %dx%dx%d, expected %dx%dx%d", expected[i].name, expected[i].variant,
              expected[i].layer, found.channels, found.height, found.width, expected[i].channels,
              expected[i].height, expected[i].height);
        wn_graph_destroy(graph);
    }
}

/* Blocks alone: weights of their convolutions and the shape of their last layer. */
static void check_blocks(void) {
    static const struct {
        const char *name;
        int64_t weights; /* biases apart, 0: not counted */
        int layers, channels, size;
    } expected[] = {
        {"inception", 163328, 14, 256, 12}, {"inception-unreduced", 387072, 8, 416, 12},
        {"residual", 0, 7, 3, 6},           {"residual-projected", 0, 8, 6, 3},
        {"pointwise", 32, 1, 1, 6},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const wn_net *block = wn_net_block_find(expected[i].name);
        wn_graph *graph = wn_graph_create();
        int64_t weights = 0;
        wn_layer_info layer = {.name = NULL};
        if (!CHECK(block && graph, "no block %s", expected[i].name))
            continue;
        block->build(graph, &(wn_net_options){.channels = block->default_channels,
                                              .height = block->default_size,
                                              .width = block->default_size});
        CHECK(!wn_failed(wn_graph_status(graph)), "%s: %s", block->name, wn_graph_status(graph).message);
        for (int k = 0; k < wn_graph_layer_count(graph); k++) {
            layer = wn_graph_layer(graph, k);
            if (!strcmp(layer.kind, "conv"))
                weights += layer.parameters - layer.channels;
        }
        CHECK(!expected[i].weights || weights == expected[i].weights, "%s: found %lld weights, expected %lld",
              block->name, (long long)weights, (long long)expected[i].weights);
        CHECK(wn_graph_layer_count(graph) == expected[i].layers && layer.channels == expected[i].channels &&
                  layer.height == expected[i].size && layer.width == expected[i].size,
              "%s: found %d layers, the last one %dx%dx%d", block->name, wn_graph_layer_count(graph),
              layer.channels, layer.height, layer.width);
        wn_graph_destroy(graph);
    }
}

/* Learned parameters as torchvision and the teaching code call them: some of every network, the last among
 * them. */
static void check_names(void) {
    static const struct {
        const char *name, *variant, *layers[12];
    } expected[] = {
        {"alexnet", "d2l", {"0", "3", "6", "8", "10", "14", "17", "20"}},
        {"alexnet-slim", "d2l", {"0", "3", "6", "8", "12", "15"}},
        {"vgg11", "d2l", {"0.0", "1.0", "2.0", "2.2", "3.0", "4.2", "6", "9", "12"}},
        {"nin", "d2l", {"0.0", "0.2", "0.4", "2.0", "4.4", "7.0", "7.2", "7.4"}},
        {"googlenet",
         "d2l",
         {"0.0", "1.0", "1.2", "2.0.p1_1", "2.0.p2_2", "2.1.p3_1", "3.4.p3_2", "4.1.p4_2", "5"}},
        {"lenet-bn", "d2l", {"0", "1", "4", "5", "9", "10", "12", "13", "15"}},
        {"resnet18", "d2l", {"0.0", "0.1", "1.0.conv1", "1.1.bn2", "2.0.conv3", "3.0.bn1", "4.1.conv2", "7"}},
        {"densenet", "d2l", {"0.0", "0.1", "1.net.0.0", "1.net.3.2", "2.0", "2.2", "7.net.3.2", "8", "12"}},
        {"mnist-bn", "d2l", {"0.0", "0.1", "4.0", "4.1"}},
        {"mnist-res", "d2l", {"0.0", "0.2", "1.conv1.0", "1.conv2.2", "7.conv2.0", "8.0", "8.2"}},
        {"alexnet",
         "imagenet",
         {"features.0", "features.3", "features.10", "classifier.1", "classifier.4", "classifier.6"}},
        {"vgg16",
         "imagenet",
         {"features.0", "features.2", "features.5", "features.28", "classifier.0", "classifier.3",
          "classifier.6"}},
        {"googlenet",
         "imagenet",
         {"conv1.conv", "conv1.bn", "conv3.conv", "inception3a.branch1.conv", "inception3a.branch2.0.bn",
          "inception4e.branch3.1.conv", "inception5b.branch4.1.conv", "fc"}},
        {"resnet50",
         "imagenet",
         {"conv1", "bn1", "layer1.0.conv3", "layer1.0.downsample.0", "layer2.0.downsample.1", "layer4.2.bn3",
          "fc"}},
        {"densenet121",
         "imagenet",
         {"features.conv0", "features.norm0", "features.denseblock1.denselayer1.norm1",
          "features.transition3.conv", "features.denseblock4.denselayer16.conv2", "features.norm5",
          "classifier"}},
        {"resnet20", "cifar", {"conv1", "bn1", "layer1.0.conv1", "layer3.2.bn2", "fc"}},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        wn_graph *graph = build_with(expected[i].name, expected[i].variant, (wn_net_options){0});
        int at = 0; /* in order */
        const char *last = "";
        for (int k = 0; k < wn_graph_layer_count(graph); k++) {
            wn_layer_info layer = wn_graph_layer(graph, k);
            if (!layer.parameters)
                continue;
            last = layer.name;
            if (expected[i].layers[at] && !strcmp(layer.name, expected[i].layers[at]))
                at++;
        }
        CHECK(!expected[i].layers[at], "%s (%s): found no layer called %s in its place", expected[i].name,
              expected[i].variant, expected[i].layers[at]);
        CHECK(at > 0 && !strcmp(last, expected[i].layers[at - 1]), "%s (%s): the last layer is called %s",
              expected[i].name, expected[i].variant, last);
        wn_graph_destroy(graph);
    }
}

/* The size that a refusal names; 0 when the network can be built. */
static int named_size(const char *name, const char *variant, int size) {
    const wn_net *net = wn_net_find(name, variant);
    wn_graph *graph = wn_graph_create();
    net->build(graph, &(wn_net_options){
                          .channels = 1, .height = size, .width = size, .classes = 10, .width_divisor = 16});
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
static void check_smallest(const char *name, const char *variant, int size, int smallest) {
    int last = size;
    for (int next = named_size(name, variant, size); next; next = named_size(name, variant, next))
        last = next;
    CHECK(last == smallest, "%s: refusals lead to size %d, expected %d", name, last, smallest);
    CHECK(named_size(name, variant, smallest - 1) == smallest, "%s at %d is not refused", name, smallest - 1);
}

static void run_once(wn_model *model, wn_pool *pool, int values, bool training, const char *name) {
    const int batch = 3;
    wn_tape *tape;
    wn_tape_options options = {
        .batch = batch, .training = training, .isa = selected_isa(), .pool = pool, .seed = 1};
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s: %s", name, status.message))
        return;
    for (int i = 0; i < batch * values; i++)
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

/* Taps of an axis of `size` pixels that do not lie on padding, summed over the outputs. */
static double valid_taps(int size, int kernel, int stride, int pad) {
    double count = 0;
    for (int o = 0; o * stride + kernel <= size + 2 * pad; o++)
        for (int k = 0; k < kernel; k++)
            count += o * stride + k >= pad && o * stride + k < size + pad;
    return count;
}

static double conv_flops(int in, int out, int size, int kernel, int stride, int pad) {
    const double taps = valid_taps(size, kernel, stride, pad);
    return 2.0 * in * out * taps * taps;
}

/* Steps of convolutions count the channels that there are, not the holes between the parts of concatenations
 * (in the last block of densenet 152 channels lie among 160, 248 among 256). Of the first convolution there
 * is no BWD_D. */
static void check_flops(wn_pool *pool) {
    enum { SIZE = 32, BATCH = 3, GROWTH = 32 };
    const double first = BATCH * conv_flops(1, 64, SIZE, 7, 2, 3);
    double others = 0, found[WN_DIRECTION_COUNT] = {0};
    int channels = 64, size = SIZE / 4;
    for (int block = 0; block < 4; block++) {
        for (int i = 0; i < 4; i++, channels += GROWTH)
            others += BATCH * conv_flops(channels, GROWTH, size, 3, 1, 1);
        if (block < 3) {
            others += BATCH * conv_flops(channels, channels / 2, size, 1, 1, 0);
            channels /= 2;
            size /= 2;
        }
    }
    others += BATCH * conv_flops(channels, 10, 1, 1, 1, 0);
    wn_graph *graph = build_with("densenet", "d2l", (wn_net_options){.height = SIZE, .width = SIZE});
    wn_model *model;
    wn_tape *tape;
    wn_status status = wn_model_create(graph, &model);
    if (!wn_failed(status))
        status = wn_tape_compile(
            model,
            &(wn_tape_options){
                .batch = BATCH, .training = true, .plan_only = true, .isa = selected_isa(), .pool = pool},
            &tape);
    if (CHECK(!wn_failed(status), "densenet: %s", status.message)) {
        for (int s = 0; s < wn_tape_step_count(tape); s++) {
            const wn_step_info step = wn_tape_step(tape, s);
            if (step.plan)
                found[step.plan->problem.direction] += step.flops;
        }
        CHECK(found[WN_FWD_B] == first + others && found[WN_BWD_WB] == first + others &&
                  found[WN_BWD_D] == others,
              "densenet: found %.0f, %.0f and %.0f FLOPs, expected %.0f, %.0f and %.0f", found[WN_FWD_B],
              found[WN_BWD_D], found[WN_BWD_WB], first + others, others, first + others);
        wn_tape_destroy(tape);
    }
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

/* Networks with large kernels in front need larger images. */
static int small_size(const wn_net *net) {
    bool large = !strncmp(net->name, "alexnet", 7) || !strcmp(net->name, "nin");
    return large ? 67 : net->default_size < 32 ? net->default_size : 32;
}

/* A narrow version trains and evaluates. */
static void check_narrow(const wn_net *net, wn_pool *pool) {
    int size = small_size(net);
    int divisor = strcmp(net->name, "alexnet-2012") ? 11 : 8; /* its groups want even numbers of channels */
    wn_graph *graph = build_with(net->name, net->variant,
                                 (wn_net_options){.height = size, .width = size, .width_divisor = divisor});
    wn_model *model;
    wn_status status = wn_model_create(graph, &model);
    if (CHECK(!wn_failed(status), "%s (%s): %s", net->name, net->variant, status.message)) {
        wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
        run_once(model, pool, net->default_channels * size * size, true, net->name);
        run_once(model, pool, net->default_channels * size * size, false, net->name);
    }
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

/* Names and variants lead to their entries, the first variant being the default. */
static void check_registry(void) {
    CHECK(!wn_net_find("no-such-net", NULL) && !wn_net_find("lenet", "cifar") && !wn_net_find("vgg16", "d2l"),
          "networks that do not exist are found");
    for (const wn_net *net = wn_nets; net->name; net++)
        CHECK(net->summary && net->default_size > 0 && net->default_channels > 0 &&
                  net->default_classes > 0 && net->default_batch > 0 && net->default_lr > 0 &&
                  wn_net_find(net->name, net->variant) == net && wn_net_find(net->name, NULL) <= net,
              "%s (%s): incomplete entry, or not found by its name", net->name, net->variant);
    const wn_net *net;
    wn_status status = wn_net_require("no-such-net", NULL, &net);
    CHECK(status.code == WN_ERROR_USAGE && strstr(status.message, "lenet, ") &&
              strstr(status.message, "resnet110"),
          "an unknown name says '%s'", status.message);
    status = wn_net_require("vgg11", "cifar", &net);
    CHECK(status.code == WN_ERROR_USAGE && strstr(status.message, "d2l, imagenet"),
          "an unknown variant says '%s'", status.message);
}

int main(void) {
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_nets");
    check_registry();
    check_counts();
    check_options();
    check_shapes();
    check_blocks();
    check_names();
    check_smallest("alexnet", "d2l", 20, 65);
    check_smallest("lenet", "d2l", 5, 12);
    check_smallest("mnist-cnn", "d2l", 3, 4);
    check_smallest("alexnet", "imagenet", 20, 63);
    check_smallest("vgg19", "imagenet", 3, 32);
    check_flops(pool);
    for (const wn_net *net = wn_nets; net->name; net++)
        check_narrow(net, pool);
    wn_pool_destroy(pool);
    return check_finish("check_nets");
}
