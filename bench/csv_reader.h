/* Reading CSV files (RFC 4180) by the names of their columns. */
#ifndef WN_CSV_READER_H
#define WN_CSV_READER_H

#include <stdio.h>
#include <winnow/status.h>

enum { WN_CSV_COLUMNS = 64 };

/* A file being read; zeroed memory is fine to close. Fields point into the reader and live until the next
 * row. */
typedef struct wn_csv_reader {
    FILE *file;
    const char *path;
    long line; /* the last one that was read, from 1 */
    int columns;
    char *header, *row; /* text that the names and fields point into */
    size_t header_room, row_room;
    const char *name[WN_CSV_COLUMNS];
    const char *field[WN_CSV_COLUMNS];
} wn_csv_reader;

/* Opens the file and reads its header; path must live until the close. Errors: IO; MEMORY; FORMAT for an
 * empty file, a NUL byte, a quote that is not closed and too many columns. */
wn_status wn_csv_reader_open(const char *path, wn_csv_reader *reader);

/* The next row; *more is false at the end. Errors: IO; MEMORY; FORMAT with the line, for a NUL byte, a quote
 * that is not closed and for a row with another number of fields than the header. */
wn_status wn_csv_reader_next(wn_csv_reader *reader, bool *more);

/* The field of that column in the current row, or NULL where there is no such column. */
const char *wn_csv_reader_field(const wn_csv_reader *reader, const char *name);

/* The field as a number: NAN where it is empty or missing. Errors: FORMAT with line and column for other
 * text. */
wn_status wn_csv_reader_number(const wn_csv_reader *reader, const char *name, double *value);

void wn_csv_reader_close(wn_csv_reader *reader);

#endif
