/* One layer after the other to ONNX's operators. */
#include "onnx_nodes.h"
#include "onnx_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 256 };

/* The graph while it is written. */
typedef struct writing {
    wn_onnx_writer to;
    const wn_graph *network;
    char **names; /* [tensors]: what each is called, owned */
    bool *flat;   /* [tensors]: [N][features], no map */
} writing;

static wn_status unsupported(const wn_layer *layer, const char *what) {
    return wn_error(WN_ERROR_UNSUPPORTED, "layer '%s' (%s): ONNX has no operator for %s", layer->name,
                    wn_layer_kind_of(layer->kind)->name, what);
}

static const char *input_name(const writing *w, const wn_layer *layer, int index) {
    return w->names[layer->inputs[index]];
}

static const char *output_name(const writing *w, const wn_layer *layer) {
    return w->names[layer->output];
}

/* The names of those of a layer's parameters that are there, in the order of the roles. */
static void add_parameters(writing *w, const wn_layer *layer) {
    for (wn_role role = WN_ROLE_WEIGHT; role <= WN_ROLE_RUNNING_VAR; role++)
        for (int p = 0; p < layer->parameter_count; p++) {
            const wn_graph_parameter *parameter = &w->network->parameters[layer->first_parameter + p];
            if (parameter->role == role)
                wn_onnx_add_input(&w->to, parameter->name);
        }
}

