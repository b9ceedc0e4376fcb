/* LeNet-5 in its teaching forms: LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
 * 1998, with sigmoids, average pools and a plain linear output; and the same with batch norm. */
#include "net_parts.h"

void wn_build_lenet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    x = wn_sigmoid(g, wn_conv(g, x, wn_net_width(o, 6), .kernel = 5, .pad = 2));
    x = wn_average_pool(g, x, .kernel = 2);
    x = wn_sigmoid(g, wn_conv(g, x, wn_net_width(o, 16), .kernel = 5));
    x = wn_average_pool(g, x, .kernel = 2);
    x = wn_flatten(g, x);
    x = wn_sigmoid(g, wn_linear(g, x, wn_net_hidden(o, 120)));
    x = wn_sigmoid(g, wn_linear(g, x, wn_net_hidden(o, 84)));
    wn_output(g, wn_linear(g, x, o->classes));
}

static wn_tensor norm_sigmoid(wn_graph *g, wn_tensor x) {
    return wn_sigmoid(g, wn_batch_norm(g, x));
}

void wn_build_lenet_bn(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    x = norm_sigmoid(g, wn_conv(g, x, wn_net_width(o, 6), .kernel = 5));
    x = wn_average_pool(g, x, .kernel = 2);
    x = norm_sigmoid(g, wn_conv(g, x, wn_net_width(o, 16), .kernel = 5));
    x = wn_average_pool(g, x, .kernel = 2);
    x = wn_flatten(g, x);
    x = norm_sigmoid(g, wn_linear(g, x, wn_net_hidden(o, 120)));
    x = norm_sigmoid(g, wn_linear(g, x, wn_net_hidden(o, 84)));
    wn_output(g, wn_linear(g, x, o->classes));
}
