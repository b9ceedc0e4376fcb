/* Reading CIFAR-10 and CIFAR-100: good files raw, compressed and mixed, and every way a file can be wrong.
 * The files are made here; the real CIFAR-10 is read where it is. */
#include "data.h"
#include "data_folder.h"

#include <sys/stat.h>

enum { IMAGE = 3072, MOST = 2 * 5 };

static const char *const files10[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

static uint8_t pixel(int file, int record, int i) {
    return (uint8_t)(file * 101 + record * 37 + i * 31);
}

/* A file of `records`, less `cut` bytes at its end; the last record's label is `last`. */
static void write_file(const char *name, int number, int labels, int records, int last, size_t cut) {
    static uint8_t bytes[MOST * (IMAGE + 2)];
    uint8_t *at = bytes;
    for (int r = 0; r < records; r++) {
        for (int l = 0; l < labels; l++) /* the coarse label is one that no class has */
            *at++ = (uint8_t)(l < labels - 1 ? 200 : r == records - 1 ? last : (number + r) % 10);
        for (int i = 0; i < IMAGE; i++)
            *at++ = pixel(number, r, i);
    }
    write_bytes(name, bytes, (size_t)(at - bytes) - cut);
}

static void remove_all(void) {
    char compressed[64];
    const char *const others[] = {"train.bin", "test.bin", "batches.meta.txt", "fine_label_names.txt"};
    for (int i = 0; i < 10; i++) {
        const char *name = i < 6 ? files10[i] : others[i - 6];
        snprintf(compressed, sizeof compressed, "%s.gz", name);
        remove_file(name);
        remove_file(compressed);
    }
}

/* Five files of two images and one of two, the odd ones compressed. */
static void write_good(void) {
    char name[64];
    remove_all();
    for (int f = 0; f < 6; f++) {
        snprintf(name, sizeof name, "%s%s", files10[f], f % 2 ? ".gz" : "");
        write_file(name, f, 1, 2, 9, 0);
    }
}

static void check_good(void) {
    wn_dataset data;
    char text[WN_CLASS_NAME];
    write_good();
    const char names[] = "one\ntwo\n\nthree\r\nfour\nfive\nsix\nseven\neight\nnine\nten cats\n\n";
    write_bytes("batches.meta.txt", (const uint8_t *)names, sizeof names - 1);
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = folder}, &data);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    CHECK(data.train.count == 10 && data.test.count == 2 && data.channels == 3 && data.height == 32 &&
              data.width == 32 && data.classes == 10,
          "%lld + %lld images of %dx%dx%d in %d classes", (long long)data.train.count,
          (long long)data.test.count, data.channels, data.height, data.width, data.classes);
    bool same = true;
    for (int n = 0; n < 12; n++) {
        const uint8_t *image = n < 10 ? data.train.images + n * IMAGE : data.test.images + (n - 10) * IMAGE;
        for (int i = 0; i < IMAGE; i++)
            same = same && image[i] == pixel(n / 2, n % 2, i);
        int label = n < 10 ? data.train.labels[n] : data.test.labels[n - 10];
        CHECK(label == (n % 2 ? 9 : n / 2), "label of image %d is %d", n, label);
    }
    CHECK(same, "pixels differ from what was written");
    CHECK(!strcmp(wn_dataset_class(&data, 2, text), "three") &&
              !strcmp(wn_dataset_class(&data, 9, text), "ten cats"),
          "classes are called %s and %s", wn_dataset_class(&data, 2, text), wn_dataset_class(&data, 9, text));
    wn_dataset_free(&data);

    write_bytes("batches.meta.txt", (const uint8_t *)"one\ntwo\n", 8); /* too few: no names at all */
    status = wn_dataset_open(&(wn_dataset_options){.name = folder, .limit = 3}, &data);
    if (CHECK(!wn_failed(status), "%s", status.message))
        CHECK(data.train.count == 3 && data.test.count == 2 && !strcmp(wn_dataset_class(&data, 2, text), "2"),
              "limit 3: %lld images, class %s", (long long)data.train.count,
              wn_dataset_class(&data, 2, text));
    wn_dataset_free(&data);
}

