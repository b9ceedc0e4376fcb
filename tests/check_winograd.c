/* Winograd's error, tile size by tile size, against the f64 reference on zero-mean data; bit-equality of
 * F(2x2) on suitable integers; odd shapes with any padding; the same bits for any number of threads; and what
 * is refused. That it fits into everything else is judged by check_conv with the other implementations. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"
#include "isa.h"

enum { MAX_THREADS = 3, RANDOM_SHAPES = 400, SAMPLE_SHAPES = 40, MAX_FAILURES = 40 };

/* A size of transforms and the relative L2 error it may have at 512 summed channels. */
typedef struct size_case {
    int tile, kernel;
    double bound;
} size_case;

/* F(2x2, 5x5) and F(4x4, 5x5) share patches and points with F(4x4, 3x3) and F(6x6, 3x3). */
static const size_case sizes[] = {{2, 3, 2e-6}, {4, 3, 1e-5}, {6, 3, 2e-5}, {2, 5, 1e-5}, {4, 5, 2e-5}};

enum { SIZES = sizeof sizes / sizeof *sizes };

static const double largest_bound = 2e-5;

static const wn_conv_impl *winograd;

static wn_problem problem_of(wn_direction direction, int mb, int ic, int oc, int h, int w, int kernel) {
    return (wn_problem){.direction = direction,
                        .mb = mb,
                        .g = 1,
                        .ic = ic,
                        .ih = h,
                        .iw = w,
                        .oc = oc,
                        .oh = h,
                        .ow = w,
                        .kh = kernel,
                        .kw = kernel,
                        .sh = 1,
                        .sw = 1,
                        .ph = kernel / 2,
                        .pw = kernel / 2};
}

/* Divided by outputs, or by tiles; blocks are taken one or two at a time, so that there are several parts. */
static wn_config config_of(const wn_problem *problem, int tile, int tiles, bool outputs) {
    wn_config config = {0};
    const bool none = problem->direction == WN_BWD_WB && !outputs;
    char text[96];
    snprintf(text, sizeof text, "tile=%d,tiles=%d,blocks=1,reduce=%d,outputs=%d,divide=%d", tile, tiles,
             none ? 0 : 2, none ? 0 : 1 + !outputs, outputs);
    wn_status status = wn_config_parse(winograd, text, &config);
    if (wn_failed(status)) {
        fprintf(stderr, "%s: %s\n", text, status.message);
        exit(1);
    }
    return config;
}

static void run_reference(const operand_set *before, operand_set *after, wn_pool *pool) {
    wn_conv_plan plan;
    wn_status status =
        wn_conv_plan_make(wn_conv_find("reference"), &before->problem, NULL, WN_ISA_PORTABLE,
                          wn_pool_threads(pool), before->src_stride, before->dst_stride, &plan);
    if (!wn_failed(status))
        status = run_plan(pool, &plan, before, after);
    if (wn_failed(status)) {
        fprintf(stderr, "reference: %s\n", status.message);
        exit(1);
    }
}

/* Plans and runs; counts a failure when that is not possible. */
static bool run_winograd(const operand_set *before, operand_set *after, const wn_config *config, wn_isa isa,
                         wn_pool *pool) {
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(winograd, &before->problem, config, isa, wn_pool_threads(pool),
                                         before->src_stride, before->dst_stride, &plan);
    if (!wn_failed(status)) {
        CHECK(winograd->approximate(&plan), "winograd claims to be exact");
        status = run_plan(pool, &plan, before, after);
    }
    return CHECK(!wn_failed(status), "%s", status.message);
}

/* Squared errors and values of border tiles and of interior tiles. */
typedef struct error_sums {
    double error[2], value[2];
} error_sums;

/* Whether the tile that holds pixel `at` of an axis reads or writes beyond the maps. */
static bool at_border(int at, int tile, int kernel, int pad, int in_size, int out_size) {
    const int start = at / tile * tile;
    return start - pad < 0 || start - pad + tile + kernel - 1 > in_size || start + tile > out_size;
}

