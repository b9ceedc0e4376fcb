/* Panels: which problems can be counted, the configs, and the plan. */
#include "configs.h"
#include "direct.h"
#include "isa.h"
#include "panels.h"
#include <limits.h>

static const int most_pixels = INT_MAX / 64; /* of a map, and entries of a reduction: counted in int */

const char *wn_panels_refuse(const wn_problem *problem, wn_isa isa) {
    if (!wn_kernels_of(isa))
        return "this build has no kernels for the ISA";
    if (problem->g != 1)
        return "groups";
    if (problem->plain_src && problem->direction == WN_BWD_D)
        return "no gradient for a plain source";
    int64_t entries;
    if (__builtin_mul_overflow((int64_t)problem->kh * problem->kw, wn_blocks(problem->ic), &entries) ||
        entries > most_pixels || wn_blocks(problem->oc) > most_pixels ||
        (int64_t)problem->oh * problem->ow > most_pixels || (int64_t)problem->ih * problem->iw > most_pixels)
        return "a map or a reduction of more than 2^25 elements";
    return NULL;
}

bool wn_panels_scatters(const wn_problem *p) {
    return p->direction == WN_BWD_D && (p->kh != 1 || p->kw != 1 || p->ph != 0 || p->pw != 0 ||
                                        wn_problem_pad_right(p) > 0 || wn_problem_pad_below(p) > 0);
}

bool wn_panels_strided(const wn_problem *p) {
    return p->sh > 1 || p->sw > 1 || p->ih != p->oh || p->iw != p->ow;
}

/* Sizes that the knobs are chosen by. */
typedef struct extent {
    int pixels;              /* of dst's map */
    int entries, out_blocks; /* of the reduction; of what is written. BWD_WB: of the weights */
    int taps;
    bool flat; /* panels may be read where they lie */
} extent;

static extent extent_of(const wn_problem *p) {
    const int taps = p->kh * p->kw, in_blocks = wn_blocks(p->ic), out_blocks = wn_blocks(p->oc);
    const bool backward = p->direction == WN_BWD_D;
    return (extent){
        .pixels = p->oh * p->ow,
        .entries = backward       ? out_blocks
                   : p->plain_src ? wn_blocks(taps * p->ic)
                                  : taps * in_blocks,
        .out_blocks = backward ? in_blocks : out_blocks,
        .taps = taps,
        .flat = backward || (p->sh == 1 && p->sw == 1 && p->ih == p->oh && p->iw == p->ow),
    };
}

/* The largest number of blocks that a tile may have here, at most `wanted`. */
static int blocks_of_tile(const wn_problem *problem, wn_isa isa, int wanted) {
    const wn_tiles *tiles = wn_kernels_of(isa)->tiles;
    const extent size = extent_of(problem);
    const int columns = wn_panels_scatters(problem) ? size.out_blocks * size.taps : size.out_blocks;
    int blocks = 1;
    while (blocks < wanted && blocks < WN_TILE_MAX_BLOCKS && blocks < columns && tiles->max_rows[blocks + 1])
        blocks++;
    return blocks;
}

static int64_t panels_of(const wn_problem *problem, int pixels) {
    return ((int64_t)problem->mb * problem->oh * problem->ow - 1) / pixels + 1;
}

/* Panels by dst's gradient. Small maps take small panels, since nothing is multiplied before the first one
 * has come from memory. Where the maps outweigh the weights they are summed in chunks, so that threads read
 * different maps; else the weights are divided, until there are a few items for threads to share. Panels that
 * are copied are copied for each group of outputs, so those stay together. */
