/* Convolutions as benchmarks of Google Benchmark: problems x implementations x ISAs x threads. */
#ifndef WN_KERNEL_BENCHMARKS_H
#define WN_KERNEL_BENCHMARKS_H

#include "measure.h"
#include "tune.h"

typedef struct wn_kernel_benchmarks wn_kernel_benchmarks;

/* What holds for the problems that are added. */
typedef struct wn_kernel_options {
    const char *impls; /* names joined by commas, "tuned" (what the database picks) among them; NULL: all */
    bool all_configs;  /* else the default config of each */
    bool refused;      /* add what cannot run, too: such a benchmark ends with its reason */
    wn_isa isa;
    int threads;
    wn_cold cold;
    wn_tune_db *db; /* NULL: "tuned" is left out */
} wn_kernel_options;

/* An empty set; it must outlive wn_google_run. Errors: MEMORY. */
wn_status wn_kernel_benchmarks_create(wn_kernel_benchmarks **set);
void wn_kernel_benchmarks_destroy(wn_kernel_benchmarks *set); /* NULL is fine */

/* Hands one benchmark for each candidate of the problem to Google Benchmark, called
 *   DIRECTION/PROBLEM/IMPLEMENTATION/ISA/threads:T
 * with cold:weights or cold:none behind it where not all operands come from memory, and under all_configs the
 * config. The label holds implementation and config. Counters:
 *   - GFLOP/s, of the direct method, valid taps only
 *   - %peak, the share of the FMA peak measured before and after (the higher)
 *   - GB/s, operands read and written once each, and FLOP/B, the operations by those bytes
 *   - workspace_MB
 *   - error, the largest difference of a sample of results from sums in f64, over the root of their mean
 *     square; found once, outside the timing
 *   - perf's names (counters.h): events of one run, all threads together, waiting between runs included;
 *     absent where the machine does not count them, and for libraries with threads of their own
 *
 * Errors: USAGE for unknown names of implementations, MEMORY. */
wn_status wn_kernel_benchmarks_add(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                                   const wn_problem *problem);

/* Tells Google Benchmark which counters there may be; before it runs. */
void wn_kernel_benchmarks_declare(void);

/* How many benchmarks there are, and how many candidates were refused and left out. */
int wn_kernel_benchmarks_count(const wn_kernel_benchmarks *set);
int wn_kernel_benchmarks_refused(const wn_kernel_benchmarks *set);

#endif
