/* Showing findings. What they are is machine/doctor.c's. */
#include "doctor_report.h"
#include "bypass.h"
#include "clock.h"
#include "json.h"
#include "statistics.h"
#include <math.h>
#include <string.h>

static wn_finding *find(wn_finding *findings, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(findings[i].name, name) == 0)
            return &findings[i];
    return NULL;
}

/* How much faster one way of a price-list item is than its first. */
static void measure_way(wn_finding *finding, const wn_bypass_item *item, int way, const char *what) {
    wn_bypass bypass = {.rounds = 9};
    wn_bypass_result results[WN_BYPASS_WAYS];
    if (!finding || wn_failed(wn_bypass_measure(&bypass, item, results)))
        return;
    const wn_bypass_result *r = &results[way];
    if (r->rounds > 0)
        snprintf(finding->measured, sizeof finding->measured, "%s %.3g times as fast (%.3g to %.3g)", what,
                 r->ratio, r->ratio_low, r->ratio_high);
}

static void measure_entry(wn_finding *finding) {
    wn_bypass bypass = {.rounds = 9};
    wn_bypass_result results[WN_BYPASS_WAYS];
    if (finding && !wn_failed(wn_bypass_measure(&bypass, &wn_bypass_call, results)))
        snprintf(finding->measured, sizeof finding->measured, "a system call takes %.0f ns (%.0f to %.0f)",
                 results[0].median * 1e9, results[0].low * 1e9, results[0].high * 1e9);
}

/* Equal pieces of work one after the other: what the slow ones take more than the median is not ours. */
static void measure_evenness(wn_finding *finding) {
    enum { PIECES = 2000, WORK = 40000 };
    static double seconds[PIECES];
    volatile double sink = 0;
    if (!finding)
        return;
    for (int i = 0; i < PIECES; i++) {
        double x = 1, begin = wn_seconds();
        for (int n = 0; n < WORK; n++)
            x = x * 0.999 + 0.001;
        sink += x;
        seconds[i] = wn_seconds() - begin;
    }
    double median = wn_median(seconds, PIECES), lost = 0, all = 0;
    for (int i = 0; i < PIECES; i++) {
        all += seconds[i];
        lost += fmax(0, seconds[i] - 1.1 * median);
    }
    snprintf(finding->measured, sizeof finding->measured,
             "%.1f %% of the time of %d equal pieces lost to others; the slowest took %.3g times the median",
             100 * lost / all, PIECES, seconds[PIECES - 1] / median);
}

void wn_doctor_measure(wn_finding *findings, int count) {
    measure_way(find(findings, count, "transparent huge pages"), &wn_bypass_walk, 1,
                "loads from random pages are");
    measure_way(find(findings, count, "clock source"), &wn_bypass_clock, 1, "the vDSO is");
    measure_entry(find(findings, count, "CPU mitigations"));
    measure_evenness(find(findings, count, "load"));
}

void wn_doctor_print(const wn_finding *findings, int count, FILE *out) {
    for (int i = 0; i < count; i++) {
        const wn_finding *f = &findings[i];
        fprintf(out, "%-8s %-23s %s\n", wn_verdict_names[f->verdict], f->name, f->found);
        if (f->measured[0])
            fprintf(out, "%-32s here: %s\n", "", f->measured);
        if (f->verdict == WN_VERDICT_GOOD)
            continue;
        fprintf(out, "%-32s wanted: %s\n%-32s worth: %s\n", "", f->wanted, "", f->worth);
        if (f->command[0])
            fprintf(out, "%-32s by: %s\n", "", f->command);
    }
    char verdict[1024];
    wn_doctor_verdict(findings, count, verdict, sizeof verdict);
    fprintf(out, "\nverdict: %s\n", verdict);
}

void wn_doctor_write(const wn_finding *findings, int count, wn_csv *csv) {
    for (int i = 0; i < count; i++) {
        const wn_finding *f = &findings[i];
        wn_csv_text(csv, f->name);
        wn_csv_text(csv, wn_verdict_names[f->verdict]);
        wn_csv_text(csv, f->found);
        wn_csv_text(csv, f->wanted);
        wn_csv_text(csv, f->measured);
        wn_csv_text(csv, f->worth);
        wn_csv_text(csv, f->command);
        wn_csv_end_row(csv);
    }
}

static void print_string(const char *name, const char *text, const char *end, FILE *out) {
    fprintf(out, "\"%s\": ", name);
    wn_json_text(out, text);
    fputs(end, out);
}

void wn_doctor_print_json(const wn_finding *findings, int count, FILE *out) {
    char verdict[1024];
    fprintf(out, "{");
    print_string("verdict", wn_verdict_names[wn_doctor_verdict(findings, count, verdict, sizeof verdict)],
                 ", ", out);
    fprintf(out, "\"findings\": [\n");
    for (int i = 0; i < count; i++) {
        const wn_finding *f = &findings[i];
        fprintf(out, "  {");
        print_string("check", f->name, ", ", out);
        print_string("verdict", wn_verdict_names[f->verdict], ", ", out);
        print_string("found", f->found, ", ", out);
        print_string("wanted", f->wanted, ", ", out);
        print_string("measured", f->measured, ", ", out);
        print_string("worth", f->worth, ", ", out);
        print_string("command", f->command, i + 1 < count ? "},\n" : "}\n", out);
    }
    fprintf(out, "]}\n");
}
