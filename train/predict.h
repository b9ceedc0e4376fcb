/* What a network with saved weights takes images for: files, or test images of a data set. */
#ifndef WN_PREDICT_H
#define WN_PREDICT_H

#include "saved.h"

typedef struct wn_prediction_options {
    wn_saved_options of;
    const char *const *files; /* JPEG and PNG images, brought to what the training images were, as the file of
                                 weights has it, else to the network's input, and then as in wn_evaluate */
    int file_count;           /* 0: test images of a data set */
    const char *data;         /* as in wn_evaluation_options, like the next three */
    int image_side;
    bool strict;
    uint64_t split_seed;
    const int64_t *indices; /* of test images, from 0 */
    int64_t index_count;
    int batch; /* 0: the network's */
    wn_pool *pool;
    wn_isa isa;
    wn_pick *pick; /* as in wn_tape_options */
    void *pick_context;
} wn_prediction_options;

/* What came out. Owns its memory. */
typedef struct wn_predictions {
    char net[64];
    int classes;
    char (*class_names)[WN_CLASS_NAME]; /* [classes] */
    int64_t images;
    int *truth;    /* [images]; -1: not known */
    float *logits; /* [images][classes] */
} wn_predictions;

/* A class and its softmax probability. */
typedef struct wn_ranked {
    int class;
    double probability;
} wn_ranked;

/* Errors: as wn_evaluate; of image files IO, FORMAT, UNSUPPORTED, naming the first that cannot be read;
 * INVALID for an index beyond the test images. On failure *result is empty. */
wn_status wn_predict(const wn_prediction_options *options, wn_predictions *result);
/* All classes, the likeliest first, the lower number first among equals. */
void wn_predictions_rank(const wn_predictions *predictions, int64_t image, wn_ranked *ranked);
void wn_predictions_free(wn_predictions *result);

#endif
