/* Walks the layers of a graph forwards and backwards, see interpreter.h. */
#include "interpreter.h"
#include "random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(int64_t count, size_t size) {
    void *memory = calloc(count > 0 ? (size_t)count : 1, size);
    if (!memory) {
        perror("interpreter");
        abort();
    }
    return memory;
}

interpreter interpreter_create(const wn_graph *graph, int batch) {
    interpreter it = {.graph = graph, .labels = allocate(batch, sizeof *it.labels)};
    it.values = allocate(graph->tensor_count, sizeof *it.values);
    it.value_gradients = allocate(graph->tensor_count, sizeof *it.values);
    it.parameters = allocate(graph->parameter_count, sizeof *it.parameters);
    it.parameter_gradients = allocate(graph->parameter_count, sizeof *it.parameters);
    it.layers = allocate(graph->layer_count, sizeof *it.layers);
    for (int i = 0; i < graph->tensor_count; i++) {
        const wn_graph_tensor *t = &graph->tensors[i];
        it.values[i] = ref_create(batch, t->channels, t->height, t->width);
        it.value_gradients[i] = ref_create(batch, t->channels, t->height, t->width);
    }
    for (int i = 0; i < graph->parameter_count; i++) {
        const wn_graph_parameter *parameter = &graph->parameters[i];
        it.parameters[i] = allocate(parameter->count, sizeof **it.parameters);
        if (parameter->learned)
            it.parameter_gradients[i] = allocate(parameter->count, sizeof **it.parameters);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        const wn_layer *layer = &graph->layers[i];
        const ref_tensor *y = &it.values[layer->output];
        if (layer->kind == WN_KIND_MAX_POOL)
            it.layers[i].argmax = allocate(ref_count(y), sizeof(long));
        if (layer->kind == WN_KIND_BATCH_NORM) {
            it.layers[i].mean = allocate(y->c, sizeof(double));
            it.layers[i].inv_std = allocate(y->c, sizeof(double));
        }
    }
    return it;
}

void interpreter_destroy(interpreter *it) {
    for (int i = 0; i < it->graph->tensor_count; i++) {
        ref_destroy(&it->values[i]);
        ref_destroy(&it->value_gradients[i]);
    }
    for (int i = 0; i < it->graph->parameter_count; i++) {
        free(it->parameters[i]);
        free(it->parameter_gradients[i]);
    }
    for (int i = 0; i < it->graph->layer_count; i++) {
        free(it->layers[i].argmax);
        free(it->layers[i].mean);
        free(it->layers[i].inv_std);
    }
    free(it->labels);
    free(it->values);
    free(it->value_gradients);
    free(it->parameters);
    free(it->parameter_gradients);
    free(it->layers);
    *it = (interpreter){0};
}

static ref_window window_of(const wn_layer *layer) {
    return (ref_window){layer->kh, layer->kw, layer->sh, layer->sw,     layer->ph,
                        layer->pw, layer->dh, layer->dw, layer->groups, layer->exclude_pad};
}

/* The layer's parameter of a role, NULL when it has none. */
static double *parameter_of(const interpreter *it, double **arrays, const wn_layer *layer, wn_role role) {
    for (int i = layer->first_parameter; i < layer->first_parameter + layer->parameter_count; i++)
        if (it->graph->parameters[i].role == role)
            return arrays[i];
    return NULL;
}

static ref_batch_norm batch_norm_of(const interpreter *it, const wn_layer *layer) {
    const interpreter_layer *kept = &it->layers[layer - it->graph->layers];
    return (ref_batch_norm){.eps = (double)layer->eps,
                            .momentum = (double)layer->momentum,
                            .scale = parameter_of(it, it->parameters, layer, WN_ROLE_WEIGHT),
                            .shift = parameter_of(it, it->parameters, layer, WN_ROLE_BIAS),
                            .running_mean = parameter_of(it, it->parameters, layer, WN_ROLE_RUNNING_MEAN),
                            .running_var = parameter_of(it, it->parameters, layer, WN_ROLE_RUNNING_VAR),
                            .mean = kept->mean,
                            .inv_std = kept->inv_std};
}

/* Dropout numbers its elements by where channels lie, holes of concatenations included. Behind a flatten the
 * numbers are those of the map: feature f is pixel f % pixels of stored channel f / pixels. */
