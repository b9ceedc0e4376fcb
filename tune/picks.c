/* Reading a file of picks and finding a problem's in it. */
#include "picks.h"
#include "record.h"
#include "tune.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

wn_status wn_picks_pick(void *context, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                        int64_t dst_stride, wn_conv_plan *plan) {
    const wn_picks *picks = context;
    for (int i = picks->count - 1; i >= 0; i--) {
        const wn_record *record = &picks->records[i];
        if (wn_problem_equal(&record->problem, problem) &&
            !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads, src_stride,
                                         dst_stride, plan)))
            return wn_ok();
    }
    return wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan);
}
