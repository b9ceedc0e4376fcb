/* How winnow tune shares its seconds out among problems, and between their races and the network's steps. */
#ifndef WN_TUNE_BUDGET_H
#define WN_TUNE_BUDGET_H

#include "tune_work.h"

typedef struct wn_tune_budget {
    const wn_work_list *list;
    const wn_tune_db *db;
    wn_tune_options *options; /* whose effort, budget and patience are set for each problem */
    wn_effort effort;         /* where there is time for it */
    double begin;             /* when the list was begun */
    double races, in_place;   /* seconds for either; INFINITY: what the network's steps take */
    double step;              /* seconds of the list's problems in a step, by the model; 0 without in_place */
    int problems, done;       /* to be tuned, and how many of them were begun */
    double parts, parts_left; /* of all of these, and of those that are not through */
} wn_tune_budget;

/* Begins a list with so many seconds for all of it (0: a default for each problem), a share of them for the
 * network's steps where picks are confirmed in place. Options and their peaks must outlive it. */
void wn_tune_budget_begin(wn_tune_budget *budget, const wn_work_list *list, const wn_tune_db *db,
                          wn_tune_options *options, double seconds, bool in_place);

/* How much of the budget a problem gets beside others; 0 when it is not to be tuned. */
double wn_tune_budget_part(const wn_tune_budget *budget, const wn_work *item);

/* Sets the options for the next problem with its part of the budget and shows the progress. Once the budget
 * is spent, the effort is less. */
void wn_tune_budget_next(wn_tune_budget *budget, const wn_work *item, double part);
/* That problem is through. */
void wn_tune_budget_passed(wn_tune_budget *budget, double part);

/* Seconds that the network's steps will take, for the progress line. */
double wn_tune_budget_in_place(const wn_tune_budget *budget);

#endif
