/* Picks that are raced when they are asked for: a run that tunes what it needs. */
#ifndef WN_RACING_H
#define WN_RACING_H

#include "tune.h"

/* Zero-initialise the figures. */
typedef struct wn_racing {
    wn_tune_db *db;
    wn_tune_options options; /* of each race */
    int batch;               /* problems of other batch sizes, which seldom run, are not raced */
    FILE *log;               /* told when the first race begins; NULL: silent */
    int raced;               /* so far */
    double seconds;          /* of them */
} wn_racing;

/* The wn_pick of a tape; context is a wn_racing. Races a problem that the database cannot answer with as much
 * effort, adds the winner, saved or not, and then picks as wn_tune_pick does. Errors: as wn_tune_problem but
 * UNSUPPORTED, and as wn_tune_pick. */
wn_status wn_racing_pick(void *racing, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                         int64_t dst_stride, wn_conv_plan *plan);

#endif
