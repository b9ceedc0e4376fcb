/* What the next work reads, fetched from memory while the tiles of the present one run. Not for others than
 * the drivers of `direct` and the panels. */
#ifndef WN_CONV_AHEAD_H
#define WN_CONV_AHEAD_H

#include "conv.h"
#include "gemm/sums.h"

/* Units are some lines each, for the fetcher to say; all zero: nothing to fetch. */
typedef struct wn_ahead {
    void (*fetch)(const void *what, int unit);
    const void *what;
    int first, end; /* units */
    int64_t tiles;  /* over which they are spread */
    int64_t tile;   /* so far */
    int fetched;    /* the same, units after first */
} wn_ahead;

/* The share of the tile that comes next. */
static inline void wn_ahead_fetch(wn_ahead *ahead) {
    const int units = ahead->end - ahead->first;
    if (ahead->fetched == units)
        return;
    ahead->tile++;
    const int due = ahead->tile >= ahead->tiles ? units : (int)(units * ahead->tile / ahead->tiles);
    for (; ahead->fetched < due; ahead->fetched++)
        ahead->fetch(ahead->what, ahead->first + ahead->fetched);
}

/* Blocks of 16 x 16 weights in rows of `row` neighbours, the rows `step` floats apart. */
typedef struct wn_ahead_weights {
    const float *weights;
    int row;
    int64_t step;
} wn_ahead_weights;

/* A unit is a block. */
static inline void wn_ahead_fetch_weights(const void *what, int unit) {
    const wn_ahead_weights *ahead = what;
    wn_sums_fetch(ahead->weights + unit / ahead->row * ahead->step + unit % ahead->row * WN_BLOCK * WN_BLOCK);
}

#endif
