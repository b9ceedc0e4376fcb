/* Reading IDX folders: good files raw, compressed and mixed, and every way a file can be wrong, with the
 * message it must be refused with. The files are made here, in a folder that is removed again. */
#include "data.h"
#include "data_folder.h"

#include <sys/stat.h>

enum { TRAIN = 7, TEST = 3, HEIGHT = 4, WIDTH = 5 };

static uint8_t pixel(int64_t index) {
    return (uint8_t)(index * 31 + 7);
}

static size_t put_header(uint8_t *bytes, uint32_t magic, const uint32_t *sizes, int dimensions) {
    for (int d = -1; d < dimensions; d++) {
        uint32_t value = d < 0 ? magic : sizes[d];
        for (int i = 0; i < 4; i++)
            bytes[4 * (d + 1) + i] = (uint8_t)(value >> (24 - 8 * i));
    }
    return 4 * (size_t)(dimensions + 1);
}

/* An images file whose header says `claimed` images and that holds `held` bytes of pixels. */
static void write_images(const char *name, uint32_t magic, uint32_t claimed, uint32_t height, uint32_t width,
                         size_t held) {
    uint8_t bytes[1024];
    size_t at = put_header(bytes, magic, (uint32_t[]){claimed, height, width}, 3);
    for (size_t i = 0; i < held; i++)
        bytes[at + i] = pixel((int64_t)i);
    write_bytes(name, bytes, at + held);
}

static void write_labels(const char *name, uint32_t claimed, size_t held, uint8_t last) {
    uint8_t bytes[1024];
    size_t at = put_header(bytes, 0x801, &claimed, 1);
    for (size_t i = 0; i < held; i++)
        bytes[at + i] = i + 1 == held ? last : (uint8_t)(i % 10);
    write_bytes(name, bytes, at + held);
}

static const char *const file_names[] = {
    "train-images-idx3-ubyte",    "train-labels-idx1-ubyte",    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",     "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",  "t10k-labels-idx1-ubyte.gz",  "train-images.idx3-ubyte",
    "train-labels.idx1-ubyte.gz",
};

static void remove_files(void) {
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names; i++)
        remove_file(file_names[i]);
}

/* The four good files, raw. */
static void write_good(void) {
    remove_files();
    write_images("train-images-idx3-ubyte", 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    write_labels("train-labels-idx1-ubyte", TRAIN, TRAIN, 9);
    write_images("t10k-images-idx3-ubyte", 0x803, TEST, HEIGHT, WIDTH, TEST * HEIGHT * WIDTH);
    write_labels("t10k-labels-idx1-ubyte", TEST, TEST, 0);
}

static void expect_good(const char *what, int64_t limit, int64_t train) {
    wn_dataset data;
    wn_status status = wn_dataset_read_idx(folder, limit, &data);
    if (!CHECK(!wn_failed(status), "%s: %s", what, status.message))
        return;
    CHECK(data.channels == 1 && data.height == HEIGHT && data.width == WIDTH && data.classes == 10,
          "%s: %d channels, %dx%d, %d classes", what, data.channels, data.height, data.width, data.classes);
    CHECK(data.train.count == train && data.test.count == TEST, "%s: %lld + %lld images, expected %lld + %d",
          what, (long long)data.train.count, (long long)data.test.count, (long long)train, TEST);
    bool same = true;
    for (int64_t i = 0; i < train * HEIGHT * WIDTH; i++)
        same = same && data.train.images[i] == pixel(i);
    for (int64_t i = 0; i < TEST * HEIGHT * WIDTH; i++)
        same = same && data.test.images[i] == pixel(i);
    for (int64_t i = 0; i < train; i++)
        same = same && data.train.labels[i] == (i + 1 == TRAIN ? 9 : i);
    CHECK(same, "%s: contents differ from what was written", what);
    CHECK(strcmp(data.name, strrchr(folder, '/') + 1) == 0, "%s: named '%s'", what, data.name);
    wn_dataset_free(&data);
    CHECK(!data.train.images && !data.test.labels, "%s: not empty after being freed", what);
}

/* The folder as it stands must be refused with a message that holds all of `parts`. */
static void expect_refused(const char *what, wn_code code, const char *const parts[4]) {
    wn_dataset data;
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = folder}, &data);
    CHECK(status.code == code, "%s: code %d, expected %d: %s", what, status.code, code, status.message);
    for (int i = 0; i < 4 && parts[i]; i++)
        CHECK(strstr(status.message, parts[i]), "%s: '%s' lacks '%s'", what, status.message, parts[i]);
    CHECK(!data.train.images && !data.train.labels && !data.test.images && !data.test.labels,
          "%s: data left behind", what);
    wn_dataset_free(&data);
}

