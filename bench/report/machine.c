/* What the figures were taken on: the facts, and what the doctor said beside each file. */
#include "report/report.h"
#include <math.h>
#include <string.h>

static int row_of(const wn_table *table, const char *fact) {
    for (int row = 0; row < table->rows; row++)
        if (strcmp(wn_table_text(table, row, "fact"), fact) == 0)
            return row;
    return -1;
}

/* The fingerprints that the files come from, each once. */
static void write_fingerprints(const wn_report *report, wn_page *page) {
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        const char *machine = table->rows ? wn_table_text(table, 0, "machine") : "";
        bool seen = !*machine;
        for (int u = 0; u < t && !seen; u++)
            seen =
                report->tables[u].rows && !strcmp(wn_table_text(&report->tables[u], 0, "machine"), machine);
        if (!seen)
            wn_page_paragraph(page, "%s", machine);
    }
}

static bool is_doctors(const wn_table *table, int row) {
    return strncmp(wn_table_text(table, row, "fact"), "doctor", strlen("doctor")) == 0;
}

/* A value with few digits, bytes in the unit that they are spoken of in. */
static void show_value(const wn_table *table, int row, const char **unit, char *text, size_t size) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
    double value = wn_table_number(table, row, "value");
    int scale = 0;
    for (; strcmp(*unit, units[0]) == 0 && value >= 1024 && scale < 3; scale++)
        value /= 1024;
    if (scale)
        *unit = units[scale];
    if (isfinite(value))
        snprintf(text, size, "%.4g", value);
    else
        snprintf(text, size, "%s", wn_table_text(table, row, "value"));
}

/* The facts of one file, without the doctor's. */
static void write_facts(const wn_table *table, wn_page *page) {
    wn_page_table_begin(page,
                        (const char *const[]){"fact", "value", "unit", "isa", "threads", "level", NULL});
    for (int row = 0; row < table->rows; row++)
        if (!is_doctors(table, row)) {
            char value[160];
            const char *unit = wn_table_text(table, row, "unit");
            show_value(table, row, &unit, value, sizeof value);
            wn_page_row(page, (const char *const[]){wn_table_text(table, row, "fact"), value, unit,
                                                    wn_table_text(table, row, "isa"),
                                                    wn_table_text(table, row, "threads"),
                                                    wn_table_text(table, row, "level"), NULL});
        }
    wn_page_table_end(page);
}

/* Whether every fact of one file stands in the other, the doctor's apart. */
static bool holds_facts(const wn_table *all, const wn_table *some) {
    static const char *const columns[] = {"fact", "value", "unit", "isa", "threads", "level", NULL};
    for (int row = 0; row < some->rows; row++) {
        const wn_table *found;
        wn_tables_find(all, 1, WN_TABLE_MACHINE, some, row, columns, &found);
        if (!is_doctors(some, row) && !found)
            return false;
    }
    return true;
}

/* A machine file's facts, unless those of another one hold them, too. */
static void write_new_facts(const wn_report *report, int index, wn_page *page) {
    const wn_table *table = &report->tables[index];
    for (int t = 0; t < report->count; t++) {
        const wn_table *other = &report->tables[t];
        if (t != index && other->kind == WN_TABLE_MACHINE && holds_facts(other, table) &&
            (t < index || !holds_facts(table, other)))
            return;
    }
    write_facts(table, page);
}

static void write_verdicts(const wn_report *report, wn_page *page) {
    bool begun = false;
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        int row = table->kind == WN_TABLE_MACHINE ? row_of(table, "doctor") : -1;
        if (row < 0)
            continue;
        if (!begun)
            wn_page_table_begin(page, (const char *const[]){"measured beside", "the doctor's verdict", NULL});
        begun = true;
        wn_page_row(page,
                    (const char *const[]){wn_table_name(table), wn_table_text(table, row, "value"), NULL});
    }
    if (begun)
        wn_page_table_end(page);
}

/* What the doctor found, and its advice, of files of winnow doctor. */
static void write_doctor(const wn_table *table, wn_page *page) {
    wn_page_fold_begin(page, "All checks of winnow doctor");
    wn_page_table_begin(page, (const char *const[]){"check", "verdict", "found", "wanted", "worth", NULL});
    for (int row = 0; row < table->rows; row++)
        wn_page_row(page, (const char *const[]){
                              wn_table_text(table, row, "check"), wn_table_text(table, row, "verdict"),
                              wn_table_text(table, row, "found"), wn_table_text(table, row, "wanted"),
                              wn_table_text(table, row, "worth"), NULL});
    wn_page_table_end(page);
    wn_page_fold_end(page);
}

void wn_report_machine(const wn_report *report, wn_page *page) {
    wn_page_heading(page, 2, "Machine");
    write_fingerprints(report, page);
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_MACHINE)
            write_new_facts(report, t, page);
    write_verdicts(report, page);
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_DOCTOR)
            write_doctor(&report->tables[t], page);
}
