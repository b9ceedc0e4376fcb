/* Folders of images to data sets in memory: every file is decoded once, at loading, on all threads. */
#include "cgroup.h"
#include "data_internal.h"
#include "image.h"
#include "image_list.h"
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_SIDE = 224 };

/* What is known of one file. */
typedef struct outcome {
    int height, width, channels; /* height 0: it could not be read */
} outcome;

/* The first of the files that could not be read, by its place in the list. */
typedef struct failure {
    int64_t at; /* -1: none */
    wn_status status;
} failure;

/* One split while it is read. */
typedef struct reading {
    const wn_image_list *list;
    outcome *outcomes; /* [list->count] */
    wn_split_data *split;
    int height, width, channels; /* to bring images to */
    atomic_long next;            /* file: threads take one after the other */
    bool strict;
    pthread_mutex_t lock; /* of the next two */
    failure fatal, skipped;
} reading;

typedef struct work {
    const wn_dataset_options *options;
    wn_dataset *dataset;
    wn_image_lists lists;
    reading train, test;
} work;

/* Whether a failure is the file's own fault, and may be passed over. */
static bool may_skip(const reading *r, const wn_status *status) {
    return status->code == WN_ERROR_FORMAT && !r->strict;
}

/* Whichever thread comes first, the first file's failure is kept. */
static void fail(reading *r, long i, const wn_status *status) {
    failure *f = may_skip(r, status) ? &r->skipped : &r->fatal;
    r->outcomes[i] = (outcome){0};
    pthread_mutex_lock(&r->lock);
    if (f->at < 0 || i < f->at)
        *f = (failure){i, *status};
    pthread_mutex_unlock(&r->lock);
}

static void probe(reading *r, long i) {
    wn_image_file file;
    wn_status status = wn_image_open(r->list->entries[i].path, &file);
    if (wn_failed(status))
        fail(r, i, &status);
    else
        r->outcomes[i] = (outcome){file.height, file.width, file.channels};
    wn_image_close(&file);
}

/* The image's bytes at their place in the split. */
static wn_status decode(const reading *r, long i) {
    size_t image = (size_t)r->height * (size_t)r->width * (size_t)r->channels;
    return wn_image_read(r->list->entries[i].path, r->height, r->width, r->channels,
                         r->split->images + (size_t)i * image);
}

static void probe_all(void *context, int tid, int threads) {
    reading *r = context;
    (void)tid, (void)threads;
    for (long i; (i = atomic_fetch_add(&r->next, 1)) < r->list->count;)
        probe(r, i);
}

static void decode_all(void *context, int tid, int threads) {
    reading *r = context;
    (void)tid, (void)threads;
    for (long i; (i = atomic_fetch_add(&r->next, 1)) < r->list->count;)
        if (r->outcomes[i].height) {
            wn_status status = decode(r, i);
            if (wn_failed(status))
                fail(r, i, &status);
        }
}

static void on_all_threads(wn_pool *pool, wn_task task, reading *r) {
    atomic_store(&r->next, 0);
    if (pool)
        wn_pool_run(pool, task, r);
    else
        task(r, 0, 1);
}

/* One size for all: see wn_dataset_read_images. */
static void settle_size(const work *w) {
    const reading *of[] = {&w->train, &w->test};
    int side = w->options->side ? w->options->side : DEFAULT_SIDE, height = 0, width = 0;
    bool same = true;
    w->dataset->channels = 1;
    for (int s = 0; s < 2; s++)
        for (int64_t i = 0; i < of[s]->list->count; i++) {
            const outcome *o = &of[s]->outcomes[i];
            if (!o->height)
                continue;
            same &= height == 0 || (o->height == height && o->width == width);
            height = o->height;
            width = o->width;
            w->dataset->channels = o->channels > 1 ? o->channels : w->dataset->channels;
        }
    bool kept = same && height <= 2 * side && width <= 2 * side;
    w->dataset->height = kept ? height : side;
    w->dataset->width = kept ? width : side;
}

static wn_status check_memory(const work *w) {
    const wn_dataset *d = w->dataset;
    int64_t count = w->lists.train.count + w->lists.test.count, bytes;
    double memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    const double limit = wn_cgroup_memory("");
    if (limit > 0 && limit < memory)
        memory = limit;
    const int64_t most = (int64_t)(memory / 2);
    int64_t image = (int64_t)d->channels * d->height * d->width;
    if (!__builtin_mul_overflow(count, image, &bytes) && bytes <= most)
        return wn_ok();
    return wn_error(
        WN_ERROR_MEMORY,
        "%s: %lld images of %dx%dx%d take %.1f GiB, expected at most %.1f, half of this machine's "
        "memory; smaller or fewer images would fit",
        w->options->name, (long long)count, d->channels, d->height, d->width,
        (double)count * (double)image / (1 << 30), (double)most / (1 << 30));
}

