/* Nodes, attributes and tensors as the messages of an ONNX graph. Internal to graph/. */
#ifndef WN_ONNX_WRITER_H
#define WN_ONNX_WRITER_H

#include "protobuf.h"

enum { WN_ONNX_INITIALIZER = 5 };                /* of GraphProto */
enum { WN_ONNX_FLOAT = 1, WN_ONNX_INTEGER = 7 }; /* of TensorProto.DataType: 32 and 64 bits */

/* Where nodes go. Whoever fills in `graph`, the rest zero, frees `node`. */
typedef struct wn_onnx_writer {
    wn_message *graph;
    wn_message node; /* the one that is being written */
} wn_onnx_writer;

/* The fields of a TensorProto up to its bytes, which have to follow. */
void wn_onnx_put_tensor_head(wn_message *tensor, const char *name, int type, const int64_t *shape, int dims,
                             uint64_t bytes);
/* Appends a tensor of `bytes` bytes to the graph's initializers. */
void wn_onnx_put_constant(wn_onnx_writer *w, const char *name, int type, const int64_t *shape, int dims,
                          const void *values, size_t bytes);

/* A node begins, has inputs and attributes added in any order, and ends with its only output, when it is
 * appended to the graph. */
void wn_onnx_begin_node(wn_onnx_writer *w, const char *operation, const char *name);
void wn_onnx_add_input(wn_onnx_writer *w, const char *name);
void wn_onnx_add_number(wn_onnx_writer *w, const char *name, int64_t value);
void wn_onnx_add_real(wn_onnx_writer *w, const char *name, float value);
void wn_onnx_add_text(wn_onnx_writer *w, const char *name, const char *value);
void wn_onnx_add_numbers(wn_onnx_writer *w, const char *name, const int *values, int count);
void wn_onnx_end_node(wn_onnx_writer *w, const char *output);

#endif
