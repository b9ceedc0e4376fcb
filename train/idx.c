/* Reading IDX files, the format of MNIST (Y. LeCun, C. Cortes: "The MNIST database of handwritten digits"):
 * `00 00 TT DD`, DD big-endian sizes, then the bytes, row-major; raw or gzip. A file is trusted in nothing:
 * every size is checked before it is used, and the end must come where the header says. */
#include "data_file.h"
#include "data_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { CLASSES = 10, MAX_DIMENSIONS = 3 };

/* The byte after 00 00: the element type. 08 is unsigned byte; the others exist but hold no images. */
enum { IDX_UNSIGNED_BYTE = 8 };

typedef struct idx_array {
    int64_t sizes[MAX_DIMENSIONS];
    uint8_t *bytes;
} idx_array;

/* Finds `images` as in "train-images": with "-idx3-ubyte" or ".idx3-ubyte", raw or .gz. */
static wn_status find_file(const char *folder, const char *stem, int dimensions, char path[WN_DATA_PATH]) {
    char dash[64], dot[64];
    snprintf(dash, sizeof dash, "%s-idx%d-ubyte", stem, dimensions);
    snprintf(dot, sizeof dot, "%s.idx%d-ubyte", stem, dimensions);
    return wn_data_file_find(folder, (const char *const[]){dash, dot, NULL}, path);
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The header: fills array->sizes and *payload, the number of bytes that must follow. */
static wn_status read_header(wn_data_file *file, int dimensions, idx_array *array, int64_t *payload) {
    uint8_t header[4 + 4 * MAX_DIMENSIONS];
    int64_t length = 4 + 4 * dimensions, got;
    WN_TRY(wn_data_file_read(file, header, length, &got));
    uint32_t magic = big_endian(header), expected = IDX_UNSIGNED_BYTE << 8 | (uint32_t)dimensions;
    if (got >= 4 && magic != expected)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: not an IDX file of %s: starts with 0x%08x, expected 0x%08x (unsigned bytes, %d "
                        "dimension%s)",
                        file->path, dimensions == 1 ? "labels" : "images", magic, expected, dimensions,
                        dimensions == 1 ? "" : "s");
    if (got < length)
        return wn_error(WN_ERROR_FORMAT, "%s: truncated: %lld bytes, expected a header of %lld", file->path,
                        (long long)got, (long long)length);
    *payload = 1;
    for (int d = 0; d < dimensions; d++) {
        array->sizes[d] = big_endian(header + 4 + 4 * d);
        if (array->sizes[d] == 0)
            return wn_error(WN_ERROR_FORMAT, "%s: size 0 in dimension %d, expected at least 1", file->path,
                            d + 1);
        if (__builtin_mul_overflow(*payload, array->sizes[d], payload))
            return wn_error(WN_ERROR_FORMAT, "%s: sizes %lld x %lld x %lld overflow", file->path,
                            (long long)array->sizes[0], (long long)array->sizes[1],
                            (long long)array->sizes[2]);
    }
    return wn_ok();
}

static wn_status read_payload(wn_data_file *file, int64_t payload, idx_array *array) {
    WN_TRY(wn_data_file_expect(file, payload));
    array->bytes = malloc((size_t)payload);
    if (!array->bytes)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for %lld bytes", file->path, (long long)payload);
    int64_t got;
    WN_TRY(wn_data_file_read(file, array->bytes, payload, &got));
    if (got < payload)
        return wn_error(WN_ERROR_FORMAT, "%s: truncated: %lld bytes after the header, expected %lld",
                        file->path, (long long)got, (long long)payload);
    char beyond;
    WN_TRY(wn_data_file_read(file, &beyond, 1, &got));
    if (got > 0)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: oversized: more than the %lld bytes after the header that its "
                        "sizes say",
                        file->path, (long long)payload);
    return wn_ok();
}

/* Reads FOLDER/STEM-idx<dimensions>-ubyte whole; writes the path it was found at for later messages. On
 * failure array->bytes may be set and belongs to the caller all the same. */
