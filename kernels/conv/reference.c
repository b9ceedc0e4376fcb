/* The judge: convolution straight from its definition, sums in f64, any stride, dilation, groups and padding.
 * Written to be read; it never relies on what padded lanes or structural zeros hold. Kept apart from the
 * kernels it judges: it shares nothing with them but the layouts of conv.h. */
#include <string.h>

#include "conv.h"
#include "implementations.h"
#include "pool.h"

/* plan->derived. */
enum { WINDOW };

/* A run of lanes of one block whose channels belong to one group, and that group's channels on the other
 * side of the convolution. */
typedef struct lane_run {
    int begin, end;        /* lanes */
    int channel, channels; /* first channel of the other side, and how many */
} lane_run;

/* The run that starts at channel `from` of a side with `total` channels in g groups. */
static lane_run run_of_group(int from, int total, int other_total, int g) {
    int group = from / (total / g), group_end = (group + 1) * (total / g);
    int block_end = (from / WN_BLOCK + 1) * WN_BLOCK;
    int end = group_end < block_end ? group_end : block_end;
    int begin = from % WN_BLOCK;
    return (lane_run){begin, begin + end - from, group * (other_total / g), other_total / g};
}

static int64_t blocked_offset(int64_t stride, int height, int width, int n, int c, int h, int w) {
    return n * stride + (((int64_t)(c / WN_BLOCK) * height + h) * width + w) * WN_BLOCK + c % WN_BLOCK;
}

static float *src_at(const wn_conv_plan *plan, float *src, int n, int c, int h, int w) {
    const wn_problem *p = &plan->problem;
    if (p->plain_src)
        return src + n * plan->src_stride + ((int64_t)c * p->ih + h) * p->iw + w;
    return src + blocked_offset(plan->src_stride, p->ih, p->iw, n, c, h, w);
}

static float *dst_at(const wn_conv_plan *plan, float *dst, int n, int c, int h, int w) {
    return dst + blocked_offset(plan->dst_stride, plan->problem.oh, plan->problem.ow, n, c, h, w);
}

/* The 16 weights that join input channel c to the outputs of block ob; `first` is the block's window. */
static float *weights_at(const wn_conv_plan *plan, float *weights, int ob, int first, int c, int tap) {
    const wn_problem *p = &plan->problem;
    int64_t taps = (int64_t)p->kh * p->kw;
    if (p->plain_src)
        return weights + ((ob * taps + tap) * p->ic + c) * WN_BLOCK;
    int64_t block = ob * plan->derived[WINDOW] + c / WN_BLOCK - first;
    return weights + ((block * taps + tap) * WN_BLOCK + c % WN_BLOCK) * WN_BLOCK;
}

/* The input coordinate that a tap of output coordinate o reads, or -1 outside of the map. */
static int input_of(int o, int tap, int stride, int dilation, int padding, int size) {
    int i = o * stride + tap * (dilation + 1) - padding;
    return i < size ? i : -1;
}

/* The output coordinate that reads input coordinate i through a tap, or -1 when none does. */
static int output_of(int i, int tap, int stride, int dilation, int padding, int size) {
    int position = i + padding - tap * (dilation + 1);
    if (position < 0 || position % stride != 0 || position / stride >= size)
        return -1;
    return position / stride;
}

/* One pixel of one output block: adds the products of a run of lanes. */
static void forward_run(const wn_conv_plan *plan, const wn_conv_args *args, int n, int ob, int oh, int ow,
                        lane_run run, double sum[WN_BLOCK]) {
    const wn_problem *p = &plan->problem;
    int first = wn_conv_window_first(p, ob);
    for (int tap = 0; tap < p->kh * p->kw; tap++) {
        int h = input_of(oh, tap / p->kw, p->sh, p->dh, p->ph, p->ih);
        int w = input_of(ow, tap % p->kw, p->sw, p->dw, p->pw, p->iw);
        if (h < 0 || w < 0)
            continue;
        for (int c = run.channel; c < run.channel + run.channels; c++) {
            double x = *src_at(plan, args->src, n, c, h, w);
            const float *weights = weights_at(plan, args->weights, ob, first, c, tap);
            for (int lane = run.begin; lane < run.end; lane++)
                sum[lane] += x * weights[lane];
        }
    }
}