static error_sums sum_errors(const operand_set *expected, const operand_set *found, int tile) {
    const wn_problem *p = &expected->problem;
    const bool forward = p->direction == WN_FWD_B;
    const int which = forward ? DST : SRC, c = forward ? p->oc : p->ic;
    const int64_t stride = forward ? expected->dst_stride : expected->src_stride;
    error_sums sums = {{0}, {0}};
    for (int n = 0; n < p->mb; n++)
        for (int block = 0; block < wn_blocks(c); block++)
            for (int y = 0; y < p->ih; y++)
                for (int x = 0; x < p->iw; x++) {
                    const int64_t at = n * stride + (((int64_t)block * p->ih + y) * p->iw + x) * WN_BLOCK;
                    const bool interior = !at_border(y, tile, p->kh, p->ph, p->ih, p->ih) &&
                                          !at_border(x, tile, p->kw, p->pw, p->iw, p->iw);
                    for (int lane = 0; lane < WN_BLOCK; lane++) {
                        const double a = expected->all[which].data[at + lane];
                        const double b = found->all[which].data[at + lane];
                        sums.error[interior] += (a - b) * (a - b);
                        sums.value[interior] += a * a;
                    }
                }
    return sums;
}

/* Forward and data gradient, `channels` summed. The map has whole and cut tiles on both axes. */
static void check_accuracy(const size_case *size, wn_direction direction, int channels, uint64_t seed,
                           wn_pool *pool) {
    const int h = 3 * size->tile + size->kernel - 2, w = 4 * size->tile + 1;
    wn_problem problem = problem_of(direction, 2, channels, 16, h, w, size->kernel);
    if (direction == WN_BWD_D)
        problem.ic = 16, problem.oc = channels;
    operand_set before = operands_make(&problem, false, false, REALS, seed);
    operand_set expected = operands_copy(&before), found = operands_copy(&before);
    const wn_config config = config_of(&problem, size->tile, 12, false);
    run_reference(&before, &expected, pool);
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
        if (!wn_kernels_of((wn_isa)isa) || !run_winograd(&before, &found, &config, (wn_isa)isa, pool))
            continue;
        const error_sums sums = sum_errors(&expected, &found, size->tile);
        const double border = sqrt(sums.error[0] / sums.value[0]);
        const double interior = sqrt(sums.error[1] / sums.value[1]);
        printf("F(%dx%d,%dx%d) %-6s %-8s %3d channels: border %.2g, interior %.2g, bound %.2g\n", size->tile,
               size->tile, size->kernel, size->kernel, wn_direction_name(direction), wn_isa_name((wn_isa)isa),
               channels, border, interior, size->bound);
        CHECK(border > 0 && border <= size->bound, "error of border tiles %.3g, at most %.3g", border,
              size->bound);
        CHECK(interior > 0 && interior <= size->bound, "error of interior tiles %.3g, at most %.3g", interior,
              size->bound);
    }
    operands_free(&before);
    operands_free(&expected);
    operands_free(&found);
}

/* The weights' gradient sums products over tiles as the forward pass sums them over channels, with the same
 * transforms on both sides. A running sum of n zero-mean terms is off by about u sqrt(n) of itself (partial
 * sums grow like sqrt(k), so the squares of their roundings add up to n^2 / 2), so the bound for 512 terms
 * holds below that number and grows with the square root beyond it. */
static double weights_bound(const size_case *size, double tiles) {
    return size->bound * fmax(1, sqrt(tiles / 512));
}

