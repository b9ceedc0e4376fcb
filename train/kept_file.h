/* A file of figures whose old content is kept until there is something to replace it. */
#ifndef WN_KEPT_FILE_H
#define WN_KEPT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <winnow/status.h>

typedef struct wn_kept_file {
    FILE *file; /* NULL: none */
    const char *path, *what;
    bool created, begun; /* there was no such file before; what it holds is ours */
} wn_kept_file;

/* Makes sure the file can be written, and leaves what it holds alone; `what` it is, as "the CSV
 * file", is for messages. Neither is copied. Errors: IO, naming the file. */
wn_status wn_kept_file_open(const char *path, const char *what, wn_kept_file *file);

/* Whether it holds what was written to it: no pipe, no device. */
bool wn_kept_file_is_regular(const wn_kept_file *file);

/* The first time keeps the first `keep` bytes of a regular file, and what is written goes behind them.
 * Errors: IO. */
wn_status wn_kept_file_begin(wn_kept_file *file, long long keep);

/* Also removes a file that was created but never begun. One that was not opened is fine. Errors: IO, when the
 * system reports a late failure. */
wn_status wn_kept_file_close(wn_kept_file *file);

#endif
