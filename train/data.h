/* Data sets in memory and the preparation of batches. */
#ifndef WN_DATA_H
#define WN_DATA_H

#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

/* Images of one split: bytes [count][channels][height][width], labels [count]. Owns its memory. */
typedef struct wn_split_data {
    int64_t count;
    uint8_t *images;
    uint8_t *labels;
} wn_split_data;

typedef struct wn_dataset {
    char name[128];
    int channels, height, width, classes;
    wn_split_data train, test;
} wn_dataset;

/* What wn_dataset_open makes of "synthetic". */
enum { WN_SYNTHETIC_TRAIN = 10000, WN_SYNTHETIC_TEST = 2000 };

/* Reads a folder holding the four IDX files of MNIST and its kin: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each raw or with `.gz`, also
 * spelt `train-images.idx3-ubyte`. Every file is read to its end and checked; limit > 0 then keeps the first
 * `limit` training images. On failure *dataset is empty. Errors: IO (missing folder or file, named), FORMAT
 * (the file, what was found, what was expected), MEMORY. */
wn_status wn_dataset_read_idx(const char *folder, int64_t limit, wn_dataset *dataset);

/* The embedded set: ten classes of 28x28 grey pictures drawn from strokes. Image and label number i are a
 * pure function of (seed, i), whatever the counts are; label i of both splits is i % 10. On failure *dataset
 * is empty. Errors: INVALID (a count < 1), MEMORY. */
wn_status wn_dataset_synthetic(uint64_t seed, int64_t train, int64_t test, wn_dataset *dataset);

/* Draws one image of the embedded set, bytes [28][28]. Thread-safe. */
void wn_synthetic_draw(uint64_t seed, uint64_t index, uint8_t image[28 * 28]);

/* "synthetic" or NULL: the embedded set (seed 0, WN_SYNTHETIC_TRAIN or `limit` images to train, never more);
 * otherwise a folder. limit 0 keeps everything. Errors: INVALID (limit < 0) and what the two above say. */
wn_status wn_dataset_open(const char *name, int64_t limit, wn_dataset *dataset);

/* Releases and empties; an empty data set (all zero) is fine. */
void wn_dataset_free(wn_dataset *dataset);

/* Bilinear resize from height x width bytes to size x size floats in [0,1]: half-pixel centres, no
 * antialiasing, as PyTorch's interpolate(mode="bilinear", align_corners=False) of the bytes / 255. Holds the
 * tables of one pair of sizes and scratch for two rows, so one resize serves one thread at a time. */
typedef struct wn_resize wn_resize;

/* Errors: INVALID (a size < 1), MEMORY. */
wn_status wn_resize_create(int height, int width, int size, wn_resize **resize);
void wn_resize_destroy(wn_resize *resize); /* NULL is fine */

/* One plane. */
void wn_resize_plane(wn_resize *resize, const uint8_t *source, float *target);

/* Writes images order[0..batch) of a split resized, as plain NCHW floats [batch][channels][size][size], and
 * their labels. Allocates nothing. */
void wn_batch_fill(const wn_dataset *dataset, const wn_split_data *split, const int64_t *order, int batch,
                   wn_resize *resize, float *images, int32_t *labels);

#endif
