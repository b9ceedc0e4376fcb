/* How good picks are: against a long race of all candidates. */
#ifndef WN_TUNE_REGRET_H
#define WN_TUNE_REGRET_H

#include "csv.h"
#include "tune_sides.h"
#include "tune_work.h"

/* What is raced against what. */
typedef struct wn_regret_job {
    const wn_work_list *list;
    const wn_session *session;
    wn_tune_db *db;
    const wn_tune_sides *others; /* further databases whose picks are looked at */
    const wn_peaks *peaks;
    int rounds;
    int part, parts; /* every parts-th problem from the part-th on, from 1 */
    wn_csv *csv;     /* NULL: none */
} wn_regret_job;

/* Races all candidates of each problem: few rounds of all, more of those that are close, `rounds` of the best
 * and of every pick; those in which somebody else had the machine do not count. Prints how many times as long
 * as the best the database's pick, the model's choice and the others' picks take (medians of paired ratios),
 * their geometric means and the worst, and with several others how well these agree. In the CSV file
 * (WN_TUNE_HEADER) a row for the best and for each pick, with the ratio to the best. */
wn_status wn_tune_regret(const wn_regret_job *job);

#endif
