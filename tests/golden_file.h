/* What tools/peers/golden.py recorded of a network in PyTorch: reading it, and the formulas that both sides
 * make batches and random signs with. */
#ifndef WN_GOLDEN_FILE_H
#define WN_GOLDEN_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/model.h>

enum { GOLDEN_MAX_TENSORS = 400, GOLDEN_MAX_STEPS = 16 };

/* A norm, and the product with the random signs of the tensor: enough to recognise f64 values again. */
typedef struct golden_print {
    double norm, dot;
} golden_print;

typedef struct golden {
    char net[32], variant[32];
    int channels, height, width, classes, width_divisor, batch, steps;
    wn_optimizer optimizer;
    float lr, momentum, weight_decay;
    int tensors, statistics; /* learned parameters; running means and variances */
    struct {
        char name[64];
        int64_t count;
        float *gradient; /* of step 1, into `values` */
    } tensor[GOLDEN_MAX_TENSORS];
    struct {
        double value, spread, drift;
    } loss[GOLDEN_MAX_STEPS];
    struct {
        golden_print print;
        double spread;
    } gradient[GOLDEN_MAX_STEPS][GOLDEN_MAX_TENSORS];
    struct {
        char name[64];
        golden_print print;
    } statistic[GOLDEN_MAX_TENSORS]; /* after the steps */
    double evaluation;               /* loss after the steps */
    float *logits;                   /* [batch][classes] of that, into `values` */
    float *values;                   /* owned */
} golden;

/* Reads tests/golden/NAME.txt and .bin; counts a failed check and returns false when that is not possible.
 * The caller frees `values` in any case. */
bool golden_read(const char *name, golden *g);

/* Batch number `step`, from 0: plain NCHW in [0, 1) and labels. */
void golden_batch(const golden *g, int step, float *input, int32_t *labels);
golden_print golden_print_of(const double *values, int64_t count, int number);

#endif
