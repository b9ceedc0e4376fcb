/* Operands of a convolution under test: integer or real data, strided views, guards around every buffer, and
 * the comparison of everything that memory holds afterwards. Running them is in conv_running.h. */
#ifndef WN_CONV_OPERANDS_H
#define WN_CONV_OPERANDS_H

#include "arena.h"
#include "check.h"
#include "conv.h"
#include "conv_cases.h"
#include <math.h>
#include <string.h>

enum { GUARD = 64 }; /* floats before and behind each buffer */

enum { SRC, WEIGHTS, BIAS, DST, OPERANDS };

/* Memory that no kernel may write, and whose value spoils every sum that reads it. */
static const uint32_t guard_bits = 0x7fc0dead;
/* What destinations hold before a run that may not read them. */
static const uint32_t stale_bits = 0x7fc00bad;

typedef struct operand {
    float *memory; /* guards and neighbours included */
    int64_t floats;
    float *data; /* what the convolution gets */
} operand;

typedef struct operand_set {
    wn_problem problem;
    int64_t src_stride, dst_stride;
    bool with_bias;
    const float *mask; /* as wn_conv_args */
    operand all[OPERANDS];
} operand_set;

static inline void fill_bits(float *values, int64_t count, uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    for (int64_t i = 0; i < count; i++)
        values[i] = value;
}

static inline float *floats_alloc(int64_t count) {
    float *floats = wn_calloc64((size_t)count * sizeof(float));
    if (!floats) {
        fprintf(stderr, "cannot allocate %" PRId64 " floats\n", count);
        exit(1);
    }
    return floats;
}

static inline operand operand_alloc(int64_t floats, int64_t offset) {
    operand made = {.floats = floats + 2 * GUARD};
    made.memory = floats_alloc(made.floats);
    made.data = made.memory + GUARD + offset;
    fill_bits(made.memory, made.floats, guard_bits);
    return made;
}

static inline bool guards_are_whole(const operand *buffer) {
    float guard[GUARD];
    fill_bits(guard, GUARD, guard_bits);
    return memcmp(buffer->memory, guard, sizeof guard) == 0 &&
           memcmp(buffer->memory + buffer->floats - GUARD, guard, sizeof guard) == 0;
}

static inline operand_set operands_copy(const operand_set *from) {
    operand_set copy = *from;
    for (int i = 0; i < OPERANDS; i++) {
        copy.all[i].memory = floats_alloc(from->all[i].floats);
        copy.all[i].data = copy.all[i].memory + (from->all[i].data - from->all[i].memory);
        memcpy(copy.all[i].memory, from->all[i].memory, (size_t)from->all[i].floats * sizeof(float));
    }
    return copy;
}

/* Back to the state of `from`, of which this is a copy. */
static inline void operands_restore(operand_set *to, const operand_set *from) {
    for (int i = 0; i < OPERANDS; i++)
        memcpy(to->all[i].memory, from->all[i].memory, (size_t)from->all[i].floats * sizeof(float));
}

static inline void operands_free(operand_set *operands) {
    for (int i = 0; i < OPERANDS; i++)
        free(operands->all[i].memory);
}

static inline wn_conv_args operands_args(const operand_set *operands) {
    return (wn_conv_args){.src = operands->all[SRC].data,
                          .weights = operands->all[WEIGHTS].data,
                          .bias = operands->with_bias ? operands->all[BIAS].data : NULL,
                          .dst = operands->all[DST].data,
                          .mask = operands->mask};
}

/* Which operands the direction writes. */
static inline bool is_written(const operand_set *operands, int which) {
    switch (operands->problem.direction) {
    case WN_FWD_B:
        return which == DST;
    case WN_BWD_D:
        return which == SRC;
    default:
        return which == WEIGHTS || (which == BIAS && operands->with_bias);
    }
}

