/* The CSV rows and the closing lines of a training run. Decides how things are shown,
 * never what they are. */
#include "report.h"
#include "display.h"
#include "output.h"
#include "row_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

wn_status wn_train_csv_open(const char *path, wn_train_csv *csv) {
    *csv = (wn_train_csv){.path = path};
    if (!path)
        return wn_ok();
    csv->standard = wn_output_is_standard(path);
    if (csv->standard) {
        csv->path = "standard output";
        csv->file = wn_output_take_standard();
        return csv->file ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", csv->path, strerror(errno));
    }
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    csv->created = descriptor >= 0;
    if (!csv->created)
        descriptor = open(path, O_WRONLY | O_CLOEXEC);
    csv->file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (csv->file)
        return wn_ok();
    wn_status status = wn_error(WN_ERROR_IO, "%s: cannot write the CSV file: %s", path, strerror(errno));
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

/* Where the rows up to a step end; 0 when there are none. */
static wn_status find_end(const wn_train_csv *csv, int64_t step, off_t *end) {
    *end = 0;
    FILE *rows = fopen(csv->path, "r");
    if (!rows)
        return wn_error(WN_ERROR_IO, "%s: cannot read the CSV file: %s", csv->path, strerror(errno));
    char line[512];
    long long at;
    bool header = fgets(line, sizeof line, rows) != NULL,
         known = !header || !strcmp(line, WN_TRAIN_CSV_HEADER "\n");
    for (*end = header && known ? ftello(rows) : 0; known && fgets(line, sizeof line, rows);
         *end = ftello(rows))
        if (!strchr(line, '\n') || sscanf(line, "%*[a-z],%*d,%lld", &at) != 1 || at > step)
            break;
    fclose(rows);
    return known
               ? wn_ok()
               : wn_error(WN_ERROR_FORMAT,
                          "%s: cannot be continued: it does not start with the columns of a run", csv->path);
}

/* Goes on behind the rows up to a step. False: there are none. */
static wn_status continue_rows(wn_train_csv *csv, int64_t step, bool *continued) {
    off_t end;
    WN_TRY(find_end(csv, step, &end));
    *continued = end > 0;
    if (*continued && (ftruncate(fileno(csv->file), end) != 0 || fseeko(csv->file, end, SEEK_SET) != 0))
        return wn_error(WN_ERROR_IO, "%s: cannot continue the CSV file: %s", csv->path, strerror(errno));
    return wn_ok();
}

/* The file up to where the rows go. */
static wn_status begin_file(wn_train_csv *csv, int64_t step) {
    struct stat facts;
    bool continued = false;
    const bool own = !csv->standard && fstat(fileno(csv->file), &facts) == 0 && S_ISREG(facts.st_mode);
    if (step > 0 && !csv->standard)
        WN_TRY(continue_rows(csv, step, &continued));
    if (continued) {
        csv->begun = true;
        return wn_ok();
    }
    if ((own && ftruncate(fileno(csv->file), 0) != 0) || fputs(WN_TRAIN_CSV_HEADER "\n", csv->file) < 0 ||
        fflush(csv->file) != 0)
        return wn_error(WN_ERROR_IO, "%s: cannot write the CSV file: %s", csv->path, strerror(errno));
    csv->begun = true;
    return wn_ok();
}

wn_status wn_train_csv_begin(wn_train_csv *csv, const wn_pool *pool, int64_t step) {
    if (!csv->file)
        return wn_ok();
    WN_TRY(begin_file(csv, step));
    return wn_row_writer_start(pool, csv->file, csv->path, &csv->writer);
}

wn_status wn_train_csv_row(wn_train_csv *csv, const char *kind, const wn_train_row *row) {
    return csv->writer ? wn_row_writer_add(csv->writer, kind, row) : wn_ok();
}

wn_status wn_train_csv_flush(wn_train_csv *csv) {
    return csv->writer ? wn_row_writer_flush(csv->writer) : wn_ok();
}

wn_status wn_train_csv_close(wn_train_csv *csv) {
    if (!csv->file)
        return wn_ok();
    wn_status status = wn_row_writer_stop(csv->writer);
    csv->writer = NULL;
    int failed = fclose(csv->file);
    csv->file = NULL;
    if (csv->created && !csv->begun)
        unlink(csv->path);
    if (failed && !wn_failed(status))
        return wn_error(WN_ERROR_IO, "%s: cannot finish the CSV file: %s", csv->path, strerror(errno));
    return status;
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
    fprintf(
        log,
        "%.1f s from start to here: loading %.1f, preparing batches %.1f, training %.1f, evaluating %.1f\n",
        result->seconds_to_here, result->loading_seconds, result->preparing_seconds, result->training_seconds,
        result->evaluating_seconds);
    if (time_to > 0 && result->seconds_to_reach > 0)
        fprintf(log, "test accuracy %g reached: %.4f after %.2f s from the start of the program\n", time_to,
                result->test_accuracy, result->seconds_to_reach);
    else if (time_to > 0)
        fprintf(log, "test accuracy %g not reached\n", time_to);
    fflush(log);
}
