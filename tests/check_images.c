/* Folders of images: files of every kind decode to what was written, resizing keeps to its definition,
 * classes and splits are found, nothing depends on threads; and every way a file or folder can be wrong. */
#include "check_pool.h"
#include "data.h"
#include "data_folder.h"
#include "image.h"
#include "orientation.h"
#include "random.h"
#include "remove_folder.h"

#include <math.h>
#include <png.h>
#include <sys/stat.h>
#include <turbojpeg.h>

enum { SIDE = 12, PIXELS = SIDE * SIDE, MOST_FILE = 1 << 16 };

static uint64_t seed;

/* A smooth picture, which JPEG keeps well, different for every number. */
static void draw(int number, int height, int width, int channels, uint8_t *pixels) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *pixels++ = (uint8_t)(127.5 + 100 * sin(0.2 * y + 0.17 * x * (c + 1) + number));
}

/* Empties the scratch folder. */
static void clear(void) {
    remove_folder(folder);
    mkdir(folder, 0700);
}

/* The folders that lead to the scratch folder's file of this name. */
static void make_folders(const char *name) {
    char path[256];
    path_of(name, path);
    for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
}

static void put_png(const char *name, int number, int height, int width, int channels) {
    static uint8_t pixels[3 * 64 * 64];
    char path[256];
    make_folders(name);
    path_of(name, path);
    draw(number, height, width, channels, pixels);
    wn_status status = wn_image_write_png(path, pixels, height, width, channels);
    CHECK(!wn_failed(status), "%s", status.message);
}

/* JPEG of the picture in this pixel format; returns its size. */
static size_t make_jpeg(const uint8_t *pixels, int height, int width, int format, int sampling,
                        uint8_t bytes[MOST_FILE]) {
    tjhandle handle = tjInitCompress();
    unsigned long size = MOST_FILE;
    int failed =
        tjCompress2(handle, pixels, width, 0, height, format, &bytes, &size, sampling, 98, TJFLAG_NOREALLOC);
    CHECK(!failed, "%s", tjGetErrorStr2(handle));
    tjDestroy(handle);
    return failed ? 0 : size;
}

static void put_jpeg(const char *name, int number, int height, int width, int channels) {
    static uint8_t pixels[3 * 64 * 64], bytes[MOST_FILE];
    make_folders(name);
    draw(number, height, width, channels, pixels);
    write_bytes(name, bytes,
                make_jpeg(pixels, height, width, channels == 1 ? TJPF_GRAY : TJPF_RGB,
                          channels == 1 ? TJSAMP_GRAY : TJSAMP_444, bytes));
}

/* Decodes the scratch folder's file; the worst difference from the picture, 256 when it cannot be read. */
static int worst_difference(const char *name, int channels, const uint8_t *expected, int file_channels) {
    static uint8_t got[3 * PIXELS];
    char path[256];
    wn_image_file file;
    path_of(name, path);
    wn_status status = wn_image_open(path, &file);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return 256;
    CHECK(file.height == SIDE && file.width == SIDE && file.channels == file_channels, "%s: %dx%dx%d", name,
          file.channels, file.height, file.width);
    status = wn_image_decode(&file, channels, got);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_image_close(&file);
    int worst = 0;
    for (int i = 0; i < channels * PIXELS; i++)
        worst = abs(got[i] - expected[i]) > worst ? abs(got[i] - expected[i]) : worst;
    return worst;
}

enum { CELL = 8, TALL = 3, WIDE = 2, SEEN_HEIGHT = TALL * CELL, SEEN_WIDTH = WIDE * CELL };

/* A picture of cells that are all different. */
static uint8_t seen_at(int y, int x) {
    return (uint8_t)(40 * (y / CELL * WIDE + x / CELL) + 20);
}

