/* Addition of two tensors: residual connections. */
#include "graph_internal.h"
#include <string.h>

wn_tensor wn_add(wn_graph *graph, wn_tensor a, wn_tensor b) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_ADD}, NULL, (wn_tensor[]){a, b}, 2);
}

static bool same_layout(const wn_graph_tensor *a, const wn_graph_tensor *b) {
    if (a->map_channels != b->map_channels || a->map_height != b->map_height || a->map_width != b->map_width)
        return false;
    for (int c = 0; c < a->map_channels; c++)
        if ((a->physical_of ? a->physical_of[c] : c) != (b->physical_of ? b->physical_of[c] : c))
            return false;
    return true;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the first input */
    const wn_graph_tensor *a = wn_layer_input(graph, layer, 0), *b = wn_layer_input(graph, layer, 1);
    if (a->channels != b->channels || a->height != b->height || a->width != b->width)
        wn_layer_fail(graph, layer, "found %dx%dx%d and %dx%dx%d, expected equal shapes", a->channels,
                      a->height, a->width, b->channels, b->height, b->width);
    else if (!same_layout(a, b))
        wn_layer_fail(graph, layer,
                      "its inputs are stored differently (concatenations whose parts are no multiples "
                      "of 16 channels, or flattened maps); this is not supported");
}

const wn_layer_kind wn_kind_add = {.name = "add", .is_operator = true, .infer = infer};
