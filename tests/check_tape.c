/* Tapes of random networks: the memory planner changes no bit, every byte is written before it is read, the
 * number of threads changes no bit, evaluation agrees with training, and training learns. */
#include "check.h"
#include "nets.h"
#include "pool.h"
#include "random.h"
#include "random_graph.h"
#include "selected_isa.h"
#include "tape_internal.h"
#include <math.h>
#include <string.h>

enum { BATCH = 3, CLASSES = 10, STEPS = 4 };

static wn_tape *compile(wn_model *model, wn_tape_options options, const char *what) {
    wn_tape *tape;
    options.isa = selected_isa();
    wn_status status = wn_tape_compile(model, &options, &tape);
    CHECK(!wn_failed(status), "%s: %s", what, status.message);
    return tape;
}

static wn_model *create_model(const wn_graph *graph) {
    wn_model *model;
    wn_status status = wn_model_create(graph, &model);
    if (CHECK(!wn_failed(status), "%s", status.message))
        wn_model_initialise(model, WN_INIT_GENERATOR, 1);
    return model;
}

/* Fills everything that no step may rely on with NaN: all of the arena but what lasts. */
static void poison(wn_tape *tape) {
    char *keep = calloc(tape->arena.bytes, 1);
    for (int b = 0; b < tape->buffer_count; b++)
        if (tape->buffers[b].planned && tape->buffers[b].lasting)
            memset(keep + tape->buffers[b].offset, 1, tape->buffers[b].bytes);
    for (size_t i = 0; i < tape->arena.bytes; i++)
        if (!keep[i])
            ((char *)tape->arena.base)[i] = (char)0xff;
    free(keep);
}

typedef struct training_result {
    double loss[STEPS];
    float *values; /* the parameters' whole memory */
    size_t bytes;
} training_result;

/* Trains a fresh model; with SGD, Adam or RMSprop, by the seed. */
static training_result train(const wn_graph *graph, wn_pool *pool, bool no_reuse, bool no_fuse, bool poisoned,
                             uint64_t seed) {
    training_result result = {0};
    wn_model *model = create_model(graph);
    wn_tape *tape = compile(model,
                            (wn_tape_options){.batch = BATCH,
                                              .training = true,
                                              .pool = pool,
                                              .seed = seed,
                                              .no_reuse = no_reuse,
                                              .no_fuse = no_fuse,
                                              .momentum = true,
                                              .optimizer = (wn_optimizer)(seed % 3)},
                            "training tape");
    if (tape) {
        wn_tape_set_options(tape, &(wn_step_options){.lr = 0.003F,
                                                     .momentum = 0.9F,
                                                     .weight_decay = 1e-3F,
                                                     .beta1 = 0.9F,
                                                     .beta2 = 0.99F,
                                                     .eps = 1e-6F});
        random_batch(graph, tape, BATCH, CLASSES, seed);
        for (int i = 0; i < STEPS; i++) {
            if (poisoned)
                poison(tape);
            wn_tape_run(tape);
            result.loss[i] = wn_tape_loss(tape);
        }
        result.bytes = model->offsets[graph->parameter_count];
        result.values = malloc(result.bytes + 1);
        memcpy(result.values, model->values.base, result.bytes);
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    return result;
}

static void compare(const training_result *found, const training_result *expected, uint64_t seed,
                    const char *what) {
    for (int i = 0; i < STEPS; i++) {
        CHECK(isfinite(found->loss[i]), "seed %llu, %s, step %d: found loss %g", (unsigned long long)seed,
              what, i, found->loss[i]);
        CHECK(!memcmp(&found->loss[i], &expected->loss[i], sizeof(double)),
              "seed %llu, %s, step %d: found loss %.17g, expected %.17g", (unsigned long long)seed, what, i,
              found->loss[i], expected->loss[i]);
    }
    CHECK(found->bytes == expected->bytes && found->values && expected->values &&
              !memcmp(found->values, expected->values, found->bytes),
          "seed %llu, %s: parameters differ", (unsigned long long)seed, what);
}

/* Fusion changes no bit of the forward pass. Fused layers run where the last of them stands, so a gradient
 * with several contributions may collect them in another order. */
static void compare_unfused(const training_result *found, const training_result *expected, uint64_t seed) {
    CHECK(!memcmp(&found->loss[0], &expected->loss[0], sizeof(double)),
          "seed %llu, unfused, step 0: found loss %.17g, expected %.17g", (unsigned long long)seed,
          found->loss[0], expected->loss[0]);
    for (int i = 1; i < STEPS; i++)
        CHECK(fabs(found->loss[i] - expected->loss[i]) <= 1e-4 * expected->loss[i],
              "seed %llu, unfused, step %d: found loss %.17g, expected %.17g", (unsigned long long)seed, i,
              found->loss[i], expected->loss[i]);
}

/* Sharing memory changes no bit. */
static void check_compiler_changes_nothing(uint64_t first_seed, int count) {
    wn_pool *pool;
    if (wn_failed(wn_pool_create(2, &pool)))
        return;
    for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)count; seed++) {
        wn_graph *graph = random_graph(seed, (random_graph_options){.classes = CLASSES});
        training_result apart = train(graph, pool, true, false, false, seed);
        training_result apart_poisoned = train(graph, pool, true, false, true, seed);
        training_result packed = train(graph, pool, false, false, true, seed);
        training_result unfused = train(graph, pool, false, true, false, seed);
        compare(&apart_poisoned, &apart, seed, "poisoned");
        compare(&packed, &apart, seed, "packed and poisoned");
        compare_unfused(&unfused, &apart, seed);
        free(apart.values);
        free(apart_poisoned.values);
        free(packed.values);
        free(unfused.values);
        wn_graph_destroy(graph);
    }
    wn_pool_destroy(pool);
}

