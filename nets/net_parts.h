/* The build functions behind the registry, and small helpers shared by the network files. */
#ifndef WN_NET_PARTS_H
#define WN_NET_PARTS_H

#include "nets.h"

typedef void wn_net_build(wn_graph *graph, const wn_net_options *options);

wn_net_build wn_build_lenet, wn_build_lenet_bn;
wn_net_build wn_build_mnist_cnn, wn_build_mnist_bn, wn_build_mnist_res;
wn_net_build wn_build_alexnet, wn_build_alexnet_slim, wn_build_alexnet_imagenet, wn_build_alexnet_2012;
wn_net_build wn_build_vgg11, wn_build_vgg11_imagenet, wn_build_vgg13, wn_build_vgg16, wn_build_vgg19;
wn_net_build wn_build_nin;
wn_net_build wn_build_googlenet, wn_build_googlenet_imagenet;
wn_net_build wn_build_resnet18;
wn_net_build wn_build_resnet18_imagenet, wn_build_resnet34, wn_build_resnet50, wn_build_resnet101,
    wn_build_resnet152;
wn_net_build wn_build_resnet20, wn_build_resnet32, wn_build_resnet44, wn_build_resnet56, wn_build_resnet110;
wn_net_build wn_build_densenet, wn_build_densenet121, wn_build_densenet169, wn_build_densenet201;

/* Single blocks, from the files of their networks. */
wn_net_build wn_build_inception, wn_build_inception_unreduced;
wn_net_build wn_build_residual, wn_build_residual_projected;

static inline int wn_net_narrowed(int full, int divisor) {
    return divisor > 0 && full > divisor ? full / divisor : divisor > 0 ? 1 : full;
}

/* A channel count of the full network, narrowed by the width divisor; at least 1. */
static inline int wn_net_width(const wn_net_options *options, int full) {
    return wn_net_narrowed(full, options->width_divisor);
}

/* Features of a hidden linear layer, narrowed; at least 1. */
static inline int wn_net_hidden(const wn_net_options *options, int full) {
    return wn_net_narrowed(full, options->hidden_divisor ? options->hidden_divisor : options->width_divisor);
}

/* The network's input as the options shape it. */
static inline wn_tensor wn_net_input(wn_graph *graph, const wn_net_options *options) {
    return wn_input(graph, options->channels, options->height, options->width);
}

static inline wn_tensor wn_net_dropout(wn_graph *graph, const wn_net_options *options, wn_tensor x, float p) {
    return wn_dropout(graph, x, options->no_dropout ? 0 : p);
}

/* The usual end of a network: the mean of every channel and one linear layer, called `name`. */
static inline void wn_net_classify_means(wn_graph *graph, const wn_net_options *options, wn_tensor x,
                                         const char *name) {
    x = wn_flatten(graph, wn_global_average_pool(graph, x));
    wn_output(graph, wn_linear(graph, x, options->classes, .name = name));
}

#endif
