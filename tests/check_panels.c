/* `1x1` and `im2col` with configs far from their defaults, bit by bit on small integers: panels of one pixel
 * and of whole batches, work items of one output block, more chunks than panels, panels read where they lie;
 * strides that leave pixels unused; and what is refused. check_conv judges their own configs with all
 * others'. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"
#include "isa.h"
#include "selected_isa.h"

enum { RANDOM_SHAPES = 1500, SAMPLE_SHAPES = 150, MAX_THREADS = 3, MAX_FAILURES = 40 };

static const double max_flops = 2e6;

/* A map's size, often such that the last rows and columns are read by no output. */
static int draw_size(stream *s, int kernel, int stride, int pad, int out) {
    const int size = (out - 1) * stride + kernel - pad + stream_between(s, -2, stride + 1);
    return size > 0 ? size : 1;
}

static bool draw_small_problem(stream *s, bool pointwise, wn_problem *p) {
    static const int channels[] = {1, 3, 16, 17, 40, 64, 100};
    *p = (wn_problem){.direction = (wn_direction)stream_between(s, 0, WN_DIRECTION_COUNT - 1),
                      .g = 1,
                      .mb = stream_between(s, 1, 9),
                      .ic = STREAM_PICK(s, channels),
                      .oc = STREAM_PICK(s, channels),
                      .kh = pointwise ? 1 : stream_between(s, 1, 5),
                      .kw = pointwise ? 1 : stream_between(s, 1, 5),
                      .sh = stream_between(s, 1, 3),
                      .sw = stream_between(s, 1, 3),
                      .oh = stream_between(s, 1, 9),
                      .ow = stream_between(s, 1, 9)};
    if (stream_chance(s, 40))
        p->sh = p->sw = 1;
    if (!pointwise) {
        p->dh = stream_chance(s, 25);
        p->dw = stream_chance(s, 25);
        p->ph = stream_between(s, 0, 2);
        p->pw = stream_between(s, 0, 2);
        p->plain_src = p->direction != WN_BWD_D && p->ic <= 3;
    }
    p->ih = draw_size(s, (p->kh - 1) * (p->dh + 1) + 1, p->sh, p->ph, p->oh);
    p->iw = draw_size(s, (p->kw - 1) * (p->dw + 1) + 1, p->sw, p->pw, p->ow);
    p->relu = p->direction == WN_FWD_B && stream_chance(s, 20);
    p->accumulate = stream_chance(s, 50);
    const double flops = wn_problem_flops(p);
    return !wn_failed(wn_problem_check(p)) && flops > 0 && flops <= max_flops;
}

