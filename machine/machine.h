/* What this machine is, and the fingerprint that tuning results belong to. What it can do is measured in
 * peak.h.
 */
#ifndef WN_MACHINE_INFO_H
#define WN_MACHINE_INFO_H

#include "pool.h"
#include <stddef.h>
#include <winnow/machine.h>

typedef struct wn_machine {
    char vendor[16];     /* "AuthenticAMD" */
    char model_name[64]; /* "AMD EPYC ...", trimmed */
    int family, model, stepping;
    long l1d, l2, l3;    /* bytes of one instance; 0 when unknown */
    int l3_cpus;         /* CPUs that share an instance of L3; 0 when unknown */
    int cpus;            /* CPUs online */
    int affinity;        /* CPUs this process may run on */
    double quota;        /* cgroup CPU quota in CPUs; 0 = none */
    double memory;       /* bytes installed */
    double memory_limit; /* cgroup limit in bytes; 0 = none */
    wn_isa isa;          /* best ISA */
    bool huge_pages;     /* transparent huge pages are "always" or "madvise" */
} wn_machine;

/* Reads CPUID, sysfs, affinity and cgroup v1/v2. Never fails: what cannot be read stays 0 or empty. Call it
 * before creating a pool, which narrows the affinity of the calling thread. */
void wn_machine_read(wn_machine *machine);

/* The caches that a CPU uses, as sysfs below `root` has them ("" for this machine, a folder for tests). What
 * it does not say, or says in a form that cannot be, is left alone. */
void wn_machine_read_caches(const char *root, int cpu, wn_machine *machine);

/* "AuthenticAMD-25-1-1 avx2 L1d32K L2512K L332M cpus2 affinity2 quota1.5 threads2": one line of words without
 * commas or quotes, for database and CSV. Unknown caches and a missing quota are left out. Returns the length
 * that the full text has, as snprintf does. */
int wn_machine_fingerprint(const wn_machine *machine, wn_isa isa, int threads, char *text, size_t size);

#endif
