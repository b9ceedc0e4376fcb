/* What the machine is said to be: ISA choice, threads, control groups, fingerprint, measured peaks. */
#include "cgroup.h"
#include "check.h"
#include "cpus.h"
#include "fake_machine.h"
#include "loops.h"
#include "peak.h"
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The value of a line of /proc/cpuinfo: the kernel's own reading of CPUID, to compare ours with. */
static bool cpuinfo(const char *key, char *value, size_t size) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file)
        return false;
    char line[16384];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0 ||
            strspn(line + strlen(key), "\t ") + line + strlen(key) != colon)
            continue;
        found = true;
        snprintf(value, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    fclose(file);
    return found;
}

static bool has_flag(const char *flags, const char *flag) {
    size_t length = strlen(flag);
    for (const char *at = strstr(flags, flag); at; at = strstr(at + 1, flag))
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

static void check_detection(void) {
    char flags[16384];
    wn_isa isa = wn_isa_detect();
    if (!cpuinfo("flags", flags, sizeof flags)) {
        check_skipped++;
        return;
    }
    bool avx2 = has_flag(flags, "avx2") && has_flag(flags, "fma");
    bool avx512 = avx2 && has_flag(flags, "avx512f") && has_flag(flags, "avx512bw") &&
                  has_flag(flags, "avx512dq") && has_flag(flags, "avx512vl");
    CHECK((isa >= WN_ISA_AVX2) == avx2, "detected %s, the kernel's flags say AVX2 and FMA: %d",
          wn_isa_name(isa), avx2);
    CHECK(!avx512 || isa >= WN_ISA_AVX2, "detected %s on a CPU with AVX-512", wn_isa_name(isa));
}

/* Every ISA up to the detected one can be had, none above. */
static void check_selection(void) {
    const char *names[] = {"portable", "avx2", "avx512"};
    for (int i = 0; i < WN_ISA_COUNT; i++) {
        CHECK(strcmp(wn_isa_name((wn_isa)i), names[i]) == 0, "%s, expected %s", wn_isa_name((wn_isa)i),
              names[i]);
        wn_isa isa = WN_ISA_COUNT;
        wn_status status = wn_isa_select(names[i], &isa);
        if (i <= (int)wn_isa_detect()) {
            CHECK(!wn_failed(status) && (int)isa == i, "%s: %s", names[i], status.message);
        } else {
            CHECK(status.code == WN_ERROR_UNSUPPORTED && isa == WN_ISA_COUNT, "%s: code %d", names[i],
                  status.code);
            CHECK(strstr(status.message, names[i]) && strstr(status.message, wn_isa_name(wn_isa_detect())),
                  "\"%s\" does not name %s and the best ISA", status.message, names[i]);
        }
    }
    const char *unknown[] = {"", "sse9", "AVX2", "avx2 "};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        wn_isa isa = WN_ISA_COUNT;
        wn_status status = wn_isa_select(unknown[i], &isa);
        CHECK(status.code == WN_ERROR_USAGE && isa == WN_ISA_COUNT, "\"%s\": code %d, expected USAGE",
              unknown[i], status.code);
        CHECK(strstr(status.message, unknown[i]) && strstr(status.message, "portable, avx2 or avx512"),
              "\"%s\"", status.message);
    }
}

static void check_environment(void) {
    wn_isa isa;
    unsetenv("WINNOW_ISA");
    CHECK(!wn_failed(wn_isa_select(NULL, &isa)) && isa == wn_isa_native(), "without WINNOW_ISA: %d", isa);
    setenv("WINNOW_ISA", "", 1);
    CHECK(!wn_failed(wn_isa_select(NULL, &isa)) && isa == wn_isa_native(), "with WINNOW_ISA empty: %d", isa);
    setenv("WINNOW_ISA", "portable", 1);
    CHECK(!wn_failed(wn_isa_select(NULL, &isa)) && isa == WN_ISA_PORTABLE, "with WINNOW_ISA=portable: %d",
          isa);
    setenv("WINNOW_ISA", "sse9", 1);
    wn_status status = wn_isa_select(NULL, &isa);
    CHECK(status.code == WN_ERROR_USAGE && strstr(status.message, "WINNOW_ISA") &&
              strstr(status.message, "sse9"),
          "code %d, \"%s\"", status.code, status.message);
    CHECK(!wn_failed(wn_isa_select("portable", &isa)) && isa == WN_ISA_PORTABLE, "the name does not win");
    unsetenv("WINNOW_ISA");
}