static void check_threads_change_nothing(uint64_t first_seed, int count) {
    for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)count; seed++) {
        wn_graph *graph = random_graph(seed, (random_graph_options){.classes = CLASSES});
        training_result of[3];
        for (int threads = 1; threads <= 3; threads++) {
            wn_pool *pool;
            if (wn_failed(wn_pool_create(threads, &pool)))
                return;
            of[threads - 1] = train(graph, pool, false, false, false, seed);
            wn_pool_destroy(pool);
        }
        compare(&of[1], &of[0], seed, "2 threads");
        compare(&of[2], &of[0], seed, "3 threads");
        for (int i = 0; i < 3; i++)
            free(of[i].values);
        wn_graph_destroy(graph);
    }
}

/* Marks the bytes of an operand in `written`, or says whether all are marked. */
static bool visit(const wn_operand *operand, char *written, bool mark) {
    for (int n = 0; n < operand->images; n++) {
        char *run = written + operand->offset + n * operand->stride;
        if (mark)
            memset(run, 1, (size_t)operand->run);
        else
            for (int64_t i = 0; i < operand->run; i++)
                if (!run[i])
                    return false;
    }
    return true;
}

/* Walks the steps as declared: what is read or added to was set before, in this run or by the caller. */
static void check_written_before_read(const wn_tape *tape, uint64_t seed) {
    char **written = calloc((size_t)tape->buffer_count, sizeof *written);
    for (int b = 0; b < tape->buffer_count; b++) {
        written[b] = calloc(tape->buffers[b].bytes + 1, 1);
        if (!tape->buffers[b].planned || b == tape->input || b == tape->labels)
            memset(written[b], 1, tape->buffers[b].bytes);
    }
    for (int s = 0; s < tape->step_count; s++) {
        const wn_step *step = &tape->steps[s];
        for (int i = 0; i < step->operand_count; i++) {
            const wn_operand *operand = &step->operands[i];
            if (operand->access == WN_ACCESS_READ || operand->access == WN_ACCESS_ADD)
                CHECK(visit(operand, written[operand->buffer], false),
                      "seed %llu, step %d '%s': operand %d is read before it is set",
                      (unsigned long long)seed, s, step->label, i);
        }
        for (int i = 0; i < step->operand_count; i++)
            if (step->operands[i].access == WN_ACCESS_SET)
                visit(&step->operands[i], written[step->operands[i].buffer], true);
    }
    for (int b = 0; b < tape->buffer_count; b++)
        free(written[b]);
    free(written);
}

