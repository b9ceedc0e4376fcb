/* DenseNet: Huang et al., "Densely Connected Convolutional Networks", 2017: the teaching version with four
 * blocks of four 3x3 convolutions, and torchvision's with bottlenecks. */
#include "net_parts.h"
#include <stdio.h>

static int channels_of(const wn_graph *g, wn_tensor x) {
    int channels, height, width;
    wn_tensor_shape(g, x, &channels, &height, &width);
    return channels;
}

/* Four layers that each add 32 channels to what they read. */
static wn_tensor teaching_block(wn_graph *g, const wn_net_options *o, wn_tensor x) {
    wn_scope_begin(g, NULL);
    wn_scope_begin(g, "net");
    for (int i = 0; i < 4; i++) {
        wn_scope_begin(g, NULL);
        wn_tensor y = wn_relu(g, wn_batch_norm(g, x));
        y = wn_conv(g, y, wn_net_width(o, 32), .kernel = 3, .pad = 1);
        wn_scope_end(g);
        x = wn_concat(g, (wn_tensor[]){x, y}, 2);
    }
    wn_scope_end(g);
    wn_scope_end(g);
    return x;
}

/* Half the channels, half the height and width. */
static wn_tensor teaching_transition(wn_graph *g, wn_tensor x) {
    wn_scope_begin(g, NULL);
    wn_tensor y = wn_relu(g, wn_batch_norm(g, x));
    y = wn_average_pool(g, wn_conv(g, y, channels_of(g, x) / 2), .kernel = 2);
    wn_scope_end(g);
    return y;
}

void wn_build_densenet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, NULL);
    x = wn_conv(g, x, wn_net_width(o, 64), .kernel = 7, .stride = 2, .pad = 3);
    x = wn_relu(g, wn_batch_norm(g, x));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
    wn_scope_end(g);
    for (int b = 0; b < 4; b++) {
        x = teaching_block(g, o, x);
        x = b < 3 ? teaching_transition(g, x) : x;
    }
    wn_net_classify_means(g, o, wn_relu(g, wn_batch_norm(g, x)), NULL);
}

/* A scope whose name ends with a number. */
static void begin_numbered(wn_graph *g, const char *name, int number) {
    char text[32];
    snprintf(text, sizeof text, "%s%d", name, number);
    wn_scope_begin(g, text);
}

static wn_tensor norm_relu(wn_graph *g, wn_tensor x, const char *name) {
    return wn_relu(g, wn_batch_norm(g, x, .name = name));
}

static wn_tensor bottleneck_block(wn_graph *g, const wn_net_options *o, wn_tensor x, int layers) {
    const int growth = wn_net_width(o, 32);
    for (int i = 1; i <= layers; i++) {
        begin_numbered(g, "denselayer", i);
        wn_tensor y = norm_relu(g, x, "norm1");
        y = wn_conv(g, y, 4 * growth, .no_bias = true, .name = "conv1");
        y = norm_relu(g, y, "norm2");
        y = wn_conv(g, y, growth, .kernel = 3, .pad = 1, .no_bias = true, .name = "conv2");
        wn_scope_end(g);
        x = wn_concat(g, (wn_tensor[]){x, y}, 2);
    }
    return x;
}

static wn_tensor imagenet_transition(wn_graph *g, wn_tensor x) {
    wn_tensor y = norm_relu(g, x, "norm");
    y = wn_conv(g, y, channels_of(g, x) / 2, .no_bias = true, .name = "conv");
    return wn_average_pool(g, y, .kernel = 2, .name = "pool");
}

static void imagenet(wn_graph *g, const wn_net_options *o, const int layers[4]) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, "features");
    x = wn_conv(g, x, wn_net_width(o, 64), .kernel = 7, .stride = 2, .pad = 3, .no_bias = true,
                .name = "conv0");
    x = norm_relu(g, x, "norm0");
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1, .name = "pool0");
    for (int b = 0; b < 4; b++) {
        begin_numbered(g, "denseblock", b + 1);
        x = bottleneck_block(g, o, x, layers[b]);
        wn_scope_end(g);
        if (b == 3)
            break;
        begin_numbered(g, "transition", b + 1);
        x = imagenet_transition(g, x);
        wn_scope_end(g);
    }
    x = norm_relu(g, x, "norm5");
    wn_scope_end(g);
    wn_net_classify_means(g, o, x, "classifier");
}

void wn_build_densenet121(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[4]){6, 12, 24, 16});
}

void wn_build_densenet169(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[4]){6, 12, 32, 32});
}

void wn_build_densenet201(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[4]){6, 12, 48, 32});
}
