/* The layers in double precision, see reference_ops.h. Loops follow the definitions. */
#include "reference_ops.h"
#include "random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

ref_tensor ref_create(int n, int c, int h, int w) {
    ref_tensor t = {n, c, h, w, NULL};
    t.data = calloc((size_t)ref_count(&t), sizeof *t.data);
    if (!t.data) {
        perror("reference tensor");
        abort();
    }
    return t;
}

void ref_destroy(ref_tensor *t) {
    free(t->data);
    t->data = NULL;
}

/* Terms of a convolution along one row of y: weights[wi] times x[xi + i step] is part of y[yi + i]. */
typedef void conv_row(void *context, long yi, long wi, long xi, long step, long count);

/* The outputs along a row whose tap `offset` pixels from the window's start lies inside the input. */
static void valid_outputs(int offset, int stride, int size, int outputs, int *first, int *end) {
    int before = offset < 0 ? (-offset + stride - 1) / stride : 0;
    int behind = offset < size ? (size - 1 - offset) / stride + 1 : 0;
    *first = before;
    *end = behind < outputs ? behind : outputs;
}

static void visit_conv(const ref_window *k, const ref_tensor *x, const ref_tensor *y, conv_row *row,
                       void *context) {
    int in = x->c / k->groups, out = y->c / k->groups, first, end;
    for (int n = 0; n < y->n; n++)
        for (int o = 0; o < y->c; o++)
            for (int i = 0; i < in; i++)
                for (int r = 0; r < k->kh; r++)
                    for (int s = 0; s < k->kw; s++) {
                        long wi = (((long)o * in + i) * k->kh + r) * k->kw + s;
                        int left = s * (k->dw + 1) - k->pw;
                        valid_outputs(left, k->sw, x->w, y->w, &first, &end);
                        for (int oh = 0; oh < y->h; oh++) {
                            int h = oh * k->sh - k->ph + r * (k->dh + 1);
                            if (h >= 0 && h < x->h && first < end)
                                row(context, ref_index(y, n, o, oh, first), wi,
                                    ref_index(x, n, o / out * in + i, h, first * k->sw + left), k->sw,
                                    end - first);
                        }
                    }
}

typedef struct conv_operands {
    const double *x, *weights, *dy;
    double *y, *dx, *dweights;
} conv_operands;

static void conv_forward_row(void *context, long yi, long wi, long xi, long step, long count) {
    conv_operands *c = context;
    for (long i = 0; i < count; i++)
        c->y[yi + i] += c->weights[wi] * c->x[xi + i * step];
}

static void conv_backward_row(void *context, long yi, long wi, long xi, long step, long count) {
    conv_operands *c = context;
    for (long i = 0; i < count && c->dx; i++)
        c->dx[xi + i * step] += c->weights[wi] * c->dy[yi + i];
    double sum = 0;
    for (long i = 0; i < count && c->dweights; i++)
        sum += c->x[xi + i * step] * c->dy[yi + i];
    if (c->dweights)
        c->dweights[wi] += sum;
}

/* Visits every element, with its image, channel and index. */
#define FOR_EACH(t, n_, c_, i_)                                                                              \
    for (long i_ = 0, n_ = 0; n_ < (t)->n; n_++)                                                             \
        for (long c_ = 0; c_ < (t)->c; c_++)                                                                 \
            for (long end_ = i_ + (long)(t)->h * (t)->w; i_ < end_; i_++)

void ref_conv_forward(const ref_window *window, const ref_tensor *x, const double *weights,
                      const double *bias, const ref_tensor *y) {
    FOR_EACH(y, n, c, i)
    y->data[i] = bias ? bias[c] : 0;
    visit_conv(window, x, y, conv_forward_row,
               &(conv_operands){.x = x->data, .weights = weights, .y = y->data});
}

void ref_conv_backward(const ref_window *window, const ref_tensor *x, const double *weights,
                       const ref_tensor *dy, const ref_tensor *dx, double *dweights, double *dbias) {
    if (dbias)
        FOR_EACH(dy, n, c, i)
    dbias[c] += dy->data[i];
    visit_conv(window, x, dy, conv_backward_row,
               &(conv_operands){.x = x->data,
                                .weights = weights,
                                .dy = dy->data,
                                .dx = dx ? dx->data : NULL,
                                .dweights = dweights});
}

