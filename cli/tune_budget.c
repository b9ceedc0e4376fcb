/* Each problem's part of what is left. */
#include "tune_budget.h"
#include "clock.h"
#include "tune_report.h"
#include <math.h>

/* Seconds for each problem when --budget is not given. */
static const double default_budget[WN_EFFORT_COUNT] = {
    [WN_EFFORT_QUICK] = WN_TUNE_RACE_SECONDS, [WN_EFFORT_FULL] = WN_TUNE_RACE_SECONDS};
static const double in_place_share = 0.3; /* of --budget, with effort full */
/* A problem's part of the budget grows with the time of its runs; so much more has everyone, since operands
 * and candidates have to be made, too. */
static const double least_part = 1.2e-3;
/* Of what problems have left over, for the next one to wait while somebody else has the machine. */
static const double patient_share = 0.5;

static double shortest(const wn_tune_options *options, const wn_problem *problem) {
    double seconds = wn_model_shortest(options->peaks, problem, options->isa, wn_pool_threads(options->pool));
    return isfinite(seconds) ? seconds : 0;
}

double wn_tune_budget_part(const wn_tune_budget *b, const wn_work *item) {
    if (!b->options->force && wn_tune_db_satisfies(b->db, b->options, &item->problem))
        return 0;
    return least_part + shortest(b->options, &item->problem);
}

void wn_tune_budget_begin(wn_tune_budget *b, const wn_work_list *list, const wn_tune_db *db,
                          wn_tune_options *options, double seconds, bool in_place) {
    *b = (wn_tune_budget){.list = list, .db = db, .options = options, .effort = options->effort};
    b->in_place = !in_place ? 0 : seconds > 0 ? seconds * in_place_share : INFINITY;
    b->races = seconds > 0 ? seconds - b->in_place : default_budget[b->effort] * list->count;
    for (int i = 0; i < list->count; i++) {
        const wn_work *item = &list->items[i];
        double part = wn_tune_budget_part(b, item);
        b->problems += part > 0;
        b->parts += part;
        if (in_place)
            b->step += item->times * shortest(options, &item->problem);
    }
    b->parts_left = b->parts;
    b->begin = wn_seconds(); /* asking the model for so many problems is not what the budget is for */
}

double wn_tune_budget_in_place(const wn_tune_budget *b) {
    const double runs = 25;
    return fmin(runs * b->step, b->in_place);
}

/* The races will go on as they went, at most until the budget is spent. */
static void show(const wn_tune_budget *b, const wn_work *item) {
    double spent = wn_seconds() - b->begin, left = fmax(0, b->races - spent);
    double done = b->parts - b->parts_left;
    if (done > 0)
        left = fmin(left, spent * b->parts_left / done);
    wn_progress(b->done, b->problems, left + wn_tune_budget_in_place(b), item->label);
}

/* What is left of the budget is shared out anew with every problem. Once it is spent, the model chooses. Of
 * what problems until now did not need a part is for waiting for bursts of others to end. */
void wn_tune_budget_next(wn_tune_budget *b, const wn_work *item, double part) {
    b->done++;
    show(b, item);
    double left = b->races - (wn_seconds() - b->begin);
    double saved = left - b->races * b->parts_left / b->parts;
    wn_tune_options *options = b->options;
    options->budget = fmax(0, left) * fmin(1, part / b->parts_left);
    options->patience = fmin(fmax(0, saved) * patient_share, fmax(0, left - options->budget));
    if (left <= 0 && options->effort > WN_EFFORT_HEURISTIC)
        options->effort = WN_EFFORT_HEURISTIC;
}

void wn_tune_budget_passed(wn_tune_budget *b, double part) {
    b->options->effort = b->effort;
    b->parts_left -= part;
}