static wn_config default_weights(const wn_problem *problem, bool in_place) {
    enum { PANEL = 192, SMALL_MAP = 64, ENTRIES = 18, OUTPUTS = 16, ITEMS = 4, MOST_CHUNKS = 8 };
    const extent size = extent_of(problem);
    const bool small = size.pixels <= SMALL_MAP;
    const bool copies = !in_place || !(size.flat || small);
    const double maps =
        (double)problem->mb * size.pixels * ((double)size.entries / size.taps + size.out_blocks) / WN_BLOCK;
    const double weights = (double)size.entries * size.out_blocks;
    int chunks = 1, in_groups = wn_ceil_div(size.entries, ENTRIES);
    int out_groups = copies ? 1 : wn_ceil_div(size.out_blocks, OUTPUTS);
    while (chunks < MOST_CHUNKS && maps > 12 * weights * chunks)
        chunks *= 2;
    while ((int64_t)chunks * in_groups * out_groups < ITEMS) {
        const bool outputs = !copies && size.out_blocks / out_groups > size.entries / in_groups;
        int *groups = outputs ? &out_groups : &in_groups;
        if (*groups == (outputs ? size.out_blocks : size.entries))
            break;
        *groups = wn_clamp(2 * *groups, 1, outputs ? size.out_blocks : size.entries);
    }
    wn_config config = {0};
    config.knob[PANELS_PIXELS] = small && !copies ? PANEL / 2 : PANEL;
    config.knob[PANELS_REDUCE] = wn_ceil_div(size.entries, in_groups);
    config.knob[PANELS_BLOCKS] = 1;
    config.knob[PANELS_OUTPUTS] = wn_ceil_div(size.out_blocks, out_groups);
    config.knob[PANELS_CHUNKS] = wn_clamp(panels_of(problem, config.knob[PANELS_PIXELS]), 1, chunks);
    config.knob[PANELS_COPY] = in_place && copies;
    return config;
}

/* Lines of a panel that leave most of the second-level cache (1 MB with AVX-512, 512 KB with AVX2) to the
 * weights and results that it meets. */
static int lines_of_panel(wn_isa isa) {
    return isa == WN_ISA_AVX512 ? 6400 : 3200;
}

/* BWD_D with all pixels in one panel, outputs in about `groups` groups. */
static wn_config whole_panel(const wn_problem *problem, wn_isa isa, int groups) {
    enum { FEWEST_ENTRIES = 8 }; /* less means that results are read and written too often */
    const extent size = extent_of(problem);
    const int64_t pixels = (int64_t)problem->mb * size.pixels;
    wn_config config = {0};
    config.knob[PANELS_PIXELS] = wn_clamp(pixels, 1, most_pixels);
    config.knob[PANELS_REDUCE] =
        wn_clamp(wn_clamp(lines_of_panel(isa) / pixels, FEWEST_ENTRIES, INT_MAX), 1, size.entries);
    config.knob[PANELS_BLOCKS] = blocks_of_tile(problem, isa, isa == WN_ISA_AVX512 ? 2 : 1);
    config.knob[PANELS_OUTPUTS] = wn_ceil_div(size.out_blocks, groups);
    return config;
}

/* Whether `entries` entries of all pixels leave room in the cache: whether a whole panel is worth a try, with
 * more of them whether it is likely to be best. */
static bool may_be_whole(const wn_problem *problem, wn_isa isa, bool in_place, int entries) {
    return in_place && problem->direction == WN_BWD_D &&
           (int64_t)problem->mb * problem->oh * problem->ow <= lines_of_panel(isa) / entries;
}

