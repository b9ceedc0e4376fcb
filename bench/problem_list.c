/* Reading descriptors, batch files and the options between them. Descriptors themselves are read by base/. */
#include "problem_list.h"
#include "grow.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING = 16, PROBLEMS_MAX = 1000000 };

/* A file being read, and the files that led to it. */
typedef struct source {
    const char *path;
    int line, column, depth; /* of the word that is read */
} source;

static wn_status read_word(wn_problem_list *list, const char *word, const source *from);

/* An error with the place in front. What cannot be read on a command line is wrong usage, in a file it is
 * not. */
static wn_status complain(const source *from, wn_status status) {
    if (from->path && status.code == WN_ERROR_USAGE)
        status.code = WN_ERROR_FORMAT;
    if (from->path)
        return wn_error(status.code, "%.150s:%d:%d: %.330s", from->path, from->line, from->column,
                        status.message);
    if (status.code == WN_ERROR_FORMAT)
        status.code = WN_ERROR_USAGE;
    return status;
}

static wn_status reset(wn_problem_list *list) {
    int *batches = calloc(1, sizeof *batches);
    if (!batches)
        return wn_error(WN_ERROR_MEMORY, "no memory for a list of problems");
    free(list->batches);
    list->batches = batches;
    list->batch_count = 1;
    list->directions[0] = WN_FWD_B;
    list->direction_count = 1;
    return wn_ok();
}

wn_status wn_problem_list_create(wn_problem_list *list) {
    *list = (wn_problem_list){.problems = NULL};
    return reset(list);
}

void wn_problem_list_free(wn_problem_list *list) {
    free(list->problems);
    free(list->batches);
    *list = (wn_problem_list){.problems = NULL};
}

static wn_status set_directions(wn_problem_list *list, char *names) {
    int count = 0;
    for (char *name; (name = strsep(&names, ","));) {
        wn_direction direction;
        WN_TRY(wn_direction_parse(name, &direction));
        if (count == WN_DIRECTION_COUNT)
            return wn_error(WN_ERROR_FORMAT, "--dir: found more than %d directions", WN_DIRECTION_COUNT);
        list->directions[count++] = (int)direction;
    }
    list->direction_count = count;
    return wn_ok();
}

static wn_status set_batches(wn_problem_list *list, char *numbers) {
    size_t room = 1;
    for (const char *c = numbers; *c; c++)
        room += *c == ',';
    int *batches = calloc(room, sizeof *batches), count = 0;
    if (!batches)
        return wn_error(WN_ERROR_MEMORY, "--mb: no memory for %zu numbers", room);
    for (char *text; (text = strsep(&numbers, ","));) {
        char *end;
        errno = 0;
        long number = strtol(text, &end, 10);
        if (end == text || *end || errno || number < 0 || number > INT_MAX) {
            free(batches);
            return wn_error(WN_ERROR_FORMAT, "--mb: found \"%.40s\", expected whole numbers from 0 to %d",
                            text, INT_MAX);
        }
        batches[count++] = (int)number;
    }
    free(list->batches);
    list->batches = batches;
    list->batch_count = count;
    return wn_ok();
}

wn_status wn_problem_list_push(wn_problem_list *list, const wn_problem *problem) {
    if (list->count == PROBLEMS_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "found more than %d problems", PROBLEMS_MAX);
    wn_problem *grown = wn_grow(list->problems, list->count, &list->room, sizeof *grown);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d problems", list->count + 1);
    list->problems = grown;
    list->problems[list->count++] = *problem;
    return wn_ok();
}

static wn_status add_descriptor(wn_problem_list *list, const char *text) {
    wn_problem parsed = {.direction = WN_FWD_B};
    WN_TRY(wn_problem_parse(text, &parsed));
    for (int d = 0; d < list->direction_count; d++)
        for (int b = 0; b < list->batch_count; b++) {
            wn_problem problem = parsed;
            problem.direction = (wn_direction)list->directions[d];
            if (list->batches[b])
                problem.mb = list->batches[b];
            WN_TRY(wn_problem_check(&problem));
            WN_TRY(wn_problem_list_push(list, &problem));
        }
    return wn_ok();
}

/* Words up to white space; # at the beginning of a word starts a comment. */
static wn_status read_lines(wn_problem_list *list, FILE *file, source *from) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    wn_status status = wn_ok();
    while (!wn_failed(status) && (length = getline(&line, &room, file)) >= 0) {
        from->line++;
        from->column = 1;
        if (strlen(line) != (size_t)length)
            status = complain(from, wn_error(WN_ERROR_FORMAT, "found a NUL byte, expected text"));
        char *rest = line, *word;
        while (!wn_failed(status) && (word = strsep(&rest, " \t\r\n")) && word[0] != '#') {
            from->column = (int)(word - line) + 1;
            if (word[0])
                status = read_word(list, word, from);
        }
    }
    if (!wn_failed(status) && ferror(file))
        status = wn_error(WN_ERROR_IO, "%s: %s", from->path, strerror(errno));
    free(line);
    return status;
}

static FILE *open_beside(const char *path, const char *includer, char found[static PATH_MAX]) {
    if (includer && path[0] != '/') {
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s", includer);
        int length = snprintf(found, PATH_MAX, "%s/%s", dirname(folder), path);
        FILE *file = length < PATH_MAX ? fopen(found, "re") : NULL;
        if (file)
            return file;
    }
    snprintf(found, PATH_MAX, "%s", path);
    return fopen(path, "re");
}

static wn_status read_file(wn_problem_list *list, const char *path, const source *includer) {
    char found[PATH_MAX];
    if (includer->depth == NESTING)
        return wn_error(WN_ERROR_FORMAT, "--batch=%.100s: nested more than %d files deep", path, NESTING);
    FILE *file = open_beside(path, includer->path, found);
    if (!file)
        return wn_error(WN_ERROR_IO, "--batch=%.200s: %s", path, strerror(errno));
    source from = {.path = found, .depth = includer->depth + 1};
    wn_status status = read_lines(list, file, &from);
    fclose(file);
    return status;
}

/* The text behind "--name=" when the word begins so, else NULL. */
static const char *value_of(const char *word, const char *name) {
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 ? word + length : NULL;
}

static wn_status read_option(wn_problem_list *list, const char *word,
                             wn_status (*set)(wn_problem_list *, char *), const char *value) {
    char *copy = strdup(value);
    if (!copy)
        return wn_error(WN_ERROR_MEMORY, "no memory for %.40s", word);
    wn_status status = set(list, copy);
    free(copy);
    return status;
}

static wn_status read_word(wn_problem_list *list, const char *word, const source *from) {
    const char *value;
    wn_status status;
    if ((value = value_of(word, "--batch="))) {
        status = read_file(list, value, from);
        return status.code == WN_ERROR_IO && from->path ? complain(from, status) : status;
    }
    if ((value = value_of(word, "--dir=")))
        status = read_option(list, word, set_directions, value);
    else if ((value = value_of(word, "--mb=")))
        status = read_option(list, word, set_batches, value);
    else if (strcmp(word, "--reset") == 0)
        status = reset(list);
    else if (word[0] == '-')
        status = wn_error(WN_ERROR_FORMAT, "%.60s: unknown option, expected --dir, --mb, --reset or --batch",
                          word);
    else
        status = add_descriptor(list, word);
    return wn_failed(status) ? complain(from, status) : status;
}

wn_status wn_problem_list_add(wn_problem_list *list, const char *word) {
    source command_line = {.path = NULL};
    return read_word(list, word, &command_line);
}
