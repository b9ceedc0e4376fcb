/* The graph as data: layers, tensors and parameters in the order they were built, and the table of layer
 * kinds. Whoever walks a graph (lowering, the f64 interpreter of the tests, summaries) reads these arrays. */
#ifndef WN_GRAPH_INTERNAL_H
#define WN_GRAPH_INTERNAL_H

#include "conv.h"
#include <stdarg.h>
#include <winnow/graph.h>

typedef enum wn_kind {
    WN_KIND_CONV,
    WN_KIND_LINEAR,
    WN_KIND_BATCH_NORM,
    WN_KIND_MAX_POOL,
    WN_KIND_AVERAGE_POOL,
    WN_KIND_GLOBAL_AVERAGE_POOL,
    WN_KIND_ADAPTIVE_AVERAGE_POOL,
    WN_KIND_RELU,
    WN_KIND_SIGMOID,
    WN_KIND_TANH,
    WN_KIND_DROPOUT,
    WN_KIND_FLATTEN,
    WN_KIND_ADD,
    WN_KIND_CONCAT,
    WN_KIND_PAD,
    WN_KIND_PAD_CHANNELS,
    WN_KIND_LOCAL_RESPONSE_NORM,
    WN_KIND_COUNT
} wn_kind;

/* A value between layers, per image. channels, height and width are what the network's author sees. The map
 * is how it is stored: the same, except behind a flatten (C*H*W x 1 x 1 stored as C x H x W; logical feature
 * (c*H + h)*W + w). Each part of a concatenation keeps its own padding to 16, so stored channels may have
 * holes: stored channel c lies at physical channel physical_of[c], and `physical` counts up to the last one.
 */
typedef struct wn_graph_tensor {
    int channels, height, width;
    int map_channels, map_height, map_width;
    int physical;
    int *physical_of; /* [map_channels]; NULL: channel c lies at c */
    int producer;     /* layer; -1: the network's input */
    int uses;         /* layer inputs that read it, plus one for the network's output */
} wn_graph_tensor;

/* One layer. Attributes that a kind does not have are 0. A linear layer is a convolution whose kernel is the
 * whole stored map of its input; pools of a whole map have its size as kernel, adaptive pools their largest
 * window's. */
typedef struct wn_layer {
    wn_kind kind;
    char *name;
    int *inputs; /* tensors */
    int input_count;
    int output; /* tensor */
    int kh, kw, sh, sw, ph, pw, dh, dw;
    int groups, out_channels;
    wn_padding padding;        /* pad */
    int out_height, out_width; /* adaptive pool */
    bool bias, ceil_mode;
    bool exclude_pad;    /* average pool */
    float eps, momentum; /* batch norm */
    float p;             /* dropout */
    int window;          /* local response norm: channels */
    float alpha, k;      /* the same */
    int first_parameter, parameter_count;
} wn_layer;

/* What a parameter is to its layer; batch norm's scale and shift are weight and bias, as in PyTorch. */
typedef enum wn_role { WN_ROLE_WEIGHT, WN_ROLE_BIAS, WN_ROLE_RUNNING_MEAN, WN_ROLE_RUNNING_VAR } wn_role;

/* One tensor of the state_dict. */
typedef struct wn_graph_parameter {
    char *name;
    int layer;
    wn_role role;
    bool learned;
    int dims;
    int64_t shape[4]; /* conventional; unused dimensions are 1 */
    int64_t count;
} wn_graph_parameter;

typedef struct wn_scope {
    char *prefix; /* "layer1.0." */
    int position; /* number of layers and scopes so far */
} wn_scope;

struct wn_graph {
    wn_status status;
    wn_graph_tensor *tensors;
    wn_layer *layers;
    wn_graph_parameter *parameters;
    wn_scope *scopes; /* [0] is the network itself */
    int tensor_count, layer_count, parameter_count, scope_count;
    int input, output; /* tensors; -1: not there yet */
};

typedef struct wn_lowering wn_lowering;
typedef struct wn_group wn_group;