static void dropout(const interpreter *it, const wn_layer *layer, const ref_tensor *x, const ref_tensor *y) {
    const wn_graph_tensor *tensor = &it->graph->tensors[layer->inputs[0]];
    ref_tensor from = {x->n, tensor->map_channels, tensor->map_height, tensor->map_width, x->data};
    ref_tensor to = from;
    to.data = y->data;
    ref_dropout options = {.p = layer->p,
                           .seed = it->seed,
                           .stream = WN_STREAM_DROPOUT + ((uint64_t)(layer - it->graph->layers) << 8),
                           .step = it->step,
                           .channels = tensor->physical,
                           .position = tensor->physical_of};
    ref_dropout_add(&options, &from, &to);
}

static double largest(const ref_tensor *t) {
    double most = 0;
    for (long i = 0; i < ref_count(t); i++)
        most = fmax(most, fabs(t->data[i]));
    return most;
}

static void note_distance(interpreter *it, double distance, double scale) {
    if (distance > 0 && distance < it->margin * scale)
        it->margin = distance / scale;
}

static void relu_margin(interpreter *it, const ref_tensor *x) {
    double scale = largest(x);
    for (long i = 0; i < ref_count(x); i++)
        note_distance(it, fabs(x->data[i]), scale);
}

static void max_pool_margin(interpreter *it, const wn_layer *layer, const ref_tensor *x,
                            const ref_tensor *y) {
    double scale = largest(x);
    for (int n = 0; n < y->n; n++)
        for (int c = 0; c < y->c; c++)
            for (int oh = 0; oh < y->h; oh++)
                for (int ow = 0; ow < y->w; ow++)
                    for (int tap = 0; tap < layer->kh * layer->kw; tap++) {
                        int h = oh * layer->sh - layer->ph + tap / layer->kw;
                        int w = ow * layer->sw - layer->pw + tap % layer->kw;
                        if (h >= 0 && h < x->h && w >= 0 && w < x->w)
                            note_distance(
                                it, y->data[ref_index(y, n, c, oh, ow)] - x->data[ref_index(x, n, c, h, w)],
                                scale);
                    }
}

static void forward_layer(interpreter *it, const wn_layer *layer) {
    const ref_tensor *x = &it->values[layer->inputs[0]], *y = &it->values[layer->output];
    const double *weights = parameter_of(it, it->parameters, layer, WN_ROLE_WEIGHT);
    const double *bias = parameter_of(it, it->parameters, layer, WN_ROLE_BIAS);
    const ref_window window = window_of(layer);
    const ref_batch_norm norm = batch_norm_of(it, layer);
    memset(y->data, 0, (size_t)ref_count(y) * sizeof *y->data);
    switch (layer->kind) {
    case WN_KIND_CONV:
        ref_conv_forward(&window, x, weights, bias, y);
        break;
    case WN_KIND_LINEAR:
        ref_linear_forward(x, weights, bias, y);
        break;
    case WN_KIND_BATCH_NORM:
        (it->training ? ref_batch_norm_train : ref_batch_norm_eval)(&norm, x, y);
        break;
    case WN_KIND_MAX_POOL:
        ref_max_pool_forward(&window, x, y, it->layers[layer - it->graph->layers].argmax);
        max_pool_margin(it, layer, x, y);
        break;
    case WN_KIND_AVERAGE_POOL:
    case WN_KIND_GLOBAL_AVERAGE_POOL:
        ref_average_pool_forward(&window, x, y);
        break;
    case WN_KIND_ADAPTIVE_AVERAGE_POOL:
        ref_adaptive_average_pool_forward(x, y);
        break;
    case WN_KIND_RELU:
        ref_relu_forward(x, y);
        relu_margin(it, x);
        break;
    case WN_KIND_SIGMOID:
        ref_sigmoid_forward(x, y);
        break;
    case WN_KIND_TANH:
        ref_tanh_forward(x, y);
        break;
    case WN_KIND_DROPOUT:
        if (it->training)
            dropout(it, layer, x, y);
        else
            ref_add(x, y);
        break;
    case WN_KIND_FLATTEN:
        ref_add(x, y);
        break;
    case WN_KIND_ADD:
        ref_add(x, y);
        ref_add(&it->values[layer->inputs[1]], y);
        break;
    case WN_KIND_CONCAT:
        for (int i = 0, first = 0; i < layer->input_count; first += it->values[layer->inputs[i++]].c)
            ref_concat_forward(&it->values[layer->inputs[i]], first, y);
        break;
    case WN_KIND_PAD:
        ref_pad_forward(layer->padding, x, y);
        break;
    case WN_KIND_PAD_CHANNELS:
        ref_concat_forward(x, 0, y);
        break;
    case WN_KIND_LOCAL_RESPONSE_NORM:
        ref_response_norm_forward(layer->window, (double)layer->alpha, (double)layer->k, x, y);
        break;
    case WN_KIND_COUNT:
        break;
    }
}

