/* From a file of weights to a network that computes. */
#include "saved.h"
#include "checkpoint.h"
#include "recipe.h"

#include <stdlib.h>
#include <string.h>

static void take_number(const wn_safetensors *file, const char *key, int *value) {
    const char *text = wn_safetensors_metadata(file, key);
    if (*value == 0 && text)
        *value = atoi(text);
}

/* Means or deviations as a checkpoint writes them, one number a channel with commas between: how many; 0
 * where they are something else. */
static int read_reals(const char *text, float *values) {
    for (int c = 0; text && c < WN_CHANNELS_MAX; c++) {
        char *end;
        values[c] = strtof(text, &end);
        if (end == text)
            return 0;
        if (*end != ',')
            return *end ? 0 : c + 1;
        text = end + 1;
    }
    return 0;
}

wn_normalisation wn_saved_normalisation(const wn_saved *saved) {
    const char *mean = wn_safetensors_metadata(saved->file, "mean"),
               *std = wn_safetensors_metadata(saved->file, "std");
    wn_normalisation found = {.kind = WN_NORMALISE_GIVEN};
    if (saved->options.normalisation)
        return *saved->options.normalisation;
    if (read_reals(mean, found.mean) && read_reals(std, found.std))
        return found;
    return wn_recipe_of(saved->net).normalisation;
}

/* Means of other channels than the network takes say that it is not the one that was trained. */
static wn_status check_channels(const wn_saved *saved) {
    const wn_saved_options *o = &saved->options;
    float means[WN_CHANNELS_MAX];
    int count = read_reals(wn_safetensors_metadata(saved->file, "mean"), means);
    return o->normalisation || !count || count == o->channels
               ? wn_ok()
               : wn_error(WN_ERROR_INVALID,
                          "%s: found means of %d channels, expected %d as the network takes", o->weights,
                          count, o->channels);
}

wn_status wn_saved_loader(wn_saved *saved, const wn_dataset *data, wn_pool *pool, wn_loader **loader) {
    wn_saved_options *of = &saved->options;
    if (of->channels == 0)
        of->channels = wn_net_channels(saved->net, data->channels);
    WN_TRY(check_channels(saved));
    return wn_loader_create(data,
                            &(wn_loader_options){.size = of->size,
                                                 .channels = of->channels,
                                                 .normalisation = wn_saved_normalisation(saved),
                                                 .pool = pool},
                            loader);
}

int wn_saved_classes(const wn_saved *saved) {
    int classes = 0;
    take_number(saved->file, "classes", &classes);
    return classes > 0 ? classes : saved->net->default_classes;
}

/* What was not asked for comes from the file. */
static wn_status settle(wn_saved *saved) {
    wn_saved_options *o = &saved->options;
    const char *recorded = wn_safetensors_metadata(saved->file, "network");
    o->net = o->net ? o->net : recorded;
    if (!o->variant && o->net && recorded && !strcmp(o->net, recorded))
        o->variant = wn_safetensors_metadata(saved->file, "variant");
    if (!o->net)
        return wn_error(WN_ERROR_INVALID, "%s: does not say which network it is of; name it", o->weights);
    if (o->net == recorded && !wn_net_find(o->net, o->variant))
        return wn_error(WN_ERROR_FORMAT,
                        "%s: is of network '%.64s', variant '%.40s', which is not known here (winnow list)",
                        o->weights, o->net, o->variant ? o->variant : "");
    WN_TRY(wn_net_require(o->net, o->variant, &saved->net));
    int shortcut = (int)o->shortcut;
    take_number(saved->file, "shortcut", &shortcut);
    take_number(saved->file, "width divisor", &o->width_divisor);
    take_number(saved->file, "size", &o->size);
    take_number(saved->file, "channels", &o->channels);
    if (shortcut < 0 || shortcut > WN_SHORTCUT_C || o->width_divisor < 0 || o->size < 0 || o->size > 16384 ||
        o->channels < 0 || o->channels > WN_CHANNELS_MAX)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: its metadata give shortcut %d, width divisor %d, size %d, channels %d",
                        o->weights, shortcut, o->width_divisor, o->size, o->channels);
    o->shortcut = (wn_shortcut)shortcut;
    o->size = o->size ? o->size : saved->net->default_size;
    return wn_ok();
}

