/* What winnow tune works on: the distinct problems of networks, and those named one by one. */
#ifndef WN_TUNE_WORK_H
#define WN_TUNE_WORK_H

#include "cli.h"
#include "confirm.h"
#include "problem_words.h"

/* A distinct problem, how often the tapes have it, and the best candidates of its race. */
typedef struct wn_work {
    wn_problem problem;
    int times;
    char label[96];
    wn_candidate finalists[WN_CONFIRM_FINALISTS];
    int finalist_count; /* 0: not raced */
} wn_work;

typedef struct wn_work_list {
    wn_work *items;
    int count, room;
} wn_work_list;

/* Which tapes of a network count. */
typedef enum wn_tapes { WN_TAPES_BOTH, WN_TAPES_TRAINING, WN_TAPES_INFERENCE } wn_tapes;

static inline bool wn_tapes_hold(wn_tapes tapes, bool training) {
    return tapes == WN_TAPES_BOTH || (tapes == WN_TAPES_TRAINING) == training;
}

/* Adds the problems of a network's tapes. Errors: the tape's, MEMORY. */
wn_status wn_work_add_network(wn_work_list *list, const wn_session *session, wn_network *network,
                              wn_tapes tapes);
/* Adds those that words and flags name; without --dir all directions. */
wn_status wn_work_add_problems(wn_work_list *list, char **words, int count, const wn_problem_flags *flags);
void wn_work_free(wn_work_list *list);

/* Takes what a race leaves to be tried in the network: the winner, the best of other implementations, and if
 * there is room for more, whoever comes next; in the network configs of one implementation behave alike.
 * candidates[count], the best first. */
void wn_work_keep_finalists(wn_work *item, const wn_candidate *candidates, int count);

/* The item of a problem, or NULL. */
wn_work *wn_work_find(const wn_work_list *list, const wn_problem *problem);

#endif
