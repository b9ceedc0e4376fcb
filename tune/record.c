/* Writing and reading one line of the tuning database. Files and locks are in database_file.c, lookup
 * is in database.c. */
#include "record.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    FIELD_FORMAT,
    FIELD_MACHINE,
    FIELD_DIRECTION,
    FIELD_FLAGS,
    FIELD_PROBLEM,
    FIELD_ISA,
    FIELD_THREADS,
    FIELD_IMPL,
    FIELD_CONFIG,
    FIELD_MIN,
    FIELD_MEDIAN,
    FIELD_WORKSPACE,
    FIELD_ERROR,
    FIELD_EFFORT,
    FIELD_VERSIONS,
    FIELD_CHECKSUM,
    FIELD_COUNT
};

static const char record_format[] = "pick2";

const char wn_record_header[] =
    "# winnow tuning database: one pick a line, fields separated by tabs, the last of a problem counts: "
    "format, machine, direction, flags, problem, ISA, threads, implementation, config, min ns, median ns, "
    "workspace bytes, error, effort, versions, CRC-32 of all before it\n";

void wn_record_versions(char *text, size_t size) {
    int used = snprintf(text, size, "kernels=%d", WN_KERNEL_SET);
    for (int i = 0; wn_conv_registry[i]; i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        if (impl->version && !impl->yardstick && (size_t)used < size)
            used += snprintf(text + used, size - (size_t)used, ",%s=%s", impl->name, impl->version());
    }
}

void wn_record_flags_format(const wn_problem *problem, char text[static WN_RECORD_FLAGS]) {
    wn_problem_flags_text(problem, ',', text, WN_RECORD_FLAGS);
    if (!text[0])
        strcpy(text, "-");
}

bool wn_record_flags_parse(char *text, wn_problem *problem) {
    if (strcmp(text, "-") == 0)
        return true;
    char *rest = text;
    for (char *flag; (flag = strsep(&rest, ","));) {
        if (strcmp(flag, "relu") == 0)
            problem->relu = true;
        else if (strcmp(flag, "accumulate") == 0)
            problem->accumulate = true;
        else if (strcmp(flag, "plain_src") == 0)
            problem->plain_src = true;
        else if (strcmp(flag, "constant_weights") == 0)
            problem->constant_weights = true;
        else
            return false;
    }
    return true;
}

wn_status wn_record_format(const wn_record *record, char *line, size_t size) {
    char flags[WN_RECORD_FLAGS], problem[320], config[256], error[16] = "-";
    wn_problem unnamed = record->problem;
    unnamed.name[0] = '\0';
    wn_record_flags_format(&unnamed, flags);
    wn_problem_format(&unnamed, problem, sizeof problem);
    wn_config_format(record->impl, &record->config, config, sizeof config);
    if (strpbrk(record->machine, "\t\r\n") || strpbrk(record->versions, "\t\r\n"))
        return wn_error(WN_ERROR_INVALID, "tuning record: machine \"%s\" contains a tab or a newline",
                        record->machine);
    if (isfinite(record->error))
        snprintf(error, sizeof error, "%.1e", record->error);
    int used = snprintf(
        line, size, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRIu64 "\t%s\t%s\t%s\t",
        record_format, record->machine, wn_direction_name(unnamed.direction), flags, problem,
        wn_isa_name(record->isa), record->threads, record->impl->name, config[0] ? config : "-",
        record->min_ns, record->median_ns, record->workspace_bytes, error, wn_effort_names[record->effort],
        record->versions);
    if (used < 0 || (size_t)used + 10 > size)
        return wn_error(WN_ERROR_INVALID, "tuning record of %s: longer than %zu bytes", problem, size);
    uint32_t checksum = (uint32_t)crc32(0, (const Bytef *)line, (uInt)used);
    snprintf(line + used, size - (size_t)used, "%08" PRIx32 "\n", checksum);
    return wn_ok();
}

/* A whole field as a number in [low, INT64_MAX]. */
static bool number_parse(const char *text, int64_t low, int64_t *value) {
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0 && *value >= low;
}

