/* Clocks inside steps: recorded runs compute the same bits, spans follow each other without gaps in the order
 * of the steps, and every implementation says which parts its work has. */
#include "check.h"
#include "conv.h"
#include "nets.h"
#include "pool.h"
#include "random_graph.h"
#include "recorded.h"
#include "selected_isa.h"
#include "tape_internal.h"
#include <string.h>

enum { BATCH = 4, CLASSES = 10, THREADS = 2 };

/* A forced implementation where it supports the problem, else the first that does. */
static wn_status pick_forced(void *context, const wn_problem *problem, wn_isa isa, int threads,
                             int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    const wn_conv_impl *impl = context;
    if (impl->refuse(problem, isa))
        impl = wn_conv_find("direct");
    return wn_conv_plan_make(impl, problem, NULL, isa, threads, src_stride, dst_stride, plan);
}

/* A model with its tape and the clocks; zeroed memory is none. */
typedef struct fixture {
    wn_model *model;
    wn_tape *tape;
    wn_part_clock clocks[THREADS];
} fixture;

static bool open_fixture(fixture *f, const wn_graph *graph, wn_pool *pool, const wn_conv_impl *impl) {
    *f = (fixture){.model = NULL};
    wn_status status = wn_model_create(graph, &f->model);
    wn_tape_options options = {.batch = BATCH,
                               .training = true,
                               .isa = selected_isa(),
                               .pool = pool,
                               .pick = impl ? pick_forced : NULL,
                               .pick_context = (void *)impl};
    if (!wn_failed(status)) {
        wn_model_initialise(f->model, WN_INIT_GENERATOR, 1);
        status = wn_tape_compile(f->model, &options, &f->tape);
    }
    if (!wn_failed(status))
        random_batch(graph, f->tape, BATCH, CLASSES, 1);
    return CHECK(!wn_failed(status), "%s", status.message);
}

static void close_fixture(fixture *f) {
    for (int tid = 0; tid < THREADS; tid++)
        free(f->clocks[tid].spans);
    wn_tape_destroy(f->tape);
    wn_model_destroy(f->model);
}

/* Counts the spans of a run, then records one. */
static void record(fixture *f) {
    wn_tape_run_recorded(f->tape, f->clocks);
    for (int tid = 0; tid < THREADS; tid++) {
        wn_part_clock *clock = &f->clocks[tid];
        clock->room = clock->count;
        clock->count = 0;
        clock->spans = calloc((size_t)clock->room + 1, sizeof *clock->spans);
    }
    wn_tape_run_recorded(f->tape, f->clocks);
}

static void check_spans(const fixture *f) {
    for (int tid = 0; tid < THREADS; tid++) {
        const wn_part_clock *clock = &f->clocks[tid];
        CHECK(clock->count == clock->room, "%ld spans at first, then %ld", clock->room, clock->count);
        const wn_part_span *spans = clock->spans;
        for (long i = 1; i < clock->count; i++) {
            const wn_part_span *before = &spans[i - 1], *span = &spans[i];
            bool next = span->step == before->step + 1 || span->phase == before->phase + 1;
            CHECK(span->begin == before->end && span->end >= span->begin, "span %ld of thread %d", i, tid);
            CHECK((span->step == before->step && span->phase == before->phase) ||
                      (next && before->part == WN_PART_WAIT),
                  "step %d, phase %d behind step %d, phase %d, %s", span->step, span->phase, before->step,
                  before->phase, wn_part_names[before->part]);
        }
        CHECK(clock->count > 0 && spans[clock->count - 1].step == wn_tape_step_count(f->tape) - 1,
              "the last span is not of the last step");
    }
    for (int s = 0; s < f->tape->step_count; s++)
        CHECK(!f->tape->steps[s].is_conv || !f->tape->steps[s].args.conv.args.clocks,
              "step %d still has clocks", s);
}

