/* Networks by implementation, in the style of convnet-benchmarks, and the roofline: both over the layers'
 * times. */
#include "peak.h"
#include "report/layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NETWORKS = 24 };

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
    char text[3 * NETWORKS][32];
    const char *cells[3 * NETWORKS + 2] = {impl < 0 ? "best of each layer" : set->impl[impl]};
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

void wn_report_winners(const wn_report *report, wn_page *page) {
    wn_layer_set set;
    char networks[NETWORKS][32], head[3 * NETWORKS][48];
    if (wn_failed(wn_layer_set_collect(report->tables, report->count, &set)))
        return; /* the section on layers reports it */
    int count = list_networks(&set, networks);
    if (count) {
        static const char *const parts[] = {"total", "forward", "backward"};
        const char *header[3 * NETWORKS + 2] = {"implementation"};
        for (int i = 0; i < 3 * count; i++) {
            snprintf(head[i], sizeof *head, "%s %s", networks[i / 3], parts[i % 3]);
            header[i + 1] = head[i];
        }
        wn_page_heading(page, 2, "Networks by implementation");
        wn_page_paragraph(
            page, "Milliseconds of all convolutions of a training step, each layer timed by itself. Where "
                  "an implementation does not run a layer, direct stands in.");
        wn_page_table_begin(page, header);
        for (int impl = 0; impl < set.impls; impl++)
            write_row(&set, networks, count, impl, page);
        write_row(&set, networks, count, -1, page);
        wn_page_table_end(page);
    }
    wn_layer_set_free(&set);
}

/* What a roofline must show. */
typedef struct roof {
    double peak, low, high; /* GFLOP/s; smallest and largest intensity */
} roof_range;

/* The slopes under the peak, for each level that the machine file has. */
static void write_slopes(const wn_report *report, const wn_layer_times *layer, double peak, FILE *out) {
    for (int level = 0; level < WN_LEVEL_COUNT; level++) {
        double bandwidth = wn_report_layer_limit(report, layer, "triad", wn_level_names[level]);
        if (bandwidth > 0)
            fprintf(out, ", (x * %.6g < %.6g ? x * %.6g : NaN) title '%s' lc rgb '#999999' lw 2 dt %d",
                    bandwidth, peak, bandwidth, wn_level_names[level], WN_LEVEL_COUNT - level);
    }
}

static void write_points(const wn_layer_set *set, wn_direction direction, FILE *out, roof_range *roof) {
    char layer[80], network[40];
    fprintf(out, "$%s << E\n", wn_direction_name(direction));
    for (int l = 0; l < set->count; l++) {
        const wn_layer_times *times = &set->layers[l];
        int best = wn_layer_best(set, times, -1);
        if (times->problem.direction != direction || best < 0)
            continue;
        double gflops = times->flops / times->seconds[best] * 1e-9;
        wn_report_quote(layer, sizeof layer, times->layer);
        wn_report_quote(network, sizeof network, times->network);
        fprintf(out, "%.6g %.6g \"%s %s: %s %.1f GFLOP/s, %.0f per cent of the peak\"\n",
                times->flops / times->bytes, gflops, network, layer, set->impl[best], gflops,
                100 * gflops / times->peak_gflops);
        roof->peak = fmax(roof->peak, times->peak_gflops);
        roof->low = fmin(roof->low, times->flops / times->bytes);
        roof->high = fmax(roof->high, times->flops / times->bytes);
    }
    fputs("E\n", out);
}

void wn_report_roofline(const wn_report *report, wn_page *page) {
    wn_layer_set set;
    char *script = NULL;
    size_t size = 0;
    roof_range roof = {.low = INFINITY};
    if (wn_failed(wn_layer_set_collect(report->tables, report->count, &set)))
        return;
    FILE *out = set.count ? open_memstream(&script, &size) : NULL;
    if (out) {
        fputs("set logscale xy\nset xlabel 'FLOP per byte of operands'\nset ylabel 'GFLOP/s'\nset grid\n"
              "set key outside right top\n",
              out);
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            write_points(&set, (wn_direction)direction, out, &roof);
        double measured = wn_report_layer_limit(report, &set.layers[0], "peak", "");
        if (measured > 0)
            roof.peak = measured;
        fprintf(out, "set xrange [%.6g:%.6g]\nplot %.6g title 'FMA peak' lc rgb '#666666' lw 2", roof.low / 2,
                roof.high * 2, roof.peak);
        write_slopes(report, &set.layers[0], roof.peak, out);
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            fprintf(out, ", $%s using 1:2:3 with labels hypertext point pt 7 ps 0.6 lc %d title '%s'",
                    wn_direction_name((wn_direction)direction), direction + 1,
                    direction == 0   ? "FWD B"
                    : direction == 1 ? "BWD D"
                                     : "BWD WB");
        fclose(out);
        wn_page_heading(page, 2, "Roofline");
        wn_page_plot(page, "roofline",
                     "The fastest implementation of every pass of every layer; point at one for its name. "
                     "Winograd does "
                     "fewer operations than are counted, so it may stand above the FMA peak.",
                     900, 480, script);
    }
    free(script);
    wn_layer_set_free(&set);
}
