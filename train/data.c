/* Data sets as a whole: opening by name and releasing. The readers are in idx.c and synthetic.c, batches in
 * loader.c. */
#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

wn_status wn_dataset_open(const char *name, int64_t limit, wn_dataset *dataset) {
    *dataset = (wn_dataset){0};
    if (limit < 0)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected 0 (everything) or more", (long long)limit);
    if (name && strcmp(name, "synthetic") != 0)
        return wn_dataset_read_idx(name, limit, dataset);
    int64_t train = limit > 0 && limit < WN_SYNTHETIC_TRAIN ? limit : WN_SYNTHETIC_TRAIN;
    return wn_dataset_synthetic(0, train, WN_SYNTHETIC_TEST, dataset);
}

void wn_dataset_free(wn_dataset *dataset) {
    free(dataset->train.images);
    free(dataset->train.labels);
    free(dataset->test.images);
    free(dataset->test.labels);
    *dataset = (wn_dataset){0};
}

const float wn_luma[WN_CHANNELS_MAX] = {0.299f, 0.587f, 0.114f};

/* Sums over one image's plane; both fit 64 bits for any plane that fits memory. */
static void add_plane(const uint8_t *plane, size_t pixels, uint64_t *sum, uint64_t *squares) {
    uint64_t s = 0, q = 0;
    for (size_t i = 0; i < pixels; i++) {
        s += plane[i];
        q += (uint64_t)plane[i] * plane[i];
    }
    *sum += s;
    *squares += q;
}

static void add_luma(const uint8_t *image, size_t pixels, double *sum, double *squares) {
    for (size_t i = 0; i < pixels; i++) {
        double luma = 0;
        for (size_t c = 0; c < WN_CHANNELS_MAX; c++)
            luma += (double)wn_luma[c] * image[c * pixels + i];
        *sum += luma;
        *squares += luma * luma;
    }
}

void wn_dataset_measure(const wn_dataset *dataset, int channels, double mean[WN_CHANNELS_MAX],
                        double std[WN_CHANNELS_MAX]) {
    size_t pixels = (size_t)dataset->height * (size_t)dataset->width, have = (size_t)dataset->channels;
    double values = (double)dataset->train.count * (double)pixels;
    for (int c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        uint64_t whole_sum = 0, whole_squares = 0;
        for (int64_t n = 0; n < dataset->train.count; n++) {
            const uint8_t *image = dataset->train.images + (size_t)n * have * pixels;
            if (channels < dataset->channels)
                add_luma(image, pixels, &sum, &squares);
            else
                add_plane(image + (have == 1 ? 0 : (size_t)c) * pixels, pixels, &whole_sum, &whole_squares);
        }
        sum += (double)whole_sum;
        squares += (double)whole_squares;
        mean[c] = sum / values / 255;
        std[c] = sqrt(fmax(0, squares / values - (sum / values) * (sum / values))) / 255;
    }
}
