/* The checks behind doctor.h: each fills in what it found and how bad that is; the rest of a finding is a
 * table in doctor.c. */
#ifndef WN_DOCTOR_INTERNAL_H
#define WN_DOCTOR_INTERNAL_H

#include "doctor.h"

/* Time that CPUs spent, from /proc/stat, at the beginning of the examination and at its end. */
typedef struct wn_cpu_time {
    double total, stolen; /* ticks; total 0: not known */
    long running;         /* tasks that run or could */
} wn_cpu_time;

typedef struct wn_examination {
    const char *root;
    wn_cpu_time before, after;
    double running; /* tasks that run or could, mean of all looks; negative: not known */
} wn_examination;

typedef void wn_check(const wn_examination *examination, wn_finding *finding);

/* Sets what was found, as printf does, and the verdict. */
void wn_find(wn_finding *finding, wn_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* doctor_cpu.c */
wn_check wn_check_governor, wn_check_turbo, wn_check_smt, wn_check_isolated, wn_check_nohz, wn_check_irq,
    wn_check_mitigations, wn_check_temperature, wn_check_microcode, wn_check_hypervisor, wn_check_clock;
/* doctor_memory.c */
wn_check wn_check_numa_balancing, wn_check_numa_distance, wn_check_huge_pages, wn_check_reserved_pages,
    wn_check_swappiness, wn_check_swap, wn_check_aslr, wn_check_channels;
/* doctor_limits.c */
wn_check wn_check_paranoid, wn_check_rdpmc, wn_check_watchdog, wn_check_quota, wn_check_affinity,
    wn_check_steal, wn_check_load;

/* doctor_limits.c: reads /proc/stat. */
wn_cpu_time wn_read_cpu_time(const char *root);

#endif
