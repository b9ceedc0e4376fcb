/* The table of layer kinds. A new kind is one file op_<name>.c, one value of wn_kind and one line here. */
#include "graph_internal.h"

static const wn_layer_kind *const kinds[WN_KIND_COUNT] = {
    [WN_KIND_CONV] = &wn_kind_conv,
    [WN_KIND_LINEAR] = &wn_kind_linear,
    [WN_KIND_BATCH_NORM] = &wn_kind_batch_norm,
    [WN_KIND_MAX_POOL] = &wn_kind_max_pool,
    [WN_KIND_AVERAGE_POOL] = &wn_kind_average_pool,
    [WN_KIND_GLOBAL_AVERAGE_POOL] = &wn_kind_global_average_pool,
    [WN_KIND_ADAPTIVE_AVERAGE_POOL] = &wn_kind_adaptive_average_pool,
    [WN_KIND_RELU] = &wn_kind_relu,
    [WN_KIND_SIGMOID] = &wn_kind_sigmoid,
    [WN_KIND_TANH] = &wn_kind_tanh,
    [WN_KIND_DROPOUT] = &wn_kind_dropout,
    [WN_KIND_FLATTEN] = &wn_kind_flatten,
    [WN_KIND_ADD] = &wn_kind_add,
    [WN_KIND_CONCAT] = &wn_kind_concat,
    [WN_KIND_PAD] = &wn_kind_pad,
    [WN_KIND_PAD_CHANNELS] = &wn_kind_pad_channels,
    [WN_KIND_LOCAL_RESPONSE_NORM] = &wn_kind_local_response_norm,
};

const wn_layer_kind *wn_layer_kind_of(wn_kind kind) {
    return kinds[kind];
}
