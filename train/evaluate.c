/* From a file of weights and a folder of images to a confusion matrix. */
#include "evaluate.h"
#include "checkpoint.h"
#include "recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that is open. */
typedef struct work {
    wn_evaluation_options options; /* filled in from the file */
    const wn_net *net;
    wn_safetensors *file;
    wn_dataset dataset;
    wn_graph *graph;
    wn_model *model;
    wn_loader *loader;
    int64_t *order;
    float *logits; /* of one batch */
} work;

static void take_number(const wn_safetensors *file, const char *key, int *value) {
    const char *text = wn_safetensors_metadata(file, key);
    if (*value == 0 && text)
        *value = atoi(text);
}

/* Means or deviations as a checkpoint writes them: one number a channel with commas between. */
static bool read_reals(const char *text, float *values) {
    for (int c = 0; text && c < WN_CHANNELS_MAX; c++) {
        char *end;
        values[c] = strtof(text, &end);
        if (end == text)
            return false;
        text = *end == ',' ? end + 1 : NULL;
    }
    return text == NULL;
}

static wn_normalisation normalisation_of(const work *w) {
    const char *mean = wn_safetensors_metadata(w->file, "mean"),
               *std = wn_safetensors_metadata(w->file, "std");
    wn_normalisation found = {.kind = WN_NORMALISE_GIVEN};
    if (w->options.normalisation)
        return *w->options.normalisation;
    if (mean && std && read_reals(mean, found.mean) && read_reals(std, found.std))
        return found;
    return wn_recipe_of(w->net).normalisation;
}

/* What was not asked for comes from the file. */
static wn_status settle(work *w) {
    wn_evaluation_options *o = &w->options;
    if (!o->net) {
        o->net = wn_safetensors_metadata(w->file, "network");
        o->variant = o->variant ? o->variant : wn_safetensors_metadata(w->file, "variant");
    }
    if (!o->net)
        return wn_error(WN_ERROR_INVALID, "%s: does not say which network it is of; name it", o->weights);
    WN_TRY(wn_net_require(o->net, o->variant, &w->net));
    int shortcut = (int)o->shortcut;
    take_number(w->file, "shortcut", &shortcut);
    take_number(w->file, "width divisor", &o->width_divisor);
    take_number(w->file, "size", &o->size);
    take_number(w->file, "channels", &o->channels);
    if (shortcut < 0 || shortcut > WN_SHORTCUT_C || o->width_divisor < 0 || o->size < 0 || o->size > 16384)
        return wn_error(WN_ERROR_FORMAT, "%s: its metadata give shortcut %d, width divisor %d, size %d",
                        o->weights, shortcut, o->width_divisor, o->size);
    o->shortcut = (wn_shortcut)shortcut;
    o->size = o->size ? o->size : w->net->default_size;
    o->batch = o->batch ? o->batch : w->net->default_batch;
    return wn_ok();
}

static wn_status load_data(work *w) {
    wn_evaluation_options *o = &w->options;
    WN_TRY(wn_dataset_open(&(wn_dataset_options){.name = o->data,
                                                 .side = o->image_side ? o->image_side : o->size,
                                                 .strict = o->strict,
                                                 .test_preferred = true,
                                                 .split_seed = o->split_seed,
                                                 .pool = o->pool},
                           &w->dataset));
    if (o->limit > 0 && o->limit < w->dataset.test.count)
        w->dataset.test.count = o->limit;
    if (o->batch > w->dataset.test.count)
        o->batch = (int)w->dataset.test.count;
    if (o->channels == 0)
        o->channels = w->net->default_channels > 1 ? w->net->default_channels : w->dataset.channels;
    w->order = calloc((size_t)w->dataset.test.count, sizeof *w->order);
    w->logits = calloc((size_t)o->batch * (size_t)w->dataset.classes, sizeof *w->logits);
    if (!w->order || !w->logits)
        return wn_error(WN_ERROR_MEMORY, "no memory for evaluating %lld images",
                        (long long)w->dataset.test.count);
    for (int64_t i = 0; i < w->dataset.test.count; i++)
        w->order[i] = i;
    return wn_loader_create(
        &w->dataset,
        &(wn_loader_options){
            .size = o->size, .channels = o->channels, .normalisation = normalisation_of(w), .pool = o->pool},
        &w->loader);
}

