/* The list of timings, and filling it from our CSV files. JSON is read in timings_json.c. */
#include "timings.h"
#include "csv_reader.h"
#include "grow.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const wn_timing *wn_timings_find(const wn_timings *timings, const char *name) {
    for (int i = 0; i < timings->count; i++)
        if (strcmp(timings->timing[i].name, name) == 0)
            return &timings->timing[i];
    return NULL;
}

void wn_timings_free(wn_timings *timings) {
    for (int i = 0; i < timings->count; i++) {
        free(timings->timing[i].name);
        free(timings->timing[i].seconds);
    }
    free(timings->timing);
    *timings = (wn_timings){.timing = NULL};
}

static wn_timing *append(wn_timings *timings, const char *name) {
    wn_timing *grown = wn_grow(timings->timing, timings->count, &timings->room, sizeof *grown);
    if (!grown)
        return NULL;
    timings->timing = grown;
    wn_timing *added = &timings->timing[timings->count];
    *added = (wn_timing){.name = strdup(name)};
    timings->count += added->name != NULL;
    return added->name ? added : NULL;
}

wn_status wn_timings_add(wn_timings *timings, const char *name, double seconds) {
    wn_timing *timing = (wn_timing *)wn_timings_find(timings, name);
    if (!timing)
        timing = append(timings, name);
    double *grown = timing ? realloc(timing->seconds, ((size_t)timing->count + 1) * sizeof *grown) : NULL;
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for the times of %.100s", name);
    timing->seconds = grown;
    grown[timing->count++] = seconds;
    return wn_ok();
}

/* What was timed: the fields of the row that tell it from others, joined by spaces. */
static void name_row(const wn_csv_reader *reader, char *name, size_t size) {
    static const char *const columns[] = {"command",   "net",   "size",    "batch", "mode",  "label",
                                          "direction", "flags", "problem", "impl",  "config"};
    size_t used = 0;
    name[0] = '\0';
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const char *field = wn_csv_reader_field(reader, columns[i]);
        if (field && *field && used < size)
            used += (size_t)snprintf(name + used, size - used, "%s%s", used ? " " : "", field);
    }
}

/* Ours hold medians or, with a peer, both sides' seconds; hyperfine's have a command and its median. */
static const char *time_column(const wn_csv_reader *reader) {
    if (wn_csv_reader_field(reader, "command"))
        return "median";
    return wn_csv_reader_field(reader, "median_seconds") ? "median_seconds" : "seconds";
}

static wn_status read_csv(const char *path, wn_timings *timings) {
    wn_csv_reader reader;
    bool more = true;
    WN_TRY(wn_csv_reader_open(path, &reader));
    wn_status status = wn_csv_reader_next(&reader, &more);
    while (more && !wn_failed(status)) {
        char name[1024];
        double seconds;
        name_row(&reader, name, sizeof name);
        const char *column = time_column(&reader);
        status = wn_csv_reader_number(&reader, column, &seconds);
        if (!wn_failed(status) && isfinite(seconds) && seconds > 0)
            status = wn_timings_add(timings, name, seconds);
        if (!wn_failed(status))
            status = wn_csv_reader_next(&reader, &more);
    }
    wn_csv_reader_close(&reader);
    return status;
}

static wn_status is_json(const char *path, bool *json) {
    FILE *file = fopen(path, "re");
    if (!file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    char first = ' ';
    while (strchr(" \t\r\n", first) && fread(&first, 1, 1, file) == 1)
        ;
    *json = first == '{';
    fclose(file);
    return wn_ok();
}

/* Adds a file's times. */
static wn_status add_file(const char *path, wn_timings *timings) {
    bool json = false;
    WN_TRY(is_json(path, &json));
    return json ? wn_timings_read_json(path, timings) : read_csv(path, timings);
}

/* The end of reading `paths`: nothing is left of a failure, and no time at all is one. */
static wn_status settle(wn_status status, const char *paths, wn_timings *timings) {
    if (!wn_failed(status) && timings->count == 0)
        status = wn_error(WN_ERROR_FORMAT,
                          "%.200s: found no time, expected a CSV of winnow bench or a JSON of Google "
                          "Benchmark, or either of hyperfine",
                          paths);
    if (wn_failed(status))
        wn_timings_free(timings);
    return status;
}

wn_status wn_timings_read_list(const char *paths, wn_timings *timings) {
    *timings = (wn_timings){.timing = NULL};
    wn_status status = wn_ok();
    for (const char *at = paths; at && !wn_failed(status);) {
        char path[PATH_MAX];
        size_t length = strcspn(at, ",");
        snprintf(path, sizeof path, "%.*s", (int)length, at);
        status = add_file(path, timings);
        at = at[length] ? at + length + 1 : NULL;
    }
    return settle(status, paths, timings);
}

wn_status wn_timings_read(const char *path, wn_timings *timings) {
    *timings = (wn_timings){.timing = NULL};
    return settle(add_file(path, timings), path, timings);
}
