/* Blocked layouts of activations and weights: sizes, windows of groups, and the way from and to the
 * conventional NCHW and OIHW. For borders (checkpoints, tests), not for the hot path. */
#include <string.h>

#include "conv.h"

static int lesser(int a, int b) {
    return a < b ? a : b;
}

/* Input blocks [*first, *end) that hold the groups of output block ob's channels. */
static void blocks_of_groups(const wn_problem *problem, int ob, int *first, int *end) {
    int ic_per_group = problem->ic / problem->g, oc_per_group = problem->oc / problem->g;
    int last_channel = lesser((ob + 1) * WN_BLOCK, problem->oc) - 1;
    int first_group = ob * WN_BLOCK / oc_per_group, last_group = last_channel / oc_per_group;
    *first = first_group * ic_per_group / WN_BLOCK;
    *end = wn_blocks((last_group + 1) * ic_per_group);
}

int wn_conv_window(const wn_problem *problem) {
    if (problem->g == 1)
        return wn_blocks(problem->ic);
    int window = 1;
    for (int ob = 0; ob < wn_blocks(problem->oc); ob++) {
        int first, end;
        blocks_of_groups(problem, ob, &first, &end);
        if (end - first > window)
            window = end - first;
    }
    return window;
}

static int window_first(const wn_problem *problem, int window, int ob) {
    if (problem->g == 1)
        return 0;
    int first, end;
    blocks_of_groups(problem, ob, &first, &end);
    return lesser(first, wn_blocks(problem->ic) - window);
}

int wn_conv_window_first(const wn_problem *problem, int ob) {
    return window_first(problem, wn_conv_window(problem), ob);
}

int64_t wn_conv_src_floats(const wn_problem *problem) {
    int64_t pixels = (int64_t)problem->mb * problem->ih * problem->iw;
    return pixels * (problem->plain_src ? problem->ic : wn_blocks(problem->ic) * WN_BLOCK);
}

int64_t wn_conv_dst_floats(const wn_problem *problem) {
    return (int64_t)problem->mb * problem->oh * problem->ow * wn_blocks(problem->oc) * WN_BLOCK;
}

int64_t wn_conv_weights_floats(const wn_problem *problem) {
    int64_t inputs = problem->plain_src ? problem->ic : wn_conv_window(problem) * WN_BLOCK;
    return wn_blocks(problem->oc) * inputs * problem->kh * problem->kw * WN_BLOCK;
}

double wn_conv_operand_bytes(const wn_problem *problem) {
    return (double)sizeof(float) *
           ((double)wn_conv_src_floats(problem) + (double)wn_conv_dst_floats(problem) +
            (double)wn_conv_weights_floats(problem));
}

/* Where the weights of output channel o and the i-th input channel of its group start, and how far apart
 * neighbouring taps are. */
typedef struct filter_place {
    int64_t start, tap;
} filter_place;

static filter_place place_filter(const wn_problem *problem, int window, int o, int i) {
    int64_t taps = (int64_t)problem->kh * problem->kw;
    int64_t ob = o / WN_BLOCK;
    if (problem->plain_src)
        return (filter_place){(ob * taps * problem->ic + i) * WN_BLOCK + o % WN_BLOCK,
                              (int64_t)problem->ic * WN_BLOCK};
    int channel = o / (problem->oc / problem->g) * (problem->ic / problem->g) + i;
    int ib = channel / WN_BLOCK - window_first(problem, window, (int)ob);
    int64_t tap = WN_BLOCK * WN_BLOCK;
    return (filter_place){(ob * window + ib) * taps * tap + channel % WN_BLOCK * WN_BLOCK + o % WN_BLOCK,
                          tap};
}

void wn_conv_weights_block(const wn_problem *problem, const float *oihw, float *blocked) {
    memset(blocked, 0, (size_t)wn_conv_weights_floats(problem) * sizeof(float));
    int window = wn_conv_window(problem), taps = problem->kh * problem->kw;
    for (int o = 0; o < problem->oc; o++) {
        for (int i = 0; i < problem->ic / problem->g; i++) {
            filter_place place = place_filter(problem, window, o, i);
            for (int tap = 0; tap < taps; tap++)
                blocked[place.start + tap * place.tap] = *oihw++;
        }
    }
}

void wn_conv_weights_unblock(const wn_problem *problem, const float *blocked, float *oihw) {
    int window = wn_conv_window(problem), taps = problem->kh * problem->kw;
    for (int o = 0; o < problem->oc; o++) {
        for (int i = 0; i < problem->ic / problem->g; i++) {
            filter_place place = place_filter(problem, window, o, i);
            for (int tap = 0; tap < taps; tap++)
                *oihw++ = blocked[place.start + tap * place.tap];
        }
    }
}

void wn_activations_block(int n, int c, int h, int w, const float *nchw, float *blocked, int64_t stride) {
    int64_t pixels = (int64_t)h * w;
    if (stride == 0)
        stride = wn_blocks(c) * pixels * WN_BLOCK;
    for (int image = 0; image < n; image++) {
        for (int channel = 0; channel < wn_blocks(c) * WN_BLOCK; channel++) {
            float *to =
                blocked + image * stride + channel / WN_BLOCK * pixels * WN_BLOCK + channel % WN_BLOCK;
            for (int64_t pixel = 0; pixel < pixels; pixel++)
                to[pixel * WN_BLOCK] =
                    channel < c ? nchw[((int64_t)image * c + channel) * pixels + pixel] : 0;
        }
    }
}

void wn_activations_unblock(int n, int c, int h, int w, const float *blocked, int64_t stride, float *nchw) {
    int64_t pixels = (int64_t)h * w;
    if (stride == 0)
        stride = wn_blocks(c) * pixels * WN_BLOCK;
    for (int image = 0; image < n; image++) {
        for (int channel = 0; channel < c; channel++) {
            const float *from =
                blocked + image * stride + channel / WN_BLOCK * pixels * WN_BLOCK + channel % WN_BLOCK;
            for (int64_t pixel = 0; pixel < pixels; pixel++)
                *nchw++ = from[pixel * WN_BLOCK];
        }
    }
}
