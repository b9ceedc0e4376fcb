/* Shared by the files of this folder: walking views, and the names of the kernels of the ISA being compiled.
 */
#ifndef WN_OPS_INTERNAL_H
#define WN_OPS_INTERNAL_H

#include "isa.h"
#include "ops.h"
#include "pool.h"

/* A plane is one block of 16 channels of one image: height * width groups of 16 floats, contiguous. */
static inline long wn_view_blocks(const wn_view *view) {
    return wn_blocks(view->channels);
}
static inline long wn_plane_pixels(const wn_view *view) {
    return (long)view->height * view->width;
}
static inline float *wn_view_plane(const wn_view *view, long image, long block) {
    return view->data + image * view->stride + block * wn_plane_pixels(view) * WN_BLOCK;
}

/* Groups of 16 floats in a view, and the piece of one image that a range of them starts with. Views of the
 * same shape are walked together; only their image strides differ. */
typedef struct wn_run {
    long image, offset, floats;
} wn_run;

static inline long wn_view_groups(const wn_view *view) {
    return view->images * wn_view_blocks(view) * wn_plane_pixels(view);
}
static inline wn_run wn_view_run(const wn_view *view, long begin, long end) {
    long per_image = wn_view_blocks(view) * wn_plane_pixels(view);
    long image = begin / per_image, offset = begin - image * per_image;
    long groups = end - begin < per_image - offset ? end - begin : per_image - offset;
    return (wn_run){image, offset * WN_BLOCK, groups * WN_BLOCK};
}
static inline float *wn_view_at(const wn_view *view, wn_run run) {
    return view->data + run.image * view->stride + run.offset;
}

static inline long wn_min_long(long a, long b) {
    return a < b ? a : b;
}
static inline long wn_max_long(long a, long b) {
    return a > b ? a : b;
}

/* Pooling windows along one axis: the existing pixels of window o, and the windows that cover pixel i. */
typedef struct wn_range {
    int begin, end;
} wn_range;

static inline wn_range wn_window(int o, int stride, int pad, int kernel, int size) {
    int begin = o * stride - pad, end = begin + kernel;
    return (wn_range){begin > 0 ? begin : 0, end < size ? end : size};
}
static inline wn_range wn_windows_over(int i, int stride, int pad, int kernel, int windows) {
    int behind = i + pad - kernel; /* windows that start at or before this padded pixel end before i */
    int end = (i + pad) / stride + 1;
    return (wn_range){behind < 0 ? 0 : behind / stride + 1, end < windows ? end : windows};
}

#define WN_OP(name, args) void WN_TARGET_NAME(name)(const args *, int tid, int nthreads)
#define WN_OP_PHASES(name, args) void WN_TARGET_NAME(name)(const args *, int phase, int tid, int nthreads)

WN_OP(relu_forward, wn_unary_args);
WN_OP(relu_backward, wn_unary_args);
WN_OP(sigmoid_forward, wn_unary_args);
WN_OP(sigmoid_backward, wn_unary_args);
WN_OP(tanh_forward, wn_unary_args);
WN_OP(tanh_backward, wn_unary_args);
WN_OP(add, wn_add_args);
WN_OP(max_pool_forward, wn_pool_args);
WN_OP(max_pool_backward, wn_pool_args);
WN_OP(average_pool_forward, wn_pool_args);
WN_OP(average_pool_backward, wn_pool_args);
WN_OP(pad_forward, wn_pad_args);
WN_OP(pad_backward, wn_pad_args);
WN_OP_PHASES(batch_norm_train, wn_batch_norm_args);
WN_OP(batch_norm_eval, wn_batch_norm_args);
WN_OP_PHASES(batch_norm_backward, wn_batch_norm_args);
WN_OP(response_norm_forward, wn_response_norm_args);
WN_OP(response_norm_backward, wn_response_norm_args);
WN_OP(dropout, wn_dropout_args);
WN_OP_PHASES(loss, wn_loss_args);
WN_OP(sgd, wn_update_args);
WN_OP(gather_gradient, wn_update_args);
WN_OP(gradient_squares, wn_update_args);
WN_OP(average_weights, wn_update_args);
WN_OP(adam, wn_update_args);
WN_OP(rmsprop, wn_update_args);
extern const wn_ops WN_TARGET_NAME(ops);

#endif