static void check_hundred(void) {
    wn_dataset data;
    remove_all();
    write_file("train.bin.gz", 0, 2, 4, 99, 0);
    write_file("test.bin", 1, 2, 3, 42, 0);
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = folder}, &data);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    CHECK(data.classes == 100 && data.train.count == 4 && data.test.count == 3 &&
              data.train.labels[3] == 99 && data.test.labels[2] == 42 && data.train.labels[1] == 1 &&
              data.train.images[IMAGE] == pixel(0, 1, 0),
          "%d classes, %lld + %lld images, labels %d, %d", data.classes, (long long)data.train.count,
          (long long)data.test.count, data.train.labels[3], data.test.labels[2]);
    wn_dataset_free(&data);
}

static void expect_error(const char *what, wn_code code, const char *part) {
    wn_dataset data;
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = folder}, &data);
    CHECK(status.code == code && strstr(status.message, part) && !data.train.images && !data.test.labels,
          "%s: '%s' (code %d) lacks '%s'", what, status.message, status.code, part);
    wn_dataset_free(&data);
}

static void check_bad(void) {
    remove_all();
    expect_error("nothing there", WN_ERROR_IO, "found no data set");
    write_good();
    remove_file("data_batch_3.bin");
    expect_error("one file is missing", WN_ERROR_IO, "no file data_batch_3.bin");
    for (size_t cut = 1; cut < 3073; cut += 512) {
        write_file("data_batch_3.bin", 2, 1, 2, 9, cut);
        expect_error("truncated", WN_ERROR_FORMAT, "data_batch_3.bin: truncated");
    }
    write_file("data_batch_3.bin", 2, 1, 0, 0, 0);
    expect_error("empty", WN_ERROR_FORMAT, "data_batch_3.bin: empty");
    write_file("data_batch_3.bin", 2, 1, 2, 10, 0);
    expect_error("a label too large", WN_ERROR_FORMAT, "label 10 of image 1");
    write_good();
    char path[256];
    path_of("data_batch_2.bin.gz", path);
    struct stat facts;
    CHECK(stat(path, &facts) == 0 && truncate(path, facts.st_size - 4) == 0, "%s", path);
    expect_error("gzip stream without its end", WN_ERROR_FORMAT, "data_batch_2.bin.gz: truncated");
    write_good();
    remove_file("test_batch.bin");
    remove_file("test_batch.bin.gz");
    path_of("test_batch.bin", path);
    mkdir(path, 0700);
    expect_error("a folder for a file", WN_ERROR_IO, "test_batch.bin: not a regular file");
}

/* Against zlib's CRC-32 of the pixels and labels of the published files. */
static void check_real(void) {
    const char *given = getenv("WINNOW_DATA"), *root = given ? given : WN_SOURCE_ROOT "/../shared/data";
    char path[1024];
    struct stat info;
    snprintf(path, sizeof path, "%s/cifar-10-batches-bin", root);
    if (stat(path, &info) != 0) {
        printf("skipped: no %s\n", path);
        check_skipped++;
        return;
    }
    wn_dataset data;
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = path}, &data);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    int per_class[10] = {0};
    for (int64_t i = 0; i < data.train.count; i++)
        per_class[data.train.labels[i]]++;
    for (int c = 0; c < 10; c++)
        CHECK(per_class[c] == 5000, "class %d has %d images, expected 5000", c, per_class[c]);
    double mean[3], std[3];
    wn_dataset_measure(&data, 3, mean, std);
    const double published_mean[] = {0.4914, 0.4822, 0.4465}, published_std[] = {0.2470, 0.2435, 0.2616};
    for (int c = 0; c < 3; c++)
        CHECK(mean[c] - published_mean[c] < 1e-4 && published_mean[c] - mean[c] < 1e-4 &&
                  std[c] - published_std[c] < 1e-4 && published_std[c] - std[c] < 1e-4,
              "channel %d: mean %g and deviation %g, published %g and %g", c, mean[c], std[c],
              published_mean[c], published_std[c]);
    CHECK(data.train.count == 50000 && data.test.count == 10000, "%lld + %lld images",
          (long long)data.train.count, (long long)data.test.count);
    wn_dataset_free(&data);
}

int main(void) {
    make_folder();
    check_good();
    check_hundred();
    check_bad();
    remove_all();
    rmdir(folder);
    check_real();
    return check_finish("check_cifar");
}
