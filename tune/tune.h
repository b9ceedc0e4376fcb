/* The tuner: times every candidate of a problem, keeps the picks in a text database per machine.
 * Knows problems, not networks. */
#ifndef WN_TUNE_H
#define WN_TUNE_H

#include "conv.h"
#include "machine.h"
#include "measure.h"
#include "model.h"
#include "pool.h"
#include <signal.h>
#include <stdio.h>

typedef struct wn_tune_db wn_tune_db;

enum { WN_TUNE_MAX_CANDIDATES = 256 }; /* of one problem; room for all that a registry offers */

/* How much work a pick has behind it. A better effort satisfies a lower request. */
typedef enum wn_effort {
    WN_EFFORT_OFF,       /* the default that runs without a database */
    WN_EFFORT_HEURISTIC, /* the model's choice, nothing is measured */
    WN_EFFORT_QUICK,     /* a race among those that the model puts in front */
    WN_EFFORT_FULL,      /* a longer race among more, confirmed in the running network */
    WN_EFFORT_COUNT
} wn_effort;

/* "off", "heuristic", "quick", "full", NULL. */
extern const char *const wn_effort_names[];

/* An implementation with a config, and what became of it in a race. */
typedef struct wn_candidate {
    wn_conv_plan plan;                  /* complete, or only impl and config when refused */
    int number;                         /* among the candidates of its problem, in the registry's order */
    double estimate;                    /* the model's seconds; NAN when refused */
    double min_seconds, median_seconds; /* over its rounds */
    double ratio;            /* to the winner: median of the ratios of paired rounds; 1 = as fast */
    double low, high;        /* its 96 % interval */
    double error;            /* wn_accuracy_error; NAN when it was not run */
    double in_place_seconds; /* inside the running network, all steps that have the problem; 0: not timed
                                there */
    int rounds;              /* 0: not timed */
    wn_effort effort;
    bool pareto;       /* nothing else is at least as good in time, error and workspace, and better in one */
    char refusal[128]; /* not empty: why it was not timed */
} wn_candidate;

/* How a problem is to be tuned. */
typedef struct wn_tune_options {
    wn_pool *pool;
    wn_isa isa;
    wn_effort effort;
    wn_cold cold;
    double budget;          /* seconds for this problem; the least that a race takes is always spent */
    double patience;        /* seconds beyond the budget to wait for the machine to be left alone */
    double max_error;       /* candidates beyond it are refused; 0: WN_TUNE_MAX_ERROR */
    size_t workspace_limit; /* bytes; 0: none */
    const char *force;      /* name: only this implementation, where it supports the problem; NULL: all */
    const char *skip;       /* names joined by commas: without these; NULL: none */
    const wn_peaks *peaks;  /* what the model reckons with; NULL: typical ones */
    const volatile sig_atomic_t *stop; /* not zero: end soon with what is known; NULL: never */
} wn_tune_options;

/* The default of max_error: a few times what the coarsest sound candidate shows on networks' layers, F(6x6)
 * (docs/tuning.md). What is beyond it is wrong. */
#define WN_TUNE_MAX_ERROR 2e-4

/* Seconds of a race that are usual; options.budget has no default of its own. */
#define WN_TUNE_RACE_SECONDS 0.9

/* What a tuning of one problem says beside its candidates. */
typedef struct wn_tune_report {
    int raced, rounds, thrown; /* candidates in the race, rounds that counted, and that were thrown out */
    double noise;              /* of an A/A round; NAN without one */
} wn_tune_report;

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

/* Why the first record that is not this machine's is not: "threads: found 4, expected 2"; empty without one.
 */
const char *wn_tune_db_reason(const wn_tune_db *db);
const char *wn_tune_db_path(const wn_tune_db *db);

/* $WINNOW_SYSTEM_DB, else the one that was installed with winnow. */
const char *wn_tune_db_system_path(void);
/* Reads another database, whose records count as those of other machines: none is trusted before it was
 * verified. A missing file has none. Errors: IO, FORMAT. */
wn_status wn_tune_db_learn(wn_tune_db *db, const char *path);

/* Lets wn_tune_pick measure on the pool: records of other machines once against the default, and the peaks
 * that the model reckons with. Without a pool there are no records of others, and typical peaks. */
void wn_tune_db_use_pool(wn_tune_db *db, wn_pool *pool);
/* Picks so far that no record of this machine answered. */
int wn_tune_db_misses(const wn_tune_db *db);

/* Whether the database holds a pick of at least this effort that the options' limits allow. */
bool wn_tune_db_satisfies(const wn_tune_db *db, const wn_tune_options *options, const wn_problem *problem);

/* Appends a pick, one checksummed line under a file lock, made durable, and keeps it in memory, there also
 * when it cannot be saved. Creates the file and its folders when missing. Errors: IO with the path; the file
 * is then as it was before. */
wn_status wn_tune_db_add(wn_tune_db *db, const wn_candidate *pick);

/* A plan for a problem: the wn_pick of a tape; context is the wn_tune_db. In this order: its record; the
 * record of the same layer at another batch size (for the short last batch); the record of the nearest other
 * machine or of the shipped database, if it proves no slower than the model's choice when both are timed (the
 * better one is then saved as a record of this machine); the model's choice. Without a database (NULL):
 * the default: the first of the registry that supports the problem, with its default config (depthwise, else
 * direct), which does not depend on any machine. Errors: what wn_conv_plan_make says. */
wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan);

/* Lists every implementation that is no judge with each of its configs (all_configs) or its default one;
 * those that cannot run keep the reason. Returns how many were written. */
int wn_tune_candidates(const wn_problem *problem, wn_isa isa, int threads, bool all_configs,
                       wn_candidate *candidates, int room);

/* Whether a plan runs this implementation with this config. */
bool wn_plan_chooses(const wn_conv_plan *plan, const wn_conv_impl *impl, const wn_config *config);
/* "direct tile=6,reduce=2", "onednn jit:avx2 winograd=0,index=1": a candidate in words, without its config
 * when it was refused before it had one. */
void wn_candidate_name(const wn_candidate *candidate, char *text, size_t size);

/* What benchdnn's notation does not say of a problem: "relu", "accumulate+plain_src" (with '+' between the
 * words); empty where there is nothing. */
void wn_problem_flags_text(const wn_problem *problem, char separator, char *text, size_t size);

/* Whether a plan does less arithmetic than the direct method whose operations its GFLOP/s are counted in:
 * such figures are effective ones and say so. */
static inline bool wn_plan_effective(const wn_conv_plan *plan) {
    return plan->impl->approximate && plan->impl->approximate(plan);
}

/* Finds the best candidate of a problem. The model ranks them; a race among as many as the budget allows, the
 * best of every implementation first, decides. Writes up to `room` candidates: the winner first, then those
 * timed, by time, then the others with the reason. `report` may be NULL. Errors: what wn_problem_check says;
 * UNSUPPORTED when no candidate is left; MEMORY for the operands. */
wn_status wn_tune_problem(const wn_tune_options *options, const wn_problem *problem, wn_candidate *candidates,
                          int room, int *count, wn_tune_report *report);

/* Prints for a tuned problem every candidate with its time, interval, GFLOP/s, share of `peak` (FLOP/s),
 * workspace, error, and the reason where it was refused. */
void wn_tune_explain(FILE *out, const wn_problem *problem, const wn_candidate *candidates, int count,
                     const wn_tune_report *report, double peak);

#endif
