/* The fingerprint that tuning results belong to, and the measured limits of the machine. */
#ifndef WN_MACHINE_INFO_H
#define WN_MACHINE_INFO_H

#include "pool.h"
#include <stddef.h>
#include <winnow/machine.h>

typedef struct wn_machine {
    char vendor[16];     /* "AuthenticAMD" */
    char model_name[64]; /* "AMD EPYC ...", trimmed */
    int family, model, stepping;
    long l1d, l2, l3; /* bytes of one instance; 0 when unknown */
    int cpus;         /* CPUs online */
    int affinity;     /* CPUs this process may run on */
    double quota;     /* cgroup CPU quota in CPUs; 0 = none */
    wn_isa isa;       /* best ISA */
    bool huge_pages;  /* transparent huge pages are "always" or "madvise" */
} wn_machine;

/* Reads CPUID, sysfs, affinity and cgroup v1/v2. Never fails: what cannot be read stays 0 or empty. Call it
 * before creating a pool, which narrows the affinity of the calling thread. */
void wn_machine_read(wn_machine *machine);

/* "AuthenticAMD-25-1-1 avx2 L1d32K L2512K L332M cpus2 affinity2 quota1.5 threads2": one line of words without
 * commas or quotes, for database and CSV. Unknown caches and a missing quota are left out. Returns the length
 * that the full text has, as snprintf does. */
int wn_machine_fingerprint(const wn_machine *machine, wn_isa isa, int threads, char *text, size_t size);

/* Measured FLOP/s of an FMA loop without memory operands (multiply + add on the portable build) on all
 * threads of the pool, best of several slices within about `seconds`. The ISA must be available. */
double wn_peak_flops(wn_pool *pool, wn_isa isa, double seconds);

/* Measured bytes/s of a STREAM triad (a = b + s c) over arrays far larger than the last-level cache, counted
 * as 3 x 4 bytes an element. Returns 0 when the memory for it cannot be had. */
double wn_peak_bandwidth(wn_pool *pool, wn_isa isa, double seconds);

#endif
