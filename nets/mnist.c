/* Small networks of MNIST tutorials: two plain convolutions; five convolutions that halve the image down to
 * one pixel, each with batch norm; and the same with a residual block in between. */
#include "net_parts.h"

void wn_build_mnist_cnn(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 16), .kernel = 3, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 2);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 32), .kernel = 3, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 2);
    wn_output(g, wn_linear(g, wn_flatten(g, x), o->classes));
}

/* A convolution that halves the map, and its batch norm. */
static wn_tensor halve_norm(wn_graph *g, wn_tensor x, int channels) {
    return wn_batch_norm(g, wn_conv(g, x, channels, .kernel = 3, .stride = 2, .pad = 1));
}

void wn_build_mnist_bn(wn_graph *g, const wn_net_options *o) {
    static const int widths[] = {8, 16, 32, 16};
    wn_tensor x = wn_net_input(g, o);
    for (int i = 0; i < 4; i++) {
        wn_scope_begin(g, NULL);
        x = wn_relu(g, halve_norm(g, x, wn_net_width(o, widths[i])));
        wn_scope_end(g);
    }
    wn_scope_begin(g, NULL);
    x = halve_norm(g, x, o->classes);
    wn_scope_end(g);
    wn_output(g, wn_flatten(g, x));
}

/* Convolution, ReLU, batch norm, in this order; name NULL: by position. */
static wn_tensor conv_relu_norm(wn_graph *g, wn_tensor x, int channels, int stride, const char *name) {
    wn_scope_begin(g, name);
    x = wn_relu(g, wn_conv(g, x, channels, .kernel = 3, .stride = stride, .pad = 1, .no_bias = true));
    x = wn_batch_norm(g, x);
    wn_scope_end(g);
    return x;
}

static wn_tensor residual(wn_graph *g, wn_tensor x, int channels) {
    wn_scope_begin(g, NULL);
    wn_tensor y = conv_relu_norm(g, x, channels, 1, "conv1");
    y = conv_relu_norm(g, y, channels, 1, "conv2");
    y = wn_add(g, x, y);
    wn_scope_end(g);
    return y;
}

void wn_build_mnist_res(wn_graph *g, const wn_net_options *o) {
    static const int widths[] = {8, 16, 32, 16};
    wn_tensor x = wn_net_input(g, o);
    for (int i = 0; i < 4; i++) {
        int channels = wn_net_width(o, widths[i]);
        x = residual(g, conv_relu_norm(g, x, channels, 2, NULL), channels);
    }
    x = conv_relu_norm(g, x, o->classes, 2, NULL);
    wn_output(g, wn_flatten(g, x));
}
