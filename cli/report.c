/* winnow report: which files go into the page, and writing it whole or not at all. */
#include "report/report.h"
#include "cli.h"
#include "draft.h"
#include "gnuplot.h"
#include "grow.h"
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char details[] =
    "RESULTS are CSV files of any kind that docs/results.md has, or folders of such, with all below them.\n"
    "What each holds is told by its columns; a CSV file of a folder that is no result is named and left "
    "out.\n"
    "The page needs nothing beside it; with --plots the plots are also written as files of their own\n"
    "(they are drawn by gnuplot; without it the page has tables alone).";

typedef struct flags {
    const char *output, *plots, *title, *before, *after;
} flags;

/* Tables that were read, with room for more. */
typedef struct tables {
    wn_table *table;
    int count, room;
} tables;

static wn_status add_file(tables *all, const char *path) {
    wn_table *grown = wn_grow(all->table, all->count, &all->room, sizeof *grown);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "report: no memory for %d files", all->count + 1);
    all->table = grown;
    WN_TRY(wn_table_read(path, &all->table[all->count]));
    all->count++;
    return wn_ok();
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* A file of a folder, where others may keep CSV of their own: what is no result is named and left out. */
static wn_status add_found(tables *all, const char *path) {
    wn_status status = add_file(all, path);
    if (status.code != WN_ERROR_UNSUPPORTED)
        return status;
    fprintf(stderr, "winnow report: left out: %s\n", status.message);
    return wn_ok();
}

/* All files below a folder that end in .csv, by name; hidden ones are somebody's work in progress. */
static wn_status add_folder(tables *all, const char *path) {
    char *paths[] = {strdup(path), NULL};
    FTS *walk = paths[0] ? fts_open(paths, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
    wn_status status = walk ? wn_ok() : wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    for (FTSENT *entry; !wn_failed(status) && (entry = fts_read(walk));) {
        const char *dot = strrchr(entry->fts_name, '.');
        if (entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS || entry->fts_info == FTS_ERR)
            status = wn_error(WN_ERROR_IO, "%.200s: %s", entry->fts_path, strerror(entry->fts_errno));
        else if (entry->fts_info == FTS_F && dot && strcmp(dot, ".csv") == 0)
            status = add_found(all, entry->fts_path);
        errno = 0;
    }
    if (walk && !wn_failed(status) && errno) /* fts_read leaves 0 when nothing remains */
        status = wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    if (walk)
        fts_close(walk);
    free(paths[0]);
    return status;
}

static wn_status add_results(tables *all, const char *path) {
    struct stat found;
    if (stat(path, &found) != 0)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    return S_ISDIR(found.st_mode) ? add_folder(all, path) : add_file(all, path);
}

/* An older page is kept until the new one is whole. */
static wn_status write_page(const flags *f, const wn_report *report) {
    wn_draft draft;
    wn_page page = {.plots = f->plots, .gnuplot = wn_gnuplot_found()};
    if (f->plots && mkdir(f->plots, 0777) != 0 && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%.200s: %s", f->plots, strerror(errno));
    WN_TRY(wn_draft_open(f->output, &draft));
    page.html = draft.file;
    if (!page.gnuplot)
        fputs("winnow report: gnuplot is not installed: the page has no plots\n", stderr);
    wn_status status = wn_report_write(report, &page);
    const wn_status closed = wn_draft_close(&draft, !wn_failed(status));
    if (!wn_failed(status))
        status = closed;
    if (!wn_failed(status))
        printf("%s: %d files, %d plots\n", f->output, report->count, page.plot_count);
    wn_page_free(&page);
    return status;
}

/* The page with the comparison of two runs, where one is wanted. */
static wn_status compare_and_write(const flags *f, wn_report *report) {
    wn_timings before = {.timing = NULL}, after = {.timing = NULL};
    wn_comparison comparison = {.rows = NULL};
    wn_status status = wn_ok();
    if (f->before) {
        status = wn_timings_read(f->before, &before);
        if (!wn_failed(status))
            status = wn_timings_read(f->after, &after);
        if (!wn_failed(status))
            status = wn_compare(&before, &after, false, &comparison);
        report->comparison = &comparison;
        report->before = f->before;
        report->after = f->after;
    }
    if (!wn_failed(status))
        status = write_page(f, report);
    wn_comparison_free(&comparison);
    wn_timings_free(&before);
    wn_timings_free(&after);
    return status;
}

static wn_status report(const wn_command *command, int argc, char **argv) {
    flags f = {.output = "report.html", .title = "winnow report"};
    const wn_option options[] = {
        {.name = "--output",
         .kind = WN_OPTION_TEXT,
         .value = &f.output,
         .argument = "FILE",
         .help = "the page (default: report.html)"},
        {.name = "-o", .kind = WN_OPTION_TEXT, .value = &f.output, .argument = "FILE", .help = "the same"},
        {.name = "--plots",
         .kind = WN_OPTION_TEXT,
         .value = &f.plots,
         .argument = "FOLDER",
         .help = "write each plot as SVG and PNG files there, too"},
        {.name = "--title",
         .kind = WN_OPTION_TEXT,
         .value = &f.title,
         .argument = "TEXT",
         .help = "of the page (default: winnow report)"},
        {.name = "--before",
         .kind = WN_OPTION_TEXT,
         .value = &f.before,
         .argument = "FILE",
         .help = "compare two runs as winnow compare does: the first"},
        {.name = "--after",
         .kind = WN_OPTION_TEXT,
         .value = &f.after,
         .argument = "FILE",
         .help = "and the second"},
    };
    int words;
    bool help;
    tables all = {.table = NULL};
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words == 0)
        return wn_error(WN_ERROR_USAGE, "report: found no file, expected winnow report %s", command->usage);
    if (!f.before != !f.after)
        return wn_error(WN_ERROR_USAGE, "report: found one of --before and --after, expected both or none");
    wn_status status = wn_ok();
    for (int i = 0; i < words && !wn_failed(status); i++)
        status = add_results(&all, argv[i]);
    if (!wn_failed(status) && all.count == 0)
        status = wn_error(WN_ERROR_FORMAT, "report: %.200s: found no CSV file of results", argv[0]);
    if (!wn_failed(status))
        status =
            compare_and_write(&f, &(wn_report){.tables = all.table, .count = all.count, .title = f.title});
    for (int i = 0; i < all.count; i++)
        wn_table_free(&all.table[i]);
    free(all.table);
    return status;
}

const wn_command wn_command_report = {"report", "RESULTS... [options]",
                                      "one page with tables and plots of results", details, report};
