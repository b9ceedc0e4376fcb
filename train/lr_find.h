/* The learning-rate finder: Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, with
 * fastai's defaults. */
#ifndef WN_LR_FIND_H
#define WN_LR_FIND_H

#include "trainer.h"

enum { WN_LR_FIND_STEPS = 100 };

typedef struct wn_lr_find_result {
    int steps; /* taken; fewer than asked for when the loss went away */
    double lr[WN_LR_FIND_STEPS];
    double loss[WN_LR_FIND_STEPS]; /* smoothed: mean with weights .98^age, as fastai shows it */
    double valley;                 /* suggestion; 0 when the loss never falls */
} wn_lr_find_result;

/* Trains a fresh model of these options with a rate that grows by a constant factor from `low` to `high` over
 * 100 steps, and ends when the smoothed loss exceeds four times its best. Nothing of the training is kept;
 * the options' csv, checkpoints and schedule are not used. Errors: INVALID (not 0 < low < high), and as
 * wn_train. */
wn_status wn_lr_find(const wn_train_options *options, double low, double high, wn_lr_find_result *result);

/* fastai's "valley": of the longest falling subsequence of the losses, the rate in the middle of its middle
 * third. 0 when no two losses fall. */
double wn_lr_valley(const double *lr, const double *loss, int count);

#endif