void ref_linear_forward(const ref_tensor *x, const double *weights, const double *bias, const ref_tensor *y) {
    long features = (long)x->c * x->h * x->w;
    for (int n = 0; n < x->n; n++)
        for (int o = 0; o < y->c; o++) {
            double sum = bias ? bias[o] : 0;
            for (long i = 0; i < features; i++)
                sum += weights[o * features + i] * x->data[n * features + i];
            y->data[(long)n * y->c + o] = sum;
        }
}

void ref_linear_backward(const ref_tensor *x, const double *weights, const ref_tensor *dy,
                         const ref_tensor *dx, double *dweights, double *dbias) {
    long features = (long)x->c * x->h * x->w;
    for (int n = 0; n < x->n; n++)
        for (int o = 0; o < dy->c; o++) {
            double gradient = dy->data[(long)n * dy->c + o];
            if (dbias)
                dbias[o] += gradient;
            for (long i = 0; i < features; i++) {
                if (dweights)
                    dweights[o * features + i] += gradient * x->data[n * features + i];
                if (dx)
                    dx->data[n * features + i] += gradient * weights[o * features + i];
            }
        }
}

void ref_relu_forward(const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(x); i++)
        y->data[i] = x->data[i] > 0 ? x->data[i] : 0;
}

void ref_relu_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx) {
    for (long i = 0; i < ref_count(y); i++)
        dx->data[i] += y->data[i] > 0 ? dy->data[i] : 0;
}

void ref_sigmoid_forward(const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(x); i++)
        y->data[i] = 1 / (1 + exp(-x->data[i]));
}

void ref_sigmoid_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx) {
    for (long i = 0; i < ref_count(y); i++)
        dx->data[i] += dy->data[i] * y->data[i] * (1 - y->data[i]);
}

void ref_tanh_forward(const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(x); i++)
        y->data[i] = tanh(x->data[i]);
}

void ref_tanh_backward(const ref_tensor *y, const ref_tensor *dy, const ref_tensor *dx) {
    for (long i = 0; i < ref_count(y); i++)
        dx->data[i] += dy->data[i] * (1 - y->data[i] * y->data[i]);
}

void ref_add(const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(x); i++)
        y->data[i] += x->data[i];
}

/* Index into a row of `size` that continues beyond its ends: mirrored without repeating the edge (a zigzag of
 * period 2 (size - 1)), with its edge, or from the start again. */
static int padded_index(wn_padding mode, int i, int size) {
    if (mode == WN_PADDING_REPLICATE)
        return i < 0 ? 0 : i < size ? i : size - 1;
    int period = mode == WN_PADDING_CIRCULAR ? size : 2 * (size - 1);
    int at = period ? ((i % period) + period) % period : 0;
    return at < size ? at : period - at;
}

/* The element of x that element i of y shows. */
static long padded_source(wn_padding mode, const ref_tensor *x, const ref_tensor *y, long i) {
    int w = (int)(i % y->w) - (y->w - x->w) / 2, h = (int)(i / y->w % y->h) - (y->h - x->h) / 2;
    long plane = i / y->w / y->h;
    return (plane * x->h + padded_index(mode, h, x->h)) * x->w + padded_index(mode, w, x->w);
}

void ref_pad_forward(wn_padding mode, const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(y); i++)
        y->data[i] = x->data[padded_source(mode, x, y, i)];
}

void ref_pad_backward(wn_padding mode, const ref_tensor *dy, const ref_tensor *dx) {
    for (long i = 0; i < ref_count(dy); i++)
        dx->data[padded_source(mode, dx, dy, i)] += dy->data[i];
}

void ref_concat_forward(const ref_tensor *part, int first, const ref_tensor *whole) {
    long pixels = (long)part->h * part->w, count = part->c * pixels;
    for (long n = 0; n < part->n; n++)
        for (long i = 0; i < count; i++)
            whole->data[(n * whole->c + first) * pixels + i] = part->data[n * count + i];
}

