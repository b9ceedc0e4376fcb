/* Direct convolution: loops around the register tiles, nothing copied but the transposed weights of BWD_D.
 * This file: what is supported, the configs, and the axes. The passes are in direct_gather.c (FWD_B, BWD_D)
 * and direct_weights.c (BWD_WB).
 *
 * Padding is never multiplied: the output falls into rectangles whose pixels all have the same valid taps,
 * and a tile takes its rows along the width, the height or the batch, whichever fills it best. So border
 * columns are tiled vertically, corners and tiny maps across images, and a constant row stride always
 * suffices. */
#include "direct.h"
#include "configs.h"
#include "implementations.h"
#include "isa.h"

static const char *const knobs[] = {"blocks", "reduce", "rows", "images", "across", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (!wn_kernels_of(isa))
        return "this build has no kernels for the ISA";
    if (problem->plain_src && problem->direction == WN_BWD_D)
        return "no gradient for a plain source";
    return NULL;
}

/* The largest number of blocks that the ISA's tiles have, at most `wanted`. */
static int blocks_of_tile(wn_isa isa, int wanted) {
    const wn_tiles *tiles = wn_kernels_of(isa)->tiles;
    int blocks = 1;
    while (blocks < wanted && blocks < WN_TILE_MAX_BLOCKS && tiles->max_rows[blocks + 1])
        blocks++;
    return blocks;
}

/* A linear layer's gradient of the data across images: its tiles' blocks are blocks of images. */
static wn_config across_linear(const wn_problem *problem, wn_isa isa) {
    wn_config config = {0};
    config.knob[DIRECT_BLOCKS] = isa == WN_ISA_AVX512 ? wn_clamp(2, 1, wn_blocks(problem->mb)) : 1;
    config.knob[DIRECT_REDUCE] = wn_clamp(8, 1, wn_blocks(problem->oc));
    config.knob[DIRECT_ROWS] = 16;
    config.knob[DIRECT_IMAGES] = 1;
    config.knob[DIRECT_ACROSS] = 1;
    return config;
}

/* Largest number of blocks a tile may have here. */
static int most_blocks(const wn_problem *problem, wn_isa isa) {
    const int outputs = problem->direction == WN_BWD_D ? problem->ic : problem->oc;
    return problem->g == 1 ? blocks_of_tile(isa, wn_blocks(outputs)) : 1;
}

/* Whether tiles across images pay: maps so small that a row does not fill a tile, or borders weigh. */
static int default_images(const wn_problem *problem) {
    const int height = problem->direction == WN_BWD_D ? problem->ih : problem->oh;
    const int width = problem->direction == WN_BWD_D ? problem->iw : problem->ow;
    const bool pointwise = problem->kh == 1 && problem->kw == 1;
    if (height == 1 && width == 1)
        return problem->mb;
    const int wanted = width > (pointwise ? 7 : 16) ? 1 : width > 8 ? 4 : 18;
    return wn_ceil_div(problem->mb, wn_ceil_div(problem->mb, wanted));
}

/* Fewer images for a work item where that divides the work more evenly over the threads. */
static int balanced_images(const wn_problem *problem, int images, int64_t items_of_group, int threads) {
    enum {
        ENOUGH = 8,
        FEWEST_IMAGES = 4
    }; /* work items of a thread: one more or less does not matter then */
    for (int groups = wn_ceil_div(problem->mb, images); problem->mb / groups >= FEWEST_IMAGES; groups++)
        if (groups * items_of_group % threads == 0 || groups * items_of_group >= ENOUGH * threads)
            return wn_ceil_div(problem->mb, groups);
    return images;
}

static wn_config default_gather(const wn_problem *problem, wn_isa isa, int threads) {
    enum { LONGEST = 288 }; /* blocks of weights that stay in half of a second-level cache: 288 KB */
    const int classes = problem->direction == WN_BWD_D ? problem->sh * problem->sw : 1;
    const int taps = wn_ceil_div(problem->kh * problem->kw, classes);
    const int width = problem->direction == WN_BWD_D ? problem->iw : problem->ow;
    const int height = problem->direction == WN_BWD_D ? problem->ih : problem->oh;
    const int inputs = wn_blocks(problem->direction == WN_BWD_D ? problem->oc : problem->ic);
    wn_config config = {0};
    config.knob[DIRECT_BLOCKS] = isa == WN_ISA_AVX512 ? wn_clamp(2, 1, most_blocks(problem, isa)) : 1;
    config.knob[DIRECT_REDUCE] = wn_clamp(LONGEST / taps / config.knob[DIRECT_BLOCKS], 1, inputs);
    config.knob[DIRECT_ROWS] = wn_clamp(800 / width, 1, height);
    const int outputs = wn_blocks(problem->direction == WN_BWD_D ? problem->ic : problem->oc);
    const int steps = wn_ceil_div(height, problem->direction == WN_BWD_D ? problem->sh : 1);
    const int64_t items = (int64_t)wn_ceil_div(outputs, config.knob[DIRECT_BLOCKS]) *
                          wn_ceil_div(steps, config.knob[DIRECT_ROWS]);
    config.knob[DIRECT_IMAGES] = balanced_images(problem, default_images(problem), items, threads);
    return config;
}