static void check_weights_accuracy(const size_case *size, int mb, int map, uint64_t seed, wn_pool *pool) {
    const wn_problem problem = problem_of(WN_BWD_WB, mb, 32, 16, map, map + 1, size->kernel);
    const double rows = (map + size->tile - 1) / size->tile, columns = (map + size->tile) / size->tile;
    const double tiles = mb * rows * columns, bound = weights_bound(size, tiles);
    operand_set before = operands_make(&problem, true, false, REALS, seed);
    operand_set expected = operands_copy(&before), found = operands_copy(&before);
    const wn_config config = config_of(&problem, size->tile, 128, false);
    run_reference(&before, &expected, pool);
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
        if (!wn_kernels_of((wn_isa)isa) || !run_winograd(&before, &found, &config, (wn_isa)isa, pool))
            continue;
        const difference d = operands_compare(&expected, &found);
        printf("F(%dx%d,%dx%d) BWD_WB %-8s %4.0f tiles: %.2g, bound %.2g\n", size->tile, size->tile,
               size->kernel, size->kernel, wn_isa_name((wn_isa)isa), tiles, d.relative_l2, bound);
        CHECK(d.relative_l2 > 0 && d.relative_l2 <= bound, "error %.3g, at most %.3g", d.relative_l2, bound);
    }
    operands_free(&before);
    operands_free(&expected);
    operands_free(&found);
}

/* Whether at least a quarter of what the direction writes differs from zero, padding not counted. */
static bool is_telling(const operand_set *expected) {
    const wn_problem *p = &expected->problem;
    const int64_t values = p->direction == WN_FWD_B   ? (int64_t)p->mb * p->oc * p->oh * p->ow
                           : p->direction == WN_BWD_D ? (int64_t)p->mb * p->ic * p->ih * p->iw
                                                      : (int64_t)p->oc * p->ic * p->kh * p->kw;
    int64_t nonzero = 0;
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; is_written(expected, which) && i < expected->all[which].floats; i++)
            nonzero += expected->all[which].memory[i] != 0 && !isnan(expected->all[which].memory[i]);
    return nonzero * 4 >= values;
}

/* F(2x2, 3x3) halves and quarters weights and their gradient, and adds: with weights that are multiples of 4,
 * every intermediate value is an integer below 2^24 (at most 33 channels of 32 * 128). */
static void check_integers(wn_direction direction, int mb, int ic, int oc, int h, int w, bool epilogue,
                           uint64_t seed, wn_pool *pool) {
    wn_problem problem = problem_of(direction, mb, ic, oc, h, w, 3);
    problem.relu = epilogue && direction == WN_FWD_B;
    problem.accumulate = epilogue;
    operand_set before = operands_make(&problem, direction != WN_BWD_D, epilogue, INTEGERS, seed);
    for (int64_t i = 0; i < wn_conv_weights_floats(&problem); i++)
        before.all[WEIGHTS].data[i] *= 4;
    operand_set expected = operands_copy(&before), found = operands_copy(&before);
    run_reference(&before, &expected, pool);
    CHECK(is_telling(&expected), "%s ic%d oc%d %dx%d: mostly zeros, which prove nothing",
          wn_direction_name(direction), ic, oc, h, w);
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++)
        for (int outputs = 0; outputs <= 1; outputs++) {
            const wn_config config = config_of(&problem, 2, 7, outputs);
            if (!wn_kernels_of((wn_isa)isa) || !run_winograd(&before, &found, &config, (wn_isa)isa, pool))
                continue;
            const difference d = operands_compare(&expected, &found);
            CHECK(d.wrong == 0,
                  "%s ic%d oc%d %dx%d %s: %" PRId64 " floats differ, first found %g, expected %g",
                  wn_direction_name(direction), ic, oc, h, w, wn_isa_name((wn_isa)isa), d.wrong,
                  (double)d.found, (double)d.expected);
        }
    operands_free(&before);
    operands_free(&expected);
    operands_free(&found);
}

/* Odd maps of 1 to 15 pixels, any padding and any output size that they allow (so the padding on the right is
 * anything between -2 and 4), channels that fill no block. */
