/* Networks by implementation, in the style of convnet-benchmarks: whole steps, and sums over the layers'
 * times.
 */
#include "report/layers.h"
#include <string.h>

enum { NETWORKS = 24, ABREAST = 3 }; /* networks of the page, and of a table */

/* Milliseconds of a network's passes with one implementation (-1: the fastest of each pass), in one
 * direction, each layer as often as it occurs. Where the implementation was not timed, direct stands in, else
 * the fastest. */
static double sum(const wn_layer_set *set, const char *network, int impl, wn_direction direction) {
    int direct = -1;
    double total = 0;
    for (int i = 0; i < set->impls; i++)
        if (strcmp(set->impl[i], "direct") == 0)
            direct = i;
    for (int l = 0; l < set->count; l++) {
        const wn_layer_times *layer = &set->layers[l];
        if (strcmp(layer->network, network) != 0 || layer->problem.direction != direction)
            continue;
        int used = wn_layer_best(set, layer, -1);
        if (impl >= 0 && layer->seconds[impl] > 0)
            used = impl;
        else if (impl >= 0 && direct >= 0 && layer->seconds[direct] > 0)
            used = direct;
        if (used >= 0)
            total += layer->seconds[used] * layer->times * 1e3;
    }
    return total;
}

static void write_row(const wn_layer_set *set, const char (*networks)[32], int count, int impl,
                      wn_page *page) {
    char text[3 * ABREAST][32];
    const char *cells[3 * ABREAST + 2] = {impl < 0 ? "best of each layer" : set->impl[impl]};
    for (int n = 0; n < count; n++) {
        double forward = sum(set, networks[n], impl, WN_FWD_B);
        double backward = sum(set, networks[n], impl, WN_BWD_D) + sum(set, networks[n], impl, WN_BWD_WB);
        const double values[] = {forward + backward, forward, backward};
        for (int i = 0; i < 3; i++) {
            snprintf(text[3 * n + i], sizeof *text, "%.1f", values[i]);
            cells[1 + 3 * n + i] = text[3 * n + i];
        }
    }
    wn_page_row(page, cells);
}

static int list_networks(const wn_layer_set *set, char (*networks)[32]) {
    int count = 0;
    for (int l = 0; l < set->count && count < NETWORKS; l++) {
        bool known = !set->layers[l].network[0];
        for (int n = 0; n < count; n++)
            known |= strcmp(networks[n], set->layers[l].network) == 0;
        if (!known)
            snprintf(networks[count++], sizeof *networks, "%s", set->layers[l].network);
    }
    return count;
}

/* Rows of whole steps, of one file after the other. */
typedef struct whole {
    const wn_table *table;
    int row;
} whole;

/* The row of a network and an implementation, in the same file as `of`. */
static int row_of(whole of, const char *impl) {
    static const char *const same[] = {"net", "size", "batch", "mode"};
    for (int row = 0; row < of.table->rows; row++) {
        bool found = strcmp(wn_table_text(of.table, row, "impl"), impl) == 0;
        for (size_t i = 0; i < sizeof same / sizeof *same; i++)
            found &= !strcmp(wn_table_text(of.table, row, same[i]), wn_table_text(of.table, of.row, same[i]));
        if (found)
            return row;
    }
    return -1;
}

/* "213.7 (5 of 23)": milliseconds, and how many passes direct stands in for. */
static void whole_cell(const wn_table *table, int row, const char *column, bool passes, char *text,
                       size_t size) {
    double seconds = wn_table_number(table, row, column);
    const char *substituted = wn_table_text(table, row, "substituted");
    if (!(seconds > 0))
        snprintf(text, size, "-");
    else if (passes && strcmp(substituted, "0") != 0 && *substituted)
        snprintf(text, size, "%.2f (%s of %s)", seconds * 1e3, substituted,
                 wn_table_text(table, row, "passes"));
    else
        snprintf(text, size, "%.2f", seconds * 1e3);
}