/* Stores it as Exif's table has it: which sides the first row and the first column lie at. */
static void lay_down(char row_side, char column_side, int height, int width, uint8_t *pixels) {
    for (int r = 0; r < height; r++)
        for (int c = 0; c < width; c++) {
            const char sides[] = {row_side, column_side};
            const int along[] = {r, c};
            int y = 0, x = 0;
            for (int i = 0; i < 2; i++) {
                y = sides[i] == 't' ? along[i] : sides[i] == 'b' ? SEEN_HEIGHT - 1 - along[i] : y;
                x = sides[i] == 'l' ? along[i] : sides[i] == 'r' ? SEEN_WIDTH - 1 - along[i] : x;
            }
            *pixels++ = seen_at(y, x);
        }
}

/* A segment with one tag before the orientation's, behind the JPEG's first two bytes. */
static size_t add_exif(bool big, int orientation, uint8_t *bytes, size_t size) {
    static const uint8_t little_tiff[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 2, 0,    0x00, 0x01, 4,
                                          0,   1,   0,   0, 0, 7, 0, 0, 0, 0x12, 0x01, 3,    0,
                                          1,   0,   0,   0, 0, 0, 0, 0, 0, 0,    0,    0};
    static const uint8_t big_tiff[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 2,    0x01, 0x00, 0,
                                       4,   0,   0, 0,   1, 0, 0, 0, 7, 0x01, 0x12, 0,    3,
                                       0,   0,   0, 1,   0, 0, 0, 0, 0, 0,    0,    0};
    enum { TIFF = sizeof little_tiff, SEGMENT = 2 + 2 + 6 + TIFF, VALUE = 30 };
    uint8_t segment[SEGMENT] = {0xff, 0xe1, 0, SEGMENT - 2, 'E', 'x', 'i', 'f', 0, 0};
    memcpy(segment + 10, big ? big_tiff : little_tiff, TIFF);
    segment[10 + VALUE + big] = (uint8_t)orientation;
    memmove(bytes + 2 + SEGMENT, bytes + 2, size - 2);
    memcpy(bytes + 2, segment, SEGMENT);
    return size + SEGMENT;
}

/* Whether the scratch folder's file is the picture, upright. */
static bool is_upright(const char *name) {
    static uint8_t got[SEEN_HEIGHT * SEEN_WIDTH];
    char path[256];
    wn_image_file file;
    path_of(name, path);
    wn_status status = wn_image_open(path, &file);
    bool same = !wn_failed(status) && file.height == SEEN_HEIGHT && file.width == SEEN_WIDTH;
    if (same)
        status = wn_image_decode(&file, 1, got);
    wn_image_close(&file);
    for (int y = 0; y < SEEN_HEIGHT; y++)
        for (int x = 0; x < SEEN_WIDTH; x++)
            same = same && abs(got[y * SEEN_WIDTH + x] - seen_at(y, x)) <= 2;
    return same && !wn_failed(status);
}

