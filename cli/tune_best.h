/* The fastest candidate of every implementation, each in a database of its own: what networks of one
 * implementation alone run with (winnow tune --beside). */
#ifndef WN_TUNE_BEST_H
#define WN_TUNE_BEST_H

#include "tune.h"

enum { WN_BEST_IMPLEMENTATIONS = 16 };

typedef struct wn_best_of_each {
    const wn_conv_impl *impls[WN_BEST_IMPLEMENTATIONS];
    wn_tune_db *dbs[WN_BEST_IMPLEMENTATIONS];
    int count; /* 0: nothing is kept */
} wn_best_of_each;

/* Opens FOLDER/IMPL.db for every implementation that a pick may have; folder NULL: none. Errors: those of
 * wn_tune_db_open; INVALID for a path that is too long. */
wn_status wn_best_of_each_open(wn_best_of_each *best, const char *folder, const char *fingerprint);
void wn_best_of_each_close(wn_best_of_each *best); /* zeroed memory is fine */

/* Saves what a race found, its candidates in the order of wn_tune_problem. Errors: those of wn_tune_db_add.
 */
wn_status wn_best_of_each_add(wn_best_of_each *best, const wn_candidate *candidates, int count);

#endif
