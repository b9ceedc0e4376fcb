/* From files of weights and images to the network's outputs. */
#include "predict.h"
#include "image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that is open. */
typedef struct work {
    const wn_prediction_options *options;
    wn_predictions *result;
    wn_saved saved;
    wn_dataset dataset; /* the images are those of its test split */
    wn_loader *loader;
    int64_t *order;
} work;

/* What the images of the training run were, from the file of weights; the network's input without it. */
static wn_status settle_shape(work *w) {
    const wn_saved_options *of = &w->saved.options;
    const char *text = wn_safetensors_metadata(w->saved.file, "image");
    wn_dataset *d = &w->dataset;
    d->channels = of->channels > 1 ? of->channels : 1;
    d->height = d->width = of->size;
    if (text && sscanf(text, "%dx%dx%d", &d->channels, &d->height, &d->width) != 3)
        d->channels = 0;
    if (d->channels != 1 && d->channels != 3)
        return wn_error(WN_ERROR_FORMAT, "%s: its images are '%.40s', expected CHANNELSxHEIGHTxWIDTH",
                        of->weights, text ? text : "not described");
    if (d->height < 1 || d->height > 16384 || d->width < 1 || d->width > 16384)
        return wn_error(WN_ERROR_FORMAT, "%s: its images are of %dx%d, expected 1x1 to 16384x16384",
                        of->weights, d->height, d->width);
    return wn_ok();
}

/* A single coloured picture makes them all coloured: what the loader does with colours is then the same. */
static wn_status look_for_colours(work *w) {
    const wn_prediction_options *o = w->options;
    for (int i = 0; i < o->file_count; i++) {
        wn_image_file file;
        WN_TRY(wn_image_open(o->files[i], &file));
        w->dataset.channels = file.channels > 1 ? 3 : w->dataset.channels;
        wn_image_close(&file);
    }
    return wn_ok();
}

/* Names of the classes as the file of weights has them, one a line; numbers without. */
static void name_classes(work *w) {
    const char *names = wn_safetensors_metadata(w->saved.file, "class names");
    for (int c = 0; c < w->result->classes; c++) {
        size_t length = names ? strcspn(names, "\n") : 0;
        if (length)
            snprintf(w->result->class_names[c], WN_CLASS_NAME, "%.*s", (int)length, names);
        else
            snprintf(w->result->class_names[c], WN_CLASS_NAME, "%d", c);
        names = names && names[length] ? names + length + 1 : NULL;
    }
}

static wn_status read_files(work *w) {
    const wn_prediction_options *o = w->options;
    wn_dataset *d = &w->dataset;
    WN_TRY(settle_shape(w));
    WN_TRY(look_for_colours(w));
    size_t image = (size_t)d->channels * (size_t)d->height * (size_t)d->width;
    d->classes = wn_saved_classes(&w->saved);
    d->test.count = o->file_count;
    d->test.images = calloc((size_t)o->file_count, image);
    d->test.labels = calloc((size_t)o->file_count, 1);
    if (!d->test.images || !d->test.labels)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d images of %dx%dx%d", o->file_count, d->channels,
                        d->height, d->width);
    for (int i = 0; i < o->file_count; i++)
        WN_TRY(
            wn_image_read(o->files[i], d->height, d->width, d->channels, d->test.images + (size_t)i * image));
    if (wn_saved_normalisation(&w->saved).kind == WN_NORMALISE_MEASURED)
        return wn_error(WN_ERROR_INVALID,
                        "%s: does not say how its training images were normalised; name mean and deviation",
                        w->saved.options.weights);
    return wn_ok();
}

static wn_status open_data(work *w) {
    const wn_prediction_options *o = w->options;
    return wn_dataset_open(
        &(wn_dataset_options){.name = o->data,
                              .side = o->image_side ? o->image_side : w->saved.options.size,
                              .strict = o->strict,
                              .test_preferred = true,
                              .split_seed = o->split_seed,
                              .pool = o->pool},
        &w->dataset);
}

