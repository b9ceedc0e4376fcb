/* Convolution implementations as data: the interface every implementation fills in, and the registry.
 *
 * Layouts. Activations are nChw16c: element (n,c,h,w) at n*stride + ((c/16*H + h)*W + w)*16 + c%16, where
 * stride is the distance between images in floats (dense: blocks*H*W*16; larger for a view into a
 * concatenation). Lanes beyond C in the last block are zero and stay zero.
 * A plain source is NCHW. Weights are [oc/16][window][kh][kw][16 ic][16 oc], see wn_conv_window; for a plain
 * source [oc/16][kh][kw][ic][16 oc]. Bias is [oc/16][16]. Everything is aligned to 64 bytes. */
#ifndef WN_CONV_H
#define WN_CONV_H

#include "part_clock.h"
#include <stddef.h>
#include <stdint.h>
#include <winnow/machine.h>
#include <winnow/problem.h>

enum { WN_BLOCK = 16, WN_CONFIG_KNOBS = 6, WN_CONV_DERIVED = 32 };

/* Larger knobs are refused: they mean no more than this one, and their sums with sizes would not fit an int.
 */
enum { WN_CONFIG_MOST = 1 << 26 };

typedef struct wn_conv_impl wn_conv_impl;

/* An implementation's own knobs; what they mean is said by wn_conv_impl.knobs. Unused ones are 0. */
typedef struct wn_config {
    int32_t knob[WN_CONFIG_KNOBS];
} wn_config;

/* The candidate chosen for a problem: plain data, copyable, owns nothing. */
typedef struct wn_conv_plan {
    const wn_conv_impl *impl;
    wn_problem problem;
    wn_config config;
    wn_isa isa;
    int threads;        /* what run will be called with; the bits of our own kernels do not depend on it */
    int64_t src_stride; /* floats between images of src; 0 is replaced by the dense stride */
    int64_t dst_stride; /* the same for dst */
    /* filled by wn_conv_plan_make: */
    size_t workspace_bytes;
    size_t prepared_bytes; /* of what is made of constant weights, see wn_conv_impl.prepare; 0: run reads them
                              as they are */
    int phases;            /* number of calls of run per thread, separated by barriers */
    bool external;         /* brings its own threads: run is called once, by one thread, nthreads = threads */
    int64_t derived[WN_CONV_DERIVED]; /* the implementation's own constants */
} wn_conv_plan;

/* Operands; the direction says which are read and which are written:
 *   FWD_B   reads src, weights, bias (NULL: none); writes dst
 *   BWD_D   reads dst (its gradient), weights;      writes src (its gradient)
 *   BWD_WB  reads src, dst (its gradient);          writes weights, bias (NULL: not wanted)
 * workspace has plan->workspace_bytes bytes; its contents mean nothing before and after.
 * prepared has plan->prepared_bytes bytes. Where these are not 0, prepare fills it from weights, and run
 * reads it in place of weights, which may be NULL or gone by then. */
typedef struct wn_conv_args {
    float *src;
    float *weights;
    float *bias;
    float *dst;
    void *workspace;
    void *prepared;
    const float *mask; /* BWD_D of plans that mask (wn_conv_impl.masks): what the pass before stored in src,
                          laid out like its gradient, which is 0 where that is not positive: a ReLU's backward
                          pass. NULL: none */
    wn_part_clock *clocks; /* [threads] who is told where parts end; NULL: nobody */
} wn_conv_args;

struct wn_conv_impl {
    const char *name;         /* database key, never reused */
    const char *const *knobs; /* names of the config's knobs, NULL-terminated, at most WN_CONFIG_KNOBS */
    /* NULL when the problem is supported, else the reason, as explain prints it (static text). */
    const char *(*refuse)(const wn_problem *, wn_isa);
    /* Writes up to `room` configs, [0] the default; returns how many there are. */
    int (*configs)(const wn_problem *, wn_isa, int threads, wn_config *, int room);
    /* Completes a plan: workspace, prepared, phases, derived. Pure. Errors: INVALID for a config that does
     * not fit. */
    wn_status (*plan)(wn_conv_plan *);
    /* Optional (may be NULL): creates state when a tape is compiled; the only place that allocates. */
    wn_status (*open)(const wn_conv_plan *, void **state);
    /* Optional: transforms or reorders weights once, for problems with constant_weights. The caller owns
     * args->prepared, aligned to 64 bytes, which outlives the runs:
     *     wn_conv_plan_make with problem.constant_weights; where plan.prepared_bytes > 0: allocate them,
     *     after open: prepare, by all threads as run (external: once), a barrier,
     *     then any number of runs, on any workspace; prepare again whenever weights changed.
     * Reads weights, may use workspace, writes prepared only; one phase, contains no barrier, never fails.
     * A tape for inference gives `prepared` a buffer of its own that no other step shares, and runs prepare
     * when parameters were set. */
    void (*prepare)(const wn_conv_plan *, void *state, const wn_conv_args *, int tid, int nthreads);
    /* Does one phase's share of thread tid. Contains no barrier, never fails. */
    void (*run)(const wn_conv_plan *, void *state, const wn_conv_args *, int phase, int tid, int nthreads);
    /* Optional: releases the state. */
    void (*close)(void *state);
    bool judge;     /* true for `reference`: never a candidate for tuning */
    bool yardstick; /* somebody else's way to do it: benchmarks time it, no network is given it */
    /* Optional: whether a plan's results are other than plain sums of products (Winograd), so that tests
     * judge them by their error instead of bit by bit. NULL: never. */
    bool (*approximate)(const wn_conv_plan *);
    /* Optional: whether a BWD_D plan honours wn_conv_args.mask. NULL: never. */
    bool (*masks)(const wn_conv_plan *);
    /* Optional: version of the library behind it ("2.6.3"); tuning results are forgotten when it changes. */
    const char *(*version)(void);
};

