/* Learning rate and momentum by the step. Knows neither networks nor data. */
#include "schedule.h"

#include <math.h>
#include <stdio.h>

/* Of one-cycle; fastai's defaults. */
static const double CYCLE_RISE = 0.25, CYCLE_START = 1.0 / 25, CYCLE_END = 1e-5;
static const double CYCLE_MOMENTUM_HIGH = 0.95, CYCLE_MOMENTUM_LOW = 0.85;

const char *const wn_schedule_names[] = {"constant", "step",      "multi-step", "exponential",
                                         "cosine",   "one-cycle", NULL};

static double gamma_of(const wn_schedule *schedule) {
    return schedule->gamma > 0 ? schedule->gamma : 0.1;
}

static double period_of(const wn_schedule *schedule) {
    return schedule->period > 0 ? schedule->period : 30;
}

/* From `from` to `to` along half a cosine; at in [0, 1]. */
static double cosine(double from, double to, double at) {
    return to + (from - to) * (1 + cos(M_PI * at)) / 2;
}

/* Milestones that lie at or before this epoch (counted with its fraction). */
static int milestones_passed(const wn_schedule *schedule, double epoch, int epochs) {
    int passed = 0;
    for (int i = 0; i < schedule->milestone_count; i++) {
        double milestone = schedule->milestones[i];
        passed += epoch >= (milestone < 1 ? milestone * epochs : milestone);
    }
    return passed;
}

static wn_rates one_cycle(wn_rates base, double at) {
    double lr = (double)base.lr, momentum;
    if (at < CYCLE_RISE) {
        momentum = cosine(CYCLE_MOMENTUM_HIGH, CYCLE_MOMENTUM_LOW, at / CYCLE_RISE);
        lr = cosine(lr * CYCLE_START, lr, at / CYCLE_RISE);
    } else {
        at = (at - CYCLE_RISE) / (1 - CYCLE_RISE);
        momentum = cosine(CYCLE_MOMENTUM_LOW, CYCLE_MOMENTUM_HIGH, at);
        lr = cosine(lr, lr * CYCLE_END, at);
    }
    return (wn_rates){(float)lr, (float)momentum};
}

wn_rates wn_schedule_at(const wn_schedule *schedule, wn_rates base, wn_schedule_position position) {
    double steps = (double)position.steps_per_epoch * position.epochs;
    double warmup = fmin(floor(schedule->warmup * (double)position.steps_per_epoch), steps);
    double step = (double)position.step, whole_epoch = (double)(position.step / position.steps_per_epoch);
    double at = steps > warmup ? fmax(0, step - warmup) / (steps - warmup) : 0, factor = 1;
    wn_rates rates = base;
    switch (schedule->kind) {
    case WN_SCHEDULE_CONSTANT:
    case WN_SCHEDULE_COUNT:
        break;
    case WN_SCHEDULE_STEP:
        factor =
            pow(gamma_of(schedule), floor(step / (double)position.steps_per_epoch / period_of(schedule)));
        break;
    case WN_SCHEDULE_MULTI_STEP:
        factor = pow(gamma_of(schedule),
                     milestones_passed(schedule, step / (double)position.steps_per_epoch, position.epochs));
        break;
    case WN_SCHEDULE_EXPONENTIAL:
        factor = pow(gamma_of(schedule), whole_epoch);
        break;
    case WN_SCHEDULE_COSINE:
        factor = cosine(1, 0, at);
        break;
    case WN_SCHEDULE_ONE_CYCLE:
        rates = one_cycle(base, at);
        break;
    }
    if (step < warmup)
        factor *= (step + 1) / (warmup + 1);
    rates.lr = (float)((double)rates.lr * factor);
    return rates;
}

wn_status wn_schedule_check(const wn_schedule *schedule) {
    if (schedule->kind < 0 || schedule->kind >= WN_SCHEDULE_COUNT)
        return wn_error(WN_ERROR_INVALID, "schedule number is %d, expected one of wn_schedule_kind",
                        (int)schedule->kind);
    if (!(schedule->warmup >= 0 && schedule->warmup <= 1e6))
        return wn_error(WN_ERROR_INVALID, "warm-up is %g epochs, expected 0 to 1000000", schedule->warmup);
    if (!(schedule->gamma >= 0 && schedule->gamma <= 1))
        return wn_error(WN_ERROR_INVALID, "gamma of the schedule is %g, expected 0 to 1", schedule->gamma);
    if (!(schedule->period >= 0 && schedule->period <= 1e6))
        return wn_error(WN_ERROR_INVALID, "period of the schedule is %g epochs, expected 0 to 1000000",
                        schedule->period);
    if (schedule->milestone_count < 0 || schedule->milestone_count > WN_MILESTONES_MAX)
        return wn_error(WN_ERROR_INVALID, "found %d milestones, expected at most %d",
                        schedule->milestone_count, WN_MILESTONES_MAX);
    if (schedule->kind == WN_SCHEDULE_MULTI_STEP && schedule->milestone_count == 0)
        return wn_error(WN_ERROR_INVALID, "the multi-step schedule has no milestones, expected at least one");
    double last = 0;
    for (int i = 0; i < schedule->milestone_count; last = schedule->milestones[i++])
        if (!(schedule->milestones[i] > last && schedule->milestones[i] <= 1e6))
            return wn_error(WN_ERROR_INVALID, "milestone %d is %g, expected a number above %g", i + 1,
                            schedule->milestones[i], last);
    return wn_ok();
}

/* Appends like snprintf, and never beyond the end. */
static void append(char *text, size_t size, size_t *used, const char *format, double value) {
    if (*used < size)
        *used += (size_t)snprintf(text + *used, size - *used, format, value);
}

void wn_schedule_describe(const wn_schedule *schedule, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "%s", wn_schedule_names[schedule->kind]);
    switch (schedule->kind) {
    case WN_SCHEDULE_STEP:
        append(text, size, &used, " every %g epochs", period_of(schedule));
        break;
    case WN_SCHEDULE_MULTI_STEP:
        for (int i = 0; i < schedule->milestone_count; i++) {
            double milestone = schedule->milestones[i];
            append(text, size, &used, i ? ", %g" : " at %g", milestone < 1 ? 100 * milestone : milestone);
            append(text, size, &used, milestone < 1 ? "%%" : "", 0);
        }
        break;
    default:
        break;
    }
    if (schedule->kind == WN_SCHEDULE_STEP || schedule->kind == WN_SCHEDULE_MULTI_STEP ||
        schedule->kind == WN_SCHEDULE_EXPONENTIAL)
        append(text, size, &used, " by %g", gamma_of(schedule));
    if (schedule->warmup > 0)
        append(text, size, &used, ", warm-up %g epochs", schedule->warmup);
}
