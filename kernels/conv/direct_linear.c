/* BWD_D of `direct` for linear layers (the kernel is the whole map): vectorised over the batch. The weights,
 * which may be hundreds of megabytes, are read once where they lie and not transposed; what is transposed are
 * dst's gradient (first phase) and the small tiles of the result. */
#include "direct.h"
#include "gemm/sums.h"
#include "gemm/tile.h"
#include "isa.h"
#include "pool.h"
#include <string.h>

enum { SQUARE = WN_BLOCK * WN_BLOCK };

bool wn_direct_is_linear(const wn_problem *p) {
    return p->g == 1 && !p->plain_src && p->oh == 1 && p->ow == 1 && p->ih == p->kh && p->iw == p->kw &&
           p->ph == 0 && p->pw == 0 && p->dh == 0 && p->dw == 0;
}

/* A position is one pixel of one input block: 16 x 16 weights for every output block. */
static int64_t positions_of(const wn_problem *p) {
    return (int64_t)wn_blocks(p->ic) * p->kh * p->kw;
}

/* Positions of a work item, and output blocks that are summed before a tile is written. */
static int64_t group_of(const wn_conv_plan *plan) {
    const int64_t positions = positions_of(&plan->problem), rows = plan->config.knob[DIRECT_ROWS];
    return rows < positions ? rows : positions;
}

static int reduce_of(const wn_conv_plan *plan) {
    return wn_smaller(plan->config.knob[DIRECT_REDUCE], wn_blocks(plan->problem.oc));
}

wn_status wn_direct_linear_plan(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int64_t batch_blocks = wn_blocks(p->mb);
    const int64_t gradient = wn_blocks(p->oc) * batch_blocks * SQUARE * 4;
    const int64_t scratch =
        group_of(plan) * batch_blocks * SQUARE * 4 + (int64_t)reduce_of(plan) * (int)sizeof(wn_tap);
    plan->derived[DIRECT_SCRATCH] = gradient;
    plan->derived[DIRECT_SCRATCH_STRIDE] = wn_conv_apart(scratch);
    plan->workspace_bytes = wn_conv_workspace(gradient, plan->derived[DIRECT_SCRATCH_STRIDE], plan->threads);
    plan->phases = 2;
    return wn_ok();
}

/* Phase 0: dst's gradient [image][oc] becomes [oc/16][image/16][16 oc][16 images]. */
static void transpose_gradient(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    const int batch_blocks = wn_blocks(p->mb);
    float *out = args->workspace;
    long begin, end;
    wn_split((long)wn_blocks(p->oc) * batch_blocks, tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        _Alignas(64) float rows[SQUARE] = {0};
        const int first = (int)(index % batch_blocks) * WN_BLOCK;
        for (int i = 0; i < WN_BLOCK && first + i < p->mb; i++)
            memcpy(rows + i * WN_BLOCK,
                   args->dst + (first + i) * plan->dst_stride + index / batch_blocks * WN_BLOCK,
                   WN_BLOCK * sizeof *rows);
        sums->transpose(rows, out + index * SQUARE);
    }
}

/* Writes (or adds) a position's result, [image/16][16 ic][16 images], to src's gradient. */
static void write_position(const wn_conv_plan *plan, const float *result, float *out) {
    const wn_problem *p = &plan->problem;
    const wn_sums *sums = wn_kernels_of(plan->isa)->sums;
    for (int first = 0; first < p->mb; first += WN_BLOCK) {
        _Alignas(64) float rows[SQUARE];
        sums->transpose(result + first / WN_BLOCK * SQUARE, rows);
        for (int i = 0; i < WN_BLOCK && first + i < p->mb; i++)
            sums->arrays(rows + i * WN_BLOCK, 1, 0, out + (first + i) * plan->src_stride, WN_BLOCK,
                         p->accumulate);
    }
}

/* Phase 1: groups of neighbouring positions, so that each output block's weights are read as one run. */
static void multiply(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads) {
    const wn_problem *p = &plan->problem;
    const wn_tiles *tiles = wn_kernels_of(plan->isa)->tiles;
    const int32_t *knob = plan->config.knob;
    const int batch_blocks = wn_blocks(p->mb), out_blocks = wn_blocks(p->oc), reduce = reduce_of(plan);
    const int64_t positions = positions_of(p), group = group_of(plan);
    float *results = (float *)((char *)args->workspace + plan->derived[DIRECT_SCRATCH] +
                               tid * plan->derived[DIRECT_SCRATCH_STRIDE]);
    wn_tap *taps = (wn_tap *)(results + group * batch_blocks * SQUARE);
    long begin, end;
    wn_split((long)((positions + group - 1) / group), tid, nthreads, &begin, &end);
    for (long index = begin; index < end; index++) {
        const int64_t first = index * group;
        const int64_t last = first + group < positions ? first + group : positions;
        wn_tile tile = {.a_row = WN_BLOCK,
                        .a_k = 1,
                        .b_k = WN_BLOCK,
                        .b_block = SQUARE,
                        .taps = taps,
                        .k = WN_BLOCK,
                        .c_row = WN_BLOCK,
                        .c_block = SQUARE};
        for (int ob = 0; ob < out_blocks; ob += reduce) {
            tile.count = wn_smaller(out_blocks - ob, reduce);
            tile.accumulate = ob > 0;
            for (int t = 0; t < tile.count; t++)
                taps[t] = (wn_tap){.a = (ob + t) * positions * SQUARE, .b = (ob + t) * batch_blocks * SQUARE};
            for (int64_t position = first; position < last; position++)
                for (int n = 0; n < batch_blocks; n += knob[DIRECT_BLOCKS]) {
                    const int blocks =
                        batch_blocks - n < knob[DIRECT_BLOCKS] ? batch_blocks - n : knob[DIRECT_BLOCKS];
                    tile.a = args->weights + position * SQUARE;
                    tile.b = (const float *)args->workspace + n * SQUARE;
                    tile.c = results + ((position - first) * batch_blocks + n) * SQUARE;
                    wn_direct_run_rows(tiles, WN_TILE_PIXELS, &tile, WN_BLOCK, blocks, NULL);
                }
        }
        for (int64_t position = first; position < last; position++)
            write_position(plan, results + (position - first) * batch_blocks * SQUARE,
                           args->src + position * WN_BLOCK);
    }
}

void wn_direct_linear_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                          int nthreads) {
    if (phase == 0)
        transpose_gradient(plan, args, tid, nthreads);
    else
        multiply(plan, args, tid, nthreads);
    wn_part_end(wn_part_clock_of(args->clocks, tid), phase == 0 ? WN_PART_INPUT : WN_PART_MULTIPLY);
}
