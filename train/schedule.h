/* Schedules: learning rate and momentum of every step, as pure functions. */
#ifndef WN_SCHEDULE_H
#define WN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

typedef enum wn_schedule_kind {
    WN_SCHEDULE_CONSTANT,
    WN_SCHEDULE_STEP,        /* times gamma after every `period` epochs */
    WN_SCHEDULE_MULTI_STEP,  /* times gamma at every milestone */
    WN_SCHEDULE_EXPONENTIAL, /* times gamma after every epoch */
    WN_SCHEDULE_COSINE,      /* half a cosine down to zero (Loshchilov & Hutter 2017, one period) */
    WN_SCHEDULE_ONE_CYCLE,   /* Smith & Topin 2018 in fastai's form: from lr/25 a cosine up to lr over the
                              * first quarter, a cosine down to lr/1e5; momentum .95 to .85 and back */
    WN_SCHEDULE_COUNT
} wn_schedule_kind;

enum { WN_MILESTONES_MAX = 8 };

/* Plain data; zeros are a constant rate. Step, multi-step and exponential count epochs from the start of the
 * run, as PyTorch's StepLR, MultiStepLR and ExponentialLR do; cosine and one-cycle move with every step and
 * span the steps behind the warm-up. */
typedef struct wn_schedule {
    wn_schedule_kind kind;
    double warmup;                        /* epochs over which the rate first rises linearly */
    double gamma;                         /* in (0, 1]; 0: 0.1 */
    double period;                        /* in epochs; 0: 30 */
    double milestones[WN_MILESTONES_MAX]; /* ascending; below 1 a share of the run, otherwise epochs */
    int milestone_count;
} wn_schedule;

/* Where in a run a step is. */
typedef struct wn_schedule_position {
    int64_t step; /* from 0, over all epochs */
    int64_t steps_per_epoch;
    int epochs;
} wn_schedule_position;

typedef struct wn_rates {
    float lr, momentum;
} wn_rates;

/* "constant", "step", "multi-step", "exponential", "cosine", "one-cycle", NULL. */
extern const char *const wn_schedule_names[];

/* The rates of one step, given the recipe's (lr is the highest there is). */
wn_rates wn_schedule_at(const wn_schedule *schedule, wn_rates base, wn_schedule_position position);

/* Does the momentum move, too? */
static inline bool wn_schedule_moves_momentum(const wn_schedule *schedule) {
    return schedule->kind == WN_SCHEDULE_ONE_CYCLE;
}

/* Errors: INVALID, naming the number that cannot be. */
wn_status wn_schedule_check(const wn_schedule *schedule);

/* "multi-step at 50%, 75% by 0.1, warm-up 1 epochs". */
void wn_schedule_describe(const wn_schedule *schedule, char *text, size_t size);

#endif
