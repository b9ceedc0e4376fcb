/* The doctor on machines made of files: good, bad, empty and damaged ones; changing settings and putting them
 * back, also after a crash and with a damaged state file. */
#include "check.h"
#include "doctor.h"
#include "fake_machine.h"
#include "system_files.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *read_file(const char *path) {
    static char line[256];
    return wn_system_choice(fake_root, path, line, sizeof line) ? line : "";
}

static void check_lists(void) {
    static const struct {
        const char *list;
        int count;
    } cases[] = {{"", 0},
                 {"0", 1},
                 {"0-3", 4},
                 {"0-3,8,10-11", 7},
                 {"3-1", -1},
                 {"a", -1},
                 {"1-", -1},
                 {"1,,2", -1},
                 {"-1", -1},
                 {"0-3;4", -1},
                 {"0-99999999999999999999", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(wn_system_list_count(cases[i].list) == cases[i].count, "\"%s\": %d, expected %d", cases[i].list,
              wn_system_list_count(cases[i].list), cases[i].count);
}

/* Lines, numbers, choices and fields as they come, and as they should not. */
static void check_files(void) {
    static const struct {
        const char *text;
        const char *line, *choice, *field; /* NULL: refused */
        long number;                       /* -99: refused */
    } cases[] = {
        {"", NULL, NULL, NULL, -99},
        {"\n", NULL, NULL, NULL, -99},
        {"7\n", "7", "7", NULL, 7},
        {"-1", "-1", "-1", NULL, -1},
        {"0x10\n", "0x10", "0x10", NULL, -99},
        {"12 monkeys\n", "12 monkeys", "12 monkeys", NULL, 12},
        {"always [madvise] never\n", "always [madvise] never", "madvise", NULL, -99},
        {"always [madvise\n", "always [madvise", "always [madvise", NULL, -99},
        {"[]\n", "[]", NULL, NULL, -99},
        {"keys: 1\nkey :\t 2 \nkey: 3\n", "keys: 1", "keys: 1", "2 ", -99},
        {"key\nkey:", "key", "key", "", -99},
    };
    char text[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        long number;
        fake_begin();
        fake_file("/f", cases[i].text);
        bool read = wn_system_line(fake_root, "/f", text, sizeof text);
        CHECK(read == (cases[i].line != NULL) && (!read || !strcmp(text, cases[i].line)), "line %zu: \"%s\"",
              i, text);
        read = wn_system_choice(fake_root, "/f", text, sizeof text);
        CHECK(read == (cases[i].choice != NULL) && (!read || !strcmp(text, cases[i].choice)),
              "choice %zu: \"%s\"", i, text);
        read = wn_system_field(fake_root, "/f", "key", text, sizeof text);
        CHECK(read == (cases[i].field != NULL) && (!read || !strcmp(text, cases[i].field)),
              "field %zu: \"%s\"", i, text);
        read = wn_system_number(fake_root, "/f", &number);
        CHECK(read == (cases[i].number != -99) && (!read || number == cases[i].number), "number %zu: %ld", i,
              number);
        CHECK(!wn_system_line(fake_root, "/missing", text, sizeof text) &&
                  !wn_system_field(fake_root, "/missing", "key", text, sizeof text) &&
                  !wn_system_line(fake_root, "", text, sizeof text),
              "a missing file, or a folder, was read");
        fake_end();
    }
    int numbers[4] = {0};
    CHECK(wn_system_list("1-2,9,11-200", numbers, 4) == 193 && numbers[0] == 1 && numbers[1] == 2 &&
              numbers[2] == 9 && numbers[3] == 11,
          "the list begins with %d, %d, %d, %d", numbers[0], numbers[1], numbers[2], numbers[3]);
}

/* A file of a machine, and what one check must say because of it. */
typedef struct finding_case {
    const char *check;
    wn_verdict verdict;
    const char *found; /* words that it holds */
    const char *files[9];
} finding_case;

#define CPU "/sys/devices/system/cpu/"
#define THP "/sys/kernel/mm/transparent_hugepage/enabled"
#define CPU_LINE "cpu 100 0 100 700 50 25 25 "

static const finding_case cases[] = {
    {"frequency governor",
     WN_VERDICT_GOOD,
     "performance on 2 CPUs (acpi-cpufreq)",
     {CPU "cpu0/cpufreq/scaling_governor", "performance\n", CPU "cpu1/cpufreq/scaling_governor",
      "performance\n", CPU "cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n"}},
    {"frequency governor",
     WN_VERDICT_POOR,
     "powersave",
     {CPU "cpu0/cpufreq/scaling_governor", "powersave\n"}},
    {"frequency governor",
     WN_VERDICT_POOR,
     "differs",
     {CPU "cpu0/cpufreq/scaling_governor", "performance\n", CPU "cpu1/cpufreq/scaling_governor",
      "powersave\n"}},
    {"turbo", WN_VERDICT_NOTE, "on (cpufreq)", {CPU "cpufreq/boost", "1\n"}},
    {"turbo", WN_VERDICT_GOOD, "off (intel_pstate)", {CPU "intel_pstate/no_turbo", "1\n"}},
    {"turbo", WN_VERDICT_UNKNOWN, "not shown", {CPU "cpufreq/boost", "maybe\n"}},
    {"SMT siblings", WN_VERDICT_NOTE, "active", {CPU "smt/active", "1\n"}},
    {"SMT siblings", WN_VERDICT_NOTE, "1 others", {CPU "cpu0/topology/thread_siblings_list", "0,64\n"}},
    {"isolated CPUs", WN_VERDICT_GOOD, "2-3", {CPU "isolated", "2-3\n"}},
    {"isolated CPUs", WN_VERDICT_NOTE, "none", {CPU "isolated", "\n", CPU "online", "0-1\n"}},
    {"isolated CPUs", WN_VERDICT_UNKNOWN, "not a list", {CPU "isolated", "all of them\n"}},
    {"tickless CPUs", WN_VERDICT_NOTE, "none", {CPU "nohz_full", "(null)\n"}},
    {"interrupts",
     WN_VERDICT_NOTE,
     "2 interrupts on the same",
     {"/proc/irq/1/smp_affinity_list", "0-3\n", "/proc/irq/22/smp_affinity_list", "0\n"}},
    {"CPU mitigations",
     WN_VERDICT_NOTE,
     "1 active, 1 weaknesses left open",
     {CPU "vulnerabilities/spectre_v2", "Mitigation: Retpolines\n", CPU "vulnerabilities/mds",
      "Not affected\n", CPU "vulnerabilities/srso", "Vulnerable: no microcode\n"}},
    {"temperature",
     WN_VERDICT_POOR,
     "throttled 7 times",
     {CPU "cpu1/thermal_throttle/core_throttle_count", "7\n", "/sys/class/thermal/thermal_zone0/temp",
      "61000\n"}},
    {"temperature", WN_VERDICT_POOR, "97 degrees", {"/sys/class/hwmon/hwmon0/temp1_input", "97000\n"}},
    {"microcode",
     WN_VERDICT_GOOD,
     "0xa0011d1",
     {"/proc/cpuinfo", "processor\t: 0\nmicrocode\t: 0xa0011d1\n"}},
    {"hypervisor",
     WN_VERDICT_NOTE,
     "a virtual machine by QEMU",
     {"/proc/cpuinfo", "flags\t\t: fpu hypervisor avx2\n", "/sys/class/dmi/id/sys_vendor", "QEMU\n"}},
    {"hypervisor", WN_VERDICT_GOOD, "none", {"/proc/cpuinfo", "flags\t\t: fpu avx2\n"}},
    {"clock source",
     WN_VERDICT_POOR,
     "hpet",
     {"/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"}},
    {"NUMA balancing",
     WN_VERDICT_POOR,
     "1 with 2 nodes",
     {"/proc/sys/kernel/numa_balancing", "1\n", "/sys/devices/system/node/online", "0-1\n"}},
    {"NUMA balancing",
     WN_VERDICT_GOOD,
     "1 with 1 node",
     {"/proc/sys/kernel/numa_balancing", "1\n", "/sys/devices/system/node/online", "0\n"}},
    {"NUMA nodes",
     WN_VERDICT_NOTE,
     "10 21",
     {"/sys/devices/system/node/online", "0-1\n", "/sys/devices/system/node/node0/distance", "10 21\n"}},
    {"transparent huge pages", WN_VERDICT_POOR, "never", {THP, "always madvise [never]\n"}},
    {"transparent huge pages", WN_VERDICT_GOOD, "madvise", {THP, "always [madvise] never\n"}},
    {"reserved huge pages", WN_VERDICT_GOOD, "128", {"/proc/sys/vm/nr_hugepages", "128\n"}},
    {"swappiness", WN_VERDICT_NOTE, "60", {"/proc/sys/vm/swappiness", "60\n"}},
    {"swap",
     WN_VERDICT_POOR,
     "512 of 1024 MiB",
     {"/proc/meminfo", "MemTotal: 8 kB\nSwapTotal:  1048576 kB\nSwapFree:  524288 kB\n"}},
    {"swap", WN_VERDICT_UNKNOWN, "not shown", {"/proc/meminfo", "SwapTotal: much kB\n"}},
    {"address randomisation", WN_VERDICT_NOTE, "on (2)", {"/proc/sys/kernel/randomize_va_space", "2\n"}},
    {"perf_event_paranoid", WN_VERDICT_POOR, "4", {"/proc/sys/kernel/perf_event_paranoid", "4\n"}},
    {"perf_event_paranoid", WN_VERDICT_GOOD, "-1", {"/proc/sys/kernel/perf_event_paranoid", "-1\n"}},
    {"rdpmc", WN_VERDICT_POOR, "0", {"/sys/bus/event_source/devices/cpu/rdpmc", "0\n"}},
    {"NMI watchdog", WN_VERDICT_NOTE, "1", {"/proc/sys/kernel/nmi_watchdog", "1\n"}},
    {"CPU quota",
     WN_VERDICT_SERIOUS,
     "1.5 CPUs' time for 4 CPUs",
     {"/proc/self/cgroup", "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n",
      "/sys/fs/cgroup/a/cpu.max", "150000 100000\n", "/proc/self/status", "Cpus_allowed_list:\t0-3\n"}},
    {"CPU quota",
     WN_VERDICT_SERIOUS,
     "0.5 CPUs'",
     {"/proc/self/cgroup", "4:cpu,cpuacct:/x\n", "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "50000\n",
      "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}},
    {"CPU quota",
     WN_VERDICT_NOTE,
     "4 CPUs' time for 2",
     {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "400000 100000\n", "/proc/self/status",
      "Cpus_allowed_list:\t0-1\n"}},
    {"CPU quota",
     WN_VERDICT_GOOD,
     "none",
     {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "max 100000\n"}},
    {"CPU quota",
     WN_VERDICT_GOOD,
     "none",
     {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "\x01\x02?\n"}},
    {"affinity",
     WN_VERDICT_NOTE,
     "1 of 8",
     {"/proc/self/status", "Name:\tx\nCpus_allowed_list:\t3\n", CPU "online", "0-7\n"}},
    {"stolen time", WN_VERDICT_GOOD, "0.20 %", {"/proc/stat", CPU_LINE "2 0 0\nprocs_running 1\n"}},
    {"stolen time", WN_VERDICT_POOR, "9.09 %", {"/proc/stat", CPU_LINE "100 0 0\n"}},
    {"stolen time", WN_VERDICT_UNKNOWN, "not shown", {"/proc/stat", "cpu 1 2\n"}},
    {"load",
     WN_VERDICT_SERIOUS,
     "5 other tasks want one of 2 CPUs",
     {"/proc/loadavg", "5.00 3.00 1.00 6/100 1\n", "/proc/stat", "procs_running 6\n", CPU "online", "0-1\n"}},
    {"load", WN_VERDICT_UNKNOWN, "0.90", {"/proc/loadavg", "0.90 0.1 0.1 1/100 1\n", CPU "online", "0-1\n"}},
    {"load", WN_VERDICT_POOR, "1 other tasks", {"/proc/stat", "procs_running 2\n", CPU "online", "0-1\n"}},
    {"load",
     WN_VERDICT_NOTE,
     "0 other tasks want one of 2 CPUs now; load average of the last minute 1.76",
     {"/proc/loadavg", "1.76 0.1 0.1 1/100 1\n", "/proc/stat", "procs_running 1\n", CPU "online", "0-1\n"}},
    {"load",
     WN_VERDICT_UNKNOWN,
     "not shown",
     {"/proc/loadavg", "loaded\n", "/proc/stat", "procs_running many\n"}},
    {"load",
     WN_VERDICT_GOOD,
     "0.01",
     {"/proc/loadavg", "0.01 0.1 0.1 1/100 1\n", "/proc/stat", "procs_running 1\n", CPU "online", "0-1\n"}},
};

static const wn_finding *find(const wn_finding *findings, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(findings[i].name, name) == 0)
            return &findings[i];
    return NULL;
}

static void check_findings(void) {
    wn_finding findings[WN_FINDINGS];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake_begin();
        fake_files(cases[i].files);
        int count = wn_doctor_examine(fake_root, 0, findings);
        const wn_finding *f = find(findings, count, cases[i].check);
        if (CHECK(f, "no check \"%s\"", cases[i].check))
            CHECK(f->verdict == cases[i].verdict && strstr(f->found, cases[i].found),
                  "%s: %s, \"%s\", expected %s, \"%s\"", f->name, wn_verdict_names[f->verdict], f->found,
                  wn_verdict_names[cases[i].verdict], cases[i].found);
        fake_end();
    }
}

/* Modules of memory are binary tables. */
static void check_modules(void) {
    wn_finding findings[WN_FINDINGS];
    fake_begin();
    for (int i = 0; i < 3; i++) {
        unsigned char bytes[40] = {17, 40, [13] = i < 2 ? 0x40 : 0, [32] = 0xc0, [33] = 0x12};
        char path[128];
        snprintf(path, sizeof path, "/sys/firmware/dmi/entries/17-%d/raw", i);
        fake_bytes(path, bytes, sizeof bytes);
    }
    int count = wn_doctor_examine(fake_root, 0, findings);
    const wn_finding *f = find(findings, count, "memory channels");
    CHECK(f && strcmp(f->found, "2 modules at 4800 MT/s") == 0, "\"%s\"", f ? f->found : "no such check");
    fake_end();
}

/* On a machine without a single file every check says that it does not know. */
static void check_empty_machine(void) {
    wn_finding findings[WN_FINDINGS];
    fake_begin();
    int count = wn_doctor_examine(fake_root, 0, findings);
    CHECK(count >= 25, "%d checks", count);
    for (int i = 0; i < count; i++)
        CHECK(findings[i].found[0] && findings[i].wanted && findings[i].worth && findings[i].command &&
                  findings[i].verdict == WN_VERDICT_UNKNOWN,
              "%s: %s, \"%s\"", findings[i].name, wn_verdict_names[findings[i].verdict], findings[i].found);
    char text[200];
    CHECK(wn_doctor_verdict(findings, count, text, sizeof text) == WN_VERDICT_UNKNOWN, "%s", text);
    fake_end();
}

static void check_verdict(void) {
    wn_finding findings[3] = {{.name = "a", .verdict = WN_VERDICT_POOR, .found = "x"},
                              {.name = "b", .verdict = WN_VERDICT_SERIOUS, .found = "y"},
                              {.name = "c", .verdict = WN_VERDICT_GOOD, .found = "z"}};
    char text[200], cut[12];
    wn_verdict worst = wn_doctor_verdict(findings, 3, text, sizeof text);
    CHECK(worst == WN_VERDICT_SERIOUS && strcmp(text, "serious; b: serious (y); a: poor (x)") == 0, "\"%s\"",
          text);
    wn_doctor_verdict(findings, 3, cut, sizeof cut);
    CHECK(strcmp(cut, "serious; b:") == 0, "cut: \"%s\"", cut);
}

#define GOVERNOR0 CPU "cpu0/cpufreq/scaling_governor"
#define GOVERNOR1 CPU "cpu1/cpufreq/scaling_governor"

static void make_bad_machine(void) {
    fake_begin();
    fake_file(GOVERNOR0, "powersave\n");
    fake_file(GOVERNOR1, "ondemand\n");
    fake_file(THP, "always madvise [never]\n");
    fake_file("/proc/sys/vm/swappiness", "60\n");
    fake_file("/proc/sys/kernel/nmi_watchdog", "0\n");       /* good as it is */
    fake_file("/proc/sys/kernel/randomize_va_space", "2\n"); /* nothing that is applied */
    fake_file("/run/.keep", "");
}

static wn_status apply(const char *state, FILE *out) {
    wn_finding findings[WN_FINDINGS];
    int count = wn_doctor_examine(fake_root, 0, findings);
    return wn_doctor_apply(fake_root, state, findings, count, out);
}

static void expect_settings(const char *when, const char *governor0, const char *governor1, const char *pages,
                            const char *swappiness) {
    const char *const expected[][2] = {{GOVERNOR0, governor0},
                                       {GOVERNOR1, governor1},
                                       {THP, pages},
                                       {"/proc/sys/vm/swappiness", swappiness},
                                       {"/proc/sys/kernel/nmi_watchdog", "0"},
                                       {"/proc/sys/kernel/randomize_va_space", "2"}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK(strcmp(read_file(expected[i][0]), expected[i][1]) == 0, "%s: %s is \"%s\", expected \"%s\"",
              when, expected[i][0], read_file(expected[i][0]), expected[i][1]);
}

static void check_apply_and_restore(void) {
    char state[128];
    FILE *out = tmpfile();
    make_bad_machine();
    snprintf(state, sizeof state, "%s/run/state", fake_root);
    wn_status status = apply(state, out);
    CHECK(!wn_failed(status), "%s", status.message);
    expect_settings("applied", "performance", "performance", "madvise", "1");
    status = apply(state, out); /* nothing is left to change, and the old values stay */
    CHECK(!wn_failed(status), "%s", status.message);
    fake_file(GOVERNOR0, "schedutil\n"); /* somebody changes one, and it is applied again */
    status = apply(state, out);
    CHECK(!wn_failed(status), "%s", status.message);
    expect_settings("applied again", "performance", "performance", "madvise", "1");
    status = wn_doctor_restore(fake_root, state, out);
    CHECK(!wn_failed(status), "%s", status.message);
    expect_settings("restored", "powersave", "ondemand", "never", "60");
    CHECK(access(state, F_OK) != 0, "the state file is still there");
    status = wn_doctor_restore(fake_root, state, out);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "nothing to put back"), "%s", status.message);
    fake_end();
    fclose(out);
}

/* A crash between two changes: the state file is whole from before the first one. */
static void check_crash(void) {
    char state[128];
    FILE *out = tmpfile();
    make_bad_machine();
    snprintf(state, sizeof state, "%s/run/state", fake_root);
    wn_status status = apply(state, out);
    CHECK(!wn_failed(status), "%s", status.message);
    fake_file(GOVERNOR1, "ondemand\n"); /* as if this one had not been reached */
    fake_file("/run/state.new", "half a state fi");
    status = wn_doctor_restore(fake_root, state, out);
    CHECK(!wn_failed(status), "%s", status.message);
    expect_settings("after a crash", "powersave", "ondemand", "never", "60");
    fake_end();
    fclose(out);
}

enum { LEFT_OUT = 77 };

/* Where the system lets nothing be written nothing is left behind. */
static void check_unprivileged(void) {
    if (getuid() == 0 && setuid(65534) != 0)
        _exit(LEFT_OUT);
    char state[128];
    FILE *out = tmpfile();
    make_bad_machine();
    snprintf(state, sizeof state, "%s/run/state", fake_root);
    const char *const settings[] = {GOVERNOR0, GOVERNOR1, THP, "/proc/sys/vm/swappiness"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s%s", fake_root, settings[i]);
        chmod(path, 0400);
    }
    wn_status status = apply(state, out);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "Permission denied"), "code %d: %s",
          status.code, status.message);
    expect_settings("without permission", "powersave", "ondemand", "never", "60");
    CHECK(access(state, F_OK) != 0, "a state file was left for nothing");
    fake_end();
    fclose(out);
}

