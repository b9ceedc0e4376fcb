/* Rows of the training CSV on their way to the file: the thread that trains leaves them in a ring, another
 * one formats and writes them. */
#ifndef WN_TRAIN_ROW_WRITER_H
#define WN_TRAIN_ROW_WRITER_H

#include "pool.h"
#include "report.h"

typedef struct wn_row_writer wn_row_writer;

/* Starts to write to a file, whose path is for messages; both must outlive it. Errors: MEMORY, IO (no
 * thread).
 */
wn_status wn_row_writer_start(const wn_pool *pool, FILE *file, const char *path, wn_row_writer **writer);

/* Leaves a row, which reaches the system within a second. No system call, as long as the file
 * takes eight thousand rows in that time. Errors: IO, of an earlier row. */
wn_status wn_row_writer_add(wn_row_writer *writer, const char *kind, const wn_train_row *row);

/* Returns when all rows so far have reached the system. Errors: IO. */
wn_status wn_row_writer_flush(wn_row_writer *writer);

/* Writes what is left and ends. NULL is fine. Errors: IO. */
wn_status wn_row_writer_stop(wn_row_writer *writer);

#endif
