/* Reading IDX files, the format of MNIST (Y. LeCun, C. Cortes: "The MNIST database of handwritten digits"):
 * `00 00 TT DD`, DD big-endian sizes, then the bytes, row-major; raw or gzip. A file is trusted in nothing:
 * every size is checked before it is used, and the end must come where the header says. */
#include "data.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { CLASSES = 10, MAX_DIMENSIONS = 3, PATH_BYTES = 1024 };

/* The byte after 00 00: the element type. 08 is unsigned byte; the others exist but hold no images. */
enum { IDX_UNSIGNED_BYTE = 8 };

typedef struct idx_array {
    int64_t sizes[MAX_DIMENSIONS];
    uint8_t *bytes;
} idx_array;

typedef struct idx_file {
    gzFile stream;
    const char *path;
} idx_file;

/* Finds `images` as in "train-images": with "-idx3-ubyte" or ".idx3-ubyte", raw or .gz, in that order. */
static wn_status find_file(const char *folder, const char *stem, int dimensions, char path[PATH_BYTES]) {
    const char *const joints[] = {"-", "."}, *const endings[] = {"", ".gz"};
    for (int i = 0; i < 4; i++) {
        int length = snprintf(path, PATH_BYTES, "%s/%s%sidx%d-ubyte%s", folder, stem, joints[i / 2],
                              dimensions, endings[i % 2]);
        if (length >= PATH_BYTES)
            return wn_error(WN_ERROR_IO, "%.80s...: a path of more than %d bytes", folder, PATH_BYTES - 1);
        struct stat info;
        if (stat(path, &info) == 0) {
            if (S_ISREG(info.st_mode))
                return wn_ok();
            return wn_error(WN_ERROR_IO, "%s: not a regular file", path);
        }
        if (errno != ENOENT)
            return wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    }
    return wn_error(WN_ERROR_IO, "%s: no file %s-idx%d-ubyte (raw or .gz)", folder, stem, dimensions);
}

/* Reads up to `wanted` bytes; fewer only where the data end or break. */
static wn_status read_bytes(const idx_file *file, void *target, int64_t wanted, int64_t *got) {
    const int64_t most = 1 << 28; /* gzread counts in int */
    *got = 0;
    while (*got < wanted) {
        int64_t left = wanted - *got;
        int count = gzread(file->stream, (char *)target + *got, (unsigned)(left < most ? left : most));
        if (count < 0) {
            int code;
            const char *text = gzerror(file->stream, &code);
            if (code == Z_ERRNO)
                return wn_error(WN_ERROR_IO, "%s: cannot read: %s", file->path, strerror(errno));
            if (code == Z_BUF_ERROR)
                break; /* the compressed stream stops in the middle: the caller says how far it came */
            /* zlib's text starts with the path. */
            const char *colon = strstr(text, ": ");
            return wn_error(WN_ERROR_FORMAT, "%s: corrupt gzip data after %lld bytes: %s", file->path,
                            (long long)gztell(file->stream), colon ? colon + 2 : text);
        }
        if (count == 0)
            break;
        *got += count;
    }
    return wn_ok();
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The header: fills array->sizes and *payload, the number of bytes that must follow. */
static wn_status read_header(const idx_file *file, int dimensions, idx_array *array, int64_t *payload) {
    uint8_t header[4 + 4 * MAX_DIMENSIONS];
    int64_t length = 4 + 4 * dimensions, got;
    WN_TRY(read_bytes(file, header, length, &got));
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

/* Deflate cannot stretch a byte to more than 1032, so a header that promises more is wrong before memory is
 * asked for. */
static wn_status check_plausible(const idx_file *file, int64_t payload) {
    struct stat info;
    if (stat(file->path, &info) != 0)
        return wn_error(WN_ERROR_IO, "%s: %s", file->path, strerror(errno));
    int64_t factor = gzdirect(file->stream) ? 1 : 1032;
    if (payload / factor > (int64_t)info.st_size)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: truncated: a file of %lld bytes cannot hold the %lld its header "
                        "promises",
                        file->path, (long long)info.st_size, (long long)payload);
    return wn_ok();
}

static wn_status read_payload(const idx_file *file, int64_t payload, idx_array *array) {
    WN_TRY(check_plausible(file, payload));
    array->bytes = malloc((size_t)payload);
    if (!array->bytes)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for %lld bytes", file->path, (long long)payload);
    int64_t got;
    WN_TRY(read_bytes(file, array->bytes, payload, &got));
    if (got < payload)
        return wn_error(WN_ERROR_FORMAT, "%s: truncated: %lld bytes after the header, expected %lld",
                        file->path, (long long)got, (long long)payload);
    char beyond;
    WN_TRY(read_bytes(file, &beyond, 1, &got));
    if (got > 0)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: oversized: more than the %lld bytes after the header that its "
                        "sizes say",
                        file->path, (long long)payload);
    return wn_ok();
}

/* Reads FOLDER/STEM-idx<dimensions>-ubyte whole; writes the path it was found at for later messages. On
 * failure array->bytes may be set and belongs to the caller all the same. */
static wn_status read_array(const char *folder, const char *stem, int dimensions, char path[PATH_BYTES],
                            idx_array *array) {
    *array = (idx_array){.sizes = {1, 1, 1}};
    WN_TRY(find_file(folder, stem, dimensions, path));
    idx_file file = {.stream = gzopen(path, "rb"), .path = path};
    if (!file.stream)
        return errno == ENOMEM ? wn_error(WN_ERROR_MEMORY, "%s: no memory for reading", path)
                               : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    gzbuffer(file.stream, 1 << 17);
    int64_t payload = 0;
    wn_status status = read_header(&file, dimensions, array, &payload);
    if (!wn_failed(status))
        status = read_payload(&file, payload, array);
    /* A stream without its end shows at closing only when all data before it came through. */
    if (gzclose_r(file.stream) == Z_BUF_ERROR && !wn_failed(status))
        status = wn_error(WN_ERROR_FORMAT, "%s: truncated: the gzip stream ends before its check sum", path);
    return status;
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
    char stem[32], images_path[PATH_BYTES], labels_path[PATH_BYTES];
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

/* Keeps the first `limit` images and gives the rest of the memory back. */
static void keep_first(wn_split_data *split, int64_t limit, int64_t image_bytes) {
    if (limit <= 0 || limit >= split->count)
        return;
    split->count = limit;
    uint8_t *smaller = realloc(split->images, (size_t)(limit * image_bytes));
    if (smaller)
        split->images = smaller;
}

/* The folder's last component, without trailing slashes. */
static void name_after_folder(const char *folder, char *name, size_t size) {
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/')
        begin--;
    snprintf(name, size, "%.*s", (int)(end - begin), folder + begin);
}

wn_status wn_dataset_read_idx(const char *folder, int64_t limit, wn_dataset *dataset) {
    *dataset = (wn_dataset){.channels = 1, .classes = CLASSES};
    struct stat info;
    if (stat(folder, &info) != 0)
        return wn_error(WN_ERROR_IO, "%s: %s, expected a folder with IDX files", folder, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return wn_error(WN_ERROR_IO, "%s: not a folder, expected one with IDX files", folder);
    name_after_folder(folder, dataset->name, sizeof dataset->name);
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
        keep_first(&dataset->train, limit, (int64_t)dataset->height * dataset->width);
    return status;
}
