/* One short run with growing rates, and what its losses suggest. */
#include "lr_find.h"
#include "trainer_internal.h"

#include <math.h>

static const double SMOOTHING = 0.98, DIVERGED = 4;

double wn_lr_valley(const double *lr, const double *loss, int count) {
    int length[WN_LR_FIND_STEPS], best = 0;
    for (int i = 0; i < count; i++) {
        length[i] = 1;
        for (int j = 0; j < i; j++)
            if (loss[i] < loss[j] && length[j] + 1 > length[i])
                length[i] = length[j] + 1;
        best = length[i] > length[best] ? i : best;
    }
    if (count == 0 || length[best] < 2)
        return 0;
    int end = best, start = best - length[best] + 1;
    double third = (end - start) / 3.0;
    return lr[start + (int)third + (int)(third / 2)];
}

/* One step with this rate; its loss. */
static double step(wn_trainer *t, double lr) {
    wn_tape *tape;
    wn_trainer_next(t, &tape);
    wn_trainer_set_rates(t, tape, (wn_rates){(float)lr, t->options.recipe.momentum});
    wn_tape_run(tape);
    return wn_tape_loss(tape);
}

static void find(wn_trainer *t, double low, double high, wn_lr_find_result *result) {
    double mean = 0, best = INFINITY;
    wn_batches_begin(t->batches, 1, 0);
    for (int i = 0; i < WN_LR_FIND_STEPS; i++) {
        double lr = low * pow(high / low, (double)i / (WN_LR_FIND_STEPS - 1)), loss = step(t, lr);
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss;
        double smoothed = mean / (1 - pow(SMOOTHING, i + 1));
        if (!(smoothed <= DIVERGED * best))
            break;
        best = smoothed < best ? smoothed : best;
        result->lr[i] = lr;
        result->loss[i] = smoothed;
        result->steps = i + 1;
    }
    result->valley = wn_lr_valley(result->lr, result->loss, result->steps);
}

wn_status wn_lr_find(const wn_train_options *options, double low, double high, wn_lr_find_result *result) {
    wn_trainer t = {.options = *options};
    *result = (wn_lr_find_result){.steps = 0};
    if (!(low > 0 && low < high && isfinite(high)))
        return wn_error(WN_ERROR_INVALID,
                        "learning rates from %g to %g, expected two ascending numbers above 0", low, high);
    t.options.csv = NULL;
    t.options.checkpoints = NULL;
    t.options.resume = false;
    t.options.save_every = 0;
    t.options.recipe.schedule = (wn_schedule){.kind = WN_SCHEDULE_CONSTANT};
    wn_status status = wn_trainer_set_up(&t);
    if (!wn_failed(status))
        find(&t, low, high, result);
    wn_trainer_release(&t);
    return status;
}