static wn_status put_simple(writing *w, const wn_layer *layer, const char *operator) {
    wn_onnx_begin_node(&w->to, operator, output_name(w, layer));
    for (int i = 0; i < layer->input_count; i++)
        wn_onnx_add_input(&w->to, input_name(w, layer, i));
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

static wn_status put_conv(writing *w, const wn_layer *layer) {
    wn_onnx_begin_node(&w->to, "Conv", output_name(w, layer));
    wn_onnx_add_input(&w->to, input_name(w, layer, 0));
    add_parameters(w, layer);
    wn_onnx_add_numbers(&w->to, "kernel_shape", (int[]){layer->kh, layer->kw}, 2);
    wn_onnx_add_numbers(&w->to, "strides", (int[]){layer->sh, layer->sw}, 2);
    wn_onnx_add_numbers(&w->to, "pads", (int[]){layer->ph, layer->pw, layer->ph, layer->pw}, 4);
    wn_onnx_add_numbers(&w->to, "dilations", (int[]){layer->dh + 1, layer->dw + 1}, 2);
    wn_onnx_add_number(&w->to, "group", layer->groups);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

/* [N][features] of a map, called as said. */
static void put_flatten(writing *w, const char *name, const char *input, const char *output) {
    wn_onnx_begin_node(&w->to, "Flatten", name);
    wn_onnx_add_input(&w->to, input);
    wn_onnx_add_number(&w->to, "axis", 1);
    wn_onnx_end_node(&w->to, output);
}

static wn_status put_linear(writing *w, const wn_layer *layer) {
    char flat[NAME_BYTES];
    const char *input = input_name(w, layer, 0);
    if (!w->flat[layer->inputs[0]]) {
        snprintf(flat, sizeof flat, "%s.flat", output_name(w, layer));
        put_flatten(w, flat, input, flat);
        input = flat;
    }
    wn_onnx_begin_node(&w->to, "Gemm", output_name(w, layer));
    wn_onnx_add_input(&w->to, input);
    add_parameters(w, layer);
    wn_onnx_add_number(&w->to, "transB", 1);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

static wn_status put_batch_norm(writing *w, const wn_layer *layer) {
    wn_onnx_begin_node(&w->to, "BatchNormalization", output_name(w, layer));
    wn_onnx_add_input(&w->to, input_name(w, layer, 0));
    add_parameters(w, layer);
    wn_onnx_add_real(&w->to, "epsilon", layer->eps);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

/* How far the last window reaches beyond map and padding; 0 unless sizes are rounded up. */
static int overhang(int input, int output, int kernel, int stride, int pad) {
    int beyond = (output - 1) * stride + kernel - input - 2 * pad;
    return beyond > 0 ? beyond : 0;
}

static wn_status put_pool(writing *w, const wn_layer *layer) {
    const wn_graph_tensor *x = wn_layer_input(w->network, layer, 0), *y = &w->network->tensors[layer->output];
    int below = overhang(x->height, y->height, layer->kh, layer->sh, layer->ph);
    int right = overhang(x->width, y->width, layer->kw, layer->sw, layer->pw);
    bool average = layer->kind == WN_KIND_AVERAGE_POOL, padded = layer->ph > 0 || layer->pw > 0;
    if (average && padded && !layer->exclude_pad && (below || right))
        return unsupported(layer, "windows that leave a padding which counts");
    wn_onnx_begin_node(&w->to, average ? "AveragePool" : "MaxPool", output_name(w, layer));
    wn_onnx_add_input(&w->to, input_name(w, layer, 0));
    wn_onnx_add_numbers(&w->to, "kernel_shape", (int[]){layer->kh, layer->kw}, 2);
    wn_onnx_add_numbers(&w->to, "strides", (int[]){layer->sh, layer->sw}, 2);
    wn_onnx_add_numbers(&w->to, "pads", (int[]){layer->ph, layer->pw, layer->ph + below, layer->pw + right},
                        4);
    if (average)
        wn_onnx_add_number(&w->to, "count_include_pad", padded && !layer->exclude_pad);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

/* [outputs][inputs], or transposed: the weights of means over windows along one axis. */
static float *mean_weights(int inputs, int outputs, bool transposed) {
    float *weights = calloc((size_t)inputs * (size_t)outputs, sizeof *weights);
    for (int o = 0; weights && o < outputs; o++) {
        int begin = (int)((int64_t)o * inputs / outputs);
        int end = (int)(((int64_t)(o + 1) * inputs + outputs - 1) / outputs);
        for (int i = begin; i < end; i++)
            weights[transposed ? (int64_t)i * outputs + o : (int64_t)o * inputs + i] =
                1 / (float)(end - begin);
    }
    return weights;
}

/* Windows of several sizes: a matrix from the left for the rows, one from the right for the columns. */
static wn_status put_adaptive(writing *w, const wn_layer *layer) {
    const wn_graph_tensor *x = wn_layer_input(w->network, layer, 0);
    int height = layer->out_height, width = layer->out_width;
    char rows[NAME_BYTES], columns[NAME_BYTES], between[NAME_BYTES];
    snprintf(rows, sizeof rows, "%s.rows", output_name(w, layer));
    snprintf(columns, sizeof columns, "%s.columns", output_name(w, layer));
    snprintf(between, sizeof between, "%s.narrow", output_name(w, layer));
    float *left = mean_weights(x->height, height, false), *right = mean_weights(x->width, width, true);
    bool done = left && right;
    if (done) {
        wn_onnx_put_constant(&w->to, rows, WN_ONNX_FLOAT, (int64_t[]){height, x->height}, 2, left,
                             (size_t)height * (size_t)x->height * sizeof *left);
        wn_onnx_put_constant(&w->to, columns, WN_ONNX_FLOAT, (int64_t[]){x->width, width}, 2, right,
                             (size_t)x->width * (size_t)width * sizeof *right);
        wn_onnx_begin_node(&w->to, "MatMul", between);
        wn_onnx_add_input(&w->to, input_name(w, layer, 0));
        wn_onnx_add_input(&w->to, columns);
        wn_onnx_end_node(&w->to, between);
        wn_onnx_begin_node(&w->to, "MatMul", output_name(w, layer));
        wn_onnx_add_input(&w->to, rows);
        wn_onnx_add_input(&w->to, between);
        wn_onnx_end_node(&w->to, output_name(w, layer));
    }
    free(left);
    free(right);
    return done ? wn_ok() : wn_error(WN_ERROR_MEMORY, "layer '%s': no memory", output_name(w, layer));
}

/* Of a map [N][channels][height][width], behind it and before. */
static void put_pad_node(writing *w, const wn_layer *layer, const char *mode, const int64_t pads[8]) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.pads", output_name(w, layer));
    wn_onnx_put_constant(&w->to, name, WN_ONNX_INTEGER, (int64_t[]){8}, 1, pads, 8 * sizeof *pads);
    wn_onnx_begin_node(&w->to, "Pad", output_name(w, layer));
    wn_onnx_add_input(&w->to, input_name(w, layer, 0));
    wn_onnx_add_input(&w->to, name);
    wn_onnx_add_text(&w->to, "mode", mode);
    wn_onnx_end_node(&w->to, output_name(w, layer));
}

static wn_status put_pad(writing *w, const wn_layer *layer) {
    if (layer->padding == WN_PADDING_CIRCULAR)
        return unsupported(layer, "padding from the other side");
    put_pad_node(w, layer, layer->padding == WN_PADDING_REFLECT ? "reflect" : "edge",
                 (int64_t[]){0, 0, layer->ph, layer->pw, 0, 0, layer->ph, layer->pw});
    return wn_ok();
}

static wn_status put_pad_channels(writing *w, const wn_layer *layer) {
    int more = layer->out_channels - wn_layer_input(w->network, layer, 0)->channels;
    put_pad_node(w, layer, "constant", (int64_t[]){0, 0, 0, 0, 0, more, 0, 0});
    return wn_ok();
}

static wn_status put_response_norm(writing *w, const wn_layer *layer) {
    wn_onnx_begin_node(&w->to, "LRN", output_name(w, layer));
    wn_onnx_add_input(&w->to, input_name(w, layer, 0));
    wn_onnx_add_number(&w->to, "size", layer->window);
    wn_onnx_add_real(&w->to, "alpha", layer->alpha);
    wn_onnx_add_real(&w->to, "beta", 0.75f);
    wn_onnx_add_real(&w->to, "bias", layer->k);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

static wn_status put_concat(writing *w, const wn_layer *layer) {
    wn_onnx_begin_node(&w->to, "Concat", output_name(w, layer));
    for (int i = 0; i < layer->input_count; i++)
        wn_onnx_add_input(&w->to, input_name(w, layer, i));
    wn_onnx_add_number(&w->to, "axis", 1);
    wn_onnx_end_node(&w->to, output_name(w, layer));
    return wn_ok();
}

static wn_status put_layer(writing *w, const wn_layer *layer) {
    switch (layer->kind) {
    case WN_KIND_CONV:
        return put_conv(w, layer);
    case WN_KIND_LINEAR:
        return put_linear(w, layer);
    case WN_KIND_BATCH_NORM:
        return put_batch_norm(w, layer);
    case WN_KIND_MAX_POOL:
    case WN_KIND_AVERAGE_POOL:
        return put_pool(w, layer);
    case WN_KIND_GLOBAL_AVERAGE_POOL:
        return put_simple(w, layer, "GlobalAveragePool");
    case WN_KIND_ADAPTIVE_AVERAGE_POOL:
        return put_adaptive(w, layer);
    case WN_KIND_RELU:
        return put_simple(w, layer, "Relu");
    case WN_KIND_SIGMOID:
        return put_simple(w, layer, "Sigmoid");
    case WN_KIND_TANH:
        return put_simple(w, layer, "Tanh");
    case WN_KIND_ADD:
        return put_simple(w, layer, "Add");
    case WN_KIND_CONCAT:
        return put_concat(w, layer);
    case WN_KIND_PAD:
        return put_pad(w, layer);
    case WN_KIND_PAD_CHANNELS:
        return put_pad_channels(w, layer);
    case WN_KIND_LOCAL_RESPONSE_NORM:
        return put_response_norm(w, layer);
    case WN_KIND_FLATTEN:
        put_flatten(w, output_name(w, layer), input_name(w, layer, 0), output_name(w, layer));
        break;
    case WN_KIND_DROPOUT:
    case WN_KIND_COUNT:
        break;
    }
    return wn_ok();
}

/* Dropout hands its input on under the name it had. All else is called as the layer that makes it; the names
 * of operators, which PyTorch's have none of, are made unique. */
static char *name_output(const writing *w, int index) {
    const wn_layer *layer = &w->network->layers[index];
    char *name;
    if (layer->kind == WN_KIND_DROPOUT)
        return strdup(w->names[layer->inputs[0]]);
    if (!wn_layer_kind_of(layer->kind)->is_operator)
        return strdup(layer->name);
    return asprintf(&name, "%s.%d", layer->name, index) < 0 ? NULL : name;
}

static wn_status put_all(writing *w) {
    const wn_graph *network = w->network;
    if (!(w->names[network->input] = strdup("input")))
        return wn_error(WN_ERROR_MEMORY, "no memory for names");
    for (int i = 0; i < network->layer_count; i++) {
        const wn_layer *layer = &network->layers[i];
        w->flat[layer->output] =
            layer->kind == WN_KIND_FLATTEN || layer->kind == WN_KIND_LINEAR || w->flat[layer->inputs[0]];
        if (!(w->names[layer->output] = name_output(w, i)))
            return wn_error(WN_ERROR_MEMORY, "no memory for names");
        WN_TRY(put_layer(w, layer));
    }
    if (w->flat[network->output]) {
        wn_onnx_begin_node(&w->to, "Identity", "logits");
        wn_onnx_add_input(&w->to, w->names[network->output]);
        wn_onnx_end_node(&w->to, "logits");
    } else {
        put_flatten(w, "logits", w->names[network->output], "logits");
    }
    return wn_ok();
}

wn_status wn_onnx_put_nodes(wn_message *graph, const wn_graph *network) {
    writing w = {.to = {.graph = graph}, .network = network};
    w.names = calloc((size_t)network->tensor_count, sizeof *w.names);
    w.flat = calloc((size_t)network->tensor_count, sizeof *w.flat);
    wn_status status = w.names && w.flat ? put_all(&w) : wn_error(WN_ERROR_MEMORY, "no memory for names");
    for (int i = 0; w.names && i < network->tensor_count; i++)
        free(w.names[i]);
    free(w.names);
    free(w.flat);
    wn_message_free(&w.to.node);
    return status;
}