static bool share_memory(const wn_buffer *a, const wn_buffer *b) {
    return a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

/* Buffers that live at the same time share no byte; everything is aligned and inside the arena. */
static void check_places(const wn_tape *tape, uint64_t seed) {
    int misplaced = 0, shared = 0;
    for (int a = 0; a < tape->buffer_count; a++) {
        const wn_buffer *one = &tape->buffers[a];
        if (!one->planned || one->first > one->last)
            continue;
        misplaced += one->offset % 64 != 0 || one->offset + one->bytes > tape->arena.bytes;
        for (int b = 0; b < a; b++)
            shared += tape->buffers[b].planned && share_memory(one, &tape->buffers[b]);
    }
    CHECK(!misplaced, "seed %llu: %d buffers are not aligned or not in the arena", (unsigned long long)seed,
          misplaced);
    CHECK(!shared, "seed %llu: %d pairs of buffers live together and overlap", (unsigned long long)seed,
          shared);
}

static void check_declarations(uint64_t first_seed, int count) {
    wn_pool *pool;
    if (wn_failed(wn_pool_create(1, &pool)))
        return;
    size_t packed = 0, naive = 0;
    for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)count; seed++) {
        wn_graph *graph = random_graph(seed, (random_graph_options){.classes = CLASSES});
        wn_model *model = create_model(graph);
        for (int training = 0; training < 2; training++) {
            wn_tape *tape =
                compile(model, (wn_tape_options){.batch = BATCH, .training = training == 1, .pool = pool},
                        "declarations");
            if (!tape)
                continue;
            check_written_before_read(tape, seed);
            check_places(tape, seed);
            packed += wn_tape_arena_bytes(tape);
            naive += wn_tape_naive_bytes(tape);
            wn_tape_destroy(tape);
        }
        wn_model_destroy(model);
        wn_graph_destroy(graph);
    }
    CHECK(packed < naive, "packed arenas take %zu bytes, expected less than the %zu without reuse", packed,
          naive);
    wn_pool_destroy(pool);
}

static int count_steps(const wn_tape *tape, const char *action) {
    int count = 0;
    for (int s = 0; s < wn_tape_step_count(tape); s++)
        count += strstr(wn_tape_step(tape, s).label, action) != NULL;
    return count;
}

/* A batch norm of a dense block takes over the statistics of what the one before it has read. */
static void check_known_statistics(const wn_tape *tape) {
    int norms = 0;
    for (int s = 0; s < tape->step_count; s++) {
        const wn_step *step = &tape->steps[s];
        if (strncmp(step->kernel, "batch_norm", 10) != 0 || !strstr(step->label, "FWD"))
            continue;
        int expected = norms ? 1 + norms : 0;
        CHECK(step->args.batch_norm.known_blocks == expected, "%s knows %d blocks, expected %d", step->label,
              step->args.batch_norm.known_blocks, expected);
        norms++;
    }
    CHECK(norms == 3, "found %d batch norms, expected 3", norms);
}

