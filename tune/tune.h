/* The tuner: times every candidate of a problem, keeps the picks in a text database per machine.
 * Knows problems, not networks. */
#ifndef WN_TUNE_H
#define WN_TUNE_H

#include "conv.h"
#include "machine.h"
#include "pool.h"

typedef struct wn_tune_db wn_tune_db;

enum { WN_TUNE_MAX_CANDIDATES = 256 }; /* of one problem; room for all that a registry offers */

/* An implementation with a config, and what became of it in a race. */
typedef struct wn_candidate {
    wn_conv_plan plan;                  /* complete, or only impl and config when refused */
    double min_seconds, median_seconds; /* over its rounds */
    double ratio;      /* to the winner: median of the ratios of paired rounds; 1 = as fast */
    int rounds;        /* 0: not timed */
    char refusal[128]; /* not empty: why it was not timed */
} wn_candidate;

/* $WINNOW_DB, else $XDG_CACHE_HOME/winnow/tune.db, else ~/.cache/winnow/tune.db. Errors: IO when none of the
 * three variables is set, INVALID when the path does not fit. */
wn_status wn_tune_db_default_path(char *path, size_t size);

/* Opens (a missing file is an empty database) and reads the records that belong to the fingerprint (as
 * wn_machine_fingerprint writes it for the ISA and threads in use). The latest record of a problem wins.
 * Other lines are counted and otherwise ignored, never fatal. Errors: IO (a folder, no permission); FORMAT
 * for a file that is something else altogether, so that nothing is ever appended to it. A database belongs to
 * one thread; any number of processes may share the file. */
wn_status wn_tune_db_open(const char *path, const char *fingerprint, wn_tune_db **db);
void wn_tune_db_close(wn_tune_db *db); /* NULL is fine */

/* Usable picks; damaged or unknown lines; sound records of another machine, ISA or number of threads; sound
 * records of this machine made by another version of the kernels or of a library behind them. */
int wn_tune_db_records(const wn_tune_db *db);
int wn_tune_db_skipped(const wn_tune_db *db);
int wn_tune_db_foreign(const wn_tune_db *db);
int wn_tune_db_stale(const wn_tune_db *db);

/* Appends a pick, one checksummed line under a file lock, made durable, and keeps it in memory. Creates the
 * file and its folders when missing. Errors: IO with the path; the file is then as it was before. */
wn_status wn_tune_db_add(wn_tune_db *db, const wn_candidate *pick);

/* The stored plan for a problem, or the heuristic (the first of the registry that supports the problem, with
 * its default config: depthwise, else direct) when there is none or it no longer fits: the wn_pick of a tape;
 * context is the wn_tune_db (NULL: heuristic only). Errors: what wn_conv_plan_make says. */
wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan);

/* Lists every implementation that is no judge with each of its configs (all_configs) or its default one;
 * those that cannot run keep the reason. Returns how many were written. */
int wn_tune_candidates(const wn_problem *problem, wn_isa isa, int threads, bool all_configs,
                       wn_candidate *candidates, int room);

/* "direct tile=6,reduce=2", "onednn jit:avx2 winograd=0,index=1": a candidate in words, without its config
 * when it was refused before it had one. */
void wn_candidate_name(const wn_candidate *candidate, char *text, size_t size);

/* Whether a plan does less arithmetic than the direct method whose operations its GFLOP/s are counted in:
 * such figures are effective ones and say so. */
static inline bool wn_plan_effective(const wn_conv_plan *plan) {
    return plan->impl->approximate && plan->impl->approximate(plan);
}

/* Times all candidates of a problem, interleaved, until one is left, those left are within 2 %, or `budget`
 * seconds are spent (at least 3 rounds). Writes up to `room` candidates, the winner first, then by time,
 * refused ones last. Errors: what wn_problem_check says; UNSUPPORTED when no candidate could be timed;
 * MEMORY for the operands. */
wn_status wn_tune_problem(wn_pool *pool, const wn_problem *problem, wn_isa isa, double budget,
                          wn_candidate *candidates, int room, int *count);

#endif
