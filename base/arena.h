/* One mapped block of memory: 64-byte aligned (page aligned in fact), huge pages where the system gives
 * them, touched before use so that nothing faults later. */
#ifndef WN_ARENA_H
#define WN_ARENA_H

#include <stddef.h>
#include <winnow/status.h>

typedef struct wn_arena {
    void *base;
    size_t bytes; /* as mapped: rounded up to whole pages */
} wn_arena;

/* Bytes that this process may have where that is less than the machine has (a control group's limit); 0, as
 * at first: no such limit. For the arenas mapped from now on. */
void wn_arena_set_limit(size_t bytes);

/* Maps `bytes` (0 gives an empty arena with base NULL), advises huge pages, touches every page; the memory
 * is zero. Errors: MEMORY with the size, also for more than the machine or the limit has. */
wn_status wn_arena_map(size_t bytes, wn_arena *arena);

/* Unmaps and empties. An empty arena is fine. */
void wn_arena_unmap(wn_arena *arena);

/* bytes rounded up to a multiple of 64. */
static inline size_t wn_align64(size_t bytes) {
    return (bytes + 63) & ~(size_t)63;
}

/* Heap memory aligned to 64 bytes, zeroed; free() releases it. NULL when out of memory. */
void *wn_calloc64(size_t bytes);

#endif