static bool draw_shape(stream *s, int kernel, wn_problem *problem) {
    static const int channels[] = {1, 3, 15, 16, 17, 32, 40};
    *problem =
        problem_of(WN_FWD_B, stream_between(s, 1, 3), STREAM_PICK(s, channels), STREAM_PICK(s, channels),
                   stream_between(s, 1, 15), stream_between(s, 1, 15), kernel);
    problem->direction = (wn_direction)stream_between(s, 0, WN_DIRECTION_COUNT - 1);
    problem->ph = stream_between(s, 0, kernel - 1);
    problem->pw = stream_between(s, 0, kernel - 1);
    problem->oh = problem->ih + problem->ph + stream_between(s, -2, 4) - kernel + 1;
    problem->ow = problem->iw + problem->pw + stream_between(s, -2, 4) - kernel + 1;
    problem->relu = problem->direction == WN_FWD_B && stream_chance(s, 30);
    problem->accumulate = stream_chance(s, 50);
    return !wn_failed(wn_problem_check(problem)) && wn_problem_flops(problem) > 0;
}

/* The error of a pass, relative to the reference on absolute values: few outputs can cancel by chance, and
 * nothing can be said about their digits then. */
static double relative_to_terms(const operand_set *before, const operand_set *expected,
                                const operand_set *found, wn_pool *pool) {
    operand_set absolute = operands_copy(before), terms = operands_copy(before);
    absolute.problem.relu = false;
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; i < absolute.all[which].floats; i++)
            if (!isnan(absolute.all[which].memory[i]))
                absolute.all[which].memory[i] = fabsf(absolute.all[which].memory[i]);
    run_reference(&absolute, &terms, pool);
    double error = 0, norm = 0;
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; i < expected->all[which].floats; i++) {
            const float a = expected->all[which].memory[i], b = found->all[which].memory[i];
            if (!same_float(a, b))
                error += ((double)a - b) * ((double)a - b);
            if (is_written(expected, which) && !isnan(a))
                norm += (double)terms.all[which].memory[i] * terms.all[which].memory[i];
        }
    operands_free(&absolute);
    operands_free(&terms);
    return error == 0 ? 0 : sqrt(error / norm);
}

static void check_shape(stream *s, wn_pool *const pools[]) {
    const size_case *size = &sizes[stream_between(s, 0, SIZES - 1)];
    wn_problem problem;
    while (!draw_shape(s, size->kernel, &problem))
        continue;
    char text[256];
    wn_problem_format(&problem, text, sizeof text);
    operand_set before = operands_make(&problem, problem.direction != WN_BWD_D && stream_chance(s, 50),
                                       stream_chance(s, 50), REALS, stream_next(s));
    operand_set expected = operands_copy(&before), first = operands_copy(&before),
                other = operands_copy(&before);
    const wn_config drawn = config_of(&problem, size->tile, stream_between(s, 1, 20), stream_chance(s, 50));
    const wn_config *config = stream_chance(s, 30) ? NULL : &drawn; /* NULL: the default for the threads */
    const double bound = config ? size->bound : largest_bound;
    run_reference(&before, &expected, pools[0]);
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
        if (!wn_kernels_of((wn_isa)isa) || !run_winograd(&before, &first, config, (wn_isa)isa, pools[0]))
            continue;
        const double error = relative_to_terms(&before, &expected, &first, pools[0]);
        CHECK(error <= bound, "%s %s tile %d %s: error %.3g of the terms, at most %.3g",
              wn_direction_name(problem.direction), text, size->tile, wn_isa_name((wn_isa)isa), error, bound);
        CHECK(operands_dirty(&first) == 0, "%s %s tile %d: padding is not zero",
              wn_direction_name(problem.direction), text, size->tile);
        for (int threads = 2; threads <= MAX_THREADS; threads++) {
            if (!run_winograd(&before, &other, config, (wn_isa)isa, pools[threads - 1]))
                continue;
            const difference d = operands_compare(&first, &other);
            CHECK(d.wrong == 0, "%s %s tile %d %s: %d threads change %" PRId64 " floats",
                  wn_direction_name(problem.direction), text, size->tile, wn_isa_name((wn_isa)isa), threads,
                  d.wrong);
        }
    }
    operands_free(&before);
    operands_free(&expected);
    operands_free(&first);
    operands_free(&other);
}

