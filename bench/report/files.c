/* The files that the page is made of. */
#include "report/report.h"

void wn_report_files(const wn_report *report, wn_page *page) {
    wn_page_heading(page, 2, "Files");
    wn_page_table_begin(page, (const char *const[]){"file", "kind", "rows", NULL});
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        char rows[16];
        snprintf(rows, sizeof rows, "%d", table->rows);
        wn_page_row(
            page, (const char *const[]){wn_table_name(table), wn_table_kind_names[table->kind], rows, NULL});
    }
    wn_page_table_end(page);
}
