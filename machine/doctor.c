/* The list of checks with what never changes about them, and the verdict over all. */
#include "doctor_internal.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

const char *const wn_verdict_names[WN_VERDICT_COUNT] = {"good", "unknown", "note", "poor", "serious"};

#define EVERY_CPU "/sys/devices/system/cpu/cpu[0-9]*"

static const struct {
    const char *name;
    wn_check *check;
    const char *wanted, *worth, *command, *setting, *value;
} checks[] = {
    {"frequency governor", wn_check_governor, "performance",
     "up to the ratio of highest to lowest clock at the start of a run (kernel.org, admin-guide/pm/cpufreq)",
     "cpupower frequency-set -g performance", EVERY_CPU "/cpufreq/scaling_governor", "performance"},
    {"turbo", wn_check_turbo, "off for steadiness, on for speed",
     "5-40 % of the clock, depending on load, vector width and heat (vendors' data sheets)",
     "echo 0 >/sys/devices/system/cpu/cpufreq/boost, or echo 1 "
     ">/sys/devices/system/cpu/intel_pstate/no_turbo",
     NULL, NULL},
    {"SMT siblings", wn_check_smt, "one thread on each core",
     "not measured: two threads on one core share its FMA units and caches, so the second adds little to a "
     "convolution",
     "echo off >/sys/devices/system/cpu/smt/control, or taskset to one CPU of each core", NULL, NULL},
    {"isolated CPUs", wn_check_isolated, "the CPUs of the run, where steadiness is everything",
     "not measured: removes other tasks' slices of some ms (kernel.org, admin-guide/kernel-parameters); "
     "nothing on an "
     "idle machine",
     "boot parameter isolcpus=LIST", NULL, NULL},
    {"tickless CPUs", wn_check_nohz, "the CPUs of the run, where steadiness is everything",
     "100-1000 timer interrupts a second of 1-5 us each, below 0.5 % (kernel.org, timers/no_hz)",
     "boot parameter nohz_full=LIST", NULL, NULL},
    {"interrupts", wn_check_irq, "on CPUs that do not compute, where there are such",
     "not measured: microseconds each; matters beside busy network cards and disks",
     "for i in /proc/irq/*/smp_affinity_list; do echo LIST >$i; done", NULL, NULL},
    {"CPU mitigations", wn_check_mitigations, "as the system's owner decided",
     "makes each entry into the kernel dearer; a step that does not enter it pays nothing",
     "boot parameter mitigations=off (never on a machine with untrusted users)", NULL, NULL},
    {"temperature", wn_check_temperature, "no throttling",
     "not measured: a throttled core runs at a fraction of its clock", "better cooling; fewer threads", NULL,
     NULL},
    {"microcode", wn_check_microcode, "recorded: updates change speed",
     "single cases of several per cent (Gather Data Sampling: gathers up to 50 % slower, by Intel's account)",
     "", NULL, NULL},
    {"hypervisor", wn_check_hypervisor, "none, or one that is not overcommitted",
     "no hardware counters, stolen time, page walks of two dimensions", "", NULL, NULL},
    {"clock source", wn_check_clock, "tsc, or a paravirtual clock that the vDSO reads",
     "other sources turn every reading of the clock into a system call",
     "echo tsc >/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL, NULL},
    {"NUMA balancing", wn_check_numa_balancing, "0, on machines with several nodes",
     "unmaps pages on purpose to see who touches them: page faults in the middle of steps",
     "sysctl kernel.numa_balancing=0", "/proc/sys/kernel/numa_balancing", "0"},
    {"NUMA nodes", wn_check_numa_distance, "one, or a run bound to one",
     "not measured: distances are the firmware's ratios of latency, 10 is local (ACPI, SLIT)",
     "numactl --cpunodebind=0 --membind=0 winnow ...", NULL, NULL},
    {"transparent huge pages", wn_check_huge_pages, "madvise or always",
     "512 times fewer page faults at start, fewer page walks in every step",
     "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
     "/sys/kernel/mm/transparent_hugepage/enabled", "madvise"},
    {"reserved huge pages", wn_check_reserved_pages, "none needed: the arena asks for transparent ones",
     "the same as transparent ones, but certain", "sysctl vm.nr_hugepages=N", NULL, NULL},
    {"swappiness", wn_check_swappiness, "at most 10",
     "an arena that is swapped out costs milliseconds a page", "sysctl vm.swappiness=1",
     "/proc/sys/vm/swappiness", "1"},
    {"swap", wn_check_swap, "unused", "as above", "swapoff -a", NULL, NULL},
    {"address randomisation", wn_check_aslr, "as it is; off to repeat one run's layout exactly",
     "a few per cent either way between runs (Mytkowicz et al., ASPLOS 2009); none found in nine pairs of "
     "runs of "
     "resnet18 on Zen 4 (docs/linux.md)",
     "setarch -R winnow ...", NULL, NULL},
    {"memory channels", wn_check_channels, "all filled alike", "bandwidth is proportional to them", "", NULL,
     NULL},
    {"perf_event_paranoid", wn_check_paranoid, "at most 2", "without it there are no counters",
     "sysctl kernel.perf_event_paranoid=2", "/proc/sys/kernel/perf_event_paranoid", "2"},
    {"rdpmc", wn_check_rdpmc, "1 or 2: counters can be read without the kernel",
     "saves a system call for each reading (winnow bypass has the prices)",
     "echo 1 >/sys/bus/event_source/devices/cpu/rdpmc", "/sys/bus/event_source/devices/cpu/rdpmc", "1"},
    {"NMI watchdog", wn_check_watchdog, "0", "takes one hardware counter for itself",
     "sysctl kernel.nmi_watchdog=0", "/proc/sys/kernel/nmi_watchdog", "0"},
    {"CPU quota", wn_check_quota, "none",
     "threads stand still for the rest of each period (100 ms) once the quota is used up",
     "docker run without --cpus; systemctl set-property UNIT CPUQuota=", NULL, NULL},
    {"affinity", wn_check_affinity, "all CPUs, or those that were chosen", "in proportion",
     "taskset -c LIST winnow ...", NULL, NULL},
    {"stolen time", wn_check_steal, "0 %", "what is stolen is lost, and a barrier waits for the slowest",
     "another host, or another time", NULL, NULL},
    {"load", wn_check_load, "nothing else runs",
     "one busy neighbour on two CPUs makes a step take twice as long (docs/decisions.md)", "end other work",
     NULL, NULL},
};

void wn_find(wn_finding *finding, wn_verdict verdict, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->found, sizeof finding->found, format, arguments);
    va_end(arguments);
    finding->verdict = verdict;
}

