/* Nodes and tensors of ONNX graphs. Internal to graph/. */
#ifndef WN_ONNX_NODES_H
#define WN_ONNX_NODES_H

#include "graph_internal.h"
#include "protobuf.h"

enum { WN_ONNX_INITIALIZER = 5 };                /* of GraphProto */
enum { WN_ONNX_FLOAT = 1, WN_ONNX_INTEGER = 7 }; /* of TensorProto.DataType: 32 and 64 bits */

/* The fields of a TensorProto up to its bytes, which have to follow. */
void wn_onnx_put_tensor_head(wn_message *tensor, const char *name, int type, const int64_t *shape, int dims,
                             uint64_t bytes);
/* Appends a node for every layer, and the constants that they need besides parameters. "input" and "logits"
 * are the graph's ends. Errors: UNSUPPORTED, naming the layer; MEMORY. */
wn_status wn_onnx_put_nodes(wn_message *graph, const wn_graph *network);

#endif
