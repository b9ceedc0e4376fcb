/* Training runs: a curve of the loss and of the accuracies each, and where they ended. */
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const wn_table *table, int row, const char *kind) {
    return strcmp(wn_table_text(table, row, "kind"), kind) == 0;
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

static void plot_run(const wn_table *table, const char *name, wn_page *page) {
    char *script = NULL, caption[200];
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    fputs("set xlabel 'step'\nset ylabel 'loss'\nset y2label 'accuracy'\nset y2tics\nset y2range [0:1]\nset "
          "ytics nomirror\n"
          "set grid\nset key outside right top\n$loss << E\n",
          out);
    int losses = write_points(table, "step", "loss", out);
    const bool steps = losses > 0;
    if (!steps)
        losses = write_points(table, "epoch", "loss", out);
    fputs("E\n$train << E\n", out);
    int train = write_points(table, "epoch", "train_accuracy", out);
    fputs("E\n$test << E\n", out);
    int test = write_points(table, "epoch", "test_accuracy", out);
    fputs("E\nplot $loss with lines lt 1 title 'loss'", out);
    if (train)
        fputs(", $train axes x1y2 with linespoints pt 6 lt 3 title 'training accuracy'", out);
    if (test)
        fputs(", $test axes x1y2 with linespoints pt 7 lt 5 title 'test accuracy'", out);
    fclose(out);
    snprintf(caption, sizeof caption, "%s: loss of every %s, accuracy after every epoch", name,
             steps ? "step" : "epoch");
    if (losses)
        wn_page_plot(page, name, caption, 800, 340, script);
    free(script);
}

/* The last epoch of a run; -1 where none ended. */
static int last_epoch(const wn_table *table) {
    int last = -1;
    for (int row = 0; row < table->rows; row++)
        if (is_kind(table, row, "epoch"))
            last = row;
    return last;
}

void wn_report_training(const wn_report *report, wn_page *page) {
    bool begun = false;
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        if (table->kind != WN_TABLE_TRAINING)
            continue;
        if (!begun)
            wn_page_heading(page, 2, "Training");
        begun = true;
        const char *name = wn_table_name(table);
        int last = last_epoch(table);
        if (last >= 0)
            wn_page_paragraph(page, "%s: %s epochs, loss %s, training accuracy %s, test accuracy %s, %s s",
                              name, wn_table_text(table, last, "epoch"), wn_table_text(table, last, "loss"),
                              wn_table_text(table, last, "train_accuracy"),
                              wn_table_text(table, last, "test_accuracy"),
                              wn_table_text(table, last, "seconds_total"));
        plot_run(table, name, page);
    }
}