static wn_config default_weights(const wn_problem *problem, wn_isa isa) {
    const int taps = problem->kh * problem->kw;
    const int inputs = problem->plain_src ? 1 : wn_conv_window(problem);
    const bool short_rows = problem->plain_src && problem->kw <= (isa == WN_ISA_AVX512 ? 7 : 3);
    const bool across = !problem->plain_src && problem->ow < 6 && problem->mb > problem->ow;
    const int preferred = short_rows                       ? (isa == WN_ISA_AVX512 ? 3 : 2)
                          : across && isa == WN_ISA_AVX512 ? 2
                                                           : 1;
    wn_config config = {0};
    config.knob[DIRECT_BLOCKS] = wn_clamp(preferred, 1, most_blocks(problem, isa));
    config.knob[DIRECT_REDUCE] = wn_clamp(9 / taps, 1, inputs);
    config.knob[DIRECT_ROWS] = wn_clamp(800 / problem->ow, 1, problem->oh);
    config.knob[DIRECT_ACROSS] = across;
    const int64_t items = (int64_t)wn_ceil_div(wn_blocks(problem->oc), config.knob[DIRECT_BLOCKS]) *
                          wn_ceil_div(inputs, config.knob[DIRECT_REDUCE]);
    const int chunks = wn_ceil_div(8, wn_clamp(items, 1, 8));
    config.knob[DIRECT_IMAGES] = wn_ceil_div(problem->mb, wn_clamp(chunks, 1, problem->mb));
    return config;
}

