/* Picks from a file for all machines: lines of a tuning database, of which only problem, ISA, implementation
 * and config count. Tapes compiled with them run the same kernels with any number of threads. */
#ifndef WN_TUNE_PICKS_H
#define WN_TUNE_PICKS_H

#include "conv.h"

typedef struct wn_picks wn_picks;

/* Reads the picks of an ISA; of a problem's picks the last counts. Errors: IO; FORMAT with the line's number
 * for one that is no sound pick, and for a file without any of this ISA. */
wn_status wn_picks_open(const char *path, wn_isa isa, wn_picks **picks);
void wn_picks_close(wn_picks *picks); /* NULL is fine */

/* The wn_pick of a tape; context is the wn_picks. Problems that the file does not have, or whose pick does
 * not fit, get the heuristic of wn_tune_pick. */
wn_status wn_picks_pick(void *picks, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                        int64_t dst_stride, wn_conv_plan *plan);

#endif
