/* Every convolution implementation against the reference, bit by bit on small integers: registry x problems x
 * directions x epilogues x ISAs x threads x configs. Approximate plans (Winograd) are judged by their error.
 * Plans with constant weights must give the same bits as those without.
 * Destinations hold NaN before, workspaces too; inaccessible pages lie before or behind every buffer, and
 * everything else around the operands must stay as it was. */
#include "conv_cases.h"
#include "conv_operands.h"
#include "conv_running.h"
#include "graph_internal.h"
#include "isa.h"
#include "nets.h"
#include "selected_isa.h"
#include <sys/wait.h>

enum {
    RANDOM_CASES = 640, /* of the full run */
    SAMPLE_CASES = 170, /* of the default run: listed and random ones */
    MAX_IMPLEMENTATIONS = 32,
    MAX_CONFIGS = 64,
    MAX_THREADS = 3,
    MAX_FAILURES = 40,
    MAX_DRAWS = 16,
    MAX_REAL = 400,
};

/* Above every_thread_flops a problem runs with one number of threads instead of all. */
static const double random_flops = 1.2e7, every_config_flops = 2e6, every_thread_flops = 6e7;

typedef struct run_counts {
    long problems;
    long ran[MAX_IMPLEMENTATIONS][WN_DIRECTION_COUNT][WN_ISA_COUNT];
    long refused[MAX_IMPLEMENTATIONS][WN_DIRECTION_COUNT];
    long approximate, prepared, mostly_zero;
    wn_isa best; /* the highest ISA to test */
} run_counts;

/* One problem with its epilogue, what went in and what must come out. */
typedef struct question {
    operand_set before, after;
    bool views;
    char text[320];
} question;

static wn_conv_plan plan_or_exit(const wn_conv_impl *impl, const operand_set *operands, wn_isa isa) {
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(impl, &operands->problem, NULL, isa, 1, operands->src_stride,
                                         operands->dst_stride, &plan);
    if (wn_failed(status)) {
        fprintf(stderr, "reference: %s\n", status.message);
        exit(1);
    }
    return plan;
}

static void run_reference(operand_set *operands) {
    wn_conv_plan plan = plan_or_exit(wn_conv_find("reference"), operands, WN_ISA_PORTABLE);
    wn_conv_args args = operands_args(operands);
    plan.impl->run(&plan, NULL, &args, 0, 0, 1);
}

/* The sum of |terms| of every output: the reference on absolute values. */
static operand_set sum_magnitudes(const operand_set *before) {
    operand_set sums = operands_copy(before);
    sums.problem.relu = false;
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; i < sums.all[which].floats; i++)
            if (!isnan(sums.all[which].memory[i]))
                sums.all[which].memory[i] = fabsf(sums.all[which].memory[i]);
    run_reference(&sums);
    return sums;
}

/* Whether all sums stay below 2^24, so that f32 holds every partial sum in any order. */
static bool sums_are_exact(const operand_set *magnitudes) {
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; is_written(magnitudes, which) && i < magnitudes->all[which].floats; i++)
            if (magnitudes->all[which].memory[i] >= 0x1p24f)
                return false;
    return true;
}

/* Whether less than a quarter of the outputs that have terms at all differ from zero. */
static bool is_mostly_zero(const operand_set *magnitudes, const operand_set *after) {
    int64_t with_terms = 0, nonzero = 0;
    for (int which = 0; which < OPERANDS; which++)
        for (int64_t i = 0; is_written(after, which) && i < after->all[which].floats; i++)
            if (magnitudes->all[which].memory[i] > 0) {
                with_terms++;
                nonzero += after->all[which].memory[i] != 0;
            }
    return nonzero * 4 < with_terms || with_terms == 0;
}

static void describe(question *q) {
    const wn_problem *p = &q->before.problem;
    char text[256];
    wn_problem_format(p, text, sizeof text);
    snprintf(q->text, sizeof q->text, "%s %s%s%s%s%s%s", wn_direction_name(p->direction), text,
             p->plain_src ? " plain" : "", p->relu ? " relu" : "", p->accumulate ? " accumulate" : "",
             q->before.with_bias ? " bias" : "", q->views ? " views" : "");
}

/* Draws operands and lets the reference answer. A draw whose answer is mostly zero (a few outputs under a
 * ReLU) is repeated; one that stays so is a failure. */
