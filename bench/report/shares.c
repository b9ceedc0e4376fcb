/* Where a step's time goes by kind of work, beside what arithmetic and memory allow. */
#include "report/report.h"
#include <stdlib.h>
#include <string.h>

static void write_row(const wn_table *table, int row, wn_page *page) {
    static const struct {
        const char *column, *format;
        double factor;
    } numbers[] = {{"seconds", "%.3f", 1e3},       {"percent_of_step", "%.1f %%", 1},
                   {"gflops", "%.1f", 1},          {"gbytes", "%.1f", 1},
                   {"limit_seconds", "%.3f", 1e3}, {"limit_over_time", "%.2f", 1}};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    char text[NUMBERS][32];
    const char *cells[NUMBERS + 6] = {wn_table_text(table, row, "net"), wn_table_text(table, row, "mode"),
                                      wn_table_text(table, row, "size"), wn_table_text(table, row, "batch"),
                                      wn_table_text(table, row, "kind")};
    for (int i = 0; i < NUMBERS; i++) {
        double value = wn_table_number(table, row, numbers[i].column) * numbers[i].factor;
        wn_report_number(text[i], sizeof *text, numbers[i].format, value);
        cells[5 + i] = text[i];
    }
    wn_page_row(page, cells);
}

void wn_report_shares(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_STEP_SHARES))
        return;
    wn_page_heading(page, 3, "By kind of work, beside the machine's limits");
    wn_page_table_begin(page, (const char *const[]){"network", "mode", "input", "batch", "work", "ms",
                                                    "of the step", "GFLOP/s", "GB/s", "limit ms",
                                                    "limit / time", NULL});
    for (int t = 0; t < report->count; t++)
        for (int row = 0; report->tables[t].kind == WN_TABLE_STEP_SHARES && row < report->tables[t].rows;
             row++)
            write_row(&report->tables[t], row, page);
    wn_page_table_end(page);
    wn_page_paragraph(page,
                      "The limit is the longer of the times that the FMA peak and the memory's bandwidth "
                      "allow for this work.");
}
