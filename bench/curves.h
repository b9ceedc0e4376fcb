/* The curves of training runs and of searches for a learning rate, as scripts for gnuplot: for the pages of
 * winnow report and for files that are drawn while a run goes on. */
#ifndef WN_CURVES_H
#define WN_CURVES_H

#include <stdbool.h>
#include <stdio.h>

enum { WN_CURVE_POINTS = 4096, WN_CURVE_RUNS = 8 };

/* Points over the steps. When there are more than WN_CURVE_POINTS, neighbours become their means. Zero-
 * initialise; free `at`. */
typedef struct wn_curve {
    double (*at)[2];
    int count, room;
    int each, waiting; /* points behind one that is kept; those that make up the next one, and their sums */
    double sum[2];
} wn_curve;

/* A value that is not finite is left out. False: no memory. */
bool wn_curve_add(wn_curve *curve, double step, double value);

typedef struct wn_run_curves {
    wn_curve loss, train, test, lr; /* of steps or epochs; of epochs; of evaluations; as the loss */
} wn_run_curves;

void wn_run_curves_free(wn_run_curves *curves);

/* Losses and accuracies above, learning rates below; of one run both accuracies, of several, in colours of
 * their own, that on the test images. False: there are no losses, and nothing was written. */
bool wn_curves_write(const wn_run_curves *runs, int count, FILE *script);

/* Losses over learning rates, with a mark at the suggestion (0: none). */
void wn_rates_write(const double *lr, const double *loss, int count, double suggestion, FILE *script);

#endif
