/* The progress line, shown by a thread of its own: the threads that train leave word in memory and never
 * enter the kernel for it. */
#ifndef WN_TRAIN_DISPLAY_H
#define WN_TRAIN_DISPLAY_H

#include "report.h"

typedef struct wn_display_state {
    wn_train_row row;
    double rate;      /* images per second */
    double remaining; /* seconds */
} wn_display_state;

typedef struct wn_display wn_display;

/* Starts to show what is published, on a thread beside the pool, ten times a second on a terminal, every five
 * seconds elsewhere. NULL when no thread can be had; then there is no progress line. */
wn_display *wn_display_start(const wn_pool *pool, FILE *log, bool terminal, int epochs,
                             int64_t steps_per_epoch);

/* Leaves word of where the run stands. Never waits and makes no system call: while the other thread reads,
 * this state is dropped for the next one. NULL is fine. */
void wn_display_publish(wn_display *display, const wn_display_state *state);

/* Ends the thread and removes the line from a terminal, so that ordinary lines can follow. NULL is fine. */
void wn_display_stop(wn_display *display);

#endif
