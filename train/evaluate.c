/* From a file of weights and a folder of images to a confusion matrix. */
#include "evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that is open. */
typedef struct work {
    const wn_evaluation_options *options;
    wn_evaluation *result;
    wn_saved saved;
    wn_dataset dataset;
    wn_loader *loader;
    int64_t *order;
} work;

static wn_status load_data(work *w) {
    const wn_evaluation_options *o = w->options;
    WN_TRY(
        wn_dataset_open(&(wn_dataset_options){.name = o->data,
                                              .side = o->image_side ? o->image_side : w->saved.options.size,
                                              .strict = o->strict,
                                              .test_preferred = true,
                                              .split_seed = o->split_seed,
                                              .pool = o->pool},
                        &w->dataset));
    if (o->limit > 0 && o->limit < w->dataset.test.count)
        w->dataset.test.count = o->limit;
    w->order = calloc((size_t)w->dataset.test.count, sizeof *w->order);
    if (!w->order)
        return wn_error(WN_ERROR_MEMORY, "no memory for evaluating %lld images",
                        (long long)w->dataset.test.count);
    for (int64_t i = 0; i < w->dataset.test.count; i++)
        w->order[i] = i;
    return wn_saved_loader(&w->saved, &w->dataset, o->pool, &w->loader);
}

/* Counts the first maximum of every image. */
static void count(void *context, int64_t first, int batch, const float *logits, double loss) {
    const work *w = context;
    wn_evaluation *result = w->result;
    int classes = result->classes;
    result->loss += loss * batch;
    for (int n = 0; n < batch; n++, logits += classes) {
        int best = 0;
        for (int c = 1; c < classes; c++)
            best = logits[c] > logits[best] ? c : best;
        int label = w->dataset.test.labels[first + n];
        result->confusion[(int64_t)label * classes + best]++;
        result->correct += best == label;
    }
}

static wn_status begin_result(work *w) {
    wn_evaluation *result = w->result;
    int classes = result->classes = w->dataset.classes;
    result->images = w->dataset.test.count;
    snprintf(result->net, sizeof result->net, "%s", w->saved.net->name);
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
    return wn_ok();
}

static wn_status evaluate(work *w) {
    const wn_evaluation_options *o = w->options;
    WN_TRY(wn_saved_open(&o->of, &w->saved));
    WN_TRY(load_data(w));
    WN_TRY(wn_saved_build(&w->saved, w->dataset.classes));
    WN_TRY(begin_result(w));
    wn_saved_run run = {.batch = o->batch ? o->batch : w->saved.net->default_batch,
                        .classes = w->dataset.classes,
                        .pool = o->pool,
                        .isa = o->isa,
                        .pick = o->pick,
                        .pick_context = o->pick_context,
                        .take = count,
                        .context = w};
    WN_TRY(wn_saved_infer(&w->saved, &run, w->loader, &w->dataset.test, w->order, w->result->images));
    w->result->loss /= (double)w->result->images;
    return wn_ok();
}

wn_status wn_evaluate(const wn_evaluation_options *options, wn_evaluation *result) {
    work w = {.options = options, .result = result};
    *result = (wn_evaluation){.classes = 0};
    wn_status status = evaluate(&w);
    if (wn_failed(status))
        wn_evaluation_free(result);
    wn_loader_destroy(w.loader);
    wn_dataset_free(&w.dataset);
    wn_saved_close(&w.saved);
    free(w.order);
    return status;
}

void wn_evaluation_free(wn_evaluation *result) {
    free(result->confusion);
    free(result->class_names);
    *result = (wn_evaluation){.classes = 0};
}
