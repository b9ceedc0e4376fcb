/* A problem: one convolution pass with all its sizes, read from and written as a benchdnn string. */
#ifndef WINNOW_PROBLEM_H
#define WINNOW_PROBLEM_H

#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of a map, features of a linear layer included: keeps the arithmetic of blocks in an int. */
enum { WN_MOST_CHANNELS = 1 << 24 };

/* Direction of a pass. */
typedef enum wn_direction {
    WN_FWD_B,  /* dst = conv(src, weights) + bias */
    WN_BWD_D,  /* src = gradient of the data, from dst's gradient and the weights */
    WN_BWD_WB, /* weights, bias = their gradients, from src and dst's gradient */
    WN_DIRECTION_COUNT
} wn_direction;

/* One convolution pass. ic and oc are totals over all groups. Dilation 0 is dense: the effective kernel is
 * (k - 1)(d + 1) + 1. Padding right and below follows from the output size and may be negative.
 * Plain data: zero-initialise, fill, then wn_problem_check. */
typedef struct wn_problem {
    wn_direction direction;
    int mb, g;
    int ic, ih, iw;
    int oc, oh, ow;
    int kh, kw, sh, sw, ph, pw, dh, dw;
    bool relu;       /* FWD_B only: dst = max(0, ...) in the epilogue */
    bool accumulate; /* beta = 1: the result is added to what the destination holds (before ReLU); with
                        beta = 0 the destination is never read */
    bool plain_src;  /* src is plain NCHW instead of nChw16c (a network's input; at most 4 channels, g = 1) */
    bool constant_weights; /* FWD_B only: the weights stay the same from run to run (inference), so what is
                              made of them is made once, outside of the runs */
    char name[64];         /* label, not part of the identity */
} wn_problem;

/* "FWD_B", "BWD_D", "BWD_WB". */
const char *wn_direction_name(wn_direction direction);
/* The direction of such a name, in capitals. Errors: USAGE. */
wn_status wn_direction_parse(const char *text, wn_direction *direction);

/* Reads a descriptor such as `g1mb16_ic64ih56oc64kh3ph1_n"name"` (benchdnn's rules: any order, `_` skipped,
 * missing values derived). direction and flags are left as they are in *problem. Errors: FORMAT, naming the
 * token and its column (from 1). */
wn_status wn_problem_parse(const char *text, wn_problem *problem);

/* Writes the canonical descriptor, all sizes explicit, name last when not empty. Returns the length that the
 * full text has, as snprintf does. */
int wn_problem_format(const wn_problem *problem, char *text, size_t size);

/* Says whether the sizes are possible: all positive, groups divide channels, the output matches what
 * input, kernel and padding give or leave; at most WN_MOST_CHANNELS channels; taps of a kernel, and a
 * stride's height times its width, fit an int; an operand has fewer than 2^58 floats. Errors: INVALID with
 * the reason. */
wn_status wn_problem_check(const wn_problem *problem);

/* Same pass: every field but the name is equal. */
bool wn_problem_equal(const wn_problem *a, const wn_problem *b);

/* Floating-point operations, 2 per multiply-add, counting valid taps only (not those on padding). */
double wn_problem_flops(const wn_problem *problem);

/* Padding right and below: (o - 1) s - i + effective k - p; may be negative. */
int wn_problem_pad_right(const wn_problem *problem);
int wn_problem_pad_below(const wn_problem *problem);

#ifdef __cplusplus
}
#endif
#endif
