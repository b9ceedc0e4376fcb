/* Counters: the page protocol on a page made by hand, and the events of this machine, allowed or not. */
#include "check.h"
#include "counter_page.h"
#include "counters.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A machine made by hand: what rdpmc and rdtsc give, and what the kernel does to the page meanwhile. */
static struct perf_event_mmap_page page;
static uint64_t counter_value, clock_value;
static uint32_t counter_index;
static int disturbances, counter_reads;

static uint64_t read_counter(uint32_t index) {
    counter_index = index;
    counter_reads++;
    if (disturbances >
        0) { /* the thread was switched out and in: another counter, the old count in the offset */
        disturbances--;
        page.lock++;
        page.offset += 1000;
        page.index++;
        return 12345; /* of a counter that belongs to somebody else now */
    }
    return counter_value;
}

static uint64_t read_clock(void) {
    return clock_value;
}

static const wn_counter_instructions by_hand = {read_counter, read_clock};

static void reset_page(void) {
    page = (struct perf_event_mmap_page){.lock = 2, .index = 3, .offset = 1000, .pmc_width = 48};
    page.cap_user_rdpmc = 1;
    counter_value = 0;
    disturbances = counter_reads = 0;
}

static void check_page_refusals(void) {
    wn_counter_reading reading;
    reset_page();
    page.cap_user_rdpmc = 0;
    CHECK(!wn_counter_page_read(&page, &by_hand, &reading), "read without permission");
    reset_page();
    page.index = 0;
    CHECK(!wn_counter_page_read(&page, &by_hand, &reading), "read an event that has no counter");
    CHECK(counter_reads == 0, "rdpmc was executed %d times, where it would have faulted", counter_reads);
}

