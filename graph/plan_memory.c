/* The memory planner: lifetimes of buffers from the operands of the steps, then a place in one arena for
 * each. A buffer goes into the smallest gap left by those that live at the same time and are placed already;
 * what decides is the order in which buffers come. Several orders are tried and the best is kept: largest
 * first and by the step where most is alive (Pisarchyk & Lee, "Efficient Memory Management for Deep Neural
 * Net Inference", 2020, greedy by size and by breadth), and by lifetime. When none reaches the bound, the
 * buffer that sticks out is moved to the front and all are packed again, a fixed number of times. */
#include "tape_internal.h"
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 200 }; /* of moving a buffer to the front; resnet152 packs in about a millisecond */

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

static int lifetime(const wn_buffer *buffer) {
    return buffer->last - buffer->first;
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

/* What lives longest first: long lives nest around short ones as brackets do. */
static int by_lifetime(const void *left, const void *right) {
    const wn_buffer *a = *(wn_buffer *const *)left, *b = *(wn_buffer *const *)right;
    if (lifetime(a) != lifetime(b))
        return lifetime(a) > lifetime(b) ? -1 : 1;
    return by_size(left, right);
}

/* The fullest step's buffers first, the largest of them leading. */
static int by_breadth(const void *left, const void *right) {
    const wn_buffer *a = *(wn_buffer *const *)left, *b = *(wn_buffer *const *)right;
    if (a->fullest != b->fullest)
        return a->fullest > b->fullest ? -1 : 1;
    return by_size(left, right);
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

/* The buffers that need a place, in the order in which they get one, and the best plan so far. */
typedef struct packing {
    wn_buffer **order, **placed;
    size_t *best_offsets; /* by place in `all` */
    wn_buffer **all;
    int count;
    size_t best;
} packing;

static size_t end_of(const wn_buffer *buffer) {
    return buffer->offset + wn_align64(buffer->bytes);
}

/* Packs the buffers in their order and keeps the offsets when they are the best so far. Returns the place in
 * the order of the buffer that ends last. */
static int pack(packing *p) {
    size_t total = 0;
    int highest = 0;
    for (int i = 0; i < p->count; i++) {
        p->order[i]->offset = find_gap(p->order[i], p->placed, i);
        insert(p->placed, i, p->order[i]);
        if (end_of(p->order[i]) > total) {
            total = end_of(p->order[i]);
            highest = i;
        }
    }
    if (total < p->best) {
        p->best = total;
        for (int i = 0; i < p->count; i++)
            p->best_offsets[i] = p->all[i]->offset;
    }
    return highest;
}

static void move_to_front(wn_buffer **order, int at) {
    wn_buffer *moved = order[at];
    memmove(order + 1, order, (size_t)at * sizeof *order);
    order[0] = moved;
}

static void pack_well(packing *p, size_t bound) {
    static int (*const orders[])(const void *, const void *) = {by_size, by_breadth, by_lifetime};
    enum { ORDERS = sizeof orders / sizeof *orders };
    for (int i = 0; i < ORDERS && p->best > bound; i++) {
        qsort(p->order, (size_t)p->count, sizeof *p->order, orders[i]);
        int highest = pack(p);
        for (int attempt = 0; attempt < ATTEMPTS / ORDERS && p->best > bound && highest > 0; attempt++) {
            move_to_front(p->order, highest);
            highest = pack(p);
        }
    }
    for (int i = 0; i < p->count; i++)
        p->all[i]->offset = p->best_offsets[i];
}

static size_t place_apart(const packing *p) {
    size_t total = 0;
    for (int i = 0; i < p->count; i++) {
        p->all[i]->offset = total;
        total = end_of(p->all[i]);
    }
    return total;
}

/* The buffers that need a place; their sizes summed up without sharing. False when that overflows. */
static bool collect(wn_tape *tape, packing *p) {
    tape->naive_bytes = 0;
    for (int b = 0; b < tape->buffer_count; b++) {
        wn_buffer *buffer = &tape->buffers[b];
        if (!buffer->planned || buffer->first > buffer->last)
            continue;
        p->all[p->count] = p->order[p->count] = buffer;
        p->count++;
        if (__builtin_add_overflow(tape->naive_bytes, wn_align64(buffer->bytes), &tape->naive_bytes))
            return false;
    }
    return true;
}

/* Bytes alive in the fullest step, below which no plan can go; and of each buffer its fullest step's. */
static size_t find_bound(const wn_tape *tape, const packing *p, size_t *alive) {
    size_t bound = 0;
    for (int i = 0; i < p->count; i++)
        for (int s = p->all[i]->first; s <= p->all[i]->last; s++)
            alive[s] += wn_align64(p->all[i]->bytes);
    for (int s = 0; s <= tape->step_count; s++)
        bound = alive[s] > bound ? alive[s] : bound;
    for (int i = 0; i < p->count; i++) {
        wn_buffer *buffer = p->all[i];
        buffer->fullest = 0;
        for (int s = buffer->first; s <= buffer->last; s++)
            buffer->fullest = alive[s] > buffer->fullest ? alive[s] : buffer->fullest;
    }
    return bound;
}

wn_status wn_tape_plan_memory(wn_tape *tape, bool reuse) {
    size_t buffers = (size_t)tape->buffer_count + 1;
    wn_status status = wn_ok();
    packing p = {.best = SIZE_MAX};
    wn_buffer **lists = calloc(3 * buffers, sizeof *lists);
    size_t *alive = calloc((size_t)tape->step_count + 1, sizeof *alive);
    p.best_offsets = calloc(buffers, sizeof *p.best_offsets);
    if (!lists || !alive || !p.best_offsets) {
        status = wn_error(WN_ERROR_MEMORY, "out of memory while planning the arena of %d buffers",
                          tape->buffer_count);
        goto done;
    }
    p.all = lists;
    p.order = lists + buffers;
    p.placed = p.order + buffers;
    find_lifetimes(tape);
    if (!collect(tape, &p)) {
        status = wn_error(WN_ERROR_MEMORY, "the network's buffers are too large to be added up");
        goto done;
    }
    tape->bound_bytes = find_bound(tape, &p, alive);
    if (reuse && p.count > 0)
        pack_well(&p, tape->bound_bytes);
    tape->planned_bytes = p.count == 0 ? 0 : reuse ? p.best : place_apart(&p);
done:
    free(lists);
    free(alive);
    free(p.best_offsets);
    return status;
}
