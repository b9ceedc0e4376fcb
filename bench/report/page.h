/* The page that a report becomes: HTML with everything in it, and the plots beside it. */
#ifndef WN_REPORT_PAGE_H
#define WN_REPORT_PAGE_H

#include <stdio.h>
#include <winnow/status.h>

enum { WN_PAGE_NAME = 100 }; /* characters of a plot's name */

typedef struct wn_page {
    FILE *html;
    const char *plots; /* folder that gets each plot as SVG and PNG files, too; NULL: none */
    bool gnuplot;      /* there is one: else plots are left out, and the page says so */
    int plot_count, room;
    char (*names)[WN_PAGE_NAME]; /* [plot_count] of the plots */
    struct {
        char **cell; /* [rows * columns] of the table that is open, the header's first */
        int count, room, columns;
    } table;
    wn_status status; /* the first failure; later calls do nothing */
} wn_page;

/* Frees what the page holds, but for the file. */
void wn_page_free(wn_page *page);

/* Text with the characters that HTML keeps for itself escaped. */
void wn_page_text(wn_page *page, const char *text);

/* Rows of a table between begin and end; columns of numbers stand right. The header's cells and a row's, as
 * many, are in arrays that end with NULL; they are copied. */
void wn_page_table_begin(wn_page *page, const char *const header[]);
void wn_page_row(wn_page *page, const char *const cells[]);
void wn_page_table_end(wn_page *page);

/* What stands between them is shown when the summary is clicked. */
void wn_page_fold_begin(wn_page *page, const char *summary);
void wn_page_fold_end(wn_page *page);

void wn_page_heading(wn_page *page, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void wn_page_paragraph(wn_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A plot in the page: `script` is gnuplot's, without terminal and output, and owned by the caller; `name` is
 * that of its files, `caption` says what is seen. Text, axes and background are the page's, in light and
 * dark. Errors go to the page's status: UNSUPPORTED with gnuplot's own words. */
void wn_page_plot(wn_page *page, const char *name, const char *caption, int width, int height,
                  const char *script);

#endif
