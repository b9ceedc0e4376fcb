/* Network in Network: Lin et al., 2014: convolutions followed by two 1x1 convolutions each, and the mean of
 * one map per class in place of linear layers. */
#include "net_parts.h"

static wn_tensor block(wn_graph *g, wn_tensor x, int channels, int kernel, int stride, int pad) {
    wn_scope_begin(g, NULL);
    x = wn_relu(g, wn_conv(g, x, channels, .kernel = kernel, .stride = stride, .pad = pad));
    x = wn_relu(g, wn_conv(g, x, channels));
    x = wn_relu(g, wn_conv(g, x, channels));
    wn_scope_end(g);
    return x;
}

void wn_build_nin(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    x = wn_max_pool(g, block(g, x, wn_net_width(o, 96), 11, 4, 0), .kernel = 3, .stride = 2);
    x = wn_max_pool(g, block(g, x, wn_net_width(o, 256), 5, 1, 2), .kernel = 3, .stride = 2);
    x = wn_max_pool(g, block(g, x, wn_net_width(o, 384), 3, 1, 1), .kernel = 3, .stride = 2);
    x = block(g, wn_net_dropout(g, o, x, 0.5F), o->classes, 3, 1, 1);
    wn_output(g, wn_flatten(g, wn_global_average_pool(g, x)));
}
