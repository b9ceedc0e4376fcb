/* Times from the JSON of Google Benchmark and of hyperfine, read by cJSON. */
#include "timings.h"
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 1 << 28 }; /* bytes of a file */

static wn_status read_text(const char *path, char **text) {
    *text = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    long length = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    wn_status status = wn_ok();
    if (length < 0 || length > LARGEST)
        status = wn_error(WN_ERROR_IO, "%.200s: found no file of at most %d bytes", path, LARGEST);
    else if (!(*text = malloc((size_t)length + 1)))
        status = wn_error(WN_ERROR_MEMORY, "%.200s: no memory for %ld bytes", path, length);
    else if (fseek(file, 0, SEEK_SET) != 0 || fread(*text, 1, (size_t)length, file) != (size_t)length)
        status = wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno ? errno : EIO));
    else
        (*text)[length] = '\0';
    fclose(file);
    return status;
}

static int line_of(const char *text, const char *at) {
    int line = 1;
    for (; text < at && *text; text++)
        line += *text == '\n';
    return line;
}

static const char *text_of(const cJSON *entry, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, key));
    return text ? text : "";
}

/* Seconds of a unit; 0 for one that is unknown. */
static double unit_seconds(const char *unit) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].seconds;
    return 0;
}

static wn_status read_entry(const char *path, const cJSON *entry, wn_timings *timings) {
    const cJSON *time = cJSON_GetObjectItemCaseSensitive(entry, "real_time");
    if (strcmp(text_of(entry, "run_type"), "aggregate") == 0 ||
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "error_occurred")))
        return wn_ok();
    double unit = unit_seconds(text_of(entry, "time_unit"));
    if (!text_of(entry, "name")[0] || !cJSON_IsNumber(time) || !(time->valuedouble > 0) || unit == 0)
        return wn_error(WN_ERROR_FORMAT,
                        "%.200s: benchmark \"%.100s\": found no name, real_time above 0 and time_unit", path,
                        text_of(entry, "name"));
    return wn_timings_add(timings, text_of(entry, "name"), time->valuedouble * unit);
}

/* One command of hyperfine's "results" and the seconds of its runs. */
static wn_status read_command(const char *path, const cJSON *entry, wn_timings *timings) {
    const cJSON *times = cJSON_GetObjectItemCaseSensitive(entry, "times"), *time;
    const char *command = text_of(entry, "command");
    if (!command[0] || !cJSON_IsArray(times) || cJSON_GetArraySize(times) == 0)
        return wn_error(WN_ERROR_FORMAT, "%.200s: result \"%.100s\": found no command with times", path,
                        command);
    cJSON_ArrayForEach(time, times) {
        if (!cJSON_IsNumber(time) || !(time->valuedouble > 0))
            return wn_error(WN_ERROR_FORMAT,
                            "%.200s: result \"%.100s\": found a time that is no number above 0", path,
                            command);
        WN_TRY(wn_timings_add(timings, command, time->valuedouble));
    }
    return wn_ok();
}

wn_status wn_timings_read_json(const char *path, wn_timings *timings) {
    char *text;
    const char *end = NULL;
    wn_status status = read_text(path, &text);
    cJSON *root = wn_failed(status) ? NULL : cJSON_ParseWithOpts(text, &end, 1);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "benchmarks"), *entry;
    const cJSON *commands = list ? NULL : cJSON_GetObjectItemCaseSensitive(root, "results");
    list = commands ? commands : list;
    if (!wn_failed(status) && !root)
        status = wn_error(WN_ERROR_FORMAT, "%.200s:%d: found no JSON", path, end ? line_of(text, end) : 1);
    else if (!wn_failed(status) && !cJSON_IsArray(list))
        status = wn_error(WN_ERROR_FORMAT,
                          "%.200s: found no list \"benchmarks\" or \"results\", expected a JSON of Google "
                          "Benchmark or hyperfine",
                          path);
    if (!wn_failed(status))
        cJSON_ArrayForEach(entry, list) if (!wn_failed(status)) status =
            commands ? read_command(path, entry, timings) : read_entry(path, entry, timings);
    cJSON_Delete(root);
    free(text);
    return status;
}