/* The default, and one step away from it along every knob. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    const bool weights = problem->direction == WN_BWD_WB;
    const wn_config base = weights ? default_weights(problem, isa) : default_gather(problem, isa, threads);
    const int most = most_blocks(problem, isa);
    const int height = problem->direction == WN_BWD_D ? problem->ih : problem->oh;
    const int inputs = weights ? (problem->plain_src ? 1 : wn_conv_window(problem))
                               : wn_blocks(problem->direction == WN_BWD_D ? problem->oc : problem->ic);
    const int limit[] = {most, inputs, height, problem->mb};
    int count = 0;
    if (problem->direction == WN_BWD_D && wn_direct_is_linear(problem) && problem->mb > 1)
        count = wn_configs_add(list, count, room, across_linear(problem, isa));
    count = wn_configs_add(list, count, room, base);
    for (int blocks = 1; blocks <= most; blocks++) {
        wn_config config = base;
        config.knob[DIRECT_BLOCKS] = blocks;
        count = wn_configs_add(list, count, room, config);
    }
    for (int knob = DIRECT_REDUCE; knob <= DIRECT_IMAGES; knob++)
        for (int bigger = 0; bigger < 3; bigger++) {
            wn_config config = base;
            const int64_t value = base.knob[knob];
            config.knob[knob] = wn_clamp(bigger == 0   ? value / 2
                                         : bigger == 1 ? value * 2
                                                       : limit[knob],
                                         1, limit[knob]);
            count = wn_configs_add(list, count, room, config);
        }
    if (weights && !problem->plain_src && problem->ow <= 16) {
        wn_config config = base;
        config.knob[DIRECT_ACROSS] = !config.knob[DIRECT_ACROSS];
        count = wn_configs_add(list, count, room, config);
    }
    return count < room ? count : room;
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *problem = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const bool linear = problem->direction == WN_BWD_D && knob[DIRECT_ACROSS];
    const int most =
        linear ? blocks_of_tile(plan->isa, wn_blocks(problem->mb)) : most_blocks(problem, plan->isa);
    for (int i = 0; i < DIRECT_ACROSS; i++)
        if (knob[i] < 1)
            return wn_error(WN_ERROR_INVALID, "direct: config %s=%d: expected at least 1", knobs[i], knob[i]);
    const bool across = problem->direction == WN_BWD_D
                            ? wn_direct_is_linear(problem)
                            : problem->direction == WN_BWD_WB && !problem->plain_src;
    if (knob[DIRECT_ACROSS] != 0 && !(knob[DIRECT_ACROSS] == 1 && across))
        return wn_error(WN_ERROR_INVALID, "direct: config across=%d: expected 0%s", knob[DIRECT_ACROSS],
                        across ? " or 1" : " here");
    if (knob[DIRECT_BLOCKS] > most)
        return wn_error(WN_ERROR_INVALID, "direct: config blocks=%d: at most %d with %s here",
                        knob[DIRECT_BLOCKS], most, wn_isa_name(plan->isa));
    if (problem->direction == WN_BWD_WB)
        return wn_direct_weights_plan(plan);
    return knob[DIRECT_ACROSS] ? wn_direct_linear_plan(plan) : wn_direct_gather_plan(plan);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    if (plan->problem.direction == WN_BWD_WB)
        wn_direct_weights_run(plan, args, phase, tid, nthreads);
    else if (plan->config.knob[DIRECT_ACROSS])
        wn_direct_linear_run(plan, args, phase, tid, nthreads);
    else
        wn_direct_gather_run(plan, args, phase, tid, nthreads);
}

static bool masks(const wn_conv_plan *plan) {
    return !plan->config.knob[DIRECT_ACROSS];
}

const wn_conv_impl wn_conv_direct = {.name = "direct",
                                     .knobs = knobs,
                                     .refuse = refuse,
                                     .configs = configs,
                                     .plan = plan,
                                     .run = run,
                                     .masks = masks};

void wn_direct_run_rows(const wn_tiles *tiles, wn_tile_kind kind, wn_tile *tile, int rows, int blocks,
                        wn_ahead *ahead) {
    const int parts = wn_ceil_div(rows, tiles->max_rows[blocks]);
    const float *a = tile->a;
    float *c = tile->c;
    if (kind == WN_TILE_PIXELS)
        kind = wn_tile_of_pixels(tile);
    for (int part = 0; part < parts; part++) {
        const int begin = wn_part_begin(rows, parts, part), end = wn_part_begin(rows, parts, part + 1);
        tile->a = a + begin * tile->a_row;
        tile->c = c + begin * tile->c_row;
        tile->next = (end - begin) * tile->a_row;
        if (ahead)
            wn_ahead_fetch(ahead);
        tiles->run[kind][blocks][end - begin](tile);
    }
}

double wn_direct_rows_cost(const wn_tiles *tiles, wn_isa isa, int rows, int blocks) {
    const int lanes = isa == WN_ISA_AVX512 ? 16 : isa == WN_ISA_AVX2 ? 8 : 4;
    const int parts = wn_ceil_div(rows, tiles->max_rows[blocks]);
    const int work = wn_ceil_div(rows, parts) * blocks * (WN_BLOCK / lanes);
    return parts * ((work < 8 ? 8 : work) + 1);
}

wn_axis wn_axis_make(const wn_problem *problem, bool vertical, int in_size, int out_size) {
    const bool backward = problem->direction == WN_BWD_D;
    const int stride = vertical ? problem->sh : problem->sw;
    return (wn_axis){
        .backward = backward,
        .classes = backward ? stride : 1,
        .in_step = backward ? 1 : stride,
        .in_size = in_size,
        .out_size = out_size,
        .kernel = vertical ? problem->kh : problem->kw,
        .dilate = (vertical ? problem->dh : problem->dw) + 1,
        .pad = vertical ? problem->ph : problem->pw,
    };
}

void wn_axis_class(const wn_axis *axis, int class, wn_axis_taps *taps) {
    taps->count = 0;
    for (int k = 0; k < axis->kernel; k++) {
        int offset = k * axis->dilate - axis->pad;
        if (axis->backward) {
            offset = class - offset;
            if (offset % axis->classes != 0)
                continue;
            offset /= axis->classes;
        }
        taps->index[taps->count] = k;
        taps->offset[taps->count++] = offset;
    }
}

int wn_axis_length(const wn_axis *axis, int class) {
    return axis->out_size > class ? wn_ceil_div(axis->out_size - class, axis->classes) : 0;
}

wn_span wn_axis_span(const wn_axis *axis, const wn_axis_taps *taps, int j, int end) {
    wn_span span = {.begin = j, .end = end, .first = taps->count, .last = 0};
    for (int t = 0; t < taps->count; t++) {
        const int offset = taps->offset[t];
        const int enter = offset >= 0 ? 0 : wn_ceil_div(-offset, axis->in_step);
        const int leave = offset >= axis->in_size ? 0 : wn_ceil_div(axis->in_size - offset, axis->in_step);
        if (j >= enter && j < leave) {
            span.first = t < span.first ? t : span.first;
            span.last = t + 1;
        }
        if (enter > j && enter < span.end && enter < leave)
            span.end = enter;
        if (leave > j && leave < span.end && j >= enter)
            span.end = leave;
    }
    if (span.last == 0)
        span.first = 0;
    return span;
}
