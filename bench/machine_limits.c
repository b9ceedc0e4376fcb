/* Going through all there is to measure, and the table and the rows of the results. */
#include "machine_limits.h"
#include <math.h>

void wn_limits_measure(wn_pool *pool, wn_isa isa, double seconds, wn_limits *limits) {
    *limits = (wn_limits){.threads = wn_pool_threads(pool), .empty_run = wn_empty_run(pool)};
    for (int i = 0; i <= (int)isa; i++)
        limits->flops[i] = wn_peak_flops(pool, (wn_isa)i, seconds);
    for (int level = 0; level < WN_LEVEL_COUNT; level++)
        for (int traffic = 0; traffic < WN_TRAFFIC_COUNT; traffic++)
            limits->bandwidth[level][traffic] =
                wn_peak_bandwidth(pool, isa, (wn_level)level, (wn_traffic)traffic, seconds);
}

/* One figure of the table; empty where it was not measured. */
static void print_figure(double value, int digits, FILE *out) {
    if (value > 0)
        fprintf(out, " %9.*f", digits, value);
    else
        fprintf(out, " %9s", "");
}

void wn_limits_print(const wn_limits *limits, int count, wn_isa isa, const wn_machine *machine, FILE *out) {
    fprintf(out, "\n%-34s", "threads");
    for (int i = 0; i < count; i++)
        fprintf(out, " %9d", limits[i].threads);
    for (int k = 0; k <= (int)isa; k++) {
        fprintf(out, "\n%-23s %-10s", k ? "" : "FMA peak, GFLOP/s", wn_isa_name((wn_isa)k));
        for (int i = 0; i < count; i++)
            print_figure(limits[i].flops[k] * 1e-9, 1, out);
    }
    for (int level = 0; level < WN_LEVEL_COUNT; level++)
        for (int traffic = 0; traffic < WN_TRAFFIC_COUNT; traffic++) {
            char name[32] = "";
            if (traffic == 0)
                snprintf(name, sizeof name, "%s, GB/s", wn_level_names[level]);
            fprintf(out, "\n%-23s %-10s", name, wn_traffic_names[traffic]);
            for (int i = 0; i < count; i++)
                print_figure(limits[i].bandwidth[level][traffic] * 1e-9, 1, out);
        }
    fprintf(out, "\n%-34s", "empty run, ns");
    for (int i = 0; i < count; i++)
        print_figure(limits[i].empty_run * 1e9, 0, out);
    fprintf(out, "\n\nBandwidths with %s; a thread goes over", wn_isa_name(isa));
    for (int level = 0; level < WN_LEVEL_COUNT; level++) {
        long bytes = wn_level_bytes(machine, (wn_level)level, limits[count - 1].threads);
        bool large = bytes >= 1 << 20;
        if (bytes > 0)
            fprintf(out, " %.4g %s in %s%s", (double)bytes / (large ? 1 << 20 : 1 << 10),
                    large ? "MiB" : "KiB", wn_level_names[level], level < WN_LEVEL_MEMORY ? "," : ".");
    }
    fprintf(out, "\nTriad (a = b + s c) counts three arrays. Empty run: what is timed between two barriers "
                 "around nothing.\n");
}

void wn_limits_write(const wn_limits *limits, int count, wn_isa isa, wn_csv *csv) {
    for (int i = 0; i < count; i++) {
        const wn_limits *l = &limits[i];
        for (int k = 0; k <= (int)isa; k++)
            wn_machine_file_measured(csv, "peak", l->flops[k] * 1e-9, "GFLOP/s", wn_isa_name((wn_isa)k),
                                     l->threads, "");
        for (int level = 0; level < WN_LEVEL_COUNT; level++)
            for (int traffic = 0; traffic < WN_TRAFFIC_COUNT; traffic++) {
                double bandwidth = l->bandwidth[level][traffic] * 1e-9;
                wn_machine_file_measured(csv, wn_traffic_names[traffic],
                                         bandwidth > 0 ? bandwidth : (double)NAN, "GB/s", wn_isa_name(isa),
                                         l->threads, wn_level_names[level]);
            }
        wn_machine_file_measured(csv, "empty run", l->empty_run * 1e9, "ns", "", l->threads, "");
    }
}
