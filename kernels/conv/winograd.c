/* Winograd's convolution for 3x3 and 5x5 kernels with stride 1: what is supported, the configs, and the
 * geometry of tiles. The passes are in winograd_gather.c (FWD_B, BWD_D) and winograd_weights.c (BWD_WB), the
 * arithmetic of the transforms in winograd_transforms.c.
 *
 * The output is cut into tiles of m x m pixels, the tiles of all images run on into each other. Each element
 * of the transformed patches makes a matrix product of its own: tiles x input channels x output channels, on
 * the register tiles of kernels/gemm. Tiles at ragged borders are whole tiles of which only the pixels on the
 * map are read and written. */
#include "winograd.h"
#include "configs.h"
#include "direct.h"
#include "isa.h"
#include "pool.h"

enum { MAX_GROUPS = 1 << 28 }; /* phases are counted in int */

static const char *const knobs[] = {"tile", "tiles", "blocks", "reduce", "outputs", "divide", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (!wn_kernels_of(isa))
        return "this build has no kernels for the ISA";
    if (problem->plain_src)
        return "no plain source";
    if (problem->g != 1)
        return "no groups";
    if (problem->sh != 1 || problem->sw != 1)
        return "stride 1 only";
    if (problem->dh != 0 || problem->dw != 0)
        return "no dilation";
    if (problem->kh != problem->kw || (problem->kh != 3 && problem->kh != 5))
        return "kernels 3x3 and 5x5 only";
    return NULL;
}

static int size_of(wn_isa isa, int tile, int kernel) {
    const wn_winograd_transforms *sizes = wn_kernels_of(isa)->winograd;
    for (int i = 0; i < WN_WINOGRAD_SIZES; i++)
        if (sizes[i].tile == tile && sizes[i].kernel == kernel)
            return i;
    return -1;
}

static int most_blocks(const wn_problem *problem, wn_isa isa) {
    const wn_tiles *tiles = wn_kernels_of(isa)->tiles;
    const int outputs = wn_blocks(problem->direction == WN_BWD_D ? problem->ic : problem->oc);
    int blocks = 1;
    while (blocks < outputs && blocks < WN_TILE_MAX_BLOCKS && tiles->max_rows[blocks + 1])
        blocks++;
    return blocks;
}

/* The maps that the tiles cover, and the blocks on both sides of the products. */
typedef struct extent {
    int height, width, in_blocks, out_blocks;
} extent;

static extent extent_of(const wn_problem *problem) {
    const bool backward = problem->direction == WN_BWD_D;
    const int ic = wn_blocks(problem->ic), oc = wn_blocks(problem->oc);
    return (extent){.height = backward ? problem->ih : problem->oh,
                    .width = backward ? problem->iw : problem->ow,
                    .in_blocks = backward ? oc : ic,
                    .out_blocks = backward ? ic : oc};
}

static int64_t count_tiles(const wn_problem *problem, int tile) {
    const extent size = extent_of(problem);
    return (int64_t)problem->mb * wn_ceil_div(size.height, tile) * wn_ceil_div(size.width, tile);
}

/* The tile that multiplies least; the rounding errors of larger ones must be worth a sixth. */
static int default_tile(const wn_problem *problem, wn_isa isa) {
    const wn_winograd_transforms *sizes = wn_kernels_of(isa)->winograd;
    int best = 0;
    double least = 0;
    for (int i = 0; i < WN_WINOGRAD_SIZES; i++) {
        const double patch = sizes[i].tile + sizes[i].kernel - 1;
        const double products = (double)count_tiles(problem, sizes[i].tile) * patch * patch;
        if (sizes[i].kernel == problem->kh && (best == 0 || products * 7 < least * 6)) {
            best = sizes[i].tile;
            least = products;
        }
    }
    return best;
}

/* What configs depend on. */
typedef struct problem_view {
    extent size;
    wn_isa isa;
    int threads, tile, patch, most_blocks;
    int64_t tiles; /* of all images */
    bool gradient; /* of the weights */
} problem_view;

