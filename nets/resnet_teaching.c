/* The teaching version of the 18-layer residual network (He et al. 2016): convolutions with bias, and where
 * sizes change a 1x1 shortcut with bias and without batch norm. */
#include "net_parts.h"

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

void wn_build_resnet18(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, NULL);
    x = wn_conv(g, x, wn_net_width(o, 64), .kernel = 7, .stride = 2, .pad = 3);
    x = wn_relu(g, wn_batch_norm(g, x));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
    wn_scope_end(g);
    for (int s = 0; s < 4; s++) {
        wn_scope_begin(g, NULL);
        for (int i = 0; i < 2; i++) {
            wn_scope_begin(g, NULL);
            x = residual(g, x, wn_net_width(o, 64 << s), s && !i ? 2 : 1);
            wn_scope_end(g);
        }
        wn_scope_end(g);
    }
    wn_net_classify_means(g, o, x, NULL);
}

/* One block alone: with the channels and the map it is given, and with half the map and twice the channels.
 */
void wn_build_residual(wn_graph *g, const wn_net_options *o) {
    residual(g, wn_net_input(g, o), o->channels, 1);
}

void wn_build_residual_projected(wn_graph *g, const wn_net_options *o) {
    residual(g, wn_net_input(g, o), 2 * o->channels, 2);
}
