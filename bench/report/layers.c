/* Layers: collecting their times, and the tables and bars of each network. */
#include "report/layers.h"
#include "conv.h"
#include "grow.h"
#include "peak.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int find_impl(wn_layer_set *set, const char *name) {
    for (int i = 0; i < set->impls; i++)
        if (strcmp(set->impl[i], name) == 0)
            return i;
    if (set->impls == WN_REPORT_IMPLS)
        return -1;
    snprintf(set->impl[set->impls], sizeof *set->impl, "%s", name);
    return set->impls++;
}

/* "net:layer*N" in its parts. */
static void split_name(const char *name, wn_layer_times *layer) {
    const char *colon = strchr(name, ':'), *star = strrchr(name, '*');
    const char *begin = colon ? colon + 1 : name;
    int length = (int)(star && star > begin ? star - begin : (ptrdiff_t)strlen(begin));
    snprintf(layer->network, sizeof layer->network, "%.*s", colon ? (int)(colon - name) : 0, name);
    snprintf(layer->layer, sizeof layer->layer, "%.*s", length, begin);
    layer->times = star ? atoi(star + 1) : 1;
    if (layer->times < 1)
        layer->times = 1;
}

/* The pass that a row belongs to: one that is known, or a new one. */
static wn_status find_layer(wn_layer_set *set, const wn_table *table, int row, wn_layer_times **found) {
    wn_layer_times layer = {.table = table,
                            .first_row = row,
                            .best_row = -1,
                            .peak_gflops = wn_table_number(table, row, "peak_gflops")};
    split_name(wn_table_text(table, row, "name"), &layer);
    wn_status status = wn_problem_parse(wn_table_text(table, row, "problem"), &layer.problem);
    if (!wn_failed(status))
        status = wn_direction_parse(wn_table_text(table, row, "direction"), &layer.problem.direction);
    if (wn_failed(status))
        return wn_error(WN_ERROR_FORMAT, "%.150s: row %d: %.300s", table->path, row + 1, status.message);
    for (int i = 0; i < set->count; i++) {
        *found = &set->layers[i];
        if (wn_problem_equal(&layer.problem, &(*found)->problem) && !strcmp(layer.network, (*found)->network))
            return wn_ok();
    }
    wn_layer_times *grown = wn_grow(set->layers, set->count, &set->room, sizeof *grown);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d layers", set->count + 1);
    set->layers = grown;
    layer.flops = wn_problem_flops(&layer.problem);
    layer.bytes = wn_conv_operand_bytes(&layer.problem);
    for (int i = 0; i < WN_REPORT_IMPLS; i++)
        layer.seconds[i] = (double)NAN;
    *found = &set->layers[set->count++];
    **found = layer;
    return wn_ok();
}

static wn_status collect_table(wn_layer_set *set, const wn_table *table) {
    for (int row = 0; row < table->rows; row++) {
        wn_layer_times *layer = NULL;
        double seconds = wn_table_number(table, row, "median_seconds");
        WN_TRY(find_layer(set, table, row, &layer));
        int impl = find_impl(set, wn_table_text(table, row, "impl"));
        if (impl < 0 || !(seconds > 0) || layer->seconds[impl] <= seconds)
            continue;
        int best = wn_layer_best(set, layer, -1);
        if (best < 0 || seconds < layer->seconds[best])
            layer->best_row = row;
        layer->seconds[impl] = seconds;
    }
    return wn_ok();
}

wn_status wn_layer_set_collect(const wn_table *tables, int count, wn_layer_set *set) {
    *set = (wn_layer_set){.layers = NULL};
    for (int t = 0; t < count; t++) {
        wn_status status = tables[t].kind == WN_TABLE_LAYERS ? collect_table(set, &tables[t]) : wn_ok();
        if (wn_failed(status)) {
            wn_layer_set_free(set);
            return status;
        }
    }
    return wn_ok();
}

void wn_layer_set_free(wn_layer_set *set) {
    free(set->layers);
    *set = (wn_layer_set){.layers = NULL};
}