static problem_view view_of(const wn_problem *problem, wn_isa isa, int threads, int tile) {
    return (problem_view){.size = extent_of(problem),
                          .isa = isa,
                          .threads = threads,
                          .tile = tile,
                          .patch = tile + problem->kh - 1,
                          .most_blocks = most_blocks(problem, isa),
                          .tiles = count_tiles(problem, tile),
                          .gradient = problem->direction == WN_BWD_WB};
}

/* How many times the transformed tiles of both sides are as large as the transformed weights. */
static double tiles_to_weights(const problem_view *view) {
    return (double)view->tiles * (view->size.in_blocks + view->size.out_blocks) /
           ((double)view->size.in_blocks * view->size.out_blocks * WN_BLOCK);
}

/* By outputs: items whose transformed weights stay in the second-level cache, and at least one a thread. */
static void divide_by_outputs(const problem_view *view, int outputs, wn_config *config) {
    enum { INPUTS = 8 };
    config->knob[WINOGRAD_DIVIDE] = WINOGRAD_BY_OUTPUTS;
    config->knob[WINOGRAD_OUTPUTS] = wn_clamp(outputs, 1, wn_ceil_div(view->size.out_blocks, view->threads));
    config->knob[WINOGRAD_REDUCE] = wn_clamp(INPUTS, 1, view->size.in_blocks);
}

/* By tiles: a group's transformed tiles stay in the second-level cache where that lets the weights be read
 * seldom enough, and every thread has as many groups. */
static void divide_by_tiles(const problem_view *view, wn_config *config) {
    enum { LARGE_WEIGHTS = 4 << 20, REDUCE = 32 };
    const int64_t weights = (int64_t)view->size.in_blocks * view->size.out_blocks * view->patch *
                            view->patch * WN_BLOCK * WN_BLOCK;
    const int few = view->isa == WN_ISA_AVX512 ? 28 : 24; /* whole register tiles */
    const int wanted = weights > LARGE_WEIGHTS ? 2 * few : few;
    const int64_t rounds = ((view->tiles - 1) / wanted + view->threads) / view->threads;
    config->knob[WINOGRAD_DIVIDE] = WINOGRAD_BY_TILES;
    config->knob[WINOGRAD_TILES] = (int32_t)((view->tiles - 1) / (rounds * view->threads) + 1);
    config->knob[WINOGRAD_OUTPUTS] = view->size.out_blocks;
    config->knob[WINOGRAD_REDUCE] = wn_clamp(REDUCE, 1, view->size.in_blocks);
}

/* No knob but the tile changes a sum or its order, so the threads may have a say. */
static wn_config default_config(const problem_view *view) {
    enum { FEW_TILES = 14, TILES_OF_GRADIENT = 128 };
    wn_config config = {0};
    config.knob[WINOGRAD_TILE] = view->tile;
    config.knob[WINOGRAD_BLOCKS] = wn_clamp(view->isa == WN_ISA_AVX512 ? 2 : 1, 1, view->most_blocks);
    if (view->gradient) {
        config.knob[WINOGRAD_TILES] = TILES_OF_GRADIENT;
        if (tiles_to_weights(view) < 1)
            divide_by_outputs(view, 2, &config);
    } else {
        divide_by_tiles(view, &config);
        if (config.knob[WINOGRAD_TILES] < FEW_TILES || tiles_to_weights(view) < 1)
            divide_by_outputs(view, 4, &config);
    }
    return config;
}

