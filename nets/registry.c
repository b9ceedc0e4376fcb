/* The networks by name, in the order they are listed to people. */
#include "net_parts.h"
#include <stddef.h>
#include <string.h>

const wn_net wn_nets[] = {
    {
        .name = "lenet",
        .build = wn_build_lenet,
        .default_size = 28,
        .default_batch = 256,
        .default_lr = 0.9F,
        .summary = "two 5x5 convolutions and three linear layers with sigmoids (LeCun et al. 1998, teaching "
                   "version)",
    },
    {
        .name = "mnist-cnn",
        .build = wn_build_mnist_cnn,
        .default_size = 28,
        .default_batch = 64,
        .default_lr = 0.001F,
        .summary = "two 3x3 convolutions with ReLU and max pools, one linear layer (MNIST tutorials; meant "
                   "for Adam)",
    },
    {
        .name = "alexnet",
        .build = wn_build_alexnet,
        .default_size = 224,
        .default_batch = 128,
        .default_lr = 0.01F,
        .summary = "five convolutions and three linear layers with dropout (Krizhevsky et al. 2012, teaching "
                   "version)",
    },
    {
        .name = "resnet18",
        .build = wn_build_resnet18,
        .default_size = 96,
        .default_batch = 256,
        .default_lr = 0.05F,
        .summary = "eight residual blocks of two 3x3 convolutions (He et al. 2016, teaching version)",
    },
    {.name = NULL},
};

const wn_net *wn_net_find(const char *name) {
    for (const wn_net *net = wn_nets; net->name; net++)
        if (!strcmp(net->name, name))
            return net;
    return NULL;
}