void ref_concat_backward(const ref_tensor *dwhole, int first, const ref_tensor *dpart) {
    long pixels = (long)dpart->h * dpart->w, count = dpart->c * pixels;
    for (long n = 0; n < dpart->n; n++)
        for (long i = 0; i < count; i++)
            dpart->data[n * count + i] += dwhole->data[(n * dwhole->c + first) * pixels + i];
}

/* One existing pixel xi of the window of output yi. */
typedef void pool_term(void *context, long yi, long xi, double area);

static void visit_pool(const ref_window *k, const ref_tensor *x, const ref_tensor *y, pool_term *term,
                       void *context) {
    for (int n = 0; n < y->n; n++)
        for (int c = 0; c < y->c; c++)
            for (int oh = 0; oh < y->h; oh++)
                for (int ow = 0; ow < y->w; ow++) {
                    int top = oh * k->sh - k->ph, left = ow * k->sw - k->pw;
                    double area = fmin(k->kh, x->h + k->ph - top) * fmin(k->kw, x->w + k->pw - left);
                    if (k->exclude_pad)
                        area = (fmin(top + k->kh, x->h) - fmax(top, 0)) *
                               (fmin(left + k->kw, x->w) - fmax(left, 0));
                    for (int h = top; h < top + k->kh; h++)
                        for (int w = left; w < left + k->kw; w++)
                            if (h >= 0 && h < x->h && w >= 0 && w < x->w)
                                term(context, ref_index(y, n, c, oh, ow), ref_index(x, n, c, h, w), area);
                }
}

typedef struct pool_operands {
    const double *x, *dy;
    double *y, *dx;
    long *argmax;
} pool_operands;

static void max_term(void *context, long yi, long xi, double area) {
    (void)area;
    pool_operands *p = context;
    if (p->argmax[yi] < 0 || p->x[xi] > p->x[p->argmax[yi]])
        p->argmax[yi] = xi;
}

static void average_term(void *context, long yi, long xi, double area) {
    pool_operands *p = context;
    p->y[yi] += p->x[xi] / area;
}

static void average_gradient_term(void *context, long yi, long xi, double area) {
    pool_operands *p = context;
    p->dx[xi] += p->dy[yi] / area;
}

void ref_max_pool_forward(const ref_window *window, const ref_tensor *x, const ref_tensor *y, long *argmax) {
    for (long i = 0; i < ref_count(y); i++)
        argmax[i] = -1;
    visit_pool(window, x, y, max_term, &(pool_operands){.x = x->data, .argmax = argmax});
    for (long i = 0; i < ref_count(y); i++)
        y->data[i] = x->data[argmax[i]];
}

void ref_max_pool_backward(const long *argmax, const ref_tensor *dy, const ref_tensor *dx) {
    for (long i = 0; i < ref_count(dy); i++)
        dx->data[argmax[i]] += dy->data[i];
}

void ref_average_pool_forward(const ref_window *window, const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(y); i++)
        y->data[i] = 0;
    visit_pool(window, x, y, average_term, &(pool_operands){.x = x->data, .y = y->data});
}

void ref_average_pool_backward(const ref_window *window, const ref_tensor *dy, const ref_tensor *dx) {
    visit_pool(window, dx, dy, average_gradient_term, &(pool_operands){.dy = dy->data, .dx = dx->data});
}

static void visit_adaptive(const ref_tensor *x, const ref_tensor *y, pool_term *term, void *context) {
    for (long yi = 0; yi < ref_count(y); yi++) {
        long ow = yi % y->w, oh = yi / y->w % y->h, plane = yi / y->w / y->h;
        long top = oh * x->h / y->h, below = (long)ceil((double)((oh + 1) * x->h) / y->h);
        long left = ow * x->w / y->w, right = (long)ceil((double)((ow + 1) * x->w) / y->w);
        for (long h = top; h < below; h++)
            for (long w = left; w < right; w++)
                term(context, yi, (plane * x->h + h) * x->w + w, (double)((below - top) * (right - left)));
    }
}

void ref_adaptive_average_pool_forward(const ref_tensor *x, const ref_tensor *y) {
    for (long i = 0; i < ref_count(y); i++)
        y->data[i] = 0;
    visit_adaptive(x, y, average_term, &(pool_operands){.x = x->data, .y = y->data});
}