/* All eight orientations, in both orders of bytes; what is no orientation leaves the picture as it is. */
static void check_orientations(void) {
    static const char sides[8][2] = {{'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'},
                                     {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};
    static uint8_t pixels[SEEN_HEIGHT * SEEN_WIDTH], bytes[MOST_FILE];
    clear();
    for (int o = 0; o < 16; o++) {
        bool swapped = o / 2 >= 4;
        int height = swapped ? SEEN_WIDTH : SEEN_HEIGHT, width = swapped ? SEEN_HEIGHT : SEEN_WIDTH;
        lay_down(sides[o / 2][0], sides[o / 2][1], height, width, pixels);
        size_t size = make_jpeg(pixels, height, width, TJPF_GRAY, TJSAMP_GRAY, bytes);
        write_bytes("turned.jpg", bytes, add_exif(o % 2, o / 2 + 1, bytes, size));
        CHECK(is_upright("turned.jpg"), "orientation %d, %s bytes first", o / 2 + 1, o % 2 ? "high" : "low");
    }
    lay_down('t', 'l', SEEN_HEIGHT, SEEN_WIDTH, pixels);
    for (int wrong = 0; wrong < 8; wrong++) {
        size_t size = make_jpeg(pixels, SEEN_HEIGHT, SEEN_WIDTH, TJPF_GRAY, TJSAMP_GRAY, bytes);
        bool big = wrong % 2;
        size = add_exif(big, wrong < 2 ? 0 : wrong < 4 ? 9 : 6, bytes, size);
        uint8_t *tiff = bytes + 2 + 4 + 6;
        if (wrong / 2 == 2) /* no entries */
            tiff[big ? 9 : 8] = 0;
        if (wrong / 2 == 3) /* a directory beyond the end */
            tiff[big ? 6 : 5] = 0xff;
        write_bytes("turned.jpg", bytes, size);
        CHECK(is_upright("turned.jpg"), "wrong structure %d was followed", wrong);
    }
}

/* Any bytes at all in the segment: the program neither crashes nor reads beyond them (sanitizers). */
static void check_any_exif(void) {
    static uint8_t bytes[MOST_FILE];
    uint8_t pixels[PIXELS];
    draw(1, SIDE, SIDE, 1, pixels);
    size_t size = make_jpeg(pixels, SIDE, SIDE, TJPF_GRAY, TJSAMP_GRAY, bytes);
    size = add_exif(false, 6, bytes, size);
    for (uint64_t i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(size);
        size_t cut = 4 + wn_random_below(seed, WN_STREAM_TEST, 3 * i, (uint32_t)size - 3);
        memcpy(copy, bytes, size);
        copy[2 + wn_random_below(seed, WN_STREAM_TEST, 3 * i + 1, 48)] =
            (uint8_t)wn_random_below(seed, WN_STREAM_TEST, 3 * i + 2, 256);
        copy = realloc(copy, cut);
        int found = wn_orientation_of_jpeg(copy, cut);
        CHECK(found >= 1 && found <= 8, "orientation %d", found);
        free(copy);
    }
}

/* PNG is exact, JPEG of a smooth picture nearly; grey is repeated, colours become their luma. */
static void check_decoding(void) {
    static uint8_t grey[PIXELS], colour[3 * PIXELS], repeated[3 * PIXELS], luma[PIXELS];
    draw(1, SIDE, SIDE, 1, grey);
    draw(1, SIDE, SIDE, 3, colour);
    for (int i = 0; i < PIXELS; i++) {
        repeated[3 * i] = repeated[3 * i + 1] = repeated[3 * i + 2] = grey[i];
        luma[i] =
            (uint8_t)lrint(0.299 * colour[3 * i] + 0.587 * colour[3 * i + 1] + 0.114 * colour[3 * i + 2]);
    }
    clear();
    put_png("grey.png", 1, SIDE, SIDE, 1);
    put_png("colour.png", 1, SIDE, SIDE, 3);
    put_jpeg("grey.jpg", 1, SIDE, SIDE, 1);
    put_jpeg("colour.jpg", 1, SIDE, SIDE, 3);
    CHECK(worst_difference("grey.png", 1, grey, 1) == 0, "grey PNG");
    CHECK(worst_difference("grey.png", 3, repeated, 1) == 0, "grey PNG in colours");
    CHECK(worst_difference("colour.png", 3, colour, 3) == 0, "coloured PNG");
    CHECK(worst_difference("grey.jpg", 1, grey, 1) <= 4, "grey JPEG");
    CHECK(worst_difference("grey.jpg", 3, repeated, 1) <= 4, "grey JPEG in colours");
    CHECK(worst_difference("colour.jpg", 3, colour, 3) <= 8, "coloured JPEG");
    CHECK(worst_difference("colour.jpg", 1, luma, 3) <= 8, "coloured JPEG in grey");
}

/* Transparent pixels keep their colours, palettes are looked up. */
static void check_png_kinds(void) {
    static uint8_t colour[3 * PIXELS], with_alpha[4 * PIXELS], indices[PIXELS], looked_up[3 * PIXELS];
    static const uint8_t palette[9] = {10, 20, 30, 200, 100, 50, 0, 255, 7};
    char path[256];
    draw(2, SIDE, SIDE, 3, colour);
    for (int i = 0; i < PIXELS; i++) {
        memcpy(with_alpha + 4 * i, colour + 3 * i, 3);
        with_alpha[4 * i + 3] = (uint8_t)(i * 7);
        indices[i] = (uint8_t)(i % 3);
        memcpy(looked_up + 3 * i, palette + 3 * (i % 3), 3);
    }
    clear();
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_RGBA};
    path_of("alpha.png", path);
    CHECK(png_image_write_to_file(&image, path, 0, with_alpha, 0, NULL), "%s", image.message);
    CHECK(worst_difference("alpha.png", 3, colour, 3) == 0, "PNG with alpha");
    image = (png_image){.version = PNG_IMAGE_VERSION,
                        .width = SIDE,
                        .height = SIDE,
                        .format = PNG_FORMAT_RGB_COLORMAP,
                        .colormap_entries = 3};
    path_of("palette.png", path);
    CHECK(png_image_write_to_file(&image, path, 0, indices, 0, palette), "%s", image.message);
    CHECK(worst_difference("palette.png", 3, looked_up, 3) == 0, "PNG with a palette");
}

