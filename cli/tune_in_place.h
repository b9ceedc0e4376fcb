/* In-place confirmation: the finalists of each problem timed inside the running step of a network. */
#ifndef WN_TUNE_IN_PLACE_H
#define WN_TUNE_IN_PLACE_H

#include "tune_work.h"

/* One tape of a network with some picks, timed as a whole and by problem. */
typedef struct wn_in_place {
    double isolated;     /* seconds: sum over the steps that have a problem, of isolated medians */
    double in_place;     /* the same steps inside the network */
    double step, before; /* the whole step with the picks confirmed, and with those that came in first */
    int changed;         /* problems for which another finalist was ahead */
    bool confirmed;      /* false: the budget had no time for it, or no problem has two finalists */
} wn_in_place;

/* What is to be timed, and where. */
typedef struct wn_in_place_job {
    wn_work_list *list;
    const wn_session *session;
    wn_network *network;
    wn_tune_db *db;                    /* picks of the problems that have no finalists */
    const volatile sig_atomic_t *stop; /* not zero: end soon */
} wn_in_place_job;

/* Times the finalists of a tape's problems inside it and puts the one that is ahead in front, unless the
 * whole step is not faster for it. Within about `budget` seconds (INFINITY: as long as it takes); where they
 * are too few, two finalists or none. Errors: the tape's, MEMORY. */
wn_status wn_tune_in_place(const wn_in_place_job *job, bool training, double budget, wn_in_place *result);

/* A tape that is filled with numbers and learns nothing, so that it can be timed again and again. */
wn_status wn_timing_tape(wn_network *network, const wn_session *session, wn_pick *pick, void *context,
                         bool training, wn_tape **tape);

#endif
