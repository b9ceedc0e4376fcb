/* A report: what result files say, as one page that works offline. */
#ifndef WN_REPORT_H
#define WN_REPORT_H

#include "compare.h"
#include "report/page.h"
#include "report/table.h"

typedef struct wn_report {
    const wn_table *tables;
    int count;
    const char *title;
    const wn_comparison *comparison; /* of two runs, NULL: none */
    const char *before, *after;      /* names of the runs compared */
} wn_report;

/* Writes the page to page->html. Errors: the page's status. */
wn_status wn_report_write(const wn_report *report, wn_page *page);

/* The sections, in the order of the page; each writes nothing when no table is of its kind. */
void wn_report_machine(const wn_report *report, wn_page *page);
void wn_report_steps(const wn_report *report, wn_page *page);
void wn_report_parts(const wn_report *report, wn_page *page);
void wn_report_winners(const wn_report *report, wn_page *page);
void wn_report_layers(const wn_report *report, wn_page *page);
void wn_report_roofline(const wn_report *report, wn_page *page);
void wn_report_peer(const wn_report *report, wn_page *page);
void wn_report_pytorch(const wn_report *report, wn_page *page);
void wn_report_training(const wn_report *report, wn_page *page);
void wn_report_comparison(const wn_report *report, wn_page *page);

/* What winnow machine measured: "peak" (GFLOP/s, level ""), or "read" or "triad" of a level (GB/s). NAN where
 * no machine file has it for that ISA and number of threads. */
double wn_report_limit(const wn_report *report, const char *fact, const char *level, const char *isa,
                       const char *threads);

/* Text with what gnuplot's quotes keep for themselves left out. */
void wn_report_quote(char *out, size_t size, const char *text);

#endif
