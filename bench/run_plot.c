/* When to draw, and what a record adds to the curves. How they look is curves.c's. */
#include "run_plot.h"
#include "clock.h"
#include "csv_reader.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { WIDTH = 1000, HEIGHT = 640 };
static const double SECONDS = 3; /* between the beginnings of two drawings */

wn_status wn_plot_check(const char *path, const char **terminal) {
    size_t length = strlen(path);
    const char *ending = length > 4 ? path + length - 4 : "";
    *terminal = !strcmp(ending, ".svg") ? "svg" : !strcmp(ending, ".png") ? "pngcairo" : NULL;
    if (!*terminal)
        return wn_error(WN_ERROR_USAGE, "--plot: found \"%.80s\", expected a name that ends in .svg or .png",
                        path);
    if (!wn_gnuplot_found())
        return wn_error(WN_ERROR_UNSUPPORTED, "--plot: curves are drawn by gnuplot, which is not installed");
    return wn_draft_check(path);
}

wn_status wn_run_plot_open(const char *path, wn_run_plot *p) {
    *p = (wn_run_plot){.path = path};
    return wn_plot_check(path, &p->terminal);
}

static wn_status start_drawing(wn_run_plot *p) {
    char *body = NULL;
    size_t size;
    FILE *out = open_memstream(&body, &size), *script = out ? wn_gnuplot_script() : NULL;
    bool drawn = script && wn_curves_write(p->runs, p->count < WN_CURVE_RUNS ? p->count : WN_CURVE_RUNS, out);
    if (out)
        fclose(out);
    wn_status status = wn_ok();
    if (drawn)
        status = wn_draft_open(p->path, &p->draft);
    if (drawn && !wn_failed(status)) {
        wn_gnuplot_ask(script, p->terminal, WIDTH, HEIGHT, p->draft.draft, body);
        status = wn_gnuplot_start(script, &p->gnuplot);
        if (wn_failed(status))
            wn_draft_close(&p->draft, false);
    } else if (script) {
        fclose(script);
    } else {
        status = wn_error(WN_ERROR_MEMORY, "%s: no memory for the plot", p->path);
    }
    free(body);
    p->fresh = false;
    p->begun = wn_seconds();
    return status;
}

/* Puts a finished drawing in its place; false: one goes on. */
static bool finish_drawing(wn_run_plot *p, bool wait, wn_status *status) {
    if (!wn_gnuplot_ended(&p->gnuplot, wait, status))
        return false;
    wn_status closed = wn_draft_close(&p->draft, !wn_failed(*status));
    if (!wn_failed(*status))
        *status = closed;
    return true;
}

static void tick(void *context) {
    wn_run_plot *p = context;
    wn_status status;
    if (finish_drawing(p, false, &status) && p->fresh && wn_seconds() - p->begun >= SECONDS)
        start_drawing(p);
}

/* Adds what an event says to the last run's curves. */
static bool record(void *context, const wn_train_record *r) {
    wn_run_plot *p = context;
    const wn_train_row *row = &r->row;
    if (p->count > WN_CURVE_RUNS)
        return true;
    wn_run_curves *c = &p->runs[p->count - 1];
    const double step = (double)row->step;
    bool added = true;
    if (r->event == WN_TRAIN_STEP)
        added = wn_curve_add(&c->loss, step, row->loss) && wn_curve_add(&c->lr, step, (double)row->lr);
    else if (r->event == WN_TRAIN_EVAL || r->event == WN_TRAIN_EPOCH)
        added = wn_curve_add(&c->test, step, row->test_accuracy);
    if (added && r->event == WN_TRAIN_EPOCH)
        added = wn_curve_add(&c->train, step, row->train_accuracy);
    p->fresh = true;
    errno = added ? 0 : ENOMEM;
    return added;
}

/* The event that a row of the run's CSV file tells of, as far as curves have it. */
static wn_status read_event(const wn_csv_reader *rows, wn_train_record *r) {
    static const char *const kinds[] = {
        [WN_TRAIN_STEP] = "step", [WN_TRAIN_EVAL] = "eval", [WN_TRAIN_EPOCH] = "epoch"};
    const char *kind = wn_csv_reader_field(rows, "kind");
    double step, lr;
    for (r->event = WN_TRAIN_STEP; r->event < WN_TRAIN_SAVE && strcmp(kind, kinds[r->event]) != 0;)
        r->event++;
    WN_TRY(wn_csv_reader_number(rows, "step", &step));
    WN_TRY(wn_csv_reader_number(rows, "lr", &lr));
    WN_TRY(wn_csv_reader_number(rows, "loss", &r->row.loss));
    WN_TRY(wn_csv_reader_number(rows, "train_accuracy", &r->row.train_accuracy));
    r->row.step = (int64_t)step;
    r->row.lr = (float)lr;
    return wn_csv_reader_number(rows, "test_accuracy", &r->row.test_accuracy);
}

/* What a run that is resumed left in its CSV file, where the rows have been cut to what counts. */
static wn_status read_before(wn_run_plot *p, const wn_train_options *options) {
    wn_csv_reader rows;
    bool more = true;
    WN_TRY(wn_csv_reader_open(options->csv, &rows));
    wn_status status = wn_csv_reader_next(&rows, &more);
    while (!wn_failed(status) && more) {
        wn_train_record r = {.best = false};
        if (strtoull(wn_csv_reader_field(&rows, "seed"), NULL, 10) == options->seed) {
            status = read_event(&rows, &r);
            if (!wn_failed(status) && !record(p, &r))
                status = wn_error(WN_ERROR_MEMORY, "%s: no memory for the curves", p->path);
        }
        if (!wn_failed(status))
            status = wn_csv_reader_next(&rows, &more);
    }
    wn_csv_reader_close(&rows);
    return status;
}

static wn_status begin(void *context, const wn_train_start *start) {
    wn_run_plot *p = context;
    const char *csv = start->options->csv;
    struct stat found;
    p->count++;
    p->begun = wn_seconds();
    return start->step > 0 && csv && stat(csv, &found) == 0 && S_ISREG(found.st_mode)
               ? read_before(p, start->options)
               : wn_ok();
}

static wn_status end(void *context, const wn_train_result *result, const wn_status *how) {
    (void)result;
    (void)how;
    wn_run_plot *p = context;
    wn_status status;
    finish_drawing(p, true, &status);
    if (p->fresh) {
        WN_TRY(start_drawing(p));
        finish_drawing(p, true, &status);
    }
    return status;
}

wn_train_watcher wn_run_plot_watcher(wn_run_plot *p) {
    return (wn_train_watcher){p, p->path, begin, end, record, tick};
}

void wn_run_plot_close(wn_run_plot *p) {
    wn_status status;
    finish_drawing(p, true, &status);
    for (int i = 0; i < WN_CURVE_RUNS; i++)
        wn_run_curves_free(&p->runs[i]);
}
