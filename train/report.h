/* What a training run tells the world: the CSV rows and the lines on the log. Internal to train/. */
#ifndef WN_TRAIN_REPORT_H
#define WN_TRAIN_REPORT_H

#include "trainer.h"

/* One row of the CSV, one state of the progress line. */
typedef struct wn_train_row {
    int epoch;
    int64_t step, examples;
    double loss, train_accuracy;
    double test_accuracy; /* negative: not known */
    float lr;
    double seconds_step, seconds_total;
    double data_wait;   /* seconds that training waited for a late loader */
    int64_t data_waits; /* steps that did */
} wn_train_row;

typedef struct wn_train_csv {
    FILE *file; /* NULL: no CSV asked for, every call below does nothing */
    const char *path;
    bool created, begun; /* there was no such file before; the header is written */
    bool standard;       /* standard output: others may have written there before us */
    struct wn_row_writer *writer;
} wn_train_csv;

/* Makes sure the file can be written, and leaves what it holds alone: a run that fails before its first step
 * must not cost the figures of the last one. path NULL is fine, "-" is standard output (output.h). Errors:
 * IO, naming the file. */
wn_status wn_train_csv_open(const char *path, wn_train_csv *csv);
/* Empties the file and writes the header; with step > 0 keeps the rows up to that step instead, so that a run
 * that is resumed there goes on with the next. Standard output just gets the header. Errors: IO; FORMAT (rows
 * of something else). */
wn_status wn_train_csv_begin(wn_train_csv *csv, const wn_pool *pool, int64_t step);
/* Leaves one row to be written by a thread beside the pool (row_writer.h). Errors: IO, of an earlier row. */
wn_status wn_train_csv_row(wn_train_csv *csv, const char *kind, const wn_train_row *row);
/* Returns when all rows so far have reached the system. Errors: IO. */
wn_status wn_train_csv_flush(wn_train_csv *csv);
/* Also removes a file that was created but never begun. Errors: IO, when the system reports a late failure.
 */
wn_status wn_train_csv_close(wn_train_csv *csv);

typedef struct wn_train_progress {
    const wn_pool *pool;
    FILE *log; /* NULL: silent */
    bool terminal;
    int epochs;
    int64_t steps_per_epoch;
    struct wn_display *display; /* shows the line; started by the first step, ended by a clear */
    bool refused;               /* no thread for it could be had */
} wn_train_progress;

/* Says where the run stands, for the progress line. `rate` in images per second, `remaining` in seconds. But
 * for the first step after a clear it makes no system call. */
void wn_train_progress_step(wn_train_progress *progress, const wn_train_row *row, double rate,
                            double remaining);
/* Removes the progress line from a terminal, so that ordinary lines can follow. */
void wn_train_progress_clear(wn_train_progress *progress);

void wn_train_report_epoch(wn_train_progress *progress, const wn_train_row *row, double rate);
void wn_train_report_eval(wn_train_progress *progress, const wn_train_row *row);
/* time_to is the test accuracy that was to be reached, 0: none. */
void wn_train_report_result(FILE *log, const wn_train_result *result, double time_to);

#endif
