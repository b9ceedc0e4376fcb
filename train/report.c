/* The CSV rows and the closing lines of a training run. Decides how things are shown,
 * never what they are. */
#include "report.h"
#include "display.h"
#include "output.h"

#include <errno.h>
#include <string.h>

wn_status wn_train_csv_open(const char *path, wn_train_csv *csv) {
    *csv = (wn_train_csv){.standard = path && wn_output_is_standard(path)};
    if (!path)
        return wn_ok();
    if (!csv->standard)
        return wn_kept_file_open(path, "the CSV file", &csv->out);
    csv->out = (wn_kept_file){wn_output_take_standard(), "standard output", "the CSV file", false, false};
    return csv->out.file ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", csv->out.path, strerror(errno));
}

/* What of a row tells where it belongs. */
typedef struct row_place {
    char kind[8];
    long long step;
    unsigned long long seed;
} row_place;

static bool read_place(const char *line, row_place *place) {
    const char *seed = strrchr(line, ',');
    return strchr(line, '\n') && seed && sscanf(line, "%7[a-z],%*d,%lld", place->kind, &place->step) == 2 &&
           sscanf(seed, ",%llu", &place->seed) == 1;
}

/* Where a run goes on that is resumed: behind the rows of other seeds before it and its own up to the step it
 * was saved after, with those of evaluations then if it was saved after them, too. */
static wn_status find_place(FILE *rows, const char *path, const wn_train_start *start, off_t *end) {
    char line[512];
    row_place at;
    bool mine = true;
    while (fgets(line, sizeof line, rows) && read_place(line, &at)) {
        bool other = at.seed != start->options->seed;
        if (other && !mine)
            return wn_error(WN_ERROR_FORMAT,
                            "%s: cannot be continued: the rows of seed %llu lie behind those of seed %llu "
                            "after step %lld; name another CSV file",
                            path, at.seed, (unsigned long long)start->options->seed, (long long)start->step);
        mine = mine && (other || at.step < start->step ||
                        (at.step == start->step && (start->evaluated || !strcmp(at.kind, "step"))));
        if (mine)
            *end = ftello(rows);
    }
    return ferror(rows) ? wn_error(WN_ERROR_IO, "%s: cannot read the CSV file", path) : wn_ok();
}

/* The same of a file; 0 for an empty one. */
static wn_status find_end(const char *path, const wn_train_start *start, off_t *end) {
    *end = 0;
    FILE *rows = fopen(path, "r");
    if (!rows)
        return wn_error(WN_ERROR_IO, "%s: cannot read the CSV file: %s", path, strerror(errno));
    char line[512];
    wn_status status = wn_ok();
    if (fgets(line, sizeof line, rows) && strcmp(line, WN_TRAIN_CSV_HEADER "\n") != 0) {
        status = wn_error(WN_ERROR_FORMAT,
                          "%s: cannot be continued: it does not start with the columns of a run", path);
    } else {
        *end = ftello(rows);
        status = find_place(rows, path, start, end);
    }
    fclose(rows);
    return status;
}

/* The file up to where the rows of this run go: behind the header, those of runs before it, or, when it is
 * resumed, those up to that step. */
static wn_status begin(void *context, const wn_train_start *start) {
    wn_train_csv *csv = context;
    off_t kept = 0;
    bool first = !csv->out.begun;
    csv->seed = start->options->seed;
    if (first && start->step > 0 && !csv->standard && wn_kept_file_is_regular(&csv->out))
        WN_TRY(find_end(csv->out.path, start, &kept));
    if (!csv->standard)
        WN_TRY(wn_kept_file_begin(&csv->out, kept));
    csv->out.begun = true;
    if (first && kept == 0 &&
        (fputs(WN_TRAIN_CSV_HEADER "\n", csv->out.file) < 0 || fflush(csv->out.file) != 0))
        return wn_error(WN_ERROR_IO, "%s: cannot write the CSV file: %s", csv->out.path, strerror(errno));
    return wn_ok();
}

