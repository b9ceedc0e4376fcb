/* The machine's measured limits: arithmetic per ISA, bandwidth per level of the memory, and what the harness
 * itself costs, each per number of threads. They are printed, and written to a machine file. */
#ifndef WN_MACHINE_LIMITS_H
#define WN_MACHINE_LIMITS_H

#include "machine_file.h"
#include "peak.h"

/* What one number of threads reaches. Zero: not measured. */
typedef struct wn_limits {
    int threads;
    double flops[WN_ISA_COUNT];
    double bandwidth[WN_LEVEL_COUNT][WN_TRAFFIC_COUNT]; /* bytes/s */
    double empty_run;                                   /* seconds */
} wn_limits;

/* Measures all ISAs up to the given one, and bandwidths with that, about `seconds` each. */
void wn_limits_measure(wn_pool *pool, wn_isa isa, double seconds, wn_limits *limits);

/* A table with a column for each number of threads. */
void wn_limits_print(const wn_limits *limits, int count, wn_isa isa, const wn_machine *machine, FILE *out);
/* Rows of a machine file. */
void wn_limits_write(const wn_limits *limits, int count, wn_isa isa, wn_csv *csv);

#endif
