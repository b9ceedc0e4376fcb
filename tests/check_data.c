/* The resize against one written from the definition and against values of PyTorch's interpolate; the
 * embedded data set; the real data sets, when they are there. */
#include "check.h"
#include "data.h"
#include "resize.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* One output pixel in f64, straight from the definition: half-pixel centres, edges repeated. */
static double interpolated(const uint8_t *image, int height, int width, int size, int y, int x) {
    double position[2] = {(y + 0.5) * height / size - 0.5, (x + 0.5) * width / size - 0.5};
    int extent[2] = {height, width}, low[2], high[2];
    double weight[2];
    for (int axis = 0; axis < 2; axis++) {
        double clamped = fmin(fmax(position[axis], 0), extent[axis] - 1);
        low[axis] = (int)floor(clamped);
        high[axis] = low[axis] + 1 < extent[axis] ? low[axis] + 1 : low[axis];
        weight[axis] = clamped - low[axis];
    }
    double top =
        image[low[0] * width + low[1]] * (1 - weight[1]) + image[low[0] * width + high[1]] * weight[1];
    double foot =
        image[high[0] * width + low[1]] * (1 - weight[1]) + image[high[0] * width + high[1]] * weight[1];
    return (top * (1 - weight[0]) + foot * weight[0]) / 255;
}

static void fill_pixels(uint8_t *image, int count) {
    for (int i = 0; i < count; i++)
        image[i] = (uint8_t)(i * 37 + 11);
}

/* The three calls that resize one plane. */
static bool resize_once(int height, int width, int size, const uint8_t *image, float *result) {
    wn_resize *resize;
    wn_status status = wn_resize_create(height, width, size, &resize);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return false;
    for (int i = 0; i < size * size; i++)
        result[i] = NAN;
    wn_resize_plane(resize, image, result);
    wn_resize_destroy(resize);
    return true;
}

static void check_against_definition(void) {
    static const int sides[] = {1, 2, 3, 5, 7, 8, 13, 28, 31, 96};
    enum { COUNT = sizeof sides / sizeof *sides, LARGEST = 96 };
    static uint8_t image[LARGEST * LARGEST];
    static float got[LARGEST * LARGEST];
    fill_pixels(image, LARGEST * LARGEST);
    for (int c = 0; c < COUNT * COUNT * COUNT; c++) {
        int height = sides[c % COUNT], width = sides[c / COUNT % COUNT], size = sides[c / COUNT / COUNT];
        if (!resize_once(height, width, size, image, got))
            continue;
        double worst = 0;
        for (int i = 0; i < size * size; i++) {
            double error = fabs(got[i] - interpolated(image, height, width, size, i / size, i % size));
            worst = error <= worst ? worst : isnan(error) ? INFINITY : error;
        }
        /* Positions are computed in f32, as PyTorch does: up to 96 pixels, 2^-24 relative, times the
         * contrast. */
        CHECK(worst < 3e-5, "%dx%d to %d: off by %g", height, width, size, worst);
        if (height == size && width == size)
            CHECK(worst < 1e-7, "%dx%d unchanged: off by %g", height, width, worst);
    }
}

/* torch.nn.functional.interpolate(x / 255, size=(S, S), mode="bilinear", align_corners=False) in
 * PyTorch 1.13. */
static const struct {
    int height, width, size;
    float expected[25];
} from_pytorch[] = {
    {2, 3, 5, {0.0431372561f, 0.101176478f, 0.188235313f, 0.275294125f, 0.333333343f,
               0.0866666734f, 0.144705892f, 0.231764719f, 0.318823546f, 0.376862764f,
               0.260784328f,  0.318823546f, 0.405882388f, 0.492941201f, 0.550980389f,
               0.434901983f,  0.492941201f, 0.580000043f, 0.667058825f, 0.725098073f,
               0.478431374f,  0.536470592f, 0.623529434f, 0.710588276f, 0.768627465f}},
    {7,
     5,
     3,
     {0.575163364f, 0.147712454f, 0.38954249f, 0.260130763f, 0.501960814f, 0.743790805f, 0.614379168f,
      0.856209159f, 0.428758025f}},
    {4,
     4,
     4,
     {0.0431372561f, 0.188235298f, 0.333333343f, 0.478431374f, 0.623529434f, 0.768627465f, 0.913725495f,
      0.0549019612f, 0.200000003f, 0.345098048f, 0.490196079f, 0.635294139f, 0.78039217f, 0.925490201f,
      0.0666666701f, 0.211764708f}},
    {1, 1, 2, {0.0431372561f, 0.0431372561f, 0.0431372561f, 0.0431372561f}},
};

static void check_against_pytorch(void) {
    uint8_t image[64];
    float got[25];
    fill_pixels(image, 64);
    for (size_t c = 0; c < sizeof from_pytorch / sizeof *from_pytorch; c++) {
        int height = from_pytorch[c].height, width = from_pytorch[c].width, size = from_pytorch[c].size;
        if (!resize_once(height, width, size, image, got))
            continue;
        for (int i = 0; i < size * size; i++)
            CHECK(fabsf(got[i] - from_pytorch[c].expected[i]) <= 2e-7f,
                  "%dx%d to %d, pixel %d: %.9g, expected %.9g", height, width, size, i, (double)got[i],
                  (double)from_pytorch[c].expected[i]);
    }
}

static void check_refused_sizes(void) {
    wn_resize *resize;
    for (int zero = 0; zero < 3; zero++) {
        wn_status status = wn_resize_create(zero != 0, zero != 1, zero != 2, &resize);
        CHECK(status.code == WN_ERROR_INVALID && !resize, "size 0 in place %d: %s", zero, status.message);
    }
    wn_resize_destroy(NULL);
}