/* Terms of each sum, as the thinning of integer data counts them. */
static inline double terms_per_output(const wn_problem *p) {
    switch (p->direction) {
    case WN_FWD_B:
        return (double)p->kh * p->kw * (p->ic / p->g);
    case WN_BWD_D:
        return (double)p->kh * p->kw * (p->oc / p->g);
    default:
        return (double)p->mb * p->oh * p->ow;
    }
}

/* Kinds of data: small integers whose sums are exact, or reals in [-1, 1). */
typedef enum data_kind { INTEGERS, REALS } data_kind;

static inline void draw_values(stream *s, data_kind kind, int range, double density, float *values,
                               int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        uint64_t bits = stream_next(s);
        if (kind == REALS)
            values[i] = (float)((double)(bits >> 40) * 0x1p-23 - 1);
        else if ((double)(bits >> 40) * 0x1p-24 < density)
            values[i] = (float)((int)(bits % (uint64_t)(2 * range + 1)) - range);
        else
            values[i] = 0;
    }
}

/* Fills one operand: stale when it is written from nothing, else values in [-range, range]. */
static inline void fill_operand(operand_set *operands, int which, stream *s, data_kind kind, int range,
                                double density) {
    const wn_problem *p = &operands->problem;
    float *data = operands->all[which].data;
    bool stale = is_written(operands, which) && !p->accumulate;
    bool source = which == SRC;
    int c = source ? p->ic : p->oc, h = source ? p->ih : p->oh, w = source ? p->iw : p->ow;
    int64_t pixels = (int64_t)h * w, stride = source ? operands->src_stride : operands->dst_stride;
    int64_t image = (source && p->plain_src ? c : wn_blocks(c) * WN_BLOCK) * pixels;
    int64_t filters = (int64_t)p->oc * (p->ic / p->g) * p->kh * p->kw;
    int64_t values = which == WEIGHTS ? filters : which == BIAS ? p->oc : p->mb * c * pixels;
    float *plain = floats_alloc(values);
    draw_values(s, kind, range, density, plain, values);
    if (which == WEIGHTS) {
        wn_conv_weights_block(p, plain, data);
        if (stale)
            fill_bits(data, wn_conv_weights_floats(p), stale_bits);
    } else if (which == BIAS) {
        wn_activations_block(1, p->oc, 1, 1, plain, data, 0);
        if (stale)
            fill_bits(data, wn_blocks(p->oc) * WN_BLOCK, stale_bits);
    } else {
        for (int n = 0; n < p->mb; n++) {
            if (stale)
                fill_bits(data + n * stride, image, stale_bits);
            else if (source && p->plain_src)
                memcpy(data + n * stride, plain + n * image, (size_t)image * sizeof(float));
            else
                wn_activations_block(1, c, h, w, plain + n * c * pixels, data + n * stride, 0);
        }
    }
    free(plain);
}

/* Operands of a problem. Views lie among other channels: images are further apart than they are long. */
static inline operand_set operands_make(const wn_problem *p, bool with_bias, bool views, data_kind kind,
                                        uint64_t seed) {
    operand_set made = {.problem = *p, .with_bias = with_bias};
    int64_t src_pixels = (int64_t)p->ih * p->iw, dst_pixels = (int64_t)p->oh * p->ow;
    int64_t src_before = views ? (p->plain_src ? 3 : src_pixels * WN_BLOCK) : 0;
    int64_t dst_before = views ? dst_pixels * WN_BLOCK : 0;
    made.src_stride = wn_conv_src_floats(p) / p->mb + 3 * src_before;
    made.dst_stride = wn_conv_dst_floats(p) / p->mb + 2 * dst_before;
    made.all[SRC] = operand_alloc(p->mb * made.src_stride, src_before);
    made.all[DST] = operand_alloc(p->mb * made.dst_stride, dst_before);
    made.all[WEIGHTS] = operand_alloc(wn_conv_weights_floats(p), 0);
    made.all[BIAS] = operand_alloc(wn_blocks(p->oc) * WN_BLOCK, 0);
    stream s = stream_of(seed, 7);
    double density = fmin(1, 8192 / terms_per_output(p));
    bool thin_dst = p->direction != WN_FWD_B;
    fill_operand(&made, SRC, &s, kind, p->direction == WN_BWD_D ? 8 : 32, thin_dst ? 1 : density);
    fill_operand(&made, WEIGHTS, &s, kind, p->direction == WN_BWD_WB ? 8 : 32, 1);
    fill_operand(&made, BIAS, &s, kind, 8, 1);
    fill_operand(&made, DST, &s, kind, p->direction == WN_FWD_B ? 8 : 32, thin_dst ? density : 1);
    return made;
}

