/* Building a graph: layers, tensors, parameters, names and sticky errors. What is particular to one kind of
 * layer is in op_<kind>.c; sizes of windows are in shapes.c. */
#include "graph_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wn_graph *wn_graph_create(void) {
    wn_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        return NULL;
    graph->input = graph->output = -1;
    graph->scopes = calloc(1, sizeof *graph->scopes);
    if (graph->scopes)
        graph->scopes[0].prefix = strdup("");
    graph->scope_count = 1;
    if (!graph->scopes || !graph->scopes[0].prefix) {
        wn_graph_destroy(graph);
        return NULL;
    }
    return graph;
}

void wn_graph_destroy(wn_graph *graph) {
    if (!graph)
        return;
    for (int i = 0; i < graph->tensor_count; i++)
        free(graph->tensors[i].physical_of);
    for (int i = 0; i < graph->layer_count; i++) {
        free(graph->layers[i].name);
        free(graph->layers[i].inputs);
    }
    for (int i = 0; i < graph->parameter_count; i++)
        free(graph->parameters[i].name);
    for (int i = 0; graph->scopes && i < graph->scope_count; i++)
        free(graph->scopes[i].prefix);
    free(graph->tensors);
    free(graph->layers);
    free(graph->parameters);
    free(graph->scopes);
    free(graph);
}

wn_status wn_graph_status(const wn_graph *graph) {
    return graph->status;
}

