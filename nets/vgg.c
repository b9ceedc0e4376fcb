/* VGG: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2015:
 * five blocks of 3x3 convolutions, each followed by a 2x2 max pool, and three linear layers. */
#include "net_parts.h"

static const int widths[5] = {64, 128, 256, 512, 512};

static wn_tensor block(wn_graph *g, const wn_net_options *o, wn_tensor x, int convolutions, int channels) {
    for (int i = 0; i < convolutions; i++)
        x = wn_relu(g, wn_conv(g, x, wn_net_width(o, channels), .kernel = 3, .pad = 1));
    return wn_max_pool(g, x, .kernel = 2);
}

static wn_tensor classifier(wn_graph *g, const wn_net_options *o, wn_tensor x) {
    for (int i = 0; i < 2; i++) {
        x = wn_relu(g, wn_linear(g, x, wn_net_hidden(o, 4096)));
        x = wn_net_dropout(g, o, x, 0.5F);
    }
    return wn_linear(g, x, o->classes);
}

/* The teaching version: every block is a module of its own. */
void wn_build_vgg11(wn_graph *g, const wn_net_options *o) {
    static const int convolutions[5] = {1, 1, 2, 2, 2};
    wn_tensor x = wn_net_input(g, o);
    for (int b = 0; b < 5; b++) {
        wn_scope_begin(g, NULL);
        x = block(g, o, x, convolutions[b], widths[b]);
        wn_scope_end(g);
    }
    wn_output(g, classifier(g, o, wn_flatten(g, x)));
}

/* torchvision's: all blocks in one sequence, maps of 7x7 pixels at its end. */
static void imagenet(wn_graph *g, const wn_net_options *o, const int convolutions[5]) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, "features");
    for (int b = 0; b < 5; b++)
        x = block(g, o, x, convolutions[b], widths[b]);
    wn_scope_end(g);
    x = wn_flatten(g, wn_adaptive_average_pool(g, x, 7, 7));
    wn_scope_begin(g, "classifier");
    x = classifier(g, o, x);
    wn_scope_end(g);
    wn_output(g, x);
}

void wn_build_vgg11_imagenet(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[5]){1, 1, 2, 2, 2});
}

void wn_build_vgg13(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[5]){2, 2, 2, 2, 2});
}

void wn_build_vgg16(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[5]){2, 2, 3, 3, 3});
}

void wn_build_vgg19(wn_graph *g, const wn_net_options *o) {
    imagenet(g, o, (const int[5]){2, 2, 4, 4, 4});
}