/* Closes the gaps that damaged files left, and counts them. */
static void close_gaps(work *w, reading *r) {
    size_t image = (size_t)r->height * (size_t)r->width * (size_t)r->channels;
    wn_split_data *split = r->split;
    for (int64_t i = 0; i < r->list->count; i++) {
        if (!r->outcomes[i].height) {
            if (w->dataset->skipped++ == 0)
                snprintf(w->dataset->first_skipped, sizeof w->dataset->first_skipped, "%s",
                         r->skipped.status.message);
            continue;
        }
        if (split->count < i)
            memcpy(split->images + (size_t)split->count * image, split->images + (size_t)i * image, image);
        split->labels[split->count++] = (uint8_t)r->list->entries[i].label;
    }
}

static wn_status read_split(work *w, reading *r) {
    r->height = w->dataset->height;
    r->width = w->dataset->width;
    r->channels = w->dataset->channels;
    size_t image = (size_t)r->height * (size_t)r->width * (size_t)r->channels;
    r->split->images = malloc((size_t)r->list->count * image);
    r->split->labels = malloc((size_t)r->list->count);
    if (!r->split->images || !r->split->labels)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its images", w->options->name);
    on_all_threads(w->options->pool, decode_all, r);
    if (r->fatal.at >= 0)
        return r->fatal.status;
    close_gaps(w, r);
    return r->split->count
               ? wn_ok()
               : wn_error(WN_ERROR_FORMAT, "%s: all %lld images of a split are damaged, the first: %s",
                          w->options->name, (long long)r->list->count, w->dataset->first_skipped);
}

static wn_status begin(work *w, const wn_image_list *list, wn_split_data *split, reading *r) {
    *r = (reading){.list = list,
                   .split = split,
                   .strict = w->options->strict,
                   .lock = PTHREAD_MUTEX_INITIALIZER,
                   .fatal = {.at = -1},
                   .skipped = {.at = -1}};
    r->outcomes = calloc((size_t)list->count, sizeof *r->outcomes);
    if (!r->outcomes)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for the list of its images", w->options->name);
    on_all_threads(w->options->pool, probe_all, r);
    return r->fatal.at >= 0 ? r->fatal.status : wn_ok();
}

static wn_status name_classes(work *w) {
    wn_dataset *dataset = w->dataset;
    dataset->classes = w->lists.class_count;
    dataset->class_names = calloc((size_t)dataset->classes, sizeof *dataset->class_names);
    if (!dataset->class_names)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for the names of its classes", w->options->name);
    for (int c = 0; c < dataset->classes; c++)
        snprintf(dataset->class_names[c], WN_CLASS_NAME, "%s", w->lists.classes[c]);
    return wn_ok();
}

static wn_status read_all(work *w, const char *folder) {
    WN_TRY(wn_image_lists_read(folder, w->options, &w->lists));
    if (w->options->limit > 0)
        wn_image_list_keep_first(&w->lists.train, w->options->limit);
    WN_TRY(begin(w, &w->lists.train, &w->dataset->train, &w->train));
    WN_TRY(begin(w, &w->lists.test, &w->dataset->test, &w->test));
    settle_size(w);
    WN_TRY(check_memory(w));
    WN_TRY(name_classes(w));
    WN_TRY(read_split(w, &w->train));
    return read_split(w, &w->test);
}

wn_status wn_dataset_is_images(const char *folder, bool *is) {
    return wn_image_folder_has_folders(folder, is);
}

wn_status wn_dataset_read_images(const char *folder, const wn_dataset_options *options, wn_dataset *dataset) {
    work w = {.options = options, .dataset = dataset};
    *dataset = (wn_dataset){0};
    WN_TRY(wn_dataset_check_folder(folder));
    wn_dataset_name_after(folder, dataset);
    wn_status status = read_all(&w, folder);
    wn_image_lists_free(&w.lists);
    free(w.train.outcomes);
    free(w.test.outcomes);
    if (wn_failed(status))
        wn_dataset_free(dataset);
    return status;
}