#define REFUSED(what, code, ...) expect_refused(what, code, (const char *const[4]){__VA_ARGS__})

static void check_good_folders(void) {
    write_good();
    expect_good("raw", 0, TRAIN);
    expect_good("limit 4", 4, 4);
    expect_good("limit beyond the data", 100, TRAIN);

    remove_files();
    write_images("train-images-idx3-ubyte.gz", 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    write_labels("train-labels-idx1-ubyte.gz", TRAIN, TRAIN, 9);
    write_images("t10k-images-idx3-ubyte.gz", 0x803, TEST, HEIGHT, WIDTH, TEST * HEIGHT * WIDTH);
    write_labels("t10k-labels-idx1-ubyte.gz", TEST, TEST, 0);
    expect_good("gzip", 0, TRAIN);

    write_good();
    remove_file("train-images-idx3-ubyte");
    remove_file("train-labels-idx1-ubyte");
    write_images("train-images.idx3-ubyte", 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    write_labels("train-labels.idx1-ubyte.gz", TRAIN, TRAIN, 9);
    expect_good("mixed, with dots", 0, TRAIN);
}

static void check_missing(void) {
    wn_dataset data;
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = "/nowhere/at/all"}, &data);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "/nowhere/at/all: No such file"), "%s",
          status.message);
    status = wn_dataset_open(&(wn_dataset_options){.name = "/dev/null"}, &data);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "/dev/null: not a folder"), "%s",
          status.message);
    status = wn_dataset_open(&(wn_dataset_options){.name = folder, .limit = -1}, &data);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "limit is -1"), "%s", status.message);

    char path[256];
    for (int i = 0; i < 4; i++) {
        write_good();
        path_of(file_names[i], path);
        unlink(path);
        REFUSED("missing file", WN_ERROR_IO, folder, file_names[i], "raw or .gz");
        mkdir(path, 0700);
        REFUSED("folder instead of a file", WN_ERROR_IO, path, "not a regular file");
    }
}

static void check_headers(void) {
    const char *images = "train-images-idx3-ubyte", *labels = "t10k-labels-idx1-ubyte";
    write_good();
    write_images(images, 0x801, TRAIN, HEIGHT, WIDTH, 10);
    REFUSED("labels' magic in an images file", WN_ERROR_FORMAT, images, "0x00000801", "expected 0x00000803");
    write_images(images, 0x0d03, TRAIN, HEIGHT, WIDTH, 10);
    REFUSED("floats", WN_ERROR_FORMAT, images, "0x00000d03", "unsigned bytes, 3 dimensions");
    write_bytes(images, (const uint8_t *)"", 0);
    REFUSED("empty", WN_ERROR_FORMAT, images, "truncated: 0 bytes", "header of 16");
    write_bytes(images, (const uint8_t[]){0, 0, 8, 3, 0, 0, 0, 7, 0}, 9);
    REFUSED("half a header", WN_ERROR_FORMAT, images, "truncated: 9 bytes", "header of 16");
    write_images(images, 0x803, 0, HEIGHT, WIDTH, 0);
    REFUSED("no images", WN_ERROR_FORMAT, images, "size 0 in dimension 1");
    write_images(images, 0x803, TRAIN, HEIGHT, 0, 0);
    REFUSED("no columns", WN_ERROR_FORMAT, images, "size 0 in dimension 3");
    write_images(images, 0x803, UINT32_MAX, UINT32_MAX, UINT32_MAX, 20);
    REFUSED("overflow", WN_ERROR_FORMAT, images, "4294967295 x 4294967295", "overflow");
    write_images(images, 0x803, UINT32_MAX, HEIGHT, WIDTH, 20);
    REFUSED("more promised than the file can hold", WN_ERROR_FORMAT, images, "truncated", "36 bytes",
            "85899345900");
    write_good();
    write_images(labels, 0x803, TEST, HEIGHT, WIDTH, 10);
    REFUSED("images' magic in a labels file", WN_ERROR_FORMAT, labels, "0x00000803", "expected 0x00000801");
    write_bytes(labels, (const uint8_t *)"<html>Not found</html>", 22);
    REFUSED("a web page", WN_ERROR_FORMAT, labels, "not an IDX file", "0x3c68746d");
}

