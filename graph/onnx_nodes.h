/* A network's layers as nodes of an ONNX graph. Internal to graph/. */
#ifndef WN_ONNX_NODES_H
#define WN_ONNX_NODES_H

#include "graph_internal.h"
#include "protobuf.h"

/* Appends a node for every layer, and the constants that they need besides parameters. "input" and "logits"
 * are the graph's ends. Errors: UNSUPPORTED, naming the layer; MEMORY. */
wn_status wn_onnx_put_nodes(wn_message *graph, const wn_graph *network);

#endif
