/* Questions about shapes that several kinds of layers share: windows, maps, problems of layers, summaries. */
#include "graph_internal.h"
#include <stdio.h>
#include <stdlib.h>

void wn_tensor_set_dense(wn_graph_tensor *tensor, int channels, int height, int width) {
    free(tensor->physical_of);
    tensor->physical_of = NULL;
    tensor->channels = tensor->map_channels = tensor->physical = channels;
    tensor->height = tensor->map_height = height;
    tensor->width = tensor->map_width = width;
}

bool wn_layer_needs_map(wn_graph *graph, const wn_layer *layer, int index) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, index);
    if (input->map_height == input->height && input->map_width == input->width)
        return true;
    wn_layer_fail(graph, layer,
                  "found the flattened map %dx%dx%d as input, expected a map or flat features of a "
                  "1x1 map; put this layer before the flatten",
                  input->map_channels, input->map_height, input->map_width);
    return false;
}

/* One axis of a window: kernel is the effective one (dilation included). */
typedef struct axis {
    long kernel, stride, pad;
    bool ceil_mode;
} axis;

static axis layer_axis(const wn_layer *layer, bool vertical) {
    long k = vertical ? layer->kh : layer->kw, d = vertical ? layer->dh : layer->dw;
    return (axis){.kernel = (k - 1) * (d + 1) + 1,
                  .stride = vertical ? layer->sh : layer->sw,
                  .pad = vertical ? layer->ph : layer->pw,
                  .ceil_mode = layer->ceil_mode};
}

/* Output size; below 1 when the window does not fit. In ceil mode the last window may hang over the edge but
 * must start inside the input or its left padding, as in PyTorch. */
static long window_size(axis a, long input) {
    long room = input + 2 * a.pad - a.kernel;
    if (room < 0)
        return 0;
    long output = (room + (a.ceil_mode ? a.stride - 1 : 0)) / a.stride + 1;
    if (a.ceil_mode && (output - 1) * a.stride >= input + a.pad)
        output--;
    return output;
}

/* The smallest input that gives at least `output`. */
static long smallest_input(axis a, long output) {
    long input = (output - 1) * a.stride + a.kernel - 2 * a.pad;
    while (input > 1 && window_size(a, input - 1) >= output)
        input--;
    return input > 1 ? input : 1;
}

/* Follows the first inputs back to the network's input; 0 when none works (behind a layer that fixes the
 * size). */
static long smallest_network_input(const wn_graph *graph, const wn_layer *layer, bool vertical) {
    long need = 1;
    while (true) {
        if (layer->kind == WN_KIND_LINEAR || layer->kind == WN_KIND_GLOBAL_AVERAGE_POOL ||
            layer->kind == WN_KIND_ADAPTIVE_AVERAGE_POOL)
            return 0;
        if (layer->kind == WN_KIND_PAD) {
            long smallest = wn_padding_smallest(layer->padding, layer->ph);
            need = need - 2 * layer->ph > smallest ? need - 2 * layer->ph : smallest;
        } else if (layer->kh > 0)
            need = smallest_input(layer_axis(layer, vertical), need);
        int producer = wn_layer_input(graph, layer, 0)->producer;
        if (producer < 0)
            return need;
        layer = &graph->layers[producer];
    }
}

void wn_layer_smallest_hint(const wn_graph *graph, const wn_layer *layer, char hint[static WN_HINT_BYTES]) {
    long height = smallest_network_input(graph, layer, true);
    long width = smallest_network_input(graph, layer, false);
    hint[0] = 0;
    if (height && width)
        snprintf(hint, WN_HINT_BYTES, "; the smallest input of the network that works up to here is %ldx%ld",
                 height, width);
}

wn_window wn_layer_window(wn_graph *graph, const wn_layer *layer) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    axis vertical = layer_axis(layer, true), horizontal = layer_axis(layer, false);
    long height = window_size(vertical, input->height), width = window_size(horizontal, input->width);
    if (height >= 1 && width >= 1)
        return (wn_window){(int)height, (int)width};
    char hint[WN_HINT_BYTES];
    wn_layer_smallest_hint(graph, layer, hint);
    wn_layer_fail(graph, layer,
                  "its input of %dx%d pixels with padding %d is smaller than its kernel of %ldx%ld%s",
                  input->height, input->width, layer->ph, vertical.kernel, horizontal.kernel, hint);
    return (wn_window){0, 0};
}

