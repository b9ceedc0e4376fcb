/* Residual networks: He et al., "Deep Residual Learning for Image Recognition", 2016. Here the 18-layer
 * teaching version: convolutions with bias, a 1x1 shortcut with bias and without batch norm where sizes
 * change. */
#include "net_parts.h"
#include <stdio.h>

/* relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut), the shortcut being x or conv3(x). */
static wn_tensor residual(wn_graph *g, wn_tensor x, int channels, int stride) {
    wn_tensor y = wn_conv(g, x, channels, .kernel = 3, .stride = stride, .pad = 1, .name = "conv1");
    y = wn_relu(g, wn_batch_norm(g, y, .name = "bn1"));
    y = wn_conv(g, y, channels, .kernel = 3, .pad = 1, .name = "conv2");
    y = wn_batch_norm(g, y, .name = "bn2");
    if (stride != 1)
        x = wn_conv(g, x, channels, .stride = stride, .name = "conv3");
    return wn_relu(g, wn_add(g, y, x));
}

static wn_tensor stage(wn_graph *g, wn_tensor x, int blocks, int channels, int first_stride) {
    for (int i = 0; i < blocks; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        wn_scope_begin(g, name);
        x = residual(g, x, channels, i ? 1 : first_stride);
        wn_scope_end(g);
    }
    return x;
}

static wn_tensor stem(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_input(g, o->channels, o->height, o->width);
    x = wn_conv(g, x, wn_net_width(o, 64), .kernel = 7, .stride = 2, .pad = 3);
    x = wn_relu(g, wn_batch_norm(g, x));
    return wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
}

void wn_build_resnet18(wn_graph *g, const wn_net_options *o) {
    wn_scope_begin(g, "0");
    wn_tensor x = stem(g, o);
    wn_scope_end(g);
    for (int s = 0; s < 4; s++) {
        char name[16];
        snprintf(name, sizeof name, "%d", s + 1);
        wn_scope_begin(g, name);
        x = stage(g, x, 2, wn_net_width(o, 64 << s), s ? 2 : 1);
        wn_scope_end(g);
    }
    x = wn_flatten(g, wn_global_average_pool(g, x));
    wn_output(g, wn_linear(g, x, o->classes));
}
