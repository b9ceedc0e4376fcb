/* CSV files: quoting where a field needs it, and one place that says whether everything was written. */
#ifndef WN_CSV_H
#define WN_CSV_H

#include <limits.h>
#include <stdio.h>
#include <winnow/status.h>

typedef struct wn_csv {
    FILE *file;
    char path[PATH_MAX];
    bool begun; /* the current row has a field */
} wn_csv;

/* Creates the file and writes the header line. "-" is standard output: from then on what is printed goes to
 * standard error (output.h). Errors: IO with the path. */
wn_status wn_csv_open(const char *path, const char *header, wn_csv *csv);

/* The fields of a row, in order; a number that is not finite is left empty. */
void wn_csv_text(wn_csv *csv, const char *text);
void wn_csv_number(wn_csv *csv, double value);
void wn_csv_end_row(wn_csv *csv);

/* Closes; an unopened one is fine. Errors: IO with the path when anything could not be written. */
wn_status wn_csv_close(wn_csv *csv);

#endif
