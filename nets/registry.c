/* The networks by name and variant, in the order they are listed to people. */
#include "net_parts.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Batch sizes of the ImageNet versions are what a desktop's memory holds; their learning rates are those of
 * the publications, scaled down with the batch (Goyal et al. 2017). */
const wn_net wn_nets[] = {
    /* name, variant, builder, size, channels, classes, batch, learning rate, what it is */
    {"lenet", "d2l", wn_build_lenet, 28, 1, 10, 256, 0.9F,
     "two 5x5 convolutions, three linear layers, sigmoids (LeCun et al. 1998)"},
    {"lenet-bn", "d2l", wn_build_lenet_bn, 28, 1, 10, 256, 1, "lenet with batch norm"},
    {"mnist-cnn", "d2l", wn_build_mnist_cnn, 28, 1, 10, 64, 0.001F,
     "two 3x3 convolutions and one linear layer (MNIST tutorials; meant for Adam)"},
    {"mnist-bn", "d2l", wn_build_mnist_bn, 28, 1, 10, 128, 0.1F,
     "five strided 3x3 convolutions with batch norm (MNIST tutorials)"},
    {"mnist-res", "d2l", wn_build_mnist_res, 28, 1, 10, 128, 0.05F,
     "five strided 3x3 convolutions and four residual blocks (MNIST tutorials)"},
    {"alexnet", "d2l", wn_build_alexnet, 224, 1, 10, 128, 0.01F,
     "five convolutions, three linear layers, dropout (Krizhevsky et al. 2012)"},
    {"alexnet-slim", "d2l", wn_build_alexnet_slim, 224, 1, 10, 128, 0.01F,
     "alexnet with one convolution and one linear layer less"},
    {"vgg11", "d2l", wn_build_vgg11, 224, 1, 10, 128, 0.05F,
     "eight 3x3 convolutions, three linear layers (Simonyan & Zisserman 2015)"},
    {"nin", "d2l", wn_build_nin, 224, 1, 10, 128, 0.1F, "network in network (Lin et al. 2014)"},
    {"googlenet", "d2l", wn_build_googlenet, 96, 1, 10, 128, 0.1F,
     "nine Inception blocks (Szegedy et al. 2015)"},
    {"resnet18", "d2l", wn_build_resnet18, 96, 1, 10, 256, 0.05F,
     "eight residual blocks of two 3x3 convolutions (He et al. 2016)"},
    {"densenet", "d2l", wn_build_densenet, 96, 1, 10, 256, 0.1F,
     "four blocks of four densely connected 3x3 convolutions (Huang et al. 2017)"},

    {"alexnet", "imagenet", wn_build_alexnet_imagenet, 224, 3, 1000, 32, 0.00125F,
     "one tower (Krizhevsky 2014), as in torchvision"},
    {"alexnet-2012", "imagenet", wn_build_alexnet_2012, 227, 3, 1000, 32, 0.00125F,
     "the original, with response norm and groups (Krizhevsky et al. 2012)"},
    {"vgg11", "imagenet", wn_build_vgg11_imagenet, 224, 3, 1000, 32, 0.00125F,
     "Simonyan & Zisserman 2015, A"},
    {"vgg13", "imagenet", wn_build_vgg13, 224, 3, 1000, 32, 0.00125F, "Simonyan & Zisserman 2015, B"},
    {"vgg16", "imagenet", wn_build_vgg16, 224, 3, 1000, 32, 0.00125F, "Simonyan & Zisserman 2015, D"},
    {"vgg19", "imagenet", wn_build_vgg19, 224, 3, 1000, 32, 0.00125F, "Simonyan & Zisserman 2015, E"},
    {"nin", "imagenet", wn_build_nin, 224, 3, 1000, 32, 0.00125F, "the teaching version, 1000 classes"},
    {"googlenet", "imagenet", wn_build_googlenet_imagenet, 224, 3, 1000, 32, 0.00125F,
     "with batch norm, without auxiliary heads, as in torchvision"},
    {"resnet18", "imagenet", wn_build_resnet18_imagenet, 224, 3, 1000, 32, 0.0125F, "He et al. 2016"},
    {"resnet34", "imagenet", wn_build_resnet34, 224, 3, 1000, 32, 0.0125F, "He et al. 2016"},
    {"resnet50", "imagenet", wn_build_resnet50, 224, 3, 1000, 32, 0.0125F,
     "He et al. 2016, bottlenecks with the stride on the 3x3"},
    {"resnet101", "imagenet", wn_build_resnet101, 224, 3, 1000, 32, 0.0125F, "as resnet50, deeper"},
    {"resnet152", "imagenet", wn_build_resnet152, 224, 3, 1000, 32, 0.0125F, "as resnet50, deeper"},
    {"densenet121", "imagenet", wn_build_densenet121, 224, 3, 1000, 32, 0.0125F,
     "Huang et al. 2017, growth 32, bottlenecks"},
    {"densenet169", "imagenet", wn_build_densenet169, 224, 3, 1000, 32, 0.0125F, "as densenet121, deeper"},
    {"densenet201", "imagenet", wn_build_densenet201, 224, 3, 1000, 32, 0.0125F, "as densenet121, deeper"},

    {"resnet20", "cifar", wn_build_resnet20, 32, 3, 10, 128, 0.1F, "He et al. 2016, section 4.2"},
    {"resnet32", "cifar", wn_build_resnet32, 32, 3, 10, 128, 0.1F, "as resnet20, deeper"},
    {"resnet44", "cifar", wn_build_resnet44, 32, 3, 10, 128, 0.1F, "as resnet20, deeper"},
    {"resnet56", "cifar", wn_build_resnet56, 32, 3, 10, 128, 0.1F, "as resnet20, deeper"},
    {"resnet110", "cifar", wn_build_resnet110, 32, 3, 10, 128, 0.1F, "as resnet20, deeper"},
    {.name = NULL},
};

int wn_net_channels(const wn_net *net, int images) {
    return net->default_channels > 1 ? net->default_channels : images;
}

const wn_net *wn_net_find(const char *name, const char *variant) {
    for (const wn_net *net = wn_nets; net->name; net++)
        if (!strcmp(net->name, name) && (!variant || !strcmp(net->variant, variant)))
            return net;
    return NULL;
}

/* Names of all networks, or the variants of one. */
static void list(const char *name, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (const wn_net *net = wn_nets; net->name && used < size; net++) {
        if (name ? strcmp(net->name, name) != 0 : wn_net_find(net->name, NULL) != net)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                 name ? net->variant : net->name);
    }
}

wn_status wn_net_require(const char *name, const char *variant, const wn_net **net) {
    char known[400];
    *net = name ? wn_net_find(name, variant) : NULL;
    if (*net)
        return wn_ok();
    if (name && wn_net_find(name, NULL)) {
        list(name, known, sizeof known);
        return wn_error(WN_ERROR_USAGE, "%.64s: found variant %.40s, expected one of %s", name, variant,
                        known);
    }
    list(NULL, known, sizeof known);
    return wn_error(WN_ERROR_USAGE, "%.64s: unknown network, expected one of %s", name ? name : "", known);
}
