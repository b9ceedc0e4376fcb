/* Opening perf's events in groups and reading them. What is counted is a table; the page protocol is
 * counter_page.c's. */
#include "counters.h"
#include "counter_page.h"
#include "system_files.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CACHE_EVENT(cache, result)                                                                           \
    (PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_READ << 8 |                                        \
     PERF_COUNT_HW_CACHE_RESULT_##result << 16)

/* Group 0 is software. Hardware groups are small enough for the four counters that every PMU has, so that a
 * group can be scheduled as a whole. */
static const struct {
    const char *name;
    int group;
    uint32_t type;
    uint64_t config;
} events[WN_COUNTER_COUNT] = {
    {"task-clock", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
    {"context-switches", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", 0, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
    {"cycles", 1, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"instructions", 1, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"branches", 1, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
    {"branch-misses", 1, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
    {"L1-dcache-loads", 2, PERF_TYPE_HW_CACHE, CACHE_EVENT(L1D, ACCESS)},
    {"L1-dcache-load-misses", 2, PERF_TYPE_HW_CACHE, CACHE_EVENT(L1D, MISS)},
    {"cache-references", 3, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
    {"cache-misses", 3, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"dTLB-load-misses", 3, PERF_TYPE_HW_CACHE, CACHE_EVENT(DTLB, MISS)},
};
enum { GROUPS = 4 };

typedef struct event {
    int fd; /* -1: not there */
    struct perf_event_mmap_page *page;
} event;

struct wn_counters {
    event event[WN_COUNTER_COUNT];
    int leader[GROUPS]; /* counter whose descriptor reads the group; -1: none of it could be opened */
    size_t page_bytes;
    bool kernel_too;             /* software events include what happens in the kernel */
    struct rusage usage_at_open; /* where software events cannot be had from perf */
    uint64_t cpu_at_open;        /* nanoseconds */
    char note[200];
};

const char *wn_counter_name(wn_counter counter) {
    return events[counter].name;
}

static int open_event(int counter, int group_fd, bool kernel_too) {
    struct perf_event_attr attributes = {
        .type = events[counter].type,
        .size = sizeof attributes,
        .config = events[counter].config,
        .disabled = group_fd < 0,
        .exclude_kernel = !kernel_too,
        .exclude_hv = 1,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
    };
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, group_fd, PERF_FLAG_FD_CLOEXEC);
}

/* Opens the events of a group that can be had; errno of the first failure in *error. */
static void open_group(wn_counters *c, int group, bool kernel_too, int *error) {
    c->leader[group] = -1;
    for (int i = 0; i < WN_COUNTER_COUNT; i++) {
        if (events[i].group != group)
            continue;
        int leader = c->leader[group];
        int fd = open_event(i, leader < 0 ? -1 : c->event[leader].fd, kernel_too);
        c->event[i].fd = fd;
        if (fd < 0) {
            *error = *error ? *error : errno;
            continue;
        }
        if (leader < 0)
            c->leader[group] = i;
        if (group == 0)
            continue;
        void *page = mmap(NULL, c->page_bytes, PROT_READ, MAP_SHARED, fd, 0);
        c->event[i].page = page == MAP_FAILED ? NULL : page;
    }
}

static void close_event(wn_counters *c, event *e) {
    if (e->page)
        munmap(e->page, c->page_bytes);
    if (e->fd >= 0)
        close(e->fd);
    *e = (event){.fd = -1};
}

/* perf_event_paranoid; a large number when it cannot be read. */
static int paranoia(void) {
    long level;
    return wn_system_number("", "/proc/sys/kernel/perf_event_paranoid", &level) ? (int)level : 99;
}

/* Why events are missing, and who could change that. */
static void explain(wn_counters *c, int error) {
    int missing = 0, first = 0;
    for (int i = WN_COUNTER_COUNT - 1; i >= WN_COUNTER_FIRST_HARDWARE; i--)
        if (c->event[i].fd < 0) {
            missing++;
            first = i;
        }
    if (missing == 0)
        return;
    bool all = missing == WN_COUNTER_COUNT - WN_COUNTER_FIRST_HARDWARE;
    const char *some = all ? "" : "some ";
    int level = paranoia();
    if ((error == EACCES || error == EPERM) && level > 2)
        snprintf(c->note, sizeof c->note,
                 "%shardware counters are not allowed: kernel.perf_event_paranoid is %d; 2 or CAP_PERFMON "
                 "would do",
                 some, level);
    else if (error == EACCES || error == EPERM)
        snprintf(
            c->note, sizeof c->note,
            "%shardware counters are not allowed: a container's or sandbox's filter refuses perf_event_open",
            some);
    else if (error == ENOENT || error == EOPNOTSUPP || error == ENODEV)
        snprintf(c->note, sizeof c->note, "%shardware counters are missing (%s): %s", some,
                 events[first].name,
                 all ? "a virtual machine has them only where its host passes on a virtual PMU"
                     : "this CPU or its kernel does not know them");
    else
        snprintf(c->note, sizeof c->note, "%shardware counters are missing: perf_event_open: %s", some,
                 strerror(error));
}

static void start_group(const wn_counters *c, int group) {
    if (c->leader[group] < 0)
        return;
    int fd = c->event[c->leader[group]].fd;
    ioctl(fd, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

static uint64_t thread_nanoseconds(void) {
    struct timespec cpu;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
}

wn_status wn_counters_open(wn_counters **counters) {
    wn_counters *c = calloc(1, sizeof *c);
    *counters = c;
    if (!c)
        return wn_error(WN_ERROR_MEMORY, "no memory for performance counters");
    c->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    int error = 0;
    open_group(c, 0, true, &error);
    c->kernel_too = c->leader[0] >= 0;
    if (!c->kernel_too)
        open_group(c, 0, false, &error);
    error = 0;
    for (int group = 1; group < GROUPS; group++)
        open_group(c, group, false, &error);
    explain(c, error);
    getrusage(RUSAGE_THREAD, &c->usage_at_open);
    c->cpu_at_open = thread_nanoseconds();
    for (int group = 0; group < GROUPS; group++)
        start_group(c, group);
    return wn_ok();
}

void wn_counters_close(wn_counters *c) {
    if (!c)
        return;
    for (int i = WN_COUNTER_COUNT - 1; i >= 0; i--)
        close_event(c, &c->event[i]);
    free(c);
}

static void set_reading(wn_counter_readings *readings, int counter, wn_counter_reading reading) {
    readings->event[counter] = reading;
    readings->counted[counter] = true;
}

/* By read(): one system call for the whole group. */
static void read_group(const wn_counters *c, int group, wn_counter_readings *readings) {
    struct {
        uint64_t count, enabled, running, value[WN_COUNTER_COUNT];
    } record;
    ssize_t bytes = read(c->event[c->leader[group]].fd, &record, sizeof record);
    if (bytes < (ssize_t)(3 * sizeof(uint64_t)) || bytes < (ssize_t)((3 + record.count) * sizeof(uint64_t)))
        return;
    uint64_t place = 0; /* events come in the order they joined the group */
    for (int i = 0; i < WN_COUNTER_COUNT && place < record.count; i++)
        if (events[i].group == group && c->event[i].fd >= 0)
            set_reading(readings, i,
                        (wn_counter_reading){record.value[place++], record.enabled, record.running});
}

/* Without a system call, if every event of the group can be read so. */
static bool read_pages(const wn_counters *c, int group, wn_counter_readings *readings) {
    wn_counter_reading reading;
    for (int i = 0; i < WN_COUNTER_COUNT; i++) {
        if (events[i].group != group || c->event[i].fd < 0)
            continue;
        if (!c->event[i].page ||
            !wn_counter_page_read(c->event[i].page, &wn_counter_instructions_native, &reading))
            return false;
        set_reading(readings, i, reading);
    }
    return true;
}

/* Where perf may not look into the kernel it does not see switches, which happen there, and sees page faults
 * of user code alone: the thread's resource usage knows both. */
static void read_usage(const wn_counters *c, wn_counter_readings *readings) {
    struct rusage now;
    const struct rusage *then = &c->usage_at_open;
    getrusage(RUSAGE_THREAD, &now);
    long faults = now.ru_minflt - then->ru_minflt + now.ru_majflt - then->ru_majflt;
    long switches = now.ru_nvcsw - then->ru_nvcsw + now.ru_nivcsw - then->ru_nivcsw;
    set_reading(readings, WN_COUNTER_PAGE_FAULTS, (wn_counter_reading){.count = (uint64_t)faults});
    set_reading(readings, WN_COUNTER_CONTEXT_SWITCHES, (wn_counter_reading){.count = (uint64_t)switches});
    readings->counted[WN_COUNTER_MIGRATIONS] = false;
    if (c->leader[0] < 0)
        set_reading(readings, WN_COUNTER_TASK_CLOCK,
                    (wn_counter_reading){.count = thread_nanoseconds() - c->cpu_at_open});
}

void wn_counters_read(const wn_counters *c, wn_counter_readings *readings) {
    *readings = (wn_counter_readings){.counted = {false}};
    for (int group = 0; group < GROUPS; group++)
        if (c->leader[group] >= 0 && (group == 0 || !read_pages(c, group, readings)))
            read_group(c, group, readings);
    if (!c->kernel_too)
        read_usage(c, readings);
}

/* The share of time between two readings for which an event had a counter. Times that stand still were not
 * updated by the kernel, which does that whenever it takes a counter away. */
static double share_between(const wn_counter_reading *begin, const wn_counter_reading *end) {
    double enabled = (double)(end->enabled - begin->enabled);
    return enabled > 0 ? (double)(end->running - begin->running) / enabled : 1;
}

wn_counter_values wn_counters_between(const wn_counter_readings *begin, const wn_counter_readings *end) {
    wn_counter_values passed = {.running = (double)NAN};
    for (int i = 0; i < WN_COUNTER_COUNT; i++) {
        const wn_counter_reading *from = &begin->event[i], *to = &end->event[i];
        passed.value[i] = (double)NAN;
        if (!begin->counted[i] || !end->counted[i])
            continue;
        double share = share_between(from, to);
        if (share > 0)
            passed.value[i] = (double)(to->count - from->count) / share;
        if (i >= WN_COUNTER_FIRST_HARDWARE)
            passed.running = fmin(passed.running, share); /* of NAN and a number: the number */
    }
    return passed;
}

bool wn_counters_in_user_space(const wn_counters *c) {
    wn_counter_readings readings;
    bool any = false;
    for (int group = 1; group < GROUPS; group++)
        if (c->leader[group] >= 0) {
            if (!read_pages(c, group, &readings))
                return false;
            any = true;
        }
    return any;
}

const char *wn_counters_note(const wn_counters *c) {
    return c->note;
}
