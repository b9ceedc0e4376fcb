/* The table of the layers' kernels for the ISA being compiled; the kernels stand in the files beside this
 * one. */
#include "ops_internal.h"

const wn_ops WN_TARGET_NAME(ops) = {
    .relu_forward = WN_TARGET_NAME(relu_forward),
    .relu_backward = WN_TARGET_NAME(relu_backward),
    .sigmoid_forward = WN_TARGET_NAME(sigmoid_forward),
    .sigmoid_backward = WN_TARGET_NAME(sigmoid_backward),
    .tanh_forward = WN_TARGET_NAME(tanh_forward),
    .tanh_backward = WN_TARGET_NAME(tanh_backward),
    .add = WN_TARGET_NAME(add),
    .max_pool_forward = WN_TARGET_NAME(max_pool_forward),
    .max_pool_backward = WN_TARGET_NAME(max_pool_backward),
    .average_pool_forward = WN_TARGET_NAME(average_pool_forward),
    .average_pool_backward = WN_TARGET_NAME(average_pool_backward),
    .pad_forward = WN_TARGET_NAME(pad_forward),
    .pad_backward = WN_TARGET_NAME(pad_backward),
    .batch_norm_train = WN_TARGET_NAME(batch_norm_train),
    .batch_norm_eval = WN_TARGET_NAME(batch_norm_eval),
    .batch_norm_backward = WN_TARGET_NAME(batch_norm_backward),
    .response_norm_forward = WN_TARGET_NAME(response_norm_forward),
    .response_norm_backward = WN_TARGET_NAME(response_norm_backward),
    .dropout = WN_TARGET_NAME(dropout),
    .loss = WN_TARGET_NAME(loss),
    .sgd = WN_TARGET_NAME(sgd),
    .gather_gradient = WN_TARGET_NAME(gather_gradient),
    .gradient_squares = WN_TARGET_NAME(gradient_squares),
    .average_weights = WN_TARGET_NAME(average_weights),
    .adam = WN_TARGET_NAME(adam),
    .rmsprop = WN_TARGET_NAME(rmsprop),
};
