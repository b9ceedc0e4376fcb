/* Convolutions as benchmarks of Google Benchmark: problems x implementations x ISAs x threads. */
#ifndef WN_KERNEL_BENCHMARKS_H
#define WN_KERNEL_BENCHMARKS_H

#include "tune.h"

typedef struct wn_kernel_benchmarks wn_kernel_benchmarks;

/* What holds for the problems that are added. */
typedef struct wn_kernel_options {
    const char *impls; /* names joined by commas, "tuned" (what the database picks) among them; NULL: all */
    bool all_configs;  /* else the default config of each */
    bool refused;      /* add what cannot run, too: such a benchmark ends with its reason */
    wn_isa isa;
    int threads;
    wn_tune_db *db; /* NULL: "tuned" is left out */
} wn_kernel_options;

/* An empty set; it must outlive wn_google_run. Errors: MEMORY. */
wn_status wn_kernel_benchmarks_create(wn_kernel_benchmarks **set);
void wn_kernel_benchmarks_destroy(wn_kernel_benchmarks *set); /* NULL is fine */

/* Hands one benchmark for each candidate of the problem to Google Benchmark, called
 *   DIRECTION/PROBLEM/IMPLEMENTATION/ISA/threads:T, with the problem's name and, under all_configs, the
 * config behind those. The label holds implementation and config; the counters are GFLOP/s          of the
 * direct method, valid taps only %peak            share of the FMA peak measured before and after (the
 * higher) GB/s             operands read and written once each FLOP/B           arithmetic intensity: the
 * operations by those bytes workspace_MB Errors: USAGE for unknown names of implementations, MEMORY. */
wn_status wn_kernel_benchmarks_add(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                                   const wn_problem *problem);

/* How many benchmarks there are, and how many candidates were refused and left out. */
int wn_kernel_benchmarks_count(const wn_kernel_benchmarks *set);
int wn_kernel_benchmarks_refused(const wn_kernel_benchmarks *set);

#endif
