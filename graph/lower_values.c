/* Where values lie. Parts of a concatenation are placed inside it, so that concatenating moves nothing;
 * flattened tensors are their roots; everything else gets a buffer of its own when it is first asked for. */
#include "lowering.h"

static const wn_graph_tensor *shape_of(const wn_lowering *lowering, int tensor) {
    return &lowering->graph->tensors[tensor];
}

int64_t wn_dense_stride(const wn_lowering *lowering, int tensor) {
    const wn_graph_tensor *shape = shape_of(lowering, tensor);
    return (int64_t)wn_blocks(shape->physical) * shape->map_height * shape->map_width * WN_BLOCK;
}

wn_place wn_place_new(wn_lowering *lowering, int tensor) {
    int64_t stride = wn_dense_stride(lowering, tensor);
    int64_t bytes = wn_lower_bytes(lowering, lowering->tape->options.batch, stride);
    return (wn_place){.buffer = wn_lower_buffer(lowering, bytes), .stride = stride};
}

wn_place wn_value_place(wn_lowering *lowering, int tensor) {
    wn_value *value = &lowering->values[lowering->roots[tensor]];
    if (!value->placed) {
        value->place = wn_place_new(lowering, tensor);
        value->placed = true;
    }
    return value->place;
}

wn_place wn_place_part(const wn_lowering *lowering, const wn_layer *concat, wn_place whole, int part) {
    for (int i = 0; i < part; i++)
        whole.offset += wn_dense_stride(lowering, concat->inputs[i]) * 4;
    return whole;
}

/* Places the parts of a concatenation inside it where they are not bound to another place. The network's
 * input cannot move: its blocked copy is made before everything else and read by whoever needs it. */
static void place_parts(wn_lowering *lowering, const wn_layer *concat) {
    wn_place whole = wn_value_place(lowering, concat->output);
    for (int i = 0; i < concat->input_count; i++) {
        int root = lowering->roots[concat->inputs[i]];
        wn_value *part = &lowering->values[root];
        if (part->placed || root == lowering->graph->input)
            continue;
        part->place = wn_place_part(lowering, concat, whole, i);
        part->placed = true;
    }
}

void wn_lower_place_concatenations(wn_lowering *lowering) {
    for (int i = lowering->graph->layer_count - 1; i >= 0; i--)
        if (lowering->graph->layers[i].kind == WN_KIND_CONCAT)
            place_parts(lowering, &lowering->graph->layers[i]);
}

void wn_lower_find_roots(wn_lowering *lowering) {
    const wn_graph *graph = lowering->graph;
    for (int t = 0; t < graph->tensor_count; t++) {
        lowering->roots[t] = t;
        if (graph->tensors[t].producer < 0)
            continue;
        const wn_layer *layer = &graph->layers[graph->tensors[t].producer];
        bool identity = layer->kind == WN_KIND_FLATTEN ||
                        (layer->kind == WN_KIND_DROPOUT && !lowering->tape->options.training);
        if (identity)
            lowering->roots[t] = lowering->roots[layer->inputs[0]];
    }
}