wn_status wn_saved_open(const wn_saved_options *options, wn_saved *saved) {
    *saved = (wn_saved){.options = *options};
    WN_TRY(wn_safetensors_read(options->weights, &saved->file));
    return settle(saved);
}

/* Why weights may not fit. */
static wn_status explain(const wn_saved *saved, int classes, wn_status status) {
    const char *net = wn_safetensors_metadata(saved->file, "network");
    if (net && strcmp(net, saved->net->name) != 0)
        return wn_error(status.code, "%.350s; the file is of %.60s, not of %s", status.message, net,
                        saved->net->name);
    if (net && wn_saved_classes(saved) != classes)
        return wn_error(status.code, "%.350s; the file is of a network for %d classes, expected %d",
                        status.message, wn_saved_classes(saved), classes);
    return status;
}

wn_status wn_saved_build(wn_saved *saved, int classes) {
    const wn_saved_options *o = &saved->options;
    saved->graph = wn_graph_create();
    if (!saved->graph)
        return wn_error(WN_ERROR_MEMORY, "no memory for the graph of %s", o->net);
    saved->net->build(saved->graph, &(wn_net_options){.channels = o->channels,
                                                      .height = o->size,
                                                      .width = o->size,
                                                      .classes = classes,
                                                      .shortcut = o->shortcut,
                                                      .width_divisor = o->width_divisor,
                                                      .hidden_divisor = 1});
    WN_TRY(wn_graph_status(saved->graph));
    WN_TRY(wn_model_create(saved->graph, &saved->model));
    wn_status status = wn_checkpoint_has_average(saved->file)
                           ? wn_checkpoint_load_average(saved->file, saved->model)
                           : wn_checkpoint_load(saved->file, saved->model);
    return status.code == WN_ERROR_FORMAT ? explain(saved, classes, status) : status;
}

void wn_saved_close(wn_saved *saved) {
    wn_model_destroy(saved->model);
    wn_graph_destroy(saved->graph);
    wn_safetensors_close(saved->file);
    *saved = (wn_saved){.net = NULL};
}

/* The images [first, end) in batches of one size. */
static wn_status run_batches(const wn_saved *saved, const wn_saved_run *run, wn_loader *loader,
                             const wn_split_data *split, const int64_t *order, int64_t first, int64_t end,
                             int batch, float *logits) {
    wn_tape *tape;
    if (first == end)
        return wn_ok();
    WN_TRY(wn_tape_compile(saved->model,
                           &(wn_tape_options){.batch = batch,
                                              .isa = run->isa,
                                              .pool = run->pool,
                                              .pick = run->pick,
                                              .pick_context = run->pick_context},
                           &tape));
    for (; first < end; first += batch) {
        wn_loader_fill(loader, split, order + first, batch, 0, wn_tape_input(tape), wn_tape_labels(tape));
        wn_tape_run(tape);
        wn_tape_logits(tape, logits);
        run->take(run->context, first, batch, logits, wn_tape_loss(tape));
    }
    wn_tape_destroy(tape);
    return wn_ok();
}

wn_status wn_saved_infer(const wn_saved *saved, const wn_saved_run *run, wn_loader *loader,
                         const wn_split_data *split, const int64_t *order, int64_t count) {
    int batch = run->batch < count ? run->batch : (int)count;
    int64_t whole = count - count % batch;
    float *logits = calloc((size_t)batch * (size_t)run->classes, sizeof *logits);
    if (!logits)
        return wn_error(WN_ERROR_MEMORY, "no memory for the outputs of %d images", batch);
    wn_status status = run_batches(saved, run, loader, split, order, 0, whole, batch, logits);
    if (!wn_failed(status))
        status = run_batches(saved, run, loader, split, order, whole, count, (int)(count - whole), logits);
    free(logits);
    return status;
}
