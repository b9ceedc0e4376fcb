/* winnow compare: the same work timed twice, before and after a change. */
#include "compare.h"
#include "cli.h"
#include "csv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The columns of its CSV, one row per name that both runs have. */
#define HEADER "name,repetitions_a,repetitions_b,seconds_a,seconds_b,ratio,p,verdict,ratio_low,ratio_high"

static const char details[] =
    "A and B are CSV files of winnow bench, JSON files of Google Benchmark (winnow-bench\n"
    "--benchmark_out), or what hyperfine exports as CSV or JSON. Names that both have are compared: ratio is "
    "B's median time by A's, above 1 B is "
    "slower.\n"
    "Where both files hold repetitions a Mann-Whitney test says at 1 % whether the times differ. A file "
    "alone\n"
    "knows nothing of the machine's mood when the other was written: for a verdict on one kernel use\n"
    "winnow bench, which times in turns.\n"
    "With --paired A and B are lists of files that were written in turns: the ratio is the median of the\n"
    "rounds' ratios with its 96 % interval, and a sign test says at 1 % whether B is slower or faster, with\n"
    "eight rounds or more.\n"
    "Exit status 3: with --fail-above, B is slower by more than that.\n"
    "Columns of the CSV file:\n  " HEADER;

static void print(const wn_comparison *c, FILE *out) {
    fprintf(out, "%12s %12s %7s %8s  %-7s %s\n", "A ms", "B ms", "B / A", "p", "B is", "what");
    for (int i = 0; i < c->count; i++) {
        const wn_compared *row = &c->rows[i];
        char p[16] = "", interval[40] = "";
        if (isfinite(row->p))
            snprintf(p, sizeof p, "%.4f", row->p);
        if (isfinite(row->low))
            snprintf(interval, sizeof interval, " (%.3f to %.3f)", row->low, row->high);
        fprintf(out, "%12.4f %12.4f %7.3f %8s  %-7s %s%s\n", row->median_a * 1e3, row->median_b * 1e3,
                row->ratio, p, wn_change_name(row->verdict), row->name, interval);
    }
    fprintf(out, "\n%d compared: geometric mean of B / A %.3f, median within %.3f and %.3f (96 %%)\n",
            c->count, c->mean, c->low, c->high);
    if (c->only_a || c->only_b)
        fprintf(out, "not compared: %d only in A, %d only in B\n", c->only_a, c->only_b);
}

static void write_csv(const wn_comparison *c, wn_csv *csv) {
    for (int i = 0; i < c->count; i++) {
        const wn_compared *row = &c->rows[i];
        wn_csv_text(csv, row->name);
        wn_csv_number(csv, row->count_a);
        wn_csv_number(csv, row->count_b);
        wn_csv_number(csv, row->median_a);
        wn_csv_number(csv, row->median_b);
        wn_csv_number(csv, row->ratio);
        wn_csv_number(csv, row->p);
        wn_csv_text(csv, wn_change_name(row->verdict));
        wn_csv_number(csv, row->low);
        wn_csv_number(csv, row->high);
        wn_csv_end_row(csv);
    }
}

/* "5%" or "5" as 0.05. */
static wn_status read_limit(const char *text, double *limit) {
    char *end;
    double percent = strtod(text, &end);
    if (end == text || (strcmp(end, "%") != 0 && *end) || !isfinite(percent) || percent < 0)
        return wn_error(WN_ERROR_USAGE, "--fail-above: found \"%.40s\", expected percent such as 5%%", text);
    *limit = percent / 100;
    return wn_ok();
}

static wn_status judge(const wn_comparison *c, double limit) {
    double slowest = fmax(c->mean, c->worst);
    if (slowest <= 1 + limit)
        return wn_ok();
    return wn_error(WN_ERROR_LIMIT, "compare: B is slower by %.1f %% %s, expected at most %.1f %%",
                    100 * (slowest - 1), c->mean >= c->worst ? "in the geometric mean" : "where it is worst",
                    100 * limit);
}

static wn_status read_run(const char *paths, bool paired, wn_timings *run) {
    return paired ? wn_timings_read_list(paths, run) : wn_timings_read(paths, run);
}

static wn_status compare_files(const char *a_path, const char *b_path, bool paired, const char *csv_path,
                               const double *limit) {
    wn_timings a, b = {.timing = NULL};
    wn_comparison comparison;
    wn_csv csv = {.file = NULL};
    char named[PATH_MAX];
    WN_TRY(read_run(a_path, paired, &a));
    wn_status status = read_run(b_path, paired, &b);
    if (!wn_failed(status) && csv_path)
        status = wn_session_csv_path(NULL, csv_path, "compare", NULL, named);
    if (!wn_failed(status) && csv_path)
        status = wn_csv_open(named, HEADER, &csv);
    if (!wn_failed(status))
        status = wn_compare(&a, &b, paired, &comparison);
    if (!wn_failed(status)) {
        print(&comparison, stdout);
        if (csv_path)
            write_csv(&comparison, &csv);
        if (!wn_failed(status) && limit)
            status = judge(&comparison, *limit);
        wn_comparison_free(&comparison);
    }
    wn_status closed = wn_csv_close(&csv);
    wn_timings_free(&a);
    wn_timings_free(&b);
    return wn_failed(status) ? status : closed;
}

static wn_status compare(const wn_command *command, int argc, char **argv) {
    const char *csv = NULL, *fail_above = NULL;
    bool paired = false;
    const wn_option options[] = {
        WN_OPTION_CSV(&csv),
        {.name = "--paired",
         .kind = WN_OPTION_SWITCH,
         .value = &paired,
         .help = "A and B were written in turns: lists of files joined by commas, round by round"},
        {.name = "--fail-above",
         .kind = WN_OPTION_TEXT,
         .value = &fail_above,
         .argument = "PERCENT",
         .help = "fail when B is slower by more: in the geometric mean, or anywhere for sure"},
    };
    int words;
    bool help;
    double limit;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 2)
        return wn_error(WN_ERROR_USAGE, "compare: found %d files, expected winnow compare %s", words,
                        command->usage);
    if (fail_above)
        WN_TRY(read_limit(fail_above, &limit));
    return compare_files(argv[0], argv[1], paired, csv, fail_above ? &limit : NULL);
}

const wn_command wn_command_compare = {"compare", "A B [options]", "compare two runs' times, name by name",
                                       details, compare};