/* The default of one tile size, and one step away from it along every knob. */
static int add_size(const problem_view *view, wn_config *list, int count, int room) {
    const wn_config base = default_config(view);
    wn_config config = base;
    count = wn_configs_add(list, count, room, config);
    for (int blocks = 1; blocks <= view->most_blocks; blocks++) {
        config.knob[WINOGRAD_BLOCKS] = blocks;
        count = wn_configs_add(list, count, room, config);
    }
    config = base;
    config.knob[WINOGRAD_DIVIDE] = WINOGRAD_BY_TILES;
    if (view->gradient)
        config.knob[WINOGRAD_OUTPUTS] = config.knob[WINOGRAD_REDUCE] = 0;
    else
        divide_by_tiles(view, &config);
    const int32_t tiles = config.knob[WINOGRAD_TILES];
    for (int halves = 1; halves <= 4; halves *= 2) {
        config.knob[WINOGRAD_TILES] = (tiles * halves + 1) / 2;
        count = wn_configs_add(list, count, room, config);
    }
    if (tiles_to_weights(view) > 8)
        return count;
    config = base;
    for (int outputs = 1; outputs <= 4; outputs *= 2) {
        divide_by_outputs(view, outputs, &config);
        count = wn_configs_add(list, count, room, config);
    }
    config.knob[WINOGRAD_REDUCE] = view->size.in_blocks;
    return wn_configs_add(list, count, room, config);
}

/* The sizes of transforms, the best one first. */
static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    const wn_winograd_transforms *sizes = wn_kernels_of(isa)->winograd;
    const problem_view best = view_of(problem, isa, threads, default_tile(problem, isa));
    int count = wn_configs_add(list, 0, room, default_config(&best));
    for (int i = 0; i < WN_WINOGRAD_SIZES; i++)
        if (sizes[i].kernel == problem->kh) {
            const problem_view view = view_of(problem, isa, threads, sizes[i].tile);
            count = add_size(&view, list, count, room);
        }
    return count < room ? count : room;
}

static wn_status check_knobs(const wn_conv_plan *plan) {
    const wn_problem *problem = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const int most = most_blocks(problem, plan->isa);
    if (size_of(plan->isa, knob[WINOGRAD_TILE], problem->kh) < 0)
        return wn_error(WN_ERROR_INVALID, "winograd: config tile=%d: no transforms for kernel %dx%d",
                        knob[WINOGRAD_TILE], problem->kh, problem->kw);
    if (knob[WINOGRAD_TILES] < 1)
        return wn_error(WN_ERROR_INVALID, "winograd: config tiles=%d: expected at least 1",
                        knob[WINOGRAD_TILES]);
    if (knob[WINOGRAD_BLOCKS] < 1 || knob[WINOGRAD_BLOCKS] > most)
        return wn_error(WN_ERROR_INVALID, "winograd: config blocks=%d: expected 1 to %d with %s here",
                        knob[WINOGRAD_BLOCKS], most, wn_isa_name(plan->isa));
    if (knob[WINOGRAD_DIVIDE] != WINOGRAD_BY_TILES && knob[WINOGRAD_DIVIDE] != WINOGRAD_BY_OUTPUTS)
        return wn_error(WN_ERROR_INVALID, "winograd: config divide=%d: expected 0 or 1",
                        knob[WINOGRAD_DIVIDE]);
    const bool items = problem->direction != WN_BWD_WB || knob[WINOGRAD_DIVIDE] == WINOGRAD_BY_OUTPUTS;
    if (items ? knob[WINOGRAD_REDUCE] < 1 : knob[WINOGRAD_REDUCE] != 0)
        return wn_error(WN_ERROR_INVALID, "winograd: config reduce=%d: expected %s", knob[WINOGRAD_REDUCE],
                        items ? "at least 1" : "0 here");
    if (items ? knob[WINOGRAD_OUTPUTS] < 1 : knob[WINOGRAD_OUTPUTS] != 0)
        return wn_error(WN_ERROR_INVALID, "winograd: config outputs=%d: expected %s", knob[WINOGRAD_OUTPUTS],
                        items ? "at least 1" : "0 here");
    return wn_ok();
}

