/* A report: what result files say, as one page that works offline. */
#ifndef WN_REPORT_H
#define WN_REPORT_H

#include "compare.h"
#include "report/names.h"
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
void wn_report_shares(const wn_report *report, wn_page *page);
void wn_report_parts(const wn_report *report, wn_page *page);
void wn_report_winners(const wn_report *report, wn_page *page);
void wn_report_layers(const wn_report *report, wn_page *page);
void wn_report_roofline(const wn_report *report, wn_page *page);
void wn_report_peer(const wn_report *report, wn_page *page);
void wn_report_pytorch(const wn_report *report, wn_page *page);
void wn_report_tuning(const wn_report *report, wn_page *page);
void wn_report_training(const wn_report *report, wn_page *page);
void wn_report_rates(const wn_report *report, wn_page *page);
void wn_report_confusion(const wn_report *report, wn_page *page);
void wn_report_predictions(const wn_report *report, wn_page *page);
void wn_report_linux(const wn_report *report, wn_page *page);
void wn_report_comparison(const wn_report *report, wn_page *page);
void wn_report_files(const wn_report *report, wn_page *page); /* always */

/* Whether a table of that kind has a row. */
bool wn_report_has(const wn_report *report, wn_table_kind kind);

/* A number in text; nothing for one that is not finite. */
void wn_report_number(char *text, size_t size, const char *format, double value);

/* Bars of ratios in groups, with a line at 1; a value that is not above 0 has no bar. */
typedef struct wn_bars {
    const char *name, *caption, *ylabel;
    const wn_names *groups, *bars;
    const double (*value)[WN_NAMES]; /* [group][bar] */
} wn_bars;
void wn_report_bars(wn_page *page, const wn_bars *bars);

/* What winnow machine measured: "peak" (GFLOP/s, level ""), or "read" or "triad" of a level (GB/s). NAN where
 * no machine file has it for that ISA and number of threads. */
double wn_report_limit(const wn_report *report, const char *fact, const char *level, const char *isa,
                       const char *threads);

/* Text with what gnuplot's quotes keep for themselves left out. */
void wn_report_quote(char *out, size_t size, const char *text);

#endif