/* What the other configs are steps away from. */
static wn_config base_config(const wn_problem *problem, wn_isa isa, bool in_place) {
    enum { PANEL = 192, ENTRIES = 18, ENTRIES_IN_PLACE = 128, ITEMS = 16, WORTH_COPYING = 8 };
    if (problem->direction == WN_BWD_WB)
        return default_weights(problem, in_place);
    const extent size = extent_of(problem);
    wn_config config = {0};
    int32_t *knob = config.knob;
    knob[PANELS_PIXELS] = wn_panels_scatters(problem) ? PANEL / 2 : PANEL;
    knob[PANELS_BLOCKS] = blocks_of_tile(problem, isa, isa == WN_ISA_AVX512 ? 2 : 1);
    knob[PANELS_COPY] = in_place && !size.flat;
    /* Copies that are complete serve all groups of outputs, and no partial sum is written. */
    const bool complete = knob[PANELS_COPY] && isa == WN_ISA_AVX512;
    knob[PANELS_REDUCE] = wn_clamp(
        (in_place && (complete || !knob[PANELS_COPY]) ? ENTRIES_IN_PLACE : ENTRIES) / knob[PANELS_BLOCKS], 1,
        size.entries);
    if (wn_panels_scatters(problem)) {
        knob[PANELS_OUTPUTS] = wn_clamp(knob[PANELS_BLOCKS], 1, size.out_blocks);
    } else {
        const int panels = wn_clamp(panels_of(problem, PANEL), 1, ITEMS);
        const int divided = wn_ceil_div(size.out_blocks, wn_ceil_div(ITEMS, panels));
        /* Every work item copies its panels: enough outputs to be worth it. */
        knob[PANELS_OUTPUTS] =
            wn_clamp(in_place && size.flat ? divided : WORTH_COPYING, divided, size.out_blocks);
    }
    return config;
}

int wn_panels_configs(const wn_problem *problem, wn_isa isa, bool in_place, wn_config *list, int room) {
    const extent size = extent_of(problem);
    const wn_config base = base_config(problem, isa, in_place);
    const int limit[] = {wn_clamp((int64_t)problem->mb * size.pixels, 1, 4096), size.entries,
                         blocks_of_tile(problem, isa, WN_TILE_MAX_BLOCKS), size.out_blocks,
                         problem->direction == WN_BWD_WB ? wn_clamp(panels_of(problem, base.knob[0]), 1, 64)
                                                         : 0};
    int count = 0;
    if (may_be_whole(problem, isa, in_place, 6) && panels_of(problem, base.knob[PANELS_PIXELS]) > 1)
        count = wn_configs_add(list, count, room, whole_panel(problem, isa, 8));
    count = wn_configs_add(list, count, room, base);
    for (int blocks = 1; blocks <= limit[PANELS_BLOCKS]; blocks++) {
        wn_config config = base;
        config.knob[PANELS_BLOCKS] = blocks;
        count = wn_configs_add(list, count, room, config);
    }
    for (int k = PANELS_PIXELS; k <= PANELS_CHUNKS; k++)
        for (int bigger = 0; bigger < 3 && k != PANELS_BLOCKS && limit[k] > 0; bigger++) {
            const int value = base.knob[k];
            wn_config config = base;
            config.knob[k] = wn_clamp(bigger == 0   ? value / 2
                                      : bigger == 1 ? value * 2
                                                    : value * 4,
                                      1, k == PANELS_PIXELS && limit[k] < value ? value : limit[k]);
            count = wn_configs_add(list, count, room, config);
        }
    for (int groups = 4; may_be_whole(problem, isa, in_place, 4) && groups <= 16; groups *= 2) {
        wn_config config = whole_panel(problem, isa, groups);
        count = wn_configs_add(list, count, room, config);
        config.knob[PANELS_REDUCE] = wn_ceil_div(config.knob[PANELS_REDUCE], 2);
        count = wn_configs_add(list, count, room, config);
    }
    if (problem->direction == WN_BWD_WB) { /* outputs divided instead of entries */
        wn_config config = base;
        config.knob[PANELS_REDUCE] = size.entries;
        for (int groups = 2; groups <= 4; groups *= 2) {
            config.knob[PANELS_OUTPUTS] = wn_ceil_div(size.out_blocks, groups);
            count = wn_configs_add(list, count, room, config);
        }
    }
    if (in_place && (size.flat || problem->direction == WN_BWD_WB)) {
        wn_config config = base;
        config.knob[PANELS_COPY] = !base.knob[PANELS_COPY];
        count = wn_configs_add(list, count, room, config);
    }
    return count < room ? count : room;
}

