/* GoogLeNet: Szegedy et al., "Going Deeper with Convolutions", 2015, without its auxiliary heads: the
 * teaching version with biases, and torchvision's with batch norm. */
#include "net_parts.h"

/* Channels of an Inception block's four paths: 1x1; 1x1 and 3x3; 1x1 and 5x5; pooled and 1x1. */
typedef struct inception {
    int one, three[2], five[2], pooled;
} inception;

static const inception block_3a = {64, {96, 128}, {16, 32}, 32}, block_3b = {128, {128, 192}, {32, 96}, 64},
                       block_4a = {192, {96, 208}, {16, 48}, 64}, block_4b = {160, {112, 224}, {24, 64}, 64},
                       block_4c = {128, {128, 256}, {24, 64}, 64}, block_4d = {112, {144, 288}, {32, 64}, 64},
                       block_4e = {256, {160, 320}, {32, 128}, 128},
                       block_5b = {384, {192, 384}, {48, 128}, 128};

static wn_tensor conv_relu(wn_graph *g, const wn_net_options *o, wn_tensor x, int channels, int kernel,
                           const char *name) {
    return wn_relu(
        g, wn_conv(g, x, wn_net_width(o, channels), .kernel = kernel, .pad = kernel / 2, .name = name));
}

static wn_tensor teaching_block(wn_graph *g, const wn_net_options *o, wn_tensor x, const inception *block) {
    wn_scope_begin(g, NULL);
    wn_tensor one = conv_relu(g, o, x, block->one, 1, "p1_1");
    wn_tensor three = conv_relu(g, o, x, block->three[0], 1, "p2_1");
    three = conv_relu(g, o, three, block->three[1], 3, "p2_2");
    wn_tensor five = conv_relu(g, o, x, block->five[0], 1, "p3_1");
    five = conv_relu(g, o, five, block->five[1], 5, "p3_2");
    wn_tensor pooled = wn_max_pool(g, x, .kernel = 3, .stride = 1, .pad = 1, .name = "p4_1");
    pooled = conv_relu(g, o, pooled, block->pooled, 1, "p4_2");
    x = wn_concat(g, (wn_tensor[]){one, three, five, pooled}, 4);
    wn_scope_end(g);
    return x;
}

/* The first block of the network, alone. */
void wn_build_inception(wn_graph *g, const wn_net_options *o) {
    teaching_block(g, o, wn_net_input(g, o), &block_3a);
}

/* The same paths without their 1x1 reductions: more than twice the weights, and channels without end. */
void wn_build_inception_unreduced(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    wn_tensor one = conv_relu(g, o, x, block_3a.one, 1, "p1");
    wn_tensor three = conv_relu(g, o, x, block_3a.three[1], 3, "p2");
    wn_tensor five = conv_relu(g, o, x, block_3a.five[1], 5, "p3");
    wn_tensor pooled = wn_max_pool(g, x, .kernel = 3, .stride = 1, .pad = 1, .name = "p4");
    wn_concat(g, (wn_tensor[]){one, three, five, pooled}, 4);
}

static wn_tensor shrink(wn_graph *g, wn_tensor x) {
    return wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
}

void wn_build_googlenet(wn_graph *g, const wn_net_options *o) {
    const inception *const stages[][6] = {{&block_3a, &block_3b},
                                          {&block_4a, &block_4b, &block_4c, &block_4d, &block_4e},
                                          {&block_4e, &block_5b}};
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, NULL);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 64), .kernel = 7, .stride = 2, .pad = 3));
    x = shrink(g, x);
    wn_scope_end(g);
    wn_scope_begin(g, NULL);
    x = conv_relu(g, o, x, 64, 1, NULL);
    x = shrink(g, conv_relu(g, o, x, 192, 3, NULL));
    wn_scope_end(g);
    for (int s = 0; s < 3; s++) {
        wn_scope_begin(g, NULL);
        for (int b = 0; stages[s][b]; b++)
            x = teaching_block(g, o, x, stages[s][b]);
        x = s < 2 ? shrink(g, x) : wn_flatten(g, wn_global_average_pool(g, x));
        wn_scope_end(g);
    }
    wn_output(g, wn_linear(g, x, o->classes));
}