static question ask(const wn_problem *problem, bool with_bias, bool views, uint64_t seed, run_counts *tally) {
    question q = {.views = views};
    for (int draw = 0; draw < MAX_DRAWS; draw++) {
        q.before = operands_make(problem, with_bias, views, INTEGERS, seed + (uint64_t)draw);
        q.after = operands_copy(&q.before);
        run_reference(&q.after);
        operand_set magnitudes = sum_magnitudes(&q.before);
        bool exact = sums_are_exact(&magnitudes), mostly_zero = is_mostly_zero(&magnitudes, &q.after);
        operands_free(&magnitudes);
        describe(&q);
        CHECK(exact, "%s: sums of 2^24 or more, the data prove nothing", q.text);
        if (!mostly_zero || draw == MAX_DRAWS - 1) {
            CHECK(!mostly_zero, "%s: the result is mostly zeros, it proves nothing", q.text);
            tally->mostly_zero += mostly_zero;
            break;
        }
        operands_free(&q.before);
        operands_free(&q.after);
    }
    int64_t dirty = operands_dirty(&q.after);
    CHECK(dirty == 0, "%s: reference left %" PRId64 " floats in padding", q.text, dirty);
    return q;
}

/* Largest relative error of an approximate plan: F(6x6, 3x3) forward; gradients of the weights add up the
 * tiles of the whole batch on top of that. */
static double error_bound(const wn_problem *problem) {
    return problem->direction == WN_BWD_WB ? 1e-4 : 2e-5;
}

/* The same plan with constant weights, where it prepares them: the same bits as `scratch` has. */
static void check_constant_weights(const question *q, const wn_conv_plan *plan, wn_pool *pool,
                                   const operand_set *scratch, run_counts *tally) {
    wn_conv_plan constant;
    wn_problem problem = plan->problem;
    char config[128];
    wn_config_format(plan->impl, &plan->config, config, sizeof config);
    problem.constant_weights = true;
    wn_status status = wn_conv_plan_make(plan->impl, &problem, &plan->config, plan->isa, plan->threads,
                                         plan->src_stride, plan->dst_stride, &constant);
    CHECK(wn_failed(status) || !constant.prepared_bytes == !plan->impl->prepare ||
              strcmp(plan->impl->name, "onednn") == 0,
          "%s %s(%s): %zu bytes to prepare", q->text, plan->impl->name, config, constant.prepared_bytes);
    if (!wn_failed(status) && !constant.prepared_bytes)
        return;
    operand_set result = operands_copy(&q->before);
    if (!wn_failed(status))
        status = run_plan(pool, &constant, &q->before, &result);
    if (CHECK(!wn_failed(status), "%s %s(%s) with constant weights: %s", q->text, plan->impl->name, config,
              status.message)) {
        difference d = operands_compare(scratch, &result);
        CHECK(d.wrong == 0, "%s %s(%s) %s %d threads: %" PRId64 " floats differ with constant weights",
              q->text, plan->impl->name, config, wn_isa_name(plan->isa), plan->threads, d.wrong);
    }
    operands_free(&result);
    tally->prepared++;
}

static void check_plan(const question *q, const wn_conv_plan *plan, wn_pool *pool, operand_set *scratch,
                       run_counts *tally) {
    static const char *const names[OPERANDS] = {"src", "weights", "bias", "dst"};
    char config[128];
    wn_config_format(plan->impl, &plan->config, config, sizeof config);
    wn_status status = run_plan(pool, plan, &q->before, scratch);
    if (!CHECK(!wn_failed(status), "%s %s(%s) %s %d threads: %s", q->text, plan->impl->name, config,
               wn_isa_name(plan->isa), plan->threads, status.message))
        return;
    difference d = operands_compare(&q->after, scratch);
    int64_t dirty = operands_dirty(scratch);
    bool approximate = plan->impl->approximate && plan->impl->approximate(plan);
    tally->approximate += approximate;
    CHECK(approximate ? d.relative_l2 <= error_bound(&plan->problem) : d.wrong == 0,
          "%s %s(%s) %s %d threads: %" PRId64 " floats wrong, the first of %s at %" PRId64
          ": found %.9g, expected %.9g; relative error %.2g",
          q->text, plan->impl->name, config, wn_isa_name(plan->isa), plan->threads, d.wrong, names[d.operand],
          d.place, (double)d.found, (double)d.expected, d.relative_l2);
    CHECK(dirty == 0, "%s %s(%s) %s %d threads: %" PRId64 " floats in padding are not zero", q->text,
          plan->impl->name, config, wn_isa_name(plan->isa), plan->threads, dirty);
    if (plan->problem.direction == WN_FWD_B)
        check_constant_weights(q, plan, pool, scratch, tally);
}

