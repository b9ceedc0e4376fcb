/* The memory planner: lifetimes of buffers from the operands of the steps, then greedy packing by size: the
 * largest buffer first, each into the smallest gap left by those that live at the same time and are placed
 * already (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, greedy by
 * size). */
#include "tape_internal.h"
#include <stdlib.h>

static void find_lifetimes(wn_tape *tape) {
    for (int b = 0; b < tape->buffer_count; b++) {
        wn_buffer *buffer = &tape->buffers[b];
        buffer->first = buffer->lasting ? 0 : tape->step_count;
        buffer->last = buffer->lasting ? tape->step_count : -1;
    }
    for (int s = 0; s < tape->step_count; s++)
        for (int i = 0; i < tape->steps[s].operand_count; i++) {
            wn_buffer *buffer = &tape->buffers[tape->steps[s].operands[i].buffer];
            buffer->first = s < buffer->first ? s : buffer->first;
            buffer->last = s > buffer->last ? s : buffer->last;
        }
}

static bool live_together(const wn_buffer *a, const wn_buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* Largest first; ties by what starts earlier, so that the order is one. */
static int by_size(const void *left, const void *right) {
    const wn_buffer *a = *(wn_buffer *const *)left, *b = *(wn_buffer *const *)right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a > b) - (a < b);
}

/* Offset for `buffer` among the placed ones, which are sorted by offset. */
static size_t find_gap(const wn_buffer *buffer, wn_buffer *const *placed, int count) {
    size_t need = wn_align64(buffer->bytes), free_from = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        if (!live_together(buffer, placed[i]))
            continue;
        if (placed[i]->offset > free_from) {
            size_t gap = placed[i]->offset - free_from;
            if (gap >= need && gap < best_gap) {
                best = free_from;
                best_gap = gap;
            }
        }
        size_t end = placed[i]->offset + wn_align64(placed[i]->bytes);
        free_from = end > free_from ? end : free_from;
    }
    return best != SIZE_MAX ? best : free_from;
}

static void insert(wn_buffer **placed, int count, wn_buffer *buffer) {
    while (count > 0 && placed[count - 1]->offset > buffer->offset) {
        placed[count] = placed[count - 1];
        count--;
    }
    placed[count] = buffer;
}

/* Packs `count` buffers that come in the order to be placed; returns the bytes they take. */
static size_t pack(wn_buffer *const *order, int count, wn_buffer **placed, bool reuse) {
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        order[i]->offset = reuse ? find_gap(order[i], placed, i) : total;
        insert(placed, i, order[i]);
        size_t end = order[i]->offset + wn_align64(order[i]->bytes);
        total = end > total ? end : total;
    }
    return total;
}

/* The buffers that need a place; their sizes summed up without sharing. */
static int collect(wn_tape *tape, wn_buffer **order) {
    int count = 0;
    tape->naive_bytes = 0;
    for (int b = 0; b < tape->buffer_count; b++) {
        wn_buffer *buffer = &tape->buffers[b];
        if (!buffer->planned || buffer->first > buffer->last)
            continue;
        order[count++] = buffer;
        if (__builtin_add_overflow(tape->naive_bytes, wn_align64(buffer->bytes), &tape->naive_bytes))
            return -1;
    }
    return count;
}

wn_status wn_tape_plan_memory(wn_tape *tape, bool reuse, size_t *arena_bytes) {
    find_lifetimes(tape);
    wn_buffer **order = malloc(2 * (size_t)tape->buffer_count * sizeof *order);
    if (!order)
        return wn_error(WN_ERROR_MEMORY, "out of memory while planning the arena of %d buffers",
                        tape->buffer_count);
    int count = collect(tape, order);
    if (count < 0) {
        free(order);
        return wn_error(WN_ERROR_MEMORY, "the network's buffers are too large to be added up");
    }
    qsort(order, (size_t)count, sizeof *order, by_size);
    *arena_bytes = pack(order, count, order + tape->buffer_count, reuse);
    free(order);
    return wn_ok();
}