int wn_layer_best(const wn_layer_set *set, const wn_layer_times *layer, int except) {
    int best = -1;
    for (int i = 0; i < set->impls; i++)
        if (i != except && layer->seconds[i] > 0 && (best < 0 || layer->seconds[i] < layer->seconds[best]))
            best = i;
    return best;
}

double wn_report_layer_limit(const wn_report *report, const wn_layer_times *layer, const char *fact,
                             const char *level) {
    return wn_report_limit(report, fact, level, wn_table_text(layer->table, layer->first_row, "isa"),
                           wn_table_text(layer->table, layer->first_row, "threads"));
}

/* GFLOP/s that the machine allows with operands from memory; NAN without a machine file. */
static double roof_of(const wn_report *report, const wn_layer_times *layer) {
    double peak = wn_report_layer_limit(report, layer, "peak", "");
    double bandwidth = wn_report_layer_limit(report, layer, "triad", wn_level_names[WN_LEVEL_MEMORY]);
    double slope = bandwidth * layer->flops / layer->bytes;
    return slope < peak ? slope : peak;
}

/* The best of a peer in its own layouts: milliseconds, and their ratio to our best when both ran in turns. */
static void beside_peer(const wn_report *report, const wn_layer_times *layer, char *text, size_t size) {
    static const char *const same[] = {"machine", "isa", "threads", "direction", "flags", "problem", NULL};
    const wn_table *found;
    int at = wn_tables_find(report->tables, report->count, WN_TABLE_PEER, layer->table, layer->best_row, same,
                            &found);
    text[0] = '\0';
    if (found && strcmp(wn_table_text(found, at, "peer"), "self") != 0 &&
        wn_table_number(found, at, "ratio") > 0)
        snprintf(text, size, "%.3f, %.2f times ours", 1e3 * wn_table_number(found, at, "peer_seconds"),
                 wn_table_number(found, at, "ratio"));
}

/* Without one group and dilations of 0, which are what a descriptor has where they are left out. */
static void drop_defaults(char *problem) {
    static const char group[] = "g1", dilation[] = "_dh0dw0";
    size_t length = strlen(problem), tail = strlen(dilation);
    if (strncmp(problem, "g1mb", 4) == 0)
        memmove(problem, problem + strlen(group), (length -= strlen(group)) + 1);
    if (length > tail && strcmp(problem + length - tail, dilation) == 0)
        problem[length - tail] = '\0';
}

static void write_row(const wn_report *report, const wn_layer_set *set, const wn_layer_times *layer,
                      wn_page *page) {
    char peer[64], problem[320], time[32], rate[32], share[32], of_roof[32] = "", second[64] = "", times[16];
    wn_problem unnamed = layer->problem;
    unnamed.name[0] = '\0';
    int best = wn_layer_best(set, layer, -1), next = wn_layer_best(set, layer, best);
    if (best < 0)
        return;
    const char *effective = wn_table_text(layer->table, layer->best_row, "effective")[0] == '1' ? "e" : "";
    double gflops = layer->flops / layer->seconds[best] * 1e-9;
    wn_problem_format(&unnamed, problem, sizeof problem);
    drop_defaults(problem);
    snprintf(times, sizeof times, "%d", layer->times);
    snprintf(time, sizeof time, "%.3f", layer->seconds[best] * 1e3);
    snprintf(rate, sizeof rate, "%.1f%s", gflops, effective);
    snprintf(share, sizeof share, "%.0f %%", 100 * gflops / layer->peak_gflops);
    double roof = roof_of(report, layer);
    if (roof > 0)
        snprintf(of_roof, sizeof of_roof, "%.0f %%", 100 * gflops / roof);
    if (next >= 0)
        snprintf(second, sizeof second, "%s %.2f", set->impl[next],
                 layer->seconds[next] / layer->seconds[best]);
    beside_peer(report, layer, peer, sizeof peer);
    wn_page_row(page, (const char *const[]){wn_direction_name(layer->problem.direction), layer->layer, times,
                                            problem, set->impl[best], second, time, rate, share, of_roof,
                                            peer, NULL});
}

