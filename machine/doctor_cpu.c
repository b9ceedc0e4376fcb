/* Checks of CPUs: clock, siblings, who else may use them. */
#include "doctor_internal.h"
#include "system_files.h"
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CPUS "/sys/devices/system/cpu/"

/* Calls `visit` with the first line of every file that matches; returns how many could be read. */
static int for_each_file(const char *root, const char *pattern, void (*visit)(void *, const char *),
                         void *context) {
    char full[PATH_MAX], line[256];
    glob_t found;
    int count = 0;
    snprintf(full, sizeof full, "%s%s", root, pattern);
    if (glob(full, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (wn_system_line("", found.gl_pathv[i], line, sizeof line)) {
            visit(context, line);
            count++;
        }
    globfree(&found);
    return count;
}

/* The first value, and whether all are the same. */
typedef struct same {
    char value[64];
    bool differ;
} same;

static void visit_same(void *context, const char *line) {
    same *s = context;
    if (s->value[0])
        s->differ |= strncmp(s->value, line, sizeof s->value - 1) != 0;
    else
        snprintf(s->value, sizeof s->value, "%.63s", line);
}

void wn_check_governor(const wn_examination *e, wn_finding *f) {
    same governor = {.value = ""};
    char driver[64] = "unknown driver";
    int count = for_each_file(e->root, CPUS "cpu[0-9]*/cpufreq/scaling_governor", visit_same, &governor);
    wn_system_line(e->root, CPUS "cpu0/cpufreq/scaling_driver", driver, sizeof driver);
    if (count == 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "no cpufreq: the host or the firmware sets the clock");
    else if (governor.differ)
        wn_find(f, WN_VERDICT_POOR, "differs between %d CPUs (%s)", count, driver);
    else
        wn_find(f, strcmp(governor.value, "performance") == 0 ? WN_VERDICT_GOOD : WN_VERDICT_POOR,
                "%s on %d CPUs (%s)", governor.value, count, driver);
}

void wn_check_turbo(const wn_examination *e, wn_finding *f) {
    long off, boost;
    if (wn_system_number(e->root, CPUS "intel_pstate/no_turbo", &off))
        wn_find(f, off == 1 ? WN_VERDICT_GOOD : WN_VERDICT_NOTE, "%s (intel_pstate)",
                off == 1 ? "off" : "on");
    else if (wn_system_number(e->root, CPUS "cpufreq/boost", &boost))
        wn_find(f, boost == 0 ? WN_VERDICT_GOOD : WN_VERDICT_NOTE, "%s (cpufreq)", boost == 0 ? "off" : "on");
    else
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown: the host or the firmware decides");
}

void wn_check_smt(const wn_examination *e, wn_finding *f) {
    char siblings[64];
    long active;
    if (wn_system_number(e->root, CPUS "smt/active", &active))
        wn_find(f, active ? WN_VERDICT_NOTE : WN_VERDICT_GOOD, "%s", active ? "active" : "not active");
    else if (wn_system_line(e->root, CPUS "cpu0/topology/thread_siblings_list", siblings, sizeof siblings) &&
             wn_system_list_count(siblings) > 0)
        wn_find(f, wn_system_list_count(siblings) > 1 ? WN_VERDICT_NOTE : WN_VERDICT_GOOD,
                "CPU 0 shares its core with %d others", wn_system_list_count(siblings) - 1);
    else
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
}

/* A list of CPUs that boot parameters made special; an empty or missing file among others says there are
 * none. */
static void check_list(const wn_examination *e, wn_finding *f, const char *path) {
    char list[160], online[160];
    bool shown = wn_system_line(e->root, path, list, sizeof list);
    if (!shown && !wn_system_line(e->root, CPUS "online", online, sizeof online))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else if (!shown || strcmp(list, "(null)") == 0)
        wn_find(f, WN_VERDICT_NOTE, "none");
    else if (wn_system_list_count(list) < 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "not a list of CPUs: \"%.60s\"", list);
    else
        wn_find(f, WN_VERDICT_GOOD, "%.120s", list);
}

void wn_check_isolated(const wn_examination *e, wn_finding *f) {
    check_list(e, f, CPUS "isolated");
}

void wn_check_nohz(const wn_examination *e, wn_finding *f) {
    check_list(e, f, CPUS "nohz_full");
}

static void visit_nothing(void *context, const char *line) {
    (void)context, (void)line;
}

void wn_check_irq(const wn_examination *e, wn_finding *f) {
    char isolated[160];
    int count = for_each_file(e->root, "/proc/irq/[0-9]*/smp_affinity_list", visit_nothing, NULL);
    bool apart = wn_system_line(e->root, CPUS "isolated", isolated, sizeof isolated);
    if (count == 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "no interrupts are shown");
    else
        wn_find(f, apart ? WN_VERDICT_GOOD : WN_VERDICT_NOTE, "%d interrupts on %s CPUs", count,
                apart ? "other" : "the same");
}

typedef struct weaknesses {
    int mitigated, open;
} weaknesses;

static void visit_weakness(void *context, const char *line) {
    weaknesses *w = context;
    w->mitigated += strncmp(line, "Mitigation", 10) == 0;
    w->open += strncmp(line, "Vulnerable", 10) == 0;
}

void wn_check_mitigations(const wn_examination *e, wn_finding *f) {
    weaknesses w = {0, 0};
    if (for_each_file(e->root, CPUS "vulnerabilities/*", visit_weakness, &w) == 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else
        wn_find(f, w.mitigated ? WN_VERDICT_NOTE : WN_VERDICT_GOOD, "%d active, %d weaknesses left open",
                w.mitigated, w.open);
}

static void visit_number(void *context, const char *line) {
    long *largest = context, value = strtol(line, NULL, 10);
    if (value > *largest)
        *largest = value;
}

void wn_check_temperature(const wn_examination *e, wn_finding *f) {
    long throttled = -1, hottest = LONG_MIN;
    for_each_file(e->root, CPUS "cpu[0-9]*/thermal_throttle/*_throttle_count", visit_number, &throttled);
    for_each_file(e->root, "/sys/class/thermal/thermal_zone*/temp", visit_number, &hottest);
    for_each_file(e->root, "/sys/class/hwmon/hwmon*/temp*_input", visit_number, &hottest);
    char degrees[40] = "no sensor";
    if (hottest > LONG_MIN)
        snprintf(degrees, sizeof degrees, "%.0f degrees at most", (double)hottest / 1000);
    if (throttled > 0)
        wn_find(f, WN_VERDICT_POOR, "%s; throttled %ld times since the start of the system", degrees,
                throttled);
    else if (hottest == LONG_MIN && throttled < 0)
        wn_find(f, WN_VERDICT_UNKNOWN, "no sensor is shown");
    else
        wn_find(f, hottest >= 95000 ? WN_VERDICT_POOR : WN_VERDICT_GOOD, "%s%s", degrees,
                throttled == 0 ? "; never throttled" : "");
}

void wn_check_microcode(const wn_examination *e, wn_finding *f) {
    char version[32];
    if (wn_system_field(e->root, "/proc/cpuinfo", "microcode", version, sizeof version))
        wn_find(f, WN_VERDICT_GOOD, "%s", version);
    else
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
}

/* The CPU says whether it is a virtual one, sysfs who made it. */
void wn_check_hypervisor(const wn_examination *e, wn_finding *f) {
    static char flags[16384];
    char maker[64] = "";
    if (!wn_system_line(e->root, "/sys/hypervisor/type", maker, sizeof maker))
        wn_system_line(e->root, "/sys/class/dmi/id/sys_vendor", maker, sizeof maker);
    if (!wn_system_field(e->root, "/proc/cpuinfo", "flags", flags, sizeof flags))
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
    else if (strstr(flags, " hypervisor"))
        wn_find(f, WN_VERDICT_NOTE, "a virtual machine%s%s", maker[0] ? " by " : "", maker);
    else
        wn_find(f, WN_VERDICT_GOOD, "none");
}

void wn_check_clock(const wn_examination *e, wn_finding *f) {
    static const char *const fast[] = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "vmware"};
    char source[64];
    if (!wn_system_line(e->root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", source,
                        sizeof source)) {
        wn_find(f, WN_VERDICT_UNKNOWN, "not shown");
        return;
    }
    wn_verdict verdict = WN_VERDICT_POOR;
    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++)
        if (strcmp(source, fast[i]) == 0)
            verdict = WN_VERDICT_GOOD;
    wn_find(f, verdict, "%s", source);
}