static void check_lengths(void) {
    const char *images = "train-images-idx3-ubyte", *labels = "t10k-labels-idx1-ubyte";
    const size_t pixels = TRAIN * HEIGHT * WIDTH;
    write_good();
    write_images(images, 0x803, TRAIN, HEIGHT, WIDTH, pixels - 1);
    REFUSED("truncated images", WN_ERROR_FORMAT, images, "truncated: 139 bytes", "expected 140");
    write_images(images, 0x803, TRAIN, HEIGHT, WIDTH, pixels + 1);
    REFUSED("oversized images", WN_ERROR_FORMAT, images, "oversized", "more than the 140 bytes");
    write_good();
    write_labels(labels, TEST, TEST + 5, 0);
    REFUSED("oversized labels", WN_ERROR_FORMAT, labels, "oversized", "more than the 3 bytes");
    write_labels(labels, TEST, TEST - 1, 0);
    REFUSED("truncated labels", WN_ERROR_FORMAT, labels, "truncated", "2 bytes", "3");
    write_labels(labels, TEST + 1, TEST + 1, 0);
    REFUSED("more labels than images", WN_ERROR_FORMAT, labels, "4 labels, expected 3",
            "t10k-images-idx3-ubyte");
    write_labels(labels, TEST, TEST, 10);
    REFUSED("label of an eleventh class", WN_ERROR_FORMAT, labels, "label 10 of image 2", "expected 0 to 9");
    write_good();
    write_images("t10k-images-idx3-ubyte", 0x803, TEST, WIDTH, HEIGHT, TEST * HEIGHT * WIDTH);
    REFUSED("test images of another size", WN_ERROR_FORMAT, "test images are 5x4, expected 4x5");
    write_images(images, 0x803, 1, 1, 65537, 900);
    REFUSED("too wide", WN_ERROR_FORMAT, images, "truncated");
}

/* The good gzip file with its bytes [from..) replaced by 0xff, or cut off there. */
static void damage_gzip(const char *name, size_t from_end, bool cut) {
    char path[256];
    uint8_t bytes[1024];
    path_of(name, path);
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (!cut)
        memset(bytes + size - from_end, 0xff, from_end);
    file = fopen(path, "wb");
    fwrite(bytes, 1, cut ? size - from_end : size, file);
    fclose(file);
}

static void check_damaged_gzip(void) {
    const char *packed = "train-images-idx3-ubyte.gz";
    char path[256];
    path_of(packed, path);
    write_good();
    remove_file("train-images-idx3-ubyte");
    write_bytes(packed, (const uint8_t *)"garbage", 7);
    REFUSED("gzip of garbage", WN_ERROR_FORMAT, packed, "not an IDX file", "0x67617262");

    FILE *file = fopen(path, "wb");
    fputs("neither gzip nor IDX", file);
    fclose(file);
    REFUSED("not gzip at all", WN_ERROR_FORMAT, packed, "not an IDX file", "0x6e656974");

    write_images(packed, 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    damage_gzip(packed, 20, true);
    REFUSED("gzip cut off in the data", WN_ERROR_FORMAT, packed, "truncated", "expected 140");

    write_images(packed, 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    damage_gzip(packed, 4, true);
    REFUSED("gzip cut off in its trailer", WN_ERROR_FORMAT, packed, "truncated", "check sum");

    write_images(packed, 0x803, TRAIN, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    damage_gzip(packed, 8, false);
    REFUSED("gzip with a wrong check sum", WN_ERROR_FORMAT, packed, "corrupt gzip data",
            "incorrect data check");

    write_images(packed, 0x803, 1000000, HEIGHT, WIDTH, TRAIN * HEIGHT * WIDTH);
    REFUSED("gzip that promises too much", WN_ERROR_FORMAT, packed, "truncated", "20000000");
}

int main(void) {
    make_folder();
    check_good_folders();
    check_missing();
    check_headers();
    check_lengths();
    check_damaged_gzip();
    remove_files();
    CHECK(rmdir(folder) == 0, "%s: files left behind", folder);
    return check_finish("check_idx");
}
