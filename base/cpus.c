/* Affinity masks and the order in which CPUs are used. What a CPU can do is machine/'s business. */
#include "cpus.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* The lowest CPU on the same physical core; the CPU itself when sysfs does not say. */
static int first_sibling(const char *root, int cpu) {
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", root,
             cpu);
    FILE *file = fopen(path, "re");
    if (!file)
        return cpu;
    int first;
    if (fscanf(file, "%d", &first) != 1 || first < 0 || first >= WN_CPUS_MAX)
        first = cpu;
    fclose(file);
    return first;
}

/* The kernel refuses masks that are smaller than its own. */
bool wn_cpus_mask(cpu_set_t *mask) {
    enum { MOST = 1 << 20 };
    CPU_ZERO(mask);
    int failed = -1;
    for (int count = WN_CPUS_MAX; failed && count <= MOST; count *= 2) {
        cpu_set_t *larger = CPU_ALLOC(count);
        if (!larger)
            return false;
        failed = sched_getaffinity(0, CPU_ALLOC_SIZE(count), larger);
        bool small = failed && errno == EINVAL;
        if (!failed)
            memcpy(mask, larger, sizeof *mask);
        CPU_FREE(larger);
        if (failed && !small)
            return false;
    }
    return !failed;
}

void wn_cpus_allowed(wn_cpus *cpus) {
    cpu_set_t mask;
    wn_cpus_mask(&mask);
    wn_cpus_in_order("", &mask, cpus);
}

void wn_cpus_in_order(const char *root, const cpu_set_t *mask, wn_cpus *cpus) {
    cpu_set_t cores_taken;
    int siblings[WN_CPUS_MAX], sibling_count = 0;
    cpus->count = 0;
    CPU_ZERO(&cores_taken);
    for (int cpu = 0; cpu < CPU_SETSIZE && cpu < WN_CPUS_MAX; cpu++) {
        if (!CPU_ISSET(cpu, mask))
            continue;
        int core = first_sibling(root, cpu);
        if (CPU_ISSET(core, &cores_taken)) {
            siblings[sibling_count++] = cpu;
        } else {
            CPU_SET(core, &cores_taken);
            cpus->cpu[cpus->count++] = cpu;
        }
    }
    for (int i = 0; i < sibling_count; i++)
        cpus->cpu[cpus->count++] = siblings[i];
    if (cpus->count == 0)
        cpus->cpu[cpus->count++] = 0;
}

bool wn_cpus_pin(int cpu) {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(cpu, &mask);
    return sched_setaffinity(0, sizeof mask, &mask) == 0;
}
