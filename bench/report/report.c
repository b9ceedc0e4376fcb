/* The frame of the page, and the comparison of two runs. */
#include "report/report.h"
#include <math.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--line:#ccc;--soft:#f4f4f4}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e8e8e8;--bg:#161616;--line:#444;--soft:#222}}"
    "body{font:15px/1.5 sans-serif;color:var(--fg);background:var(--bg);max-width:1300px;margin:2em "
    "auto;padding:0 1em}"
    "table{border-collapse:collapse;font-size:13px}td,th{padding:2px 8px;border-bottom:1px solid var(--line);"
    "text-align:left;vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:"
    "nowrap}"
    "th.n{white-space:normal}tr:hover td{background:var(--soft)}.wide{overflow-x:auto;margin:.8em "
    "0}figure{margin:1em "
    "0;overflow-x:auto}"
    "figure svg{max-width:100%;height:auto}figcaption{font-size:13px}h2{margin-top:2em}";

void wn_report_quote(char *out, size_t size, const char *text) {
    size_t used = 0;
    for (; *text && used + 1 < size; text++)
        if (!strchr("\"'\\\n", *text))
            out[used++] = *text;
        else
            out[used++] = ' ';
    out[used] = '\0';
}

double wn_report_limit(const wn_report *report, const char *fact, const char *level, const char *isa,
                       const char *threads) {
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; row < table->rows && table->kind == WN_TABLE_MACHINE; row++)
            if (strcmp(wn_table_text(table, row, "fact"), fact) == 0 &&
                strcmp(wn_table_text(table, row, "level"), level) == 0 &&
                strcmp(wn_table_text(table, row, "isa"), isa) == 0 &&
                strcmp(wn_table_text(table, row, "threads"), threads) == 0)
                return wn_table_number(table, row, "value");
    }
    return (double)NAN;
}

bool wn_report_has(const wn_report *report, wn_table_kind kind) {
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == kind && report->tables[t].rows > 0)
            return true;
    return false;
}

void wn_report_number(char *text, size_t size, const char *format, double value) {
    if (isfinite(value))
        snprintf(text, size, format, value);
    else
        text[0] = '\0';
}

/* The rows of files of winnow compare. */
static void write_compared(const wn_report *report, wn_page *page) {
    if (!wn_report_has(report, WN_TABLE_COMPARE))
        return;
    wn_page_heading(page, 2, "Runs that were compared");
    wn_page_table_begin(page,
                        (const char *const[]){"file", "what", "A s", "B s", "B / A", "p", "B is", NULL});
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; table->kind == WN_TABLE_COMPARE && row < table->rows; row++)
            wn_page_row(page, (const char *const[]){wn_table_name(table), wn_table_text(table, row, "name"),
                                                    wn_table_text(table, row, "seconds_a"),
                                                    wn_table_text(table, row, "seconds_b"),
                                                    wn_table_text(table, row, "ratio"),
                                                    wn_table_text(table, row, "p"),
                                                    wn_table_text(table, row, "verdict"), NULL});
    }
    wn_page_table_end(page);
}

void wn_report_comparison(const wn_report *report, wn_page *page) {
    const wn_comparison *c = report->comparison;
    write_compared(report, page);
    if (!c)
        return;
    wn_page_heading(page, 2, "Two runs compared");
    wn_page_paragraph(
        page,
        "A is %s, B is %s: %d times in both; geometric mean of B / A %.3f, their median between %.3f and "
        "%.3f (96 %%). Above 1, B is slower.",
        report->before, report->after, c->count, c->mean, c->low, c->high);
    wn_page_table_begin(page, (const char *const[]){"what", "A ms", "B ms", "B / A", "p", "B is", NULL});
    for (int i = 0; i < c->count; i++) {
        const wn_compared *row = &c->rows[i];
        char a[32], b[32], ratio[32], p[32] = "";
        snprintf(a, sizeof a, "%.4f", row->median_a * 1e3);
        snprintf(b, sizeof b, "%.4f", row->median_b * 1e3);
        snprintf(ratio, sizeof ratio, "%.3f", row->ratio);
        if (isfinite(row->p))
            snprintf(p, sizeof p, "%.4f", row->p);
        wn_page_row(page,
                    (const char *const[]){row->name, a, b, ratio, p, wn_change_name(row->verdict), NULL});
    }
    wn_page_table_end(page);
}

wn_status wn_report_write(const wn_report *report, wn_page *page) {
    fputs("<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport "
          "content=\"width=device-width\"><title>",
          page->html);
    wn_page_text(page, report->title);
    fprintf(page->html, "</title><style>%s</style></head><body>\n", style);
    wn_page_heading(page, 1, "%s", report->title);
    if (!page->gnuplot)
        wn_page_paragraph(page, "Without plots: gnuplot is not on this machine.");
    void (*const sections[])(const wn_report *, wn_page *) = {
        wn_report_machine,   wn_report_steps,       wn_report_shares,   wn_report_parts,
        wn_report_winners,   wn_report_layers,      wn_report_roofline, wn_report_peer,
        wn_report_pytorch,   wn_report_tuning,      wn_report_training, wn_report_rates,
        wn_report_confusion, wn_report_predictions, wn_report_linux,    wn_report_comparison,
        wn_report_files};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        sections[i](report, page);
    fputs("</body></html>\n", page->html);
    return page->status;
}
