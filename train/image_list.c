/* From folders to lists of image files: classes, splits and their order. */
#include "image_list.h"
#include "grow.h"
#include "random.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const train_names[] = {"train", "training", NULL};
static const char *const test_names[] = {"test", "testing", NULL};
static const char *const validation_names[] = {"val", "valid", "validation", NULL};

/* Names in a folder, sorted by bytes; owned. */
typedef struct names {
    char **of;
    int count, room;
} names;

static void free_names(names *list) {
    for (int i = 0; i < list->count; i++)
        free(list->of[i]);
    free(list->of);
    *list = (names){0};
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static wn_status no_memory(const char *folder) {
    return wn_error(WN_ERROR_MEMORY, "%s: no memory for the list of its images", folder);
}

static bool is_image(const char *name) {
    const char *ending = strrchr(name, '.');
    return ending &&
           (!strcasecmp(ending, ".jpg") || !strcasecmp(ending, ".jpeg") || !strcasecmp(ending, ".png"));
}

/* Joins the two; NULL without memory. */
static char *join(const char *folder, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* Is this entry of the folder one that is looked for? */
static bool wanted(const char *folder, const char *name, bool folders) {
    struct stat facts;
    if (name[0] == '.' || (!folders && !is_image(name)))
        return false;
    char *path = join(folder, name);
    bool is = path && stat(path, &facts) == 0 && (folders ? S_ISDIR(facts.st_mode) : !S_ISDIR(facts.st_mode));
    free(path);
    return is;
}

static bool append_name(names *list, const char *name) {
    char **longer = wn_grow(list->of, list->count, &list->room, sizeof *longer);
    if (!longer)
        return false;
    list->of = longer;
    longer[list->count] = strdup(name);
    return longer[list->count] != NULL && ++list->count;
}

/* The folders, or else the image files, in a folder. */
static wn_status list_names(const char *folder, bool folders, names *list) {
    *list = (names){0};
    DIR *open = opendir(folder);
    if (!open)
        return wn_error(WN_ERROR_IO, "%s: %s", folder, strerror(errno));
    bool stored = true;
    for (const struct dirent *entry; stored && (entry = readdir(open));)
        stored = !wanted(folder, entry->d_name, folders) || append_name(list, entry->d_name);
    closedir(open);
    if (!stored) {
        free_names(list);
        return no_memory(folder);
    }
    if (list->count > 1)
        qsort(list->of, (size_t)list->count, sizeof *list->of, by_bytes);
    return wn_ok();
}

wn_status wn_image_folder_has_folders(const char *folder, bool *has) {
    names found;
    WN_TRY(list_names(folder, true, &found));
    *has = found.count > 0;
    free_names(&found);
    return wn_ok();
}

/* Takes over the path; false without memory. */
static bool append_entry(wn_image_list *list, char *path, int label) {
    wn_image_entry *longer =
        path ? wn_grow(list->entries, (int)list->count, &list->room, sizeof *longer) : NULL;
    if (!longer) {
        free(path);
        return false;
    }
    list->entries = longer;
    list->entries[list->count++] = (wn_image_entry){path, label};
    return true;
}

/* A random order of [0, count) by seed and stream; Fisher and Yates. */
static void shuffle(uint64_t seed, uint64_t stream, wn_image_entry *entries, int64_t count) {
    for (int64_t i = count - 1; i > 0; i--) {
        uint32_t j = wn_random_below(seed, stream, (uint64_t)i, (uint32_t)(i + 1));
        wn_image_entry swapped = entries[i];
        entries[i] = entries[j];
        entries[j] = swapped;
    }
}

/* The images of one class, in the order of their names. */
static wn_status list_class(const char *folder, int label, wn_image_list *list) {
    names files;
    WN_TRY(list_names(folder, false, &files));
    bool stored = true;
    for (int i = 0; stored && i < files.count; i++)
        stored = append_entry(list, join(folder, files.of[i]), label);
    free_names(&files);
    return stored ? wn_ok() : no_memory(folder);
}

/* Every class has to have images here, unless it is the test split. */
static wn_status list_split(const char *folder, const wn_image_lists *lists, bool training,
                            wn_image_list *list) {
    struct stat facts;
    for (int c = 0; c < lists->class_count; c++) {
        int64_t before = list->count;
        char *path = join(folder, lists->classes[c]);
        if (!path)
            return no_memory(folder);
        wn_status status = stat(path, &facts) == 0 ? list_class(path, c, list) : wn_ok();
        if (!wn_failed(status) && training && list->count == before)
            status = wn_error(WN_ERROR_IO, "%s: no image in it, expected files .jpg, .jpeg or .png", path);
        free(path);
        WN_TRY(status);
    }
    return list->count
               ? wn_ok()
               : wn_error(WN_ERROR_IO, "%s: no image of any class, expected CLASS/FILE.jpg or .png", folder);
}

/* A fifth of every class goes from `train` to `test`, one at least where there are two. */
static wn_status draw_split(const char *folder, uint64_t seed, wn_image_lists *lists) {
    wn_image_list *train = &lists->train, *test = &lists->test;
    int64_t kept = 0;
    test->entries = malloc((size_t)train->count * sizeof *test->entries);
    if (!test->entries)
        return no_memory(folder);
    for (int64_t begin = 0, end; begin < train->count; begin = end) {
        int label = train->entries[begin].label;
        for (end = begin; end < train->count && train->entries[end].label == label;)
            end++;
        shuffle(seed, WN_STREAM_SPLIT | ((uint64_t)label + 2) << 8, train->entries + begin, end - begin);
        int64_t first_kept = begin + (end - begin > 1 ? (end - begin + 4) / 5 : 0);
        for (int64_t i = begin; i < end; i++)
            if (i < first_kept)
                test->entries[test->count++] = train->entries[i];
            else
                train->entries[kept++] = train->entries[i];
    }
    train->count = kept;
    return test->count ? wn_ok()
                       : wn_error(WN_ERROR_IO,
                                  "%s: one image in each class, expected at least two in one of them, "
                                  "for training and for tests",
                                  folder);
}

static wn_status check_classes(const char *folder, const wn_image_lists *lists) {
    if (lists->class_count == 0)
        return wn_error(WN_ERROR_IO, "%s: no folders in it, expected one of images for each class", folder);
    if (lists->class_count == 1)
        return wn_error(WN_ERROR_FORMAT, "%s: one class only, '%s', expected at least two folders of images",
                        folder, lists->classes[0]);
    if (lists->class_count > WN_LABELS_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %d classes, expected at most %d", folder,
                        lists->class_count, WN_LABELS_MAX);
    return wn_ok();
}

/* The test split has no class that training lacks. */
static wn_status compare_classes(const char *folder, const wn_image_lists *lists) {
    names found;
    WN_TRY(list_names(folder, true, &found));
    wn_status status = wn_ok();
    for (int i = 0; i < found.count && !wn_failed(status); i++)
        if (!bsearch(&found.of[i], lists->classes, (size_t)lists->class_count, sizeof *lists->classes,
                     by_bytes))
            status =
                wn_error(WN_ERROR_FORMAT, "%s: class '%s' has no training images, expected the %d there are",
                         folder, found.of[i], lists->class_count);
    free_names(&found);
    return status;
}

/* FOLDER/NAME for the first of the names there is; *path NULL: none. Owned by the caller. */
static wn_status find_split(const char *folder, const char *const spellings[], char **path) {
    struct stat facts;
    for (int i = 0; spellings[i]; i++) {
        *path = join(folder, spellings[i]);
        if (!*path)
            return no_memory(folder);
        if (stat(*path, &facts) == 0 && S_ISDIR(facts.st_mode))
            return wn_ok();
        free(*path);
    }
    *path = NULL;
    return wn_ok();
}

static wn_status read_lists(const char *folder, const char *train, const char *test, uint64_t split_seed,
                            wn_image_lists *lists) {
    names classes;
    WN_TRY(list_names(train ? train : folder, true, &classes));
    lists->classes = classes.of;
    lists->class_count = classes.count;
    WN_TRY(check_classes(train ? train : folder, lists));
    WN_TRY(list_split(train ? train : folder, lists, true, &lists->train));
    if (lists->train.count > UINT32_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %lld images, expected at most %u", folder,
                        (long long)lists->train.count, UINT32_MAX);
    if (!train)
        return draw_split(folder, split_seed, lists);
    if (!test)
        return wn_error(WN_ERROR_IO,
                        "%s: has %s but no folder test, testing, val, valid or validation beside it", folder,
                        train + strlen(folder) + 1);
    WN_TRY(compare_classes(test, lists));
    return list_split(test, lists, false, &lists->test);
}

wn_status wn_image_lists_read(const char *folder, const wn_dataset_options *options, wn_image_lists *lists) {
    const char *const *const wish[] = {options->test_preferred ? test_names : validation_names,
                                       options->test_preferred ? validation_names : test_names};
    char *train = NULL, *test = NULL;
    *lists = (wn_image_lists){0};
    wn_status status = find_split(folder, train_names, &train);
    for (int i = 0; i < 2 && !wn_failed(status) && !test; i++)
        status = find_split(folder, wish[i], &test);
    if (!wn_failed(status))
        status = read_lists(folder, train, test, options->split_seed, lists);
    free(train);
    free(test);
    WN_TRY(status);
    shuffle(options->split_seed, WN_STREAM_SPLIT, lists->train.entries, lists->train.count);
    shuffle(options->split_seed, WN_STREAM_SPLIT | 1 << 8, lists->test.entries, lists->test.count);
    return wn_ok();
}

void wn_image_list_keep_first(wn_image_list *list, int64_t limit) {
    while (list->count > limit)
        free(list->entries[--list->count].path);
}

static void free_list(wn_image_list *list) {
    for (int64_t i = 0; i < list->count; i++)
        free(list->entries[i].path);
    free(list->entries);
}

void wn_image_lists_free(wn_image_lists *lists) {
    free_list(&lists->train);
    free_list(&lists->test);
    free_names(&(names){.of = lists->classes, .count = lists->class_count});
    *lists = (wn_image_lists){0};
}
