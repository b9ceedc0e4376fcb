/* Residual networks: He et al., "Deep Residual Learning for Image Recognition", 2016, for ImageNet and for
 * CIFAR, with the paper's three kinds of shortcuts. The teaching version is in resnet_teaching.c. */
#include "net_parts.h"
#include <stdio.h>

/* The blocks of one network: how they widen, and what goes around them. */
typedef struct design {
    bool bottleneck;
    wn_shortcut shortcut;
} design;

static wn_tensor conv_norm(wn_graph *g, wn_tensor x, int channels, int kernel, int stride, int number) {
    char conv[16], norm[16];
    snprintf(conv, sizeof conv, "conv%d", number);
    snprintf(norm, sizeof norm, "bn%d", number);
    x = wn_conv(g, x, channels, .kernel = kernel, .stride = stride, .pad = kernel / 2, .no_bias = true,
                .name = conv);
    return wn_batch_norm(g, x, .name = norm);
}

static wn_tensor project(wn_graph *g, wn_tensor x, int channels, int stride) {
    wn_scope_begin(g, "downsample");
    x = wn_batch_norm(g, wn_conv(g, x, channels, .stride = stride, .no_bias = true));
    wn_scope_end(g);
    return x;
}

static wn_tensor shortcut(wn_graph *g, wn_shortcut kind, wn_tensor x, int channels, int stride) {
    int inputs, height, width;
    wn_tensor_shape(g, x, &inputs, &height, &width);
    bool same = stride == 1 && inputs == channels;
    if (kind == WN_SHORTCUT_C || (kind == WN_SHORTCUT_B && !same))
        return project(g, x, channels, stride);
    if (stride > 1)
        x = wn_average_pool(g, x, .kernel = 1, .stride = stride, .name = "subsample");
    return inputs == channels ? x : wn_pad_channels(g, x, channels);
}

/* Two 3x3 convolutions; or 1x1, 3x3 and 1x1 to four times the width. */
static wn_tensor residual(wn_graph *g, design d, wn_tensor x, int width, int stride) {
    wn_tensor y;
    int channels = d.bottleneck ? 4 * width : width;
    if (d.bottleneck) {
        y = wn_relu(g, conv_norm(g, x, width, 1, 1, 1));
        y = wn_relu(g, conv_norm(g, y, width, 3, stride, 2));
        y = conv_norm(g, y, channels, 1, 1, 3);
    } else {
        y = wn_relu(g, conv_norm(g, x, width, 3, stride, 1));
        y = conv_norm(g, y, channels, 3, 1, 2);
    }
    return wn_relu(g, wn_add(g, y, shortcut(g, d.shortcut, x, channels, stride)));
}

/* Stage number `number` from 1: only its first block changes sizes. */
static wn_tensor stage(wn_graph *g, design d, wn_tensor x, int number, int blocks, int width, int stride) {
    char name[24];
    snprintf(name, sizeof name, "layer%d", number);
    wn_scope_begin(g, name);
    for (int i = 0; i < blocks; i++) {
        wn_scope_begin(g, NULL);
        x = residual(g, d, x, width, i ? 1 : stride);
        wn_scope_end(g);
    }
    wn_scope_end(g);
    return x;
}

static void imagenet(wn_graph *g, const wn_net_options *o, bool bottleneck, const int blocks[4]) {
    design d = {bottleneck, o->shortcut ? o->shortcut : WN_SHORTCUT_B};
    wn_tensor x = wn_net_input(g, o);
    x = wn_relu(g, conv_norm(g, x, wn_net_width(o, 64), 7, 2, 1));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1, .name = "maxpool");
    for (int s = 0; s < 4; s++)
        x = stage(g, d, x, s + 1, blocks[s], wn_net_width(o, 64 << s), s ? 2 : 1);
    wn_net_classify_means(g, o, x, "fc");
}

void wn_build_resnet18_imagenet(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, false, (const int[4]){2, 2, 2, 2});
}

void wn_build_resnet34(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, false, (const int[4]){3, 4, 6, 3});
}

void wn_build_resnet50(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, true, (const int[4]){3, 4, 6, 3});
}

void wn_build_resnet101(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, true, (const int[4]){3, 4, 23, 3});
}

void wn_build_resnet152(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, true, (const int[4]){3, 8, 36, 3});
}

/* Three stages of (depth - 2) / 6 blocks. */
static void cifar(wn_graph *g, const wn_net_options *o, int depth) {
    design d = {false, o->shortcut ? o->shortcut : WN_SHORTCUT_A};
    wn_tensor x = wn_net_input(g, o);
    x = wn_relu(g, conv_norm(g, x, wn_net_width(o, 16), 3, 1, 1));
    for (int s = 0; s < 3; s++)
        x = stage(g, d, x, s + 1, (depth - 2) / 6, wn_net_width(o, 16 << s), s ? 2 : 1);
    wn_net_classify_means(g, o, x, "fc");
}

void wn_build_resnet20(wn_graph *g, const wn_net_options *o) {
    cifar(g, o, 20);
}

void wn_build_resnet32(wn_graph *g, const wn_net_options *o) {
    cifar(g, o, 32);
}

void wn_build_resnet44(wn_graph *g, const wn_net_options *o) {
    cifar(g, o, 44);
}

void wn_build_resnet56(wn_graph *g, const wn_net_options *o) {
    cifar(g, o, 56);
}

void wn_build_resnet110(wn_graph *g, const wn_net_options *o) {
    cifar(g, o, 110);
}
