/* An ONNX file: the model's message around its graph, whose parameters are written one after the other; the
 * numbers of fields are those of onnx.proto. */
#include "onnx.h"
#include "draft.h"
#include "onnx_nodes.h"
#include "onnx_writer.h"
#include "tape_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { IR_VERSION = 7, OPERATORS = 13 }; /* of 2020, which all that read ONNX know */
/* ModelProto, OperatorSetIdProto, StringStringEntryProto */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER,
    MODEL_PRODUCER_VERSION,
    MODEL_GRAPH = 7,
    MODEL_OPERATORS,
    MODEL_FACTS = 14
};
enum { OPERATORS_VERSION = 2, FACT_KEY = 1, FACT_VALUE };
/* GraphProto, ValueInfoProto, TypeProto and what is in it */
enum { GRAPH_NAME = 2, GRAPH_INPUT = 11, GRAPH_OUTPUT };
enum { VALUE_NAME = 1, VALUE_TYPE, TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE };
enum { SHAPE_DIMENSION = 1, DIMENSION_VALUE = 1, DIMENSION_NAME };

/* A float tensor of any number of images. */
static void put_value(wn_message *graph, int field, const char *name, const int *sizes, int count) {
    wn_message value = {0}, type = {0}, tensor = {0}, shape = {0}, dimension = {0};
    for (int i = -1; i < count; i++) {
        if (i < 0)
            wn_message_text(&dimension, DIMENSION_NAME, "N");
        else
            wn_message_number(&dimension, DIMENSION_VALUE, sizes[i]);
        wn_message_put(&shape, SHAPE_DIMENSION, &dimension);
    }
    wn_message_number(&tensor, TENSOR_TYPE_ELEMENT, WN_ONNX_FLOAT);
    wn_message_put(&tensor, TENSOR_TYPE_SHAPE, &shape);
    wn_message_put(&type, TYPE_TENSOR, &tensor);
    wn_message_text(&value, VALUE_NAME, name);
    wn_message_put(&value, VALUE_TYPE, &type);
    wn_message_put(graph, field, &value);
}

/* All of the graph but its parameters. */
static wn_status put_graph(wn_message *message, const wn_graph *graph, const char *name) {
    const wn_graph_tensor *input = &graph->tensors[graph->input], *output = &graph->tensors[graph->output];
    WN_TRY(wn_onnx_put_nodes(message, graph));
    wn_message_text(message, GRAPH_NAME, name);
    put_value(message, GRAPH_INPUT, "input", (int[]){input->channels, input->height, input->width}, 3);
    put_value(message, GRAPH_OUTPUT, "logits", (int[]){output->channels}, 1);
    return wn_ok();
}

static void put_fact(wn_message *model, const wn_onnx_fact *fact) {
    wn_message pair = {0};
    wn_message_text(&pair, FACT_KEY, fact->key);
    wn_message_text(&pair, FACT_VALUE, fact->value);
    wn_message_put(model, MODEL_FACTS, &pair);
}

/* Everything in front of the graph's fields. */
static void put_model(wn_message *message, const wn_onnx_fact *facts, int fact_count, uint64_t graph_size) {
    wn_message operators = {0};
    wn_message_number(message, MODEL_IR, IR_VERSION);
    wn_message_text(message, MODEL_PRODUCER, "winnow");
    wn_message_text(message, MODEL_PRODUCER_VERSION, WN_VERSION);
    wn_message_number(&operators, OPERATORS_VERSION, OPERATORS);
    wn_message_put(message, MODEL_OPERATORS, &operators);
    for (int i = 0; i < fact_count; i++)
        put_fact(message, &facts[i]);
    wn_message_bytes(message, MODEL_GRAPH, graph_size);
}

/* A parameter's field up to its values, which have to follow. */
static bool make_head(const wn_model *model, int parameter, wn_message *head) {
    wn_parameter p = wn_model_parameter(model, parameter);
    wn_message tensor = {0};
    uint64_t bytes = (uint64_t)p.count * sizeof(float);
    wn_onnx_put_tensor_head(&tensor, p.name, WN_ONNX_FLOAT, p.shape, p.dims, bytes);
    *head = (wn_message){0};
    wn_message_bytes(head, WN_ONNX_INITIALIZER, tensor.size + bytes);
    wn_message_append(head, tensor.bytes, tensor.size);
    head->broken |= tensor.broken;
    wn_message_free(&tensor);
    return !head->broken;
}

/* Their bytes in the graph, 0 without memory; the largest one's values, too. */
static uint64_t parameter_bytes(const wn_model *model, int64_t *largest) {
    uint64_t bytes = 0;
    *largest = 1;
    for (int i = 0; i < wn_model_parameter_count(model); i++) {
        wn_message head;
        int64_t count = wn_model_parameter(model, i).count;
        bool whole = make_head(model, i, &head);
        bytes += head.size + (uint64_t)count * sizeof(float);
        *largest = count > *largest ? count : *largest;
        wn_message_free(&head);
        if (!whole)
            return 0;
    }
    return bytes;
}

static bool write_parameters(FILE *file, const wn_model *model, float *values) {
    for (int i = 0; i < wn_model_parameter_count(model); i++) {
        wn_message head;
        size_t count = (size_t)wn_model_parameter(model, i).count;
        bool done = make_head(model, i, &head) && fwrite(head.bytes, 1, head.size, file) == head.size;
        wn_message_free(&head);
        wn_model_read(model, i, values);
        if (!done || fwrite(values, sizeof *values, count, file) != count)
            return false;
    }
    return true;
}

static wn_status write_file(const char *path, const wn_model *model, const wn_message *front,
                            const wn_message *graph, float *values) {
    wn_draft draft;
    WN_TRY(wn_draft_open(path, &draft));
    errno = ENOMEM; /* unless the system says something else */
    bool done = fwrite(front->bytes, 1, front->size, draft.file) == front->size &&
                fwrite(graph->bytes, 1, graph->size, draft.file) == graph->size &&
                write_parameters(draft.file, model, values);
    wn_status status =
        done ? wn_ok() : wn_error(WN_ERROR_IO, "%s: cannot be written: %s", path, strerror(errno));
    wn_status closed = wn_draft_close(&draft, done);
    return done ? closed : status;
}

wn_status wn_onnx_write(const char *path, const wn_model *model, const char *name, const wn_onnx_fact *facts,
                        int fact_count) {
    wn_message front = {0}, graph = {0};
    int64_t largest;
    uint64_t bytes = parameter_bytes(model, &largest);
    float *values = malloc((size_t)largest * sizeof *values);
    wn_status status = put_graph(&graph, model->graph, name);
    put_model(&front, facts, fact_count, graph.size + bytes);
    if (!wn_failed(status) && (graph.broken || front.broken || !bytes || !values))
        status = wn_error(WN_ERROR_MEMORY, "%s: no memory for the description of %s", path, name);
    if (!wn_failed(status) && front.size + graph.size + bytes > INT32_MAX)
        status =
            wn_error(WN_ERROR_UNSUPPORTED, "%s: %s takes %.1f GiB, expected at most the 2 of an ONNX file",
                     path, name, (double)bytes / (1 << 30));
    if (!wn_failed(status))
        status = write_file(path, model, &front, &graph, values);
    wn_message_free(&front);
    wn_message_free(&graph);
    free(values);
    return status;
}
