/* A run's curves in a file that is drawn again and again while it goes on. */
#ifndef WN_RUN_PLOT_H
#define WN_RUN_PLOT_H

#include "curves.h"
#include "draft.h"
#include "gnuplot.h"
#include "trainer.h"

typedef struct wn_run_plot {
    const char *path, *terminal;
    wn_draft draft; /* where gnuplot draws */
    wn_run_curves runs[WN_CURVE_RUNS];
    int count; /* of runs; those beyond WN_CURVE_RUNS are not drawn */
    wn_gnuplot gnuplot;
    bool fresh;   /* there is something that has not been drawn */
    double begun; /* the last drawing; wn_seconds() */
} wn_run_plot;

/* Whether a file, the value of --plot, can be drawn, and gnuplot's terminal for it, by the end of its name.
 * Errors: USAGE (neither .svg nor .png), UNSUPPORTED (no gnuplot), IO (the file cannot be made). */
wn_status wn_plot_check(const char *path, const char **terminal);

/* path is not copied. Errors: those of wn_plot_check. */
wn_status wn_run_plot_open(const char *path, wn_run_plot *plot);

/* Draws the runs it watches, of one that is resumed also what its CSV file has of it: by gnuplot beside the
 * run every few seconds, and when one ends. A drawing in between that fails is left out; the last one's is an
 * error. The plot must outlive it. */
wn_train_watcher wn_run_plot_watcher(wn_run_plot *plot);

/* One that was not opened is fine. */
void wn_run_plot_close(wn_run_plot *plot);

#endif
