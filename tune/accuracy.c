/* A few results in f64. The reference implementation computes all of them, which takes minutes on a layer of
 * a real network; a wrong or inaccurate kernel shows in a few hundred just as well. */
#include "accuracy.h"
#include "random.h"
#include <math.h>

static const double multiplications = 1e7;

/* Where operands lie: blocked by 16 channels, or plain for a network's input. */
static int64_t src_at(const wn_problem *p, int n, int c, int y, int x) {
    if (p->plain_src)
        return (((int64_t)n * p->ic + c) * p->ih + y) * p->iw + x;
    int64_t block = (int64_t)n * wn_blocks(p->ic) + c / WN_BLOCK;
    return ((block * p->ih + y) * p->iw + x) * WN_BLOCK + c % WN_BLOCK;
}

static int64_t dst_at(const wn_problem *p, int n, int c, int y, int x) {
    int64_t block = (int64_t)n * wn_blocks(p->oc) + c / WN_BLOCK;
    return ((block * p->oh + y) * p->ow + x) * WN_BLOCK + c % WN_BLOCK;
}

static int64_t weight_at(const wn_problem *p, int o, int c, int ky, int kx) {
    int ob = o / WN_BLOCK;
    int64_t tap = (int64_t)ky * p->kw + kx, taps = (int64_t)p->kh * p->kw;
    if (p->plain_src)
        return ((ob * taps + tap) * p->ic + c) * WN_BLOCK + o % WN_BLOCK;
    int64_t block = (int64_t)ob * wn_conv_window(p) + c / WN_BLOCK - wn_conv_window_first(p, ob);
    return ((block * taps + tap) * WN_BLOCK + c % WN_BLOCK) * WN_BLOCK + o % WN_BLOCK;
}

static double forward(const wn_problem *p, const wn_conv_args *args, int n, int o, int y, int x) {
    int inputs = p->ic / p->g, first = o / (p->oc / p->g) * inputs;
    double sum = args->bias ? (double)args->bias[o] : 0;
    for (int c = first; c < first + inputs; c++)
        for (int ky = 0; ky < p->kh; ky++)
            for (int kx = 0; kx < p->kw; kx++) {
                int iy = y * p->sh - p->ph + ky * (p->dh + 1), ix = x * p->sw - p->pw + kx * (p->dw + 1);
                if (iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw)
                    sum += (double)args->src[src_at(p, n, c, iy, ix)] *
                           (double)args->weights[weight_at(p, o, c, ky, kx)];
            }
    return sum;
}

/* The output position that a tap reaches from an input position; -1 when there is none. */
static int reached(int input, int pad, int tap, int dilation, int stride, int outputs) {
    int at = input + pad - tap * (dilation + 1);
    return at >= 0 && at % stride == 0 && at / stride < outputs ? at / stride : -1;
}

static double backward(const wn_problem *p, const wn_conv_args *args, int n, int c, int iy, int ix) {
    int outputs = p->oc / p->g, first = c / (p->ic / p->g) * outputs;
    double sum = 0;
    for (int ky = 0; ky < p->kh; ky++)
        for (int kx = 0; kx < p->kw; kx++) {
            int y = reached(iy, p->ph, ky, p->dh, p->sh, p->oh),
                x = reached(ix, p->pw, kx, p->dw, p->sw, p->ow);
            for (int o = first; o < first + outputs && y >= 0 && x >= 0; o++)
                sum += (double)args->dst[dst_at(p, n, o, y, x)] *
                       (double)args->weights[weight_at(p, o, c, ky, kx)];
        }
    return sum;
}

static double weight_gradient(const wn_problem *p, const wn_conv_args *args, int o, int c, int ky, int kx) {
    double sum = 0;
    for (int n = 0; n < p->mb; n++)
        for (int y = 0; y < p->oh; y++)
            for (int x = 0; x < p->ow; x++) {
                int iy = y * p->sh - p->ph + ky * (p->dh + 1), ix = x * p->sw - p->pw + kx * (p->dw + 1);
                if (iy >= 0 && iy < p->ih && ix >= 0 && ix < p->iw)
                    sum +=
                        (double)args->src[src_at(p, n, c, iy, ix)] * (double)args->dst[dst_at(p, n, o, y, x)];
            }
    return sum;
}

static const float *destination(const wn_problem *p, const wn_conv_args *args) {
    return p->direction == WN_FWD_B ? args->dst : p->direction == WN_BWD_D ? args->src : args->weights;
}

