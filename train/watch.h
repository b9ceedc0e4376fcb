/* What a training run tells those who watch it: a start, a record of every step, evaluation and checkpoint,
 * and an end. Records reach them on a thread beside the pool, so that the threads that train need not wait
 * for anybody. */
#ifndef WN_TRAIN_WATCH_H
#define WN_TRAIN_WATCH_H

#include "safetensors.h"
#include <stdbool.h>
#include <stdint.h>
#include <winnow/status.h>

struct wn_train_options;
struct wn_train_result;

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

typedef enum wn_train_event {
    WN_TRAIN_STEP,
    WN_TRAIN_EVAL,  /* an evaluation within an epoch */
    WN_TRAIN_EPOCH, /* its end, and its evaluation */
    WN_TRAIN_SAVE,  /* last.safetensors was written; epoch and step of the row count */
} wn_train_event;

typedef struct wn_train_record {
    wn_train_event event;
    bool best; /* of a SAVE: best.safetensors, too */
    wn_train_row row;
} wn_train_record;

/* What is known before the first step. Lives as long as the call. */
typedef struct wn_train_start {
    const struct wn_train_options *options; /* defaults filled in */
    const wn_metadata *facts;               /* what makes this run the run it is, as checkpoints say it */
    int fact_count;
    int64_t steps_per_epoch;
    int64_t step;   /* after which a resumed run goes on; 0: from the beginning */
    bool evaluated; /* the evaluation that was due after that step had been made */
} wn_train_start;

/* Functions may be NULL. A watcher may see several runs, one after the other. */
typedef struct wn_train_watcher {
    void *context;
    const char *path; /* for messages */
    /* On the thread that trains, before the first step and after the last one. `result` so far, `how` the
     * run ended. An error of the former ends the run. */
    wn_status (*begin)(void *context, const wn_train_start *start);
    wn_status (*end)(void *context, const struct wn_train_result *result, const wn_status *how);
    /* On the recorder's thread: false with errno set ends the run with an error; and once a second. */
    bool (*record)(void *context, const wn_train_record *record);
    void (*tick)(void *context);
} wn_train_watcher;

#endif
