/* What the checks of kernels/ops share: strided views whose surroundings are watched, comparisons with the
 * f64 reference, and running a kernel as several threads would. */
#ifndef WN_OP_FIXTURE_H
#define WN_OP_FIXTURE_H

#include "check.h"
#include "isa.h"
#include "reference_ops.h"

/* A view with memory of its own: `before` and `after` blocks of other channels lie around it in every image,
 * as in a concatenation. Everything but the view's values is NaN and has to stay so. */
typedef struct op_tensor {
    wn_view view;
    float *memory;
    long floats;
    int before, after;
} op_tensor;

op_tensor op_create(int n, int c, int h, int w, int before, int after);
void op_destroy(op_tensor *t);
/* NaN everywhere, padded lanes included: a destination that must be written and not read. */
void op_poison(op_tensor *t);
/* The values, zeros in padded lanes, NaN around. */
void op_write(op_tensor *t, const ref_tensor *values);

/* Checks that every value is within bound[i] of the expected one (bound NULL: equal), that padded lanes are
 * zero and that the surroundings were left alone. */
void op_check(const char *what, const op_tensor *got, const ref_tensor *want, const double *bound);
/* The same for plain arrays: per-channel vectors and weights. Beyond `count` up to `padded` zeros are
 * expected. */
void op_check_array(const char *what, const float *got, const double *want, long count, long padded,
                    const double *bound);

/* Uniform values in [low, high), exactly representable in f32; each call draws new ones. */
void op_random(ref_tensor *t, double low, double high);
double op_random_value(double low, double high);
int op_random_below(int bound);
/* Seeds the two above. Call once. */
void op_seed(uint64_t seed);

/* Tables of all ISAs that run here: for (int isa = 0; op_table(isa); isa++). */
const wn_ops *op_table(int isa);

/* A kernel's share of one thread in one phase. */
typedef void op_call(const void *context, int phase, int tid, int threads);

/* Memory that a kernel writes. */
typedef struct op_region {
    void *memory;
    size_t bytes;
} op_region;
op_region op_region_of(const op_tensor *t);

/* Runs a kernel as 1, 2 and 3 threads would, each time from what the regions hold at first, and checks that
 * the results are the same to the bit. Threads take turns, once forwards and once backwards: a result that
 * depends on their order within a phase is a race. */
void op_run(const char *what, op_call *call, const void *context, int phases, const op_region *outputs,
            int count);

typedef struct op_shape {
    int n, c, h, w;
} op_shape;
/* Shapes with odd sizes, channels that are no multiple of 16, single pixels and maps of more than one tile of
 * the batch norm; {0} ends them. */
extern const op_shape op_shapes[];

#endif