void ref_adaptive_average_pool_backward(const ref_tensor *dy, const ref_tensor *dx) {
    visit_adaptive(dx, dy, average_gradient_term, &(pool_operands){.dy = dy->data, .dx = dx->data});
}

static double response_scale(int size, double alpha, double k, const ref_tensor *x, int n, int c, int h,
                             int w) {
    double sum = 0;
    for (int i = c - size / 2; i <= c + size / 2; i++)
        if (i >= 0 && i < x->c)
            sum += x->data[ref_index(x, n, i, h, w)] * x->data[ref_index(x, n, i, h, w)];
    return k + alpha / size * sum;
}

void ref_response_norm_forward(int size, double alpha, double k, const ref_tensor *x, const ref_tensor *y) {
    for (int n = 0; n < x->n; n++)
        for (int c = 0; c < x->c; c++)
            for (int h = 0; h < x->h; h++)
                for (int w = 0; w < x->w; w++)
                    y->data[ref_index(x, n, c, h, w)] =
                        x->data[ref_index(x, n, c, h, w)] *
                        pow(response_scale(size, alpha, k, x, n, c, h, w), -0.75);
}

/* Every output hands its gradient to all inputs that its scale is made of. */
void ref_response_norm_backward(int size, double alpha, double k, const ref_tensor *x, const ref_tensor *dy,
                                const ref_tensor *dx) {
    for (int n = 0; n < x->n; n++)
        for (int c = 0; c < x->c; c++)
            for (int h = 0; h < x->h; h++)
                for (int w = 0; w < x->w; w++) {
                    long at = ref_index(x, n, c, h, w);
                    double scale = response_scale(size, alpha, k, x, n, c, h, w);
                    dx->data[at] += dy->data[at] * pow(scale, -0.75);
                    double part = -0.75 * dy->data[at] * x->data[at] * pow(scale, -1.75) * 2 * alpha / size;
                    for (int i = c - size / 2; i <= c + size / 2; i++)
                        if (i >= 0 && i < x->c)
                            dx->data[ref_index(x, n, i, h, w)] += part * x->data[ref_index(x, n, i, h, w)];
                }
}

static void normalise(const ref_batch_norm *norm, const double *mean, const double *inv_std,
                      const ref_tensor *x, const ref_tensor *y) {
    FOR_EACH(x, n, c, i)
    y->data[i] = (x->data[i] - mean[c]) * inv_std[c] * norm->scale[c] + norm->shift[c];
}

void ref_batch_norm_train(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *y) {
    double values = (double)x->n * x->h * x->w, *variance = norm->inv_std;
    for (int c = 0; c < x->c; c++)
        norm->mean[c] = variance[c] = 0;
    FOR_EACH(x, n, c, i)
    norm->mean[c] += x->data[i] / values;
    FOR_EACH(x, n, c, i)
    variance[c] += (x->data[i] - norm->mean[c]) * (x->data[i] - norm->mean[c]) / values;
    for (int c = 0; c < x->c; c++) {
        double unbiased = variance[c] * values / (values - 1), m = norm->momentum;
        if (norm->running_mean) {
            norm->running_mean[c] = (1 - m) * norm->running_mean[c] + m * norm->mean[c];
            norm->running_var[c] = (1 - m) * norm->running_var[c] + m * unbiased;
        }
        norm->inv_std[c] = 1 / sqrt(variance[c] + norm->eps);
    }
    normalise(norm, norm->mean, norm->inv_std, x, y);
}

void ref_batch_norm_eval(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *y) {
    for (int c = 0; c < x->c; c++)
        norm->inv_std[c] = 1 / sqrt(norm->running_var[c] + norm->eps);
    normalise(norm, norm->running_mean, norm->inv_std, x, y);
}

