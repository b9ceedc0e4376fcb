/* Draws for augmentation, and what of it does not belong to resizing and placing. */
#include "augment.h"
#include "data.h"
#include "philox.h"
#include "random.h"

#include <math.h>

enum { CROP_TRIES = 10, GAMMA_TRIES = 64 };

wn_status wn_augmentation_check(const wn_augmentation *a, int size) {
    if (a->pad < 0 || a->pad >= size)
        return wn_error(WN_ERROR_INVALID, "padding before the crop is %d, expected 0 to below the size %d",
                        a->pad, size);
    if (!(a->crop >= 0 && a->crop <= 1))
        return wn_error(WN_ERROR_INVALID, "least share of a random crop is %g, expected 0 to 1",
                        (double)a->crop);
    if (!(a->jitter >= 0 && a->jitter <= 1))
        return wn_error(WN_ERROR_INVALID, "jitter of colours is %g, expected 0 to 1", (double)a->jitter);
    if (a->cutout < 0 || a->cutout > 2 * size)
        return wn_error(WN_ERROR_INVALID, "side of cutout is %d, expected 0 to twice the size %d", a->cutout,
                        size);
    if (!(a->mixup == 0 || (a->mixup >= 1e-6f && isfinite(a->mixup))))
        return wn_error(WN_ERROR_INVALID, "alpha of mixup is %g, expected 0, or at least 1e-6",
                        (double)a->mixup);
    return wn_ok();
}

/* A whole number in [0, count) by one word. */
static int below(uint32_t word, int count) {
    return (int)((uint64_t)word * (uint32_t)count >> 32);
}

/* As torchvision draws it: ten tries, then the middle. */
static void draw_part(float least, uint64_t seed, uint64_t epoch, int64_t image, wn_draw *d) {
    int height = d->height, width = d->width;
    for (uint64_t try = 0; try < CROP_TRIES; try++) {
        uint32_t words[4];
        wn_random_words(seed, WN_STREAM_CROP | epoch << 8, (uint64_t)image | try << 56, words);
        double share = (double)least + (1 - (double)least) * (double)wn_philox_uniform(words[0]);
        double area = share * height * width;
        double ratio = pow(4.0 / 3, 2 * (double)wn_philox_uniform(words[1]) - 1);
        int w = (int)lrint(sqrt(area * ratio)), h = (int)lrint(sqrt(area / ratio));
        if (w < 1 || h < 1 || w > width || h > height)
            continue;
        *d = (wn_draw){.top = below(words[2], height - h + 1),
                       .left = below(words[3], width - w + 1),
                       .height = h,
                       .width = w};
        return;
    }
    int side = height < width ? height : width;
    d->top = (height - side) / 2;
    d->left = (width - side) / 2;
    d->height = d->width = side;
}

static void draw_jitter(float strength, uint64_t seed, uint64_t epoch, int64_t image, wn_draw *d) {
    uint32_t words[4];
    wn_random_words(seed, WN_STREAM_JITTER | epoch << 8, (uint64_t)image, words);
    d->jittered = true;
    d->brightness = 1 + strength * (2 * wn_philox_uniform(words[0]) - 1);
    d->contrast = 1 + strength * (2 * wn_philox_uniform(words[1]) - 1);
    d->saturation = 1 + strength * (2 * wn_philox_uniform(words[2]) - 1);
}

static int within(int value, int size) {
    return value < 0 ? 0 : value > size ? size : value;
}

/* The square's middle lies anywhere in the image, so that parts of it may lie outside. */
static void draw_square(int side, int size, uint64_t seed, uint64_t epoch, int64_t image, wn_draw *d) {
    uint32_t words[4];
    wn_random_words(seed, WN_STREAM_CUTOUT | epoch << 8, (uint64_t)image, words);
    int top = below(words[0], size) - side / 2, left = below(words[1], size) - side / 2;
    d->cut_top = within(top, size);
    d->cut_left = within(left, size);
    d->cut_bottom = within(top + side, size);
    d->cut_right = within(left + side, size);
}