static wn_status check_knobs(const wn_conv_plan *plan, bool in_place) {
    const wn_problem *problem = &plan->problem;
    const int32_t *knob = plan->config.knob;
    const char *name = plan->impl->name;
    const bool weights = problem->direction == WN_BWD_WB;
    const int most = blocks_of_tile(problem, plan->isa, WN_TILE_MAX_BLOCKS);
    for (int k = PANELS_PIXELS; k <= PANELS_OUTPUTS; k++)
        if (knob[k] < 1)
            return wn_error(WN_ERROR_INVALID, "%s: config %s=%d: expected at least 1", name,
                            plan->impl->knobs[k], knob[k]);
    if (knob[PANELS_BLOCKS] > most)
        return wn_error(WN_ERROR_INVALID, "%s: config blocks=%d: at most %d with %s here", name,
                        knob[PANELS_BLOCKS], most, wn_isa_name(plan->isa));
    if (weights ? knob[PANELS_CHUNKS] < 1 : knob[PANELS_CHUNKS] != 0)
        return wn_error(WN_ERROR_INVALID, "%s: config chunks=%d: expected %s", name, knob[PANELS_CHUNKS],
                        weights ? "at least 1" : "0 here");
    const bool may_read = extent_of(problem).flat || weights;
    if (in_place && knob[PANELS_COPY] != 1 && !(knob[PANELS_COPY] == 0 && may_read))
        return wn_error(WN_ERROR_INVALID, "%s: config copy=%d: expected %s", name, knob[PANELS_COPY],
                        may_read ? "0 or 1" : "1 with strides or unused pixels");
    return wn_ok();
}

/* BWD_WB that reads pixels in place which are no neighbours: panels are whole rows. */
static bool lists_rows(const wn_conv_plan *plan) {
    return plan->problem.direction == WN_BWD_WB && !plan->derived[PANELS_COPIED] &&
           !extent_of(&plan->problem).flat;
}

/* As many whole maps, or parts of one, as come closest to the pixels that are wanted; parts are a multiple of
 * the tile's rows, or of the map's where each row is written by itself. */
static void divide(wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const int wanted = plan->config.knob[PANELS_PIXELS], map = p->oh * p->ow;
    int64_t *derived = plan->derived;
    derived[PANELS_IMAGE_GROUPS] = wn_ceil_div(p->mb, wn_clamp((wanted + map / 2) / map, 1, p->mb));
    derived[PANELS_IMAGES] = wn_ceil_div(p->mb, (int)derived[PANELS_IMAGE_GROUPS]);
    const bool strided = p->direction == WN_BWD_D && !wn_panels_scatters(p) && (p->sh > 1 || p->sw > 1);
    const int rows = wn_kernels_of(plan->isa)->tiles->max_rows[plan->config.knob[PANELS_BLOCKS]];
    const int unit = (strided && p->ow < wanted) || lists_rows(plan) ? p->ow : rows;
    const int parts = wn_clamp((map + wanted / 2) / wanted, 1, map), even = wn_ceil_div(map, parts);
    derived[PANELS_LENGTH] = wn_clamp(wn_ceil_div(even, unit) * (int64_t)unit, 1, map);
    derived[PANELS_PARTS] = wn_ceil_div(map, (int)derived[PANELS_LENGTH]);
}

/* Takes `count` times `each` bytes, in whole cache lines, and says where they start. */
static bool take(int64_t *bytes, int64_t *start, int64_t count, int64_t each) {
    int64_t size;
    *start = *bytes;
    return !__builtin_mul_overflow(count, each, &size) && !__builtin_add_overflow(size, 63, &size) &&
           !__builtin_add_overflow(*bytes, size / 64 * 64, bytes);
}

