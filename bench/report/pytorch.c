/* Beside PyTorch: whole steps of the same networks, as tools/peers/torch_step.py times them in turns. */
#include "report/report.h"
#include <math.h>
#include <stdlib.h>

static void write_row(const wn_table *table, int row, wn_page *page) {
    char theirs[32], ours[32], ratio[32], low[32], high[32];
    snprintf(theirs, sizeof theirs, "%.2f", 1e3 * wn_table_number(table, row, "torch_seconds"));
    snprintf(ours, sizeof ours, "%.2f", 1e3 * wn_table_number(table, row, "winnow_seconds"));
    snprintf(ratio, sizeof ratio, "%.2f", wn_table_number(table, row, "ratio"));
    snprintf(low, sizeof low, "%.2f", wn_table_number(table, row, "ratio_low"));
    snprintf(high, sizeof high, "%.2f", wn_table_number(table, row, "ratio_high"));
    wn_page_row(page, (const char *const[]){
                          wn_table_text(table, row, "net"), wn_table_text(table, row, "size"),
                          wn_table_text(table, row, "batch"), wn_table_text(table, row, "mode"), theirs, ours,
                          ratio, low, high, wn_table_text(table, row, "torch_layout"), NULL});
}

/* Bars of the ratios; adds up their logarithms. */
static int plot(const wn_report *report, double *logs, wn_page *page) {
    char *script = NULL, net[40];
    size_t size = 0;
    int bars = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return 0;
    fputs("set style fill solid 0.9\nset boxwidth 0.7\nset rmargin 14\nset grid y\nset yrange [0:*]\nunset "
          "key\n"
          "set ylabel 'time of PyTorch / ours'\nset xtics rotate by -40 font ',10'\n$d << E\n",
          out);
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; table->kind == WN_TABLE_PYTORCH && row < table->rows; row++) {
            double ratio = wn_table_number(table, row, "ratio");
            if (!(ratio > 0))
                continue;
            wn_report_quote(net, sizeof net, wn_table_text(table, row, "net"));
            fprintf(out, "\"%s %s, batch %s\" %.4g %.4g %.4g\n", net, wn_table_text(table, row, "mode"),
                    wn_table_text(table, row, "batch"), ratio, wn_table_number(table, row, "ratio_low"),
                    wn_table_number(table, row, "ratio_high"));
            *logs += log(ratio);
            bars++;
        }
    }
    fputs("E\nplot $d using 0:2:xtic(1) with boxes lt 1, $d using 0:3:(0):($4-$3) with vectors heads size 0.1,90 lt 2, 1 lt 6",
          out);
    fclose(out);
    if (bars)
        wn_page_plot(page, "pytorch",
                     "Whole steps beside PyTorch, from the lowest to the highest round; "
                     "above 1 we are faster",
                     bars < 8 ? 700 : 1050, 420, script);
    free(script);
    return bars;
}

static void write_memory(const wn_report *report, wn_page *page) {
    wn_page_heading(page, 3, "Memory beside PyTorch");
    wn_page_table_begin(page,
                        (const char *const[]){"network", "input", "batch", "PyTorch MiB", "winnow MiB",
                                              "ratio", "PyTorch before the network", "its layout", NULL});
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; table->kind == WN_TABLE_PYTORCH_MEMORY && row < table->rows; row++)
            wn_page_row(page,
                        (const char *const[]){
                            wn_table_text(table, row, "net"), wn_table_text(table, row, "size"),
                            wn_table_text(table, row, "batch"), wn_table_text(table, row, "torch_peak_mib"),
                            wn_table_text(table, row, "winnow_peak_mib"), wn_table_text(table, row, "ratio"),
                            wn_table_text(table, row, "torch_idle_mib"),
                            wn_table_text(table, row, "torch_layout"), NULL});
    }
    wn_page_table_end(page);
    wn_page_paragraph(page, "The most that a process with the network had resident.");
}

static void write_steps(const wn_report *report, wn_page *page) {
    double logs = 0;
    wn_page_table_begin(page, (const char *const[]){"network", "input", "batch", "mode", "PyTorch ms",
                                                    "winnow ms", "ratio", "from", "to", "its layout", NULL});
    for (int t = 0; t < report->count; t++)
        for (int row = 0; report->tables[t].kind == WN_TABLE_PYTORCH && row < report->tables[t].rows; row++)
            write_row(&report->tables[t], row, page);
    wn_page_table_end(page);
    int bars = plot(report, &logs, page);
    if (bars)
        wn_page_paragraph(page, "Geometric mean of the ratios: %.2f over %d steps.", exp(logs / bars), bars);
}

void wn_report_pytorch(const wn_report *report, wn_page *page) {
    const bool steps = wn_report_has(report, WN_TABLE_PYTORCH);
    const bool memory = wn_report_has(report, WN_TABLE_PYTORCH_MEMORY);
    if (steps || memory)
        wn_page_heading(page, 2, "Beside PyTorch");
    if (steps)
        write_steps(report, page);
    if (memory)
        write_memory(report, page);
}