static void in_child(void (*check)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        check_failed = 0;
        check();
        fflush(NULL);
        _exit(check_failed ? 1 : 0);
    }
    int how = -1;
    waitpid(child, &how, 0);
    if (WIFEXITED(how) && WEXITSTATUS(how) == LEFT_OUT)
        check_skipped++;
    else
        CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the child process ended with %x", (unsigned)how);
}

static void check_state_refusals(void) {
    static const char *const damaged[] = {
        "",
        "nonsense\n",
        "winnow doctor 1: settings as they were\nno tabulator\n",
        "winnow doctor 1: settings as they were\n/proc/sys/vm/swappiness\t\n",
        "winnow doctor 1: settings as they were\n/proc/sys/vm/swappiness\t60",
        "winnow doctor 1: settings as they were\n/etc/passwd\troot\n",
        "winnow doctor 1: settings as they were\n/sys/../etc/passwd\troot\n",
    };
    char state[128];
    FILE *out = tmpfile();
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        make_bad_machine();
        fake_file("/run/state", damaged[i]);
        snprintf(state, sizeof state, "%s/run/state", fake_root);
        wn_status status = wn_doctor_restore(fake_root, state, out);
        CHECK(status.code == WN_ERROR_FORMAT, "damage %zu: code %d: %s", i, status.code, status.message);
        status = apply(state, out);
        CHECK(status.code == WN_ERROR_FORMAT, "damage %zu, apply: code %d: %s", i, status.code,
              status.message);
        expect_settings("with a damaged state file", "powersave", "ondemand", "never", "60");
        fake_end();
    }
    make_bad_machine();
    snprintf(state, sizeof state, "%s/no-folder/state", fake_root);
    wn_status status = apply(state, out);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "nothing was changed"), "%s", status.message);
    expect_settings("without a place for the state file", "powersave", "ondemand", "never", "60");
    fake_end();
    fclose(out);
}

int main(void) {
    check_lists();
    check_files();
    check_findings();
    check_modules();
    check_empty_machine();
    check_verdict();
    check_apply_and_restore();
    check_crash();
    check_state_refusals();
    in_child(check_unprivileged);
    return check_finish("check_doctor");
}
