/* Rectangles of output pixels that all have the same valid taps: how `depthwise` and `libxsmm` avoid padding.
 * As in `direct`, but of one block of channels in one image, and handed to a function. */
#ifndef WN_RECTANGLES_H
#define WN_RECTANGLES_H

#include "conv.h"
#include "conv/direct.h"

/* One tap: what it adds to a pixel's place on the input, and where its 16 weights (or their sums) start, both
 * in floats. */
typedef struct wn_rectangle_tap {
    int64_t in, weights;
} wn_rectangle_tap;

typedef struct wn_rectangle {
    const float *in; /* what the first pixel reads, without its taps */
    float *out;      /* the first pixel; the sums of gradients read it */
    int lines, pixels;
    int64_t in_line, in_pixel, out_line, out_pixel; /* floats */
    const wn_rectangle_tap *taps;
    int count;
} wn_rectangle;

/* The geometry of a pass; "input" is what taps are taken from: dst's gradient in BWD_D. */
typedef struct wn_rectangles {
    int taps; /* of the kernel */
    int in_width, out_width;
    int64_t in_block, out_block;   /* floats between blocks */
    int64_t in_stride, out_stride; /* between images */
    int fewest; /* pixels of a line: a rectangle with fewer, and more lines, is turned to run downwards */
    wn_axis vertical, horizontal;
    wn_axis_taps rows, columns; /* taps of the present classes */
    wn_rectangle_tap *list;
} wn_rectangles;

/* Bytes of the lists that a thread needs, a multiple of 64; false when they do not fit 63 bits. */
bool wn_rectangles_bytes(const wn_problem *problem, int64_t *bytes);
wn_rectangles wn_rectangles_of(const wn_conv_plan *plan, int fewest, void *lists);

/* Calls visit for every rectangle of rows [begin, end) (of each residue class) of one block of one image,
 * whose first pixels are `in` and `out`. */
typedef void wn_rectangle_visit(const wn_rectangle *rectangle, void *context);
void wn_rectangles_walk(wn_rectangles *s, const float *in, float *out, int begin, int end,
                        wn_rectangle_visit *visit, void *context);

#endif
