/* Knobs that come from a text may be any number: the largest that is taken means no more than the size it is
 * compared with, and larger ones are refused. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"
#include "direct.h"
#include "isa.h"
#include "selected_isa.h"
#include <limits.h>

enum { THREADS = 2, CONFIGS = 2 };

static const size_t most_workspace = (size_t)16 << 20; /* bytes: a hundred times what the defaults take */

static void check_division(void) {
    static const int cases[][3] = {{0, 3, 0},
                                   {1, 3, 1},
                                   {3, 3, 1},
                                   {4, 3, 2},
                                   {4, INT_MAX, 1},
                                   {INT_MAX, 2, 1 << 30},
                                   {INT_MAX, 1, INT_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int found = wn_ceil_div(cases[i][0], cases[i][1]);
        CHECK(found == cases[i][2], "%d / %d rounded up: %d", cases[i][0], cases[i][1], found);
    }
    CHECK(wn_blocks(INT_MAX) == 1 << 27, "blocks of %d: %d", INT_MAX, wn_blocks(INT_MAX));
}

static void run_reference(const operand_set *before, operand_set *after, wn_pool *pool) {
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(wn_conv_find("reference"), &before->problem, NULL, WN_ISA_PORTABLE,
                                         THREADS, 0, 0, &plan);
    if (!wn_failed(status))
        status = run_plan(pool, &plan, before, after);
    if (wn_failed(status)) {
        fprintf(stderr, "reference: %s\n", status.message);
        exit(1);
    }
}

static void check_too_large(const wn_conv_impl *impl, const wn_problem *p, wn_config config, int knob,
                            wn_isa isa) {
    char expected[128];
    wn_conv_plan plan;
    config.knob[knob] = INT32_MAX;
    snprintf(expected, sizeof expected, "%s: config %s=%d: expected at most %d", impl->name,
             impl->knobs[knob], INT32_MAX, WN_CONFIG_MOST);
    wn_status status = wn_conv_plan_make(impl, p, &config, isa, THREADS, 0, 0, &plan);
    CHECK(status.code == WN_ERROR_INVALID && strcmp(status.message, expected) == 0,
          "found \"%s\" (code %d), expected \"%s\"", status.message, status.code, expected);
}

/* Runs with the largest value, unless the implementation has a lower bound of its own. */
static void check_largest(const wn_conv_impl *impl, const operand_set *before, const operand_set *expected,
                          wn_config config, int knob, wn_isa isa, wn_pool *pool) {
    const wn_problem *p = &before->problem;
    char problem[256], text[128];
    config.knob[knob] = WN_CONFIG_MOST;
    wn_problem_format(p, problem, sizeof problem);
    wn_config_format(impl, &config, text, sizeof text);
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(impl, p, &config, isa, THREADS, 0, 0, &plan);
    if (status.code == WN_ERROR_INVALID)
        return;
    if (!CHECK(!wn_failed(status) && plan.workspace_bytes <= most_workspace,
               "%s %s %s(%s) %s: \"%s\", a workspace of %zu bytes", wn_direction_name(p->direction), problem,
               impl->name, text, wn_isa_name(isa), status.message, plan.workspace_bytes))
        return;
    operand_set found = operands_copy(before);
    status = run_plan(pool, &plan, before, &found);
    const difference d = operands_compare(expected, &found);
    const bool approximate = impl->approximate && impl->approximate(&plan);
    CHECK(!wn_failed(status) && (approximate ? d.relative_l2 < 1e-4 : d.wrong == 0),
          "%s %s %s(%s) %s: \"%s\", %" PRId64 " floats wrong, relative error %g",
          wn_direction_name(p->direction), problem, impl->name, text, wn_isa_name(isa), status.message,
          d.wrong, d.relative_l2);
    operands_free(&found);
}

static void check_problem(const wn_problem *p, wn_isa best, uint64_t seed, wn_pool *pool) {
    operand_set before = operands_make(p, true, false, INTEGERS, seed);
    operand_set expected = operands_copy(&before);
    run_reference(&before, &expected, pool);
    for (int i = 0; wn_conv_registry[i]; i++)
        for (int isa = 0; isa <= (int)best; isa++) {
            const wn_conv_impl *impl = wn_conv_registry[i];
            wn_config configs[CONFIGS];
            if (impl->judge || !wn_kernels_of((wn_isa)isa) || impl->refuse(p, (wn_isa)isa))
                continue;
            const int count = impl->configs(p, (wn_isa)isa, THREADS, configs, CONFIGS);
            for (int c = 0; c < count && c < CONFIGS; c++)
                for (int knob = 0; impl->knobs[knob]; knob++) {
                    check_too_large(impl, p, configs[c], knob, (wn_isa)isa);
                    check_largest(impl, &before, &expected, configs[c], knob, (wn_isa)isa, pool);
                }
        }
    operands_free(&before);
    operands_free(&expected);
}

int main(void) {
    static const char *const problems[] = {"mb3_ic48ih5oc80kh3ph1", "mb3_ic48ih4oc80kh1",
                                           "mb3_ic48ih4oc80oh1kh4ph0", "g32mb3_ic32ih5oc32kh3ph1"};
    const uint64_t seed = check_seed();
    const wn_isa best = widest_isa();
    wn_pool *pool = pool_make(THREADS);
    check_division();
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++) {
            wn_problem problem = listed_problem(problems[i]);
            problem.direction = (wn_direction)direction;
            check_problem(&problem, best, seed, pool);
        }
    wn_pool_destroy(pool);
    return check_finish("check_knobs");
}