/* Whether an implementation was timed on any pass that a plot shows: gnuplot draws no bars without a value.
 */
static bool is_shown(const wn_layer_set *set, const char *network, wn_direction direction, int impl) {
    bool shown = false;
    for (int l = 0; l < set->count; l++)
        shown |= strcmp(set->layers[l].network, network) == 0 &&
                 set->layers[l].problem.direction == direction && set->layers[l].seconds[impl] > 0;
    return shown;
}

/* Bars: one group per layer, one bar per implementation, milliseconds upwards. */
static void plot_bars(const wn_layer_set *set, const char *network, wn_direction direction, wn_page *page) {
    char *script = NULL, name[80], caption[160], quoted[80];
    size_t size = 0;
    int groups = 0, bars = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    fputs("set style data histograms\nset style histogram clustered gap 1\nset style fill solid 0.9\n"
          "set ylabel 'ms'\nset logscale y\nset grid y\nset key outside right top\n"
          "set xtics rotate by -40 font ',10'\n$d << E\n",
          out);
    for (int l = 0; l < set->count; l++) {
        const wn_layer_times *layer = &set->layers[l];
        if (strcmp(layer->network, network) != 0 || layer->problem.direction != direction)
            continue;
        wn_report_quote(quoted, sizeof quoted, layer->layer);
        fprintf(out, "\"%s\"", quoted);
        for (int i = 0; i < set->impls; i++)
            if (layer->seconds[i] > 0)
                fprintf(out, " %.6g", layer->seconds[i] * 1e3);
            else
                fputs(" NaN", out);
        fputc('\n', out);
        groups++;
    }
    fputs("E\nplot", out);
    for (int i = 0; i < set->impls; i++)
        if (is_shown(set, network, direction, i)) {
            fprintf(out, "%s $d using %d%s title '%s'", bars ? "," : "", i + 2, bars ? "" : ":xtic(1)",
                    set->impl[i]);
            bars++;
        }
    fclose(out);
    snprintf(name, sizeof name, "layers-%s-%s", network[0] ? network : "problems",
             wn_direction_name(direction));
    snprintf(caption, sizeof caption, "%s, %s: time of each implementation (lower is faster)",
             network[0] ? network : "problems", wn_direction_name(direction));
    if (bars)
        wn_page_plot(page, name, caption, groups < 8 ? 700 : 1050, 380, script);
    free(script);
}

static void write_network(const wn_report *report, const wn_layer_set *set, const char *network,
                          wn_page *page) {
    wn_page_heading(page, 3, "%s", network[0] ? network : "Problems");
    wn_page_table_begin(page, (const char *const[]){"pass", "layer", "times", "problem", "winner",
                                                    "runner-up, to winner", "ms", "GFLOP/s", "of peak",
                                                    "of roof", "oneDNN's own ms", NULL});
    for (int l = 0; l < set->count; l++)
        if (strcmp(set->layers[l].network, network) == 0)
            write_row(report, set, &set->layers[l], page);
    wn_page_table_end(page);
    for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
        plot_bars(set, network, (wn_direction)direction, page);
}

void wn_report_layers(const wn_report *report, wn_page *page) {
    wn_layer_set set;
    wn_status status = wn_layer_set_collect(report->tables, report->count, &set);
    if (wn_failed(status)) {
        page->status = wn_failed(page->status) ? page->status : status;
        return;
    }
    if (set.count)
        wn_page_heading(page, 2, "Layers");
    for (int l = 0; l < set.count; l++) {
        bool first = true;
        for (int k = 0; k < l; k++)
            first &= strcmp(set.layers[k].network, set.layers[l].network) != 0;
        if (first)
            write_network(report, &set, set.layers[l].network, page);
    }
    if (set.count)
        wn_page_paragraph(page,
                          "e: effective, counted in operations of the direct method. Of peak: of an FMA loop "
                          "measured in turns with it; of roof: of what winnow machine's file allows with "
                          "operands from memory.");
    wn_layer_set_free(&set);
}
