/* What winnow tune prints and writes: a line per problem, candidates and steps as CSV, progress. */
#ifndef WN_TUNE_REPORT_H
#define WN_TUNE_REPORT_H

#include "csv.h"
#include "tune_in_place.h"

/* The columns of the CSV file. A row of kind "candidate" is a candidate of a problem (the first of each is
 * the winner of the isolated race), one of kind "pick" what was chosen in the end, one of kind "step" a whole
 * step of a network.
 *   - machine, isa, threads
 *   - label: "resnet18 layer1.0.conv1 FWD_B"; of a step "resnet18 training"
 *   - times: how often the tapes have it
 *   - direction, flags, problem, impl, config, library_impl
 *   - effort: of the pick
 *   - estimate_seconds: the model's
 *   - min_seconds, median_seconds: isolated; of a step the sum of its problems' isolated medians
 *   - ratio, low, high: to the winner, median of paired ratios and its 96 % interval
 *   - rounds: that counted
 *   - error: largest difference from sums in f64, over the root mean square of the results
 *   - workspace_bytes
 *   - pareto: 1, nothing is at least as good in time, error and workspace, and better in one
 *   - in_place_seconds: inside the network, all places together; of a step the same sum as its median
 *   - step_seconds: the whole step with the picks
 *   - refusal: why it was not timed */
#define WN_TUNE_HEADER                                                                                       \
    "machine,isa,threads,kind,label,times,direction,flags,problem,impl,config,library_impl,effort,"          \
    "estimate_seconds,min_seconds,median_seconds,ratio,low,high,rounds,error,workspace_bytes,pareto,"        \
    "in_place_seconds,step_seconds,refusal"

void wn_tune_print_head(FILE *out);
/* A problem's line: how much faster than the default the pick is, when that was timed. */
void wn_tune_print_pick(FILE *out, const wn_work *item, const wn_candidate *candidates, int count);
void wn_tune_print_step(FILE *out, const char *net, bool training, const wn_in_place *step);

void wn_tune_write_candidate(wn_csv *csv, const wn_session *session, const wn_work *item, const char *kind,
                             const wn_candidate *candidate);
void wn_tune_write_step(wn_csv *csv, const wn_session *session, const char *net, bool training,
                        const wn_in_place *step);

/* The step with one database's picks beside that with ours. */
typedef struct wn_tune_side_row {
    const char *name;
    int known, steps; /* steps that it has a pick for, and all */
    int rounds;
    double seconds, ratio, low, high; /* ratio: to ours, with its 96 % interval */
} wn_tune_side_row;
void wn_tune_print_side(FILE *out, const char *net, bool training, const wn_tune_side_row *row);
void wn_tune_write_side(wn_csv *csv, const wn_session *session, const char *net, bool training,
                        const wn_tune_side_row *row);

/* A line on stderr that is written over again, only on a terminal. */
void wn_progress(int done, int of, double seconds_left, const char *label);
void wn_progress_clear(void);

#endif
