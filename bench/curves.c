/* Curves as gnuplot draws them. */
#include "curves.h"
#include "grow.h"
#include <math.h>
#include <stdlib.h>

/* Pairs become their means. */
static void halve(wn_curve *c) {
    c->count /= 2;
    c->each *= 2;
    for (int i = 0; i < c->count; i++)
        for (int k = 0; k < 2; k++)
            c->at[i][k] = (c->at[2 * i][k] + c->at[2 * i + 1][k]) / 2;
}

bool wn_curve_add(wn_curve *c, double step, double value) {
    if (!isfinite(value))
        return true;
    c->each = c->each ? c->each : 1;
    c->sum[0] += step;
    c->sum[1] += value;
    if (++c->waiting < c->each)
        return true;
    if (c->count == WN_CURVE_POINTS)
        halve(c);
    if (c->waiting < c->each)
        return true;
    double(*grown)[2] = wn_grow(c->at, c->count, &c->room, sizeof *grown);
    if (!grown)
        return false;
    c->at = grown;
    for (int k = 0; k < 2; k++) {
        c->at[c->count][k] = c->sum[k] / c->waiting;
        c->sum[k] = 0;
    }
    c->count++;
    c->waiting = 0;
    return true;
}

void wn_run_curves_free(wn_run_curves *curves) {
    free(curves->loss.at);
    free(curves->train.at);
    free(curves->test.at);
    free(curves->lr.at);
    *curves = (wn_run_curves){.loss = {.at = NULL}};
}

static void write_points(const char *name, int run, const wn_curve *c, FILE *out) {
    fprintf(out, "$%s%d << E\n", name, run);
    for (int i = 0; i < c->count; i++)
        fprintf(out, "%.9g %.6g\n", c->at[i][0], c->at[i][1]);
    fputs("E\n", out);
}

static double highest(double high, const wn_curve *c) {
    for (int i = 0; i < c->count; i++)
        high = fmax(high, c->at[i][1]);
    return high;
}

static double lowest(double low, const wn_curve *c) {
    for (int i = 0; i < c->count; i++)
        low = fmin(low, c->at[i][1]);
    return low;
}

static void write_losses(const wn_run_curves *runs, int count, FILE *out) {
    for (int r = 0; r < count; r++) {
        char which[16] = "";
        if (count > 1)
            snprintf(which, sizeof which, " %d", r + 1);
        fprintf(out, "%s $loss%d with lines lt %d title 'loss%s'", r ? "," : "plot", r, r + 1, which);
        if (runs[r].train.count && count == 1)
            fputs(", $train0 axes x1y2 with linespoints pt 6 lt 3 title 'training accuracy'", out);
        if (runs[r].test.count)
            fprintf(out, ", $test%d axes x1y2 with linespoints pt 7 ps 0.6 lt %d title 'test accuracy%s'", r,
                    count > 1 ? r + 1 : 5, which);
    }
}

bool wn_curves_write(const wn_run_curves *runs, int count, FILE *out) {
    int losses = 0, rates = 0;
    double low = 0.95, rate = 0;
    for (int r = 0; r < count; r++) {
        losses += runs[r].loss.count;
        rates += runs[r].lr.count;
        rate = highest(rate, &runs[r].lr);
        low = fmax(0, lowest(lowest(low, &runs[r].train), &runs[r].test));
    }
    if (!losses)
        return false;
    for (int r = 0; r < count; r++) {
        write_points("loss", r, &runs[r].loss, out);
        write_points("train", r, &runs[r].train, out);
        write_points("test", r, &runs[r].test, out);
        write_points("lr", r, &runs[r].lr, out);
    }
    fprintf(
        out,
        "set multiplot\nset lmargin at screen 0.12\nset rmargin at screen 0.72\nset grid\n"
        "set key outside right top\nset xlabel 'step'\n"
        "set tmargin at screen 0.96\nset bmargin at screen %g\nset ylabel 'loss'\nset y2label 'accuracy'\n"
        "set y2tics\nset ytics nomirror\nset yrange [0:*]\nset y2range [%g:1]\n",
        rates ? 0.42 : 0.14, floor(low * 10) / 10);
    write_losses(runs, count, out);
    if (rates)
        fprintf(out,
                "\nset tmargin at screen 0.30\nset bmargin at screen 0.12\nset ylabel 'learning rate'\n"
                "unset y2label\nunset y2tics\nset ytics mirror %.9g\nset format y '%%.2g'\nset yrange "
                "[0:*]\nunset key\n",
                rate > 0 ? rate / 2 : 1);
    for (int r = 0; r < count && rates; r++)
        fprintf(out, "%s $lr%d with lines lt %d", r ? "," : "plot", r, r + 1);
    fputs("\nunset multiplot\n", out);
    return true;
}

void wn_rates_write(const double *lr, const double *loss, int count, double suggestion, FILE *out) {
    fputs("set logscale x\nset format x '%g'\nset xlabel 'learning rate'\nset ylabel 'smoothed loss'\nset "
          "grid\n"
          "unset key\n$d << E\n",
          out);
    for (int i = 0; i < count; i++)
        fprintf(out, "%.9g %.9g\n", lr[i], loss[i]);
    fputs("E\n", out);
    if (suggestion > 0)
        fprintf(out,
                "set arrow from %.9g, graph 0 to %.9g, graph 1 nohead lt 5 dashtype 2\n"
                "set label 'suggestion: %.3g' at %.9g, graph 0.95 offset 1,0\n",
                suggestion, suggestion, suggestion, suggestion);
    fputs("plot $d using 1:2 with lines lt 1 lw 2\n", out);
}
