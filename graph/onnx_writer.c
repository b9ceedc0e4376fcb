/* Messages of ONNX graphs, field by field; the numbers of fields are those of onnx.proto. */
#include "onnx_writer.h"

/* GraphProto, NodeProto, AttributeProto with its types, TensorProto */
enum { GRAPH_NODE = 1 };
enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OPERATOR, NODE_ATTRIBUTE };
enum {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_REAL,
    ATTRIBUTE_NUMBER,
    ATTRIBUTE_TEXT,
    ATTRIBUTE_NUMBERS = 8,
    ATTRIBUTE_TYPE = 20
};
enum { TYPE_REAL = 1, TYPE_NUMBER, TYPE_TEXT, TYPE_NUMBERS = 7 };
enum { TENSOR_SHAPE = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_BYTES };

void wn_onnx_put_tensor_head(wn_message *tensor, const char *name, int type, const int64_t *shape, int dims,
                             uint64_t bytes) {
    for (int d = 0; d < dims; d++)
        wn_message_number(tensor, TENSOR_SHAPE, shape[d]);
    wn_message_number(tensor, TENSOR_TYPE, type);
    wn_message_text(tensor, TENSOR_NAME, name);
    wn_message_bytes(tensor, TENSOR_BYTES, bytes);
}

void wn_onnx_put_constant(wn_onnx_writer *w, const char *name, int type, const int64_t *shape, int dims,
                          const void *values, size_t bytes) {
    wn_message tensor = {0};
    wn_onnx_put_tensor_head(&tensor, name, type, shape, dims, bytes);
    wn_message_append(&tensor, values, bytes);
    wn_message_put(w->graph, WN_ONNX_INITIALIZER, &tensor);
}

void wn_onnx_begin_node(wn_onnx_writer *w, const char *operation, const char *name) {
    wn_message_clear(&w->node);
    wn_message_text(&w->node, NODE_NAME, name);
    wn_message_text(&w->node, NODE_OPERATOR, operation);
}

void wn_onnx_add_input(wn_onnx_writer *w, const char *name) {
    wn_message_text(&w->node, NODE_INPUT, name);
}

void wn_onnx_end_node(wn_onnx_writer *w, const char *output) {
    wn_message_text(&w->node, NODE_OUTPUT, output);
    wn_message_add(w->graph, GRAPH_NODE, &w->node);
}

static void begin_attribute(wn_message *attribute, const char *name, int type) {
    *attribute = (wn_message){0};
    wn_message_text(attribute, ATTRIBUTE_NAME, name);
    wn_message_number(attribute, ATTRIBUTE_TYPE, type);
}

void wn_onnx_add_number(wn_onnx_writer *w, const char *name, int64_t value) {
    wn_message attribute;
    begin_attribute(&attribute, name, TYPE_NUMBER);
    wn_message_number(&attribute, ATTRIBUTE_NUMBER, value);
    wn_message_put(&w->node, NODE_ATTRIBUTE, &attribute);
}

void wn_onnx_add_real(wn_onnx_writer *w, const char *name, float value) {
    wn_message attribute;
    begin_attribute(&attribute, name, TYPE_REAL);
    wn_message_real(&attribute, ATTRIBUTE_REAL, value);
    wn_message_put(&w->node, NODE_ATTRIBUTE, &attribute);
}

void wn_onnx_add_text(wn_onnx_writer *w, const char *name, const char *value) {
    wn_message attribute;
    begin_attribute(&attribute, name, TYPE_TEXT);
    wn_message_text(&attribute, ATTRIBUTE_TEXT, value);
    wn_message_put(&w->node, NODE_ATTRIBUTE, &attribute);
}

void wn_onnx_add_numbers(wn_onnx_writer *w, const char *name, const int *values, int count) {
    wn_message attribute;
    begin_attribute(&attribute, name, TYPE_NUMBERS);
    for (int i = 0; i < count; i++)
        wn_message_number(&attribute, ATTRIBUTE_NUMBERS, values[i]);
    wn_message_put(&w->node, NODE_ATTRIBUTE, &attribute);
}
