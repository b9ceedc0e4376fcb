/* LeNet-5 in its teaching form: LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
 * 1998, with sigmoids, average pools and a plain linear output. */
#include "net_parts.h"

void wn_build_lenet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_input(g, o->channels, o->height, o->width);
    x = wn_sigmoid(g, wn_conv(g, x, wn_net_width(o, 6), .kernel = 5, .pad = 2));
    x = wn_average_pool(g, x, .kernel = 2);
    x = wn_sigmoid(g, wn_conv(g, x, wn_net_width(o, 16), .kernel = 5));
    x = wn_average_pool(g, x, .kernel = 2);
    x = wn_flatten(g, x);
    x = wn_sigmoid(g, wn_linear(g, x, wn_net_width(o, 120)));
    x = wn_sigmoid(g, wn_linear(g, x, wn_net_width(o, 84)));
    wn_output(g, wn_linear(g, x, o->classes));
}