/* One pixel from the definition in f64. */
static double fitted(const uint8_t *pixels, int height, int width, int to_height, int to_width, int y,
                     int x) {
    double scale = fmin((double)height / to_height, (double)width / to_width), support = fmax(scale, 1);
    double cy = height / 2.0 + (y + 0.5 - to_height / 2.0) * scale;
    double cx = width / 2.0 + (x + 0.5 - to_width / 2.0) * scale, sum = 0, weights = 0;
    for (int i = 0; i < height; i++)
        for (int j = 0; j < width; j++) {
            double weight =
                fmax(0, 1 - fabs(i + 0.5 - cy) / support) * fmax(0, 1 - fabs(j + 0.5 - cx) / support);
            sum += weight * pixels[i * width + j];
            weights += weight;
        }
    return sum / weights;
}

static void check_fit(void) {
    static const int sides[] = {1, 2, 3, 7, 12, 25, 40};
    static uint8_t pixels[40 * 40], got[40 * 40];
    for (int i = 0; i < 40 * 40; i++)
        pixels[i] = (uint8_t)(i * 89 + i / 7);
    for (int k = 0; k < 7 * 7 * 7; k++) {
        int height = sides[k % 7], width = sides[k / 7 % 7], to = sides[k / 49], other = to > 2 ? to - 1 : to;
        wn_status status = wn_image_fit("pixels", pixels, height, width, 1, to, other, got);
        CHECK(!wn_failed(status), "%s", status.message);
        double worst = 0;
        for (int i = 0; i < to * other; i++)
            worst =
                fmax(worst, fabs(got[i] - fitted(pixels, height, width, to, other, i / other, i % other)));
        CHECK(worst <= 0.502, "%dx%d to %dx%d: off by %g", height, width, to, other, worst);
    }
}

static bool open_folder(wn_dataset_options options, wn_dataset *data) {
    options.name = folder;
    wn_status status = wn_dataset_open(&options, data);
    return CHECK(!wn_failed(status), "%s", status.message);
}

/* The picture's number out of `numbers` that an image of the data set is; -1: none of them. */
static int number_of(const wn_dataset *data, const wn_split_data *split, int64_t image, int numbers) {
    static uint8_t pixels[3 * PIXELS], planes[3 * PIXELS];
    size_t size = (size_t)data->channels * PIXELS;
    for (int n = 0; n < numbers; n++) {
        draw(n, SIDE, SIDE, data->channels, pixels);
        wn_image_fit("pixels", pixels, SIDE, SIDE, data->channels, SIDE, SIDE, planes);
        if (!memcmp(planes, split->images + (size_t)image * size, size))
            return n;
    }
    return -1;
}