/* Convolution, batch norm, ReLU. */
static wn_tensor conv_norm_relu(wn_graph *g, const wn_net_options *o, wn_tensor x, int channels,
                                wn_conv_options options) {
    wn_scope_begin(g, options.name);
    options.name = "conv";
    options.no_bias = true;
    x = wn_conv_with(g, x, wn_net_width(o, channels), options);
    x = wn_relu(g, wn_batch_norm(g, x, .eps = 1e-3F, .name = "bn"));
    wn_scope_end(g);
    return x;
}

/* Two convolutions: 1x1, and 3x3 where the paper has 3x3 or 5x5. */
static wn_tensor reduced_path(wn_graph *g, const wn_net_options *o, wn_tensor x, const int channels[2],
                              const char *name) {
    wn_scope_begin(g, name);
    x = conv_norm_relu(g, o, x, channels[0], (wn_conv_options){.kernel = 1});
    x = conv_norm_relu(g, o, x, channels[1], (wn_conv_options){.kernel = 3, .pad = 1});
    wn_scope_end(g);
    return x;
}

static wn_tensor imagenet_block(wn_graph *g, const wn_net_options *o, wn_tensor x, const inception *block,
                                const char *name) {
    wn_scope_begin(g, name);
    wn_tensor one = conv_norm_relu(g, o, x, block->one, (wn_conv_options){.kernel = 1, .name = "branch1"});
    wn_tensor three = reduced_path(g, o, x, block->three, "branch2");
    wn_tensor five = reduced_path(g, o, x, block->five, "branch3");
    wn_scope_begin(g, "branch4");
    wn_tensor pooled = wn_max_pool(g, x, .kernel = 3, .stride = 1, .pad = 1, .ceil_mode = true);
    pooled = conv_norm_relu(g, o, pooled, block->pooled, (wn_conv_options){.kernel = 1});
    wn_scope_end(g);
    x = wn_concat(g, (wn_tensor[]){one, three, five, pooled}, 4);
    wn_scope_end(g);
    return x;
}

void wn_build_googlenet_imagenet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    x = conv_norm_relu(g, o, x, 64, (wn_conv_options){.kernel = 7, .stride = 2, .pad = 3, .name = "conv1"});
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "maxpool1");
    x = conv_norm_relu(g, o, x, 64, (wn_conv_options){.kernel = 1, .name = "conv2"});
    x = conv_norm_relu(g, o, x, 192, (wn_conv_options){.kernel = 3, .pad = 1, .name = "conv3"});
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "maxpool2");
    x = imagenet_block(g, o, x, &block_3a, "inception3a");
    x = imagenet_block(g, o, x, &block_3b, "inception3b");
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .ceil_mode = true, .name = "maxpool3");
    x = imagenet_block(g, o, x, &block_4a, "inception4a");
    x = imagenet_block(g, o, x, &block_4b, "inception4b");
    x = imagenet_block(g, o, x, &block_4c, "inception4c");
    x = imagenet_block(g, o, x, &block_4d, "inception4d");
    x = imagenet_block(g, o, x, &block_4e, "inception4e");
    x = wn_max_pool(g, x, .kernel = 2, .ceil_mode = true, .name = "maxpool4");
    x = imagenet_block(g, o, x, &block_4e, "inception5a");
    x = imagenet_block(g, o, x, &block_5b, "inception5b");
    x = wn_flatten(g, wn_global_average_pool(g, x));
    x = wn_net_dropout(g, o, x, 0.2F);
    wn_output(g, wn_linear(g, x, o->classes, .name = "fc"));
}
