/* Runs that are interrupted and continued end as they would have ended: to the bit, wherever they were
 * stopped, by a request, by SIGKILL, or in the middle of a save. And checkpoints of other runs are refused.
 */
#include "check_pool.h"
#include "checkpoint.h"
#include "data_folder.h"
#include "random.h"
#include "selected_isa.h"
#include "trainer.h"
#include "tune.h"

#include <sys/wait.h>

static char checkpoints[256];

/* Two epochs of five steps, with all that has a state: dropout's and Adam's counters, momenta, running
 * statistics, a schedule, augmentation, a short last batch. */
static wn_train_options small_run(wn_pool *pool) {
    wn_recipe recipe = wn_recipe_of(wn_net_find("mnist-bn", NULL));
    recipe.epochs = 2;
    recipe.batch = 32;
    return (wn_train_options){.net = "mnist-bn",
                              .limit = 150,
                              .test_limit = 60,
                              .recipe = recipe,
                              .seed = 4,
                              .pool = pool,
                              .isa = selected_isa(),
                              .checkpoints = checkpoints};
}
enum { STEPS = 10 };

static void forget(void) {
    static const char *const names[] = {"last.safetensors", "best.safetensors", "last.safetensors.tmp",
                                        "best.safetensors.tmp"};
    for (size_t i = 0; i < 4; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", checkpoints, names[i]);
        unlink(path);
    }
    rmdir(checkpoints);
}

/* The tensors of last.safetensors, as a check sum: metadata hold times. 0: not there, or damaged. */
static uLong last_tensors(void) {
    char path[300];
    wn_safetensors *file;
    snprintf(path, sizeof path, "%s/last.safetensors", checkpoints);
    wn_status status = wn_safetensors_read(path, &file);
    if (wn_failed(status))
        return 0;
    uLong sum = crc32(0, NULL, 0);
    for (int i = 0; i < wn_safetensors_count(file); i++) {
        const wn_safetensor *tensor = wn_safetensors_at(file, i);
        sum = crc32(sum, (const Bytef *)tensor->name, (uInt)strlen(tensor->name));
        sum = crc32(sum, tensor->data, (uInt)(tensor->count * (int64_t)sizeof(float)));
    }
    wn_safetensors_close(file);
    return sum;
}

static bool run(const wn_train_options *options, wn_train_result *result) {
    wn_status status = wn_train(options, result);
    return CHECK(!wn_failed(status), "%s", status.message);
}

/* What the uninterrupted run ends with. */
static uLong whole_run(wn_train_options options, wn_train_result *result) {
    forget();
    options.resume = false;
    run(&options, result);
    uLong sum = last_tensors();
    CHECK(sum != 0, "no checkpoint was written");
    return sum;
}

static void expect_same(const char *what, uLong expected, const wn_train_result *whole,
                        const wn_train_result *parts) {
    CHECK(last_tensors() == expected, "%s: other weights than uninterrupted", what);
    CHECK(parts->loss == whole->loss && parts->train_accuracy == whole->train_accuracy &&
              parts->test_accuracy == whole->test_accuracy && parts->steps == whole->steps &&
              parts->examples == whole->examples && parts->epochs == whole->epochs,
          "%s: loss %.17g after %lld steps, uninterrupted %.17g after %lld", what, parts->loss,
          (long long)parts->steps, whole->loss, (long long)whole->steps);
}

