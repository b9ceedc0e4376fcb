/* The builder: a network is a function that calls these and returns its output.
 *
 * Errors are sticky: after the first one every call returns a dead tensor, and wn_graph_status says what and
 * where. Shapes are per image (channels, height, width); the batch comes in when a tape is compiled.
 * Not thread-safe; one graph belongs to one thread. */
#ifndef WINNOW_GRAPH_H
#define WINNOW_GRAPH_H

#include <stdint.h>
#include <winnow/problem.h>
#include <winnow/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wn_graph wn_graph;
typedef struct wn_tensor {
    int id; /* -1: dead */
} wn_tensor;

/* An empty graph; NULL when out of memory. The caller owns it. */
wn_graph *wn_graph_create(void);
/* After its models. NULL is fine. */
void wn_graph_destroy(wn_graph *graph);
/* The first error, INVALID or MEMORY with what, where and what was expected, or OK. */
wn_status wn_graph_status(const wn_graph *graph);
/* Records an error of a network's own (a size it cannot take). */
void wn_graph_fail(wn_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Names. Layers get the names a PyTorch state_dict would give them. Inside a scope, a layer without .name is
 * called by its position, as in nn.Sequential (layers without parameters count too); so is a
 * scope without a name. Scopes nest with dots. */
void wn_scope_begin(wn_graph *graph, const char *name);
void wn_scope_end(wn_graph *graph);

/* What stands around the map, as PyTorch's Conv2d(padding_mode): zeros; the map mirrored at its edge pixels
 * (padding smaller than the map); its edge pixels; its other side (padding no larger than the map). */
typedef enum wn_padding {
    WN_PADDING_ZEROS,
    WN_PADDING_REFLECT,
    WN_PADDING_REPLICATE,
    WN_PADDING_CIRCULAR,
} wn_padding;

typedef struct wn_conv_options {
    int kernel, stride, pad;
    int dilation, groups; /* 0: kernel 1, stride 1, pad 0, dilation 0 (dense), groups 1 */
    wn_padding padding;   /* other than zeros: a layer "NAME.pad" in front that pads a copy */
    bool no_bias;
    const char *name;
} wn_conv_options;
typedef struct wn_pool_options {
    int kernel, stride, pad; /* stride 0: the kernel's size */
    bool ceil_mode;
    bool exclude_pad; /* average pool: divide by the pixels that exist (PyTorch's count_include_pad=False) */
    const char *name;
} wn_pool_options;
typedef struct wn_layer_options {
    bool no_bias;   /* linear */
    float eps;      /* batch norm: 0 means 1e-5 */
    float momentum; /* batch norm: 0 means 0.1 */
    const char *name;
} wn_layer_options;

typedef struct wn_response_norm_options {
    int size;       /* channels around each; 0 means 5; odd */
    float alpha, k; /* 0 means 1e-4 and 1; the exponent is 3/4 */
    const char *name;
} wn_response_norm_options;

/* Calls that add a layer. Shapes are channels x height x width; `flat` is a 1x1 map. Parameters, if any, are
 * named behind the layer's name, shapes as in PyTorch. What cannot be is the graph's sticky error, INVALID
 * with the layer's name; besides what is said below: inputs of another graph, two layers with parameters of
 * one name, outputs of more than 2^34 values. `map` inputs are no flattened maps; a window that does not fit
 * its padded map is an error that names the smallest input of the network. */

/* The network's input, plain NCHW; exactly one per graph. Errors: sizes below 1, more than 2^24 channels or
 * 2^30 values. */
wn_tensor wn_input(wn_graph *graph, int channels, int height, int width);

/* Convolution (PyTorch's Conv2d) of a map: out_channels x floor((size + 2 pad - k) / stride) + 1, where
 * k = (kernel - 1)(dilation + 1) + 1. Parameters weight [out][in / groups][kernel][kernel] and bias [out].
 * Errors: kernel or stride below 1, pad or dilation below 0, any above 2^14; out_channels not from 1 to 2^24;
 * groups that do not divide both channels; groups over a concatenation of parts that are no multiples of 16
 * channels; a map too small for the padding other than zeros. */
wn_tensor wn_conv_with(wn_graph *graph, wn_tensor x, int out_channels, wn_conv_options options);
/* Linear layer of flat features, flattened maps included: flat out_features. Parameters weight [out][in],
 * bias [out]. Errors: a map of more than one pixel (flatten it first), out_features not from 1 to 2^24. */
wn_tensor wn_linear_with(wn_graph *graph, wn_tensor x, int out_features, wn_layer_options options);
/* Batch norm (Ioffe & Szegedy 2015, algorithm 1) of a map or features, per channel; the shape stays.
 * Parameters weight, bias, and running_mean, running_var that are not learned, each [channels]; momentum is
 * the share of a batch in the latter, running_var is unbiased. Errors: eps not above 0, momentum not
 * above 0 or above 1. */
wn_tensor wn_batch_norm_with(wn_graph *graph, wn_tensor x, wn_layer_options options);
/* Response norm across channels (Krizhevsky et al. 2012, section 3.3), as PyTorch's LocalResponseNorm: alpha
 * is divided by size; the shape stays. Errors: size even or not from 1 to 9, alpha or k not above 0, a
 * concatenation of parts that are no multiples of 16 channels. */
wn_tensor wn_local_response_norm_with(wn_graph *graph, wn_tensor x, wn_response_norm_options options);
/* Pools over windows of a map: floor((size + 2 pad - kernel) / stride) + 1, in ceil mode rounded up, where
 * the last window must begin inside the map or its left padding. Padding is no maximum; an average divides by
 * the window's part of the padded map, with exclude_pad by that of the map. Errors: kernel (which has no
 * default) or stride not from 1 to 2^14, pad below 0 or above half the kernel, exclude_pad of a max pool. */
wn_tensor wn_max_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options);
wn_tensor wn_average_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options);
/* The mean of each channel's map: 1x1. */
wn_tensor wn_global_average_pool(wn_graph *graph, wn_tensor x);
/* Means over windows that divide the map into height x width parts of (nearly) one size, as PyTorch does;
 * they overlap where it cannot be divided, and repeat pixels of a smaller map. A map of that size is returned
 * as it is. Errors: height or width not from 1 to 2^14. */
