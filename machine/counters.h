/* What the calling thread did, in events: perf's hardware counters in groups, and software events. Hardware
 * counters are missing on many virtual machines; their values are NAN then, never 0. */
#ifndef WN_COUNTERS_H
#define WN_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/status.h>

/* Software events first; every machine has them. Hardware events follow in groups that are counted together.
 */
typedef enum wn_counter {
    WN_COUNTER_TASK_CLOCK, /* nanoseconds on a CPU */
    WN_COUNTER_PAGE_FAULTS,
    WN_COUNTER_CONTEXT_SWITCHES,
    WN_COUNTER_MIGRATIONS, /* to another CPU */
    WN_COUNTER_CYCLES,
    WN_COUNTER_INSTRUCTIONS,
    WN_COUNTER_BRANCHES,
    WN_COUNTER_BRANCH_MISSES,
    WN_COUNTER_L1D_LOADS,
    WN_COUNTER_L1D_MISSES,
    WN_COUNTER_LLC_REFERENCES,
    WN_COUNTER_LLC_MISSES,
    WN_COUNTER_DTLB_MISSES,
    WN_COUNTER_COUNT
} wn_counter;

enum { WN_COUNTER_FIRST_HARDWARE = WN_COUNTER_CYCLES };

/* perf's name: "task-clock", "L1-dcache-load-misses". */
const char *wn_counter_name(wn_counter counter);

/* What an event says since the opening: the raw count, and for how long it was wanted and for how long it had
 * a counter. */
typedef struct wn_counter_reading {
    uint64_t count;
    uint64_t enabled, running; /* nanoseconds; both stand still where nobody takes the counter away */
} wn_counter_reading;

/* All of them at one moment. */
typedef struct wn_counter_readings {
    wn_counter_reading event[WN_COUNTER_COUNT];
    bool counted[WN_COUNTER_COUNT]; /* false: not here */
} wn_counter_readings;

/* What happened between two moments. */
typedef struct wn_counter_values {
    double value[WN_COUNTER_COUNT]; /* scaled by enabled / running time; NAN: not counted */
    double running; /* the smallest share of time a hardware group was counted; NAN without any */
} wn_counter_values;

/* The events of one thread: opened, read and closed by it alone. */
typedef struct wn_counters wn_counters;

/* Opens what the machine offers, counting from now on; that hardware events are missing is no error. What the
 * kernel does on behalf of the thread is counted where perf_event_paranoid (or root) allows it. Errors:
 * MEMORY. */
wn_status wn_counters_open(wn_counters **counters);
void wn_counters_close(wn_counters *counters); /* NULL is fine */

/* Readings since the opening. No system call for a hardware event that has a counter of its own where the
 * kernel allows rdpmc; one per group otherwise, and for the software events. */
void wn_counters_read(const wn_counters *counters, wn_counter_readings *readings);

/* What both readings count, as it would be had every event had a counter all the time between them: counts x
 * enabled / running, each the difference of the two. An event that had none then has no value. */
wn_counter_values wn_counters_between(const wn_counter_readings *begin, const wn_counter_readings *end);

/* The hardware events are read from user space (as far as known now). */
bool wn_counters_in_user_space(const wn_counters *counters);

/* One line: why hardware cells are empty and what would fill them; empty when all are there. */
const char *wn_counters_note(const wn_counters *counters);

#endif
