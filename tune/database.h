/* What the rest of the tuner sees of the database beyond tune.h. */
#ifndef WN_TUNE_DATABASE_H
#define WN_TUNE_DATABASE_H

#include "record.h"
#include "tune.h"

/* The latest record of a problem for this machine, or NULL; valid until the next wn_tune_db_add. */
const wn_record *wn_tune_db_find(const wn_tune_db *db, const wn_problem *problem, wn_isa isa, int threads);

/* True when a first line of `length` bytes could begin a database, whole or cut off behind "# winnow": less
 * may begin anything. */
bool wn_tune_db_is_header(const char *line, size_t length);

/* The record of the nearest other machine (a shipped one included), or NULL. */
const wn_record *wn_tune_db_find_near(const wn_tune_db *db, const wn_problem *problem, wn_isa isa);

/* This machine's record of the same layer with the batch size that is nearest, at most four times as large or
 * small; or NULL. */
const wn_record *wn_tune_db_find_batch(const wn_tune_db *db, const wn_problem *problem, wn_isa isa,
                                       int threads);

/* What picks need beside records: see wn_tune_db_use_pool. */
typedef struct wn_pick_state {
    wn_pool *pool;
    wn_peaks peaks; /* of that ISA and number of threads; flops 0: not measured yet */
    wn_isa peaks_isa;
    int peaks_threads;
    int misses;
} wn_pick_state;
wn_pick_state *wn_tune_db_pick_state(wn_tune_db *db);

#endif