static void check_synthetic(uint64_t seed) {
    enum { PIXELS = 28 * 28 };
    wn_dataset data, again;
    wn_status status = wn_dataset_synthetic(seed, 1000, 300, &data);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    int per_class[10] = {0}, dark[10] = {0};
    for (int i = 0; i < 1000; i++) {
        per_class[data.train.labels[i]]++;
        int64_t sum = 0;
        for (int p = 0; p < PIXELS; p++)
            sum += data.train.images[(size_t)i * PIXELS + (size_t)p];
        dark[data.train.labels[i]] += sum < 10 * PIXELS;
    }
    for (int c = 0; c < 10; c++)
        CHECK(per_class[c] == 100 && dark[c] == 0, "class %d: %d of 1000, expected 100; %d nearly empty", c,
              per_class[c], dark[c]);
    /* A pure function of (seed, index): other counts change nothing, another seed everything. */
    CHECK(!wn_failed(wn_dataset_synthetic(seed, 20, 30, &again)), "out of memory");
    CHECK(memcmp(data.train.images, again.train.images, 20 * PIXELS) == 0,
          "training images depend on the count");
    CHECK(memcmp(data.test.images, again.test.images, 30 * PIXELS) == 0, "test images depend on the count");
    CHECK(memcmp(data.train.images, data.test.images, PIXELS) != 0, "test images repeat training images");
    wn_dataset_free(&again);
    CHECK(!wn_failed(wn_dataset_synthetic(seed + 1, 20, 30, &again)), "out of memory");
    for (int i = 0; i < 20; i++)
        CHECK(memcmp(data.train.images + i * PIXELS, again.train.images + i * PIXELS, PIXELS) != 0,
              "image %d is the same with another seed", i);
    wn_dataset_free(&again);
    uint8_t image[PIXELS];
    wn_synthetic_draw(seed, 123, image);
    CHECK(memcmp(image, data.train.images + 123 * PIXELS, PIXELS) == 0, "image 123 drawn alone differs");
    wn_dataset_free(&data);
    status = wn_dataset_synthetic(seed, 0, 10, &data);
    CHECK(status.code == WN_ERROR_INVALID && !data.train.images, "no training images: %s", status.message);
    status = wn_dataset_synthetic(seed, 10, -1, &data);
    CHECK(status.code == WN_ERROR_INVALID && !data.train.images, "-1 test images: %s", status.message);
}

static void check_opening(void) {
    wn_dataset data;
    wn_status status = wn_dataset_open(&(wn_dataset_options){.name = NULL}, &data);
    CHECK(
        !wn_failed(status) && data.train.count == WN_SYNTHETIC_TRAIN && data.test.count == WN_SYNTHETIC_TEST,
        "default: %s, %lld + %lld", status.message, (long long)data.train.count, (long long)data.test.count);
    wn_dataset_free(&data);
    status = wn_dataset_open(&(wn_dataset_options){.name = "synthetic", .limit = 50}, &data);
    CHECK(!wn_failed(status) && data.train.count == 50 && data.test.count == WN_SYNTHETIC_TEST,
          "limit 50: %s, %lld", status.message, (long long)data.train.count);
    wn_dataset_free(&data);
}

/* Check sums (zlib's CRC-32) of pixels and labels as published. */
static const struct {
    const char *folder;
    unsigned long train_images, train_labels, test_images, test_labels;
} published[] = {
    {"mnist", 0xf3639b56, 0xba07e8ef, 0xe4ca5f57, 0xee8604d9},
    {"fashion-mnist", 0xae65dccd, 0x2ed6e46a, 0x12728439, 0x242bc73f},
};

static unsigned long check_sum(const uint8_t *bytes, int64_t count) {
    return crc32(crc32(0, NULL, 0), bytes, (unsigned)count);
}

/* Data sets lie in WINNOW_DATA, else beside the source tree; what is not there is skipped. */
static void check_real_data(void) {
    const char *given = getenv("WINNOW_DATA");
    const char *root = given ? given : WN_SOURCE_ROOT "/../shared/data";
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        char folder[1024];
        snprintf(folder, sizeof folder, "%s/%s", root, published[i].folder);
        struct stat info;
        if (stat(folder, &info) != 0) {
            printf("skipped: no %s; WINNOW_DATA names the folder it is in\n", folder);
            check_skipped++;
            continue;
        }
        wn_dataset data;
        wn_status status = wn_dataset_open(&(wn_dataset_options){.name = folder}, &data);
        if (!CHECK(!wn_failed(status), "%s", status.message))
            continue;
        CHECK(data.train.count == 60000 && data.test.count == 10000 && data.height == 28 && data.width == 28,
              "%s: %lld + %lld images of %dx%d", folder, (long long)data.train.count,
              (long long)data.test.count, data.height, data.width);
        CHECK(check_sum(data.train.images, data.train.count * 784) == published[i].train_images, "%s",
              folder);
        CHECK(check_sum(data.train.labels, data.train.count) == published[i].train_labels, "%s", folder);
        CHECK(check_sum(data.test.images, data.test.count * 784) == published[i].test_images, "%s", folder);
        CHECK(check_sum(data.test.labels, data.test.count) == published[i].test_labels, "%s", folder);
        wn_dataset_free(&data);
    }
}

int main(void) {
    uint64_t seed = check_seed();
    check_against_definition();
    check_against_pytorch();
    check_refused_sizes();
    check_synthetic(seed);
    check_opening();
    check_real_data();
    return check_finish("check_data");
}