wn_tensor wn_adaptive_average_pool(wn_graph *graph, wn_tensor x, int height, int width);
/* max(0, x), 1 / (1 + exp(-x)) and tanh(x) of every value; the shape stays. */
wn_tensor wn_relu(wn_graph *graph, wn_tensor x);
wn_tensor wn_sigmoid(wn_graph *graph, wn_tensor x);
wn_tensor wn_tanh(wn_graph *graph, wn_tensor x);
/* In training each value is 0 with probability p, else times 1 / (1 - p) (Srivastava et al. 2014); in
 * inference nothing happens. The shape stays. Errors: p not in [0, 1). */
wn_tensor wn_dropout(wn_graph *graph, wn_tensor x, float p);
/* The map as flat features, channels first as in PyTorch; nothing moves. Errors: more than 2^30 features. */
wn_tensor wn_flatten(wn_graph *graph, wn_tensor x);
/* The sum of two tensors of one shape. Errors: other shapes, or inputs that are stored differently
 * (concatenations of parts that are no multiples of 16 channels, flattened maps). */
wn_tensor wn_add(wn_graph *graph, wn_tensor a, wn_tensor b);
/* Concatenation along channels, in order. Errors: count below 1, maps of different sizes, more than 2^24
 * channels. */
wn_tensor wn_concat(wn_graph *graph, const wn_tensor *parts, int count);
/* Channels of zeros at the end, up to `channels`. Errors: fewer than the map has, more than 2^24, a
 * concatenation of parts that are no multiples of 16 channels. */
wn_tensor wn_pad_channels(wn_graph *graph, wn_tensor x, int channels);
/* Marks the logits that loss and accuracy are computed from; exactly one per graph, flat (1x1), the output of
 * a layer that is no flatten. Errors: other tensors, an open scope. */
void wn_output(wn_graph *graph, wn_tensor logits);

/* Optional arguments by name: wn_conv(g, x, 96, .kernel = 11, .stride = 4, .pad = 1). */
#define wn_conv(graph, x, out_channels, ...)                                                                 \
    wn_conv_with(graph, x, out_channels, (wn_conv_options){__VA_ARGS__})
#define wn_linear(graph, x, out_features, ...)                                                               \
    wn_linear_with(graph, x, out_features, (wn_layer_options){__VA_ARGS__})
#define wn_batch_norm(graph, x, ...) wn_batch_norm_with(graph, x, (wn_layer_options){__VA_ARGS__})
#define wn_local_response_norm(graph, x, ...)                                                                \
    wn_local_response_norm_with(graph, x, (wn_response_norm_options){__VA_ARGS__})
#define wn_max_pool(graph, x, ...) wn_max_pool_with(graph, x, (wn_pool_options){__VA_ARGS__})
#define wn_average_pool(graph, x, ...) wn_average_pool_with(graph, x, (wn_pool_options){__VA_ARGS__})

/* Shape of a tensor, per image; three zeros for a dead one. */
void wn_tensor_shape(const wn_graph *graph, wn_tensor x, int *channels, int *height, int *width);

/* The layers in the order they were built, for summaries. Strings live as long as the graph. */
typedef struct wn_layer_info {
    const char *name, *kind; /* "layer1.0.conv1", "conv" */
    int channels, height, width;
    int64_t parameters;
    double multiply_adds; /* per image, taps on padding counted */
} wn_layer_info;
int wn_graph_layer_count(const wn_graph *graph);
wn_layer_info wn_graph_layer(const wn_graph *graph, int index);
/* The forward problem of a convolution, named after its layer, over the channels that the network's author
 * sees. False for all other layers. */
bool wn_graph_layer_problem(const wn_graph *graph, int index, int batch, wn_problem *problem);

#ifdef __cplusplus
}
#endif
#endif