/* Thirty coloured pictures in three classes, the class of number n being n % 3. */
static void put_thirty(const char *prefix) {
    char name[64];
    for (int n = 0; n < 30; n++) {
        snprintf(name, sizeof name, "%s%c/%02d.png", prefix, 'a' + n % 3, n);
        put_png(name, n, SIDE, SIDE, 3);
    }
}

static void check_split_folders(void) {
    wn_dataset data;
    char text[WN_CLASS_NAME];
    clear();
    put_thirty("training/");
    put_png("valid/b/1.PNG", 40, SIDE, SIDE, 3);
    put_png("testing/c/1.png", 41, SIDE, SIDE, 3);
    put_png("testing/a/2.png", 42, SIDE, SIDE, 3);
    write_bytes("training/a/notes.txt", (const uint8_t *)"x", 1);
    if (!open_folder((wn_dataset_options){.side = 8}, &data))
        return;
    CHECK(data.train.count == 30 && data.test.count == 1 && data.classes == 3 && data.channels == 3 &&
              data.height == SIDE && data.width == SIDE && data.skipped == 0,
          "%lld and %lld images of %dx%dx%d", (long long)data.train.count, (long long)data.test.count,
          data.channels, data.height, data.width);
    CHECK(!strcmp(wn_dataset_class(&data, 2, text), "c") && data.test.labels[0] == 1, "class %s",
          wn_dataset_class(&data, 2, text));
    int seen = 0;
    for (int64_t i = 0; i < 30; i++) {
        int number = number_of(&data, &data.train, i, 30);
        CHECK(number >= 0 && number % 3 == data.train.labels[i], "image %lld is number %d of class %d",
              (long long)i, number, data.train.labels[i]);
        seen |= 1 << number;
    }
    CHECK(seen == (1 << 30) - 1, "not all images are there");
    wn_dataset_free(&data);
    if (open_folder((wn_dataset_options){.test_preferred = true, .limit = 7}, &data))
        CHECK(data.train.count == 7 && data.test.count == 2, "%lld and %lld images",
              (long long)data.train.count, (long long)data.test.count);
    wn_dataset_free(&data);
}

/* Numbers of the test images, as bits. */
static int drawn(uint64_t split_seed) {
    wn_dataset data;
    int test = 0, train = 0;
    if (!open_folder((wn_dataset_options){.split_seed = split_seed}, &data))
        return 0;
    CHECK(data.test.count == 6 && data.train.count == 24, "%lld and %lld images", (long long)data.train.count,
          (long long)data.test.count);
    for (int64_t i = 0; i < data.test.count; i++)
        test |= 1 << number_of(&data, &data.test, i, 30);
    for (int64_t i = 0; i < data.train.count; i++)
        train |= 1 << number_of(&data, &data.train, i, 30);
    CHECK((train & test) == 0 && (train | test) == (1 << 30) - 1, "splits %x and %x", train, test);
    wn_dataset_free(&data);
    return test;
}

static void check_drawn_split(void) {
    clear();
    put_thirty("");
    int first = drawn(0), again = drawn(0), other = drawn(7);
    CHECK(first == again && first != other, "splits of seed 0: %x and %x, of seed 7: %x", first, again,
          other);
    for (int c = 0; c < 3; c++)
        CHECK(__builtin_popcount(first & (0x09249249 << c)) == 2, "class %d has other than 2 tests: %x", c,
              first);
}

