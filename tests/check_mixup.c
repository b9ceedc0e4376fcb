/* Mixup: shares are distributed as Beta says, images and labels are mixed as the definition says, by whoever
 * does it, and a run learns from them. */
#include "augment.h"
#include "check_pool.h"
#include "loader.h"
#include "selected_isa.h"
#include "trainer.h"

#include <math.h>
#include <string.h>

enum { IMAGES = 9, SIZE = 6, PIXELS = SIZE * SIZE };

/* Mean 1/2 and variance 1 / (4 (2 alpha + 1)) of Beta(alpha, alpha); and the chance to be below 1/10, where
 * it is known. Bounds are five deviations of the estimates or more. */
static void check_shares(void) {
    static const struct {
        float alpha;
        double below;
    } cases[] = {{1, 0.1}, {2, 0.028}, {0.5f, 0.20483276469913}, {0.2f, NAN}, {8, NAN}};
    const int draws = 40000;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double mean = 0, square = 0, below = 0, variance = 1 / (4 * (2 * (double)cases[c].alpha + 1));
        for (int i = 0; i < draws; i++) {
            double share = (double)wn_augment_share(cases[c].alpha, 11, 1 + i % 3, i / 3);
            CHECK(share >= 0 && share <= 1, "alpha %g: share %g", (double)cases[c].alpha, share);
            mean += share / draws;
            square += (share - 0.5) * (share - 0.5) / draws;
            below += (share < 0.1) / (double)draws;
        }
        CHECK(fabs(mean - 0.5) < 5 * sqrt(variance / draws), "alpha %g: mean %g", (double)cases[c].alpha,
              mean);
        CHECK(fabs(square - variance) < 0.03 * variance, "alpha %g: variance %g, expected %g",
              (double)cases[c].alpha, square, variance);
        if (!isnan(cases[c].below))
            CHECK(fabs(below - cases[c].below) < 5 * sqrt(0.25 / draws),
                  "alpha %g: %g below 0.1, expected %g", (double)cases[c].alpha, below, cases[c].below);
    }
    /* where the gammas themselves are too small for floating point */
    int ends = 0;
    for (int i = 0; i < 1000; i++) {
        float share = wn_augment_share(1e-5f, 3, 1, i);
        CHECK(share >= 0 && share <= 1, "alpha 1e-5: share %g", (double)share);
        ends += share < 1e-6f || share > 1 - 1e-6f;
    }
    CHECK(ends > 990, "alpha 1e-5: %d of 1000 shares are nearly 0 or 1", ends);
    CHECK(wn_augment_share(1, 3, 1, 5) == wn_augment_share(1, 3, 1, 5) &&
              wn_augment_share(1, 3, 1, 5) != wn_augment_share(1, 3, 2, 5) &&
              wn_augment_share(1, 3, 1, 5) != wn_augment_share(1, 4, 1, 5) &&
              wn_augment_share(1, 3, 1, 5) != wn_augment_share(1, 3, 1, 6),
          "a share is not a function of seed, epoch and image");
}

static uint8_t pixels[IMAGES * PIXELS], classes[IMAGES];

static wn_dataset make_data(void) {
    for (int i = 0; i < IMAGES * PIXELS; i++)
        pixels[i] = (uint8_t)(1 + (i * 37 + i / 91) % 251);
    for (int i = 0; i < IMAGES; i++)
        classes[i] = (uint8_t)(i % 4);
    return (wn_dataset){.name = "made",
                        .channels = 1,
                        .height = SIZE,
                        .width = SIZE,
                        .classes = 4,
                        .train = {.count = IMAGES, .images = pixels, .labels = classes}};
}

typedef struct batch {
    float images[IMAGES * PIXELS], shares[IMAGES];
    int32_t labels[IMAGES], others[IMAGES];
} batch;

static void fill(wn_loader *loader, const wn_dataset *data, const int64_t *order, int count, batch *b) {
    wn_loader_fill(loader, &data->train, order, count, 2, b->images, b->labels);
}

