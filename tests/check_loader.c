/* Batches as the network sees them: order, labels, channels, normalisation, crops and flips, each against its
 * definition; and nothing depends on the number of threads or on the batch an image is in. */
#include "check_pool.h"
#include "loader.h"

#include <math.h>
#include <string.h>

enum { IMAGES = 64, SIDE = 9, PIXELS = SIDE * SIDE };

static uint8_t pixels[IMAGES * 3 * PIXELS], labels[IMAGES];

/* `channels` of every image are used. Pixels are never black, so that padding shows. */
static wn_dataset small_data(int channels) {
    for (int i = 0; i < IMAGES * channels * PIXELS; i++)
        pixels[i] = (uint8_t)(1 + i * 37 % 251);
    for (int i = 0; i < IMAGES; i++)
        labels[i] = (uint8_t)(i % 10);
    return (wn_dataset){.name = "small",
                        .channels = channels,
                        .height = SIDE,
                        .width = SIDE,
                        .classes = 10,
                        .train = {.count = IMAGES, .images = pixels, .labels = labels}};
}

/* Images order[0..batch), with everything fresh. */
static bool load(const wn_dataset *data, wn_loader_options options, const int64_t *order, int batch,
                 int epoch, float *images, int32_t *found_labels) {
    wn_loader *loader;
    wn_status status = wn_loader_create(data, &options, &loader);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return false;
    for (int i = 0; i < batch * options.channels * options.size * options.size; i++)
        images[i] = NAN;
    wn_loader_fill(loader, &data->train, order, batch, epoch, images, found_labels);
    wn_loader_destroy(loader);
    return true;
}

static void check_plain(wn_pool *pool) {
    const int64_t order[] = {63, 0, 17, 63};
    for (int channels = 1; channels <= 3; channels += 2) {
        wn_dataset data = small_data(channels);
        static float got[4 * 3 * PIXELS];
        int32_t got_labels[4];
        if (!load(&data, (wn_loader_options){.size = SIDE, .channels = channels, .pool = pool}, order, 4, 0,
                  got, got_labels))
            continue;
        for (int n = 0; n < 4; n++) {
            CHECK(got_labels[n] == order[n] % 10, "label %d: %d", n, got_labels[n]);
            for (int i = 0; i < channels * PIXELS; i++) {
                float want = (float)pixels[order[n] * channels * PIXELS + i] / 255;
                CHECK(got[n * channels * PIXELS + i] == want, "image %d, value %d: %g, expected %g", n, i,
                      (double)got[n * channels * PIXELS + i], (double)want);
            }
        }
    }
}

static void check_channels(wn_pool *pool) {
    const int64_t order[] = {5};
    float got[3 * PIXELS];
    int32_t label;
    wn_dataset grey = small_data(1);
    if (load(&grey, (wn_loader_options){.size = SIDE, .channels = 3, .pool = pool}, order, 1, 0, got, &label))
        for (int i = 0; i < 3 * PIXELS; i++)
            CHECK(got[i] == (float)pixels[5 * PIXELS + i % PIXELS] / 255, "grey as colour, value %d: %g", i,
                  (double)got[i]);
    wn_dataset colour = small_data(3);
    if (load(&colour, (wn_loader_options){.size = SIDE, .channels = 1, .pool = pool}, order, 1, 0, got,
             &label))
        for (int i = 0; i < PIXELS; i++) {
            const uint8_t *red = pixels + 5 * 3 * PIXELS + i;
            double luma = (0.299 * red[0] + 0.587 * red[PIXELS] + 0.114 * red[2 * PIXELS]) / 255;
            CHECK(fabs(got[i] - luma) < 3e-7, "colour as grey, pixel %d: %g, expected %g", i, (double)got[i],
                  luma);
        }
}

