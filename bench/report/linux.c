/* What Linux costs: the price list of winnow bypass, and steps with and without address space randomisation.
 */
#include "report/report.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

static void write_price(const wn_table *table, int row, wn_page *page) {
    char price[32], range[48], ratio[64] = "", step[32] = "";
    double median = wn_table_number(table, row, "median_ns"), times = wn_table_number(table, row, "ratio");
    snprintf(price, sizeof price, "%.4g", median);
    snprintf(range, sizeof range, "%.4g to %.4g", wn_table_number(table, row, "low_ns"),
             wn_table_number(table, row, "high_ns"));
    if (times > 0)
        snprintf(ratio, sizeof ratio, "%.3g (%.3g to %.3g)", times, wn_table_number(table, row, "ratio_low"),
                 wn_table_number(table, row, "ratio_high"));
    if (isfinite(wn_table_number(table, row, "step_ms")))
        snprintf(step, sizeof step, "%.3g", wn_table_number(table, row, "step_ms"));
    wn_page_row(page,
                (const char *const[]){wn_table_text(table, row, "item"), wn_table_text(table, row, "way"),
                                      isfinite(median) ? price : "", isfinite(median) ? range : "", ratio,
                                      step, wn_table_text(table, row, "note"), NULL});
}

static void write_prices(const wn_table *table, wn_page *page) {
    if (!table->rows)
        return;
    wn_page_heading(page, 3, "Beside a training step of %s at %s, batch %s, with %s and %s threads",
                    wn_table_text(table, 0, "net"), wn_table_text(table, 0, "size"),
                    wn_table_text(table, 0, "batch"), wn_table_text(table, 0, "isa"),
                    wn_table_text(table, 0, "threads"));
    wn_page_table_begin(page,
                        (const char *const[]){"item", "way", "ns", "96 % interval",
                                              "times as fast as the first way", "ms per step", "note", NULL});
    for (int row = 0; row < table->rows; row++)
        write_price(table, row, page);
    wn_page_table_end(page);
}

/* Medians of both columns, and of the ratios of the pairs. */
static void write_layout(const wn_table *table, wn_page *page) {
    double *with = calloc((size_t)table->rows * 3 + 1, sizeof *with);
    if (!with)
        return;
    double *without = with + table->rows, *ratio = without + table->rows;
    int pairs = 0;
    for (int row = 0; row < table->rows; row++) {
        double a = wn_table_number(table, row, "randomised_ms"), b = wn_table_number(table, row, "fixed_ms");
        if (!(a > 0) || !(b > 0))
            continue;
        with[pairs] = a;
        without[pairs] = b;
        ratio[pairs++] = a / b;
    }
    if (pairs) {
        double a = wn_median(with, pairs), b = wn_median(without, pairs), r = wn_median(ratio, pairs);
        wn_page_paragraph(
            page,
            "Address space layout: a step took %.3f ms randomised and %.3f ms fixed (medians of %d "
            "pairs); the ratio of a pair is %.3f (median), %.3f to %.3f (all).",
            a, b, pairs, r, ratio[0], ratio[pairs - 1]);
    }
    free(with);
}

void wn_report_linux(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_BYPASS) && !wn_report_has(report, WN_TABLE_ADDRESS_LAYOUT))
        return;
    wn_page_heading(page, 2, "What Linux costs");
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_BYPASS)
            write_prices(&report->tables[t], page);
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_ADDRESS_LAYOUT)
            write_layout(&report->tables[t], page);
}
