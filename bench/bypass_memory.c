/* Prices of memory: the first touch of a page, walking over pages, a block of memory for a tensor. */
#include "arena.h"
#include "bypass.h"
#include "clock.h"
#include "system_files.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20, TOUCHED_PAGES = 4096, WALKED_BYTES = 256 << 20 };

typedef enum pages { SMALL_PAGES, HUGE_PAGES, RESERVED_PAGES } pages;

static const char none_reserved[] =
    "no huge pages are reserved: sysctl vm.nr_hugepages=160 (or hugepages=160 at boot)";

/* Maps memory aligned to huge pages; nothing is touched, unless it is reserved memory or populated. */
static char *map_pages(size_t bytes, pages kind, int flags) {
    int more = kind == RESERVED_PAGES ? MAP_HUGETLB : 0;
    size_t spare = kind == RESERVED_PAGES ? 0 : HUGE_PAGE;
    char *block =
        mmap(NULL, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
    size_t head = -(uintptr_t)block & (HUGE_PAGE - 1);
    if (spare && head)
        munmap(block, head);
    if (spare && spare > head)
        munmap(block + head + bytes, spare - head);
    if (spare) {
        block += head;
        madvise(block, bytes, kind == HUGE_PAGES ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    }
    if (flags & MAP_POPULATE)
        madvise(block, bytes, MADV_POPULATE_WRITE);
    return block;
}

static void touch(char *block, long pages_count) {
    for (long i = 0; i < pages_count; i++)
        ((volatile char *)block)[i * PAGE] = 1;
}

/* Mapping, touching every page and unmapping: what a block that is allocated anew costs. */
static double run_touch(long events, pages kind, int flags) {
    size_t bytes = (size_t)events * PAGE;
    double begin = wn_seconds();
    char *block = map_pages(bytes, kind, flags);
    if (block) {
        touch(block, events);
        munmap(block, bytes);
    }
    return wn_seconds() - begin;
}

static double run_small(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_touch(events, SMALL_PAGES, 0);
}

static double run_populated(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_touch(events, SMALL_PAGES, MAP_POPULATE);
}

static double run_huge(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_touch(events, HUGE_PAGES, 0);
}

static double run_reserved(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_touch(events, RESERVED_PAGES, 0);
}

/* The kernel's word for pages it made huge in this process; false where it made none. */
static bool has_huge_pages(void) {
    char text[64];
    return wn_system_field("", "/proc/self/smaps_rollup", "AnonHugePages", text, sizeof text) &&
           strtol(text, NULL, 10) > 0;
}

static wn_status need_huge_pages(const wn_bypass *bypass, void **state) {
    (void)bypass, (void)state;
    char *block = map_pages(4 * HUGE_PAGE, HUGE_PAGES, 0);
    if (!block)
        return wn_error(WN_ERROR_UNSUPPORTED, "no memory");
    touch(block, 4 * HUGE_PAGE / PAGE);
    bool given = has_huge_pages();
    munmap(block, 4 * HUGE_PAGE);
    return given ? wn_ok()
                 : wn_error(WN_ERROR_UNSUPPORTED,
                            "the kernel gives no transparent huge pages "
                            "(/sys/kernel/mm/transparent_hugepage/enabled), or /proc is not mounted");
}

static wn_status need_populating(const wn_bypass *bypass, void **state) {
    (void)bypass, (void)state;
    char *block = map_pages(PAGE, SMALL_PAGES, 0);
    if (!block)
        return wn_error(WN_ERROR_UNSUPPORTED, "no memory");
    int refused = madvise(block, PAGE, MADV_POPULATE_WRITE);
    munmap(block, PAGE);
    return refused ? wn_error(WN_ERROR_UNSUPPORTED,
                              "the kernel refuses MADV_POPULATE_WRITE, which it has from Linux 5.14 on")
                   : wn_ok();
}

static wn_status need_reserved(const wn_bypass *bypass, void **state) {
    (void)bypass, (void)state;
    char *block = map_pages((size_t)TOUCHED_PAGES * PAGE, RESERVED_PAGES, 0);
    if (!block)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s", none_reserved);
    munmap(block, (size_t)TOUCHED_PAGES * PAGE);
    return wn_ok();
}

static wn_status open_arena(const wn_bypass *bypass, void **state) {
    (void)bypass;
    wn_arena *arena = malloc(sizeof *arena);
    if (!arena)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    wn_status status = wn_arena_map((size_t)TOUCHED_PAGES * PAGE, arena);
    *state = arena;
    if (wn_failed(status))
        free(arena);
    return status;
}

static void close_arena(void *state) {
    wn_arena_unmap(state);
    free(state);
}

static double run_arena(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    wn_arena *arena = state;
    double begin = wn_seconds();
    touch(arena->base, events);
    return wn_seconds() - begin;
}

static double count_buffer_pages(const wn_bypass_step *step) {
    return step->buffer_bytes / PAGE;
}

const wn_bypass_item wn_bypass_touch = {
    .name = "first touch of memory",
    .event = "page of 4 KiB",
    .per_step_rule = "if every buffer of the step were mapped anew",
    .per_step = count_buffer_pages,
    .events = TOUCHED_PAGES,
    .ways = {
        {.name = "page fault for 4 KiB", .kernel = true, .run = run_small},
        {.name = "mapped populated, 4 KiB pages",
         .kernel = true,
         .open = need_populating,
         .run = run_populated},
        {.name = "transparent huge pages", .kernel = true, .open = need_huge_pages, .run = run_huge},
        {.name = "reserved huge pages", .kernel = true, .open = need_reserved, .run = run_reserved},
        {.name = "the arena, touched before", .open = open_arena, .run = run_arena, .close = close_arena}}};

/* A chain through all pages in random order, one line of each, so that what is waited for is the translation
 * (and a line of memory, the same for all). */
typedef struct chain {
    char *block;
    void **at;
} chain;

static wn_status open_chain(pages kind, void **state) {
    enum { COUNT = WALKED_BYTES / PAGE };
    chain *c = malloc(sizeof *c);
    uint32_t *order = malloc(COUNT * sizeof *order);
    char *block = c && order ? map_pages(WALKED_BYTES, kind, 0) : NULL;
    if (!block) {
        free(c);
        free(order);
        return wn_error(WN_ERROR_UNSUPPORTED, "%s", kind == RESERVED_PAGES ? none_reserved : "no memory");
    }
    for (uint32_t i = 0; i < COUNT; i++)
        order[i] = i;
    uint64_t random = 1;
    for (uint32_t i = COUNT - 1; i > 0; i--) { /* Sattolo: one cycle */
        random = random * 6364136223846793005U + 1442695040888963407U;
        uint32_t j = (uint32_t)(random >> 33) % i, other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t from = order[i], to = order[(i + 1) % COUNT];
        *(void **)(block + (size_t)from * PAGE + from % 64 * 64) = block + (size_t)to * PAGE + to % 64 * 64;
    }
    *c = (chain){block, (void **)block};
    free(order);
    *state = c;
    return wn_ok();
}

static wn_status open_small_chain(const wn_bypass *bypass, void **state) {
    (void)bypass;
    return open_chain(SMALL_PAGES, state);
}

static wn_status open_huge_chain(const wn_bypass *bypass, void **state) {
    WN_TRY(need_huge_pages(bypass, state));
    return open_chain(HUGE_PAGES, state);
}

static wn_status open_reserved_chain(const wn_bypass *bypass, void **state) {
    (void)bypass;
    return open_chain(RESERVED_PAGES, state);
}

static void close_chain(void *state) {
    chain *c = state;
    munmap(c->block, WALKED_BYTES);
    free(c);
}

static double run_chain(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    chain *c = state;
    void **at = c->at;
    double begin = wn_seconds();
    for (long i = 0; i < events; i++)
        at = *at;
    double seconds = wn_seconds() - begin;
    c->at = at;
    return seconds;
}

static double count_moved_pages(const wn_bypass_step *step) {
    return step->moved_bytes / PAGE;
}

const wn_bypass_item wn_bypass_walk = {
    .name = "walking over 256 MiB in random order of pages",
    .event = "load from another page",
    .per_step_rule =
        "if each 4 KiB of operands were waited for once: an upper bound, prefetching hides most of it",
    .per_step = count_moved_pages,
    .ways = {
        {.name = "4 KiB pages", .open = open_small_chain, .run = run_chain, .close = close_chain},
        {.name = "transparent huge pages", .open = open_huge_chain, .run = run_chain, .close = close_chain},
        {.name = "reserved huge pages",
         .open = open_reserved_chain,
         .run = run_chain,
         .close = close_chain}}};

/* A block for a tensor of the step's average size, written page by page as a kernel does, and given back. */
static size_t tensor_bytes(const wn_bypass *bypass) {
    return (size_t)(bypass->step.buffer_bytes / bypass->step.buffers) + 64;
}

static double run_malloc(const wn_bypass *bypass, void *state, long events) {
    (void)state;
    size_t bytes = tensor_bytes(bypass);
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        char *block = malloc(bytes);
        if (block)
            touch(block, (long)(bytes / PAGE));
        free(block);
    }
    return wn_seconds() - begin;
}

/* What malloc does above its threshold as long as nothing has been freed that would raise it. */
static double run_mapping(const wn_bypass *bypass, void *state, long events) {
    (void)state;
    size_t bytes = tensor_bytes(bypass);
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            continue;
        touch(block, (long)(bytes / PAGE));
        munmap(block, bytes);
    }
    return wn_seconds() - begin;
}

static wn_status open_tensor(const wn_bypass *bypass, void **state) {
    wn_arena *arena = malloc(sizeof *arena);
    if (!arena)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    wn_status status = wn_arena_map(tensor_bytes(bypass), arena);
    *state = arena;
    if (wn_failed(status))
        free(arena);
    return status;
}

static double run_placed(const wn_bypass *bypass, void *state, long events) {
    wn_arena *arena = state;
    size_t bytes = tensor_bytes(bypass);
    double begin = wn_seconds();
    for (long i = 0; i < events; i++)
        touch(arena->base, (long)(bytes / PAGE));
    return wn_seconds() - begin;
}

static double count_buffers(const wn_bypass_step *step) {
    return step->buffers;
}

const wn_bypass_item wn_bypass_allocation = {
    .name = "memory for a tensor of average size",
    .event = "tensor, touched page by page",
    .per_step_rule = "one for every buffer of the tape",
    .per_step = count_buffers,
    .ways = {{.name = "mmap, munmap (malloc's first way)", .kernel = true, .run = run_mapping},
             {.name = "malloc and free, default thresholds", .kernel = true, .run = run_malloc},
             {.name = "a place in the arena", .open = open_tensor, .run = run_placed, .close = close_arena}}};