/* CPUs of the kernel that the following call speaks for; 0: the system's. */
static int kernel_cpus;

/* In place of the C library's. */
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *mask) {
    if (!kernel_cpus)
        return syscall(SYS_sched_getaffinity, pid, bytes, memset(mask, 0, bytes)) < 0 ? -1 : 0;
    if (8 * bytes < (size_t)kernel_cpus) {
        errno = EINVAL;
        return -1;
    }
    memset(mask, 0, bytes);
    CPU_SET_S(3, bytes, mask);
    CPU_SET_S(kernel_cpus - 1, bytes, mask);
    return 0;
}

/* A kernel that counts more CPUs than a cpu_set_t holds, and one that counts more than anybody has. */
static void check_large_masks(void) {
    wn_cpus cpus;
    cpu_set_t mask;
    kernel_cpus = 8192;
    bool known = wn_cpus_mask(&mask);
    wn_cpus_allowed(&cpus);
    CHECK(known && CPU_COUNT(&mask) == 1 && CPU_ISSET(3, &mask), "known: %d, %d CPUs", known,
          CPU_COUNT(&mask));
    CHECK(cpus.count == 1 && cpus.cpu[0] == 3, "%d CPUs, the first is %d", cpus.count, cpus.cpu[0]);
    kernel_cpus = 1 << 24;
    known = wn_cpus_mask(&mask);
    wn_cpus_allowed(&cpus);
    CHECK(!known && CPU_COUNT(&mask) == 0 && cpus.count == 1 && cpus.cpu[0] == 0,
          "known: %d, %d CPUs, the first is %d", known, cpus.count, cpus.cpu[0]);
    kernel_cpus = 0;
}

static void check_threads(void) {
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    int threads = wn_threads_default();
    double quota = wn_cgroup_quota("");
    int expected = CPU_COUNT(&all);
    if (quota > 0 && ceil(quota) < expected)
        expected = (int)ceil(quota);
    CHECK(threads == expected, "%d threads, expected %d", threads, expected);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        wn_machine machine;
        wn_machine_read(&machine);
        CHECK(wn_threads_default() == 1 && machine.affinity == 1, "on CPU %d alone: %d threads, affinity %d",
              cpu, wn_threads_default(), machine.affinity);
    }
    sched_setaffinity(0, sizeof all, &all);
}

/* A small tree of files as the kernel shows them: pairs of path and text. */
typedef struct group_case {
    const char *what;
    double quota, memory;
    const char *files[12];
} group_case;

static void check_group_case(const group_case *c) {
    fake_begin();
    fake_files(c->files);
    double quota = wn_cgroup_quota(fake_root);
    CHECK(fabs(quota - c->quota) < 1e-9, "%s: quota %g, expected %g", c->what, quota, c->quota);
    double memory = wn_cgroup_memory(fake_root);
    CHECK(memory == c->memory, "%s: memory %g, expected %g", c->what, memory, c->memory);
    fake_end();
}

