/* Having gnuplot draw, in a process beside ours. */
#ifndef WN_GNUPLOT_H
#define WN_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <winnow/status.h>

/* Whether it is installed. */
bool wn_gnuplot_found(void);

/* A script to be filled in, in memory; NULL with errno set when there is none to be had. wn_gnuplot_start
 * takes it over. */
FILE *wn_gnuplot_script(void);

/* Has a plot drawn into a file: `body` is what sets it up and plots, `terminal` svg or pngcairo. Colours are
 * those of linetypes 1 to 9. */
void wn_gnuplot_ask(FILE *script, const char *terminal, int width, int height, const char *output,
                    const char *body);

/* A gnuplot at work; process 0: none. */
typedef struct wn_gnuplot {
    pid_t process;
    FILE *words; /* what it complains about */
} wn_gnuplot;

/* Starts one, less urgent than we are. Memory is shared with it until it runs (posix_spawn), so that nobody's
 * pages have to be copied. Errors: IO. */
wn_status wn_gnuplot_start(FILE *script, wn_gnuplot *gnuplot);

/* Whether it has ended, after waiting for that or not; then *status says how, with its own words: IO. True
 * where none was started. */
bool wn_gnuplot_ended(wn_gnuplot *gnuplot, bool wait, wn_status *status);

/* Draws one file and waits; what stood there is replaced when the new one is whole. Errors: IO, MEMORY. */
wn_status wn_gnuplot_draw(const char *path, const char *terminal, int width, int height, const char *body);

#endif