static wn_status read_array(const char *folder, const char *stem, int dimensions, char path[WN_DATA_PATH],
                            idx_array *array) {
    *array = (idx_array){.sizes = {1, 1, 1}};
    WN_TRY(find_file(folder, stem, dimensions, path));
    if (!path[0])
        return wn_error(WN_ERROR_IO, "%s: no file %s-idx%d-ubyte (raw or .gz)", folder, stem, dimensions);
    wn_data_file file = {.stream = NULL};
    int64_t payload = 0;
    wn_status status = wn_data_file_open(path, &file);
    if (!wn_failed(status))
        status = read_header(&file, dimensions, array, &payload);
    if (!wn_failed(status))
        status = read_payload(&file, payload, array);
    wn_status closed = wn_data_file_close(&file);
    return wn_failed(status) ? status : closed;
}

static wn_status check_labels(const char *path, const uint8_t *labels, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (labels[i] >= CLASSES)
            return wn_error(WN_ERROR_FORMAT, "%s: label %d of image %lld, expected 0 to %d", path, labels[i],
                            (long long)i, CLASSES - 1);
    return wn_ok();
}

/* Images and labels of "train" or "t10k"; *height and *width are what its images have. */
static wn_status read_split(const char *folder, const char *prefix, wn_split_data *split, int *height,
                            int *width) {
    char stem[32], images_path[WN_DATA_PATH], labels_path[WN_DATA_PATH];
    idx_array images, labels;
    snprintf(stem, sizeof stem, "%s-images", prefix);
    wn_status status = read_array(folder, stem, 3, images_path, &images);
    split->images = images.bytes;
    if (wn_failed(status))
        return status;
    snprintf(stem, sizeof stem, "%s-labels", prefix);
    status = read_array(folder, stem, 1, labels_path, &labels);
    split->labels = labels.bytes;
    if (wn_failed(status))
        return status;
    if (images.sizes[0] != labels.sizes[0])
        return wn_error(WN_ERROR_FORMAT, "%s: %lld labels, expected %lld, one for every image in %s",
                        labels_path, (long long)labels.sizes[0], (long long)images.sizes[0], images_path);
    const int64_t largest = 1 << 16;
    if (images.sizes[1] > largest || images.sizes[2] > largest)
        return wn_error(WN_ERROR_FORMAT, "%s: images of %lldx%lld pixels, expected at most %lld a side",
                        images_path, (long long)images.sizes[1], (long long)images.sizes[2],
                        (long long)largest);
    split->count = images.sizes[0];
    *height = (int)images.sizes[1];
    *width = (int)images.sizes[2];
    return check_labels(labels_path, split->labels, split->count);
}

wn_status wn_dataset_is_idx(const char *folder, bool *is) {
    char path[WN_DATA_PATH];
    WN_TRY(find_file(folder, "train-images", 3, path));
    *is = path[0] != '\0';
    return wn_ok();
}

wn_status wn_dataset_read_idx(const char *folder, int64_t limit, wn_dataset *dataset) {
    *dataset = (wn_dataset){.channels = 1, .classes = CLASSES};
    WN_TRY(wn_dataset_check_folder(folder));
    wn_dataset_name_after(folder, dataset);
    int test_height = 0, test_width = 0;
    wn_status status = read_split(folder, "train", &dataset->train, &dataset->height, &dataset->width);
    if (!wn_failed(status))
        status = read_split(folder, "t10k", &dataset->test, &test_height, &test_width);
    if (!wn_failed(status) && (test_height != dataset->height || test_width != dataset->width))
        status = wn_error(WN_ERROR_FORMAT, "%s: test images are %dx%d, expected %dx%d as the training images",
                          folder, test_height, test_width, dataset->height, dataset->width);
    if (wn_failed(status))
        wn_dataset_free(dataset);
    else
        wn_dataset_keep_first(&dataset->train, limit, (int64_t)dataset->height * dataset->width);
    return status;
}
