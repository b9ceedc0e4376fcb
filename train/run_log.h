/* A run as lines of JSON, for programs that follow it. */
#ifndef WN_RUN_LOG_H
#define WN_RUN_LOG_H

#include "kept_file.h"
#include "trainer.h"

typedef struct wn_run_log {
    wn_kept_file out;
    uint64_t seed; /* of the present run */
    char checkpoints[4096];
} wn_run_log;

/* Opens the file as wn_kept_file_open does; it is emptied when a run begins, unless it is one that is
 * resumed: then lines are added, in place of a last one that was cut off. Errors: IO. */
wn_status wn_run_log_open(const char *path, wn_run_log *log);

/* Writes a line for every start, step, evaluation, checkpoint and end of the runs it watches, each flushed
 * (docs/results.md says what they hold). The log must outlive it. */
wn_train_watcher wn_run_log_watcher(wn_run_log *log);

/* One that was not opened is fine. Errors: IO, when the system reports a late failure. */
wn_status wn_run_log_close(wn_run_log *log);

#endif