static void check_page_counts(void) {
    static const struct {
        unsigned width;
        uint64_t value;
        int64_t offset;
        uint64_t expected;
    } cases[] = {
        {48, 5, 1000, 1005},
        {48, ((uint64_t)1 << 48) - 100, 1000, 900}, /* started below zero and has not overflowed yet */
        {48, (uint64_t)7 << 48 | 5, 1000, 1005},    /* bits above the width mean nothing */
        {40, ((uint64_t)1 << 40) - 1, 1, 0},
        {32, 0x7fffffff, 0, 0x7fffffff},
        {64, UINT64_MAX, 10, 9},
        {0, 42, 0, 42},
        {48, 1, INT64_C(1) << 60, (UINT64_C(1) << 60) + 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_counter_reading reading = {0};
        reset_page();
        page.pmc_width = (uint16_t)cases[i].width;
        page.offset = cases[i].offset;
        counter_value = cases[i].value;
        bool ok = wn_counter_page_read(&page, &by_hand, &reading);
        CHECK(ok && reading.count == cases[i].expected, "width %u: %" PRIu64 ", expected %" PRIu64,
              cases[i].width, reading.count, cases[i].expected);
        CHECK(counter_index == 2, "rdpmc of counter %u, expected 2: the page counts from 1", counter_index);
    }
}

/* A switch in the middle of a reading makes it start over. */
static void check_page_sequence(void) {
    wn_counter_reading reading = {0};
    reset_page();
    counter_value = 7;
    disturbances = 3;
    bool ok = wn_counter_page_read(&page, &by_hand, &reading);
    CHECK(ok && reading.count == 4007 && counter_reads == 4 && counter_index == 5,
          "count %" PRIu64 " after %d reads of counter %u, expected 4007 after 4 of 5", reading.count,
          counter_reads, counter_index);
}

static void check_page_times(void) {
    wn_counter_reading reading = {0};
    reset_page();
    page.time_enabled = 5000;
    page.time_running = 2000;
    wn_counter_page_read(&page, &by_hand, &reading);
    CHECK(reading.enabled == 5000 && reading.running == 2000, "%" PRIu64 " and %" PRIu64, reading.enabled,
          reading.running);
    /* 2.5 GHz for 50 days: 64 bits do not hold the product with the multiplier */
    page.cap_user_time = 1;
    page.time_shift = 31;
    page.time_mult = 858993459; /* 0.4 x 2^31 */
    clock_value = UINT64_C(2500000000) * 86400 * 50;
    uint64_t now = (uint64_t)((unsigned __int128)clock_value * page.time_mult >> 31);
    page.time_offset = 300 - now; /* the kernel updated the page 300 ns ago */
    wn_counter_page_read(&page, &by_hand, &reading);
    CHECK(llabs((long long)reading.enabled - 5300) <= 1 && llabs((long long)reading.running - 2300) <= 1,
          "%" PRIu64 " and %" PRIu64 ", expected 5300 and 2300", reading.enabled, reading.running);
    /* a clock of 32 bits that has wrapped since the update */
    page.cap_user_time_short = 1;
    page.time_mask = 0xffffffff;
    page.time_cycles = 0xfffffff0;
    clock_value = 0x10;
    page.time_shift = 0;
    page.time_mult = 1;
    page.time_offset = -(uint64_t)0xfffffff0;
    wn_counter_page_read(&page, &by_hand, &reading);
    CHECK(reading.enabled == 5032 && reading.running == 2032,
          "%" PRIu64 " and %" PRIu64 ", expected 32 more than the page says", reading.enabled,
          reading.running);
}

static wn_counter_values between(wn_counter_reading begin, wn_counter_reading end) {
    wn_counter_readings from = {.event[WN_COUNTER_CYCLES] = begin, .counted[WN_COUNTER_CYCLES] = true};
    wn_counter_readings to = {.event[WN_COUNTER_CYCLES] = end, .counted[WN_COUNTER_CYCLES] = true};
    return wn_counters_between(&from, &to);
}

/* What the kernel hands from event to event is scaled by its share between two readings, whatever it had
 * before. */
static void check_scaling(void) {
    static const struct {
        wn_counter_reading begin, end;
        double value, running;
    } cases[] = {
        {{50, 100, 50}, {50, 110, 50}, (double)NAN, 0}, /* had no counter in between */
        {{50, 100, 50}, {60, 110, 60}, 10, 1},          /* had one all the time */
        {{50, 100, 50}, {60, 110, 55}, 20, 0.5},
        {{0, 0, 0}, {100, 10, 5}, 200, 0.5},
        {{0, 100, 0}, {7, 110, 5}, 14, 0.5},  /* had none before */
        {{50, 100, 50}, {57, 100, 50}, 7, 1}, /* read without the times being updated */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_counter_values did = between(cases[i].begin, cases[i].end);
        double value = did.value[WN_COUNTER_CYCLES];
        CHECK(isnan(cases[i].value) ? isnan(value) : value == cases[i].value, "case %zu: %g, expected %g", i,
              value, cases[i].value);
        CHECK(did.running == cases[i].running, "case %zu: share %g, expected %g", i, did.running,
              cases[i].running);
        CHECK(isnan(did.value[WN_COUNTER_INSTRUCTIONS]), "case %zu: an event that is not counted", i);
    }
    wn_counter_readings none = {.counted = {false}};
    CHECK(isnan(wn_counters_between(&none, &none).running), "a share of no hardware event");
}

enum { PAGES = 300, SLEEPS = 3 };

/* Does what the software events count: touches pages, sleeps, computes. */
static void make_events(void) {
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, PAGES * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, PAGES * page_bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i++)
        ((volatile char *)memory)[i * page_bytes] = 1;
    munmap(memory, PAGES * page_bytes);
    for (int i = 0; i < SLEEPS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (volatile int i = 0; i < 1000000; i = i + 1)
        ;
}

static void check_events(const char *where, bool hardware_allowed) {
    wn_counters *counters;
    wn_counter_readings begin, end;
    wn_status status = wn_counters_open(&counters);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    wn_counters_read(counters, &begin);
    make_events();
    wn_counters_read(counters, &end);
    wn_counter_values did = wn_counters_between(&begin, &end);
    CHECK(did.value[WN_COUNTER_PAGE_FAULTS] >= PAGES && did.value[WN_COUNTER_PAGE_FAULTS] < 2 * PAGES,
          "%s: %g page faults, expected about %d", where, did.value[WN_COUNTER_PAGE_FAULTS], PAGES);
    CHECK(did.value[WN_COUNTER_CONTEXT_SWITCHES] >= SLEEPS, "%s: %g context switches, expected at least %d",
          where, did.value[WN_COUNTER_CONTEXT_SWITCHES], SLEEPS);
    CHECK(did.value[WN_COUNTER_TASK_CLOCK] > 1e4 && did.value[WN_COUNTER_TASK_CLOCK] < 60e9,
          "%s: %g ns on a CPU", where, did.value[WN_COUNTER_TASK_CLOCK]);
    bool missing = false;
    for (int i = WN_COUNTER_FIRST_HARDWARE; i < WN_COUNTER_COUNT; i++)
        missing |= isnan(did.value[i]);
    CHECK(missing == (wn_counters_note(counters)[0] != '\0') || !isnan(did.running),
          "%s: counters missing %d, note \"%s\"", where, missing, wn_counters_note(counters));
    CHECK(hardware_allowed || missing, "%s: hardware counters were had although they are refused", where);
    if (!isnan(did.value[WN_COUNTER_INSTRUCTIONS]))
        CHECK(did.value[WN_COUNTER_INSTRUCTIONS] >= 1e6, "%s: %g instructions in a loop of a million", where,
              did.value[WN_COUNTER_INSTRUCTIONS]);
    else
        CHECK(isnan(did.value[WN_COUNTER_CYCLES]) || missing, "%s: instructions alone are missing", where);
    printf("%s: %s; rdpmc %s\n", where, missing ? wn_counters_note(counters) : "all counters",
           wn_counters_in_user_space(counters) ? "used" : "not used");
    wn_counters_close(counters);
}

/* As many containers do it: perf_event_open fails. */
static void refuse_perf(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
              prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0,
          "no filter can be set");
    check_events("perf_event_open refused", false);
}

static void drop_privileges(void) {
    if (getuid() == 0 && setuid(65534) != 0)
        return;
    check_events("unprivileged", true);
}

static void in_child(void (*work)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        check_failed = 0;
        work();
        fflush(NULL);
        _exit(check_failed ? 1 : 0);
    }
    int state = -1;
    waitpid(child, &state, 0);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0, "the child process ended with %x", (unsigned)state);
}

int main(void) {
    check_page_refusals();
    check_page_counts();
    check_page_sequence();
    check_page_times();
    check_scaling();
    check_events("here", true);
    in_child(drop_privileges);
    in_child(refuse_perf);
    return check_finish("check_counters");
}