/* Mixed sizes, kinds and channels: brought to one form, the same whatever the threads. */
static void check_mixed(void) {
    uint32_t sums[4] = {0};
    clear();
    for (int n = 0; n < 20; n++) {
        char name[64];
        snprintf(name, sizeof name, "%s/%d.%s", n % 2 ? "x" : "y", n, n % 3 ? "png" : "jpeg");
        (n % 3 ? put_png : put_jpeg)(name, n, 10 + n, 30 - n, n % 4 ? 3 : 1);
    }
    for (int threads = 0; threads <= 3; threads++) {
        wn_pool *pool = threads ? check_pool_of(threads) : NULL;
        wn_dataset data;
        if (open_folder((wn_dataset_options){.side = 16, .pool = pool}, &data)) {
            CHECK(data.channels == 3 && data.height == 16 && data.width == 16, "%dx%dx%d", data.channels,
                  data.height, data.width);
            sums[threads] = wn_dataset_checksum(&data);
            wn_dataset_free(&data);
        }
        wn_pool_destroy(pool);
        CHECK(sums[threads] == sums[0], "%d threads read other images", threads);
    }
}

static void expect_refused(wn_dataset_options options, wn_code code, const char *part) {
    wn_dataset data;
    options.name = folder;
    wn_status status = wn_dataset_open(&options, &data);
    CHECK(status.code == code && strstr(status.message, part), "'%s' (code %d) lacks '%s'", status.message,
          status.code, part);
    CHECK(!data.train.images && !data.class_names, "something is left of a data set that was refused");
    wn_dataset_free(&data);
}

static void check_damaged(void) {
    wn_dataset data;
    clear();
    put_thirty("");
    write_bytes("a/00.png", (const uint8_t *)"", 0);
    write_bytes("b/01.png", (const uint8_t *)"no picture at all", 17);
    if (open_folder((wn_dataset_options){0}, &data)) {
        CHECK(data.skipped == 2 && data.train.count + data.test.count == 28 &&
                  strstr(data.first_skipped, "JPEG"),
              "%lld skipped, %lld and %lld images, the first '%s'", (long long)data.skipped,
              (long long)data.train.count, (long long)data.test.count, data.first_skipped);
        for (int64_t i = 0; i < data.train.count; i++)
            CHECK(number_of(&data, &data.train, i, 30) % 3 == data.train.labels[i], "image %lld moved",
                  (long long)i);
    }
    wn_dataset_free(&data);
    expect_refused((wn_dataset_options){.strict = true}, WN_ERROR_FORMAT, "neither JPEG nor PNG");
    for (int n = 0; n < 30; n++) {
        char name[64];
        snprintf(name, sizeof name, "%c/%02d.png", 'a' + n % 3, n);
        write_bytes(name, (const uint8_t *)"nothing", 7);
    }
    expect_refused((wn_dataset_options){0}, WN_ERROR_FORMAT, "images of a split are damaged");
}

static void check_folders_refused(void) {
    clear();
    expect_refused((wn_dataset_options){0}, WN_ERROR_IO, "found no data set");
    put_png("one/1.png", 1, SIDE, SIDE, 1);
    expect_refused((wn_dataset_options){0}, WN_ERROR_FORMAT, "one class only, 'one'");
    char path[256];
    path_of("two", path);
    mkdir(path, 0700);
    expect_refused((wn_dataset_options){0}, WN_ERROR_IO, "/two: no image in it");
    put_png("two/1.png", 2, SIDE, SIDE, 1);
    expect_refused((wn_dataset_options){0}, WN_ERROR_IO, ": one image in each class");
    clear();
    put_thirty("train/");
    expect_refused((wn_dataset_options){0}, WN_ERROR_IO, "no folder test, testing, val");
    put_png("val/d/1.png", 1, SIDE, SIDE, 1);
    expect_refused((wn_dataset_options){0}, WN_ERROR_FORMAT, "class 'd' has no training images");
    clear();
    for (int n = 0; n < 257; n++) {
        char name[64];
        snprintf(name, sizeof name, "%03d/1.png", n);
        make_folders(name);
    }
    expect_refused((wn_dataset_options){0}, WN_ERROR_UNSUPPORTED, "257 classes, expected at most 256");
}