/* A dense block: every layer reads all before it. Nothing is copied, forward or backward. */
static void check_concatenation_is_a_view(wn_pool *pool) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_conv(g, wn_input(g, 1, 6, 6), 24, .kernel = 3);
    for (int i = 0; i < 3; i++) {
        wn_tensor y = wn_conv(g, wn_relu(g, wn_batch_norm(g, x)), 12, .kernel = 3, .pad = 1);
        x = wn_concat(g, (wn_tensor[]){x, y}, 2);
    }
    wn_output(g, wn_linear(g, wn_flatten(g, wn_global_average_pool(g, x)), CLASSES));
    wn_model *model = create_model(g);
    wn_tape *tape =
        compile(model, (wn_tape_options){.batch = BATCH, .training = true, .pool = pool}, "dense block");
    if (tape) {
        CHECK(count_steps(tape, " COPY") + count_steps(tape, " SUM") == 0,
              "a dense block copies %d times and adds %d times, expected no such steps",
              count_steps(tape, " COPY"), count_steps(tape, " SUM"));
        check_known_statistics(tape);
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* resnet18: additions and ReLUs run inside the batch norms, gradients of shortcuts are shared or accumulated
 * by the convolutions themselves. */
static void check_residual_is_fused(wn_pool *pool) {
    wn_graph *g = wn_graph_create();
    wn_net_find("resnet18", NULL)
        ->build(g, &(wn_net_options){
                       .channels = 1, .height = 32, .width = 32, .classes = CLASSES, .width_divisor = 8});
    wn_model *model = create_model(g);
    wn_tape *tape =
        compile(model, (wn_tape_options){.batch = BATCH, .training = true, .pool = pool}, "resnet18");
    if (tape) {
        int extra = count_steps(tape, " COPY") + count_steps(tape, " SUM") + count_steps(tape, "relu") +
                    count_steps(tape, "add");
        CHECK(extra == 0, "resnet18 has %d steps for copies, sums, additions or ReLUs, expected none", extra);
        CHECK(count_steps(tape, " BWD_D") == 20 && count_steps(tape, " BWD_WB") == 21,
              "found %d gradients of data and %d of weights, expected 20 and 21", count_steps(tape, " BWD_D"),
              count_steps(tape, " BWD_WB"));
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* Without dropout and batch norm, evaluation sees what training saw; and a sample's logits do not depend on
 * the rest of its batch. */
static void check_evaluation(wn_pool *pool) {
    wn_graph *g = wn_graph_create();
    wn_net_find("lenet", NULL)
        ->build(g, &(wn_net_options){
                       .channels = 1, .height = 28, .width = 28, .classes = CLASSES, .width_divisor = 1});
    wn_model *model = create_model(g);
    wn_tape *training =
        compile(model, (wn_tape_options){.batch = 4, .training = true, .pool = pool}, "lenet");
    wn_tape *evaluation = compile(model, (wn_tape_options){.batch = 4, .pool = pool}, "lenet");
    wn_tape *shorter = compile(model, (wn_tape_options){.batch = 2, .pool = pool}, "lenet");
    float of_four[4 * CLASSES], of_two[2 * CLASSES];
    if (training && evaluation && shorter) {
        random_batch(g, evaluation, 4, CLASSES, 7);
        memcpy(wn_tape_input(training), wn_tape_input(evaluation), 4 * 28 * 28 * sizeof(float));
        memcpy(wn_tape_labels(training), wn_tape_labels(evaluation), 4 * sizeof(int32_t));
        memcpy(wn_tape_input(shorter), wn_tape_input(evaluation), 2 * 28 * 28 * sizeof(float));
        wn_tape_run(evaluation);
        wn_tape_run(shorter);
        wn_tape_run(training);
        CHECK(wn_tape_loss(evaluation) == wn_tape_loss(training),
              "found loss %.17g in evaluation, expected %.17g", wn_tape_loss(evaluation),
              wn_tape_loss(training));
        wn_tape_logits(evaluation, of_four);
        wn_tape_logits(shorter, of_two);
        for (int i = 0; i < 2 * CLASSES; i++)
            CHECK(fabsf(of_four[i] - of_two[i]) <= 1e-5F, "logit %d: found %g in a batch of 2, expected %g",
                  i, (double)of_two[i], (double)of_four[i]);
        double before = wn_tape_loss(training);
        wn_tape_run(evaluation);
        CHECK(wn_tape_loss(evaluation) != before,
              "the update of one tape is not seen by another of the same model");
    }
    wn_tape_destroy(training);
    wn_tape_destroy(evaluation);
    wn_tape_destroy(shorter);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* Ten noisy patterns, learned by heart. */
static void check_learning(wn_pool *pool, wn_optimizer optimizer, float lr) {
    static const char *const names[] = {"SGD", "Adam", "RMSprop"};
    wn_graph *g = wn_graph_create();
    wn_net_find("mnist-cnn", NULL)
        ->build(g, &(wn_net_options){
                       .channels = 1, .height = 12, .width = 12, .classes = CLASSES, .width_divisor = 2});
    wn_model *model = create_model(g);
    wn_tape *tape =
        compile(model,
                (wn_tape_options){
                    .batch = 20, .training = true, .pool = pool, .optimizer = optimizer, .momentum = true},
                "mnist-cnn");
    if (tape) {
        for (int n = 0; n < 20; n++) {
            wn_tape_labels(tape)[n] = n % CLASSES;
            for (int i = 0; i < 144; i++)
                wn_tape_input(tape)[n * 144 + i] =
                    wn_random_uniform(1, WN_STREAM_TEST, (uint64_t)(n % CLASSES * 144 + i)) +
                    0.1F * wn_random_uniform(2, WN_STREAM_TEST, (uint64_t)(n * 144 + i));
        }
        wn_tape_set_options(
            tape,
            &(wn_step_options){.lr = lr, .momentum = 0.9F, .beta1 = 0.9F, .beta2 = 0.999F, .eps = 1e-8F});
        wn_tape_run(tape);
        double first = wn_tape_loss(tape);
        for (int i = 0; i < 100; i++)
            wn_tape_run(tape);
        CHECK(wn_tape_loss(tape) < 0.1 * first,
              "after 100 steps of %s: found loss %g, expected less than a tenth of %g", names[optimizer],
              wn_tape_loss(tape), first);
        CHECK(wn_tape_correct(tape) == 20, "found %lld right answers, expected 20",
              (long long)wn_tape_correct(tape));
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* The implementation that is the context where it supports the problem, else the reference. */
static wn_status preferring_pick(void *context, const wn_problem *problem, wn_isa isa, int threads,
                                 int64_t src_stride, int64_t dst_stride, struct wn_conv_plan *plan) {
    wn_status status = wn_conv_plan_make(context, problem, NULL, isa, threads, src_stride, dst_stride, plan);
    if (!wn_failed(status))
        return status;
    return wn_conv_plan_make(wn_conv_find("reference"), problem, NULL, isa, threads, src_stride, dst_stride,
                             plan);
}

static double loss_after_two_steps(const wn_graph *graph, wn_pool *pool, const wn_conv_impl *impl,
                                   uint64_t seed) {
    wn_model *model = create_model(graph);
    wn_tape *tape = compile(model,
                            (wn_tape_options){.batch = BATCH,
                                              .training = true,
                                              .pool = pool,
                                              .seed = seed,
                                              .pick = preferring_pick,
                                              .pick_context = (void *)impl},
                            impl->name);
    double loss = NAN;
    if (tape) {
        wn_tape_set_options(tape, &(wn_step_options){.lr = 0.001F});
        random_batch(graph, tape, BATCH, CLASSES, seed);
        wn_tape_run(tape);
        wn_tape_run(tape);
        loss = wn_tape_loss(tape);
    }
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    return loss;
}

/* Every implementation, those with their own threads too, trains the same network. Normalisation can amplify
 * rounding, so the bound is loose: it is about operands and order, not about accuracy. */
static void check_implementations(wn_pool *pool, uint64_t first_seed, int count) {
    for (uint64_t seed = first_seed; seed < first_seed + (uint64_t)count; seed++) {
        wn_graph *graph = random_graph(seed, (random_graph_options){.classes = CLASSES});
        double expected = loss_after_two_steps(graph, pool, wn_conv_find("reference"), seed);
        for (const wn_conv_impl *const *impl = wn_conv_registry; *impl; impl++) {
            double found = loss_after_two_steps(graph, pool, *impl, seed);
            CHECK(fabs(found - expected) <= 1e-2 * fabs(expected),
                  "seed %llu, %s: found loss %g, expected %g", (unsigned long long)seed, (*impl)->name, found,
                  expected);
        }
        wn_graph_destroy(graph);
    }
}

static wn_status refusing_pick(void *context, const wn_problem *problem, wn_isa isa, int threads,
                               int64_t src_stride, int64_t dst_stride, struct wn_conv_plan *plan) {
    (void)isa, (void)threads, (void)src_stride, (void)dst_stride, (void)plan, (void)problem;
    return wn_error(WN_ERROR_UNSUPPORTED, "%s", (const char *)context);
}

static void check_compile_errors(wn_pool *pool) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_global_average_pool(g, wn_conv(g, wn_input(g, 1, 4, 4), 4, .name = "first"));
    wn_output(g, wn_linear(g, wn_flatten(g, wn_batch_norm(g, x, .name = "norm")), 2));
    wn_model *model = create_model(g);
    wn_tape *tape;
    wn_tape_options options = {.batch = 0, .pool = pool, .isa = selected_isa()};
    CHECK(wn_tape_compile(model, &options, &tape).code == WN_ERROR_INVALID && !tape,
          "a batch of 0 was taken");
    options = (wn_tape_options){.batch = 2, .pool = pool, .isa = selected_isa(), .label_smoothing = 1};
    wn_status status = wn_tape_compile(model, &options, &tape);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "label smoothing 1"), "found '%s'",
          status.message);
    options = (wn_tape_options){.batch = 1, .training = true, .pool = pool, .isa = selected_isa()};
    status = wn_tape_compile(model, &options, &tape);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "'norm'"), "found '%s'", status.message);
    options.batch = 2;
    options.pick = refusing_pick;
    options.pick_context = "no such kernel";
    status = wn_tape_compile(model, &options, &tape);
    CHECK(status.code == WN_ERROR_UNSUPPORTED && strstr(status.message, "'first'") &&
              strstr(status.message, "no such kernel"),
          "found '%s'", status.message);
    options = (wn_tape_options){.batch = INT32_MAX, .pool = pool, .isa = selected_isa()};
    status = wn_tape_compile(model, &options, &tape);
    CHECK(status.code == WN_ERROR_INVALID && !tape, "a batch of 2^31 - 1 was taken");
    options = (wn_tape_options){.batch = 2, .isa = selected_isa()};
    CHECK(wn_tape_compile(model, &options, &tape).code == WN_ERROR_INVALID,
          "a tape without a pool was taken");
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

/* Models and tapes are made within the limit that the control group has then, not an earlier one. */
static void check_memory_limit(wn_pool *pool) {
    wn_graph *g = wn_graph_create();
    wn_output(g, wn_linear(g, wn_flatten(g, wn_input(g, 1, 4, 4)), 2));
    wn_arena_set_limit(1);
    wn_model *model = create_model(g);
    wn_arena_set_limit(1);
    wn_tape_destroy(compile(model, (wn_tape_options){.batch = 2, .pool = pool}, "after another limit"));
    wn_model_destroy(model);
    wn_graph_destroy(g);
}

int main(void) {
    uint64_t seed = check_seed();
    check_compiler_changes_nothing(seed, check_full() ? 300 : 30);
    check_threads_change_nothing(seed, check_full() ? 100 : 15);
    check_declarations(seed, check_full() ? 300 : 30);
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_tape");
    check_concatenation_is_a_view(pool);
    check_residual_is_fused(pool);
    check_evaluation(pool);
    check_learning(pool, WN_OPTIMIZER_SGD, 0.05F);
    check_learning(pool, WN_OPTIMIZER_ADAM, 0.003F);
    check_learning(pool, WN_OPTIMIZER_RMSPROP, 0.001F);
    check_implementations(pool, seed, check_full() ? 50 : 8);
    check_compile_errors(pool);
    check_memory_limit(pool);
    wn_pool_destroy(pool);
    return check_finish("check_tape");
}
