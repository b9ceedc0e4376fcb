/* The loader: images of a split, in a given order, as the network sees them. Resize, crop, flip, change of
 * channels, normalisation. Everything random is a pure function of (seed, epoch, number of the image). */
#ifndef WN_LOADER_H
#define WN_LOADER_H

#include "augment.h"
#include "data.h"
#include <winnow/pool.h>

typedef enum wn_normalisation_kind {
    WN_NORMALISE_NONE,     /* pixels stay in [0, 1] */
    WN_NORMALISE_MEASURED, /* by mean and standard deviation of each channel over the training images */
    WN_NORMALISE_GIVEN,
} wn_normalisation_kind;

/* (pixel - mean) / std; the values count when they are given. */
typedef struct wn_normalisation {
    wn_normalisation_kind kind;
    float mean[WN_CHANNELS_MAX], std[WN_CHANNELS_MAX];
} wn_normalisation;

typedef struct wn_loader_options {
    int size;     /* height and width */
    int channels; /* 1 or that of the data set, or 3: grey images are repeated, coloured ones turned grey by
                     their luma (ITU-R BT.601) */
    wn_normalisation normalisation;
    wn_augmentation augmentation;
    uint64_t seed;
    wn_pool *pool; /* the threads that work; not NULL, outlives the loader */
} wn_loader_options;

typedef struct wn_loader wn_loader;

/* The data set must outlive the loader. Errors: INVALID (sizes, channels, padding, deviations that cannot
 * be), MEMORY. */
wn_status wn_loader_create(const wn_dataset *dataset, const wn_loader_options *options, wn_loader **loader);
void wn_loader_destroy(wn_loader *loader); /* NULL is fine */

/* Either of the two below. */
typedef void wn_loader_filler(wn_loader *loader, const wn_split_data *split, const int64_t *order, int batch,
                              int epoch, float *images, int32_t *labels);

/* Writes images order[0..batch) of a split as plain NCHW floats [batch][channels][size][size], and their
 * labels. epoch from 1 augments, 0 does not. Allocates nothing; runs on the pool, from the thread that
 * created it. */
wn_loader_filler wn_loader_fill;

/* The same by the calling thread alone. Has a workbench of its own, so that it may run beside the other, from
 * one thread at a time. */
wn_loader_filler wn_loader_fill_alone;

/* Either of the two below. */
typedef void wn_loader_mixer(wn_loader *loader, const int64_t *order, int batch, int epoch, float *images,
                             int32_t *labels, int32_t *others, float *shares);

/* Mixes a batch that wn_loader_fill has prepared (mixup, Zhang et al. 2018): image n with image batch - 1 -
 * n, each by a share of its own. Of its two labels the one with the larger share is left in labels, the other
 * in others, the share in shares, [batch] each. The one in the middle stays as it is. */
wn_loader_mixer wn_loader_mix, wn_loader_mix_alone;

/* Mean and deviation in use, [channels] each. */
const float *wn_loader_mean(const wn_loader *loader);
const float *wn_loader_std(const wn_loader *loader);

#endif
