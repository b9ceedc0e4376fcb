/* The small convolutional network of many MNIST tutorials: two 3x3 convolutions and one linear layer. */
#include "net_parts.h"

void wn_build_mnist_cnn(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_input(g, o->channels, o->height, o->width);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 16), .kernel = 3, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 2);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 32), .kernel = 3, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 2);
    wn_output(g, wn_linear(g, wn_flatten(g, x), o->classes));
}