void wn_graph_fail(wn_graph *graph, const char *format, ...) {
    if (wn_failed(graph->status))
        return;
    char text[sizeof graph->status.message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    graph->status = wn_error(WN_ERROR_INVALID, "%s", text);
}

static void fail_memory(wn_graph *graph) {
    if (!wn_failed(graph->status))
        graph->status = wn_error(WN_ERROR_MEMORY, "out of memory while building the network");
}

void wn_layer_fail(wn_graph *graph, const wn_layer *layer, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wn_graph_fail(graph, "layer '%s' (%s): %s", layer->name, wn_layer_kind_of(layer->kind)->name, text);
}

/* Room for one more element of an array; false and a sticky error when there is none. */
static bool grow(wn_graph *graph, void **array, int count, size_t element) {
    if (count & (count - 1)) /* sizes are powers of two: only then is the array full */
        return true;
    void *larger = realloc(*array, (count ? 2 * (size_t)count : 1) * element);
    if (!larger) {
        fail_memory(graph);
        return false;
    }
    *array = larger;
    return true;
}

static char *join(wn_graph *graph, const char *a, const char *b, const char *c) {
    char *text = NULL;
    if (asprintf(&text, "%s%s%s", a, b, c) < 0) {
        fail_memory(graph);
        return NULL;
    }
    return text;
}

/* The name's own text, or the position in the innermost scope when there is none. */
static char *scoped_name(wn_graph *graph, const char *name, const char *suffix) {
    const wn_scope *scope = &graph->scopes[graph->scope_count - 1];
    char number[16];
    snprintf(number, sizeof number, "%d", scope->position);
    return join(graph, scope->prefix, name ? name : number, suffix);
}

void wn_scope_begin(wn_graph *graph, const char *name) {
    if (wn_failed(graph->status))
        return;
    char *prefix = scoped_name(graph, name, ".");
    if (!prefix)
        return;
    graph->scopes[graph->scope_count - 1].position++;
    if (!grow(graph, (void **)&graph->scopes, graph->scope_count, sizeof *graph->scopes)) {
        free(prefix);
        return;
    }
    graph->scopes[graph->scope_count++] = (wn_scope){.prefix = prefix};
}

void wn_scope_end(wn_graph *graph) {
    if (wn_failed(graph->status))
        return;
    if (graph->scope_count == 1) {
        wn_graph_fail(graph, "a scope is ended that was not begun");
        return;
    }
    free(graph->scopes[--graph->scope_count].prefix);
}

static wn_tensor append_tensor(wn_graph *graph, const wn_graph_tensor *tensor) {
    if (!grow(graph, (void **)&graph->tensors, graph->tensor_count, sizeof *graph->tensors))
        return (wn_tensor){-1};
    graph->tensors[graph->tensor_count] = *tensor;
    return (wn_tensor){graph->tensor_count++};
}

wn_tensor wn_input(wn_graph *graph, int channels, int height, int width) {
    if (wn_failed(graph->status))
        return (wn_tensor){-1};
    int pixels, values;
    if (channels < 1 || height < 1 || width < 1)
        wn_graph_fail(graph, "input: found %dx%dx%d, expected positive channels, height and width", channels,
                      height, width);
    else if (channels > WN_MOST_CHANNELS)
        wn_graph_fail(graph, "input: found %d channels, expected 1 to %d", channels, WN_MOST_CHANNELS);
    else if (__builtin_mul_overflow(height, width, &pixels) ||
             __builtin_mul_overflow(pixels, channels, &values) || values > (1 << 30))
        wn_graph_fail(graph, "input: %dx%dx%d has too many values for one image (at most 2^30)", channels,
                      height, width);
    else if (graph->input >= 0)
        wn_graph_fail(graph, "input: the network has one already");
    if (wn_failed(graph->status))
        return (wn_tensor){-1};
    wn_graph_tensor tensor = {.producer = -1};
    wn_tensor_set_dense(&tensor, channels, height, width);
    wn_tensor input = append_tensor(graph, &tensor);
    graph->input = input.id;
    return input;
}

void wn_output(wn_graph *graph, wn_tensor logits) {
    if (wn_failed(graph->status))
        return;
    if (logits.id < 0 || logits.id >= graph->tensor_count) {
        wn_graph_fail(graph, "output: the tensor does not belong to this network");
        return;
    }
    wn_graph_tensor *tensor = &graph->tensors[logits.id];
    if (graph->output >= 0)
        wn_graph_fail(graph, "output: the network has one already");
    else if (tensor->height != 1 || tensor->width != 1)
        wn_graph_fail(graph, "output: found a map of %dx%dx%d, expected flat logits (a 1x1 map)",
                      tensor->channels, tensor->height, tensor->width);
    else if (tensor->map_height != 1 || tensor->map_width != 1 || tensor->physical_of || tensor->producer < 0)
        wn_graph_fail(graph,
                      "output: the logits must come from a layer with a 1x1 map and dense channels, "
                      "not from a flattened %dx%dx%d map",
                      tensor->map_channels, tensor->map_height, tensor->map_width);
    else if (graph->scope_count != 1)
        wn_graph_fail(graph, "output: scope '%s' is still open",
                      graph->scopes[graph->scope_count - 1].prefix);
    else {
        tensor->uses++;
        graph->output = logits.id;
    }
}

void wn_layer_parameter(wn_graph *graph, wn_layer *layer, wn_role role, bool learned, int dims,
                        const int64_t shape[4]) {
    static const char *const suffix[] = {".weight", ".bias", ".running_mean", ".running_var"};
    if (wn_failed(graph->status))
        return;
    wn_graph_parameter parameter = {
        .layer = graph->layer_count, .role = role, .learned = learned, .dims = dims};
    parameter.count = 1;
    for (int d = 0; d < 4; d++) {
        parameter.shape[d] = d < dims ? shape[d] : 1;
        if (__builtin_mul_overflow(parameter.count, parameter.shape[d], &parameter.count))
            parameter.count = INT64_MAX;
    }
    if (parameter.count > INT64_C(1) << 40) {
        wn_layer_fail(graph, layer, "its%s has more than 2^40 values", suffix[role]);
        return;
    }
    if (!grow(graph, (void **)&graph->parameters, graph->parameter_count, sizeof *graph->parameters))
        return;
    parameter.name = join(graph, layer->name, suffix[role], "");
    if (!parameter.name)
        return;
    if (!layer->parameter_count++)
        layer->first_parameter = graph->parameter_count;
    graph->parameters[graph->parameter_count++] = parameter;
}

/* Two layers of one name would have parameters of one name. */
static void check_name(wn_graph *graph, const wn_layer *layer) {
    if (!layer->parameter_count)
        return;
    for (int i = 0; i < graph->layer_count; i++)
        if (graph->layers[i].parameter_count && !strcmp(graph->layers[i].name, layer->name)) {
            wn_layer_fail(graph, layer, "another layer with parameters has this name already");
            return;
        }
}

static bool take_inputs(wn_graph *graph, wn_layer *layer, const wn_tensor *inputs, int count) {
    if (count < 1) {
        wn_layer_fail(graph, layer, "found %d inputs, expected at least one", count);
        return false;
    }
    layer->inputs = calloc((size_t)count, sizeof *layer->inputs);
    if (!layer->inputs) {
        fail_memory(graph);
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (inputs[i].id < 0 || inputs[i].id >= graph->tensor_count) {
            wn_layer_fail(graph, layer, "input %d does not belong to this network", i);
            return false;
        }
        layer->inputs[layer->input_count++] = inputs[i].id;
    }
    return true;
}

/* The output as a copy of the first input, for kinds that change little or nothing. */
static bool start_output(wn_graph *graph, const wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    *output = *input;
    output->uses = 0;
    output->producer = graph->layer_count;
    if (input->physical_of) {
        size_t bytes = (size_t)input->map_channels * sizeof *input->physical_of;
        output->physical_of = malloc(bytes);
        if (!output->physical_of) {
            fail_memory(graph);
            return false;
        }
        memcpy(output->physical_of, input->physical_of, bytes);
    }
    return true;
}

/* Sizes of one image stay far from overflow; what a batch needs is checked when a tape is compiled. */
static void check_size(wn_graph *graph, const wn_layer *layer, const wn_graph_tensor *output) {
    int64_t pixels = (int64_t)output->map_height * output->map_width, values;
    if (__builtin_mul_overflow(pixels, (int64_t)output->physical, &values) || values > INT64_C(1) << 34)
        wn_layer_fail(graph, layer, "its output of %dx%dx%d has too many values for one image (at most 2^34)",
                      output->map_channels, output->map_height, output->map_width);
}

wn_tensor wn_graph_append(wn_graph *graph, wn_layer layer, const char *name, const wn_tensor *inputs,
                          int count) {
    if (wn_failed(graph->status))
        return (wn_tensor){-1};
    const wn_layer_kind *kind = wn_layer_kind_of(layer.kind);
    wn_graph_tensor output = {0};
    wn_tensor result = {-1};
    layer.name = scoped_name(graph, name ? name : kind->is_operator ? kind->name : NULL, "");
    if (!layer.name)
        return result;
    if (take_inputs(graph, &layer, inputs, count) && start_output(graph, &layer, &output))
        kind->infer(graph, &layer, &output);
    check_name(graph, &layer);
    check_size(graph, &layer, &output);
    if (!wn_failed(graph->status) &&
        grow(graph, (void **)&graph->layers, graph->layer_count, sizeof *graph->layers))
        result = append_tensor(graph, &output);
    if (result.id < 0) {
        free(layer.name);
        free(layer.inputs);
        free(output.physical_of);
        return result;
    }
    for (int i = 0; i < layer.input_count; i++)
        graph->tensors[layer.inputs[i]].uses++;
    layer.output = result.id;
    graph->layers[graph->layer_count++] = layer;
    if (!kind->is_operator)
        graph->scopes[graph->scope_count - 1].position++;
    return result;
}

const wn_graph_tensor *wn_layer_input(const wn_graph *graph, const wn_layer *layer, int index) {
    return &graph->tensors[layer->inputs[index]];
}
