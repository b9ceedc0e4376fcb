/* Mapping and touching one block of memory. Who lies where in it is the memory planner's business. */
#include "arena.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20 };

/* Maps `bytes` at an address that is a multiple of the huge page size: kernels before 6.7 do not align large
 * mappings themselves, and then the first and the last huge page are lost. */
static void *map_aligned(size_t bytes) {
    char *block = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return MAP_FAILED;
    size_t head = -(uintptr_t)block & (HUGE_PAGE - 1);
    if (head > 0)
        munmap(block, head);
    munmap(block + head + bytes, HUGE_PAGE - head);
    return block + head;
}

static double gibibytes(size_t bytes) {
    return (double)bytes / (1 << 30);
}

static _Atomic size_t limit;

void wn_arena_set_limit(size_t bytes) {
    limit = bytes;
}

wn_status wn_arena_map(size_t bytes, wn_arena *arena) {
    *arena = (wn_arena){0};
    if (bytes == 0)
        return wn_ok();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* A system that overcommits would say yes to more, and end the process when it is touched. */
    size_t installed = (size_t)sysconf(_SC_PHYS_PAGES) * page, allowed = limit;
    if (bytes > installed)
        return wn_error(WN_ERROR_MEMORY, "cannot map %zu bytes (%.1f GiB): this machine has %.1f GiB", bytes,
                        gibibytes(bytes), gibibytes(installed));
    if (allowed && bytes > allowed)
        return wn_error(WN_ERROR_MEMORY,
                        "cannot map %zu bytes (%.1f GiB): the control group's limit is %.1f GiB", bytes,
                        gibibytes(bytes), gibibytes(allowed));
    size_t mapped = (bytes + page - 1) & ~(page - 1);
    char *base = map_aligned(mapped);
    if (base == MAP_FAILED)
        return wn_error(WN_ERROR_MEMORY, "cannot map %zu bytes (%.1f GiB): the system refuses", bytes,
                        gibibytes(bytes));
    madvise(base, mapped, MADV_HUGEPAGE); /* advice only: small pages do as well */
    for (size_t at = 0; at < mapped; at += page)
        *(volatile char *)(base + at) = 0;
    *arena = (wn_arena){.base = base, .bytes = mapped};
    return wn_ok();
}

void wn_arena_unmap(wn_arena *arena) {
    if (arena->base)
        munmap(arena->base, arena->bytes);
    *arena = (wn_arena){0};
}

void *wn_calloc64(size_t bytes) {
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t rounded = wn_align64(bytes > 0 ? bytes : 1);
    void *memory = aligned_alloc(64, rounded);
    if (memory)
        memset(memory, 0, rounded);
    return memory;
}
