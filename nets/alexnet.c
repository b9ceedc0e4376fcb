/* AlexNet in its teaching form for one input channel: Krizhevsky et al., "ImageNet Classification with Deep
 * Convolutional Neural Networks", 2012, without groups and without local response normalisation. */
#include "net_parts.h"

static wn_tensor conv_relu(wn_graph *g, const wn_net_options *o, wn_tensor x, int channels, int kernel) {
    return wn_relu(g, wn_conv(g, x, wn_net_width(o, channels), .kernel = kernel, .pad = kernel / 2));
}

static wn_tensor hidden(wn_graph *g, const wn_net_options *o, wn_tensor x, int features) {
    return wn_dropout(g, wn_relu(g, wn_linear(g, x, wn_net_width(o, features))), 0.5F);
}

void wn_build_alexnet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_input(g, o->channels, o->height, o->width);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 96), .kernel = 11, .stride = 4, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 256, 5);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 384, 3);
    x = conv_relu(g, o, x, 384, 3);
    x = conv_relu(g, o, x, 256, 3);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = wn_flatten(g, x);
    x = hidden(g, o, x, 4096);
    x = hidden(g, o, x, 4096);
    wn_output(g, wn_linear(g, x, o->classes));
}