/* The i-th chosen element. */
static void choose(wn_accuracy *accuracy, const wn_problem *p, const wn_conv_args *args, int i) {
    int pick[4];
    const bool is_weights = p->direction == WN_BWD_WB, is_data = p->direction == WN_BWD_D;
    const int sizes[4] = {is_weights ? p->oc : p->mb,
                          is_weights ? p->ic / p->g
                          : is_data  ? p->ic
                                     : p->oc,
                          is_weights ? p->kh
                          : is_data  ? p->ih
                                     : p->oh,
                          is_weights ? p->kw
                          : is_data  ? p->iw
                                     : p->ow};
    for (int d = 0; d < 4; d++)
        pick[d] = (int)wn_random_below(1, WN_STREAM_TUNE, (uint64_t)i * 4 + (uint64_t)d, (uint32_t)sizes[d]);
    if (is_weights) {
        int c = pick[0] / (p->oc / p->g) * (p->ic / p->g) + pick[1];
        accuracy->at[i] = weight_at(p, pick[0], c, pick[2], pick[3]);
        accuracy->sum[i] = weight_gradient(p, args, pick[0], c, pick[2], pick[3]);
    } else if (is_data) {
        accuracy->at[i] = src_at(p, pick[0], pick[1], pick[2], pick[3]);
        accuracy->sum[i] = backward(p, args, pick[0], pick[1], pick[2], pick[3]);
    } else {
        accuracy->at[i] = dst_at(p, pick[0], pick[1], pick[2], pick[3]);
        accuracy->sum[i] = forward(p, args, pick[0], pick[1], pick[2], pick[3]);
    }
}

void wn_accuracy_prepare(wn_accuracy *accuracy, const wn_problem *p, const wn_conv_args *args) {
    double taps = (double)p->kh * p->kw;
    double terms = p->direction == WN_FWD_B   ? taps * p->ic / p->g
                   : p->direction == WN_BWD_D ? taps * p->oc / p->g
                                              : (double)p->mb * p->oh * p->ow;
    double affordable = multiplications / terms, squares = 0;
    accuracy->count = affordable < 16                    ? 16
                      : affordable < WN_ACCURACY_SAMPLES ? (int)affordable
                                                         : WN_ACCURACY_SAMPLES;
    for (int i = 0; i < accuracy->count; i++) {
        choose(accuracy, p, args, i);
        squares += accuracy->sum[i] * accuracy->sum[i];
    }
    accuracy->scale = sqrt(squares / accuracy->count);
    if (!(accuracy->scale > 0))
        accuracy->scale = 1;
}

void wn_accuracy_before(wn_accuracy *accuracy, const wn_problem *p, const wn_conv_args *args) {
    for (int i = 0; i < accuracy->count; i++)
        accuracy->before[i] = p->accumulate ? (double)destination(p, args)[accuracy->at[i]] : 0;
}

double wn_accuracy_error(const wn_accuracy *accuracy, const wn_problem *p, const wn_conv_args *args) {
    double largest = 0;
    for (int i = 0; i < accuracy->count; i++) {
        double expected = accuracy->sum[i] + accuracy->before[i];
        double difference =
            fabs((double)destination(p, args)[accuracy->at[i]] - (p->relu && expected < 0 ? 0 : expected));
        if (!isfinite(difference))
            return INFINITY;
        largest = fmax(largest, difference);
    }
    return largest / accuracy->scale;
}

/* Lanes from `channels` on in blocked activations of `pixels` pixels. */
static void clear_lanes(float *data, int64_t images, int channels, int64_t pixels) {
    int used = channels % WN_BLOCK, blocks = wn_blocks(channels);
    for (int64_t n = 0; n < images && used; n++) {
        float *last = data + ((n + 1) * blocks - 1) * pixels * WN_BLOCK;
        for (int64_t i = 0; i < pixels; i++)
            for (int lane = used; lane < WN_BLOCK; lane++)
                last[i * WN_BLOCK + lane] = 0;
    }
}

/* Weights that join an existing input to an existing output of the same group keep their values. */
static void clear_weights(const wn_problem *p, float *weights) {
    const int window = wn_conv_window(p);
    for (int ob = 0; ob < wn_blocks(p->oc); ob++)
        for (int w = 0; w < window; w++)
            for (int64_t tap = 0; tap < (int64_t)p->kh * p->kw; tap++)
                for (int i = 0; i < WN_BLOCK * WN_BLOCK; i++) {
                    int c = (wn_conv_window_first(p, ob) + w) * WN_BLOCK + i / WN_BLOCK;
                    int o = ob * WN_BLOCK + i % WN_BLOCK;
                    int64_t block = ((int64_t)ob * window + w) * p->kh * p->kw + tap;
                    if (c >= p->ic || o >= p->oc || c / (p->ic / p->g) != o / (p->oc / p->g))
                        weights[block * WN_BLOCK * WN_BLOCK + i] = 0;
                }
}

static void clear_plain_weights(const wn_problem *p, float *weights) {
    int used = p->oc % WN_BLOCK;
    int64_t rows = (int64_t)p->kh * p->kw * p->ic;
    float *last = weights + (wn_blocks(p->oc) - 1) * rows * WN_BLOCK;
    for (int64_t i = 0; i < rows && used; i++)
        for (int lane = used; lane < WN_BLOCK; lane++)
            last[i * WN_BLOCK + lane] = 0;
}

void wn_accuracy_clear_padding(const wn_problem *p, const wn_conv_args *args) {
    clear_lanes(args->dst, p->mb, p->oc, (int64_t)p->oh * p->ow);
    for (int o = p->oc; o < wn_blocks(p->oc) * WN_BLOCK; o++)
        args->bias[o] = 0;
    if (p->plain_src) {
        clear_plain_weights(p, args->weights);
        return;
    }
    clear_lanes(args->src, p->mb, p->ic, (int64_t)p->ih * p->iw);
    if (p->g > 1 || p->ic % WN_BLOCK || p->oc % WN_BLOCK)
        clear_weights(p, args->weights);
}