static void backward_layer(interpreter *it, const wn_layer *layer) {
    const ref_tensor *x = &it->values[layer->inputs[0]], *y = &it->values[layer->output];
    const ref_tensor *dx = &it->value_gradients[layer->inputs[0]], *dy = &it->value_gradients[layer->output];
    const double *weights = parameter_of(it, it->parameters, layer, WN_ROLE_WEIGHT);
    double *dweights = parameter_of(it, it->parameter_gradients, layer, WN_ROLE_WEIGHT);
    double *dbias = parameter_of(it, it->parameter_gradients, layer, WN_ROLE_BIAS);
    const ref_window window = window_of(layer);
    const ref_batch_norm norm = batch_norm_of(it, layer);
    switch (layer->kind) {
    case WN_KIND_CONV:
        ref_conv_backward(&window, x, weights, dy, dx, dweights, dbias);
        break;
    case WN_KIND_LINEAR:
        ref_linear_backward(x, weights, dy, dx, dweights, dbias);
        break;
    case WN_KIND_BATCH_NORM:
        ref_batch_norm_backward(&norm, x, dy, dx, dweights, dbias);
        break;
    case WN_KIND_MAX_POOL:
        ref_max_pool_backward(it->layers[layer - it->graph->layers].argmax, dy, dx);
        break;
    case WN_KIND_AVERAGE_POOL:
    case WN_KIND_GLOBAL_AVERAGE_POOL:
        ref_average_pool_backward(&window, dy, dx);
        break;
    case WN_KIND_ADAPTIVE_AVERAGE_POOL:
        ref_adaptive_average_pool_backward(dy, dx);
        break;
    case WN_KIND_RELU:
        ref_relu_backward(y, dy, dx);
        break;
    case WN_KIND_SIGMOID:
        ref_sigmoid_backward(y, dy, dx);
        break;
    case WN_KIND_TANH:
        ref_tanh_backward(y, dy, dx);
        break;
    case WN_KIND_DROPOUT:
        dropout(it, layer, dy, dx);
        break;
    case WN_KIND_FLATTEN:
        ref_add(dy, dx);
        break;
    case WN_KIND_ADD:
        ref_add(dy, dx);
        ref_add(dy, &it->value_gradients[layer->inputs[1]]);
        break;
    case WN_KIND_CONCAT:
        for (int i = 0, first = 0; i < layer->input_count; first += it->values[layer->inputs[i++]].c)
            ref_concat_backward(dy, first, &it->value_gradients[layer->inputs[i]]);
        break;
    case WN_KIND_PAD:
        ref_pad_backward(layer->padding, dy, dx);
        break;
    case WN_KIND_PAD_CHANNELS:
        ref_concat_backward(dy, 0, dx);
        break;
    case WN_KIND_LOCAL_RESPONSE_NORM:
        ref_response_norm_backward(layer->window, (double)layer->alpha, (double)layer->k, x, dy, dx);
        break;
    case WN_KIND_COUNT:
        break;
    }
}

double interpreter_forward(interpreter *it) {
    it->margin = INFINITY;
    it->correct = 0;
    for (int i = 0; i < it->graph->layer_count; i++)
        forward_layer(it, &it->graph->layers[i]);
    return ref_loss(&it->values[it->graph->output], it->labels, it->label_smoothing, NULL, &it->correct);
}

void interpreter_backward(interpreter *it) {
    for (int i = 0; i < it->graph->tensor_count; i++)
        memset(it->value_gradients[i].data, 0, (size_t)ref_count(&it->value_gradients[i]) * sizeof(double));
    for (int i = 0; i < it->graph->parameter_count; i++)
        if (it->parameter_gradients[i])
            memset(it->parameter_gradients[i], 0, (size_t)it->graph->parameters[i].count * sizeof(double));
    ref_loss(&it->values[it->graph->output], it->labels, it->label_smoothing,
             &it->value_gradients[it->graph->output], NULL);
    for (int i = it->graph->layer_count - 1; i >= 0; i--)
        backward_layer(it, &it->graph->layers[i]);
}