static bool write_row(void *context, const wn_train_record *record) {
    static const char *const kinds[] = {"step", "eval", "epoch"};
    const wn_train_csv *csv = context;
    const wn_train_row *row = &record->row;
    char test_accuracy[32] = "";
    if (record->event == WN_TRAIN_SAVE)
        return true;
    if (row->test_accuracy >= 0)
        snprintf(test_accuracy, sizeof test_accuracy, "%.6f", row->test_accuracy);
    return fprintf(csv->out.file, "%s,%d,%lld,%lld,%.9g,%.6f,%s,%.9g,%.9f,%.6f,%.9f,%lld,%llu\n",
                   kinds[record->event], row->epoch, (long long)row->step, (long long)row->examples,
                   row->loss, row->train_accuracy, test_accuracy, (double)row->lr, row->seconds_step,
                   row->seconds_total, row->data_wait, (long long)row->data_waits,
                   (unsigned long long)csv->seed) > 0 &&
           fflush(csv->out.file) == 0;
}

wn_train_watcher wn_train_csv_watcher(wn_train_csv *csv) {
    return (wn_train_watcher){.context = csv, .path = csv->out.path, .begin = begin, .record = write_row};
}

wn_status wn_train_csv_close(wn_train_csv *csv) {
    return wn_kept_file_close(&csv->out);
}

void wn_train_progress_step(wn_train_progress *progress, const wn_train_row *row, double rate,
                            double remaining) {
    if (!progress->log)
        return;
    if (!progress->display && !progress->refused) {
        progress->display = wn_display_start(progress->pool, progress->log, progress->terminal,
                                             progress->epochs, progress->steps_per_epoch);
        progress->refused = !progress->display;
    }
    wn_display_publish(progress->display, &(wn_display_state){*row, rate, remaining});
}

void wn_train_progress_clear(wn_train_progress *progress) {
    wn_display_stop(progress->display);
    progress->display = NULL;
}

void wn_train_report_epoch(wn_train_progress *progress, const wn_train_row *row, double rate) {
    if (!progress->log)
        return;
    wn_train_progress_clear(progress);
    fprintf(progress->log,
            "epoch %d/%d: loss %.3f, train acc %.3f, test acc %.3f, %.1f examples/sec, data wait %.3f s in "
            "%lld steps, %.1f s\n",
            row->epoch, progress->epochs, row->loss, row->train_accuracy, row->test_accuracy, rate,
            row->data_wait, (long long)row->data_waits, row->seconds_total);
    fflush(progress->log);
}

void wn_train_report_eval(wn_train_progress *progress, const wn_train_row *row) {
    if (!progress->log)
        return;
    wn_train_progress_clear(progress);
    fprintf(progress->log, "epoch %d/%d, after step %lld: loss %.3f, train acc %.3f, test acc %.4f, %.1f s\n",
            row->epoch, progress->epochs, (long long)row->step, row->loss, row->train_accuracy,
            row->test_accuracy, row->seconds_total);
    fflush(progress->log);
}

void wn_train_report_result(FILE *log, const wn_train_result *result, double time_to) {
    if (!log)
        return;
    fprintf(log, "loss %.3f, train acc %.3f, test acc %.3f, %.1f examples/sec\n", result->loss,
            result->train_accuracy, result->test_accuracy, result->examples_per_second);
    if (result->training_seconds > 0) /* else the run was over before */
        fprintf(log,
                "%.1f s from start to here: loading %.1f, preparing batches %.1f, training %.1f, evaluating "
                "%.1f\n",
                result->seconds_to_here, result->loading_seconds, result->preparing_seconds,
                result->training_seconds, result->evaluating_seconds);
    if (time_to > 0 && result->seconds_to_reach > 0)
        fprintf(log, "test accuracy %g reached: %.4f after %.2f s from the start\n", time_to,
                result->test_accuracy, result->seconds_to_reach);
    else if (time_to > 0)
        fprintf(log, "test accuracy %g not reached\n", time_to);
    fflush(log);
}
