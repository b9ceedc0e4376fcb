/* Lines of JSON, one object each. */
#include "run_log.h"
#include "json.h"

#include <errno.h>
#include <string.h>
#include <time.h>

wn_status wn_run_log_open(const char *path, wn_run_log *log) {
    *log = (wn_run_log){.seed = 0};
    return wn_kept_file_open(path, "the log", &log->out);
}

/* "{"event":"step","seed":1": the beginning of every line. */
static void open_line(const wn_run_log *log, const char *event) {
    fprintf(log->out.file, "{\"event\":\"%s\",\"seed\":%llu", event, (unsigned long long)log->seed);
}

static void add_whole(const wn_run_log *log, const char *key, long long value) {
    fprintf(log->out.file, ",\"%s\":%lld", key, value);
}

static void add_number(const wn_run_log *log, const char *key, double value) {
    fprintf(log->out.file, ",\"%s\":", key);
    wn_json_number(log->out.file, value);
}

static void add_text(const wn_run_log *log, const char *key, const char *value) {
    fprintf(log->out.file, ",\"%s\":", key);
    wn_json_text(log->out.file, value);
}

static bool close_line(const wn_run_log *log) {
    fputs("}\n", log->out.file);
    return fflush(log->out.file) == 0 && !ferror(log->out.file);
}

/* Bytes up to the end of the last whole line. */
static wn_status find_end(const char *path, long long *end) {
    char line[4096];
    *end = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return wn_error(WN_ERROR_IO, "%s: cannot read the log: %s", path, strerror(errno));
    for (size_t count; (count = fread(line, 1, sizeof line, file)) > 0;) {
        const char *last = memrchr(line, '\n', count);
        if (last)
            *end = ftello(file) - (long long)count + (last - line) + 1;
    }
    bool unread = ferror(file);
    fclose(file);
    return unread ? wn_error(WN_ERROR_IO, "%s: cannot read the log", path) : wn_ok();
}

static void add_machine(const wn_run_log *log, const wn_train_options *o) {
    char recipe[512], now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    wn_recipe_describe(&o->recipe, recipe, sizeof recipe);
    add_text(log, "time", now);
    add_text(log, "winnow", WN_VERSION);
    add_text(log, "isa", wn_isa_name(o->isa));
    add_whole(log, "threads", wn_pool_threads(o->pool));
    add_text(log, "recipe", recipe);
}

static wn_status begin(void *context, const wn_train_start *start) {
    wn_run_log *log = context;
    const wn_train_options *o = start->options;
    long long keep = 0;
    log->seed = o->seed;
    snprintf(log->checkpoints, sizeof log->checkpoints, "%s", o->checkpoints ? o->checkpoints : "");
    if (o->resume && !log->out.begun && wn_kept_file_is_regular(&log->out))
        WN_TRY(find_end(log->out.path, &keep));
    WN_TRY(wn_kept_file_begin(&log->out, keep));
    open_line(log, "start");
    add_machine(log, o);
    add_whole(log, "step", start->step);
    add_whole(log, "steps_per_epoch", start->steps_per_epoch);
    fputs(",\"config\":{", log->out.file);
    for (int i = 0; i < start->fact_count; i++) {
        fputs(i ? "," : "", log->out.file);
        wn_json_text(log->out.file, start->facts[i].key);
        fputc(':', log->out.file);
        wn_json_text(log->out.file, start->facts[i].value ? start->facts[i].value : "");
    }
    fputc('}', log->out.file);
    return close_line(log)
               ? wn_ok()
               : wn_error(WN_ERROR_IO, "%s: cannot write the log: %s", log->out.path, strerror(errno));
}

static bool write_record(void *context, const wn_train_record *record) {
    static const char *const events[] = {"step", "evaluation", "evaluation", "checkpoint"};
    const wn_run_log *log = context;
    const wn_train_row *row = &record->row;
    open_line(log, events[record->event]);
    add_whole(log, "epoch", row->epoch);
    add_whole(log, "step", row->step);
    add_whole(log, "examples", row->examples);
    add_number(log, "seconds_total", row->seconds_total);
    if (record->event == WN_TRAIN_SAVE) {
        add_text(log, "folder", log->checkpoints);
        fprintf(log->out.file, ",\"best\":%s", record->best ? "true" : "false");
        return close_line(log);
    }
    add_number(log, "loss", row->loss);
    add_number(log, "train_accuracy", row->train_accuracy);
    if (row->test_accuracy >= 0)
        add_number(log, "test_accuracy", row->test_accuracy);
    add_number(log, "lr", (double)row->lr);
    add_number(log, "seconds_step", row->seconds_step);
    add_number(log, "data_wait", row->data_wait);
    add_whole(log, "data_waits", row->data_waits);
    if (record->event != WN_TRAIN_STEP)
        fprintf(log->out.file, ",\"end_of_epoch\":%s", record->event == WN_TRAIN_EPOCH ? "true" : "false");
    return close_line(log);
}

static void add_evaluated(const wn_run_log *log, const wn_train_result *result) {
    add_number(log, "loss", result->loss);
    add_number(log, "train_accuracy", result->train_accuracy);
    add_number(log, "test_accuracy", result->test_accuracy);
    add_number(log, "examples_per_second", result->examples_per_second);
    add_number(log, "seconds_total", result->seconds_to_here);
}

static wn_status end(void *context, const wn_train_result *result, const wn_status *how) {
    const wn_run_log *log = context;
    open_line(log, "end");
    add_text(log, "error", how->message);
    add_whole(log, "epochs", result->epochs);
    add_whole(log, "step", result->steps);
    add_whole(log, "examples", result->examples);
    if (result->seconds_to_here > 0) /* something was evaluated */
        add_evaluated(log, result);
    add_number(log, "loading_seconds", result->loading_seconds);
    add_number(log, "preparing_seconds", result->preparing_seconds);
    add_number(log, "training_seconds", result->training_seconds);
    add_number(log, "evaluating_seconds", result->evaluating_seconds);
    if (result->seconds_to_reach > 0)
        add_number(log, "seconds_to_reach", result->seconds_to_reach);
    return close_line(log)
               ? wn_ok()
               : wn_error(WN_ERROR_IO, "%s: cannot write the log: %s", log->out.path, strerror(errno));
}

wn_train_watcher wn_run_log_watcher(wn_run_log *log) {
    return (wn_train_watcher){log, log->out.path, begin, end, write_record, NULL};
}

wn_status wn_run_log_close(wn_run_log *log) {
    return wn_kept_file_close(&log->out);
}