static void forward_pixel(const wn_conv_plan *plan, const wn_conv_args *args, int n, int ob, int oh, int ow) {
    const wn_problem *p = &plan->problem;
    double sum[WN_BLOCK] = {0};
    int channel = ob * WN_BLOCK, lanes = p->oc - channel < WN_BLOCK ? p->oc - channel : WN_BLOCK;
    for (int lane = 0; lane < lanes;) {
        lane_run run = run_of_group(channel + lane, p->oc, p->ic, p->g);
        forward_run(plan, args, n, ob, oh, ow, run, sum);
        lane = run.end;
    }
    float *dst = dst_at(plan, args->dst, n, channel, oh, ow);
    for (int lane = 0; lane < lanes; lane++) {
        double value = sum[lane];
        if (args->bias)
            value += args->bias[channel + lane];
        if (p->accumulate)
            value += dst[lane];
        dst[lane] = p->relu && value < 0 ? 0 : (float)value;
    }
    memset(dst + lanes, 0, (size_t)(WN_BLOCK - lanes) * sizeof(float));
}

/* A work item is one row of one block of one image. */
static void forward(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    int blocks = wn_blocks(p->oc);
    long begin, end;
    wn_split((long)p->mb * blocks * p->oh, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++)
        for (int ow = 0; ow < p->ow; ow++)
            forward_pixel(plan, args, (int)(item / p->oh / blocks), (int)(item / p->oh % blocks),
                          (int)(item % p->oh), ow);
}

/* One pixel of one block of the data's gradient: adds the products of a run of lanes. */
static void backward_data_run(const wn_conv_plan *plan, const wn_conv_args *args, int n, int ib, int h, int w,
                              lane_run run, double sum[WN_BLOCK]) {
    const wn_problem *p = &plan->problem;
    for (int tap = 0; tap < p->kh * p->kw; tap++) {
        int oh = output_of(h, tap / p->kw, p->sh, p->dh, p->ph, p->oh);
        int ow = output_of(w, tap % p->kw, p->sw, p->dw, p->pw, p->ow);
        if (oh < 0 || ow < 0)
            continue;
        for (int o = run.channel; o < run.channel + run.channels; o++) {
            int ob = o / WN_BLOCK, first = wn_conv_window_first(p, ob);
            double d = *dst_at(plan, args->dst, n, o, oh, ow);
            const float *weights =
                weights_at(plan, args->weights, ob, first, ib * WN_BLOCK, tap) + o % WN_BLOCK;
            for (int lane = run.begin; lane < run.end; lane++)
                sum[lane] += d * weights[lane * WN_BLOCK];
        }
    }
}

static void backward_data_pixel(const wn_conv_plan *plan, const wn_conv_args *args, int n, int ib, int h,
                                int w) {
    const wn_problem *p = &plan->problem;
    double sum[WN_BLOCK] = {0};
    int channel = ib * WN_BLOCK, lanes = p->ic - channel < WN_BLOCK ? p->ic - channel : WN_BLOCK;
    for (int lane = 0; lane < lanes;) {
        lane_run run = run_of_group(channel + lane, p->ic, p->oc, p->g);
        backward_data_run(plan, args, n, ib, h, w, run, sum);
        lane = run.end;
    }
    for (int lane = 0; lane < (p->plain_src ? lanes : WN_BLOCK); lane++) {
        float *src = src_at(plan, args->src, n, channel + lane, h, w);
        double before = lane < lanes && p->accumulate ? *src : 0;
        *src = (float)(sum[lane] + before);
    }
}

static void backward_data(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    int blocks = wn_blocks(p->ic);
    long begin, end;
    wn_split((long)p->mb * blocks * p->ih, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++)
        for (int w = 0; w < p->iw; w++)
            backward_data_pixel(plan, args, (int)(item / p->ih / blocks), (int)(item / p->ih % blocks),
                                (int)(item % p->ih), w);
}

/* Sums over all outputs: sum[i][o] of input channels from c (at most 16, `inputs` of them exist), output
 * block ob and one tap. */
