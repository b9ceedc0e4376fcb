/* What a training run tells the world: the CSV rows and the lines on the log. Internal to train/. */
#ifndef WN_TRAIN_REPORT_H
#define WN_TRAIN_REPORT_H

#include "kept_file.h"
#include "trainer.h"

typedef struct wn_train_csv {
    wn_kept_file out; /* its file NULL: no CSV asked for */
    bool standard;    /* standard output: others may have written there before us */
    uint64_t seed;    /* of the present run */
} wn_train_csv;

/* Opens the file as wn_kept_file_open does: a run that fails before its first step must not cost the figures
 * of the last one. path NULL is fine, "-" is standard output (output.h). Errors: IO, naming the file. */
wn_status wn_train_csv_open(const char *path, wn_train_csv *csv);
/* Writes the runs that it watches, the header before the first of them; a run that is resumed goes on behind
 * the rows up to its step. Errors of its beginning: IO; FORMAT (rows of something else). */
wn_train_watcher wn_train_csv_watcher(wn_train_csv *csv);
/* Errors: IO, when the system reports a late failure. */
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
