/* The stream of training batches: the images of every epoch, shuffled, one batch after the other without end;
 * and who prepares them: a thread of its own while the one before is trained on, or the pool in between. */
#ifndef WN_TRAIN_BATCHES_H
#define WN_TRAIN_BATCHES_H

#include "loader.h"

/* Who prepares batches. The batches are the same, to the bit. */
typedef enum wn_feeding {
    WN_FEEDING_AUTO,   /* a thread where the process may use a CPU more than the pool has threads */
    WN_FEEDING_THREAD, /* a thread, come what may */
    WN_FEEDING_STEPS   /* the pool, between two steps */
} wn_feeding;

typedef struct wn_batches_options {
    const wn_split_data *split;
    int batch;           /* images; the last batch of an epoch has what is left */
    size_t image_floats; /* of one prepared image */
    bool mix;            /* images of a batch with one another, as the loader's augmentation says */
    uint64_t seed;       /* of the order */
    wn_feeding feeding;
    double quota;        /* CPUs' worth of time that the process has; 0: no limit */
    const wn_pool *pool; /* the loader's */
} wn_batches_options;

typedef struct wn_batches wn_batches;

typedef struct wn_batch {
    float *images; /* [count][image_floats], 64-byte aligned */
    int32_t *labels;
    int32_t *others; /* second labels, and the shares of the first, where images are mixed; else NULL */
    float *shares;
    int count;
    int epoch;     /* from 1 */
    double waited; /* seconds that its thread was late; 0: the batch was ready */
} wn_batch;

/* Order of an epoch's images: Fisher and Yates, a pure function of seed and epoch. [count]. */
void wn_batches_shuffle(uint64_t seed, int epoch, int64_t *order, int64_t count);

/* The loader must outlive it and have been created with the same pool. Where AUTO finds no CPU, or THREAD no
 * thread, the pool prepares. Errors: MEMORY. */
wn_status wn_batches_create(wn_loader *loader, const wn_batches_options *options, wn_batches **batches);
void wn_batches_destroy(wn_batches *batches); /* NULL is fine */

/* Whether a thread of its own prepares. */
bool wn_batches_has_thread(const wn_batches *batches);

/* Begins with image `first` of an epoch; once, before the first batch. */
void wn_batches_begin(wn_batches *batches, int epoch, int64_t first);

/* The next batch, valid until the next call. Makes no system call unless its thread is late. */
wn_batch wn_batches_next(wn_batches *batches);

#endif