/* True when the last field is the checksum of everything before it. */
static bool checksum_holds(const char *line, size_t length) {
    const char *last = memrchr(line, '\t', length);
    if (!last || line + length - (last + 1) != 8)
        return false;
    size_t covered = (size_t)(last + 1 - line);
    char expected[9];
    snprintf(expected, sizeof expected, "%08" PRIx32, (uint32_t)crc32(0, (const Bytef *)line, (uInt)covered));
    return memcmp(expected, last + 1, 8) == 0;
}

static bool isa_parse(const char *text, wn_isa *isa) {
    for (*isa = 0; *isa < WN_ISA_COUNT; (*isa)++)
        if (strcmp(text, wn_isa_name(*isa)) == 0)
            return true;
    return false;
}

static bool effort_parse(const char *text, wn_effort *effort) {
    for (*effort = 0; *effort < WN_EFFORT_COUNT; (*effort)++)
        if (strcmp(text, wn_effort_names[*effort]) == 0)
            return true;
    return false;
}

/* "-" or a finite number that is not negative. */
static bool error_parse(const char *text, double *error) {
    char *end;
    *error = (double)NAN;
    if (strcmp(text, "-") == 0)
        return true;
    if (text[0] < '0' || text[0] > '9')
        return false;
    *error = strtod(text, &end);
    return *end == '\0' && isfinite(*error);
}

/* Everything that a build with other implementations or a later format may see differently. */
static bool fields_parse(char *const field[FIELD_COUNT], wn_record *record) {
    int64_t threads, workspace;
    wn_problem *problem = &record->problem;
    if (strcmp(field[FIELD_FORMAT], record_format) != 0 ||
        strlen(field[FIELD_MACHINE]) >= sizeof record->machine ||
        strlen(field[FIELD_VERSIONS]) >= sizeof record->versions)
        return false;
    strcpy(record->machine, field[FIELD_MACHINE]);
    strcpy(record->versions, field[FIELD_VERSIONS]);
    if (wn_failed(wn_direction_parse(field[FIELD_DIRECTION], &problem->direction)) ||
        !wn_record_flags_parse(field[FIELD_FLAGS], problem) ||
        wn_failed(wn_problem_parse(field[FIELD_PROBLEM], problem)) || wn_failed(wn_problem_check(problem)) ||
        !isa_parse(field[FIELD_ISA], &record->isa) || !number_parse(field[FIELD_THREADS], 1, &threads) ||
        threads > INT32_MAX || !(record->impl = wn_conv_find(field[FIELD_IMPL])) ||
        !number_parse(field[FIELD_MIN], 1, &record->min_ns) ||
        !number_parse(field[FIELD_MEDIAN], 1, &record->median_ns) ||
        !number_parse(field[FIELD_WORKSPACE], 0, &workspace) ||
        !error_parse(field[FIELD_ERROR], &record->error) ||
        !effort_parse(field[FIELD_EFFORT], &record->effort))
        return false;
    problem->name[0] = '\0';
    record->threads = (int)threads;
    record->workspace_bytes = (uint64_t)workspace;
    const char *config = strcmp(field[FIELD_CONFIG], "-") == 0 ? "" : field[FIELD_CONFIG];
    return !wn_failed(wn_config_parse(record->impl, config, &record->config));
}

wn_record_verdict wn_record_parse(const char *line, size_t length, wn_record *record) {
    *record = (wn_record){.problem.name = ""};
    if (length == 0 || line[0] == '#')
        return WN_RECORD_COMMENT;
    if (length >= WN_RECORD_LINE || memchr(line, '\0', length) || !checksum_holds(line, length))
        return WN_RECORD_DAMAGED;
    char copy[WN_RECORD_LINE];
    memcpy(copy, line, length);
    copy[length] = '\0';
    char *field[FIELD_COUNT] = {0}, *rest = copy;
    int count = 0;
    for (char *text; count < FIELD_COUNT && (text = strsep(&rest, "\t")); count++)
        field[count] = text;
    if (count != FIELD_COUNT || rest || !fields_parse(field, record))
        return WN_RECORD_UNKNOWN;
    return WN_RECORD_SOUND;
}
