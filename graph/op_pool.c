/* Maximum and average pooling, and the average of a whole map. */
#include "graph_internal.h"

static wn_tensor append_pool(wn_graph *graph, wn_kind kind, wn_tensor x, wn_pool_options options) {
    wn_layer layer = {.kind = kind, .ceil_mode = options.ceil_mode};
    layer.kh = layer.kw = options.kernel;
    layer.sh = layer.sw = options.stride ? options.stride : options.kernel;
    layer.ph = layer.pw = options.pad;
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

wn_tensor wn_max_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options) {
    return append_pool(graph, WN_KIND_MAX_POOL, x, options);
}

wn_tensor wn_average_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options) {
    return append_pool(graph, WN_KIND_AVERAGE_POOL, x, options);
}

wn_tensor wn_global_average_pool(wn_graph *graph, wn_tensor x) {
    return append_pool(graph, WN_KIND_GLOBAL_AVERAGE_POOL, x, (wn_pool_options){.kernel = 1});
}

static void set_size(wn_graph_tensor *output, wn_window window) {
    output->height = output->map_height = window.height;
    output->width = output->map_width = window.width;
}

static void infer_window(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const int most = 1 << 14;
    if (layer->kh < 1 || layer->kh > most || layer->sh < 1 || layer->sh > most || layer->ph < 0 ||
        2 * layer->ph > layer->kh) {
        wn_layer_fail(
            graph, layer,
            "found kernel %d, stride %d, padding %d; expected kernel and stride from 1 to %d and a padding "
            "of at most half the kernel",
            layer->kh, layer->sh, layer->ph, most);
        return;
    }
    if (layer->kind == WN_KIND_MAX_POOL && layer->kh > 16) {
        wn_layer_fail(graph, layer, "found kernel %d, expected at most 16", layer->kh);
        return;
    }
    if (wn_layer_needs_map(graph, layer, 0))
        set_size(output, wn_layer_window(graph, layer));
}

static void infer_global(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    layer->kh = layer->sh = input->height;
    layer->kw = layer->sw = input->width;
    set_size(output, (wn_window){1, 1});
}

const wn_layer_kind wn_kind_max_pool = {.name = "max_pool", .infer = infer_window};
const wn_layer_kind wn_kind_average_pool = {.name = "average_pool", .infer = infer_window};
const wn_layer_kind wn_kind_global_average_pool = {.name = "global_average_pool", .infer = infer_global};