static void correlate(const wn_conv_plan *plan, const wn_conv_args *args, int ob, int c, int inputs, int tap,
                      double sum[WN_BLOCK][WN_BLOCK]) {
    const wn_problem *p = &plan->problem;
    for (int64_t pixel = 0; pixel < (int64_t)p->mb * p->oh * p->ow; pixel++) {
        int ow = (int)(pixel % p->ow), oh = (int)(pixel / p->ow % p->oh), n = (int)(pixel / p->ow / p->oh);
        int h = input_of(oh, tap / p->kw, p->sh, p->dh, p->ph, p->ih);
        int w = input_of(ow, tap % p->kw, p->sw, p->dw, p->pw, p->iw);
        if (h < 0 || w < 0)
            continue;
        const float *d = dst_at(plan, args->dst, n, ob * WN_BLOCK, oh, ow);
        for (int i = 0; i < inputs; i++) {
            double x = *src_at(plan, args->src, n, c + i, h, w);
            for (int o = 0; o < WN_BLOCK; o++)
                sum[i][o] += x * d[o];
        }
    }
}

/* One tile of the weights' gradient: [16 or ic][16] of block ob, the window's block ib and one tap. Joined
 * channels get their sum, everything else zero. */
static void backward_weights_tile(const wn_conv_plan *plan, const wn_conv_args *args, int ob, int ib,
                                  int tap) {
    const wn_problem *p = &plan->problem;
    double sum[WN_BLOCK][WN_BLOCK] = {{0}};
    int first = p->plain_src ? 0 : wn_conv_window_first(p, ob);
    int c = (first + ib) * WN_BLOCK, inputs = p->ic - c < WN_BLOCK ? p->ic - c : WN_BLOCK;
    correlate(plan, args, ob, c, inputs, tap, sum);
    for (int i = 0; i < (p->plain_src ? inputs : WN_BLOCK); i++) {
        float *weights = weights_at(plan, args->weights, ob, first, c + i, tap);
        for (int o = 0; o < WN_BLOCK; o++) {
            int channel = ob * WN_BLOCK + o;
            bool joined =
                i < inputs && channel < p->oc && (c + i) / (p->ic / p->g) == channel / (p->oc / p->g);
            double before = joined && p->accumulate ? weights[o] : 0;
            weights[o] = joined ? (float)(sum[i][o] + before) : 0;
        }
    }
}

static void backward_bias_block(const wn_conv_plan *plan, const wn_conv_args *args, int ob) {
    const wn_problem *p = &plan->problem;
    for (int lane = 0; lane < WN_BLOCK; lane++) {
        float *bias = args->bias + ob * WN_BLOCK + lane;
        if (ob * WN_BLOCK + lane >= p->oc) {
            *bias = 0;
            continue;
        }
        double sum = p->accumulate ? *bias : 0;
        for (int n = 0; n < p->mb; n++)
            for (int h = 0; h < p->oh; h++)
                for (int w = 0; w < p->ow; w++)
                    sum += *dst_at(plan, args->dst, n, ob * WN_BLOCK + lane, h, w);
        *bias = (float)sum;
    }
}

/* A work item is a tile of the weights, or one block of the bias behind them. */
static void backward_weights(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    int blocks = wn_blocks(p->oc), taps = p->kh * p->kw;
    int window = p->plain_src ? 1 : (int)plan->derived[WINDOW];
    long tiles = (long)blocks * window * taps, begin, end;
    wn_split(tiles + (args->bias ? blocks : 0), tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        if (item < tiles)
            backward_weights_tile(plan, args, (int)(item / taps / window), (int)(item / taps % window),
                                  (int)(item % taps));
        else
            backward_bias_block(plan, args, (int)(item - tiles));
    }
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    (void)phase;
    switch (plan->problem.direction) {
    case WN_FWD_B:
        forward(plan, args, tid, nthreads);
        break;
    case WN_BWD_D:
        backward_data(plan, args, tid, nthreads);
        break;
    default:
        backward_weights(plan, args, tid, nthreads);
    }
}

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    (void)problem;
    (void)isa;
    return NULL;
}

static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)problem;
    (void)isa;
    (void)threads;
    if (room > 0)
        list[0] = (wn_config){0};
    return 1;
}

static wn_status plan(wn_conv_plan *plan) {
    plan->derived[WINDOW] = wn_conv_window(&plan->problem);
    return wn_ok();
}

static const char *const knobs[] = {NULL};

const wn_conv_impl wn_conv_reference = {
    .name = "reference",
    .knobs = knobs,
    .refuse = refuse,
    .configs = configs,
    .plan = plan,
    .run = run,
    .judge = true,
};
