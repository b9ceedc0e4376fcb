/* Checks of what this process may do and what others leave it: counters, quota, affinity, stolen time, load.
 */
#include "cgroup.h"
#include "doctor_internal.h"
#include "system_files.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

void wn_check_paranoid(const wn_examination *e, wn_finding *f) {
    long level;
    if (!wn_system_number(e->root, "/proc/sys/kernel/perf_event_paranoid", &level))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown, or no perf events in this kernel");
    else
        wn_find(f, level <= 2 ? WN_VERDICT_GOOD : WN_VERDICT_POOR, "%ld", level);
}

void wn_check_rdpmc(const wn_examination *e, wn_finding *f) {
    long level;
    if (!wn_system_number(e->root, "/sys/bus/event_source/devices/cpu/rdpmc", &level))
        wn_find(f, WN_VERDICT_UNKNOWN, "no hardware counters are shown");
    else
        wn_find(f, level >= 1 ? WN_VERDICT_GOOD : WN_VERDICT_POOR, "%ld", level);
}

void wn_check_watchdog(const wn_examination *e, wn_finding *f) {
    long on;
    if (!wn_system_number(e->root, "/proc/sys/kernel/nmi_watchdog", &on))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, on ? WN_VERDICT_NOTE : WN_VERDICT_GOOD, "%ld", on);
}

/* CPUs online; 0 when that is not shown. */
static int count_cpus(const char *root) {
    char list[160];
    int count = wn_system_line(root, "/sys/devices/system/cpu/online", list, sizeof list)
                    ? wn_system_list_count(list)
                    : 0;
    return count > 0 ? count : 0;
}

/* CPUs that this process may run on; 0 when that is not shown. */
static int count_allowed(const char *root) {
    char list[256];
    int count = wn_system_field(root, "/proc/self/status", "Cpus_allowed_list", list, sizeof list)
                    ? wn_system_list_count(list)
                    : 0;
    return count > 0 ? count : 0;
}

void wn_check_quota(const wn_examination *e, wn_finding *f) {
    char line[16];
    double quota = wn_cgroup_quota(e->root);
    int cpus = count_allowed(e->root);
    if (quota > 0)
        wn_find(f, cpus && quota >= cpus ? WN_VERDICT_NOTE : WN_VERDICT_SERIOUS, "%g CPUs' time for %d CPUs",
                quota, cpus);
    else if (wn_system_line(e->root, "/proc/self/cgroup", line, sizeof line))
        wn_find(f, WN_VERDICT_GOOD, "none");
    else
        wn_find(f, WN_VERDICT_UNKNOWN, "no control groups are shown");
}

void wn_check_affinity(const wn_examination *e, wn_finding *f) {
    int allowed = count_allowed(e->root), online = count_cpus(e->root);
    if (allowed == 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, online && allowed < online ? WN_VERDICT_NOTE : WN_VERDICT_GOOD, "%d of %d CPUs", allowed,
                online);
}

wn_cpu_time wn_read_cpu_time(const char *root) {
    enum { FIELDS = 8, STOLEN = 7 }; /* user nice system idle iowait irq softirq steal: proc(5) */
    wn_cpu_time time = {.running = -1};
    char path[PATH_MAX], line[1024];
    double ticks[FIELDS];
    snprintf(path, sizeof path, "%s/proc/stat", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "procs_running %ld", &time.running) == 1 ||
            sscanf(line, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &ticks[0], &ticks[1], &ticks[2], &ticks[3],
                   &ticks[4], &ticks[5], &ticks[6], &ticks[7]) != FIELDS)
            continue;
        for (int i = 0; i < FIELDS; i++)
            time.total += ticks[i];
        time.stolen = ticks[STOLEN];
    }
    if (file)
        fclose(file);
    return time;
}

void wn_check_steal(const wn_examination *e, wn_finding *f) {
    const wn_cpu_time *before = &e->before, *after = &e->after;
    if (after->total <= 0) {
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
        return;
    }
    double ever = 100 * after->stolen / after->total, passed = after->total - before->total;
    double now = passed > 0 ? 100 * (after->stolen - before->stolen) / passed : 0;
    wn_find(f,
            now > 2      ? WN_VERDICT_SERIOUS
            : ever > 0.5 ? WN_VERDICT_POOR
                         : WN_VERDICT_GOOD,
            "%.1f %% now, %.2f %% since the start of the system", now, ever);
}

/* Judged by the tasks that compete for the CPUs now. The load average only adds a note: it looks back, and
 * also counts tasks that sleep on a disk or are frozen. */
void wn_check_load(const wn_examination *e, wn_finding *f) {
    char line[128], *end = line, average[64] = "";
    int cpus = count_cpus(e->root);
    double load = wn_system_line(e->root, "/proc/loadavg", line, sizeof line) ? strtod(line, &end) : 0;
    if (end != line)
        snprintf(average, sizeof average, "; load average of the last minute %.2f", load);
    if (e->running < 0) {
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown%s", average);
        return;
    }
    double others = e->running > 1 ? e->running - 1 : 0; /* whoever reads the file runs itself */
    wn_verdict verdict = others >= 1 && others >= cpus ? WN_VERDICT_SERIOUS
                         : others > 0.2                ? WN_VERDICT_POOR
                         : load > 0.5                  ? WN_VERDICT_NOTE
                                                       : WN_VERDICT_GOOD;
    wn_find(f, verdict, "%.2g other tasks want one of %d CPUs now%s", others, cpus, average);
}