static void check_control_groups(void) {
    const group_case cases[] = {
        {"nothing there", 0, 0, {NULL}},
        {"version 2, no limit",
         0,
         0,
         {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "max 100000\n"}},
        {"version 2",
         1.5,
         0,
         {"/proc/self/cgroup", "0::/a\n", "/sys/fs/cgroup/a/cpu.max", "150000 100000\n"}},
        {"version 2, the parent is tighter",
         0.5,
         0,
         {"/proc/self/cgroup", "0::/a/b\n", "/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n",
          "/sys/fs/cgroup/a/cpu.max", "50000 100000\n"}},
        {"version 2, the host's path inside a container",
         2,
         0,
         {"/proc/self/cgroup", "0::/docker/123\n", "/sys/fs/cgroup/cpu.max", "200000 100000\n"}},
        {"version 2 at unified",
         3,
         0,
         {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/unified/cpu.max", "300000 100000\n"}},
        {"version 1",
         2.5,
         0,
         {"/proc/self/cgroup", "3:cpuset:/x\n2:cpu,cpuacct:/x\n",
          "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n",
          "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"}},
        {"version 1, no limit",
         0,
         0,
         {"/proc/self/cgroup", "1:cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n",
          "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
        {"version 1, another controller's quota",
         0,
         0,
         {"/proc/self/cgroup", "1:cpuset:/\n", "/sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100000\n",
          "/sys/fs/cgroup/cpuset/cpu.cfs_period_us", "100000\n"}},
        {"both",
         1,
         0,
         {"/proc/self/cgroup", "1:cpu:/\n0::/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n",
          "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n", "/sys/fs/cgroup/cpu.max", "200000 100000\n"}},
        {"version 2, three levels, max between them",
         0.25,
         0,
         {"/proc/self/cgroup", "0::/a/b/c\n", "/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n",
          "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n", "/sys/fs/cgroup/a/cpu.max", "25000 100000\n",
          "/sys/fs/cgroup/cpu.max", "max\n"}},
        {"version 1, the parent is tighter",
         0.75,
         0,
         {"/proc/self/cgroup", "2:cpuacct,cpu:/p/q\n", "/sys/fs/cgroup/cpu/p/q/cpu.cfs_quota_us", "200000\n",
          "/sys/fs/cgroup/cpu/p/q/cpu.cfs_period_us", "100000\n", "/sys/fs/cgroup/cpu/p/cpu.cfs_quota_us",
          "75000\n", "/sys/fs/cgroup/cpu/p/cpu.cfs_period_us", "100000\n"}},
        {"version 1, no period",
         0,
         0,
         {"/proc/self/cgroup", "1:cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"}},
        {"version 1, damaged",
         0,
         0,
         {"/proc/self/cgroup", "1:cpu:/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "plenty\n",
          "/sys/fs/cgroup/cpu/cpu.cfs_period_us", "-5\n"}},
        {"one number alone", 0, 0, {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "50000\n"}},
        {"not a number", 0, 0, {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "nan 100000\n"}},
        {"endless", 0, 0, {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "inf 100000\n"}},
        {"negative", 0, 0, {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "-1 100000\n"}},
        {"no file of groups", 0, 0, {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}},
        {"a line without colons",
         0,
         0,
         {"/proc/self/cgroup", ":\n::\n\n0\n", "/sys/fs/cgroup/cpu.max", "max\n"}},
        {"damaged", 0, 0, {"/proc/self/cgroup", "nonsense\n0::/\n", "/sys/fs/cgroup/cpu.max", "many\n"}},
        {"period zero", 0, 0, {"/proc/self/cgroup", "0::/\n", "/sys/fs/cgroup/cpu.max", "100000 0\n"}},
        {"memory, version 2",
         0,
         1 << 30,
         {"/proc/self/cgroup", "0::/a/b\n", "/sys/fs/cgroup/a/memory.max", "1073741824\n",
          "/sys/fs/cgroup/a/b/memory.max", "max\n"}},
        {"memory, version 1",
         0,
         1 << 20,
         {"/proc/self/cgroup", "4:memory:/x\n", "/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1048576\n",
          "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_group_case(&cases[i]);
}

#define CACHE "/sys/devices/system/cpu/cpu3/cache/"

/* Caches as sysfs shows them, whole, in part and damaged. */
static void check_caches(void) {
    static const struct {
        const char *what;
        long l1d, l2, l3;
        int l3_cpus;
        const char *files[26];
    } cases[] = {
        {"nothing there", 0, 0, 0, 0, {NULL}},
        {"all levels",
         48 << 10,
         2 << 20,
         96 << 20,
         4,
         {CACHE "index0/level", "1\n", CACHE "index0/type", "Data\n",        CACHE "index0/size", "48K\n",
          CACHE "index1/level", "1\n", CACHE "index1/type", "Instruction\n", CACHE "index1/size", "64K\n",
          CACHE "index2/level", "2\n", CACHE "index2/type", "Unified\n",     CACHE "index2/size", "2048K\n",
          CACHE "index3/level", "3\n", CACHE "index3/type", "Unified\n",     CACHE "index3/size", "96M\n"}},
        {"damaged",
         0,
         0,
         0,
         0,
         {CACHE "index0/level",
          "first\n",
          CACHE "index0/type",
          "Data\n",
          CACHE "index0/size",
          "48K\n",
          CACHE "index1/level",
          "2\n",
          CACHE "index1/type",
          "Unified\n",
          CACHE "index1/size",
          "much\n",
          CACHE "index2/level",
          "3\n",
          CACHE "index2/type",
          "Unified\n",
          CACHE "index2/size",
          "99999999999999G\n",
          CACHE "index2/shared_cpu_list",
          "all\n"}},
        {"no type or size", 0, 0, 0, 0, {CACHE "index0/level", "1\n"}},
        {"negative",
         0,
         0,
         0,
         0,
         {CACHE "index0/level", "1\n", CACHE "index0/type", "Data\n", CACHE "index0/size", "-32K\n"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_machine machine = {0};
        fake_begin();
        fake_files(cases[i].files);
        if (cases[i].l3_cpus)
            fake_file(CACHE "index3/shared_cpu_list", "0-3\n");
        wn_machine_read_caches(fake_root, 3, &machine);
        CHECK(machine.l1d == cases[i].l1d && machine.l2 == cases[i].l2 && machine.l3 == cases[i].l3 &&
                  machine.l3_cpus == cases[i].l3_cpus,
              "%s: %ld, %ld, %ld bytes, shared by %d", cases[i].what, machine.l1d, machine.l2, machine.l3,
              machine.l3_cpus);
        fake_end();
    }
}

#define SIBLINGS(cpu) "/sys/devices/system/cpu/cpu" cpu "/topology/thread_siblings_list"

/* One CPU of every core first. What sysfs says wrongly or not at all counts as a core of its own. */
static void check_order(void) {
    static const struct {
        const char *what;
        int order[4];
        const char *files[9];
    } cases[] = {
        {"nothing there", {0, 1, 2, 3}, {NULL}},
        {"neighbours",
         {0, 2, 1, 3},
         {SIBLINGS("0"), "0-1\n", SIBLINGS("1"), "0-1\n", SIBLINGS("2"), "2-3\n", SIBLINGS("3"), "2-3\n"}},
        {"halves",
         {0, 1, 2, 3},
         {SIBLINGS("0"), "0,2\n", SIBLINGS("1"), "1,3\n", SIBLINGS("2"), "0,2\n", SIBLINGS("3"), "1,3\n"}},
        {"damaged",
         {0, 1, 2, 3},
         {SIBLINGS("0"), "\n", SIBLINGS("1"), "-7\n", SIBLINGS("2"), "99999999\n", SIBLINGS("3"), "none\n"}},
    };
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (int cpu = 0; cpu < 4; cpu++)
        CPU_SET(cpu, &mask);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_cpus cpus;
        fake_begin();
        fake_files(cases[i].files);
        wn_cpus_in_order(fake_root, &mask, &cpus);
        CHECK(cpus.count == 4 && memcmp(cpus.cpu, cases[i].order, sizeof cases[i].order) == 0,
              "%s: %d CPUs, %d %d %d %d", cases[i].what, cpus.count, cpus.cpu[0], cpus.cpu[1], cpus.cpu[2],
              cpus.cpu[3]);
        fake_end();
    }
    wn_cpus none;
    CPU_ZERO(&mask);
    wn_cpus_in_order("", &mask, &none);
    CHECK(none.count == 1 && none.cpu[0] == 0, "an empty mask: %d CPUs", none.count);
}

static void check_fingerprint(void) {
    wn_machine machine = {.vendor = "AuthenticAMD",
                          .family = 25,
                          .model = 1,
                          .stepping = 1,
                          .l1d = 32 << 10,
                          .l2 = 512 << 10,
                          .l3 = 32 << 20,
                          .cpus = 8,
                          .affinity = 4,
                          .quota = 1.5};
    const char *expected = "AuthenticAMD-25-1-1 avx2 L1d32K L2512K L332M cpus8 affinity4 quota1.5 threads2";
    char text[256], cut[10];
    int length = wn_machine_fingerprint(&machine, WN_ISA_AVX2, 2, text, sizeof text);
    CHECK(strcmp(text, expected) == 0, "\"%s\", expected \"%s\"", text, expected);
    CHECK(length == (int)strlen(expected), "length %d, expected %zu", length, strlen(expected));
    CHECK(wn_machine_fingerprint(&machine, WN_ISA_AVX2, 2, cut, sizeof cut) == length,
          "length differs when cut");
    machine = (wn_machine){.cpus = 1, .affinity = 1};
    expected = "unknown-0-0-0 portable cpus1 affinity1 threads1";
    wn_machine_fingerprint(&machine, WN_ISA_PORTABLE, 1, text, sizeof text);
    CHECK(strcmp(text, expected) == 0, "\"%s\", expected \"%s\"", text, expected);
}

static void check_reading(void) {
    wn_machine machine;
    wn_machine_read(&machine);
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"cpu family", machine.family}, {"model", machine.model}, {"stepping", machine.stepping}};
    char text[256];
    for (int i = 0; i < 3; i++)
        if (cpuinfo(numbers[i].key, text, sizeof text))
            CHECK(atoi(text) == numbers[i].value, "%s is %d, the kernel says %s", numbers[i].key,
                  numbers[i].value, text);
    if (cpuinfo("vendor_id", text, sizeof text))
        CHECK(strcmp(text, machine.vendor) == 0, "vendor \"%s\", the kernel says \"%s\"", machine.vendor,
              text);
    CHECK(machine.cpus >= machine.affinity && machine.affinity >= 1, "%d CPUs, affinity %d", machine.cpus,
          machine.affinity);
    CHECK(machine.l1d >= 0 && machine.l2 >= 0 && machine.l3 >= 0, "caches %ld %ld %ld", machine.l1d,
          machine.l2, machine.l3);
    CHECK(machine.l2 == 0 || machine.l1d < machine.l2, "L1 of %ld bytes, L2 of %ld", machine.l1d, machine.l2);
    CHECK(machine.isa == wn_isa_native(), "ISA %d", machine.isa);
}

/* What is gone over to measure a level fits it and not the one before, for all threads together. */
static void check_level_bytes(void) {
    const wn_machine zen = {.l1d = 32 << 10, .l2 = 1 << 20, .l3 = 32 << 20, .l3_cpus = 8};
    for (int threads = 1; threads <= 32; threads *= 2) {
        int sharing = threads < zen.l3_cpus ? threads : zen.l3_cpus;
        long l1 = wn_level_bytes(&zen, WN_LEVEL_L1, threads), l2 = wn_level_bytes(&zen, WN_LEVEL_L2, threads);
        long l3 = wn_level_bytes(&zen, WN_LEVEL_L3, threads),
             memory = wn_level_bytes(&zen, WN_LEVEL_MEMORY, threads);
        CHECK(l1 > 0 && l1 < zen.l1d, "%ld bytes for L1", l1);
        CHECK(l2 > zen.l1d && l2 < zen.l2, "%ld bytes for L2", l2);
        CHECK(l3 > zen.l2 && l3 * sharing < zen.l3, "%ld bytes for each of %d threads in L3", l3, threads);
        CHECK(memory * threads > 4 * zen.l3, "%ld bytes for each of %d threads in memory", memory, threads);
    }
    const wn_machine flat = {.l1d = 32 << 10, .l2 = 1 << 20, .l3 = 1 << 20};
    CHECK(wn_level_bytes(&flat, WN_LEVEL_L3, 1) == 0, "an L3 without room beside L2 was measured");
    const wn_machine unknown = {.cpus = 1};
    CHECK(wn_level_bytes(&unknown, WN_LEVEL_L1, 1) == 0 && wn_level_bytes(&unknown, WN_LEVEL_MEMORY, 1) > 0,
          "unknown caches");
}

/* Figures there are, and nothing is faster than L1 of the same CPU could be. */
static void check_bandwidths(wn_pool *pool, wn_isa isa) {
    for (int level = 0; level < WN_LEVEL_COUNT; level++)
        for (int traffic = 0; traffic < WN_TRAFFIC_COUNT; traffic++) {
            double bandwidth = wn_peak_bandwidth(pool, isa, (wn_level)level, (wn_traffic)traffic, 0.003);
            CHECK(isfinite(bandwidth) && bandwidth >= 0 && bandwidth < 2e12 * wn_pool_threads(pool),
                  "%s, %s, %s, %d threads: %g bytes/s", wn_isa_name(isa), wn_level_names[level],
                  wn_traffic_names[traffic], wn_pool_threads(pool), bandwidth);
        }
}

static void check_peaks(void) {
    for (int threads = 1; threads <= 3; threads++) {
        wn_pool *pool;
        wn_status status = wn_pool_create(threads, &pool);
        if (!CHECK(!wn_failed(status), "%s", status.message))
            return;
        for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
            double flops = wn_peak_flops(pool, (wn_isa)isa, 0.01);
            CHECK(isfinite(flops) && flops > 0, "%s, %d threads: %g FLOP/s", wn_isa_name((wn_isa)isa),
                  threads, flops);
            if (threads == 2)
                check_bandwidths(pool, (wn_isa)isa);
        }
        double empty = wn_empty_run(pool);
        CHECK(empty > 0 && empty < 1, "an empty run of %d threads takes %g s", threads, empty);
        wn_pool_destroy(pool);
    }
}

/* The loops compute what they say: a loop that the compiler shortens would be fast indeed. */
static void check_loops(void) {
    enum { COUNT = 3 * WN_READ_FLOATS };
    static _Alignas(64) float a[COUNT], b[COUNT], c[COUNT];
    for (int i = 0; i < COUNT; i++) {
        b[i] = (float)(i % 7);
        c[i] = (float)(i % 5);
    }
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
        const wn_loops *loops = wn_loops_of((wn_isa)isa);
        float sum = loops->read(b, COUNT), expected = 0;
        for (int i = 0; i < COUNT; i += loops->lanes) /* the loop returns the first lane's sum */
            expected += b[i];
        CHECK(sum == expected, "%s: read %g, expected %g", wn_isa_name((wn_isa)isa), sum, expected);
        memset(a, 0, sizeof a);
        loops->triad(a, b, c, COUNT);
        for (int i = 0; i < COUNT; i++)
            if (!CHECK(fabsf(a[i] - (b[i] + 0.999f * c[i])) < 1e-5f, "%s: triad[%d] = %g",
                       wn_isa_name((wn_isa)isa), i, a[i]))
                break;
        float fixed = loops->fma(100000); /* x = 0.999 x + 0.001 tends to 1 in every chain */
        CHECK(fabsf(fixed - WN_FMA_CHAINS) < 1e-2f, "%s: fma tends to %g", wn_isa_name((wn_isa)isa), fixed);
    }
}

int main(void) {
    check_detection();
    check_selection();
    check_environment();
    check_threads();
    check_large_masks();
    check_control_groups();
    check_caches();
    check_order();
    check_fingerprint();
    check_reading();
    check_level_bytes();
    check_loops();
    check_peaks();
    return check_finish("check_machine");
}
