/* Training a network on a data set: the loop, its reports on a stream and in a CSV file. What a step computes
 * is the graph's business (winnow/model.h); what a batch holds is loader.h's. */
#ifndef WN_TRAINER_H
#define WN_TRAINER_H

#include "batches.h"
#include "recipe.h"
#include "watch.h"
#include <signal.h>
#include <stdio.h>
#include <winnow/model.h>

enum { WN_TRAIN_WATCHERS = 4 };

typedef struct wn_train_options {
    const char *net;      /* a name in wn_nets */
    const char *variant;  /* of that network; NULL: the first */
    wn_shortcut shortcut; /* of residual networks; 0: the network's own */
    int width_divisor;    /* divides the channels of convolutions; 0: 1 */
    const char *data;     /* as in wn_dataset_options, like the next three */
    int image_side;       /* 0: the network's input */
    bool strict;
    uint64_t split_seed;
    int64_t limit;      /* of training images; 0: all */
    int64_t test_limit; /* of test images; 0: all */
    int size;           /* images are resized to size x size; 0: the net's default */
    int channels;       /* 1 or 3 of the network's input; 0: 3 for a network that is defined for them, else
                           what the data set has */
    wn_recipe recipe;   /* complete: start from wn_recipe_of */
    int eval_batch;     /* 0: as the recipe's batch */
    uint64_t seed;      /* weights, order of the images, augmentation, dropout */
    wn_pool *pool;      /* threads to run on; not NULL */
    wn_feeding feeding; /* who prepares batches */
    wn_isa isa;
    wn_pick *pick; /* chooses convolution plans; NULL: the default heuristic */
    void *pick_context;
    bool pick_anew;          /* also when resuming: else such a run takes the kernels that it began with */
    bool no_fuse;            /* as wn_tape_options */
    const char *checkpoints; /* folder for last.safetensors and best.safetensors, made when it is not there;
                                NULL: none are written */
    bool resume;             /* continue from its last.safetensors, made by the same run; the CSV file too */
    int64_t eval_every;      /* steps between two evaluations within an epoch; 0: at its end only */
    double time_to;          /* ends the run with the evaluation that reaches this test accuracy; 0: none */
    bool recompute_norms;    /* batch norm's statistics over all training images after the last epoch */
    int64_t save_every;      /* steps between two saves; 0: after every epoch only */
    const volatile sig_atomic_t
        *stop;       /* becoming not zero ends the run after the step, saved; NULL: nothing */
    const char *csv; /* file to write rows to as they happen, "-": standard output; NULL: none */
    const wn_train_watcher *watchers; /* [watcher_count] others that are told as it happens (watch.h) */
    int watcher_count;                /* up to WN_TRAIN_WATCHERS */
    FILE *log;                        /* progress, one line per epoch, the closing lines; NULL: silent */
    bool terminal;                    /* log is a terminal: the progress line rewrites itself */
    double started;                   /* wn_seconds() when the process started; 0: when wn_train was called */
} wn_train_options;

typedef struct wn_train_result {
    int epochs;                  /* finished */
    int64_t steps, examples;     /* trained on, over all epochs */
    double loss, train_accuracy; /* of the last epoch: means over its images as trained on */
    double test_accuracy;        /* after the last epoch */
    double examples_per_second;  /* over training_seconds */
    double loading_seconds;      /* reading or drawing the data set */
    double preparing_seconds;    /* filling training batches, or fetching those that a thread has filled */
    double training_seconds;     /* steps and everything between them but preparing */
    double evaluating_seconds;
    double seconds_to_here;  /* from `started` to the end of the last evaluation */
    double seconds_to_reach; /* to the end of the one that reached time_to; 0: none did */
} wn_train_result;

/* The columns of the CSV file, its first line. One row per step and one per epoch, written as they happen:
 *   kind             step or epoch; eval for an evaluation within an epoch, with the epoch's figures so far
 *   epoch            from 1
 *   step             from 1, over all epochs; in an epoch's row its last step
 *   examples         images trained on so far, over all epochs
 *   loss             mean cross-entropy over the step's batch, or over the epoch's images
 *   train_accuracy   share of right answers over the same images, before the update they led to
 *   test_accuracy    over the test images; empty in a step's row
 *   lr               learning rate of the step, or of the epoch's last
 *   seconds_step     the step without preparing its batch; in an epoch's row the mean over its steps
 *   seconds_total    since options->started
 *   data_wait        seconds that the step waited for a late loader; in an epoch's row all steps since the
 *                    run was started or resumed; always 0 where batches are prepared between steps
 *   data_waits       1: it did; in an epoch's row the number of those that did
 *   seed             of the run */
#define WN_TRAIN_CSV_HEADER                                                                                  \
    "kind,epoch,step,examples,loss,train_accuracy,test_accuracy,lr,seconds_step,seconds_total,data_wait,"    \
    "data_waits,seed"

/* Trains and evaluates after every epoch. The images are shuffled anew for every epoch by a pure function of
 * (seed, epoch); the last short batch is kept and weighs what it holds. Batches are prepared by a thread of
 * their own on a spare CPU, or by the pool between two runs of the tape (batches.h); what the calling thread
 * spends on that is measured apart.
 *
 * Opens the CSV file before anything else. Everything is released when it returns. A run that is resumed ends
 * with the weights, to the bit, that it would have ended with uninterrupted, given the same kernels. Where
 * saving after a step or an epoch fails the log says so and the run goes on; a last save that fails is an
 * error.
 * Errors: INTERRUPTED (by options->stop; what was done about it), INVALID (an option that cannot be; a batch
 * larger than the data; a loss that is not finite), USAGE (unknown net, with the known ones), IO (CSV), and
 * whatever reading the data and compiling the tapes say. */
wn_status wn_train(const wn_train_options *options, wn_train_result *result);

/* The same run with the seeds options->seed and up, one after the other, each for itself: each reads the data
 * and writes checkpoints to the folder seed-S in that of the options. One CSV file has the rows of all. With
 * more than one the clock of each starts when it begins, whatever options->started says. results[seeds]:
 * *done of them have been filled in when a run fails, and then no other is begun. Errors: as wn_train;
 * INVALID for resuming more than one. */
wn_status wn_train_seeds(const wn_train_options *options, int seeds, wn_train_result *results, int *done);

/* Mean, sample standard deviation (0 of one), least and largest. All NAN of none. */
typedef struct wn_spread {
    double mean, deviation, low, high;
} wn_spread;
wn_spread wn_spread_of(const double *values, int count);

#endif