/* The batch beside what it was before, by the definition. */
static void check_by_hand(const batch *before, const batch *after, const int64_t *order, int count) {
    for (int n = 0; n < count; n++) {
        int m = count - 1 - n;
        double share = n == m ? 1 : (double)wn_augment_share(0.7f, 21, 2, order[n]);
        int32_t own = before->labels[n], partner = before->labels[m];
        bool most = share >= 0.5;
        CHECK(after->labels[n] == (most ? own : partner) && after->others[n] == (most ? partner : own) &&
                  fabs((double)after->shares[n] - fmax(share, 1 - share)) < 1e-7,
              "image %d of %d: labels %d and %d with share %g", n, count, after->labels[n], after->others[n],
              (double)after->shares[n]);
        double worst = 0;
        for (int i = 0; i < PIXELS; i++)
            worst = fmax(worst, fabs((double)after->images[n * PIXELS + i] -
                                     (share * (double)before->images[n * PIXELS + i] +
                                      (1 - share) * (double)before->images[m * PIXELS + i])));
        CHECK(worst < 1e-6, "image %d of %d is %g off its mixture", n, count, worst);
    }
}

static void check_batches(void) {
    static batch before, pooled, alone;
    static const int64_t order[IMAGES] = {4, 8, 0, 7, 2, 5, 1, 3, 6};
    wn_dataset data = make_data();
    for (int threads = 1; threads <= 2; threads++) {
        wn_pool *pool = check_pool_of(threads);
        wn_loader *loader;
        wn_status status = wn_loader_create(
            &data,
            &(wn_loader_options){
                .size = SIZE, .channels = 1, .seed = 21, .pool = pool, .augmentation = {.mixup = 0.7f}},
            &loader);
        if (!CHECK(!wn_failed(status), "%s", status.message))
            return;
        for (int count = 1; count <= IMAGES; count += count == 1 ? 7 : 1) {
            fill(loader, &data, order, count, &before);
            fill(loader, &data, order, count, &pooled);
            fill(loader, &data, order, count, &alone);
            wn_loader_mix(loader, order, count, 2, pooled.images, pooled.labels, pooled.others,
                          pooled.shares);
            wn_loader_mix_alone(loader, order, count, 2, alone.images, alone.labels, alone.others,
                                alone.shares);
            check_by_hand(&before, &pooled, order, count);
            CHECK(!memcmp(pooled.images, alone.images, sizeof *pooled.images * (size_t)(count * PIXELS)) &&
                      !memcmp(pooled.shares, alone.shares, sizeof *pooled.shares * (size_t)count),
                  "%d images by %d threads: others than by one beside them", count, threads);
        }
        wn_loader_destroy(loader);
        wn_pool_destroy(pool);
    }
}

/* Mixed labels have an entropy that a loss cannot fall below; evaluation sees none of it. */
static void check_training(void) {
    wn_pool *pool = check_pool_of(2);
    wn_recipe recipe = wn_recipe_of(wn_net_find("mnist-cnn", NULL));
    recipe.batch = 16;
    recipe.epochs = 6;
    wn_train_options options = {.net = "mnist-cnn",
                                .limit = 800,
                                .test_limit = 300,
                                .recipe = recipe,
                                .seed = 3,
                                .pool = pool,
                                .isa = selected_isa()};
    wn_train_result plain, mixed, tiny;
    wn_status status = wn_train(&options, &plain);
    CHECK(!wn_failed(status), "%s", status.message);
    options.recipe.augmentation.mixup = 1;
    status = wn_train(&options, &mixed);
    CHECK(!wn_failed(status) && mixed.test_accuracy > 0.65 && mixed.loss > plain.loss + 0.3,
          "mixed: test accuracy %g, loss %g; not mixed: %g, %g; %s", mixed.test_accuracy, mixed.loss,
          plain.test_accuracy, plain.loss, status.message);
    /* pairs of which one has it all: the order of the images apart, nothing is mixed */
    options.recipe.augmentation.mixup = 1e-6f;
    status = wn_train(&options, &tiny);
    CHECK(!wn_failed(status) && tiny.test_accuracy > 0.65 && tiny.loss < mixed.loss - 0.2,
          "hardly mixed: test accuracy %g, loss %g; %s", tiny.test_accuracy, tiny.loss, status.message);
    options.recipe.augmentation.mixup = -1;
    status = wn_train(&options, &tiny);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "mixup is -1"), "%s", status.message);
    wn_pool_destroy(pool);
}

int main(void) {
    check_shares();
    check_batches();
    check_training();
    return check_finish("check_mixup");
}
