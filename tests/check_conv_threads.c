/* Convolutions on real data: our own kernels give the same bits for 1, 2 and 3 threads, whatever the order in
 * which threads finish, and every implementation stays close to the f64 reference. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"
#include "isa.h"
#include "selected_isa.h"

enum { RANDOM_CASES = 240, SAMPLE_CASES = 40, MAX_CONFIGS = 64, MAX_THREADS = 3, MAX_FAILURES = 40 };

static const double max_flops = 1.2e7;

/* Sums in f32 of values in [-1, 1), whose errors cancel as their signs do; transformed data lose more. */
static const double exact_bound = 2e-6, approximate_bound = 1e-4;

static void run_reference(operand_set *operands) {
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(wn_conv_find("reference"), &operands->problem, NULL, WN_ISA_PORTABLE,
                                         1, operands->src_stride, operands->dst_stride, &plan);
    if (wn_failed(status)) {
        fprintf(stderr, "reference: %s\n", status.message);
        exit(1);
    }
    wn_conv_args args = operands_args(operands);
    plan.impl->run(&plan, NULL, &args, 0, 0, 1);
}

/* Runs one config with each number of threads. */
static void check_config(const operand_set *before, const operand_set *expected, const wn_conv_impl *impl,
                         const wn_config *config, wn_isa isa) {
    const wn_problem *p = &before->problem;
    char text[256], knobs[128];
    wn_problem_format(p, text, sizeof text);
    wn_config_format(impl, config, knobs, sizeof knobs);
    operand_set first = operands_copy(before), other = operands_copy(before);
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        wn_conv_plan plan;
        wn_status status =
            wn_conv_plan_make(impl, p, config, isa, threads, before->src_stride, before->dst_stride, &plan);
        operand_set *result = threads == 1 ? &first : &other;
        if (!wn_failed(status)) {
            wn_pool *pool = pool_make(threads);
            status = run_plan(pool, &plan, before, result);
            wn_pool_destroy(pool);
        }
        if (!CHECK(!wn_failed(status), "%s %s %s(%s) %s %d threads: %s", wn_direction_name(p->direction),
                   text, impl->name, knobs, wn_isa_name(isa), threads, status.message))
            break;
        bool approximate = impl->approximate && impl->approximate(&plan);
        double error = operands_compare(expected, result).relative_l2;
        CHECK(error <= (approximate ? approximate_bound : exact_bound),
              "%s %s %s(%s) %s %d threads: relative error %.3g", wn_direction_name(p->direction), text,
              impl->name, knobs, wn_isa_name(isa), threads, error);
        if (threads > 1 && !plan.external)
            CHECK(operands_compare(&first, &other).wrong == 0,
                  "%s %s %s(%s) %s: %d threads give other bits than 1", wn_direction_name(p->direction), text,
                  impl->name, knobs, wn_isa_name(isa), threads);
    }
    operands_free(&first);
    operands_free(&other);
}

static void check_problem(wn_problem problem, wn_isa best, uint64_t seed) {
    stream s = stream_of(seed, 5);
    problem.accumulate = stream_chance(&s, 30);
    operand_set before =
        operands_make(&problem, problem.direction != WN_BWD_D, stream_chance(&s, 30), REALS, seed);
    operand_set expected = operands_copy(&before);
    run_reference(&expected);
    for (int isa = 0; isa <= (int)best; isa++) {
        for (int which = 0; wn_conv_registry[which] && wn_kernels_of((wn_isa)isa); which++) {
            const wn_conv_impl *impl = wn_conv_registry[which];
            if (impl->judge || impl->refuse(&problem, (wn_isa)isa))
                continue;
            wn_config configs[MAX_CONFIGS];
            int count = impl->configs(&problem, (wn_isa)isa, 1, configs, MAX_CONFIGS);
            count = count < MAX_CONFIGS ? count : MAX_CONFIGS;
            check_config(&before, &expected, impl, &configs[0], (wn_isa)isa);
            if (count > 1)
                check_config(&before, &expected, impl, &configs[stream_between(&s, 1, count - 1)],
                             (wn_isa)isa);
        }
    }
    operands_free(&before);
    operands_free(&expected);
}

int main(void) {
    uint64_t seed = check_seed();
    const wn_isa best = widest_isa();
    int total = FIXED_CASES + RANDOM_CASES;
    stream s = stream_of(seed, 1);
    for (int i = 0; i < total && check_failed < MAX_FAILURES; i++) {
        if (!check_full() && stream_between(&s, 1, total) > SAMPLE_CASES)
            continue;
        wn_problem problem =
            i < FIXED_CASES ? listed_problem(fixed_cases[i]) : random_problem(seed, (uint64_t)i, max_flops);
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++) {
            problem.direction = (wn_direction)direction;
            check_problem(problem, best, seed * 1000003 + (uint64_t)i);
        }
    }
    return check_finish("check_conv_threads");
}