/* Looks at the counters of time from the beginning to the end, and at the queues in between: what waits for a
 * CPU now disturbs a measurement, not what did a minute ago. */
static wn_examination watch(const char *root, double seconds) {
    enum { LOOKS = 25 };
    wn_examination e = {.root = root, .before = wn_read_cpu_time(root)};
    int looks = seconds > 0 ? LOOKS : 1;
    const struct timespec between = {.tv_sec = (time_t)(seconds / looks),
                                     .tv_nsec = (long)(fmod(seconds / looks, 1) * 1e9)};
    for (int i = 0; i < looks; i++) {
        nanosleep(&between, NULL);
        e.after = wn_read_cpu_time(root);
        e.running += (double)e.after.running / looks;
    }
    return e;
}

int wn_doctor_examine(const char *root, double seconds, wn_finding findings[WN_FINDINGS]) {
    enum { COUNT = sizeof checks / sizeof *checks };
    _Static_assert((int)COUNT <= (int)WN_FINDINGS, "room for every check");
    wn_examination examination = watch(root, seconds);
    for (int i = 0; i < COUNT; i++) {
        findings[i] = (wn_finding){.name = checks[i].name,
                                   .wanted = checks[i].wanted,
                                   .worth = checks[i].worth,
                                   .command = checks[i].command,
                                   .setting = checks[i].setting,
                                   .value = checks[i].value};
        checks[i].check(&examination, &findings[i]);
    }
    return COUNT;
}

wn_verdict wn_doctor_verdict(const wn_finding *findings, int count, char *text, size_t size) {
    wn_verdict worst = WN_VERDICT_GOOD;
    for (int i = 0; i < count; i++)
        worst = findings[i].verdict > worst ? findings[i].verdict : worst;
    size_t used = (size_t)snprintf(text, size, "%s", wn_verdict_names[worst]);
    for (int verdict = WN_VERDICT_SERIOUS; verdict >= WN_VERDICT_POOR; verdict--)
        for (int i = 0; i < count; i++)
            if ((int)findings[i].verdict == verdict && used < size)
                used += (size_t)snprintf(text + used, size - used, "; %s: %s (%s)", findings[i].name,
                                         wn_verdict_names[verdict], findings[i].found);
    return worst;
}