static inline bool same_float(float a, float b) {
    return a == b || memcmp(&a, &b, sizeof a) == 0;
}

/* How two states of the same operands differ. */
typedef struct difference {
    int64_t wrong;         /* floats whose values differ */
    int operand;           /* of the first of them */
    int64_t place;         /* relative to the operand's data */
    float expected, found; /* there */
    double relative_l2;    /* of the written operands; NaN where a NaN came or went */
} difference;

static inline difference operands_compare(const operand_set *expected, const operand_set *found) {
    difference result = {0};
    double error = 0, norm = 0;
    for (int which = 0; which < OPERANDS; which++) {
        const operand *a = &expected->all[which], *b = &found->all[which];
        for (int64_t i = 0; i < a->floats; i++) {
            float x = a->memory[i], y = b->memory[i];
            if (is_written(expected, which) && !isnan(x))
                norm += (double)x * x;
            if (same_float(x, y))
                continue;
            error += is_written(expected, which) ? ((double)x - y) * ((double)x - y) : NAN;
            if (result.wrong++ == 0) {
                result.operand = which;
                result.place = a->memory + i - a->data;
                result.expected = x;
                result.found = y;
            }
        }
    }
    result.relative_l2 = error == 0 ? 0 : sqrt(error / norm);
    return result;
}

/* Non-zero floats in the padded lanes of activations of c channels. */
static inline int64_t dirty_lanes(const float *data, int mb, int c, int64_t pixels, int64_t stride) {
    int64_t dirty = 0, last = (wn_blocks(c) - 1) * pixels * WN_BLOCK;
    for (int n = 0; n < mb && c % WN_BLOCK != 0; n++)
        for (int64_t pixel = 0; pixel < pixels; pixel++)
            for (int lane = c % WN_BLOCK; lane < WN_BLOCK; lane++)
                dirty += data[n * stride + last + pixel * WN_BLOCK + lane] != 0;
    return dirty;
}

/* Padded lanes and structural zeros of what was written that are not zero. */
static inline int64_t operands_dirty(const operand_set *operands) {
    const wn_problem *p = &operands->problem;
    int64_t dirty = 0;
    if (p->direction == WN_FWD_B)
        return dirty_lanes(operands->all[DST].data, p->mb, p->oc, (int64_t)p->oh * p->ow,
                           operands->dst_stride);
    if (p->direction == WN_BWD_D)
        return p->plain_src ? 0
                            : dirty_lanes(operands->all[SRC].data, p->mb, p->ic, (int64_t)p->ih * p->iw,
                                          operands->src_stride);
    if (operands->with_bias)
        dirty += dirty_lanes(operands->all[BIAS].data, 1, p->oc, 1, 0);
    /* Blocking what unblocking read gives the same weights back, unless padding held something. */
    int64_t floats = wn_conv_weights_floats(p);
    float *plain = floats_alloc((int64_t)p->oc * (p->ic / p->g) * p->kh * p->kw),
          *clean = floats_alloc(floats);
    wn_conv_weights_unblock(p, operands->all[WEIGHTS].data, plain);
    wn_conv_weights_block(p, plain, clean);
    for (int64_t i = 0; i < floats; i++)
        dirty += !same_float(clean[i], operands->all[WEIGHTS].data[i]);
    free(plain);
    free(clean);
    return dirty;
}

#endif