static wn_status plan(wn_conv_plan *plan) {
    const wn_problem *problem = &plan->problem;
    const int32_t *knob = plan->config.knob;
    int64_t *derived = plan->derived;
    WN_TRY(check_knobs(plan));
    const bool backward = problem->direction == WN_BWD_D;
    const int tile = knob[WINOGRAD_TILE];
    derived[WINOGRAD_SIZE] = size_of(plan->isa, tile, problem->kh);
    derived[WINOGRAD_TILE_ROWS] = wn_ceil_div(backward ? problem->ih : problem->oh, tile);
    derived[WINOGRAD_TILE_COLUMNS] = wn_ceil_div(backward ? problem->iw : problem->ow, tile);
    derived[WINOGRAD_TOTAL_TILES] =
        problem->mb * derived[WINOGRAD_TILE_ROWS] * derived[WINOGRAD_TILE_COLUMNS];
    derived[WINOGRAD_TILE_GROUPS] = (derived[WINOGRAD_TOTAL_TILES] - 1) / knob[WINOGRAD_TILES] + 1;
    if (derived[WINOGRAD_TILE_GROUPS] > MAX_GROUPS)
        return wn_error(WN_ERROR_INVALID, "winograd: config tiles=%d makes %lld groups of tiles, at most %d",
                        knob[WINOGRAD_TILES], (long long)derived[WINOGRAD_TILE_GROUPS], MAX_GROUPS);
    return problem->direction == WN_BWD_WB ? wn_winograd_weights_plan(plan) : wn_winograd_gather_plan(plan);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    if (plan->problem.direction == WN_BWD_WB)
        wn_winograd_weights_run(plan, args, phase, tid, nthreads);
    else
        wn_winograd_gather_run(plan, args, phase, tid, nthreads);
}

static void prepare(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid, int nthreads) {
    (void)state;
    wn_winograd_gather_prepare(plan, args, tid, nthreads);
}

static bool approximate(const wn_conv_plan *plan) {
    (void)plan;
    return true;
}

static bool masks(const wn_conv_plan *plan) {
    (void)plan;
    return true;
}

extern const wn_conv_impl wn_conv_winograd;
const wn_conv_impl wn_conv_winograd = {.name = "winograd",
                                       .knobs = knobs,
                                       .refuse = refuse,
                                       .configs = configs,
                                       .plan = plan,
                                       .prepare = prepare,
                                       .run = run,
                                       .approximate = approximate,
                                       .masks = masks};

const wn_winograd_transforms *wn_winograd_transforms_of(const wn_conv_plan *plan) {
    return &wn_kernels_of(plan->isa)->winograd[plan->derived[WINOGRAD_SIZE]];
}

int64_t wn_winograd_tiles_of_group(const wn_conv_plan *plan) {
    return (plan->derived[WINOGRAD_TOTAL_TILES] - 1) / plan->derived[WINOGRAD_TILE_GROUPS] + 1;
}

bool wn_winograd_reserve(wn_conv_plan *plan, int place, int64_t blocks, int64_t rows, int64_t *floats) {
    const wn_winograd_transforms *transforms = wn_winograd_transforms_of(plan);
    const int64_t patch = transforms->tile + transforms->kernel - 1;
    int64_t *start = &plan->derived[place], *element = start + 1, *block = start + 2;
    int64_t lines, size;
    *start = *floats;
    return !__builtin_mul_overflow(rows | 1, WN_BLOCK, block) &&
           !__builtin_mul_overflow(rows | 1, blocks, &lines) &&
           !__builtin_mul_overflow(lines | 1, WN_BLOCK, element) &&
           !__builtin_mul_overflow(*element, patch * patch, &size) &&
           !__builtin_add_overflow(*floats, size, floats);
}

wn_winograd_buffer wn_winograd_buffer_at(const wn_conv_plan *plan, int place, void *workspace) {
    const int64_t *derived = &plan->derived[place];
    return (wn_winograd_buffer){(float *)workspace + derived[0], derived[1], derived[2]};
}