static wn_status load_model(work *w) {
    const wn_evaluation_options *o = &w->options;
    w->graph = wn_graph_create();
    if (!w->graph)
        return wn_error(WN_ERROR_MEMORY, "no memory for the graph of %s", o->net);
    w->net->build(w->graph, &(wn_net_options){.channels = o->channels,
                                              .height = o->size,
                                              .width = o->size,
                                              .classes = w->dataset.classes,
                                              .shortcut = o->shortcut,
                                              .width_divisor = o->width_divisor,
                                              .hidden_divisor = 1});
    WN_TRY(wn_graph_status(w->graph));
    WN_TRY(wn_model_create(w->graph, &w->model));
    return wn_checkpoint_has_average(w->file) ? wn_checkpoint_load_average(w->file, w->model)
                                              : wn_checkpoint_load(w->file, w->model);
}

/* Counts the first maximum of every image. */
static void count(const work *w, int64_t first, int batch, wn_evaluation *result) {
    int classes = w->dataset.classes;
    for (int n = 0; n < batch; n++) {
        const float *logits = w->logits + (int64_t)n * classes;
        int best = 0;
        for (int c = 1; c < classes; c++)
            best = logits[c] > logits[best] ? c : best;
        int label = w->dataset.test.labels[first + n];
        result->confusion[(int64_t)label * classes + best]++;
        result->correct += best == label;
    }
}

/* The images [first, end) in batches of one size. */
static wn_status run_batches(work *w, int64_t first, int64_t end, int batch, wn_evaluation *result) {
    const wn_evaluation_options *o = &w->options;
    wn_tape *tape;
    if (first == end)
        return wn_ok();
    WN_TRY(wn_tape_compile(
        w->model,
        &(wn_tape_options){
            .batch = batch, .isa = o->isa, .pool = o->pool, .pick = o->pick, .pick_context = o->pick_context},
        &tape));
    for (; first < end; first += batch) {
        wn_loader_fill(w->loader, &w->dataset.test, w->order + first, batch, 0, wn_tape_input(tape),
                       wn_tape_labels(tape));
        wn_tape_run(tape);
        wn_tape_logits(tape, w->logits);
        result->loss += wn_tape_loss(tape) * batch;
        count(w, first, batch, result);
    }
    wn_tape_destroy(tape);
    return wn_ok();
}

static wn_status evaluate(work *w, wn_evaluation *result) {
    WN_TRY(wn_safetensors_read(w->options.weights, &w->file));
    WN_TRY(settle(w));
    WN_TRY(load_data(w));
    WN_TRY(load_model(w));
    int classes = result->classes = w->dataset.classes;
    result->images = w->dataset.test.count;
    snprintf(result->net, sizeof result->net, "%s", w->net->name);
    snprintf(result->data, sizeof result->data, "%s", w->dataset.name);
    result->skipped = w->dataset.skipped;
    memcpy(result->first_skipped, w->dataset.first_skipped, sizeof result->first_skipped);
    result->confusion = calloc((size_t)classes * (size_t)classes, sizeof *result->confusion);
    result->class_names = calloc((size_t)classes, sizeof *result->class_names);
    if (!result->confusion || !result->class_names)
        return wn_error(WN_ERROR_MEMORY, "no memory for the confusion matrix of %d classes", classes);
    for (int c = 0; c < classes; c++) {
        char text[WN_CLASS_NAME];
        snprintf(result->class_names[c], WN_CLASS_NAME, "%s", wn_dataset_class(&w->dataset, c, text));
    }
    int batch = w->options.batch;
    int64_t whole = result->images - result->images % batch;
    WN_TRY(run_batches(w, 0, whole, batch, result));
    WN_TRY(run_batches(w, whole, result->images, (int)(result->images - whole), result));
    result->loss /= (double)result->images;
    return wn_ok();
}

wn_status wn_evaluate(const wn_evaluation_options *options, wn_evaluation *result) {
    work w = {.options = *options};
    *result = (wn_evaluation){.classes = 0};
    wn_status status = evaluate(&w, result);
    if (wn_failed(status))
        wn_evaluation_free(result);
    wn_model_destroy(w.model);
    wn_graph_destroy(w.graph);
    wn_loader_destroy(w.loader);
    wn_dataset_free(&w.dataset);
    wn_safetensors_close(w.file);
    free(w.order);
    free(w.logits);
    return status;
}

void wn_evaluation_free(wn_evaluation *result) {
    free(result->confusion);
    free(result->class_names);
    *result = (wn_evaluation){.classes = 0};
}
