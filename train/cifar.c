/* Reading CIFAR-10 and CIFAR-100 in their binary versions (A. Krizhevsky, "Learning Multiple Layers of
 * Features from Tiny Images", 2009): records of one or two labels and 32x32 bytes of red, green and blue; raw
 * or gzip. */
#include "data_file.h"
#include "data_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, CHANNELS = 3, IMAGE = CHANNELS * SIDE * SIDE, BLOCK = 1000, MOST_LABELS = 2 };

/* The two sets. The last label of a record is the one that counts. */
typedef struct form {
    const char *train[6], *test; /* file names, the former NULL-terminated */
    const char *names;           /* of the classes, one a line */
    int labels, classes;
} form;

static const form forms[] = {
    {{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
      NULL},
     "test_batch.bin",
     "batches.meta.txt",
     1,
     10},
    {{"train.bin", NULL}, "test.bin", "fine_label_names.txt", 2, 100},
};

static wn_status grow(wn_split_data *split, int64_t by, const char *path) {
    uint8_t *images = realloc(split->images, (size_t)(split->count + by) * IMAGE);
    if (images)
        split->images = images;
    uint8_t *labels = realloc(split->labels, (size_t)(split->count + by));
    if (labels)
        split->labels = labels;
    return images && labels ? wn_ok() : wn_error(WN_ERROR_MEMORY, "%s: no memory for its images", path);
}

/* Takes the records of one block over into the split, which has room for them; the file's begin with number
 * `first` there. */
static wn_status take(const form *f, const char *path, const uint8_t *block, int64_t records, int64_t first,
                      wn_split_data *split) {
    for (int64_t i = 0; i < records; i++, split->count++) {
        const uint8_t *record = block + i * (f->labels + IMAGE);
        uint8_t label = record[f->labels - 1];
        if (label >= f->classes)
            return wn_error(WN_ERROR_FORMAT, "%s: label %d of image %lld, expected 0 to %d", path, label,
                            (long long)(split->count - first), f->classes - 1);
        split->labels[split->count] = label;
        memcpy(split->images + split->count * IMAGE, record + f->labels, IMAGE);
    }
    return wn_ok();
}

static wn_status read_records(const form *f, wn_data_file *file, uint8_t *block, wn_split_data *split) {
    int64_t record = f->labels + IMAGE, got, before = split->count;
    do {
        WN_TRY(wn_data_file_read(file, block, BLOCK * record, &got));
        if (got % record)
            return wn_error(WN_ERROR_FORMAT,
                            "%s: truncated: ends after %lld bytes of record %lld, expected %lld in each",
                            file->path, (long long)(got % record),
                            (long long)(split->count - before + got / record), (long long)record);
        WN_TRY(grow(split, got / record, file->path));
        WN_TRY(take(f, file->path, block, got / record, before, split));
    } while (got == BLOCK * record);
    if (split->count == before)
        return wn_error(WN_ERROR_FORMAT, "%s: empty, expected records of %lld bytes", file->path,
                        (long long)record);
    return wn_ok();
}

static wn_status read_file(const form *f, const char *folder, const char *name, wn_split_data *split) {
    char path[WN_DATA_PATH];
    WN_TRY(wn_data_file_find(folder, (const char *const[]){name, NULL}, path));
    if (!path[0])
        return wn_error(WN_ERROR_IO, "%s: no file %s (raw or .gz)", folder, name);
    uint8_t *block = malloc((size_t)BLOCK * (MOST_LABELS + IMAGE));
    if (!block)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for reading", path);
    wn_data_file file = {.stream = NULL};
    wn_status status = wn_data_file_open(path, &file);
    if (!wn_failed(status))
        status = read_records(f, &file, block, split);
    wn_status closed = wn_data_file_close(&file);
    free(block);
    return wn_failed(status) ? status : closed;
}

static wn_status read_all(const form *f, const char *folder, wn_dataset *dataset) {
    for (int i = 0; f->train[i]; i++)
        WN_TRY(read_file(f, folder, f->train[i], &dataset->train));
    WN_TRY(read_file(f, folder, f->test, &dataset->test));
    return wn_dataset_read_names(folder, f->names, dataset);
}

/* The form whose first file is there. */
static wn_status find_form(const char *folder, const form **found) {
    *found = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !*found; i++) {
        char path[WN_DATA_PATH];
        WN_TRY(wn_data_file_find(folder, (const char *const[]){forms[i].train[0], NULL}, path));
        if (path[0])
            *found = &forms[i];
    }
    return wn_ok();
}

wn_status wn_dataset_is_cifar(const char *folder, bool *is) {
    const form *f;
    WN_TRY(find_form(folder, &f));
    *is = f != NULL;
    return wn_ok();
}

wn_status wn_dataset_read_cifar(const char *folder, int64_t limit, wn_dataset *dataset) {
    *dataset = (wn_dataset){.channels = CHANNELS, .height = SIDE, .width = SIDE};
    const form *f;
    WN_TRY(wn_dataset_check_folder(folder));
    WN_TRY(find_form(folder, &f));
    if (!f)
        return wn_error(WN_ERROR_IO, "%s: no file %s (CIFAR-10) or %s (CIFAR-100), raw or .gz", folder,
                        forms[0].train[0], forms[1].train[0]);
    dataset->classes = f->classes;
    wn_dataset_name_after(folder, dataset);
    wn_status status = read_all(f, folder, dataset);
    if (wn_failed(status))
        wn_dataset_free(dataset);
    else
        wn_dataset_keep_first(&dataset->train, limit, IMAGE);
    return status;
}
