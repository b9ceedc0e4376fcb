/* Reading oneDNN's verbose log. A line is a list of fields between commas:
 *   onednn_verbose,[timestamp,]exec,cpu,convolution,<impl>,<prop>,<tensors>,<attributes>,alg:<alg>,<problem>,<ms>
 * A header line, where there is one, names them ("...,operation,engine,primitive,implementation,prop_kind,
 * memory_descriptors,attributes,auxiliary,problem_desc,exec_time"); versions differ in what stands before
 * `operation`. */
#include "verbose_log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 16 };

/* Places of fields counted from the one that says what was done. */
enum {
    OPERATION,
    ENGINE,
    PRIMITIVE,
    IMPLEMENTATION,
    PROPAGATION,
    TENSORS,
    ATTRIBUTES,
    AUXILIARY,
    PROBLEM,
    LOG_FIELDS
};

typedef struct log_line {
    char *field[FIELDS];
    int count;
} log_line;

static void split(char *line, log_line *parts) {
    parts->count = 0;
    for (char *field; parts->count < FIELDS && (field = strsep(&line, ","));)
        parts->field[parts->count++] = field;
}

/* The place of "exec", or -1 where the line is none of an executed convolution. */
static int find_execution(const log_line *parts) {
    for (int i = 1; i + LOG_FIELDS <= parts->count; i++)
        if (strcmp(parts->field[i], "exec") == 0)
            return strcmp(parts->field[i + PRIMITIVE], "convolution") == 0 ? i : -1;
    return -1;
}

static wn_status read_direction(const char *propagation, wn_direction *direction) {
    static const struct {
        const char *start;
        wn_direction direction;
    } names[] = {{"forward", WN_FWD_B}, {"backward_data", WN_BWD_D}, {"backward_weights", WN_BWD_WB}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(propagation, names[i].start, strlen(names[i].start)) == 0) {
            *direction = names[i].direction;
            return wn_ok();
        }
    return wn_error(
        WN_ERROR_FORMAT,
        "found the propagation kind \"%.40s\", expected forward, backward_data or backward_weights",
        propagation);
}

static wn_status read_line(const log_line *parts, int at, wn_problem *problem) {
    WN_TRY(read_direction(parts->field[at + PROPAGATION], &problem->direction));
    WN_TRY(wn_problem_parse(parts->field[at + PROBLEM], problem));
    return wn_problem_check(problem);
}

/* Counts the problem, as one that is known or as a new one; *times has room for as many as the list. */
static wn_status count(wn_problem_list *list, int first, const wn_problem *problem, int **times) {
    for (int i = first; i < list->count; i++)
        if (wn_problem_equal(&list->problems[i], problem)) {
            (*times)[i - first]++;
            return wn_ok();
        }
    WN_TRY(wn_problem_list_push(list, problem));
    int *grown = realloc(*times, (size_t)(list->count - first) * sizeof *grown);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d problems", list->count);
    *times = grown;
    grown[list->count - first - 1] = 1;
    return wn_ok();
}

static wn_status read_lines(wn_problem_list *list, FILE *file, const char *path, int **times) {
    char *line = NULL;
    size_t room = 0;
    int number = 0, first = list->count;
    wn_status status = wn_ok();
    while (!wn_failed(status) && getline(&line, &room, file) >= 0) {
        log_line parts;
        wn_problem problem = {.direction = WN_FWD_B};
        number++;
        if (strncmp(line, "onednn_verbose,", 15) != 0 && strncmp(line, "dnnl_verbose,", 13) != 0)
            continue;
        split(line, &parts);
        int at = find_execution(&parts);
        if (at < 0)
            continue;
        status = read_line(&parts, at, &problem);
        problem.name[0] = '\0';
        if (wn_failed(status))
            status = wn_error(WN_ERROR_FORMAT, "%.150s:%d: %.330s", path, number, status.message);
        else
            status = count(list, first, &problem, times);
    }
    if (!wn_failed(status) && ferror(file))
        status = wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    free(line);
    return status;
}

wn_status wn_verbose_log_read(wn_problem_list *list, const char *path) {
    int first = list->count, *times = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    wn_status status = read_lines(list, file, path, &times);
    fclose(file);
    for (int i = first; i < list->count && !wn_failed(status); i++)
        snprintf(list->problems[i].name, sizeof list->problems[i].name, "log*%d", times[i - first]);
    free(times);
    if (!wn_failed(status) && list->count == first)
        status = wn_error(WN_ERROR_FORMAT,
                          "%.200s: found no executed convolution, expected lines that begin with "
                          "onednn_verbose, as ONEDNN_VERBOSE=1 writes them",
                          path);
    return status;
}
