/* Records of a run on their way to those who watch it: the thread that trains leaves them in a ring, another
 * one hands them out. */
#ifndef WN_TRAIN_RECORDER_H
#define WN_TRAIN_RECORDER_H

#include "pool.h"
#include "watch.h"

typedef struct wn_recorder wn_recorder;

/* Starts to hand records to the watchers, which must outlive it. Errors: MEMORY, IO (no thread). */
wn_status wn_recorder_start(const wn_pool *pool, const wn_train_watcher *const *watchers, int count,
                            wn_recorder **recorder);

/* Leaves a record, which is handed out within a second. No system call, as long as the watchers take eight
 * thousand records in that time. NULL is fine, here and below. Errors: IO, of an earlier record. */
wn_status wn_recorder_add(wn_recorder *recorder, const wn_train_record *record);

/* Returns when all records so far have been handed out. Errors: IO. */
wn_status wn_recorder_flush(wn_recorder *recorder);

/* Hands out what is left and ends. Errors: IO. */
wn_status wn_recorder_stop(wn_recorder *recorder);

#endif
