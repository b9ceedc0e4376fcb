/* What chance does to training images: every draw keeps its bounds and its distribution, each change is its
 * definition's, and an image comes out the same whoever prepares it. */
#include "augment.h"
#include "check_pool.h"
#include "loader.h"
#include "resize.h"

#include <math.h>
#include <string.h>

enum { IMAGES = 40, HEIGHT = 24, WIDTH = 33, SOURCE = HEIGHT * WIDTH, SIZE = 16, PIXELS = SIZE * SIZE };

static uint8_t pixels[IMAGES * 3 * SOURCE], labels[IMAGES];

static wn_dataset make_data(void) {
    for (int i = 0; i < IMAGES * 3 * SOURCE; i++)
        pixels[i] = (uint8_t)(1 + (i * 37 + i / 91) % 251);
    return (wn_dataset){.name = "made",
                        .channels = 3,
                        .height = HEIGHT,
                        .width = WIDTH,
                        .classes = 2,
                        .train = {.count = IMAGES, .images = pixels, .labels = labels}};
}

/* Parts keep their share and proportions but for rounding, lie within, and are spread over what they may be.
 */
static void check_parts(void) {
    const int height = 300, width = 200, draws = 4000;
    const wn_augmentation a = {.crop = 0.2f};
    double shares = 0, tops = 0, ratios = 0;
    for (int i = 0; i < draws; i++) {
        wn_draw d = wn_augment_draw(&a, 5, 1 + i % 7, i, height, width, SIZE);
        double share = (double)d.height * d.width / (height * width), ratio = (double)d.width / d.height;
        CHECK(d.top >= 0 && d.left >= 0 && d.top + d.height <= height && d.left + d.width <= width,
              "draw %d: %d+%d, %d+%d", i, d.top, d.height, d.left, d.width);
        CHECK(share > 0.195 && ratio > 0.74 && ratio < 1.35, "draw %d: share %g, ratio %g", i, share, ratio);
        shares += share / draws;
        ratios += log(ratio) / draws;
        tops += d.height < height ? (double)d.top / (height - d.height) / draws : 0;
    }
    /* Uniform shares would have the mean .6; the widest parts of a tall image are drawn anew, so less. */
    CHECK(shares > 0.35 && shares < 0.6, "mean share %g", shares);
    CHECK(fabs(ratios) < 0.1 && fabs(tops - 0.5) < 0.03, "mean log ratio %g, mean height %g", ratios, tops);
    wn_draw none = wn_augment_draw(&a, 5, 0, 1, height, width, SIZE);
    CHECK(none.height == height && none.width == width && !none.flip && !none.jittered, "epoch 0 has a draw");
}

/* By hand: the part cut out, resized by a resize of its size. */
static void check_part_by_hand(wn_loader *loader, const wn_dataset *data, const wn_augmentation *a) {
    static uint8_t part[SOURCE];
    static float got[3 * PIXELS], want[PIXELS];
    for (int64_t n = 0; n < IMAGES; n++) {
        int32_t label;
        wn_draw d = wn_augment_draw(a, 11, 2, n, HEIGHT, WIDTH, SIZE);
        wn_loader_fill(loader, &data->train, &n, 1, 2, got, &label);
        for (int c = 0; c < 3; c++) {
            wn_resize *resize;
            wn_status status = wn_resize_create(d.height, d.width, SIZE, &resize);
            if (!CHECK(!wn_failed(status), "%s", status.message))
                return;
            for (int y = 0; y < d.height; y++)
                memcpy(part + y * d.width, pixels + (n * 3 + c) * SOURCE + (d.top + y) * WIDTH + d.left,
                       (size_t)d.width);
            wn_resize_plane(resize, part, want);
            wn_resize_destroy(resize);
            CHECK(!memcmp(want, got + c * PIXELS, sizeof want), "image %lld, channel %d: another part",
                  (long long)n, c);
        }
    }
}

static wn_loader *make_loader(const wn_dataset *data, wn_augmentation a, wn_pool *pool) {
    wn_loader *loader = NULL;
    wn_status status = wn_loader_create(
        data, &(wn_loader_options){.size = SIZE, .channels = 3, .augmentation = a, .seed = 11, .pool = pool},
        &loader);
    CHECK(!wn_failed(status), "%s", status.message);
    return loader;
}