void ref_batch_norm_backward(const ref_batch_norm *norm, const ref_tensor *x, const ref_tensor *dy,
                             const ref_tensor *dx, double *dscale, double *dshift) {
    double values = (double)x->n * x->h * x->w;
    long pixels = (long)x->h * x->w;
    for (int c = 0; c < x->c; c++) {
        double sum = 0, product = 0, mean = norm->mean[c], inv_std = norm->inv_std[c];
        for (int n = 0; n < x->n; n++)
            for (long first = ref_index(x, n, c, 0, 0), i = first; i < first + pixels; i++) {
                sum += dy->data[i];
                product += dy->data[i] * (x->data[i] - mean) * inv_std;
            }
        dshift[c] += sum;
        dscale[c] += product;
        for (int n = 0; n < x->n && dx; n++)
            for (long first = ref_index(x, n, c, 0, 0), i = first; i < first + pixels; i++) {
                double normalised = (x->data[i] - mean) * inv_std;
                dx->data[i] +=
                    norm->scale[c] * inv_std * (dy->data[i] - sum / values - normalised * product / values);
            }
    }
}

void ref_dropout_add(const ref_dropout *dropout, const ref_tensor *x, const ref_tensor *y) {
    int64_t channels = dropout->channels ? dropout->channels : x->c, pixels = (int64_t)x->h * x->w;
    int64_t first = dropout->step * x->n * channels * pixels;
    double keep = 1 - (double)dropout->p;
    FOR_EACH(x, n, c, i) {
        int64_t channel = dropout->position ? dropout->position[c] : c;
        int64_t number = first + (n * channels + channel) * pixels + i % pixels;
        if (wn_random_uniform(dropout->seed, dropout->stream, (uint64_t)number) >= dropout->p)
            y->data[i] += x->data[i] / keep;
    }
}

double ref_loss(const ref_tensor *logits, const int32_t *labels, double smoothing, const ref_tensor *dlogits,
                int64_t *correct) {
    double loss = 0, everywhere = smoothing / logits->c;
    for (int n = 0; n < logits->n; n++) {
        const double *x = logits->data + (long)n * logits->c;
        int best = 0;
        for (int c = 1; c < logits->c; c++)
            best = x[c] > x[best] ? c : best;
        double sum = 0;
        for (int c = 0; c < logits->c; c++)
            sum += exp(x[c] - x[best]);
        if (correct)
            *correct += best == labels[n];
        for (int c = 0; c < logits->c; c++) {
            double target = everywhere + (c == labels[n] ? 1 - smoothing : 0);
            if (target > 0)
                loss += target * (log(sum) - (x[c] - x[best])) / logits->n;
            if (dlogits)
                dlogits->data[(long)n * logits->c + c] += (exp(x[c] - x[best]) / sum - target) / logits->n;
        }
    }
    return loss;
}

void ref_sgd(const ref_update *update, long count, double *weights, const double *gradient, double *moment1) {
    for (long i = 0; i < count; i++) {
        double g = gradient[i] + update->weight_decay * weights[i], velocity = g;
        if (moment1)
            velocity = moment1[i] = update->momentum * moment1[i] + g;
        if (moment1 && update->nesterov)
            velocity = g + update->momentum * velocity;
        weights[i] -= update->lr * velocity;
    }
}

void ref_adam(const ref_update *update, long count, double *weights, const double *gradient, double *moment1,
              double *moment2) {
    double step = (double)update->step;
    for (long i = 0; i < count; i++) {
        double g = gradient[i] + (update->decoupled_decay ? 0 : update->weight_decay * weights[i]);
        if (update->decoupled_decay)
            weights[i] -= update->lr * update->weight_decay * weights[i];
        moment1[i] = update->beta1 * moment1[i] + (1 - update->beta1) * g;
        moment2[i] = update->beta2 * moment2[i] + (1 - update->beta2) * g * g;
        double first = moment1[i] / (1 - pow(update->beta1, step));
        double second = moment2[i] / (1 - pow(update->beta2, step));
        weights[i] -= update->lr * first / (sqrt(second) + update->eps);
    }
}

void ref_rmsprop(const ref_update *update, long count, double *weights, const double *gradient,
                 double *moment1, double *moment2) {
    for (long i = 0; i < count; i++) {
        double g = gradient[i] + update->weight_decay * weights[i];
        moment2[i] = update->beta2 * moment2[i] + (1 - update->beta2) * g * g;
        double velocity = g / (sqrt(moment2[i]) + update->eps);
        if (moment1)
            velocity = moment1[i] = update->momentum * moment1[i] + velocity;
        weights[i] -= update->lr * velocity;
    }
}
