/* The roofline (Williams, Waterman and Patterson, 2009): one point per layer and direction. */
#include "peak.h"
#include "report/layers.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a roofline must show. */
typedef struct roof {
    double peak, low, high; /* GFLOP/s; smallest and largest intensity */
} roof_range;

/* The slopes under the peak, for each level that the machine file has and whose ridge is in view. */
static void write_slopes(const wn_report *report, const wn_layer_times *layer, const roof_range *roof,
                         FILE *out) {
    double peak = roof->peak;
    for (int level = 0; level < WN_LEVEL_COUNT; level++) {
        double bandwidth = wn_report_layer_limit(report, layer, "triad", wn_level_names[level]);
        if (bandwidth > 0 && peak / bandwidth > roof->low / 2)
            fprintf(out, ", (x * %.6g < %.6g ? x * %.6g : NaN) title '%s' lc rgb '#b8860b' lw 2 dt %d",
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
        double l3 = wn_report_layer_limit(report, &set.layers[0], "triad", wn_level_names[WN_LEVEL_L3]);
        if (l3 > 0) /* the ridges of memory and L3 are in view */
            roof.low = fmin(roof.low, roof.peak / l3);
        fprintf(out, "set xrange [%.6g:%.6g]\nplot %.6g title 'FMA peak' lc rgb '#858585' lw 2", roof.low / 2,
                roof.high * 2, roof.peak);
        write_slopes(report, &set.layers[0], &roof, out);
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            fprintf(out, ", $%s using 1:2:3 with labels hypertext point pt 7 ps 0.6 lc %d title '%s'",
                    wn_direction_name((wn_direction)direction), direction + 1,
                    wn_direction_name((wn_direction)direction));
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
