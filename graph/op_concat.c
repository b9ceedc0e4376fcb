/* Concatenation along channels. Each part keeps its padding to 16 channels, so that parts can be views. */
#include "lowering.h"
#include <stdlib.h>

wn_tensor wn_concat(wn_graph *graph, const wn_tensor *parts, int count) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_CONCAT}, NULL, parts, count);
}

/* Sums up the parts' channels; false when a part does not fit. */
static bool count_channels(wn_graph *graph, const wn_layer *layer, long *channels) {
    const wn_graph_tensor *first = wn_layer_input(graph, layer, 0);
    *channels = 0;
    for (int i = 0; i < layer->input_count; i++) {
        const wn_graph_tensor *part = wn_layer_input(graph, layer, i);
        if (!wn_layer_needs_map(graph, layer, i))
            return false;
        if (part->height != first->height || part->width != first->width) {
            wn_layer_fail(graph, layer, "part %d is a map of %dx%d pixels, expected %dx%d like part 0", i,
                          part->height, part->width, first->height, first->width);
            return false;
        }
        *channels += part->channels;
    }
    if (*channels > WN_MOST_CHANNELS) {
        wn_layer_fail(graph, layer, "%ld channels are too many (at most 2^24)", *channels);
        return false;
    }
    return true;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    long channels;
    if (!count_channels(graph, layer, &channels))
        return;
    int *physical_of = malloc((size_t)channels * sizeof *physical_of);
    if (!physical_of) {
        wn_layer_fail(graph, layer, "out of memory");
        return;
    }
    int c = 0, base = 0, end = 0;
    for (int i = 0; i < layer->input_count; i++) {
        const wn_graph_tensor *part = wn_layer_input(graph, layer, i);
        for (int k = 0; k < part->channels; k++)
            physical_of[c++] = base + (part->physical_of ? part->physical_of[k] : k);
        end = base + part->physical;
        base += wn_blocks(part->physical) * WN_BLOCK;
    }
    wn_tensor_set_dense(output, (int)channels, output->height, output->width);
    if (end == channels) {
        free(physical_of); /* no holes */
        return;
    }
    output->physical = end;
    output->physical_of = physical_of;
}

/* Copies the parts that could not be placed inside the concatenation. */
static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_place whole = wn_value_place(lowering, layer->output);
    for (int i = 0; i < layer->input_count; i++) {
        wn_place from = wn_value_place(lowering, layer->inputs[i]);
        wn_place to = wn_place_part(lowering, layer, whole, i);
        if (from.buffer != to.buffer || from.offset != to.offset)
            wn_lower_copy(lowering, layer, layer->inputs[i], from, to, false);
    }
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_place whole = wn_gradient_of(lowering, layer->output);
    bool masked = wn_gradient_is_masked(lowering, layer->output);
    for (int i = 0; i < layer->input_count; i++)
        wn_gradient_pass(lowering, layer->inputs[i], wn_place_part(lowering, layer, whole, i), masked);
}

const wn_layer_kind wn_kind_concat = {
    .name = "concat", .is_operator = true, .infer = infer, .forward = forward, .backward = backward};
