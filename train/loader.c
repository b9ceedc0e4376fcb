/* Batches: every image of one is prepared by one thread, from its bytes to normalised floats. */
#include "loader.h"
#include "pool.h"
#include "resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a thread works in. */
typedef struct workbench {
    wn_resize *resize;
    float *planes; /* the resized image, [channels of the data set][size][size] */
} workbench;

struct wn_loader {
    const wn_dataset *dataset;
    wn_loader_options options;
    float mean[WN_CHANNELS_MAX], std[WN_CHANNELS_MAX];
    workbench *benches; /* one per thread of the pool, and one for a thread beside it */
    int bench_count;
};

/* One call of wn_loader_fill, as the threads see it. */
typedef struct filling {
    wn_loader *loader;
    const wn_split_data *split;
    const int64_t *order;
    int batch, epoch;
    float *images;
    int32_t *labels;
} filling;

static wn_draw draw_for(const wn_loader *loader, int64_t image, int epoch) {
    const wn_loader_options *o = &loader->options;
    return wn_augment_draw(&o->augmentation, o->seed, epoch, image, loader->dataset->height,
                           loader->dataset->width, o->size);
}

/* Three planes become one, in the place of the first. */
static void turn_grey(float *planes, size_t pixels) {
    const float *green = planes + pixels, *blue = green + pixels;
    for (size_t i = 0; i < pixels; i++)
        planes[i] = wn_luma[0] * planes[i] + wn_luma[1] * green[i] + wn_luma[2] * blue[i];
}

static void reverse(float *row, int length) {
    for (int i = 0, j = length - 1; i < j; i++, j--) {
        float swapped = row[i];
        row[i] = row[j];
        row[j] = swapped;
    }
}

/* One plane, cropped, flipped and normalised. Beyond its edges it is black. */
static void place(const float *plane, int size, wn_draw d, float mean, float std, float *target) {
    int begin = d.dx < 0 ? -d.dx : 0, end = d.dx > 0 ? size - d.dx : size;
    float black = (0 - mean) / std;
    for (int y = 0; y < size; y++, target += size) {
        const float *source = plane + (ptrdiff_t)(y + d.dy) * size + d.dx;
        bool inside = y + d.dy >= 0 && y + d.dy < size;
        for (int x = 0; x < (inside ? begin : size); x++)
            target[x] = black;
        for (int x = begin; inside && x < end; x++)
            target[x] = (source[x] - mean) / std;
        for (int x = end; inside && x < size; x++)
            target[x] = black;
        if (d.flip)
            reverse(target, size);
    }
}

static void prepare(const wn_loader *loader, const workbench *bench, const uint8_t *source, wn_draw d,
                    float *target) {
    const wn_dataset *dataset = loader->dataset;
    int size = loader->options.size, channels = loader->options.channels;
    size_t source_plane = (size_t)dataset->height * (size_t)dataset->width;
    size_t plane = (size_t)size * (size_t)size;
    wn_resize_part(bench->resize, d.top, d.left, d.height, d.width);
    for (int c = 0; c < dataset->channels; c++)
        wn_resize_plane(bench->resize, source + (size_t)c * source_plane, bench->planes + (size_t)c * plane);
    if (channels < dataset->channels)
        turn_grey(bench->planes, plane);
    wn_augment_jitter(&d, bench->planes, channels < dataset->channels ? channels : dataset->channels,
                      (int64_t)plane);
    for (int c = 0; c < channels; c++)
        place(bench->planes + (c < dataset->channels ? (size_t)c : 0) * plane, size, d, loader->mean[c],
              loader->std[c], target + (size_t)c * plane);
    wn_augment_cut(&d, target, channels, size);
}

/* The images [begin, end) of the batch. */
static void fill_part(const filling *work, const workbench *bench, long begin, long end) {
    const wn_loader *loader = work->loader;
    const wn_dataset *dataset = loader->dataset;
    size_t source_image = (size_t)dataset->channels * (size_t)dataset->height * (size_t)dataset->width;
    size_t image =
        (size_t)loader->options.channels * (size_t)loader->options.size * (size_t)loader->options.size;
    for (long n = begin; n < end; n++) {
        int64_t number = work->order[n];
        prepare(loader, bench, work->split->images + (size_t)number * source_image,
                draw_for(loader, number, work->epoch), work->images + (size_t)n * image);
        work->labels[n] = work->split->labels[number];
    }
}

static void fill(void *context, int tid, int threads) {
    const filling *work = context;
    long begin, end;
    wn_split(work->batch, tid, threads, &begin, &end);
    fill_part(work, &work->loader->benches[tid], begin, end);
}

void wn_loader_fill(wn_loader *loader, const wn_split_data *split, const int64_t *order, int batch, int epoch,
                    float *images, int32_t *labels) {
    filling work = {loader, split, order, batch, epoch, images, labels};
    wn_pool_run(loader->options.pool, fill, &work);
}

void wn_loader_fill_alone(wn_loader *loader, const wn_split_data *split, const int64_t *order, int batch,
                          int epoch, float *images, int32_t *labels) {
    filling work = {loader, split, order, batch, epoch, images, labels};
    fill_part(&work, &loader->benches[loader->bench_count - 1], 0, batch);
}

/* One call of wn_loader_mix, as the threads see it. */
typedef struct mixing {
    const wn_loader *loader;
    const int64_t *order;
    int batch, epoch;
    float *images;
    int32_t *labels, *others;
    float *shares;
} mixing;

