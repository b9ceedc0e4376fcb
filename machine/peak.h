/* Measured limits of the machine: what the threads of a pool reach together. The best of many short slices
 * counts, since neighbours only ever take away. */
#ifndef WN_PEAK_H
#define WN_PEAK_H

#include "machine.h"

/* FLOP/s of an FMA loop without memory operands (multiply + add on the portable build) on all threads of the
 * pool, best of several slices within about `seconds`. The ISA must be available. */
double wn_peak_flops(wn_pool *pool, wn_isa isa, double seconds);

/* Where data lies that is used again and again. */
typedef enum wn_level { WN_LEVEL_L1, WN_LEVEL_L2, WN_LEVEL_L3, WN_LEVEL_MEMORY, WN_LEVEL_COUNT } wn_level;
typedef enum wn_traffic {
    WN_TRAFFIC_READ,  /* summing one array */
    WN_TRAFFIC_TRIAD, /* a = b + s c, counted as three arrays (McCalpin, STREAM, 1995) */
    WN_TRAFFIC_COUNT
} wn_traffic;
extern const char *const wn_level_names[WN_LEVEL_COUNT];     /* "L1", "L2", "L3", "memory" */
extern const char *const wn_traffic_names[WN_TRAFFIC_COUNT]; /* "read", "triad" */

/* Bytes that each of the threads goes over to measure a level: half of a cache of its own, its part of half
 * of a shared one, and in memory its part of three arrays of four times the last level (192 to 768 MiB). 0
 * where the machine does not say how large the cache is, or where it leaves no room beside the level before.
 */
long wn_level_bytes(const wn_machine *machine, wn_level level, int threads);

/* bytes/s between the level and the pool's threads, each on data of its own. Returns 0 when wn_level_bytes
 * does or the memory cannot be had. */
double wn_peak_bandwidth(wn_pool *pool, wn_isa isa, wn_level level, wn_traffic traffic, double seconds);

/* Seconds that a timed run of nothing takes between two barriers: what is part of every time of a kernel.
 * Median of many. */
double wn_empty_run(wn_pool *pool);

#endif
