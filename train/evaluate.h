/* Evaluating saved weights on the test images of a data set. */
#ifndef WN_EVALUATE_H
#define WN_EVALUATE_H

#include "saved.h"

typedef struct wn_evaluation_options {
    wn_saved_options of;
    const char *data; /* as in wn_dataset_options, like the next three */
    int image_side;   /* 0: the network's input */
    bool strict;
    uint64_t split_seed;
    int64_t limit; /* of test images; 0: all */
    int batch;     /* 0: the network's */
    wn_pool *pool;
    wn_isa isa;
    wn_pick *pick; /* as in wn_tape_options */
    void *pick_context;
} wn_evaluation_options;

/* What came out. Owns its memory. */
typedef struct wn_evaluation {
    char net[64], data[128];
    int64_t skipped; /* as in wn_dataset, like the next */
    char first_skipped[512];
    int classes;
    char (*class_names)[WN_CLASS_NAME]; /* [classes] */
    int64_t images, correct;
    int64_t *confusion; /* [classes][classes]: images of the first class that were taken for the second */
    double loss;        /* mean cross-entropy */
} wn_evaluation;

/* Errors: USAGE (unknown network), INVALID (no network named anywhere, one that does not fit the data), and
 * what reading the weights and data, and compiling a tape, say. On failure *result is empty. */
wn_status wn_evaluate(const wn_evaluation_options *options, wn_evaluation *result);
void wn_evaluation_free(wn_evaluation *result);

#endif
