/* Every layer in double precision on plain NCHW arrays, forward and backward, written to be read and not to
 * be fast: what kernels and networks are checked against. Layouts, views and fusion are unknown here.
 *
 * Gradient functions add to their destinations, so that a value with several readers collects them all. A
 * destination that is NULL is not wanted. */
#ifndef WN_REFERENCE_OPS_H
#define WN_REFERENCE_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/graph.h>

/* Dense NCHW. */
typedef struct ref_tensor {
    int n, c, h, w;
    double *data;
} ref_tensor;

/* Zeros; ends the program when there is no memory. */
ref_tensor ref_create(int n, int c, int h, int w);
void ref_destroy(ref_tensor *t);

static inline long ref_count(const ref_tensor *t) {
    return (long)t->n * t->c * t->h * t->w;
}
static inline long ref_index(const ref_tensor *t, int n, int c, int h, int w) {
    return (((long)n * t->c + c) * t->h + h) * t->w + w;
}

/* Window of a convolution or pool. Dilation 0 is dense, groups only matter to convolutions, exclude_pad only
 * to average pools. */
typedef struct ref_window {
    int kh, kw, sh, sw, ph, pw, dh, dw, groups;
    bool exclude_pad;
} ref_window;

/* Weights OIHW [y.c][x.c / groups][kh][kw]; bias [y.c] or NULL. */
void ref_conv_forward(const ref_window *window, const ref_tensor *x, const double *weights,
                      const double *bias, const ref_tensor *y);
void ref_conv_backward(const ref_window *window, const ref_tensor *x, const double *weights,
                       const ref_tensor *dy, const ref_tensor *dx, double *dweights, double *dbias);

/* y[n][o] = bias[o] + sum over all c, h, w of x; weights [y.c][x.c * x.h * x.w]. */
void ref_linear_forward(const ref_tensor *x, const double *weights, const double *bias, const ref_tensor *y);
void ref_linear_backward(const ref_tensor *x, const double *weights, const ref_tensor *dy,
                         const ref_tensor *dx, double *dweights, double *dbias);

void ref_relu_forward(const ref_tensor *x, const ref_tensor *y);
void ref_relu_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx);
void ref_sigmoid_forward(const ref_tensor *x, const ref_tensor *y);
void ref_sigmoid_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx);
void ref_tanh_forward(const ref_tensor *x, const ref_tensor *y);
void ref_tanh_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx);

/* y += x, for sums, copies and their gradients. */
void ref_add(const ref_tensor *x, const ref_tensor *y);
/* y is larger by as much on either side, as PyTorch's padding modes (not zeros). */
void ref_pad_forward(wn_padding mode, const ref_tensor *x, const ref_tensor *y);
void ref_pad_backward(wn_padding mode, const ref_tensor *dy, const ref_tensor *dx);
/* part = channels [first, first + part.c) of whole; the backward pass adds them. */
void ref_concat_forward(const ref_tensor *part, int first, const ref_tensor *whole);
void ref_concat_backward(const ref_tensor *dwhole, int first, const ref_tensor *dpart);

/* argmax[index of y] is the index in x of the first maximum. */
void ref_max_pool_forward(const ref_window *window, const ref_tensor *x, const ref_tensor *y, long *argmax);
void ref_max_pool_backward(const long *argmax, const ref_tensor *dy, const ref_tensor *dx);
/* Divided by the window's area within the padded input, or within the input alone. */
void ref_average_pool_forward(const ref_window *window, const ref_tensor *x, const ref_tensor *y);
void ref_average_pool_backward(const ref_window *window, const ref_tensor *dy, const ref_tensor *dx);
/* Window o of n over i pixels: from floor(o i / n) to ceil((o + 1) i / n). */
void ref_adaptive_average_pool_forward(const ref_tensor *x, const ref_tensor *y);
void ref_adaptive_average_pool_backward(const ref_tensor *dy, const ref_tensor *dx);

/* y = x (k + alpha / size * sum of squares of the channels around)^-3/4. */
void ref_response_norm_forward(int size, double alpha, double k, const ref_tensor *x, const ref_tensor *y);
void ref_response_norm_backward(int size, double alpha, double k, const ref_tensor *x, const ref_tensor *dy,
                                const ref_tensor *dx);

/* [channels] each. Training writes mean and inv_std, which the backward pass reads, and moves the running
 * ones (NULL: there are none). */
typedef struct ref_batch_norm {
    double eps, momentum;
    const double *scale, *shift;
    double *running_mean, *running_var, *mean, *inv_std;
} ref_batch_norm;
void ref_batch_norm_train(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *y);
void ref_batch_norm_eval(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *y);
void ref_batch_norm_backward(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *dy,
                             const ref_tensor *dx, double *dscale, double *dshift);

/* y += x * mask / (1 - p), both directions. Element (n, c, h, w) has the number it would have in a tensor of
 * `channels` channels where c stands at position[c] (NULL: c); 0 channels means x.c. */
typedef struct ref_dropout {
    float p;
    uint64_t seed, stream;
    int64_t step;
    int channels;
    const int *position;
} ref_dropout;
void ref_dropout_add(const ref_dropout *dropout, const ref_tensor *x, const ref_tensor *y);

/* Mean cross-entropy of softmax with the targets smoothed (0: not); adds its gradient to dlogits (NULL: not
 * wanted) and counts labels that are the first maximum in *correct (may be NULL). */
double ref_loss(const ref_tensor *logits, const int32_t *labels, double smoothing, const ref_tensor *dlogits,
                int64_t *correct);

/* One update of `count` weights. SGD, RMSprop: moment1 NULL means no momentum buffer. step is 1 for the
 * first.
 */
typedef struct ref_update {
    double lr, momentum, weight_decay, beta1, beta2, eps;
    bool decoupled_decay, nesterov;
    int64_t step;
} ref_update;
void ref_sgd(const ref_update *update, long count, double *weights, const double *gradient, double *moment1);
void ref_adam(const ref_update *update, long count, double *weights, const double *gradient, double *moment1,
              double *moment2);
void ref_rmsprop(const ref_update *update, long count, double *weights, const double *gradient,
                 double *moment1, double *moment2);

#endif
