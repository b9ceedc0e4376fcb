/* The mask of BWD_D: every plan that honours it stores its own unmasked result where the mask is positive and
 * 0 elsewhere, to the bit, with every epilogue, in views too. */
#include "conv_running.h"
#include "isa.h"
#include "selected_isa.h"

enum { MAX_CONFIGS = 256, CASES = 40, CASES_FULL = 600 };
static const double most_flops = 4e6;

typedef struct question {
    operand_set before, plain, masked;
    float *mask; /* laid out like src's memory */
    char text[320];
} question;

static question ask(const wn_problem *problem, bool views, uint64_t seed) {
    question q = {.before = operands_make(problem, false, views, REALS, seed)};
    const operand *src = &q.before.all[SRC];
    q.plain = operands_copy(&q.before);
    q.masked = operands_copy(&q.before);
    q.mask = floats_alloc(src->floats);
    stream s = stream_of(seed, 77);
    for (int64_t i = 0; i < src->floats; i++)
        q.mask[i] =
            stream_between(&s, 0, 9) ? (float)stream_between(&s, -2, 2) : NAN; /* NaN is not positive */
    q.masked.mask = q.mask + (src->data - src->memory);
    char text[256];
    wn_problem_format(problem, text, sizeof text);
    snprintf(q.text, sizeof q.text, "%s%s%s", text, problem->accumulate ? " accumulate" : "",
             views ? " views" : "");
    return q;
}

static void release(question *q) {
    operands_free(&q->before);
    operands_free(&q->plain);
    operands_free(&q->masked);
    free(q->mask);
}

/* Floats of the masked result that are not what the mask makes of the plain one. Memory outside of the tensor
 * is compared as it is. */
static int64_t count_wrong(const question *q, const operand_set *untouched) {
    const operand *plain = &q->plain.all[SRC], *masked = &q->masked.all[SRC];
    const uint32_t *before = (const uint32_t *)untouched->all[SRC].memory;
    int64_t wrong = 0;
    for (int64_t i = 0; i < plain->floats; i++) {
        float expected = q->mask[i] > 0 ? plain->memory[i] : 0.0F;
        bool written = masked->memory[i] == expected;
        wrong += !written && memcmp(&masked->memory[i], &before[i], sizeof(float)) != 0;
        wrong += !written && memcmp(&plain->memory[i], &before[i], sizeof(float)) != 0;
    }
    return wrong;
}

static bool check_plan(question *q, const wn_conv_plan *plan, wn_pool *pool) {
    char config[128];
    wn_config_format(plan->impl, &plan->config, config, sizeof config);
    if (!wn_conv_masks(plan))
        return false;
    wn_status status = run_plan(pool, plan, &q->before, &q->plain);
    if (!wn_failed(status))
        status = run_plan(pool, plan, &q->before, &q->masked);
    int64_t wrong = wn_failed(status) ? 0 : count_wrong(q, &q->before);
    CHECK(!wn_failed(status) && wrong == 0,
          "%s %s(%s) %s: %s%" PRId64 " floats are not masked as they should", q->text, plan->impl->name,
          config, wn_isa_name(plan->isa), status.message, wrong);
    return true;
}

static int check_implementation(question *q, const wn_conv_impl *impl, wn_isa isa, wn_pool *pool) {
    const wn_problem *p = &q->before.problem;
    static wn_config configs[MAX_CONFIGS];
    if (impl->judge || impl->refuse(p, isa))
        return 0;
    int count = impl->configs(p, isa, wn_pool_threads(pool), configs, MAX_CONFIGS), checked = 0;
    for (int i = 0; i < count && i < MAX_CONFIGS; i += check_full() ? 1 : 3) {
        wn_conv_plan plan;
        if (!wn_failed(wn_conv_plan_make(impl, p, &configs[i], isa, wn_pool_threads(pool),
                                         q->before.src_stride, q->before.dst_stride, &plan)))
            checked += check_plan(q, &plan, pool);
    }
    return checked;
}

int main(void) {
    const wn_isa best = widest_isa();
    uint64_t seed = check_seed();
    int checked[16] = {0};
    wn_pool *pool = pool_make(2);
    for (int i = 0; i < (check_full() ? CASES_FULL : CASES); i++) {
        wn_problem problem = random_problem(seed, (uint64_t)i, most_flops);
        problem.direction = WN_BWD_D;
        problem.plain_src = false;
        problem.accumulate = i % 2;
        question q = ask(&problem, i % 3 == 0, seed * 1000003 + (uint64_t)i);
        for (int isa = 0; isa <= (int)best; isa++)
            for (int which = 0; wn_conv_registry[which] && wn_kernels_of((wn_isa)isa); which++)
                checked[which] += check_implementation(&q, wn_conv_registry[which], (wn_isa)isa, pool);
        release(&q);
    }
    wn_pool_destroy(pool);
    for (int which = 0; wn_conv_registry[which]; which++) {
        printf("%-10s %d plans that mask\n", wn_conv_registry[which]->name, checked[which]);
        CHECK(checked[which] > 0 || !wn_conv_registry[which]->masks, "no plan of %s was checked",
              wn_conv_registry[which]->name);
    }
    return check_finish("check_conv_mask");
}