wn_winograd_maps wn_winograd_maps_of(const wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const bool backward = p->direction == WN_BWD_D;
    const int tile = plan->config.knob[WINOGRAD_TILE];
    return (wn_winograd_maps){
        .in_height = backward ? p->oh : p->ih,
        .in_width = backward ? p->ow : p->iw,
        .out_height = backward ? p->ih : p->oh,
        .out_width = backward ? p->iw : p->ow,
        .pad_above = backward ? p->kh - 1 - p->ph : p->ph,
        .pad_left = backward ? p->kw - 1 - p->pw : p->pw,
        .tile = tile,
        .patch = tile + p->kh - 1,
        .tile_rows = (int)plan->derived[WINOGRAD_TILE_ROWS],
        .tile_columns = (int)plan->derived[WINOGRAD_TILE_COLUMNS],
    };
}

wn_winograd_place wn_winograd_place_of(const wn_winograd_maps *maps, int64_t tile) {
    const int64_t row = tile / maps->tile_columns;
    return (wn_winograd_place){.image = row / maps->tile_rows,
                               .row = (int)(row % maps->tile_rows) * maps->tile,
                               .column = (int)(tile % maps->tile_columns) * maps->tile};
}

/* The square of `size` pixels from (top, left) on, as far as it lies on a map of height x width. */
static wn_winograd_patch cut(const float *map, int height, int width, int top, int left, int size) {
    wn_winograd_patch patch = {
        .row = (int64_t)width * WN_BLOCK,
        .row_begin = wn_clamp(-top, 0, size),
        .row_end = wn_clamp(height - top, 0, size),
        .column_begin = wn_clamp(-left, 0, size),
        .column_end = wn_clamp(width - left, 0, size),
    };
    if (patch.row_begin < patch.row_end && patch.column_begin < patch.column_end)
        patch.data =
            map + (top + patch.row_begin) * patch.row + (int64_t)(left + patch.column_begin) * WN_BLOCK;
    else
        patch.row_end = patch.column_end = 0; /* nothing of it: all zeros */
    return patch;
}

void wn_winograd_fetch(const wn_winograd_maps *maps, const float *block, int height, int width,
                       int64_t stride, int64_t tile, bool write) {
    const wn_winograd_place place = wn_winograd_place_of(maps, tile);
    const wn_winograd_patch pixels =
        cut(block + place.image * stride, height, width, place.row, place.column, maps->tile);
    for (int i = 0; i < pixels.row_end - pixels.row_begin; i++)
        for (int j = 0; j < pixels.column_end - pixels.column_begin; j++) {
            const float *pixel = pixels.data + i * pixels.row + j * WN_BLOCK;
            if (write)
                __builtin_prefetch(pixel, 1);
            else
                __builtin_prefetch(pixel, 0);
        }
}

wn_winograd_patch wn_winograd_patch_of(const wn_winograd_maps *maps, const wn_winograd_place *place,
                                       const float *block) {
    return cut(block, maps->in_height, maps->in_width, place->row - maps->pad_above,
               place->column - maps->pad_left, maps->patch);
}

wn_winograd_patch wn_winograd_tile_of(const wn_winograd_maps *maps, const wn_winograd_place *place,
                                      const float *block) {
    return cut(block, maps->out_height, maps->out_width, place->row, place->column, maps->tile);
}

void wn_winograd_transform_source(const wn_conv_plan *plan, const wn_winograd_maps *maps, const float *in,
                                  int64_t in_stride, int64_t begin, int64_t end, float *elements,
                                  int64_t element) {
    const wn_winograd_transforms *transforms = wn_winograd_transforms_of(plan);
    for (int64_t tile = begin; tile < end; tile++) {
        const wn_winograd_place place = wn_winograd_place_of(maps, tile);
        const wn_winograd_patch patch = wn_winograd_patch_of(maps, &place, in + place.image * in_stride);
        const int64_t ahead = tile + WINOGRAD_READ_AHEAD;
        if (ahead < plan->derived[WINOGRAD_TOTAL_TILES])
            wn_winograd_fetch(maps, in, maps->in_height, maps->in_width, in_stride, ahead, false);
        transforms->source(&patch, elements + (tile - begin) * WN_BLOCK, element);
    }
}
