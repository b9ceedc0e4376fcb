/* Reading a counter from user space: the protocol of perf's page that a thread maps to read its own events.
 * Opening events is counters.h's. */
#ifndef WN_COUNTER_PAGE_H
#define WN_COUNTER_PAGE_H

#include "counters.h"
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>

/* The two instructions behind it, so that tests can stand in for a machine that has none. */
typedef struct wn_counter_instructions {
    uint64_t (*read_counter)(uint32_t index); /* rdpmc */
    uint64_t (*read_clock)(void);             /* rdtsc */
} wn_counter_instructions;
extern const wn_counter_instructions wn_counter_instructions_native;

/* Reads the event, raw, without a system call. False where that is not possible now: the kernel does not
 * allow rdpmc (cap_user_rdpmc), or the event has no counter at this moment (index 0: multiplexed out, or not
 * a hardware event); then read() is the way. Only the thread the event belongs to may call it. Source:
 * linux/perf_event.h, "Bits needed to read the hw events in user-space". */
bool wn_counter_page_read(const volatile struct perf_event_mmap_page *page,
                          const wn_counter_instructions *instructions, wn_counter_reading *reading);

#endif
