/* The tuner: times every candidate of a problem, keeps the picks in a text database per machine.
 * Knows problems, not networks. */
#ifndef WN_TUNE_H
#define WN_TUNE_H

#include "conv.h"
#include "machine.h"
#include "pool.h"

typedef struct wn_tune_db wn_tune_db;

/* One measured candidate. */
typedef struct wn_candidate {
    wn_conv_plan plan;
    double min_seconds, median_seconds; /* over its rounds; 0 rounds: not timed */
    int rounds;
    const char *refusal; /* not NULL: why it was not timed */
} wn_candidate;

/* $WINNOW_DB, else $XDG_CACHE_HOME/winnow/tune.db, else ~/.cache/winnow/tune.db. */
wn_status wn_tune_db_default_path(char *path, size_t size);
/* Opens (a missing file is an empty database) and reads the records of this machine. Damaged or unknown
 * lines are skipped and counted, never fatal. */
wn_status wn_tune_db_open(const char *path, const char *fingerprint, wn_tune_db **db);
void wn_tune_db_close(wn_tune_db *db);
int wn_tune_db_skipped(const wn_tune_db *db);
int wn_tune_db_records(const wn_tune_db *db);
/* Appends a pick, one checksummed line under a file lock, made durable. */
wn_status wn_tune_db_add(wn_tune_db *db, const wn_candidate *pick);
/* The stored plan for a problem, or the heuristic (direct, default config) when there is none:
 * the wn_pick of a tape; context is the wn_tune_db (NULL: heuristic only). */
wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan);

/* Times all candidates of a problem, interleaved, until `budget` seconds are spent (at least 3 rounds).
 * Writes up to `room` candidates, the winner first, then by time, refused ones last. */
wn_status wn_tune_problem(wn_pool *pool, const wn_problem *problem, wn_isa isa, double budget,
                          wn_candidate *candidates, int room, int *count);

#endif
