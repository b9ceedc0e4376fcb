/* Training runs: where they ended, and the curves of loss and accuracies; runs that differ in their seed
 * alone share a plot. */
#include "report/names.h"
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const wn_table *table, int row, const char *kind) {
    return strcmp(wn_table_text(table, row, "kind"), kind) == 0;
}

/* "mnist-bn" of a file "mnist-bn-seed2". */
static void group_name(const wn_table *table, char *name, size_t size) {
    snprintf(name, size, "%s", wn_table_name(table));
    char *seed = strstr(name, "-seed");
    if (seed && seed > name && strspn(seed + strlen("-seed"), "0123456789") == strlen(seed + strlen("-seed")))
        *seed = '\0';
}

/* Points of a column over the steps, from rows of one kind; returns how many. */
static int write_points(const wn_table *table, const char *kind, const char *column, FILE *out) {
    int points = 0;
    for (int row = 0; row < table->rows; row++) {
        double value = wn_table_number(table, row, column);
        if (is_kind(table, row, kind) && isfinite(value)) {
            fprintf(out, "%s %.6g\n", wn_table_text(table, row, "step"), value);
            points++;
        }
    }
    return points;
}

/* How many points each curve of a run has. */
typedef struct curves {
    int losses, train, test;
    bool steps; /* the losses are of steps, not of epochs */
} curves;

static curves write_run(const wn_table *table, int run, FILE *out) {
    curves c;
    fprintf(out, "$loss%d << E\n", run);
    c.losses = write_points(table, "step", "loss", out);
    c.steps = c.losses > 0;
    if (!c.steps)
        c.losses = write_points(table, "epoch", "loss", out);
    fprintf(out, "E\n$train%d << E\n", run);
    c.train = write_points(table, "epoch", "train_accuracy", out);
    fprintf(out, "E\n$test%d << E\n", run);
    c.test = write_points(table, "epoch", "test_accuracy", out);
    fputs("E\n", out);
    return c;
}

static double lowest_accuracy(const wn_table *table) {
    double lowest = 1;
    for (int row = 0; row < table->rows; row++)
        if (is_kind(table, row, "epoch")) {
            lowest = fmin(lowest, wn_table_number(table, row, "test_accuracy"));
            lowest = fmin(lowest, wn_table_number(table, row, "train_accuracy"));
        }
    return fmax(0, fmin(lowest, 0.95));
}

/* All runs of a group: of one the loss and both accuracies, of several the losses and the test accuracies. */
static void plot_group(const wn_report *report, const char *group, wn_page *page) {
    enum { RUNS = 8 };
    char *script = NULL, *plots = NULL, name[100], caption[220];
    size_t size = 0, plots_size = 0;
    int runs = 0, losses = 0;
    bool steps = false;
    double lowest = 1;
    FILE *out = open_memstream(&script, &size), *plot = open_memstream(&plots, &plots_size);
    const wn_table *run[RUNS];
    for (int t = 0; t < report->count && runs < RUNS; t++) {
        group_name(&report->tables[t], name, sizeof name);
        if (report->tables[t].kind == WN_TABLE_TRAINING && strcmp(name, group) == 0)
            run[runs++] = &report->tables[t];
    }
    if (out && plot) {
        fputs("set xlabel 'step'\nset ylabel 'loss'\nset y2label 'accuracy'\nset y2tics\nset y2range "
              "[0:1]\nset "
              "ytics nomirror\nset grid\nset key outside right top\n",
              out);
        for (int r = 0; r < runs; r++) {
            curves c = write_run(run[r], r, out);
            const int colour = runs > 1 ? r + 1 : 5;
            char which[16] = "";
            if (runs > 1)
                snprintf(which, sizeof which, " %d", r + 1);
            lowest = fmin(lowest, lowest_accuracy(run[r]));
            steps |= c.steps;
            losses += c.losses;
            fprintf(plot, "%s $loss%d with lines lt %d title 'loss%s'", r ? "," : "plot", r, r + 1, which);
            if (c.train && runs == 1)
                fputs(", $train0 axes x1y2 with linespoints pt 6 lt 3 title 'training accuracy'", plot);
            if (c.test)
                fprintf(plot,
                        ", $test%d axes x1y2 with linespoints pt 7 ps 0.6 lt %d title 'test accuracy%s'", r,
                        colour, which);
        }
    }
    if (plot)
        fclose(plot);
    if (out) {
        fprintf(out, "set yrange [0:*]\nset y2range [%g:1]\n", floor(lowest * 10) / 10);
        fputs(plots ? plots : "", out);
        fclose(out);
    }
    snprintf(caption, sizeof caption, "%.120s: loss of every %s, accuracy after every epoch%s", group,
             steps ? "step" : "epoch", runs > 1 ? ", one run after the other by file name" : "");
    if (losses)
        wn_page_plot(page, group, caption, 800, 340, script);
    free(script);
    free(plots);
}

/* The last epoch of a run; -1 where none ended. */
static int last_epoch(const wn_table *table) {
    int last = -1;
    for (int row = 0; row < table->rows; row++)
        if (is_kind(table, row, "epoch"))
            last = row;
    return last;
}

static double best_test(const wn_table *table) {
    double best = (double)NAN;
    for (int row = 0; row < table->rows; row++)
        best = fmax(best, wn_table_number(table, row, "test_accuracy"));
    return best;
}

static void write_run_row(const wn_table *table, wn_page *page) {
    char loss[32], train[32], test[32], best[32], seconds[32];
    int last = last_epoch(table);
    if (last < 0)
        return;
    wn_report_number(loss, sizeof loss, "%.4f", wn_table_number(table, last, "loss"));
    wn_report_number(train, sizeof train, "%.2f %%", 100 * wn_table_number(table, last, "train_accuracy"));
    wn_report_number(test, sizeof test, "%.2f %%", 100 * wn_table_number(table, last, "test_accuracy"));
    wn_report_number(best, sizeof best, "%.2f %%", 100 * best_test(table));
    wn_report_number(seconds, sizeof seconds, "%.1f", wn_table_number(table, last, "seconds_total"));
    wn_page_row(page, (const char *const[]){wn_table_name(table), wn_table_text(table, last, "epoch"), loss,
                                            train, test, best, seconds, NULL});
}

void wn_report_training(const wn_report *report, wn_page *page) {
    wn_names groups = {.count = 0};
    char name[100];
    if (!wn_report_has(report, WN_TABLE_TRAINING))
        return;
    wn_page_heading(page, 2, "Training");
    wn_page_table_begin(page, (const char *const[]){"run", "epochs", "loss", "training accuracy",
                                                    "test accuracy", "best test accuracy", "s in all", NULL});
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_TRAINING) {
            write_run_row(&report->tables[t], page);
            group_name(&report->tables[t], name, sizeof name);
            wn_names_place(&groups, name);
        }
    wn_page_table_end(page);
    for (int g = 0; g < groups.count; g++)
        plot_group(report, groups.name[g], page);
}
