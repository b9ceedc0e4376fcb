/* Updates of the parameters: SGD with momentum, Adam and RMSprop; and what may stand around them, sums and
 * norms of gradients, the average of weights. */
#include "ops_internal.h"
#include "vector_math.h"

static void split_floats(int64_t count, int tid, int nthreads, long *begin, long *end) {
    wn_split(count / WN_BLOCK, tid, nthreads, begin, end);
    *begin *= WN_BLOCK;
    *end *= WN_BLOCK;
}

/* What gradients are multiplied with: 1, but for clipping. */
static vf gradient_factor(const wn_hyper *hyper) {
    return vf_set1(hyper->gradient_factor != 0 ? hyper->gradient_factor : 1.0f);
}

void WN_TARGET_NAME(sgd)(const wn_update_args *args, int tid, int nthreads) {
    vf lr = vf_set1(args->hyper->lr), momentum = vf_set1(args->hyper->momentum);
    vf decay = vf_set1(args->hyper->weight_decay), factor = gradient_factor(args->hyper);
    bool nesterov = args->hyper->nesterov;
    long begin, end;
    split_floats(args->count, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i += WN_LANES) {
        vf weights = vf_load(args->weights + i);
        vf gradient = vf_fma(decay, weights, factor * vf_load(args->gradient + i)), velocity = gradient;
        if (args->moment1) {
            velocity = vf_fma(momentum, vf_load(args->moment1 + i), gradient);
            vf_store(args->moment1 + i, velocity);
            velocity = nesterov ? vf_fma(momentum, velocity, gradient) : velocity;
        }
        vf_store(args->weights + i, vf_fma(-lr, velocity, weights));
    }
}

/* 1 - beta^step, in double because it is small where beta is near 1. */
static double bias_correction(float beta, int64_t step) {
    return 1.0 - pow((double)beta, (double)step);
}

void WN_TARGET_NAME(adam)(const wn_update_args *args, int tid, int nthreads) {
    const wn_hyper *hyper = args->hyper;
    vf beta1 = vf_set1(hyper->beta1), beta2 = vf_set1(hyper->beta2), eps = vf_set1(hyper->eps);
    vf rest1 = vf_set1(1.0f - hyper->beta1), rest2 = vf_set1(1.0f - hyper->beta2);
    vf rate = vf_set1((float)((double)hyper->lr / bias_correction(hyper->beta1, hyper->step)));
    vf root_scale = vf_set1((float)(1.0 / sqrt(bias_correction(hyper->beta2, hyper->step))));
    vf coupled = vf_set1(hyper->decoupled_decay ? 0.0f : hyper->weight_decay);
    vf decoupled = vf_set1(hyper->decoupled_decay ? hyper->lr * hyper->weight_decay : 0.0f);
    vf factor = gradient_factor(hyper);
    long begin, end;
    split_floats(args->count, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i += WN_LANES) {
        vf weights = vf_load(args->weights + i);
        vf gradient = vf_fma(coupled, weights, factor * vf_load(args->gradient + i));
        vf first = vf_fma(beta1, vf_load(args->moment1 + i), rest1 * gradient);
        vf second = vf_fma(beta2, vf_load(args->moment2 + i), rest2 * (gradient * gradient));
        vf_store(args->moment1 + i, first);
        vf_store(args->moment2 + i, second);
        weights = vf_fma(-decoupled, weights, weights);
        vf_store(args->weights + i, weights - rate * first / vf_fma(vf_sqrt(second), root_scale, eps));
    }
}

void WN_TARGET_NAME(rmsprop)(const wn_update_args *args, int tid, int nthreads) {
    const wn_hyper *hyper = args->hyper;
    vf lr = vf_set1(hyper->lr), momentum = vf_set1(hyper->momentum), decay = vf_set1(hyper->weight_decay);
    vf beta2 = vf_set1(hyper->beta2), rest2 = vf_set1(1.0f - hyper->beta2), eps = vf_set1(hyper->eps);
    vf factor = gradient_factor(hyper);
    long begin, end;
    split_floats(args->count, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i += WN_LANES) {
        vf weights = vf_load(args->weights + i);
        vf gradient = vf_fma(decay, weights, factor * vf_load(args->gradient + i));
        vf second = vf_fma(beta2, vf_load(args->moment2 + i), rest2 * (gradient * gradient));
        vf_store(args->moment2 + i, second);
        vf velocity = gradient / (vf_sqrt(second) + eps);
        if (args->moment1) {
            velocity = vf_fma(momentum, vf_load(args->moment1 + i), velocity);
            vf_store(args->moment1 + i, velocity);
        }
        vf_store(args->weights + i, vf_fma(-lr, velocity, weights));
    }
}

void WN_TARGET_NAME(gather_gradient)(const wn_update_args *args, int tid, int nthreads) {
    vf share = vf_set1(args->hyper->share);
    bool first = args->hyper->first;
    long begin, end;
    split_floats(args->count, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i += WN_LANES) {
        vf before = first ? vf_set1(0.0f) : vf_load(args->weights + i);
        vf_store(args->weights + i, vf_fma(share, vf_load(args->gradient + i), before));
    }
}

void WN_TARGET_NAME(gradient_squares)(const wn_update_args *args, int tid, int nthreads) {
    long begin, end;
    wn_split(wn_gradient_pieces(args->count), tid, nthreads, &begin, &end);
    for (long piece = begin; piece < end; piece++) {
        int64_t first = (int64_t)piece * WN_GRADIENT_PIECE, last = first + WN_GRADIENT_PIECE;
        double sum = 0;
        for (int64_t i = first; i < (last < args->count ? last : args->count); i++)
            sum += (double)args->gradient[i] * (double)args->gradient[i];
        args->squares[args->first_square + piece] = sum;
    }
}

/* Young averages forget faster: the smaller of the decay and (1 + n) / (10 + n). */
void WN_TARGET_NAME(average_weights)(const wn_update_args *args, int tid, int nthreads) {
    double n = (double)args->hyper->step, young = (1 + n) / (10 + n);
    float decay = young < (double)args->hyper->average_decay ? (float)young : args->hyper->average_decay;
    vf rest = vf_set1(1.0f - decay);
    long begin, end;
    split_floats(args->count, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i += WN_LANES) {
        vf average = vf_load(args->weights + i);
        vf_store(args->weights + i, vf_fma(rest, vf_load(args->gradient + i) - average, average));
    }
}