static long lines_of(const char *path) {
    FILE *file = fopen(path, "r");
    long lines = 0;
    for (int c; file && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

/* Stopped after every single step; the CSV file goes on, too. */
static void check_step_by_step(wn_pool *pool) {
    char csv[300];
    path_of("run.csv", csv);
    static const struct {
        const char *net;
        wn_optimizer optimizer;
        float momentum, lr, clip, average, mixup;
    } runs[] = {{"mnist-bn", WN_OPTIMIZER_ADAM, 0.9f, 0.05f, 0, 0, 0},
                {"mnist-cnn", WN_OPTIMIZER_SGD, 0.9f, 0.01f, 0, 0, 0},
                {"mnist-cnn", WN_OPTIMIZER_SGD, 0, 0.01f, 0, 0, 0},
                {"mnist-res", WN_OPTIMIZER_RMSPROP, 0.5f, 0.001f, 0, 0, 0},
                {"mnist-bn", WN_OPTIMIZER_ADAM, 0.9f, 0.05f, 0.5f, 0.9f, 0},
                {"mnist-bn", WN_OPTIMIZER_ADAM, 0.9f, 0.05f, 0, 0, 0.4f}};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        wn_train_options options = small_run(pool);
        wn_train_result whole, parts = {0};
        volatile sig_atomic_t stop = 15;
        options.net = runs[i].net;
        options.recipe.optimizer = runs[i].optimizer;
        options.recipe.decoupled_decay = false;
        options.recipe.momentum = runs[i].momentum;
        options.recipe.lr = runs[i].lr;
        options.recipe.clip = runs[i].clip;
        options.recipe.average = runs[i].average;
        options.recipe.augmentation.mixup = runs[i].mixup;
        options.recipe.schedule.kind = runs[i].momentum > 0 ? WN_SCHEDULE_ONE_CYCLE : WN_SCHEDULE_COSINE;
        options.feeding = WN_FEEDING_STEPS;
        options.eval_every = 2;
        uLong expected = whole_run(options, &whole);
        forget();
        options.stop = &stop;
        options.csv = csv;
        for (int step = 1; step <= STEPS; step++) {
            options.feeding = step % 2 ? WN_FEEDING_THREAD : WN_FEEDING_STEPS; /* the order is the same */
            wn_status status = wn_train(&options, &parts);
            char part[64];
            snprintf(part, sizeof part, "signal 15 after step %d, saved", step);
            CHECK(status.code == WN_ERROR_INTERRUPTED && strstr(status.message, part), "'%s' lacks '%s'",
                  status.message, part);
            options.resume = true;
        }
        run(&options, &parts);
        expect_same(runs[i].net, expected, &whole, &parts);
        const int lines =
            1 + STEPS + 2 + 4; /* header, steps, epochs, evaluations after steps 2, 4, 6 and 8 */
        CHECK(lines_of(csv) == lines, "the CSV file has %ld lines, expected %d", lines_of(csv), lines);
        unlink(csv);
    }
}

/* Killed at any moment, again and again, saving after every step. */
static void check_killed(uint64_t seed) {
    wn_train_result whole, parts = {0};
    uLong expected;
    {
        wn_pool *pool = check_pool_of(1);
        expected = whole_run(small_run(pool), &whole);
        wn_pool_destroy(pool);
    }
    forget();
    int kills = check_full() ? 60 : 12;
    bool ended = false;
    for (int k = 0; k < kills && !ended; k++) {
        pid_t child = fork();
        if (child == 0) {
            wn_pool *pool = check_pool_of(1);
            wn_train_options options = small_run(pool);
            options.save_every = 1;
            options.resume = last_tensors() != 0;
            wn_status status = wn_train(&options, &parts);
            _exit(wn_failed(status));
        }
        usleep(wn_random_below(seed, WN_STREAM_TEST, (uint64_t)k, 60000) + 2000);
        kill(child, SIGKILL);
        int how;
        waitpid(child, &how, 0);
        CHECK(!WIFEXITED(how) || WEXITSTATUS(how) == 0, "run %d failed", k);
        ended = WIFEXITED(how);
        char path[300];
        snprintf(path, sizeof path, "%s/last.safetensors", checkpoints);
        CHECK(access(path, F_OK) != 0 || last_tensors() != 0, "kill %d left a damaged checkpoint", k);
    }
    wn_pool *pool = check_pool_of(1);
    wn_train_options options = small_run(pool);
    options.resume = last_tensors() != 0;
    run(&options, &parts);
    expect_same("killed", expected, &whole, &parts);
    wn_pool_destroy(pool);
}

static wn_status prefer_winograd(void *context, const wn_problem *problem, wn_isa isa, int threads,
                                 int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    (void)context;
    wn_status status = wn_conv_plan_make(wn_conv_find("winograd"), problem, NULL, isa, threads, src_stride,
                                         dst_stride, plan);
    return wn_failed(status) ? wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan)
                             : status;
}