/* The default config and one more; all of them for small problems of the full run. */
static void check_implementation(const question *q, int which, wn_isa isa, wn_pool *pool,
                                 operand_set *scratch, stream *s, run_counts *tally) {
    const wn_conv_impl *impl = wn_conv_registry[which];
    const wn_problem *p = &q->before.problem;
    int threads = wn_pool_threads(pool);
    if (impl->refuse(p, isa)) {
        tally->refused[which][p->direction]++;
        return;
    }
    wn_config configs[MAX_CONFIGS];
    int count = impl->configs(p, isa, threads, configs, MAX_CONFIGS);
    CHECK(count >= 1, "%s: %s supports it but has no config", q->text, impl->name);
    count = count < MAX_CONFIGS ? count : MAX_CONFIGS;
    bool all = check_full() && wn_problem_flops(p) <= every_config_flops;
    int chosen = count > 1 ? stream_between(s, 1, count - 1) : 0;
    for (int i = 0; i < count; i++) {
        if (!all && i != 0 && i != chosen)
            continue;
        wn_conv_plan plan;
        wn_status status = wn_conv_plan_make(impl, p, &configs[i], isa, threads, q->before.src_stride,
                                             q->before.dst_stride, &plan);
        if (CHECK(!wn_failed(status), "%s: %s, config %d of %d: %s", q->text, impl->name, i, count,
                  status.message))
            check_plan(q, &plan, pool, scratch, tally);
    }
    tally->ran[which][p->direction][isa]++;
}

static void check_question(const question *q, stream *s, run_counts *tally) {
    operand_set scratch = operands_copy(&q->before);
    int drawn = stream_between(s, 1, MAX_THREADS);
    bool all = wn_problem_flops(&q->before.problem) <= every_thread_flops;
    for (int threads = all ? 1 : drawn; threads <= (all ? MAX_THREADS : drawn); threads++) {
        wn_pool *pool = pool_make(threads);
        for (int isa = 0; isa <= (int)tally->best; isa++)
            for (int which = 0; wn_conv_registry[which] && wn_kernels_of((wn_isa)isa); which++)
                if (!wn_conv_registry[which]->judge)
                    check_implementation(q, which, (wn_isa)isa, pool, &scratch, s, tally);
        wn_pool_destroy(pool);
    }
    operands_free(&scratch);
    tally->problems++;
}

/* One epilogue, dense or in views, of a direction; in the full run a fifth of the others too, unless the
 * problem is large. */
static void check_direction(wn_problem problem, wn_direction direction, uint64_t seed, run_counts *tally) {
    enum { RELU = 1, ACCUMULATE = 2, BIAS_TOO = 4, VIEWS = 8, VARIANTS = 16 };
    static const int meaningful[WN_DIRECTION_COUNT] = {[WN_FWD_B] = RELU | ACCUMULATE | BIAS_TOO | VIEWS,
                                                       [WN_BWD_D] = ACCUMULATE | VIEWS,
                                                       [WN_BWD_WB] = ACCUMULATE | BIAS_TOO | VIEWS};
    stream s = stream_of(seed, direction);
    int chosen = stream_between(&s, 0, VARIANTS - 1) & meaningful[direction];
    problem.direction = direction;
    bool more = check_full() && wn_problem_flops(&problem) <= every_thread_flops;
    for (int variant = 0; variant < VARIANTS && check_failed < MAX_FAILURES; variant++) {
        bool wanted = variant == chosen || (more && stream_chance(&s, 20));
        if (!wanted || (variant & ~meaningful[direction]))
            continue;
        problem.relu = variant & RELU;
        problem.accumulate = variant & ACCUMULATE;
        question q = ask(&problem, variant & BIAS_TOO, variant & VIEWS, seed + 1000, tally);
        check_question(&q, &s, tally);
        operands_free(&q.before);
        operands_free(&q.after);
    }
}

static void check_case(wn_problem problem, uint64_t seed, run_counts *tally) {
    for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
        check_direction(problem, (wn_direction)direction, seed, tally);
}

static void print(const run_counts *tally) {
    printf("%ld problems of a direction", tally->problems);
    for (int which = 0; wn_conv_registry[which]; which++) {
        if (wn_conv_registry[which]->judge)
            continue;
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++) {
            printf("\n%-10s %-6s", wn_conv_registry[which]->name, wn_direction_name((wn_direction)direction));
            for (int isa = 0; isa < WN_ISA_COUNT; isa++)
                printf("  %s %ld", wn_isa_name((wn_isa)isa), tally->ran[which][direction][isa]);
            printf("  refused %ld", tally->refused[which][direction]);
        }
    }
    printf("\napproximate plans %ld, with prepared weights %ld, results mostly zero %ld\n",
           tally->approximate, tally->prepared, tally->mostly_zero);
}