/* Which images of the split are meant. */
static wn_status put_in_order(work *w) {
    const wn_prediction_options *o = w->options;
    int64_t test = w->dataset.test.count, count = o->file_count ? o->file_count : o->index_count;
    w->result->images = count;
    w->order = calloc((size_t)count + 1, sizeof *w->order);
    if (!w->order)
        return wn_error(WN_ERROR_MEMORY, "no memory for the order of %lld images", (long long)count);
    for (int64_t i = 0; i < count; i++) {
        w->order[i] = o->file_count ? i : o->indices[i];
        if (w->order[i] < 0 || w->order[i] >= test)
            return wn_error(WN_ERROR_INVALID, "no test image %lld, expected 0 to %lld of %s",
                            (long long)w->order[i], (long long)test - 1, w->dataset.name);
    }
    return wn_ok();
}

static wn_status begin_result(work *w) {
    wn_predictions *r = w->result;
    r->classes = w->dataset.classes;
    snprintf(r->net, sizeof r->net, "%s", w->saved.net->name);
    r->truth = calloc((size_t)r->images, sizeof *r->truth);
    r->logits = calloc((size_t)r->images * (size_t)r->classes, sizeof *r->logits);
    r->class_names = calloc((size_t)r->classes, sizeof *r->class_names);
    if (!r->truth || !r->logits || !r->class_names)
        return wn_error(WN_ERROR_MEMORY, "no memory for the outputs of %lld images", (long long)r->images);
    for (int64_t i = 0; i < r->images; i++)
        r->truth[i] = w->options->file_count ? -1 : w->dataset.test.labels[w->order[i]];
    for (int c = 0; c < r->classes && !w->options->file_count; c++) {
        char text[WN_CLASS_NAME];
        snprintf(r->class_names[c], WN_CLASS_NAME, "%s", wn_dataset_class(&w->dataset, c, text));
    }
    if (w->options->file_count)
        name_classes(w);
    return wn_ok();
}

static void keep(void *context, int64_t first, int count, const float *logits, double loss) {
    wn_predictions *r = context;
    (void)loss;
    memcpy(r->logits + first * r->classes, logits, (size_t)count * (size_t)r->classes * sizeof *logits);
}

static wn_status predict(work *w) {
    const wn_prediction_options *o = w->options;
    WN_TRY(wn_saved_open(&o->of, &w->saved));
    WN_TRY(o->file_count ? read_files(w) : open_data(w));
    WN_TRY(put_in_order(w));
    WN_TRY(wn_saved_loader(&w->saved, &w->dataset, o->pool, &w->loader));
    WN_TRY(wn_saved_build(&w->saved, w->dataset.classes));
    WN_TRY(begin_result(w));
    wn_saved_run run = {.batch = o->batch ? o->batch : w->saved.net->default_batch,
                        .classes = w->dataset.classes,
                        .pool = o->pool,
                        .isa = o->isa,
                        .pick = o->pick,
                        .pick_context = o->pick_context,
                        .take = keep,
                        .context = w->result};
    return wn_saved_infer(&w->saved, &run, w->loader, &w->dataset.test, w->order, w->result->images);
}

wn_status wn_predict(const wn_prediction_options *options, wn_predictions *result) {
    work w = {.options = options, .result = result};
    *result = (wn_predictions){.classes = 0};
    wn_status status = predict(&w);
    if (wn_failed(status))
        wn_predictions_free(result);
    wn_loader_destroy(w.loader);
    wn_dataset_free(&w.dataset);
    wn_saved_close(&w.saved);
    free(w.order);
    return status;
}

static int by_probability(const void *a, const void *b) {
    const wn_ranked *x = a, *y = b;
    if (x->probability > y->probability || x->probability < y->probability) /* NaN is neither */
        return x->probability > y->probability ? -1 : 1;
    return x->class - y->class;
}

void wn_predictions_rank(const wn_predictions *predictions, int64_t image, wn_ranked *ranked) {
    int classes = predictions->classes;
    const float *logits = predictions->logits + image * classes;
    double most = (double)logits[0], sum = 0;
    for (int c = 1; c < classes; c++)
        most = fmax(most, (double)logits[c]);
    for (int c = 0; c < classes; c++) {
        ranked[c] = (wn_ranked){c, exp((double)logits[c] - most)};
        sum += ranked[c].probability;
    }
    for (int c = 0; c < classes; c++)
        ranked[c].probability /= sum;
    qsort(ranked, (size_t)classes, sizeof *ranked, by_probability);
}

void wn_predictions_free(wn_predictions *result) {
    free(result->class_names);
    free(result->truth);
    free(result->logits);
    *result = (wn_predictions){.classes = 0};
}
