/* Data sets in memory and the preparation of batches. */
#ifndef WN_DATA_H
#define WN_DATA_H

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

/* Reads a folder holding the four IDX files (raw or .gz, standard names). limit > 0 keeps the first `limit`
 * training images. Errors: IO (missing folder or file, named), FORMAT (what was found, where, expected). */
wn_status wn_dataset_read_idx(const char *folder, int64_t limit, wn_dataset *dataset);

/* The embedded default: ten classes of 28x28 grey pictures drawn from strokes, a pure function of the seed. */
wn_status wn_dataset_synthetic(uint64_t seed, int64_t train, int64_t test, wn_dataset *dataset);

/* "synthetic" or NULL: the embedded set; otherwise a folder. */
wn_status wn_dataset_open(const char *name, int64_t limit, wn_dataset *dataset);
void wn_dataset_free(wn_dataset *dataset);

/* Writes images order[0..batch) of a split as floats in [0,1], resized bilinearly (half-pixel centres, no
 * antialiasing, as PyTorch's interpolate) to size x size, plain NCHW; and their labels. */
void wn_batch_fill(const wn_dataset *dataset, const wn_split_data *split, const int64_t *order, int batch,
                   int size, float *images, int32_t *labels);

#endif
