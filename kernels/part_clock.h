/* Clocks inside a step: what part of its work each thread was busy with, and when. Implementations say where
 * a part ends; that is a branch not taken while nobody listens, once per group of tiles or panel. */
#ifndef WN_PART_CLOCK_H
#define WN_PART_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Parts of a step's work, under the names of wn_part_names. */
typedef enum wn_part {
    WN_PART_WEIGHTS,  /* weights transposed, or transformed (Winograd) */
    WN_PART_INPUT,    /* what is multiplied copied into panels, or transformed */
    WN_PART_MULTIPLY, /* the products */
    WN_PART_OUTPUT,   /* products transformed back, or added to where they belong */
    WN_PART_SUM,      /* sums of chunks added up; the gradient of the bias */
    WN_PART_WHOLE,    /* work that its kernel does not divide */
    WN_PART_WAIT,     /* at the barrier behind a phase, for the other threads */
    WN_PARTS
} wn_part;

/* "weights", "input", "multiply", "output", "sum", "whole", "wait". */
extern const char *const wn_part_names[WN_PARTS];

/* A thread was busy with a part of a step from begin to end (wn_nanoseconds). */
typedef struct wn_part_span {
    int step, phase;
    wn_part part;
    int64_t begin, end;
} wn_part_span;

/* One thread's clock; nobody else touches it meanwhile. Spans beyond the room are counted and not kept. */
typedef struct wn_part_clock {
    _Alignas(128) int64_t last; /* when the part before ended */
    int step, phase;            /* which the spans belong to */
    wn_part_span *spans;        /* [room] */
    long count, room;
} wn_part_clock;

/* The time since the part before ended was spent on this part. */
void wn_part_record(wn_part_clock *clock, wn_part part);

/* The same where there is a clock. */
static inline void wn_part_end(wn_part_clock *clock, wn_part part) {
    if (__builtin_expect(clock != NULL, 0))
        wn_part_record(clock, part);
}

/* A thread's clock among those of all; NULL where there are none. */
static inline wn_part_clock *wn_part_clock_of(wn_part_clock *clocks, int tid) {
    return clocks ? &clocks[tid] : NULL;
}

#endif