/* Results so large that they go past the caches: the same bits as in two smaller halves of the batch, which
 * are written as usual. */
static void check_streamed(uint64_t seed, wn_pool *pool) {
    wn_problem whole = problem_of(WN_FWD_B, 8, 16, 64, 57, 58, 3), half = whole;
    half.mb /= 2;
    operand_set before = operands_make(&whole, true, false, REALS, seed), found = operands_copy(&before);
    operand_set part = operands_make(&half, true, false, REALS, seed);
    const int64_t bytes = wn_conv_src_floats(&half) * (int64_t)sizeof(float);
    memcpy(part.all[WEIGHTS].data, before.all[WEIGHTS].data,
           (size_t)wn_conv_weights_floats(&half) * sizeof(float));
    memcpy(part.all[BIAS].data, before.all[BIAS].data, (size_t)half.oc * sizeof(float));
    const wn_config config = config_of(&whole, 4, 28, false);
    for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
        if (!wn_kernels_of((wn_isa)isa) || !run_winograd(&before, &found, &config, (wn_isa)isa, pool))
            continue;
        for (int n = 0; n < 2; n++) {
            operand_set after = operands_copy(&part);
            memcpy(part.all[SRC].data, before.all[SRC].data + n * wn_conv_src_floats(&half), (size_t)bytes);
            if (run_winograd(&part, &after, &config, (wn_isa)isa, pool))
                CHECK(memcmp(after.all[DST].data, found.all[DST].data + n * wn_conv_dst_floats(&half),
                             (size_t)wn_conv_dst_floats(&half) * sizeof(float)) == 0,
                      "%s: half %d of a streamed result differs", wn_isa_name((wn_isa)isa), n);
            operands_free(&after);
        }
    }
    operands_free(&before);
    operands_free(&found);
    operands_free(&part);
}

