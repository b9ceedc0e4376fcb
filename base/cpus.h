/* Which CPUs this process may use, and pinning a thread to one. */
#ifndef WN_CPUS_H
#define WN_CPUS_H

#include <sched.h>
#include <stdbool.h>

enum { WN_CPUS_MAX = CPU_SETSIZE }; /* CPUs with larger numbers are not used */

typedef struct wn_cpus {
    int count; /* at least 1; when the system does not say, CPU 0 alone */
    int cpu[WN_CPUS_MAX];
} wn_cpus;

/* The calling thread's affinity mask, however many CPUs the kernel counts. False, and no CPU, when the system
 * does not say. */
bool wn_cpus_mask(cpu_set_t *mask);

/* The CPUs of the calling thread's affinity mask, one of every physical core first, then their siblings: so
 * that the first n of them are the best n. A thread that runs a pool is pinned and sees only its own CPU. */
void wn_cpus_allowed(wn_cpus *cpus);

/* The same for the CPUs of a mask; siblings are looked up below `root`: "" for this machine, a folder for
 * tests. */
void wn_cpus_in_order(const char *root, const cpu_set_t *mask, wn_cpus *cpus);

/* Pins the calling thread. False when the system refuses; then the thread stays where it was. */
bool wn_cpus_pin(int cpu);

#endif