/* Knobs between the smallest and more than there is; those that a plan refuses are drawn again. */
static wn_conv_plan draw_plan(stream *s, const wn_conv_impl *impl, const operand_set *before, wn_isa isa) {
    static const int sizes[] = {1, 2, 3, 5, 8, 13, 21, 100, 1000, WN_CONFIG_MOST};
    const wn_problem *p = &before->problem;
    for (;;) {
        wn_config config = {0};
        char text[128];
        int length = snprintf(text, sizeof text, "pixels=%d,reduce=%d,blocks=%d,outputs=%d,chunks=%d",
                              STREAM_PICK(s, sizes), STREAM_PICK(s, sizes), stream_between(s, 1, 4),
                              STREAM_PICK(s, sizes), p->direction == WN_BWD_WB ? STREAM_PICK(s, sizes) : 0);
        if (strcmp(impl->name, "1x1") == 0)
            snprintf(text + length, sizeof text - (size_t)length, ",copy=%d", stream_between(s, 0, 1));
        wn_conv_plan plan;
        wn_status status = wn_config_parse(impl, text, &config);
        if (wn_failed(status)) {
            fprintf(stderr, "%s: %s\n", text, status.message);
            exit(1);
        }
        if (!wn_failed(
                wn_conv_plan_make(impl, p, &config, isa, 1, before->src_stride, before->dst_stride, &plan)))
            return plan;
    }
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

static void check_config(const wn_conv_plan *drawn, const operand_set *before, const operand_set *expected,
                         operand_set *found, wn_pool *pool) {
    char problem[256], config[128];
    wn_problem_format(&drawn->problem, problem, sizeof problem);
    wn_config_format(drawn->impl, &drawn->config, config, sizeof config);
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(drawn->impl, &drawn->problem, &drawn->config, drawn->isa,
                                         wn_pool_threads(pool), drawn->src_stride, drawn->dst_stride, &plan);
    if (!wn_failed(status))
        status = run_plan(pool, &plan, before, found);
    if (!CHECK(!wn_failed(status), "%s(%s) %s: %s", drawn->impl->name, config, problem, status.message))
        return;
    const difference d = operands_compare(expected, found);
    CHECK(d.wrong == 0 && operands_dirty(found) == 0,
          "%s %s%s %s(%s) %s %d threads: %" PRId64 " floats wrong, first found %g, expected %g; padding %s",
          wn_direction_name(drawn->problem.direction), problem, drawn->problem.plain_src ? " plain" : "",
          drawn->impl->name, config, wn_isa_name(drawn->isa), plan.threads, d.wrong, (double)d.found,
          (double)d.expected, operands_dirty(found) ? "written" : "clean");
}

static void check_shape(stream *s, const wn_conv_impl *impl, wn_isa best, wn_pool *const pools[]) {
    wn_problem problem;
    while (!draw_small_problem(s, strcmp(impl->name, "1x1") == 0, &problem) ||
           impl->refuse(&problem, WN_ISA_PORTABLE))
        continue;
    operand_set before = operands_make(&problem, problem.direction != WN_BWD_D && stream_chance(s, 50),
                                       stream_chance(s, 50), INTEGERS, stream_next(s));
    operand_set expected = operands_copy(&before), found = operands_copy(&before);
    run_reference(&before, &expected, pools[0]);
    for (int isa = 0; isa <= (int)best; isa++) {
        if (!wn_kernels_of((wn_isa)isa))
            continue;
        const wn_conv_plan plan = draw_plan(s, impl, &before, (wn_isa)isa);
        for (int threads = 1; threads <= MAX_THREADS; threads++)
            check_config(&plan, &before, &expected, &found, pools[threads - 1]);
    }
    operands_free(&before);
    operands_free(&expected);
    operands_free(&found);
}

typedef struct refusal {
    const char *impl;
    wn_direction direction;
    const char *problem, *reason;
} refusal;

static void check_refusals(void) {
    static const refusal refused[] = {{"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "not 1x1"},
                                      {"1x1", WN_FWD_B, "mb1_ic16ih8oc16oh10kh1ph1", "padding"},
                                      {"1x1", WN_FWD_B, "mb1_ic16ih8oc16oh9kh1", "padding"},
                                      {"1x1", WN_FWD_B, "g2mb1_ic32ih8oc32kh1", "groups"},
                                      {"1x1", WN_FWD_B, "plain mb1_ic3ih8oc16kh1", "plain"},
                                      {"im2col", WN_BWD_D, "plain mb1_ic3ih8oc16kh3ph1", "plain"},
                                      {"im2col", WN_BWD_WB, "g2mb1_ic32ih8oc32kh3ph1", "groups"},
                                      {"im2col", WN_FWD_B, "mb1_ic16ih8192oc16kh3ph1", "2^25"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        wn_problem problem = listed_problem(refused[i].problem);
        problem.direction = refused[i].direction;
        const char *reason = wn_conv_find(refused[i].impl)->refuse(&problem, WN_ISA_PORTABLE);
        CHECK(reason && strstr(reason, refused[i].reason), "%s %s: found '%s', expected '%s'",
              refused[i].impl, refused[i].problem, reason ? reason : "supported", refused[i].reason);
    }
}

typedef struct mistake {
    const char *impl;
    wn_direction direction;
    const char *problem, *config, *message;
    wn_code code;
} mistake;

static void check_mistakes(void) {
    static const mistake mistakes[] = {
        {"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh1", "pixels=0,reduce=1,blocks=1,outputs=1,chunks=0,copy=1",
         "pixels=0", WN_ERROR_INVALID},
        {"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh1", "pixels=8,reduce=0,blocks=1,outputs=1,chunks=0,copy=1",
         "reduce=0", WN_ERROR_INVALID},
        {"1x1", WN_BWD_D, "mb1_ic16ih8oc16kh1", "pixels=8,reduce=1,blocks=2,outputs=1,chunks=0,copy=1",
         "blocks=2", WN_ERROR_INVALID},
        {"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh1", "pixels=8,reduce=1,blocks=1,outputs=1,chunks=1,copy=1",
         "chunks=1", WN_ERROR_INVALID},
        {"1x1", WN_BWD_WB, "mb1_ic16ih8oc16kh1", "pixels=8,reduce=1,blocks=1,outputs=1,chunks=0,copy=1",
         "chunks=0", WN_ERROR_INVALID},
        {"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh1sh2", "pixels=8,reduce=1,blocks=1,outputs=1,chunks=0,copy=0",
         "copy=0", WN_ERROR_INVALID},
        {"1x1", WN_FWD_B, "mb1_ic16ih8oc16kh1", "pixels=8,reduce=1,blocks=1,outputs=1,chunks=0,copy=2",
         "copy=2", WN_ERROR_INVALID},
        {"im2col", WN_FWD_B, "mb1_ic16ih8oc16kh3ph1", "pixels=8,reduce=1,blocks=1,outputs=-1,chunks=0",
         "outputs=-1", WN_ERROR_INVALID},
        {"im2col", WN_FWD_B, "mb64_ic1024ih512oc512kh3ph1",
         "pixels=262144,reduce=576,blocks=1,outputs=1,chunks=0", "workspace", WN_ERROR_MEMORY},
        {"im2col", WN_BWD_WB, "mb64_ic1024ih512oc512kh3ph1",
         "pixels=192,reduce=18,blocks=1,outputs=16,chunks=10000", "workspace", WN_ERROR_MEMORY},
        {"im2col", WN_BWD_D, "mb1_ic16777216ih2oc16777216kh1",
         "pixels=1,reduce=1,blocks=1,outputs=1,chunks=0", "workspace", WN_ERROR_MEMORY},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const mistake *m = &mistakes[i];
        const wn_conv_impl *impl = wn_conv_find(m->impl);
        wn_problem problem = listed_problem(m->problem);
        wn_config config;
        wn_conv_plan plan;
        problem.direction = m->direction;
        wn_status status = wn_config_parse(impl, m->config, &config);
        if (!wn_failed(status))
            status = wn_conv_plan_make(impl, &problem, &config, WN_ISA_PORTABLE, 2, 0, 0, &plan);
        CHECK(status.code == m->code && strstr(status.message, m->message),
              "%s %s %s: found '%s' (code %d), expected code %d and '%s'", m->impl, m->problem, m->config,
              status.message, status.code, m->code, m->message);
    }
}

int main(void) {
    const uint64_t seed = check_seed();
    const wn_isa best = widest_isa();
    const wn_conv_impl *const impls[] = {wn_conv_find("1x1"), wn_conv_find("im2col")};
    if (!CHECK(impls[0] && impls[1], "no such implementation"))
        return check_finish("check_panels");
    check_refusals();
    check_mistakes();
    wn_pool *pools[MAX_THREADS];
    for (int i = 0; i < MAX_THREADS; i++)
        pools[i] = pool_make(i + 1);
    stream s = stream_of(seed, 0);
    const int shapes = check_full() ? RANDOM_SHAPES : SAMPLE_SHAPES;
    for (int i = 0; i < shapes && check_failed < MAX_FAILURES; i++)
        for (int which = 0; which < 2; which++)
            check_shape(&s, impls[which], best, pools);
    for (int i = MAX_THREADS - 1; i >= 0; i--)
        wn_pool_destroy(pools[i]);
    return check_finish("check_panels");
}