/* What is left of the image and its label beside those of its partner. */
static float settle_labels(const mixing *work, long n, int32_t own, int32_t partner) {
    const wn_loader_options *o = &work->loader->options;
    float share = wn_augment_share(o->augmentation.mixup, o->seed, work->epoch, work->order[n]);
    bool most = share >= 0.5f;
    work->labels[n] = most ? own : partner;
    work->others[n] = most ? partner : own;
    work->shares[n] = most ? share : 1 - share;
    return share;
}

/* The pairs [begin, end) of the batch. */
static void mix_part(const mixing *work, long begin, long end) {
    const wn_loader_options *o = &work->loader->options;
    size_t image = (size_t)o->channels * (size_t)o->size * (size_t)o->size;
    for (long n = begin; n < end; n++) {
        long m = work->batch - 1 - n;
        int32_t first = work->labels[n], second = work->labels[m];
        float *a = work->images + (size_t)n * image, *b = work->images + (size_t)m * image;
        if (n == m) {
            work->others[n] = first;
            work->shares[n] = 1;
            continue;
        }
        float of_a = settle_labels(work, n, first, second), of_b = settle_labels(work, m, second, first);
        for (size_t i = 0; i < image; i++) {
            float x = a[i], y = b[i];
            a[i] = of_a * x + (1 - of_a) * y;
            b[i] = of_b * y + (1 - of_b) * x;
        }
    }
}

static void mix(void *context, int tid, int threads) {
    const mixing *work = context;
    long begin, end;
    wn_split((work->batch + 1) / 2, tid, threads, &begin, &end);
    mix_part(work, begin, end);
}

void wn_loader_mix(wn_loader *loader, const int64_t *order, int batch, int epoch, float *images,
                   int32_t *labels, int32_t *others, float *shares) {
    mixing work = {loader, order, batch, epoch, images, labels, others, shares};
    wn_pool_run(loader->options.pool, mix, &work);
}

void wn_loader_mix_alone(wn_loader *loader, const int64_t *order, int batch, int epoch, float *images,
                         int32_t *labels, int32_t *others, float *shares) {
    mixing work = {loader, order, batch, epoch, images, labels, others, shares};
    mix_part(&work, 0, (batch + 1) / 2);
}

static wn_status check(const wn_dataset *dataset, const wn_loader_options *o) {
    int most = dataset->channels > 1 ? dataset->channels : WN_CHANNELS_MAX;
    if (dataset->channels > WN_CHANNELS_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s has %d channels, expected at most %d", dataset->name,
                        dataset->channels, WN_CHANNELS_MAX);
    if (o->channels != 1 && o->channels != most)
        return wn_error(WN_ERROR_INVALID, "%s: found %d channels for its images of %d, expected 1 or %d",
                        dataset->name, o->channels, dataset->channels, most);
    return wn_augmentation_check(&o->augmentation, o->size);
}

static wn_status settle_normalisation(wn_loader *loader) {
    const wn_normalisation *normalisation = &loader->options.normalisation;
    double mean[WN_CHANNELS_MAX] = {0}, std[WN_CHANNELS_MAX] = {1, 1, 1};
    if (normalisation->kind == WN_NORMALISE_MEASURED)
        wn_dataset_measure(loader->dataset, loader->options.channels, mean, std);
    for (int c = 0; c < loader->options.channels; c++) {
        bool given = normalisation->kind == WN_NORMALISE_GIVEN;
        loader->mean[c] = given ? normalisation->mean[c] : (float)mean[c];
        loader->std[c] = given ? normalisation->std[c] : (float)std[c];
        if (!isfinite(loader->mean[c]) || !isfinite(loader->std[c]) || loader->std[c] <= 0)
            return wn_error(
                WN_ERROR_INVALID,
                "%s: channel %d has mean %g and standard deviation %g, expected a deviation above 0",
                loader->dataset->name, c, (double)loader->mean[c], (double)loader->std[c]);
    }
    return wn_ok();
}

static wn_status open_benches(wn_loader *loader) {
    const wn_dataset *dataset = loader->dataset;
    int size = loader->options.size;
    loader->bench_count = wn_pool_threads(loader->options.pool) + 1;
    loader->benches = calloc((size_t)loader->bench_count, sizeof *loader->benches);
    for (int i = 0; loader->benches && i < loader->bench_count; i++) {
        workbench *bench = &loader->benches[i];
        WN_TRY(wn_resize_create(dataset->height, dataset->width, size, &bench->resize));
        bench->planes = calloc((size_t)dataset->channels * (size_t)size * (size_t)size, sizeof(float));
        if (!bench->planes)
            break;
    }
    if (!loader->benches || !loader->benches[loader->bench_count - 1].planes)
        return wn_error(WN_ERROR_MEMORY, "out of memory for images of %dx%d", size, size);
    return wn_ok();
}

wn_status wn_loader_create(const wn_dataset *dataset, const wn_loader_options *options, wn_loader **result) {
    *result = NULL;
    WN_TRY(check(dataset, options));
    wn_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return wn_error(WN_ERROR_MEMORY, "out of memory for a loader");
    loader->dataset = dataset;
    loader->options = *options;
    wn_status status = open_benches(loader);
    if (!wn_failed(status))
        status = settle_normalisation(loader);
    if (wn_failed(status)) {
        wn_loader_destroy(loader);
        return status;
    }
    *result = loader;
    return wn_ok();
}

void wn_loader_destroy(wn_loader *loader) {
    if (!loader)
        return;
    for (int i = 0; loader->benches && i < loader->bench_count; i++) {
        wn_resize_destroy(loader->benches[i].resize);
        free(loader->benches[i].planes);
    }
    free(loader->benches);
    free(loader);
}

const float *wn_loader_mean(const wn_loader *loader) {
    return loader->mean;
}

const float *wn_loader_std(const wn_loader *loader) {
    return loader->std;
}