/* Raise this whenever a change of the kernels makes earlier timings meaningless. */
enum { WN_KERNEL_SET = 5 };

/* All implementations of this build, NULL-terminated, in registry order. */
extern const wn_conv_impl *const wn_conv_registry[];

/* The implementation of that name, or NULL. */
const wn_conv_impl *wn_conv_find(const char *name);

/* Makes a complete plan. config NULL takes the default. Strides 0 mean dense.
 * Errors: what wn_problem_check says; UNSUPPORTED with the implementation's reason; INVALID config, be it for
 * the implementation or a knob over WN_CONFIG_MOST;
 * MEMORY when the workspace or the prepared weights are over the cap (WN_CONV_WORKSPACE_CAP). */
wn_status wn_conv_plan_make(const wn_conv_impl *impl, const wn_problem *problem, const wn_config *config,
                            wn_isa isa, int threads, int64_t src_stride, int64_t dst_stride,
                            wn_conv_plan *plan);

/* Whether a plan takes wn_conv_args.mask. */
bool wn_conv_masks(const wn_conv_plan *plan);

/* Floats from src's gradient to its mask, 0 without one. */
static inline ptrdiff_t wn_conv_mask_distance(const wn_conv_args *args) {
    return args->mask ? args->mask - args->src : 0;
}

#define WN_CONV_WORKSPACE_CAP ((size_t)16 << 30)

/* Results of more floats than this (6 MB) are gone from the caches before their reader comes, so some kernels
 * write them past these to memory. */
enum { WN_CONV_STREAMED_FLOATS = 3 << 19 };

/* "tile=6,reduce=2" from a config, and back. Errors of parse: FORMAT, naming the knob. */
int wn_config_format(const wn_conv_impl *impl, const wn_config *config, char *text, size_t size);
wn_status wn_config_parse(const wn_conv_impl *impl, const char *text, wn_config *config);

/* Bytes that a thread's own part of the workspace takes: whole pages. With parts of a few lines side by side,
 * a core's prefetcher took the neighbouring thread's lines again and again, which cost direct 3 %; it stays
 * within a page. */
static inline int64_t wn_conv_apart(int64_t bytes) {
    enum { PAGE = 4096 };
    return (bytes + PAGE - 1) / PAGE * PAGE;
}

/* Bytes of a workspace: `shared`, and `own` for every thread. Where those of one thread are over the cap the
 * others are not counted, since the product may not fit. */
static inline size_t wn_conv_workspace(int64_t shared, int64_t own, int threads) {
    return (size_t)shared + (size_t)own * (size_t)(own > (int64_t)WN_CONV_WORKSPACE_CAP ? 1 : threads);
}

static inline int wn_smaller(int a, int b) {
    return a < b ? a : b;
}

/* Number of blocks of 16 that hold `channels`. */
static inline int wn_blocks(int channels) {
    return (int)(((unsigned)channels + WN_BLOCK - 1) / WN_BLOCK);
}

/* Input blocks that the outputs of block ob depend on: [first, first + window). Without groups that is all
 * of them. With groups, window is the same for all ob (the largest needed) and weights that join different
 * groups are zero; first is moved left where the window would leave the tensor. */
int wn_conv_window(const wn_problem *problem);
int wn_conv_window_first(const wn_problem *problem, int ob);

/* Floats in the operands of a problem, for dense strides. */
int64_t wn_conv_src_floats(const wn_problem *problem);
int64_t wn_conv_dst_floats(const wn_problem *problem);
int64_t wn_conv_weights_floats(const wn_problem *problem);

/* Bytes of source, weights and destination, each once: what a run has to move at the least. */
double wn_conv_operand_bytes(const wn_problem *problem);

/* Weights between the blocked layout and OIHW ([oc][ic/g][kh][kw]). blocked -> OIHW drops the padding;
 * OIHW -> blocked writes zeros into it. */
void wn_conv_weights_block(const wn_problem *problem, const float *oihw, float *blocked);
void wn_conv_weights_unblock(const wn_problem *problem, const float *blocked, float *oihw);

/* Activations between NCHW and nChw16c (image stride in floats, 0 = dense); padding becomes zero. */
void wn_activations_block(int n, int c, int h, int w, const float *nchw, float *blocked, int64_t stride);
void wn_activations_unblock(int n, int c, int h, int w, const float *blocked, int64_t stride, float *nchw);

#endif