static void write_whole_row(const whole *networks, int count, const char *impl, wn_page *page) {
    static const char *const columns[] = {"total_seconds", "forward_seconds", "backward_seconds"};
    char text[3 * ABREAST][48];
    const char *cells[3 * ABREAST + 2] = {impl};
    for (int n = 0; n < 3 * count; n++) {
        int row = row_of(networks[n / 3], impl);
        cells[n + 1] = text[n];
        if (row < 0)
            snprintf(text[n], sizeof *text, "-");
        else
            whole_cell(networks[n / 3].table, row, columns[n % 3], n % 3 == 0, text[n], sizeof *text);
    }
    wn_page_row(page, cells);
}

/* Every network that files of winners have, by its last row: that of the tuned picks. */
static int list_whole(const wn_report *report, whole networks[NETWORKS]) {
    int count = 0;
    for (int t = 0; t < report->count; t++)
        for (int row = 0; report->tables[t].kind == WN_TABLE_WINNERS && row < report->tables[t].rows; row++)
            if (strcmp(wn_table_text(&report->tables[t], row, "impl"), "tuned") == 0 && count < NETWORKS)
                networks[count++] = (whole){&report->tables[t], row};
    return count;
}

static const char *const parts[] = {"total", "forward", "backward"};

/* One table of up to ABREAST networks. */
static void write_whole_table(const whole *networks, int count, wn_page *page) {
    char head[3 * ABREAST][80];
    const char *header[3 * ABREAST + 2] = {"implementation"};
    for (int i = 0; i < 3 * count; i++) {
        whole w = networks[i / 3];
        snprintf(head[i], sizeof *head, "%s %s, %s %s", wn_table_text(w.table, w.row, "net"),
                 wn_table_text(w.table, w.row, "batch"), wn_table_text(w.table, w.row, "mode"), parts[i % 3]);
        header[i + 1] = head[i];
    }
    wn_page_table_begin(page, header);
    for (int row = 0; row < networks[0].table->rows; row++) {
        const char *impl = wn_table_text(networks[0].table, row, "impl");
        if (row <= networks[0].row && row_of(networks[0], impl) == row)
            write_whole_row(networks, count, impl, page);
    }
    wn_page_table_end(page);
}

static void write_whole(const wn_report *report, wn_page *page) {
    whole networks[NETWORKS];
    int count = list_whole(report, networks);
    if (!count)
        return;
    wn_page_heading(page, 2, "Networks by implementation");
    wn_page_paragraph(
        page, "Milliseconds of whole steps, updates included in the total, each implementation forced; "
              "in brackets for how many of the passes direct stands in. All rows in turns.");
    for (int n = 0; n < count; n += ABREAST)
        write_whole_table(networks + n, count - n < ABREAST ? count - n : ABREAST, page);
}

static void write_layers_table(const wn_layer_set *set, const char (*networks)[32], int count,
                               wn_page *page) {
    char head[3 * ABREAST][48];
    const char *header[3 * ABREAST + 2] = {"implementation"};
    for (int i = 0; i < 3 * count; i++) {
        snprintf(head[i], sizeof *head, "%s %s", networks[i / 3], parts[i % 3]);
        header[i + 1] = head[i];
    }
    wn_page_table_begin(page, header);
    for (int impl = 0; impl < set->impls; impl++)
        write_row(set, networks, count, impl, page);
    write_row(set, networks, count, -1, page);
    wn_page_table_end(page);
}

void wn_report_winners(const wn_report *report, wn_page *page) {
    write_whole(report, page);
    wn_layer_set set;
    char networks[NETWORKS][32];
    if (wn_failed(wn_layer_set_collect(report->tables, report->count, &set)))
        return; /* the section on layers reports it */
    int count = list_networks(&set, networks);
    if (count) {
        wn_page_heading(page, 2, "Convolutions of networks by implementation");
        wn_page_paragraph(
            page, "Milliseconds of all convolutions of a training step, each layer timed by itself. Where "
                  "an implementation does not run a layer, direct stands in.");
    }
    for (int n = 0; n < count; n += ABREAST)
        write_layers_table(&set, networks + n, count - n < ABREAST ? count - n : ABREAST, page);
    wn_layer_set_free(&set);
}
