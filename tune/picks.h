/* Picks for all machines: from a file with lines of a tuning database, of which only problem, ISA,
 * implementation and config count, or from text that says what tapes have run. Tapes compiled with them run
 * the same kernels with any number of threads. */
#ifndef WN_TUNE_PICKS_H
#define WN_TUNE_PICKS_H

#include "conv.h"

typedef struct wn_picks wn_picks;

/* Reads the picks of an ISA; of a problem's picks the last counts. Errors: IO; FORMAT with the line's number
 * for one that is no sound pick, and for a file without any of this ISA. */
wn_status wn_picks_open(const char *path, wn_isa isa, wn_picks **picks);
/* The plans of tapes as text, to be kept with what they computed: the ISA, then a line for every problem with
 * its implementation and config. Freed by the caller; NULL without memory. */
char *wn_picks_text(const wn_conv_plan *const *plans, int count, wn_isa isa);
/* Reads such text. Lines of another ISA, and those that this build knows nothing of, are left out. Errors:
 * MEMORY. */
wn_status wn_picks_parse(const char *text, wn_isa isa, wn_picks **picks);
void wn_picks_close(wn_picks *picks); /* NULL is fine */

/* The plan of a problem; false where there is none that fits. */
bool wn_picks_find(const wn_picks *picks, const wn_problem *problem, wn_isa isa, int threads,
                   int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan);

/* The wn_pick of a tape; context is the wn_picks. Problems that the file does not have, or whose pick does
 * not fit, get the heuristic of wn_tune_pick. */
wn_status wn_picks_pick(void *picks, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                        int64_t dst_stride, wn_conv_plan *plan);

#endif
