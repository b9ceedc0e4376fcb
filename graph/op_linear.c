/* Linear layer: a convolution whose kernel is the whole map of its input, so that flatten moves nothing. Its
 * weights are kept in the convolution's blocked layout and are [out, in] only at the model's border. */
#include "lowering.h"

wn_tensor wn_linear_with(wn_graph *graph, wn_tensor x, int out_features, wn_layer_options options) {
    wn_layer layer = {.kind = WN_KIND_LINEAR, .out_channels = out_features, .bias = !options.no_bias};
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    if (input->height != 1 || input->width != 1) {
        wn_layer_fail(graph, layer,
                      "found a map of %dx%dx%d as input, expected flat features; flatten it first",
                      input->channels, input->height, input->width);
        return;
    }
    if (layer->out_channels < 1 || layer->out_channels > WN_MOST_CHANNELS) {
        wn_layer_fail(graph, layer, "found %d output features, expected 1 to %d", layer->out_channels,
                      WN_MOST_CHANNELS);
        return;
    }
    layer->kh = input->map_height;
    layer->kw = input->map_width;
    layer->sh = layer->sw = layer->groups = 1;
    wn_tensor_set_dense(output, layer->out_channels, 1, 1);
    wn_layer_parameter(graph, layer, WN_ROLE_WEIGHT, true, 2,
                       (int64_t[4]){layer->out_channels, input->channels});
    if (layer->bias)
        wn_layer_parameter(graph, layer, WN_ROLE_BIAS, true, 1, (int64_t[4]){layer->out_channels});
}

const wn_layer_kind wn_kind_linear = {
    .name = "linear", .infer = infer, .forward = wn_lower_conv_forward, .backward = wn_lower_conv_backward};