wn_draw wn_augment_draw(const wn_augmentation *a, uint64_t seed, int epoch, int64_t image, int height,
                        int width, int size) {
    wn_draw d = {.height = height, .width = width};
    uint64_t of = (uint64_t)epoch;
    if (epoch == 0)
        return d;
    if (a->crop > 0)
        draw_part(a->crop, seed, of, image, &d);
    if (a->jitter > 0)
        draw_jitter(a->jitter, seed, of, image, &d);
    uint32_t words[4];
    wn_random_words(seed, WN_STREAM_AUGMENT | of << 8, (uint64_t)image, words);
    d.dy = below(words[0], 2 * a->pad + 1) - a->pad;
    d.dx = below(words[1], 2 * a->pad + 1) - a->pad;
    d.flip = a->flip && words[2] >> 31;
    if (a->cutout > 0)
        draw_square(a->cutout, size, seed, of, image, &d);
    return d;
}

/* Uniform in (0, 1). */
static double inner(uint32_t word) {
    return ((double)word + 0.5) * 0x1p-32;
}

/* The logarithm of a number from the gamma distribution of this shape: Marsaglia and Tsang, "A Simple Method
 * for Generating Gamma Variables", 2000; below 1 by section 6, in logarithms, since small shapes give numbers
 * that are too small to be told from 0. */
static double log_gamma_variate(double shape, uint64_t seed, uint64_t stream, uint64_t index) {
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (uint64_t try = 0; try < GAMMA_TRIES; try++) {
        uint32_t words[4];
        wn_random_words(seed, stream, index | try << 56, words);
        double x = sqrt(-2 * log(inner(words[0]))) * cos(2 * M_PI * inner(words[1]));
        double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        if (v > 0 && log(inner(words[2])) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + (shape < 1 ? log(inner(words[3])) / shape : 0);
    }
    return log(d);
}

float wn_augment_share(float alpha, uint64_t seed, int epoch, int64_t image) {
    uint64_t stream = WN_STREAM_MIXUP | (uint64_t)epoch << 8, second = (uint64_t)1 << 55;
    double a = log_gamma_variate((double)alpha, seed, stream, (uint64_t)image),
           b = log_gamma_variate((double)alpha, seed, stream, (uint64_t)image | second);
    return (float)(1 / (1 + exp(b - a)));
}

static float clamped(float value) {
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

static float luma_of(const float *planes, int channels, int64_t pixels, int64_t i) {
    return channels == 1 ? planes[i]
                         : wn_luma[0] * planes[i] + wn_luma[1] * planes[pixels + i] +
                               wn_luma[2] * planes[2 * pixels + i];
}

void wn_augment_jitter(const wn_draw *d, float *planes, int channels, int64_t pixels) {
    if (!d->jittered)
        return;
    double sum = 0;
    for (int64_t i = 0; i < channels * pixels; i++)
        planes[i] = clamped(planes[i] * d->brightness);
    for (int64_t i = 0; i < pixels; i++)
        sum += (double)luma_of(planes, channels, pixels, i);
    float mean = (float)(sum / (double)pixels);
    for (int64_t i = 0; i < channels * pixels; i++)
        planes[i] = clamped(mean + (planes[i] - mean) * d->contrast);
    for (int64_t i = 0; i < pixels && channels > 1; i++) {
        float grey = luma_of(planes, channels, pixels, i);
        for (int c = 0; c < channels; c++)
            planes[c * pixels + i] = clamped(grey + (planes[c * pixels + i] - grey) * d->saturation);
    }
}

void wn_augment_cut(const wn_draw *d, float *planes, int channels, int size) {
    for (int c = 0; c < channels; c++, planes += size * size)
        for (int y = d->cut_top; y < d->cut_bottom; y++)
            for (int x = d->cut_left; x < d->cut_right; x++)
                planes[y * size + x] = 0;
}
