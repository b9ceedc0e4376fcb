/* Buffers between inaccessible pages, for code under test: what reads or writes before the first or behind
 * the last byte stops the program at once. A buffer touches one of the two pages; on its other side it has
 * canaries that show what was written there. */
#ifndef WN_FENCES_H
#define WN_FENCES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory between two pages, kept for the next buffer. Zeroed: nothing yet. */
typedef struct fence {
    char *base;
    size_t room;
} fence;

/* Which page the buffer touches: the one before it, or the one behind it. */
typedef enum fence_edge { FENCE_START, FENCE_END } fence_edge;

enum { FENCE_CANARY = 256, FENCE_ALIGNMENT = 64, FENCE_BYTE = 0xa5 };

static inline void fence_grow(fence *f, size_t bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (bytes + FENCE_CANARY + FENCE_ALIGNMENT + page - 1) / page * page;
    if (room <= f->room)
        return;
    if (f->base)
        munmap(f->base - page, f->room + 2 * page);
    char *map = mmap(NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + page, room, PROT_READ | PROT_WRITE) != 0) {
        perror("fences");
        exit(1);
    }
    *f = (fence){map + page, room};
}

/* Canaries of a buffer: [*begin, *end) before it and behind it. Behind a buffer at the end these are the few
 * bytes that alignment leaves. */
static inline void fence_canaries(const fence *f, const char *buffer, size_t bytes, const char *begin[2],
                                  const char *end[2]) {
    const char *top = f->base + f->room;
    begin[0] = buffer - f->base > FENCE_CANARY ? buffer - FENCE_CANARY : f->base;
    end[0] = buffer;
    begin[1] = buffer + bytes;
    end[1] = top - begin[1] > FENCE_CANARY ? begin[1] + FENCE_CANARY : top;
}

/* A buffer of `bytes`, aligned to 64; its contents mean nothing. It ends the life of the one before. */
static inline void *fence_place(fence *f, size_t bytes, fence_edge edge) {
    fence_grow(f, bytes);
    char *buffer =
        edge == FENCE_START ? f->base : f->base + (f->room - bytes) / FENCE_ALIGNMENT * FENCE_ALIGNMENT;
    const char *begin[2], *end[2];
    fence_canaries(f, buffer, bytes, begin, end);
    for (int side = 0; side < 2; side++)
        memset(f->base + (begin[side] - f->base), FENCE_BYTE, (size_t)(end[side] - begin[side]));
    return buffer;
}

/* Whether nothing was written beside the buffer. */
static inline bool fence_is_whole(const fence *f, const void *buffer, size_t bytes) {
    const char *begin[2], *end[2];
    fence_canaries(f, buffer, bytes, begin, end);
    for (int side = 0; side < 2; side++)
        for (const char *at = begin[side]; at < end[side]; at++)
            if ((unsigned char)*at != FENCE_BYTE)
                return false;
    return true;
}

#endif