/* Measured normalisation leaves mean 0 and deviation 1 over the training images, whatever the channels. */
static void check_measured(wn_pool *pool) {
    static float got[IMAGES * 3 * PIXELS];
    int64_t order[IMAGES];
    int32_t found[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        order[i] = i;
    for (int have = 1; have <= 3; have += 2)
        for (int want = 1; want <= 3; want += 2) {
            wn_dataset data = small_data(have);
            if (!load(&data,
                      (wn_loader_options){.size = SIDE,
                                          .channels = want,
                                          .normalisation.kind = WN_NORMALISE_MEASURED,
                                          .pool = pool},
                      order, IMAGES, 0, got, found))
                continue;
            for (int c = 0; c < want; c++) {
                double sum = 0, squares = 0;
                for (int n = 0; n < IMAGES; n++)
                    for (int i = 0; i < PIXELS; i++) {
                        double value = (double)got[(n * want + c) * PIXELS + i];
                        sum += value;
                        squares += value * value;
                    }
                CHECK(fabs(sum / (IMAGES * PIXELS)) < 1e-5 && fabs(squares / (IMAGES * PIXELS) - 1) < 1e-4,
                      "%d channels as %d: channel %d has mean %g and mean square %g", have, want, c,
                      sum / (IMAGES * PIXELS), squares / (IMAGES * PIXELS));
            }
        }
}

/* Finds the shift and flip that explain an image; the padding has to be black everywhere. */
static bool explained(const float *got, const uint8_t *source, int pad, int *dy, int *dx, bool *flip) {
    for (int f = 0; f < 2; f++)
        for (int v = -pad; v <= pad; v++)
            for (int h = -pad; h <= pad; h++) {
                bool same = true;
                for (int i = 0; i < PIXELS && same; i++) {
                    int y = i / SIDE + v, x = (f ? SIDE - 1 - i % SIDE : i % SIDE) + h;
                    bool inside = y >= 0 && y < SIDE && x >= 0 && x < SIDE;
                    float want = inside ? (float)source[y * SIDE + x] / 255 : 0;
                    same = got[i] == (want - 0.25f) / 0.5f;
                }
                if (same) {
                    *dy = v;
                    *dx = h;
                    *flip = f;
                    return true;
                }
            }
    return false;
}

static wn_loader_options augmented(wn_pool *pool) {
    return (wn_loader_options){.size = SIDE,
                               .channels = 1,
                               .normalisation = {WN_NORMALISE_GIVEN, {0.25f}, {0.5f}},
                               .augmentation = {.pad = 2, .flip = true},
                               .seed = 11,
                               .pool = pool};
}

/* Every draw is a crop of the padded image, flipped or not; all of them occur, about equally often. */
static void check_augmentation(wn_pool *pool) {
    wn_dataset data = small_data(1);
    int64_t order[IMAGES];
    static float got[IMAGES * PIXELS];
    int32_t found[IMAGES];
    int rows[5] = {0}, columns[5] = {0}, flips = 0, seen = 0;
    for (int i = 0; i < IMAGES; i++)
        order[i] = i;
    for (int epoch = 1; epoch <= 20; epoch++) {
        if (!load(&data, augmented(pool), order, IMAGES, epoch, got, found))
            return;
        for (int n = 0; n < IMAGES; n++) {
            int dy, dx;
            bool flip;
            if (!CHECK(explained(got + n * PIXELS, pixels + n * PIXELS, 2, &dy, &dx, &flip),
                       "epoch %d, image %d is no crop of its padded self", epoch, n))
                continue;
            rows[dy + 2]++;
            columns[dx + 2]++;
            flips += flip;
            seen++;
        }
    }
    for (int i = 0; i < 5; i++) /* 256 expected, 14 the standard deviation */
        CHECK(abs(rows[i] - seen / 5) < 72 && abs(columns[i] - seen / 5) < 72,
              "shift %d: %d rows and %d columns of %d", i - 2, rows[i], columns[i], seen);
    CHECK(abs(flips - seen / 2) < 90, "%d of %d images are flipped", flips, seen);
}

static void check_repeatable(void) {
    wn_dataset data = small_data(1);
    int64_t order[IMAGES], backwards[IMAGES];
    static float first[IMAGES * PIXELS], other[IMAGES * PIXELS];
    int32_t found[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        backwards[IMAGES - 1 - i] = order[i] = i;
    for (int threads = 1; threads <= 3; threads++) {
        wn_pool *pool = check_pool_of(threads);
        load(&data, augmented(pool), order, IMAGES, 3, threads == 1 ? first : other, found);
        if (threads > 1)
            CHECK(!memcmp(first, other, sizeof first), "%d threads prepare other images than one", threads);
        load(&data, augmented(pool), backwards, IMAGES, 3, other, found);
        for (int n = 0; n < IMAGES; n++)
            CHECK(!memcmp(first + n * PIXELS, other + (IMAGES - 1 - n) * PIXELS, PIXELS * sizeof(float)),
                  "image %d depends on its place in the batch", n);
        load(&data, augmented(pool), order, IMAGES, 4, other, found);
        CHECK(memcmp(first, other, sizeof first), "epochs 3 and 4 are the same");
        wn_pool_destroy(pool);
    }
}

static void check_refused(wn_pool *pool) {
    wn_dataset data = small_data(1), dark = small_data(1);
    static uint8_t nothing[PIXELS];
    dark.train = (wn_split_data){.count = 1, .images = nothing, .labels = labels};
    const struct {
        const wn_dataset *data;
        const char *part;
        wn_loader_options options;
    } cases[] = {
        {&data, "2 channels", {.size = SIDE, .channels = 2, .pool = pool}},
        {&data, "padding", {.size = SIDE, .channels = 1, .augmentation.pad = SIDE, .pool = pool}},
        {&data, "padding", {.size = SIDE, .channels = 1, .augmentation.pad = -1, .pool = pool}},
        {&data,
         "deviation",
         {.size = SIDE, .channels = 1, .normalisation.kind = WN_NORMALISE_GIVEN, .pool = pool}},
        {&dark,
         "deviation",
         {.size = SIDE, .channels = 1, .normalisation.kind = WN_NORMALISE_MEASURED, .pool = pool}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_loader *loader;
        wn_status status = wn_loader_create(cases[i].data, &cases[i].options, &loader);
        CHECK(status.code == WN_ERROR_INVALID && !loader && strstr(status.message, cases[i].part),
              "'%s' lacks '%s'", status.message, cases[i].part);
    }
}

int main(void) {
    check_repeatable();
    wn_pool *pool = check_pool_of(2);
    check_plain(pool);
    check_channels(pool);
    check_measured(pool);
    check_augmentation(pool);
    check_refused(pool);
    wn_pool_destroy(pool);
    return check_finish("check_loader");
}