/* What a process does beside a buffer at an edge ends it. */
static bool is_stopped(fence_edge edge, int64_t place, bool writes) {
    pid_t child = fork();
    if (child == 0) {
        static fence f;
        volatile float *buffer = fence_place(&f, 8000, edge);
        fclose(stderr);
        if (writes)
            buffer[place] = 1;
        _exit(buffer[place] > 2);
    }
    int how;
    return waitpid(child, &how, 0) == child && !(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

static void check_fences(void) {
    for (int writes = 0; writes < 2; writes++) {
        CHECK(is_stopped(FENCE_START, -1, writes), "nothing stops what lies before a buffer");
        CHECK(is_stopped(FENCE_END, 2000, writes), "nothing stops what lies behind a buffer");
        CHECK(!is_stopped(FENCE_START, 1999, writes), "the end of a buffer is out of reach");
        CHECK(!is_stopped(FENCE_END, 0, writes), "the start of a buffer is out of reach");
    }
    fence f = {NULL, 0};
    char *buffer = fence_place(&f, 1000, FENCE_START);
    buffer[0] = buffer[999] = 1;
    CHECK(fence_is_whole(&f, buffer, 1000), "writing a buffer breaks its canaries");
    buffer[1000] = 1;
    CHECK(!fence_is_whole(&f, buffer, 1000), "no canary behind a buffer");
    buffer = fence_place(&f, 1000, FENCE_END);
    buffer[-1] = 1;
    CHECK(!fence_is_whole(&f, buffer, 1000), "no canary before a buffer");
}

/* Listed and random problems, a sample of them unless all are asked for; returns how many there are. */
static int check_sample(uint64_t seed, run_counts *tally) {
    int total = FIXED_CASES + RANDOM_CASES;
    stream s = stream_of(seed, 0);
    for (int i = 0; i < total && check_failed < MAX_FAILURES; i++) {
        if ((!check_full() && stream_between(&s, 1, total) > SAMPLE_CASES) || !check_part(i))
            continue;
        wn_problem problem = i < FIXED_CASES ? listed_problem(fixed_cases[i])
                                             : random_problem(seed, (uint64_t)i, random_flops);
        check_case(problem, seed * 1000003 + (uint64_t)i, tally);
    }
    return total;
}

/* The distinct convolutions of a network, one or two images; those that are new are appended. */
static int add_network(const char *name, const char *variant, wn_problem *problems, int count) {
    const wn_net *net = wn_net_find(name, variant);
    wn_graph *graph = wn_graph_create();
    wn_net_options options = {.channels = net->default_channels,
                              .classes = net->default_classes,
                              .height = net->default_size,
                              .width = net->default_size};
    net->build(graph, &options);
    CHECK(!wn_failed(graph->status), "%s: %s", name, graph->status.message);
    for (int i = 0; i < graph->layer_count; i++) {
        if (graph->layers[i].kind != WN_KIND_CONV)
            continue;
        wn_problem problem = wn_layer_problem(graph, &graph->layers[i], 2);
        if (wn_problem_flops(&problem) > 10 * every_thread_flops)
            problem.mb = 1;
        bool known = false;
        for (int k = 0; k < count; k++)
            known |= wn_problem_equal(&problem, &problems[k]);
        if (!known && count < MAX_REAL)
            problems[count++] = problem;
    }
    wn_graph_destroy(graph);
    return count;
}

/* Listed large problems, and every convolution of the teaching networks and of resnet50; `first` numbers
 * them. */
static void check_large(uint64_t seed, int first, run_counts *tally) {
    static const char *const networks[] = {"alexnet",   "alexnet-slim", "vgg11",    "nin",
                                           "googlenet", "lenet-bn",     "resnet18", "densenet"};
    static wn_problem problems[MAX_REAL];
    int count = 0;
    for (int i = 0; i < LARGE_CASES; i++)
        problems[count++] = listed_problem(large_cases[i]);
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        count = add_network(networks[i], "d2l", problems, count);
    count = add_network("resnet50", "imagenet", problems, count);
    CHECK(count < MAX_REAL, "room for %d problems is not enough", MAX_REAL);
    for (int i = 0; i < count && check_failed < MAX_FAILURES; i++)
        if (check_part(first + i))
            check_case(problems[i], seed * 1000003 + (uint64_t)(first + i), tally);
}

int main(void) {
    static run_counts tally;
    uint64_t seed = check_seed();
    check_fences();
    tally.best = widest_isa();
    int count = check_sample(seed, &tally);
    if (check_full())
        check_large(seed, count, &tally);
    print(&tally);
    if (check_failed >= MAX_FAILURES)
        printf("stopped after %d failures\n", check_failed);
    return check_finish("check_conv");
}