static void check_refusals(void) {
    const struct {
        const char *problem, *reason;
    } refused[] = {{"mb1_ic16ih8oc16kh3sh2ph1", "stride"},
                   {"mb1_ic16ih8oc16kh3ph2dh1", "dilation"},
                   {"g2mb1_ic32ih8oc32kh3ph1", "groups"},
                   {"mb1_ic16ih8oc16kh1", "kernel"},
                   {"mb1_ic16ih8iw8oc16oh8ow8kh3kw5ph1pw2", "kernel"},
                   {"plain mb1_ic3ih8oc16kh3ph1", "plain"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const wn_problem problem = listed_problem(refused[i].problem);
        const char *reason = winograd->refuse(&problem, WN_ISA_PORTABLE);
        CHECK(reason && strstr(reason, refused[i].reason), "%s: found '%s', expected a word on the %s",
              refused[i].problem, reason ? reason : "supported", refused[i].reason);
    }
    const struct {
        wn_direction direction;
        const char *problem, *config, *message;
        wn_code code;
    } wrong[] = {
        {WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "tile=3,tiles=8,blocks=1,reduce=1,outputs=1,divide=0", "tile=3",
         WN_ERROR_INVALID},
        {WN_FWD_B, "mb1_ic16ih8oc16kh5ph2", "tile=6,tiles=8,blocks=1,reduce=1,outputs=1,divide=0", "tile=6",
         WN_ERROR_INVALID},
        {WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=0,blocks=1,reduce=1,outputs=1,divide=0", "tiles=0",
         WN_ERROR_INVALID},
        {WN_BWD_D, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=2,reduce=1,outputs=1,divide=0", "blocks=2",
         WN_ERROR_INVALID},
        {WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=0,outputs=1,divide=0", "reduce=0",
         WN_ERROR_INVALID},
        {WN_BWD_WB, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=1,outputs=0,divide=0",
         "reduce=1", WN_ERROR_INVALID},
        {WN_BWD_WB, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=0,outputs=1,divide=0",
         "outputs=1", WN_ERROR_INVALID},
        {WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=1,outputs=0,divide=1",
         "outputs=0", WN_ERROR_INVALID},
        {WN_BWD_WB, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=0,outputs=1,divide=1",
         "reduce=0", WN_ERROR_INVALID},
        {WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "tile=4,tiles=8,blocks=1,reduce=1,outputs=1,divide=2", "divide=2",
         WN_ERROR_INVALID},
        {WN_FWD_B, "mb64_ic512ih512oc512kh3ph1", "tile=4,tiles=48,blocks=1,reduce=1,outputs=1,divide=1",
         "workspace", WN_ERROR_MEMORY},
        {WN_BWD_WB, "mb4096_ic16ih16384oc16kh3ph1", "tile=2,tiles=1,blocks=1,reduce=0,outputs=0,divide=0",
         "tiles=1", WN_ERROR_INVALID},
        {WN_FWD_B, "mb2147483647_ic16777216ih1oc16kh3ph1",
         "tile=6,tiles=67108864,blocks=1,reduce=1,outputs=1,divide=1", "63 bits", WN_ERROR_INVALID},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        wn_problem problem = listed_problem(wrong[i].problem);
        wn_config config;
        wn_conv_plan plan;
        problem.direction = wrong[i].direction;
        wn_status status = wn_config_parse(winograd, wrong[i].config, &config);
        if (!wn_failed(status))
            status = wn_conv_plan_make(winograd, &problem, &config, WN_ISA_PORTABLE, 2, 0, 0, &plan);
        CHECK(status.code == wrong[i].code && strstr(status.message, wrong[i].message),
              "%s %s: found '%s' (code %d), expected code %d and '%s'", wrong[i].problem, wrong[i].config,
              status.message, status.code, wrong[i].code, wrong[i].message);
    }
}

static void check_errors(uint64_t seed, wn_pool *pool) {
    static const int channels[] = {64, 512, 128, 256}; /* the last two in the full run */
    for (int i = 0; i < SIZES; i++) {
        for (int c = 0; c < (check_full() ? 4 : 2); c++) {
            check_accuracy(&sizes[i], WN_FWD_B, channels[c], seed, pool);
            check_accuracy(&sizes[i], WN_BWD_D, channels[c], seed, pool);
        }
        check_weights_accuracy(&sizes[i], 2, 13, seed, pool);
        check_weights_accuracy(&sizes[i], check_full() ? 64 : 8, 28, seed, pool);
    }
}

static void check_exactness(uint64_t seed, wn_pool *pool) {
    static const int shapes[][5] = {
        {5, 2, 3, 2, 1}, {2, 3, 17, 5, 8}, {1, 16, 16, 13, 7}, {3, 33, 15, 4, 3}, {1, 17, 33, 15, 15}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            for (int epilogue = 0; epilogue < 2; epilogue++)
                check_integers((wn_direction)direction, shapes[i][0], shapes[i][1], shapes[i][2],
                               shapes[i][3], shapes[i][4], epilogue, seed + i, pool);
}

int main(void) {
    const uint64_t seed = check_seed();
    winograd = wn_conv_find("winograd");
    if (!CHECK(winograd != NULL, "no such implementation"))
        return check_finish("check_winograd");
    check_refusals();
    wn_pool *pools[MAX_THREADS];
    for (int i = 0; i < MAX_THREADS; i++)
        pools[i] = pool_make(i + 1);
    check_errors(seed, pools[0]);
    check_exactness(seed, pools[0]);
    check_streamed(seed, pools[MAX_THREADS - 1]);
    stream s = stream_of(seed, 0);
    for (int i = 0; i < (check_full() ? RANDOM_SHAPES : SAMPLE_SHAPES) && check_failed < MAX_FAILURES; i++)
        check_shape(&s, pools);
    for (int i = MAX_THREADS - 1; i >= 0; i--)
        wn_pool_destroy(pools[i]);
    return check_finish("check_winograd");
}
