/* Learning rates that were tried, which classes a network takes for others, and single images. */
#include "curves.h"
#include "lr_find.h"
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MISTAKES = 12 };

static void plot_rates(const wn_table *table, wn_page *page) {
    char *script = NULL, caption[200];
    size_t size = 0;
    int points = 0;
    double *lr = calloc(2 * (size_t)table->rows + 1, sizeof *lr), *loss = lr ? lr + table->rows : NULL;
    FILE *out = open_memstream(&script, &size);
    for (int row = 0; row < table->rows && lr; row++) {
        lr[points] = wn_table_number(table, row, "lr");
        loss[points] = wn_table_number(table, row, "loss");
        points += lr[points] > 0 && isfinite(loss[points]);
    }
    if (out) {
        wn_rates_write(lr, loss, points, points <= WN_LR_FIND_STEPS ? wn_lr_valley(lr, loss, points) : 0,
                       out);
        fclose(out);
    }
    snprintf(caption, sizeof caption, "%.120s: the loss while the learning rate grows", wn_table_name(table));
    if (points > 1 && out)
        wn_page_plot(page, wn_table_name(table), caption, 800, 340, script);
    free(script);
    free(lr);
}

void wn_report_rates(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_LR_FIND))
        return;
    wn_page_heading(page, 2, "Learning rates");
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        int least = -1;
        for (int row = 0; table->kind == WN_TABLE_LR_FIND && row < table->rows; row++)
            if (least < 0 || wn_table_number(table, row, "loss") < wn_table_number(table, least, "loss"))
                least = row;
        if (least < 0)
            continue;
        wn_page_paragraph(page, "%s: least loss %s at a rate of %s, after %d steps", wn_table_name(table),
                          wn_table_text(table, least, "loss"), wn_table_text(table, least, "lr"), least + 1);
        plot_rates(table, page);
    }
}

typedef struct mistake {
    int row;
    double images;
} mistake;

static int most_first(const void *a, const void *b) {
    double x = ((const mistake *)a)->images, y = ((const mistake *)b)->images;
    return (x < y) - (x > y);
}

static void write_confusion(const wn_table *table, wn_page *page) {
    mistake *mistakes = calloc((size_t)table->rows + 1, sizeof *mistakes);
    double all = 0, right = 0;
    int count = 0;
    for (int row = 0; mistakes && row < table->rows; row++) {
        double images = wn_table_number(table, row, "images");
        if (!(images > 0))
            continue;
        all += images;
        if (strcmp(wn_table_text(table, row, "truth"), wn_table_text(table, row, "predicted")) == 0)
            right += images;
        else
            mistakes[count++] = (mistake){row, images};
    }
    if (all > 0) {
        wn_page_paragraph(page, "%s: %.0f of %.0f images right, %.2f %%. The most frequent mistakes:",
                          wn_table_name(table), right, all, 100 * right / all);
        qsort(mistakes, (size_t)count, sizeof *mistakes, most_first);
        wn_page_table_begin(page, (const char *const[]){"class", "taken for", "images", NULL});
        for (int i = 0; i < count && i < MISTAKES; i++)
            wn_page_row(page, (const char *const[]){wn_table_text(table, mistakes[i].row, "truth"),
                                                    wn_table_text(table, mistakes[i].row, "predicted"),
                                                    wn_table_text(table, mistakes[i].row, "images"), NULL});
        wn_page_table_end(page);
    }
    free(mistakes);
}

void wn_report_confusion(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_CONFUSION))
        return;
    wn_page_heading(page, 2, "Mistakes");
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_CONFUSION)
            write_confusion(&report->tables[t], page);
}

void wn_report_predictions(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_PREDICTIONS))
        return;
    wn_page_heading(page, 2, "Predictions");
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        if (table->kind != WN_TABLE_PREDICTIONS)
            continue;
        wn_page_paragraph(page, "%s: the likeliest class of each image", wn_table_name(table));
        wn_page_table_begin(page, (const char *const[]){"image", "is", "taken for", "probability", NULL});
        for (int row = 0; row < table->rows; row++)
            if (wn_table_number(table, row, "rank") == 1)
                wn_page_row(page, (const char *const[]){wn_table_text(table, row, "image"),
                                                        wn_table_text(table, row, "truth"),
                                                        wn_table_text(table, row, "name"),
                                                        wn_table_text(table, row, "probability"), NULL});
        wn_page_table_end(page);
    }
}
