/* Convolution: shape inference and lowering. How a linear layer becomes one is in op_linear.c. */
#include "graph_internal.h"

wn_tensor wn_conv_with(wn_graph *graph, wn_tensor x, int out_channels, wn_conv_options options) {
    wn_layer layer = {.kind = WN_KIND_CONV,
                      .out_channels = out_channels,
                      .groups = options.groups ? options.groups : 1,
                      .bias = !options.no_bias};
    layer.kh = layer.kw = options.kernel ? options.kernel : 1;
    layer.sh = layer.sw = options.stride ? options.stride : 1;
    layer.ph = layer.pw = options.pad;
    layer.dh = layer.dw = options.dilation;
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static bool sane_options(wn_graph *graph, const wn_layer *layer) {
    const int most = 1 << 14; /* keeps every product of two of them in an int */
    if (layer->kh < 1 || layer->kh > most || layer->sh < 1 || layer->sh > most || layer->ph < 0 ||
        layer->ph > most || layer->dh < 0 || layer->dh > most) {
        wn_layer_fail(
            graph, layer,
            "found kernel %d, stride %d, padding %d, dilation %d; expected kernel and stride at least 1, "
            "padding and dilation at least 0, all at most %d",
            layer->kh, layer->sh, layer->ph, layer->dh, most);
        return false;
    }
    return true;
}

static bool sane_channels(wn_graph *graph, const wn_layer *layer, const wn_graph_tensor *input) {
    if (layer->out_channels < 1)
        wn_layer_fail(graph, layer, "found %d output channels, expected at least 1", layer->out_channels);
    else if (layer->groups < 1 || input->channels % layer->groups || layer->out_channels % layer->groups)
        wn_layer_fail(graph, layer,
                      "found %d groups for %d input and %d output channels, expected a divisor of both",
                      layer->groups, input->channels, layer->out_channels);
    else if (layer->groups > 1 && input->physical_of)
        wn_layer_fail(graph, layer,
                      "groups over a concatenation whose parts are no multiples of 16 channels are not "
                      "supported");
    else
        return true;
    return false;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    if (!wn_layer_needs_map(graph, layer, 0) || !sane_options(graph, layer) ||
        !sane_channels(graph, layer, input))
        return;
    wn_window window = wn_layer_window(graph, layer);
    wn_tensor_set_dense(output, layer->out_channels, window.height, window.width);
    wn_layer_parameter(
        graph, layer, WN_ROLE_WEIGHT, true, 4,
        (int64_t[4]){layer->out_channels, input->channels / layer->groups, layer->kh, layer->kw});
    if (layer->bias)
        wn_layer_parameter(graph, layer, WN_ROLE_BIAS, true, 1, (int64_t[4]){layer->out_channels});
}

const wn_layer_kind wn_kind_conv = {.name = "conv", .infer = infer};
