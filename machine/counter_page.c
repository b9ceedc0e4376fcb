/* The user-space side of perf's page: a sequence lock around an offset and the number of a hardware counter.
 */
#include "counter_page.h"
#include <stdatomic.h>
#include <x86intrin.h>

static uint64_t native_counter(uint32_t index) {
    return (uint64_t)__rdpmc((int)index);
}

static uint64_t native_clock(void) {
    return __rdtsc();
}

const wn_counter_instructions wn_counter_instructions_native = {native_counter, native_clock};

/* Sign-extended from the counter's width: the kernel's offset assumes that it counts up from below zero. */
static int64_t extended(uint64_t value, unsigned width) {
    unsigned unused = width >= 1 && width < 64 ? 64 - width : 0;
    return (int64_t)(value << unused) >> unused;
}

/* Nanoseconds since the kernel last updated the page. The remainder is multiplied on its own, since the
 * product of the whole would overflow. */
static uint64_t passed(const volatile struct perf_event_mmap_page *page, uint64_t clock) {
    unsigned shift = page->time_shift & 63;
    if (page->cap_user_time_short)
        clock = page->time_cycles + ((clock - page->time_cycles) & page->time_mask);
    uint64_t whole = clock >> shift, rest = clock & (((uint64_t)1 << shift) - 1);
    return page->time_offset + whole * page->time_mult + (rest * page->time_mult >> shift);
}

bool wn_counter_page_read(const volatile struct perf_event_mmap_page *page,
                          const wn_counter_instructions *instructions, wn_counter_reading *reading) {
    uint32_t sequence;
    do {
        sequence = page->lock;
        atomic_signal_fence(
            memory_order_seq_cst); /* the kernel writes on this CPU alone: only the compiler reorders */
        uint32_t index = page->index;
        if (!page->cap_user_rdpmc || index == 0)
            return false;
        *reading = (wn_counter_reading){.enabled = page->time_enabled, .running = page->time_running};
        if (page->cap_user_time) {
            uint64_t since = passed(page, instructions->read_clock());
            reading->enabled += since;
            reading->running += since; /* it has a counter now */
        }
        reading->count = (uint64_t)page->offset +
                         (uint64_t)extended(instructions->read_counter(index - 1), page->pmc_width);
        atomic_signal_fence(memory_order_seq_cst);
    } while (page->lock != sequence);
    return true;
}
