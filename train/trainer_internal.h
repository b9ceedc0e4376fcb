/* What the files of the trainer share. Internal to train/. */
#ifndef WN_TRAINER_INTERNAL_H
#define WN_TRAINER_INTERNAL_H

#include "batches.h"
#include "checkpoint.h"
#include "picks.h"
#include "recorder.h"
#include "report.h"
#include "trainer.h"

/* Tapes for one purpose: one of the usual batch and one for the short last batch (NULL when there is none).
 */
typedef struct wn_tape_pair {
    wn_tape *full, *rest;
    int batch, rest_batch;
} wn_tape_pair;

typedef struct wn_trainer {
    wn_train_options options; /* defaults filled in */
    const wn_net *net;
    wn_dataset dataset;
    wn_graph *graph;
    wn_model *model;
    wn_loader *loader;
    wn_tape_pair training, evaluation;
    wn_batches *batches;     /* of training */
    int64_t *test_order;     /* image numbers in the order they are fed */
    wn_safetensors *resumed; /* the checkpoint that is continued, until it is restored; NULL: none */
    wn_picks *kept;          /* what it was computed with; NULL: choose */
    wn_run_facts facts;      /* what makes this run the run it is */
    int folder;              /* descriptor of the checkpoints' folder, locked; -1: none */
    double best_accuracy;    /* on the test images so far; negative: none */
    int64_t saved_step;      /* after which the last checkpoint was written; negative: none */
    const wn_train_watcher *watchers[1 + WN_TRAIN_WATCHERS]; /* the CSV's and the options' */
    int watcher_count;
    wn_recorder *recorder; /* NULL: nobody watches */
    wn_train_progress progress;
    wn_train_result result, begun; /* so far, and when the run was started or resumed */
} wn_trainer;

/* Sums over one epoch. */
typedef struct wn_epoch_sums {
    double loss; /* times images */
    int64_t correct, examples, steps;
    int64_t timed_examples, timed_steps; /* of them since the run was started or resumed */
    double training_seconds;             /* of these */
    double data_wait;                    /* seconds of waiting for a late loader */
    int64_t data_waits;                  /* steps that waited */
} wn_epoch_sums;

/* One run from its beginning to its end; `csv` (NULL: none) watches it beside the watchers of the options.
 * Errors and what becomes of everything: as wn_train. */
wn_status wn_trainer_run(const wn_train_options *options, const wn_train_watcher *csv,
                         wn_train_result *result);

/* Makes a folder for checkpoints where there is none. Errors: IO. */
wn_status wn_trainer_make_folder(const char *folder);

/* Options to data, model and tapes; nothing of it lasts beyond wn_trainer_release. Errors: as wn_train. */
wn_status wn_trainer_set_up(wn_trainer *t);
void wn_trainer_release(wn_trainer *t);

/* The next training batch, and the tape that reads it and takes so many. Valid until the next one. */
wn_batch wn_trainer_next(wn_trainer *t, wn_tape **tape);
/* Fills the batch of a split that begins with order[done], not augmented, for the tape of the pair that takes
 * so many; returns how many. */
int wn_trainer_fill(wn_trainer *t, const wn_tape_pair *pair, const wn_split_data *split, const int64_t *order,
                    int64_t done, wn_tape **tape);
/* A step's place among those whose gradients make one update. */
typedef struct wn_gathering {
    bool first, last;
    float share;    /* of its images in all of them */
    int64_t update; /* number of the update, from 1 */
} wn_gathering;
/* Of a step counted from 0. */
wn_gathering wn_trainer_gathering(const wn_trainer *t, int64_t step);
/* The error of a loss that is not finite: the step, the layer, the last checkpoint. */
wn_status wn_trainer_diverged(wn_trainer *t, wn_tape *tape, int epoch, int64_t step, double lr);
/* Batch norm's running statistics become means over all training images, not augmented. Errors: MEMORY. */
wn_status wn_trainer_recompute_norms(wn_trainer *t);
/* Tells the tape what the coming step works with. */
void wn_trainer_set_rates(const wn_trainer *t, wn_tape *tape, wn_rates rates);

/* Fills in t->facts: what a checkpoint must have been made with to be continued. */
void wn_trainer_state_facts(wn_trainer *t);
/* Writes last.safetensors, and before it best.safetensors when `best`: then result.test_accuracy is the best
 * one from now on, if that file was written. `sums` of the epoch behind result.epochs. Does nothing without a
 * folder for checkpoints. Errors: IO, MEMORY. */
wn_status wn_trainer_save(wn_trainer *t, const wn_epoch_sums *sums, bool best);
/* Reads last.safetensors of a run that is resumed, and which kernels it was computed with. Errors: IO,
 * FORMAT, MEMORY. */
wn_status wn_trainer_open_checkpoint(wn_trainer *t);
/* Continues from it. Errors: FORMAT, INVALID (another run's checkpoint, naming the field).
 */
wn_status wn_trainer_restore(wn_trainer *t, wn_epoch_sums *sums);

#endif
