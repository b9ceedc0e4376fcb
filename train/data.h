/* Data sets in memory. Batches of them are loader.h's. */
#ifndef WN_DATA_H
#define WN_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winnow/pool.h>

enum { WN_CHANNELS_MAX = 3 };

/* Share of each channel in the luma of a coloured pixel (ITU-R BT.601). */
extern const float wn_luma[WN_CHANNELS_MAX];

/* Images of one split: bytes [count][channels][height][width], labels [count]. Owns its memory. */
typedef struct wn_split_data {
    int64_t count;
    uint8_t *images;
    uint8_t *labels;
} wn_split_data;

enum { WN_CLASS_NAME = 32 }; /* bytes, the final zero included */

typedef struct wn_dataset {
    char name[128];
    int channels, height, width, classes;
    char (*class_names)[WN_CLASS_NAME]; /* [classes], owned; NULL: numbers */
    wn_split_data train, test;
    int64_t skipped;         /* damaged image files that were left out */
    char first_skipped[512]; /* the first of them and why */
} wn_dataset;

/* What wn_dataset_open makes of "synthetic". */
enum { WN_SYNTHETIC_TRAIN = 10000, WN_SYNTHETIC_TEST = 2000 };

/* Reads a folder holding the four IDX files of MNIST and its kin: `train-images-idx3-ubyte`,
 * `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each raw or with `.gz`, also
 * spelt `train-images.idx3-ubyte`. Every file is read to its end and checked; limit > 0 then keeps the first
 * `limit` training images. On failure *dataset is empty. Errors: IO (missing folder or file, named), FORMAT
 * (the file, what was found, what was expected), MEMORY. */
wn_status wn_dataset_read_idx(const char *folder, int64_t limit, wn_dataset *dataset);

/* Reads a folder with the binary version of CIFAR-10 (data_batch_1.bin to data_batch_5.bin and
 * test_batch.bin) or of CIFAR-100 (train.bin and test.bin, fine labels), each file raw or with .gz; as above
 * otherwise. */
wn_status wn_dataset_read_cifar(const char *folder, int64_t limit, wn_dataset *dataset);

/* The embedded set: ten classes of 28x28 grey pictures drawn from strokes. Image and label number i are a
 * pure function of (seed, i), whatever the counts are; label i of both splits is i % 10. On failure *dataset
 * is empty. Errors: INVALID (a count < 1), MEMORY. */
wn_status wn_dataset_synthetic(uint64_t seed, int64_t train, int64_t test, wn_dataset *dataset);

/* Draws one image of the embedded set, bytes [28][28]. Thread-safe. */
void wn_synthetic_draw(uint64_t seed, uint64_t index, uint8_t image[28 * 28]);

/* What to open and how. All zero: the embedded set. */
typedef struct wn_dataset_options {
    const char *name; /* "synthetic" or NULL: the embedded set (seed 0, WN_SYNTHETIC_TRAIN or `limit` images
                         to train, never more); otherwise a folder, whose files say which reader is meant */
    int64_t limit;    /* of training images; 0: everything */
    /* Folders of images alone: */
    int side;    /* height and width that images of different sizes are brought to; 0: 224 */
    bool strict; /* a damaged image is an error; otherwise it is left out and counted */
    bool
        test_preferred; /* of `test` and `val`, where both are there, the former stands for the test images */
    uint64_t split_seed; /* of the split, where the folder has none, and of the order of the images */
    wn_pool *pool;       /* decodes; NULL: the calling thread does */
} wn_dataset_options;

/* Errors: INVALID (limit < 0) and what the readers say. On failure *dataset is empty. */
wn_status wn_dataset_open(const wn_dataset_options *options, wn_dataset *dataset);

/* Reads a folder of images: FOLDER/train/CLASS/FILE and FOLDER/test/CLASS/FILE, also spelt training, and
 * testing, val, valid or validation; or FOLDER/CLASS/FILE, of which a fifth of every class, drawn by the
 * split's seed, is for tests. Files end in .jpg, .jpeg or .png, others are ignored; classes are the names of
 * their folders, sorted by bytes. The images come in an order drawn by the same seed. They are decoded once
 * and kept as bytes, grey where all of them are, otherwise in colours. Images that all have one size, up to
 * twice `side`, keep it; others are cut to the square in their middle and brought to `side` by a triangle
 * filter. All of it has to fit half of this machine's memory, or of the control group's.
 * Errors: IO (the system's; no classes, no images), FORMAT (one class only, folders of different classes, a
 * damaged image when strict, none that is whole), MEMORY (too many for the memory, with the sizes),
 * UNSUPPORTED (more than 256 classes; a build without the library for a file). */
wn_status wn_dataset_read_images(const char *folder, const wn_dataset_options *options, wn_dataset *dataset);

/* Releases and empties; an empty data set (all zero) is fine. */
void wn_dataset_free(wn_dataset *dataset);

/* The class's name, or its number written to `text`. */
const char *wn_dataset_class(const wn_dataset *dataset, int class, char text[WN_CLASS_NAME]);

/* CRC-32 over all images and labels. */
uint32_t wn_dataset_checksum(const wn_dataset *dataset);

/* Mean and standard deviation of the training pixels in [0,1], per channel of the network: its channels are
 * the data set's, or 1, or 3, as in loader.h. Exact sums; a constant channel has deviation 0. */
void wn_dataset_measure(const wn_dataset *dataset, int channels, double mean[WN_CHANNELS_MAX],
                        double std[WN_CHANNELS_MAX]);

#endif
