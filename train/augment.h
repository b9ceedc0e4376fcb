/* What happens to training images by chance. Everything is a pure function of (seed, epoch, number of the
 * image), whoever asks and in whatever order. */
#ifndef WN_AUGMENT_H
#define WN_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/status.h>

/* In this order; all zero: nothing. */
typedef struct wn_augmentation {
    float crop; /* random resized crop (Szegedy et al. 2015): a part with at least this share of the image's
                   area and sides between 3:4 and 4:3 is resized to the whole; 0: all of the image */
    float
        jitter; /* brightness, contrast and saturation, in this order, each times a factor within 1 +- this */
    int pad;    /* black pixels added on every side before a random crop back to the size */
    bool flip;  /* left and right are swapped in every second image */
    int cutout; /* side of a square of zeros around a random one (DeVries and Taylor 2017) */
    float mixup; /* images of a batch are mixed in pairs, by shares from Beta(mixup, mixup) (Zhang et al.
                    2018); 0: they are not */
} wn_augmentation;

/* Errors: INVALID, naming the number that cannot be, for images of size x size. */
wn_status wn_augmentation_check(const wn_augmentation *augmentation, int size);

/* What is drawn for one image. */
typedef struct wn_draw {
    int top, left, height, width; /* part of the source to resize */
    bool jittered;
    float brightness, contrast, saturation;
    int dy, dx; /* the crop starts this far below and right of the image's corner */
    bool flip;
    int cut_top, cut_left, cut_bottom, cut_right; /* pixels to blank, the latter two not included */
} wn_draw;

/* For a source of height x width resized to size x size; epoch 0: nothing happens. */
wn_draw wn_augment_draw(const wn_augmentation *augmentation, uint64_t seed, int epoch, int64_t image,
                        int height, int width, int size);

/* What of an image remains when it is mixed with another, from Beta(alpha, alpha) by two gammas (Marsaglia
 * and Tsang 2000). In [0, 1]. */
float wn_augment_share(float alpha, uint64_t seed, int epoch, int64_t image);

/* Jitters planes [channels][pixels] of values in [0, 1], which stay there. */
void wn_augment_jitter(const wn_draw *draw, float *planes, int channels, int64_t pixels);
/* Blanks the square in planes [channels][size][size] with zeros: the mean, where pixels are normalised. */
void wn_augment_cut(const wn_draw *draw, float *planes, int channels, int size);

#endif