/* More images than memory: refused before any is decoded. */
static void check_memory(void) {
    const int64_t image = INT64_C(3) * 16384 * 16384;
    int64_t needed = (int64_t)sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE) / image + 2;
    clear();
    if (needed > 1000) {
        printf("skipped: a machine of so much memory needs too many files\n");
        check_skipped++;
        return;
    }
    for (int64_t n = 0; n < needed; n++) {
        char name[64];
        snprintf(name, sizeof name, "%c/%lld.png", n % 2 ? 'a' : 'b', (long long)n);
        put_png(name, 1, 1, n % 2 ? 2 : 1, 3);
    }
    expect_refused((wn_dataset_options){.side = 16384}, WN_ERROR_MEMORY, "half of this machine's memory");
}

/* Files cut off anywhere before the `end` bytes behind their pixels are damaged; with a wrong byte they are
 * damaged or some picture, and no more. */
static void check_every_damage(const char *name, const uint8_t *bytes, size_t size, size_t end) {
    static uint8_t changed[MOST_FILE], pixels[3 << 20];
    char path[256];
    path_of(name, path);
    for (size_t i = 0; i < 2 * size; i++) {
        bool cut = i < size;
        if (!check_full() && wn_random_below(seed, WN_STREAM_TEST, i, 8) != 0)
            continue;
        memcpy(changed, bytes, size);
        changed[i % size] ^=
            (uint8_t)(cut ? 0 : 1 + wn_random_below(seed, WN_STREAM_TEST, i + MOST_FILE, 255));
        write_bytes(name, changed, cut ? i : size);
        wn_image_file file;
        wn_status status = wn_image_open(path, &file);
        if (!wn_failed(status) && (int64_t)file.height * file.width <= 1 << 20)
            status = wn_image_decode(&file, 3, pixels);
        wn_image_close(&file);
        CHECK(wn_failed(status) ? status.code == WN_ERROR_FORMAT : !cut || i + end >= size,
              "%s, %s byte %zu of %zu: code %d, '%s'", name, cut ? "cut before" : "wrong", i % size, size,
              status.code, status.message);
    }
}

static void check_damages(void) {
    static uint8_t pixels[3 * PIXELS], bytes[MOST_FILE];
    draw(3, SIDE, SIDE, 3, pixels);
    clear();
    check_every_damage("damaged.jpg", bytes, make_jpeg(pixels, SIDE, SIDE, TJPF_RGB, TJSAMP_420, bytes), 2);
    png_image image = {.version = PNG_IMAGE_VERSION, .width = SIDE, .height = SIDE, .format = PNG_FORMAT_RGB};
    png_alloc_size_t size = MOST_FILE;
    CHECK(png_image_write_to_memory(&image, bytes, &size, 0, pixels, 0, NULL), "%s", image.message);
    check_every_damage("damaged.png", bytes, size, 12);
}

static void check_channels_refused(void) {
    static uint8_t pixels[4 * PIXELS], bytes[MOST_FILE];
    char path[256];
    wn_image_file file;
    clear();
    write_bytes("cmyk.jpg", bytes, make_jpeg(pixels, SIDE, SIDE, TJPF_CMYK, TJSAMP_444, bytes));
    path_of("cmyk.jpg", path);
    wn_status status = wn_image_open(path, &file);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "4 channels"), "'%s'", status.message);
    wn_image_close(&file);
}

int main(void) {
    seed = check_seed();
    make_folder();
    check_orientations();
    check_any_exif();
    check_decoding();
    check_png_kinds();
    check_fit();
    check_split_folders();
    check_drawn_split();
    check_mixed();
    check_damaged();
    check_folders_refused();
    check_memory();
    check_damages();
    check_channels_refused();
    clear();
    rmdir(folder);
    return check_finish("check_images");
}
