/* Data sets as a whole: opening by name and releasing. The readers are in idx.c, cifar.c and synthetic.c,
 * batches in loader.c. */
#include "data_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

wn_status wn_dataset_check_folder(const char *folder) {
    struct stat info;
    if (stat(folder, &info) != 0)
        return wn_error(WN_ERROR_IO, "%s: %s, expected a folder with a data set", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return wn_error(WN_ERROR_IO, "%s: not a folder, expected one with a data set", folder);
    return wn_ok();
}

/* Finds out by its files what a folder holds. */
static wn_status read_folder(const wn_dataset_options *options, wn_dataset *dataset) {
    const char *folder = options->name;
    bool is;
    WN_TRY(wn_dataset_check_folder(folder));
    WN_TRY(wn_dataset_is_idx(folder, &is));
    if (is)
        return wn_dataset_read_idx(folder, options->limit, dataset);
    WN_TRY(wn_dataset_is_cifar(folder, &is));
    if (is)
        return wn_dataset_read_cifar(folder, options->limit, dataset);
    WN_TRY(wn_dataset_is_images(folder, &is));
    if (is)
        return wn_dataset_read_images(folder, options, dataset);
    return wn_error(WN_ERROR_IO,
                    "%s: found no data set, expected train-images-idx3-ubyte (MNIST), data_batch_1.bin "
                    "(CIFAR-10) or train.bin (CIFAR-100), raw or .gz, or folders of images",
                    folder);
}

wn_status wn_dataset_open(const wn_dataset_options *options, wn_dataset *dataset) {
    int64_t limit = options->limit;
    *dataset = (wn_dataset){0};
    if (limit < 0)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected 0 (everything) or more", (long long)limit);
    if (options->name && strcmp(options->name, "synthetic") != 0)
        return read_folder(options, dataset);
    int64_t train = limit > 0 && limit < WN_SYNTHETIC_TRAIN ? limit : WN_SYNTHETIC_TRAIN;
    return wn_dataset_synthetic(0, train, WN_SYNTHETIC_TEST, dataset);
}

void wn_dataset_free(wn_dataset *dataset) {
    free(dataset->train.images);
    free(dataset->train.labels);
    free(dataset->test.images);
    free(dataset->test.labels);
    free(dataset->class_names);
    *dataset = (wn_dataset){0};
}

void wn_dataset_keep_first(wn_split_data *split, int64_t limit, int64_t image_bytes) {
    if (limit <= 0 || limit >= split->count)
        return;
    split->count = limit;
    uint8_t *smaller = realloc(split->images, (size_t)(limit * image_bytes));
    if (smaller)
        split->images = smaller;
}

void wn_dataset_name_after(const char *folder, wn_dataset *dataset) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/')
        begin--;
    snprintf(dataset->name, sizeof dataset->name, "%.*s", (int)(end - begin), folder + begin);
}

wn_status wn_dataset_read_names(const char *folder, const char *name, wn_dataset *dataset) {
    char path[1024], line[WN_CLASS_NAME];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return errno == ENOENT ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    dataset->class_names = calloc((size_t)dataset->classes, sizeof *dataset->class_names);
    int found = 0;
    while (dataset->class_names && found < dataset->classes && fscanf(file, " %31[^\r\n]", line) == 1)
        memcpy(dataset->class_names[found++], line, sizeof line);
    fclose(file);
    if (!dataset->class_names)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for the names of %d classes", path, dataset->classes);
    if (found < dataset->classes) {
        free(dataset->class_names);
        dataset->class_names = NULL;
    }
    return wn_ok();
}

const char *wn_dataset_class(const wn_dataset *dataset, int class, char text[WN_CLASS_NAME]) {
    if (dataset->class_names)
        return dataset->class_names[class];
    snprintf(text, WN_CLASS_NAME, "%d", class);
    return text;
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

uint32_t wn_dataset_checksum(const wn_dataset *dataset) {
    int64_t image = (int64_t)dataset->channels * dataset->height * dataset->width;
    const wn_split_data *splits[] = {&dataset->train, &dataset->test};
    uLong sum = 0;
    for (int i = 0; i < 2; i++) {
        sum = crc32_z(sum, splits[i]->images, (size_t)(splits[i]->count * image));
        sum = crc32_z(sum, splits[i]->labels, (size_t)splits[i]->count);
    }
    return (uint32_t)sum;
}