/* One thread's buffers: columns, list of entries, and in BWD_WB the copied gradient. */
static bool take_private(wn_conv_plan *plan, int64_t *bytes) {
    const int32_t *knob = plan->config.knob;
    int64_t *derived = plan->derived;
    const wn_panels s = wn_panels_of(plan);
    const int reduce = knob[PANELS_REDUCE] < s.entries ? knob[PANELS_REDUCE] : s.entries;
    const int outputs = knob[PANELS_OUTPUTS] < s.out_blocks ? knob[PANELS_OUTPUTS] : s.out_blocks;
    int64_t columns = plan->problem.plain_src ? (int64_t)reduce * WN_BLOCK : reduce, start;
    if (!derived[PANELS_COPIED])
        columns = 0;
    if (wn_panels_scatters(&plan->problem))
        columns = (int64_t)outputs * s.taps;
    const bool weights = plan->problem.direction == WN_BWD_WB;
    const int64_t gradient = weights && derived[PANELS_IMAGES] > 1
                                 ? derived[PANELS_IMAGES] * derived[PANELS_LENGTH] * knob[PANELS_BLOCKS]
                                 : 0;
    const int64_t runs = lists_rows(plan) ? derived[PANELS_LENGTH] / plan->problem.ow : 1;
    const int64_t taps = weights ? derived[PANELS_IMAGES] * runs : reduce;
    const bool turns = derived[PANELS_TURNS];
    const int64_t turned = turns ? (int64_t)reduce * knob[PANELS_BLOCKS] : 0;
    const int64_t results = turns && wn_panels_strided(&plan->problem) ? s.pixels * (int64_t)outputs : 0;
    return take(bytes, &start, columns, s.distance * (int)sizeof(float)) &&
           take(bytes, &derived[PANELS_TAPS], taps, sizeof(wn_tap)) &&
           take(bytes, &derived[PANELS_GRADIENT], gradient, WN_BLOCK * sizeof(float)) &&
           take(bytes, &derived[PANELS_TURNED], turned, WN_BLOCK * WN_BLOCK * sizeof(float)) &&
           take(bytes, &derived[PANELS_RESULTS], results,
                (int64_t)plan->problem.mb * WN_BLOCK * (int)sizeof(float));
}

wn_status wn_panels_plan(wn_conv_plan *plan, bool in_place) {
    const wn_problem *p = &plan->problem;
    int64_t *derived = plan->derived, bytes = 0, start, private = 0;
    WN_TRY(check_knobs(plan, in_place));
    derived[PANELS_COPIED] = in_place ? plan->config.knob[PANELS_COPY] : 1;
    divide(plan);
    const int64_t panels = wn_panels_count(plan), wanted = plan->config.knob[PANELS_CHUNKS];
    derived[PANELS_SUMS] = wanted < panels ? wanted : panels;
    const bool chunked = derived[PANELS_SUMS] > 1;
    derived[PANELS_TURNS] = p->direction == WN_BWD_D && !wn_panels_scatters(p) && panels == 1;
    const bool turns_before = p->direction == WN_BWD_D && !derived[PANELS_TURNS];
    const int64_t shared = turns_before ? 1 : chunked ? derived[PANELS_SUMS] : 0;
    bool fits = take(&bytes, &start, shared, wn_conv_weights_floats(p) * (int)sizeof(float)) &&
                take(&bytes, &derived[PANELS_BIAS], chunked ? shared : 0,
                     wn_blocks(p->oc) * WN_BLOCK * (int64_t)sizeof(float));
    fits = fits && take_private(plan, &private) && private < INT64_MAX / 2;
    derived[PANELS_PRIVATE_BYTES] = fits ? wn_conv_apart(private) : 0;
    fits = fits && take(&bytes, &derived[PANELS_PRIVATE], plan->threads, derived[PANELS_PRIVATE_BYTES]);
    if (!fits)
        return wn_error(WN_ERROR_INVALID, "%s: the bytes of the workspace do not fit 63 bits",
                        plan->impl->name);
    plan->workspace_bytes = (size_t)bytes;
    plan->phases = turns_before || chunked ? 2 : 1;
    return wn_ok();
}