static double luma(const double pixel[3]) {
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

static double clamp(double value) {
    return fmin(fmax(value, 0), 1);
}

/* Brightness, contrast around the mean luma, saturation around the pixel's own, each clamped; in f64. */
static void check_jitter(void) {
    const wn_augmentation a = {.jitter = 0.5f};
    double least = 2, most = 0;
    for (int n = 0; n < 200; n++) {
        static float planes[3 * PIXELS];
        static double want[PIXELS][3];
        wn_draw d = wn_augment_draw(&a, 3, 1, n, SIZE, SIZE, SIZE);
        double mean = 0;
        for (int i = 0; i < PIXELS; i++)
            for (int c = 0; c < 3; c++) {
                planes[c * PIXELS + i] = (float)((i * 7 + c * 50 + n) % 256) / 255;
                want[i][c] = clamp((double)planes[c * PIXELS + i] * (double)d.brightness);
            }
        for (int i = 0; i < PIXELS; i++)
            mean += luma(want[i]) / PIXELS;
        wn_augment_jitter(&d, planes, 3, PIXELS);
        double worst = 0;
        for (int i = 0; i < PIXELS; i++) {
            for (int c = 0; c < 3; c++)
                want[i][c] = clamp(mean + (want[i][c] - mean) * (double)d.contrast);
            double grey = luma(want[i]);
            for (int c = 0; c < 3; c++)
                worst = check_worst(worst, fabs(clamp(grey + (want[i][c] - grey) * (double)d.saturation) -
                                                (double)planes[c * PIXELS + i]));
        }
        CHECK(worst < 2e-6, "draw %d: off by %g", n, worst);
        least = fmin(least, fmin((double)d.brightness, fmin((double)d.contrast, (double)d.saturation)));
        most = fmax(most, fmax((double)d.brightness, fmax((double)d.contrast, (double)d.saturation)));
    }
    CHECK(least >= 0.5 && least < 0.52 && most <= 1.5 && most > 1.48, "factors from %g to %g", least, most);
}

/* Zeros fill a square whose middle is in the image, and nothing else. */
static void check_cutout(void) {
    const wn_augmentation a = {.cutout = 6};
    int rows[SIZE] = {0};
    for (int n = 0; n < 3000; n++) {
        static float planes[2 * PIXELS];
        wn_draw d = wn_augment_draw(&a, 3, 4, n, SIZE, SIZE, SIZE);
        for (int i = 0; i < 2 * PIXELS; i++)
            planes[i] = 1;
        wn_augment_cut(&d, planes, 2, SIZE);
        int height = d.cut_bottom - d.cut_top, width = d.cut_right - d.cut_left, zeros = 0, inside = 0;
        for (int i = 0; i < 2 * PIXELS; i++) {
            int y = i % PIXELS / SIZE, x = i % SIZE;
            zeros += planes[i] == 0;
            inside +=
                planes[i] == 0 && y >= d.cut_top && y < d.cut_bottom && x >= d.cut_left && x < d.cut_right;
        }
        CHECK(height >= 3 && height <= 6 && width >= 3 && width <= 6 && zeros == 2 * height * width &&
                  inside == zeros,
              "draw %d: %d zeros, %d inside, of %dx%d", n, zeros, inside, height, width);
        for (int y = d.cut_top; y < d.cut_bottom; y++)
            rows[y]++;
    }
    /* Of 16 middles 6 blank a row far from the edges, 3000 * 6 / 16 times; the first row has 4 of them. */
    CHECK(abs(rows[8] - 1125) < 120 && abs(rows[0] - 750) < 110, "row 8 is blank %d times, row 0 %d", rows[8],
          rows[0]);
}

/* All of it together, by one thread and by three, forwards and backwards. */
static void check_repeatable(const wn_dataset *data) {
    static float first[IMAGES * 3 * PIXELS], other[IMAGES * 3 * PIXELS];
    int64_t order[IMAGES];
    int32_t found[IMAGES];
    const wn_augmentation a = {.crop = 0.3f, .jitter = 0.4f, .pad = 2, .flip = true, .cutout = 5};
    for (int threads = 1; threads <= 3; threads += 2) {
        wn_pool *pool = check_pool_of(threads);
        wn_loader *loader = make_loader(data, a, pool);
        for (int i = 0; i < IMAGES; i++)
            order[i] = i;
        wn_loader_fill(loader, &data->train, order, IMAGES, 3, threads == 1 ? first : other, found);
        CHECK(threads == 1 || !memcmp(first, other, sizeof first), "%d threads prepare other images",
              threads);
        for (int64_t i = 0; i < IMAGES; i++) {
            int64_t n = IMAGES - 1 - i;
            wn_loader_fill(loader, &data->train, &n, 1, 3, other, found);
            CHECK(!memcmp(first + n * 3 * PIXELS, other, 3 * PIXELS * sizeof *other),
                  "image %lld depends on those before it", (long long)n);
        }
        wn_loader_fill(loader, &data->train, order, IMAGES, 4, other, found);
        CHECK(memcmp(first, other, sizeof first), "epochs 3 and 4 are the same");
        wn_loader_destroy(loader);
        wn_pool_destroy(pool);
    }
}

static void check_refused(void) {
    static const struct {
        wn_augmentation a;
        const char *part;
    } cases[] = {{{.pad = SIZE}, "padding"},           {{.pad = -1}, "padding"},
                 {{.crop = 1.5f}, "crop is 1.5"},      {{.crop = NAN}, "crop is nan"},
                 {{.jitter = 2}, "jitter of colours"}, {{.cutout = -3}, "cutout is -3"},
                 {{.mixup = -0.1f}, "mixup is -0.1"},  {{.mixup = INFINITY}, "mixup is inf"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_status status = wn_augmentation_check(&cases[i].a, SIZE);
        CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, cases[i].part), "'%s' lacks '%s'",
              status.message, cases[i].part);
    }
}

int main(void) {
    wn_dataset data = make_data();
    const wn_augmentation crop = {.crop = 0.1f};
    check_parts();
    check_jitter();
    check_cutout();
    check_repeatable(&data);
    check_refused();
    wn_pool *pool = check_pool_of(1);
    wn_loader *loader = make_loader(&data, crop, pool);
    check_part_by_hand(loader, &data, &crop);
    wn_loader_destroy(loader);
    wn_pool_destroy(pool);
    return check_finish("check_augment");
}
