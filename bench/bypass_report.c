/* The price list as a table and as CSV. */
#include "bypass.h"
#include <math.h>

/* A duration in the unit that suits it, three digits. */
static void format_time(double seconds, char text[static 16]) {
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e-9, "ns"}, {1e-6, "us"}, {1e-3, "ms"}, {1, "s "}};
    int u = 0;
    while (u < 3 && seconds >= 1000 * units[u].unit)
        u++;
    snprintf(text, 16, "%.3g %s", seconds / units[u].unit, units[u].name);
}

/* How often the event happens in a step; NAN where it has no share. */
static double per_step(const wn_bypass *bypass, const wn_bypass_item *item) {
    return item->per_step ? item->per_step(&bypass->step) : (double)NAN;
}

static void print_way(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_way *way,
                      const wn_bypass_result *r, FILE *out) {
    char least[16], median[16], low[16], high[16], step[16] = "", interval[40], ratios[40];
    fprintf(out, "  %-33s %-6s ", way->name, way->kernel ? "kernel" : "around");
    if (r->rounds == 0) {
        fprintf(out, "not run: %s\n", r->refusal);
        return;
    }
    format_time(r->min, least);
    format_time(r->median, median);
    format_time(r->low, low);
    format_time(r->high, high);
    snprintf(interval, sizeof interval, "%s-%s", low, high);
    snprintf(ratios, sizeof ratios, "%.4g-%.4g", r->ratio_low, r->ratio_high);
    double events = per_step(bypass, item), seconds = events * r->median;
    if (isfinite(events))
        snprintf(step, sizeof step, "%.3f", 1e3 * seconds);
    fprintf(out, "%9s %9s %19s %8.4g %19s %9s", least, median, interval, r->ratio, ratios, step);
    if (isfinite(events))
        fprintf(out, " %7.2f%%", 100 * seconds / bypass->step.seconds);
    fprintf(out, "%s%s\n", way->note ? "  " : "", way->note ? way->note : "");
}

void wn_bypass_print(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_result *results,
                     FILE *out) {
    char events[40] = "";
    double count = per_step(bypass, item);
    if (isfinite(count))
        snprintf(events, sizeof events, ": %.6g per step, ", count);
    fprintf(out, "\n%s, one %s%s%s\n", item->name, item->event, events,
            item->per_step_rule ? item->per_step_rule : "");
    fprintf(out, "  %-33s %-6s %10s %10s %23s %8s %24s %9s %8s\n", "", "", "min", "median", "interval",
            "faster", "interval", "ms/step", "of step");
    for (int w = 0; w < WN_BYPASS_WAYS && item->ways[w].name; w++)
        print_way(bypass, item, &item->ways[w], &results[w], out);
}

void wn_bypass_write(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_result *results,
                     wn_csv *csv) {
    const wn_bypass_step *step = &bypass->step;
    const double none = (double)NAN;
    for (int w = 0; w < WN_BYPASS_WAYS && item->ways[w].name; w++) {
        const wn_bypass_way *way = &item->ways[w];
        const wn_bypass_result *r = &results[w];
        bool ran = r->rounds > 0;
        double events = per_step(bypass, item), seconds = events * r->median;
        wn_csv_text(csv, bypass->fingerprint);
        wn_csv_text(csv, wn_isa_name(bypass->isa));
        wn_csv_number(csv, wn_pool_threads(bypass->pool));
        wn_csv_text(csv, item->name);
        wn_csv_text(csv, item->event);
        wn_csv_text(csv, way->name);
        wn_csv_number(csv, way->kernel);
        wn_csv_number(csv, ran ? (double)r->events : none);
        wn_csv_number(csv, r->rounds);
        const double times[] = {r->min, r->median, r->low, r->high};
        for (int i = 0; i < 4; i++)
            wn_csv_number(csv, ran ? times[i] * 1e9 : none);
        wn_csv_number(csv, ran ? r->ratio : none);
        wn_csv_number(csv, ran ? r->ratio_low : none);
        wn_csv_number(csv, ran ? r->ratio_high : none);
        wn_csv_text(csv, step->net);
        wn_csv_number(csv, step->size);
        wn_csv_number(csv, step->batch);
        wn_csv_number(csv, events);
        wn_csv_text(csv, item->per_step_rule ? item->per_step_rule : "");
        wn_csv_number(csv, seconds * 1e3);
        wn_csv_number(csv, 100 * seconds / step->seconds);
        wn_csv_text(csv, ran ? (way->note ? way->note : "") : r->refusal);
        wn_csv_end_row(csv);
    }
}
