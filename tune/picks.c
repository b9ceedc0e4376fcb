/* Reading picks from a file or text, and finding a problem's among them. */
#include "picks.h"
#include "record.h"
#include "tune.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_TEXT = 320, CONFIG_TEXT = 256 };

struct wn_picks {
    wn_record *records;
    int count, room;
};

static wn_status add(wn_picks *picks, const wn_record *record) {
    if (picks->count == picks->room) {
        int room = picks->room ? 2 * picks->room : 64;
        wn_record *larger = realloc(picks->records, (size_t)room * sizeof *larger);
        if (!larger)
            return wn_error(WN_ERROR_MEMORY, "no memory for %d picks", room);
        picks->records = larger;
        picks->room = room;
    }
    picks->records[picks->count++] = *record;
    return wn_ok();
}

static wn_status read_lines(FILE *file, const char *path, wn_isa isa, wn_picks *picks) {
    char line[WN_RECORD_LINE];
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        wn_record record;
        size_t length = strcspn(line, "\n");
        wn_record_verdict verdict = wn_record_parse(line, length, &record);
        if (verdict == WN_RECORD_COMMENT)
            continue;
        if (verdict != WN_RECORD_SOUND)
            return wn_error(WN_ERROR_FORMAT, "%s:%d: found '%.40s', expected a pick as winnow tune writes it",
                            path, number, line);
        if (record.isa == isa)
            WN_TRY(add(picks, &record));
    }
    if (ferror(file))
        return wn_error(WN_ERROR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (picks->count == 0)
        return wn_error(WN_ERROR_FORMAT, "%s: found no pick for %s, expected at least one", path,
                        wn_isa_name(isa));
    return wn_ok();
}

wn_status wn_picks_open(const char *path, wn_isa isa, wn_picks **result) {
    *result = NULL;
    FILE *file = fopen(path, "r");
    if (!file)
        return wn_error(WN_ERROR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    wn_picks *picks = calloc(1, sizeof *picks);
    wn_status status = picks ? read_lines(file, path, isa, picks)
                             : wn_error(WN_ERROR_MEMORY, "no memory for the picks of %s", path);
    fclose(file);
    if (wn_failed(status)) {
        wn_picks_close(picks);
        return status;
    }
    *result = picks;
    return wn_ok();
}

void wn_picks_close(wn_picks *picks) {
    if (!picks)
        return;
    free(picks->records);
    free(picks);
}

bool wn_picks_find(const wn_picks *picks, const wn_problem *problem, wn_isa isa, int threads,
                   int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    for (int i = picks->count - 1; i >= 0; i--) {
        const wn_record *record = &picks->records[i];
        if (wn_problem_equal(&record->problem, problem) &&
            !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads, src_stride,
                                         dst_stride, plan)))
            return true;
    }
    return false;
}

wn_status wn_picks_pick(void *context, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                        int64_t dst_stride, wn_conv_plan *plan) {
    if (wn_picks_find(context, problem, isa, threads, src_stride, dst_stride, plan))
        return wn_ok();
    return wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan);
}

static bool is_listed(const wn_conv_plan *const *plans, int count, const wn_problem *problem) {
    for (int i = 0; i < count; i++)
        if (wn_problem_equal(&plans[i]->problem, problem))
            return true;
    return false;
}

char *wn_picks_text(const wn_conv_plan *const *plans, int count, wn_isa isa) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    fprintf(out, "%s\n", wn_isa_name(isa));
    for (int i = 0; i < count; i++) {
        char flags[WN_RECORD_FLAGS], problem[PROBLEM_TEXT], config[CONFIG_TEXT];
        wn_problem unnamed = plans[i]->problem;
        if (is_listed(plans, i, &unnamed))
            continue;
        unnamed.name[0] = '\0';
        wn_record_flags_format(&unnamed, flags);
        wn_problem_format(&unnamed, problem, sizeof problem);
        wn_config_format(plans[i]->impl, &plans[i]->config, config, sizeof config);
        fprintf(out, "%s %s %s %s %s\n", wn_direction_name(unnamed.direction), flags, problem,
                plans[i]->impl->name, config[0] ? config : "-");
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static bool parse_line(char *line, wn_record *record) {
    enum { DIRECTION, FLAGS, PROBLEM, IMPL, CONFIG, FIELDS };
    char *field[FIELDS] = {0};
    wn_problem *problem = &record->problem;
    for (int i = 0; i < FIELDS; i++)
        if (!(field[i] = strsep(&line, " ")))
            return false;
    return !line && !wn_failed(wn_direction_parse(field[DIRECTION], &problem->direction)) &&
           wn_record_flags_parse(field[FLAGS], problem) &&
           !wn_failed(wn_problem_parse(field[PROBLEM], problem)) && !wn_failed(wn_problem_check(problem)) &&
           (record->impl = wn_conv_find(field[IMPL])) &&
           !wn_failed(wn_config_parse(record->impl, strcmp(field[CONFIG], "-") ? field[CONFIG] : "",
                                      &record->config));
}

wn_status wn_picks_parse(const char *text, wn_isa isa, wn_picks **result) {
    wn_picks *picks = calloc(1, sizeof *picks);
    char *copy = strdup(text), *rest = copy, *line;
    wn_status status = picks && copy ? wn_ok() : wn_error(WN_ERROR_MEMORY, "no memory for picks");
    line = copy ? strsep(&rest, "\n") : NULL;
    bool same = line && !strcmp(line, wn_isa_name(isa));
    while (same && !wn_failed(status) && (line = strsep(&rest, "\n"))) {
        wn_record record = {.isa = isa};
        if (parse_line(line, &record))
            status = add(picks, &record);
    }
    free(copy);
    if (wn_failed(status)) {
        wn_picks_close(picks);
        picks = NULL;
    }
    *result = picks;
    return status;
}
