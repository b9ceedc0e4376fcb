/* What winnow tune is asked for. */
#ifndef WN_TUNE_FLAGS_H
#define WN_TUNE_FLAGS_H

#include "problem_words.h"
#include "tune_work.h"

/* As given; NULL, 0 or false where not. */
typedef struct wn_tune_flags {
    const char *isa, *db, *csv, *force, *skip, *beside, *best_of_each, *part_text;
    wn_problem_flags problems;
    wn_network_flags network;
    int64_t threads, workspace_limit, regret;
    double budget, max_error;
    int effort, cold;
    int part, parts; /* of --part */
    bool train, infer, from_db_only, explain;
} wn_tune_flags;

/* Reads them into zeroed memory, of which `effort` may hold another default; *words is how many networks and
 * problems are left in argv. Errors: USAGE. */
wn_status wn_tune_flags_read(const wn_command *command, int argc, char **argv, wn_tune_flags *flags,
                             int *words, bool *help);

#endif
