/* The build functions behind the registry, and small helpers shared by the network files. */
#ifndef WN_NET_PARTS_H
#define WN_NET_PARTS_H

#include "nets.h"

void wn_build_lenet(wn_graph *graph, const wn_net_options *options);
void wn_build_mnist_cnn(wn_graph *graph, const wn_net_options *options);
void wn_build_alexnet(wn_graph *graph, const wn_net_options *options);
void wn_build_resnet18(wn_graph *graph, const wn_net_options *options);

/* A channel or hidden count of the full network, narrowed by the width divisor; at least 1. */
static inline int wn_net_width(const wn_net_options *options, int full) {
    int divisor = options->width_divisor > 0 ? options->width_divisor : 1;
    return full > divisor ? full / divisor : 1;
}

#endif