/* Random networks, trained with and without clocks. */
static void check_bits(wn_pool *pool, uint64_t seed) {
    wn_graph *graph = random_graph(seed, (random_graph_options){.classes = CLASSES});
    fixture plain, clocked;
    if (open_fixture(&plain, graph, pool, NULL) && open_fixture(&clocked, graph, pool, NULL)) {
        record(&clocked);
        check_spans(&clocked);
        for (int run = 0; run < 2; run++) /* as many as record makes */
            wn_tape_run(plain.tape);
        double a = wn_tape_loss(plain.tape), b = wn_tape_loss(clocked.tape);
        CHECK(memcmp(&a, &b, sizeof a) == 0, "seed %d: losses %.17g and %.17g", (int)seed, a, b);
        CHECK(memcmp(plain.model->values.base, clocked.model->values.base, plain.model->values.bytes) == 0,
              "seed %d: the clocks changed the parameters", (int)seed);
        close_fixture(&clocked);
    }
    close_fixture(&plain);
    wn_graph_destroy(graph);
}

/* What the second convolution of mnist-cnn is made of, 3x3 from 16 to 32 channels with a bias. */
static const struct {
    const char *impl;
    const char *parts[WN_DIRECTION_COUNT];
} expected[] = {
    {"direct", {[WN_FWD_B] = "multiply", [WN_BWD_D] = "weights multiply", [WN_BWD_WB] = "multiply sum"}},
    {"winograd",
     {[WN_FWD_B] = "weights input multiply output",
      [WN_BWD_D] = "weights input multiply output",
      [WN_BWD_WB] = "input multiply output sum"}},
    {"im2col",
     {[WN_FWD_B] = "input multiply",
      [WN_BWD_D] = "weights multiply output",
      [WN_BWD_WB] = "input multiply sum"}},
    {"onednn", {[WN_FWD_B] = "whole", [WN_BWD_D] = "whole", [WN_BWD_WB] = "whole"}},
};

/* The parts that threads spent time on in a step, in the order of the enumeration. */
static void list_parts(const fixture *f, int step, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int part = 0; part < WN_PART_WAIT; part++) {
        bool found = false;
        for (int tid = 0; tid < THREADS; tid++)
            for (long i = 0; i < f->clocks[tid].count; i++)
                found |= f->clocks[tid].spans[i].step == step && (int)f->clocks[tid].spans[i].part == part;
        if (found)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", wn_part_names[part]);
    }
}

static void check_parts(wn_pool *pool) {
    wn_graph *graph = wn_graph_create();
    wn_net_find("mnist-cnn", NULL)
        ->build(graph, &(wn_net_options){.channels = 1, .height = 28, .width = 28, .classes = CLASSES});
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const wn_conv_impl *impl = wn_conv_find(expected[i].impl);
        fixture f;
        int seen = 0;
        if (!impl) {
            check_skipped++;
            continue;
        }
        if (open_fixture(&f, graph, pool, impl)) {
            record(&f);
            for (int s = 0; s < wn_tape_step_count(f.tape); s++) {
                wn_step_info info = wn_tape_step(f.tape, s);
                if (!info.plan || info.plan->problem.kh != 3 || info.plan->problem.ic != 16)
                    continue;
                char parts[100];
                const char *wanted = expected[i].parts[info.plan->problem.direction];
                list_parts(&f, s, parts, sizeof parts);
                CHECK(strcmp(parts, wanted) == 0, "%s %s: found %s, expected %s", info.kernel, info.label,
                      parts, wanted);
                seen++;
            }
        }
        CHECK(seen == WN_DIRECTION_COUNT, "%s: %d passes", expected[i].impl, seen);
        close_fixture(&f);
    }
    wn_graph_destroy(graph);
}

int main(void) {
    wn_pool *pool;
    uint64_t seed = check_seed();
    if (wn_failed(wn_pool_create(THREADS, &pool)))
        return 1;
    for (int i = 0; i < (check_full() ? 200 : 6); i++)
        check_bits(pool, seed + (uint64_t)i);
    check_parts(pool);
    wn_pool_destroy(pool);
    return check_finish("check_recorded");
}
