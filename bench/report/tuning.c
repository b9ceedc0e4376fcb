/* Tuning: what was picked, how far the picks are from the best, and whole steps beside those of other picks.
 */
#include "report/names.h"
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const wn_table *table, int row, const char *kind) {
    return strcmp(wn_table_text(table, row, "kind"), kind) == 0;
}

static bool has_kind(const wn_table *table, const char *kind) {
    for (int row = 0; row < table->rows; row++)
        if (is_kind(table, row, kind))
            return true;
    return false;
}

/* "direct" of a database "direct.db". */
static void without_ending(const char *file, char *name, size_t size) {
    size_t length = strlen(file);
    if (length > 3 && strcmp(file + length - 3, ".db") == 0)
        length -= 3;
    snprintf(name, size, "%.*s", (int)length, file);
}

/* How often each implementation was picked, by network: "resnet18" of "resnet18 layer1.0.conv1 FWD_B". */
static void write_picks(const wn_table *table, wn_page *page) {
    wn_names networks = {.count = 0}, impls = {.count = 0};
    static int picks[WN_NAMES][WN_NAMES];
    memset(picks, 0, sizeof picks);
    for (int row = 0; row < table->rows; row++) {
        const char *label = wn_table_text(table, row, "label");
        char network[80];
        snprintf(network, sizeof network, "%.*s", (int)strcspn(label, " "), label);
        int n = is_kind(table, row, "pick") ? wn_names_place(&networks, network) : -1;
        int i = n < 0 ? -1 : wn_names_place(&impls, wn_table_text(table, row, "impl"));
        if (i >= 0)
            picks[n][i]++;
    }
    const char *cells[WN_NAMES + 3] = {"network", "problems"};
    char text[WN_NAMES + 1][16];
    for (int i = 0; i < impls.count; i++)
        cells[i + 2] = impls.name[i];
    wn_page_table_begin(page, cells);
    for (int n = 0; n < networks.count; n++) {
        int all = 0;
        for (int i = 0; i < impls.count; i++) {
            snprintf(text[i + 1], sizeof *text, "%d", picks[n][i]);
            cells[i + 2] = picks[n][i] ? text[i + 1] : "";
            all += picks[n][i];
        }
        snprintf(text[0], sizeof *text, "%d", all);
        cells[0] = networks.name[n];
        cells[1] = text[0];
        wn_page_row(page, cells);
    }
    wn_page_table_end(page);
}

static void write_steps(const wn_table *table, wn_page *page) {
    wn_page_table_begin(page, (const char *const[]){"step", "its problems by themselves, ms",
                                                    "within the step, ms", "the step, ms", NULL});
    for (int row = 0; row < table->rows; row++) {
        static const char *const columns[] = {"median_seconds", "in_place_seconds", "step_seconds"};
        char text[3][32];
        if (!is_kind(table, row, "step"))
            continue;
        for (int i = 0; i < 3; i++)
            wn_report_number(text[i], sizeof *text, "%.2f", 1e3 * wn_table_number(table, row, columns[i]));
        wn_page_row(
            page, (const char *const[]){wn_table_text(table, row, "label"), text[0], text[1], text[2], NULL});
    }
    wn_page_table_end(page);
}

/* Ratios to the best candidate of those who chose: geometric mean and worst. */
static void write_regrets(const wn_table *table, wn_page *page) {
    static const char prefix[] = "regret ";
    struct {
        double logs, worst;
        int count, row;
    } sum[WN_NAMES] = {{0}};
    wn_names names = {.count = 0};
    for (int row = 0; row < table->rows; row++) {
        const char *kind = wn_table_text(table, row, "kind");
        double ratio = wn_table_number(table, row, "ratio");
        int i = strncmp(kind, prefix, strlen(prefix)) == 0 && ratio > 0
                    ? wn_names_place(&names, kind + strlen(prefix))
                    : -1;
        if (i < 0)
            continue;
        sum[i].logs += log(ratio);
        sum[i].count++;
        if (ratio > sum[i].worst) {
            sum[i].worst = ratio;
            sum[i].row = row;
        }
    }
    wn_page_table_begin(page, (const char *const[]){"choice", "problems", "time / that of the best candidate",
                                                    "worst", "where", NULL});
    for (int i = 0; i < names.count; i++) {
        char problems[16], mean[32], worst[32];
        snprintf(problems, sizeof problems, "%d", sum[i].count);
        snprintf(mean, sizeof mean, "%.3f", exp(sum[i].logs / sum[i].count));
        snprintf(worst, sizeof worst, "%.3f", sum[i].worst);
        wn_page_row(page, (const char *const[]){names.name[i], problems, mean, worst,
                                                wn_table_text(table, sum[i].row, "label"), NULL});
    }
    wn_page_table_end(page);
}

/* A table of the ratios to the picks, a row per step and a column per other side; and the same as bars. */
static void write_beside(const wn_table *table, wn_page *page) {
    static double ratio[WN_NAMES][WN_NAMES];
    wn_names steps = {.count = 0}, sides = {.count = 0};
    memset(ratio, 0, sizeof ratio);
    for (int row = 0; row < table->rows; row++) {
        if (!is_kind(table, row, "beside") || strcmp(wn_table_text(table, row, "impl"), "picks") == 0)
            continue;
        int step = wn_names_place(&steps, wn_table_text(table, row, "label"));
        char name[160];
        without_ending(wn_table_text(table, row, "impl"), name, sizeof name);
        int side = wn_names_place(&sides, name);
        if (step >= 0 && side >= 0)
            ratio[step][side] = wn_table_number(table, row, "ratio");
    }
    const char *cells[WN_NAMES + 2] = {"step"};
    char text[WN_NAMES][32];
    for (int side = 0; side < sides.count; side++)
        cells[side + 1] = sides.name[side];
    wn_page_table_begin(page, cells);
    for (int step = 0; step < steps.count; step++) {
        cells[0] = steps.name[step];
        for (int side = 0; side < sides.count; side++) {
            wn_report_number(text[side], sizeof *text, "%.3f",
                             ratio[step][side] > 0 ? ratio[step][side] : (double)NAN);
            cells[side + 1] = text[side];
        }
        wn_page_row(page, cells);
    }
    wn_page_table_end(page);
    wn_report_bars(page,
                   &(wn_bars){.name = "beside",
                              .caption = "Whole steps with other picks beside those of the database; above 1 "
                                         "the database's are faster",
                              .ylabel = "time / that with the picks",
                              .groups = &steps,
                              .bars = &sides,
                              .value = ratio});
}

void wn_report_tuning(const wn_report *report, wn_page *page) {
    static const struct {
        const char *kind, *title;
        void (*write)(const wn_table *, wn_page *);
    } parts[] = {{"pick", "what was picked", write_picks},
                 {"step", "steps with the picks", write_steps},
                 {"best", "regret: races of all candidates", write_regrets},
                 {"beside", "steps beside those with other picks", write_beside}};
    if (!wn_report_has(report, WN_TABLE_TUNING))
        return;
    wn_page_heading(page, 2, "Tuning");
    for (int t = 0; t < report->count; t++)
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            if (report->tables[t].kind == WN_TABLE_TUNING && has_kind(&report->tables[t], parts[i].kind)) {
                wn_page_heading(page, 3, "%s: %s", wn_table_name(&report->tables[t]), parts[i].title);
                parts[i].write(&report->tables[t], page);
            }
}