/* A run goes on with the kernels it was begun with, whatever would be chosen now, unless that is asked for.
 */
static void check_kernels(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    wn_train_result whole, parts = {0};
    options.net = "mnist-cnn";
    options.pick = prefer_winograd;
    uLong expected = whole_run(options, &whole);
    for (int anew = 0; anew < 2; anew++) {
        volatile sig_atomic_t stop = 2;
        forget();
        options.resume = options.pick_anew = false;
        options.pick = prefer_winograd;
        options.stop = &stop;
        wn_status status = wn_train(&options, &parts);
        CHECK(status.code == WN_ERROR_INTERRUPTED, "'%s'", status.message);
        options.resume = true;
        options.stop = NULL;
        options.pick = NULL;
        options.pick_anew = anew;
        run(&options, &parts);
        if (anew)
            CHECK(last_tensors() != expected, "other kernels gave the same bits");
        else
            expect_same("kernels", expected, &whole, &parts);
    }
}

static void expect_error(const wn_train_options *options, wn_code code, const char *part) {
    wn_train_result result;
    wn_status status = wn_train(options, &result);
    CHECK(status.code == code && strstr(status.message, part), "'%s' (code %d) lacks '%s'", status.message,
          status.code, part);
}

static void check_refused(wn_pool *pool) {
    wn_train_result result;
    wn_train_options options = small_run(pool);
    forget();
    options.resume = true;
    expect_error(&options, WN_ERROR_IO, "last.safetensors: No such file");
    options.resume = false;
    run(&options, &result);
    options.resume = true;
    run(&options, &result); /* nothing is left to do */
#define OTHER(change, part)                                                                                  \
    do {                                                                                                     \
        wn_train_options other = options;                                                                    \
        other.change;                                                                                        \
        expect_error(&other, WN_ERROR_INVALID, part);                                                        \
    } while (0)
    OTHER(net = "mnist-res", "its network is 'mnist-bn', expected 'mnist-res'");
    OTHER(seed = 5, "its seed is '4', expected '5'");
    OTHER(limit = 140, "its data.crc32 is");
    OTHER(recipe.lr = 0.2f, "its lr is");
    OTHER(recipe.epochs = 3, "its epochs is '2', expected '3'");
    OTHER(recipe.augmentation.flip = true, "its flip is '0', expected '1'");
    OTHER(checkpoints = NULL, "need a folder");
#undef OTHER
    options.checkpoints = "/dev/null";
    expect_error(&options, WN_ERROR_IO, "/dev/null");
}

/* Two runs in one folder would overwrite each other's files. */
static void check_lock(wn_pool *pool) {
    int pipes[2], ready[2];
    if (!CHECK(pipe(pipes) == 0 && pipe(ready) == 0, "no pipes"))
        return;
    char log_path[64];
    snprintf(log_path, sizeof log_path, "/dev/fd/%d", pipes[1]);
    pid_t child = fork();
    if (child == 0) {
        wn_pool *own = check_pool_of(1);
        wn_train_options options = small_run(own);
        wn_train_result result;
        options.recipe.epochs = 100000;
        options.log = fdopen(pipes[1], "w"); /* its first line says that the run is on */
        wn_train(&options, &result);
        _exit(0);
    }
    char first;
    CHECK(read(pipes[0], &first, 1) == 1, "the other run says nothing");
    wn_train_options options = small_run(pool);
    expect_error(&options, WN_ERROR_IO, "in use by another training run");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(void) {
    uint64_t seed = check_seed();
    make_folder();
    path_of("run", checkpoints);
    wn_safetensors *file;
    if (wn_safetensors_read(checkpoints, &file).code == WN_ERROR_UNSUPPORTED) {
        printf("skipped: this build does not read safetensors files\n");
        check_skipped++;
    } else {
        check_killed(seed);
        wn_pool *pool = check_pool_of(2);
        check_step_by_step(pool);
        check_kernels(pool);
        check_refused(pool);
        check_lock(pool);
        wn_pool_destroy(pool);
    }
    forget();
    rmdir(folder);
    return check_finish("check_resume");
}