int wn_graph_root(const wn_graph *graph, int tensor) {
    int producer = graph->tensors[tensor].producer;
    while (producer >= 0 && graph->layers[producer].kind == WN_KIND_FLATTEN) {
        tensor = graph->layers[producer].inputs[0];
        producer = graph->tensors[tensor].producer;
    }
    return tensor;
}

bool wn_layer_reads_plain(const wn_graph *graph, const wn_layer *layer) {
    if (layer->kind == WN_KIND_PAD)
        return wn_layer_reads_plain(graph, layer + 1); /* its convolution, its only reader */
    if (layer->kind != WN_KIND_CONV && layer->kind != WN_KIND_LINEAR)
        return false;
    int root = wn_graph_root(graph, layer->inputs[0]), producer = graph->tensors[root].producer;
    if (producer >= 0 && graph->layers[producer].kind == WN_KIND_PAD)
        root = wn_graph_root(graph, graph->layers[producer].inputs[0]);
    return root == graph->input && layer->groups == 1 && graph->tensors[root].channels <= 4;
}

wn_problem wn_layer_problem(const wn_graph *graph, const wn_layer *layer, int batch) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    const wn_graph_tensor *output = &graph->tensors[layer->output];
    return (wn_problem){.direction = WN_FWD_B,
                        .mb = batch,
                        .g = layer->groups,
                        .ic = input->physical,
                        .ih = input->map_height,
                        .iw = input->map_width,
                        .oc = output->channels,
                        .oh = output->height,
                        .ow = output->width,
                        .kh = layer->kh,
                        .kw = layer->kw,
                        .sh = layer->sh,
                        .sw = layer->sw,
                        .ph = layer->ph,
                        .pw = layer->pw,
                        .dh = layer->dh,
                        .dw = layer->dw,
                        .plain_src = wn_layer_reads_plain(graph, layer)};
}

bool wn_graph_layer_problem(const wn_graph *graph, int index, int batch, wn_problem *problem) {
    const wn_layer *layer = &graph->layers[index];
    if (layer->kind != WN_KIND_CONV)
        return false;
    *problem = wn_layer_problem(graph, layer, batch);
    problem->ic = wn_layer_input(graph, layer, 0)->map_channels;
    snprintf(problem->name, sizeof problem->name, "%s", layer->name);
    return true;
}

wn_status wn_graph_check(const wn_graph *graph) {
    if (wn_failed(graph->status))
        return graph->status;
    if (graph->input < 0)
        return wn_error(WN_ERROR_INVALID, "the network has no input");
    if (graph->output < 0)
        return wn_error(WN_ERROR_INVALID, "the network has no output");
    for (int i = 0; i < graph->layer_count; i++)
        if (!graph->tensors[graph->layers[i].output].uses)
            return wn_error(WN_ERROR_INVALID, "layer '%s' (%s): nothing reads its output",
                            graph->layers[i].name, wn_layer_kind_of(graph->layers[i].kind)->name);
    return wn_ok();
}

void wn_tensor_shape(const wn_graph *graph, wn_tensor x, int *channels, int *height, int *width) {
    bool alive = x.id >= 0 && x.id < graph->tensor_count;
    *channels = alive ? graph->tensors[x.id].channels : 0;
    *height = alive ? graph->tensors[x.id].height : 0;
    *width = alive ? graph->tensors[x.id].width : 0;
}

int wn_graph_layer_count(const wn_graph *graph) {
    return graph->layer_count;
}

static double multiply_adds(const wn_graph *graph, const wn_layer *layer) {
    if (layer->kind != WN_KIND_CONV && layer->kind != WN_KIND_LINEAR)
        return 0;
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0), *output = &graph->tensors[layer->output];
    return (double)output->channels * output->height * output->width * input->map_channels / layer->groups *
           layer->kh * layer->kw;
}

wn_layer_info wn_graph_layer(const wn_graph *graph, int index) {
    const wn_layer *layer = &graph->layers[index];
    const wn_graph_tensor *output = &graph->tensors[layer->output];
    wn_layer_info info = {.name = layer->name,
                          .kind = wn_layer_kind_of(layer->kind)->name,
                          .channels = output->channels,
                          .height = output->height,
                          .width = output->width,
                          .multiply_adds = multiply_adds(graph, layer)};
    for (int i = 0; i < layer->parameter_count; i++) {
        const wn_graph_parameter *parameter = &graph->parameters[layer->first_parameter + i];
        info.parameters += parameter->learned ? parameter->count : 0;
    }
    return info;
}
