/* Prices of asking: a system call that does nothing, the clock, a performance counter. */
#include "bypass.h"
#include "clock.h"
#include "counter_page.h"
#include "counters.h"
#include <immintrin.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Seconds of a loop around a statement, which must not be optimised away. */
#define TIME_LOOP(events, statement)                                                                         \
    ({                                                                                                       \
        double begin = wn_seconds();                                                                         \
        for (long i = 0; i < (events); i++) {                                                                \
            statement;                                                                                       \
        }                                                                                                    \
        wn_seconds() - begin;                                                                                \
    })

static volatile uint64_t sink;

static double run_getppid(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return TIME_LOOP(events, syscall(SYS_getppid));
}

__attribute__((noinline)) static uint64_t function(uint64_t x) {
    __asm__ volatile("" : "+r"(x));
    return x + 1;
}

static double run_function(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    uint64_t x = 0;
    double seconds = TIME_LOOP(events, x = function(x));
    sink = x;
    return seconds;
}

static double count_phases(const wn_bypass_step *step) {
    return step->barriers;
}

const wn_bypass_item wn_bypass_call = {
    .name = "entering the kernel",
    .event = "call",
    .per_step_rule = "if every phase of the tape made one",
    .per_step = count_phases,
    .ways = {{.name = "getppid, which does nothing", .kernel = true, .run = run_getppid},
             {.name = "a function call", .run = run_function}}};

static double run_clock_call(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    struct timespec now;
    return TIME_LOOP(events, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now));
}

static double run_clock_vdso(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    int64_t sum = 0;
    double seconds = TIME_LOOP(events, sum += wn_nanoseconds());
    sink = (uint64_t)sum;
    return seconds;
}

static wn_status open_tsc(const wn_bypass *bypass, void **state) {
    (void)bypass;
    double *per_tick = malloc(sizeof *per_tick);
    if (!per_tick)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    int64_t begin = wn_nanoseconds();
    uint64_t ticks = __rdtsc();
    while (wn_nanoseconds() - begin < 2000000)
        ;
    *per_tick = (double)(wn_nanoseconds() - begin) / (double)(__rdtsc() - ticks);
    *state = per_tick;
    return wn_ok();
}

/* Each reading is turned into nanoseconds, as a user of the counter has to. */
static double run_rdtsc(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    const double per_tick = *(double *)state;
    double sum = 0, seconds = TIME_LOOP(events, sum += (double)__rdtsc() * per_tick);
    sink = (uint64_t)sum;
    return seconds;
}

static double run_rdtscp(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    const double per_tick = *(double *)state;
    unsigned cpu;
    double sum = 0, seconds = TIME_LOOP(events, sum += (double)__rdtscp(&cpu) * per_tick);
    sink = (uint64_t)sum;
    return seconds;
}

static double count_timed_steps(const wn_bypass_step *step) {
    return step->steps + 1;
}

const wn_bypass_item wn_bypass_clock = {
    .name = "clock",
    .event = "reading",
    .per_step_rule = "where every step of the tape is timed, as winnow bench does",
    .per_step = count_timed_steps,
    .ways = {{.name = "clock_gettime, as a system call", .kernel = true, .run = run_clock_call},
             {.name = "clock_gettime, vDSO", .run = run_clock_vdso},
             {.name = "rdtsc, calibrated", .open = open_tsc, .run = run_rdtsc, .close = free},
             {.name = "rdtscp, calibrated", .open = open_tsc, .run = run_rdtscp, .close = free}}};

typedef struct perf_event {
    int fd;
    struct perf_event_mmap_page *page;
} perf_event;

static void close_event(void *state) {
    perf_event *event = state;
    if (event->page)
        munmap(event->page, (size_t)sysconf(_SC_PAGESIZE));
    close(event->fd);
    free(event);
}

static wn_status open_event(uint32_t type, uint64_t config, const char *missing, void **state) {
    struct perf_event_attr attributes = {
        .type = type, .size = sizeof attributes, .config = config, .exclude_kernel = 1, .exclude_hv = 1};
    int fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s", missing);
    perf_event *event = malloc(sizeof *event);
    if (!event) {
        close(fd);
        return wn_error(WN_ERROR_MEMORY, "no memory");
    }
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, fd, 0);
    *event = (perf_event){fd, page == MAP_FAILED ? NULL : page};
    *state = event;
    return wn_ok();
}

static wn_status open_software(const wn_bypass *bypass, void **state) {
    (void)bypass;
    return open_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, "perf_event_open is refused here", state);
}

/* Says why in the words of the counters themselves. */
static wn_status open_hardware(const wn_bypass *bypass, void **state) {
    (void)bypass;
    wn_counters *counters;
    WN_TRY(wn_counters_open(&counters));
    wn_status status =
        open_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, wn_counters_note(counters), state);
    wn_counters_close(counters);
    return status;
}

static wn_status open_page(const wn_bypass *bypass, void **state) {
    WN_TRY(open_hardware(bypass, state));
    const perf_event *event = *state;
    wn_counter_reading reading;
    if (event->page && wn_counter_page_read(event->page, &wn_counter_instructions_native, &reading))
        return wn_ok();
    close_event(*state);
    return wn_error(WN_ERROR_UNSUPPORTED, "the kernel does not allow rdpmc (/sys/devices/cpu/rdpmc)");
}

static double run_read(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    const perf_event *event = state;
    uint64_t value = 0;
    double seconds = TIME_LOOP(events, (void)!read(event->fd, &value, sizeof value));
    sink = value;
    return seconds;
}

static double run_page(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    const perf_event *event = state;
    wn_counter_reading reading = {0};
    double seconds =
        TIME_LOOP(events, wn_counter_page_read(event->page, &wn_counter_instructions_native, &reading));
    sink = reading.count;
    return seconds;
}

static double run_rusage(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    struct rusage usage;
    return TIME_LOOP(events, getrusage(RUSAGE_THREAD, &usage));
}

const wn_bypass_item wn_bypass_counter = {
    .name = "performance counter",
    .event = "reading",
    .per_step_rule = "where a counter is read around every step of the tape",
    .per_step = count_timed_steps,
    .ways = {
        {.name = "read(), hardware event",
         .kernel = true,
         .open = open_hardware,
         .run = run_read,
         .close = close_event},
        {.name = "read(), software event",
         .kernel = true,
         .open = open_software,
         .run = run_read,
         .close = close_event},
        {.name = "getrusage", .kernel = true, .run = run_rusage},
        {.name = "rdpmc through the mapped page", .open = open_page, .run = run_page, .close = close_event}}};
