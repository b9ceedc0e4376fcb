/* How good picks are: against a long race of all candidates, and whole steps beside other databases' picks.
 */
#ifndef WN_TUNE_REGRET_H
#define WN_TUNE_REGRET_H

#include "tune_work.h"

/* Races all candidates of each problem without stopping early: three rounds of all, then `rounds` of those
 * within 1.5 times the best and of the picks. Prints how many times as long as the best the database's pick
 * and the model's choice take (medians of paired ratios), and geometric means. */
wn_status wn_tune_regret(const wn_work_list *list, const wn_session *session, wn_tune_db *db,
                         const wn_peaks *peaks, int rounds);

/* Times a network's step with the database's picks in turns with those of other databases (paths joined by
 * commas) and prints the median of paired ratios time(other) / time(ours). */
wn_status wn_tune_beside(wn_network *network, const wn_session *session, wn_tune_db *db, const char *others,
                         wn_tapes tapes);

#endif
