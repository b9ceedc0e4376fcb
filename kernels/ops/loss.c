/* Softmax with cross-entropy: loss, hits and the gradient of the logits. */
#include "ops_internal.h"
#include "vector_math.h"

/* Sixteen logits from `first` on, -infinity beyond the last class. */
static void load_logits(const float *logits, long first, long classes, float lanes[WN_BLOCK]) {
    for (long i = 0; i < WN_BLOCK; i++)
        lanes[i] = first + i < classes ? logits[first + i] : -INFINITY;
}

static float largest(const float *logits, long classes) {
    float best = logits[0];
    for (long i = 1; i < classes; i++)
        best = logits[i] > best ? logits[i] : best;
    return best;
}

/* Where an image's target stands, before smoothing: a share at the label, the rest at the other. */
typedef struct target {
    long label, other;
    double share; /* 1: there is no other */
} target;

static target target_of(const wn_loss_args *args, long image) {
    target t = {args->labels[image], args->labels[image], 1};
    if (args->others && args->others[image] != t.label) {
        t.other = args->others[image];
        t.share = (double)args->shares[image];
    }
    return t;
}

/* How far the logits lie below the largest one, as the target weighs them: at the labels, and with smoothing
 * everywhere. */
static double target_distance(const wn_loss_args *args, const float *logits, target t, float top) {
    double at_labels = t.share * ((double)top - (double)logits[t.label]);
    double smoothing = (double)args->smoothing, sum = 0;
    if (t.share < 1)
        at_labels += (1 - t.share) * ((double)top - (double)logits[t.other]);
    if (!(args->smoothing > 0))
        return at_labels;
    for (long i = 0; i < args->logits.channels; i++)
        sum += (double)top - (double)logits[i];
    return (1 - smoothing) * at_labels + smoothing * sum / args->logits.channels;
}

/* Whether the first maximum stands at the label. */
static bool hits(const float *logits, long classes, long label) {
    bool hit = true;
    for (long i = 0; i < classes; i++)
        hit &= i < label ? logits[i] < logits[label] : logits[i] <= logits[label];
    return hit;
}

/* The gradient at a class that has a share of the target, from its exponential. */
static void set_at(const wn_loss_args *args, double sum, double power, double share, float *gradient) {
    double images = args->logits.images, smoothing = (double)args->smoothing;
    *gradient = (float)((power - share * sum) / (sum * images) +
                        (share * smoothing / images - smoothing / args->logits.channels / images));
}

/* From exponentials to (softmax - target) / images; `powers` are those at the labels. Padded lanes hold zeros
 * before and after. */
static void finish_gradient(const wn_loss_args *args, double sum, target t, const double powers[2],
                            float *gradient) {
    long classes = args->logits.channels;
    double images = args->logits.images;
    double everywhere = (double)args->smoothing / (double)classes / images;
    vf factor = vf_set1((float)(1.0 / (sum * images))), share = vf_set1((float)everywhere);
    for (long i = 0; i < wn_view_blocks(&args->logits) * WN_BLOCK; i += WN_LANES)
        vf_store(gradient + i, vf_load(gradient + i) * factor - share);
    for (long i = classes; i < wn_view_blocks(&args->logits) * WN_BLOCK; i++)
        gradient[i] = 0;
    set_at(args, sum, powers[0], t.share, &gradient[t.label]);
    if (t.share < 1)
        set_at(args, sum, powers[1], 1 - t.share, &gradient[t.other]);
}

/* The sum is taken in double, so that a loss near zero, log(1 + small), keeps its digits; so is the labels'
 * own gradient, where softmax - 1 would cancel. */
static void sample(const wn_loss_args *args, long image) {
    long classes = args->logits.channels;
    const float *logits = args->logits.data + image * args->logits.stride;
    float *gradient = args->dlogits.data ? args->dlogits.data + image * args->dlogits.stride : NULL;
    float top = largest(logits, classes);
    float lanes[WN_BLOCK] __attribute__((aligned(64)));
    target t = target_of(args, image);
    double sum = 0, powers[2] = {0, 0};
    double distance = target_distance(args, logits, t, top); /* before gradients take their place */
    args->sample_hit[image] = hits(logits, classes, t.label);
    for (long first = 0; first < classes; first += WN_BLOCK) {
        load_logits(logits, first, classes, lanes);
        for (int v = 0; v < WN_BLOCK; v += WN_LANES)
            vf_store(lanes + v, vf_exp(vf_load(lanes + v) - vf_set1(top)));
        for (int i = 0; i < WN_BLOCK; i++)
            sum += (double)lanes[i];
        if (t.label / WN_BLOCK == first / WN_BLOCK)
            powers[0] = (double)lanes[t.label % WN_BLOCK];
        if (t.other / WN_BLOCK == first / WN_BLOCK)
            powers[1] = (double)lanes[t.other % WN_BLOCK];
        if (gradient)
            for (int v = 0; v < WN_BLOCK; v += WN_LANES)
                vf_store(gradient + first + v, vf_load(lanes + v));
    }
    args->sample_loss[image] = (float)(log(sum) + distance);
    if (gradient)
        finish_gradient(args, sum, t, powers, gradient);
}

void WN_TARGET_NAME(loss)(const wn_loss_args *args, int phase, int tid, int nthreads) {
    if (phase == 0) {
        long begin, end;
        wn_split(args->logits.images, tid, nthreads, &begin, &end);
        for (long image = begin; image < end; image++)
            sample(args, image);
    } else if (tid == 0) {
        double sum = 0;
        int64_t correct = 0;
        for (long image = 0; image < args->logits.images; image++) {
            sum += (double)args->sample_loss[image];
            correct += args->sample_hit[image];
        }
        *args->loss = sum / args->logits.images;
        *args->correct = correct;
    }
}