/* One kind of layer; its file is op_<name>.c. */
typedef struct wn_layer_kind {
    const char *name;
    bool is_operator; /* an operator in PyTorch (+, cat): takes no position in its scope */
    /* Checks the inputs, completes the layer's attributes, adds its parameters and fills in the output's
     * shape, which comes as a copy of the first input's. Reports through wn_layer_fail. */
    void (*infer)(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output);
    /* Appends the steps of a group of fused layers that is headed by this kind. */
    void (*forward)(wn_lowering *lowering, wn_group *group);
    void (*backward)(wn_lowering *lowering, wn_group *group);
} wn_layer_kind;

extern const wn_layer_kind wn_kind_conv, wn_kind_linear, wn_kind_batch_norm, wn_kind_max_pool,
    wn_kind_average_pool, wn_kind_global_average_pool, wn_kind_adaptive_average_pool, wn_kind_pad,
    wn_kind_pad_channels, wn_kind_local_response_norm, wn_kind_relu, wn_kind_sigmoid, wn_kind_tanh,
    wn_kind_dropout, wn_kind_flatten, wn_kind_add, wn_kind_concat;

const wn_layer_kind *wn_layer_kind_of(wn_kind kind);

/* Appends a layer with the attributes of `layer` (kind and numbers; the rest is filled in here); name NULL:
 * by position. Returns its output, dead after an error. */
wn_tensor wn_graph_append(wn_graph *graph, wn_layer layer, const char *name, const wn_tensor *inputs,
                          int count);
/* Records "layer 'name' (kind): ..." as the graph's error unless there is one already. */
void wn_layer_fail(wn_graph *graph, const wn_layer *layer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The layer's input tensor. */
const wn_graph_tensor *wn_layer_input(const wn_graph *graph, const wn_layer *layer, int index);
/* Adds a parameter to a layer that is being appended. */
void wn_layer_parameter(wn_graph *graph, wn_layer *layer, wn_role role, bool learned, int dims,
                        const int64_t shape[4]);
/* Gives the tensor dense channels and a plain map. */
void wn_tensor_set_dense(wn_graph_tensor *tensor, int channels, int height, int width);
/* Fails unless the input is stored as it is seen (not behind a flatten of a map larger than 1x1). */
bool wn_layer_needs_map(wn_graph *graph, const wn_layer *layer, int index);
/* Output size of a convolution's or pool's window along one axis; fails the graph, naming the smallest input
 * of the network that works, when there is no output. */
typedef struct wn_window {
    int height, width;
} wn_window;
wn_window wn_layer_window(wn_graph *graph, const wn_layer *layer);

/* "; the smallest input of the network that works up to here is HxW" for a layer whose input is too small, or
 * nothing when no size works. */
enum { WN_HINT_BYTES = 112 };
void wn_layer_smallest_hint(const wn_graph *graph, const wn_layer *layer, char hint[static WN_HINT_BYTES]);

/* Appends the padding of the convolution that comes next; the mode is not zeros. */
wn_tensor wn_graph_pad(wn_graph *graph, wn_tensor x, wn_padding mode, int pad, const char *name);
/* The smallest height and width that can be padded so. */
int wn_padding_smallest(wn_padding mode, int pad);

/* The tensor a flatten looks at, else the tensor itself. */
int wn_graph_root(const wn_graph *graph, int tensor);
/* Does the layer read the network's input plain? Convolutions and linear layers do, and the padding in front
 * of such a convolution, whose output is plain as well. */
bool wn_layer_reads_plain(const wn_graph *graph, const wn_layer *layer);
/* The forward problem of a convolution or linear layer over physical channels. Its weights have the layout of
 * the layer's parameters. */
wn_problem wn_layer_problem(const wn_graph *graph, const wn_layer *layer, int batch);
/* Everything that can only be said of a whole graph: input, output, no layer without a reader. */
wn_status wn_graph_check(const wn_graph *graph);

#endif
