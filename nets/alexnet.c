/* AlexNet: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012. Its
 * teaching forms for one input channel and the narrower form of torchvision, without groups and without local
 * response normalisation; and the original. */
#include "net_parts.h"

static wn_tensor conv_relu(wn_graph *g, const wn_net_options *o, wn_tensor x, int channels, int kernel) {
    return wn_relu(g, wn_conv(g, x, wn_net_width(o, channels), .kernel = kernel, .pad = kernel / 2));
}

static wn_tensor hidden(wn_graph *g, const wn_net_options *o, wn_tensor x) {
    return wn_relu(g, wn_linear(g, x, wn_net_hidden(o, 4096)));
}

/* The convolutions of the teaching forms, the second one of 384 channels only in the full one. */
static wn_tensor teaching_features(wn_graph *g, const wn_net_options *o, bool slim) {
    wn_tensor x = wn_net_input(g, o);
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 96), .kernel = 11, .stride = 4, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 256, 5);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 384, 3);
    if (!slim)
        x = conv_relu(g, o, x, 384, 3);
    x = conv_relu(g, o, x, 256, 3);
    return wn_max_pool(g, x, .kernel = 3, .stride = 2);
}

void wn_build_alexnet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_flatten(g, teaching_features(g, o, false));
    x = wn_net_dropout(g, o, hidden(g, o, x), 0.5F);
    x = wn_net_dropout(g, o, hidden(g, o, x), 0.5F);
    wn_output(g, wn_linear(g, x, o->classes));
}

void wn_build_alexnet_slim(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_flatten(g, teaching_features(g, o, true));
    x = wn_net_dropout(g, o, hidden(g, o, x), 0.5F);
    wn_output(g, wn_linear(g, x, o->classes));
}

void wn_build_alexnet_imagenet(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, "features");
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 64), .kernel = 11, .stride = 4, .pad = 2));
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 192, 5);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    x = conv_relu(g, o, x, 384, 3);
    x = conv_relu(g, o, x, 256, 3);
    x = conv_relu(g, o, x, 256, 3);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    wn_scope_end(g);
    x = wn_flatten(g, wn_adaptive_average_pool(g, x, 6, 6));
    wn_scope_begin(g, "classifier");
    x = hidden(g, o, wn_net_dropout(g, o, x, 0.5F));
    x = hidden(g, o, wn_net_dropout(g, o, x, 0.5F));
    x = wn_linear(g, x, o->classes);
    wn_scope_end(g);
    wn_output(g, x);
}

/* Convolution in two groups, as on the two GPUs of the original. */
static wn_tensor grouped_relu(wn_graph *g, const wn_net_options *o, wn_tensor x, int channels, int kernel) {
    return wn_relu(
        g, wn_conv(g, x, wn_net_width(o, channels), .kernel = kernel, .pad = kernel / 2, .groups = 2));
}

static wn_tensor norm_pool(wn_graph *g, wn_tensor x) {
    x = wn_local_response_norm(g, x, .size = 5, .alpha = 1e-4F, .k = 2);
    return wn_max_pool(g, x, .kernel = 3, .stride = 2);
}

void wn_build_alexnet_2012(wn_graph *g, const wn_net_options *o) {
    wn_tensor x = wn_net_input(g, o);
    wn_scope_begin(g, "features");
    x = wn_relu(g, wn_conv(g, x, wn_net_width(o, 96), .kernel = 11, .stride = 4));
    x = norm_pool(g, x);
    x = norm_pool(g, grouped_relu(g, o, x, 256, 5));
    x = conv_relu(g, o, x, 384, 3);
    x = grouped_relu(g, o, x, 384, 3);
    x = grouped_relu(g, o, x, 256, 3);
    x = wn_max_pool(g, x, .kernel = 3, .stride = 2);
    wn_scope_end(g);
    x = wn_flatten(g, x);
    wn_scope_begin(g, "classifier");
    x = wn_net_dropout(g, o, hidden(g, o, x), 0.5F);
    x = wn_net_dropout(g, o, hidden(g, o, x), 0.5F);
    x = wn_linear(g, x, o->classes);
    wn_scope_end(g);
    wn_output(g, x);
}
