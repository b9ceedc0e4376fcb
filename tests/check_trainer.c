/* The training loop as a whole: it learns, depends on nothing but its options, reports what it did, and
 * refuses or stops with one clear line. Small networks on the embedded data. */
#include "check_pool.h"
#include "data.h"
#include "lr_find.h"
#include "pool.h"
#include "selected_isa.h"

#include <math.h>
#include <regex.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A run small enough for a test: two epochs of three batches of 64 and one of 8. */
static wn_train_options small_run(wn_pool *pool) {
    wn_recipe recipe = wn_recipe_of(wn_net_find("mnist-cnn", NULL));
    recipe.epochs = 2;
    recipe.lr = 0.001f;
    recipe.schedule.kind = WN_SCHEDULE_CONSTANT;
    return (wn_train_options){.net = "mnist-cnn",
                              .limit = 200,
                              .test_limit = 130,
                              .recipe = recipe,
                              .seed = 3,
                              .pool = pool,
                              .isa = selected_isa()};
}

enum { SMALL_STEPS = 8, SMALL_EXAMPLES = 400 };

static bool run(const wn_train_options *options, wn_train_result *result) {
    wn_status status = wn_train(options, result);
    return CHECK(!wn_failed(status), "%s", status.message);
}

static void check_learning(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    wn_train_result result;
    options.limit = 800;
    options.test_limit = 300;
    options.recipe.batch = 16;
    options.recipe.epochs = 3;
    options.recipe.lr = 0.004f;
    if (run(&options, &result))
        CHECK(result.test_accuracy > 0.65 && result.train_accuracy > 0.65 && result.loss < 1,
              "after 3 epochs of 800 images: loss %g, train accuracy %g, test accuracy %g", result.loss,
              result.train_accuracy, result.test_accuracy);
    /* The same with plain SGD and momentum: another path through the tape. */
    wn_recipe_set_optimizer(&options.recipe, WN_OPTIMIZER_SGD, false);
    options.recipe.momentum = 0.9f;
    options.recipe.lr = 0.02f;
    if (run(&options, &result))
        CHECK(result.test_accuracy > 0.6, "with momentum: test accuracy %g", result.test_accuracy);
}

/* Smoothed targets have an entropy, below which no loss falls; what is learned is the same. */
static void check_label_smoothing(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    const double smoothing = 0.3, rest = smoothing / 10, label = 1 - smoothing + rest;
    const double entropy = -label * log(label) - 9 * rest * log(rest);
    wn_train_result result;
    options.limit = 800;
    options.test_limit = 300;
    options.recipe.batch = 16;
    options.recipe.epochs = 3;
    options.recipe.lr = 0.004f;
    options.recipe.label_smoothing = (float)smoothing;
    if (run(&options, &result))
        CHECK(result.test_accuracy > 0.6 && result.loss > entropy && result.loss < 1.5 * entropy,
              "loss %g, expected from %g on; test accuracy %g", result.loss, entropy, result.test_accuracy);
}

static bool same(const wn_train_result *a, const wn_train_result *b) {
    return a->loss == b->loss && a->train_accuracy == b->train_accuracy &&
           a->test_accuracy == b->test_accuracy;
}

static void check_repeatable(void) {
    wn_train_result first, other;
    for (int threads = 1; threads <= 3; threads++) {
        wn_pool *pool = check_pool_of(threads);
        wn_train_options options = small_run(pool);
        if (run(&options, threads == 1 ? &first : &other) && threads > 1)
            CHECK(same(&first, &other), "%d threads: loss %.17g, with 1 thread %.17g", threads, other.loss,
                  first.loss);
        if (threads == 1) {
            options.eval_batch = 7;
            if (run(&options, &other))
                CHECK(same(&first, &other), "evaluation in batches of 7: %.17g, of 64: %.17g",
                      other.test_accuracy, first.test_accuracy);
            options.seed++;
            if (run(&options, &other))
                CHECK(other.loss != first.loss, "another seed gives the same loss %.17g", other.loss);
        }
        wn_pool_destroy(pool);
    }
    CHECK(first.steps == SMALL_STEPS && first.examples == SMALL_EXAMPLES && first.epochs == 2,
          "%lld steps, %lld examples, %d epochs", (long long)first.steps, (long long)first.examples,
          first.epochs);
    CHECK(first.examples_per_second > 0 && first.training_seconds > 0 && first.evaluating_seconds > 0 &&
              first.preparing_seconds > 0 &&
              first.seconds_to_here >=
                  first.training_seconds + first.evaluating_seconds + first.preparing_seconds,
          "times do not add up: %g s to here, %g training, %g evaluating, %g preparing",
          first.seconds_to_here, first.training_seconds, first.evaluating_seconds, first.preparing_seconds);
}

/* Who prepares the batches changes nothing about them: weights, figures and rows are the same to the bit. */
static void check_feeding(void) {
    wn_train_result steps, thread;
    for (int threads = 1; threads <= 3; threads++) {
        wn_pool *pool = check_pool_of(threads);
        wn_train_options options = small_run(pool);
        options.recipe.augmentation = (wn_augmentation){.pad = 2, .flip = true};
        options.eval_every = 3; /* while the thread fills its ring to the brim */
        options.feeding = WN_FEEDING_STEPS;
        bool ran = run(&options, &steps);
        options.feeding = WN_FEEDING_THREAD;
        if (ran && run(&options, &thread))
            CHECK(same(&steps, &thread) && steps.steps == thread.steps,
                  "%d threads: loss %.17g with a loader's thread, %.17g without", threads, thread.loss,
                  steps.loss);
        wn_pool_destroy(pool);
    }
}

/* The stream itself: every image of every epoch once, in the order of its shuffle, from any place on; and the
 * pages of the slots hold what the loader gives. */
static void check_stream(wn_pool *pool) {
    enum { IMAGES = 50, BATCH = 16, EPOCHS = 3, PIXELS = 28 * 28 };
    wn_dataset data;
    wn_loader *loader;
    static int64_t order[IMAGES];
    static float images[BATCH * PIXELS];
    int32_t labels[BATCH];
    wn_status status = wn_dataset_synthetic(1, IMAGES, 10, &data);
    if (!wn_failed(status))
        status = wn_loader_create(
            &data,
            &(wn_loader_options){
                .size = 28, .channels = 1, .augmentation = {.pad = 3}, .seed = 5, .pool = pool},
            &loader);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    for (int feeding = WN_FEEDING_AUTO; feeding <= WN_FEEDING_STEPS; feeding++)
        for (int64_t begin = 0; begin <= IMAGES; begin += 25) {
            wn_batches *batches;
            status = wn_batches_create(loader,
                                       &(wn_batches_options){.split = &data.train,
                                                             .batch = BATCH,
                                                             .image_floats = PIXELS,
                                                             .seed = 9,
                                                             .feeding = (wn_feeding)feeding,
                                                             .pool = pool},
                                       &batches);
            if (!CHECK(!wn_failed(status), "%s", status.message))
                continue;
            CHECK(wn_batches_has_thread(batches) ==
                      (feeding == WN_FEEDING_THREAD ||
                       (feeding == WN_FEEDING_AUTO && wn_pool_spare_cpus(pool) > 0)),
                  "feeding %d, %d spare CPUs: %d", feeding, wn_pool_spare_cpus(pool),
                  wn_batches_has_thread(batches));
            wn_batches_begin(batches, 1, begin);
            for (int epoch = begin == IMAGES ? 2 : 1; epoch <= EPOCHS; epoch++) {
                wn_batches_shuffle(9, epoch, order, IMAGES);
                for (int64_t at = epoch == 1 ? begin : 0; at < IMAGES; at += BATCH) {
                    int count = IMAGES - at < BATCH ? (int)(IMAGES - at) : BATCH;
                    wn_batch batch = wn_batches_next(batches);
                    wn_loader_fill(loader, &data.train, order + at, count, epoch, images, labels);
                    CHECK(batch.count == count && batch.epoch == epoch &&
                              !memcmp(batch.images, images, sizeof *images * PIXELS * (size_t)count) &&
                              !memcmp(batch.labels, labels, sizeof *labels * (size_t)count),
                          "feeding %d from %d: %d images of epoch %d, expected %d of %d from %d", feeding,
                          (int)begin, batch.count, batch.epoch, count, epoch, (int)at);
                }
            }
            wn_batches_destroy(batches);
        }
    wn_loader_destroy(loader);
    wn_dataset_free(&data);
}

/* A quota of CPU time leaves no CPU spare, whatever the affinity says. */
static void check_quota(void) {
    wn_pool *pool = check_pool_of(1);
    wn_dataset data;
    wn_loader *loader = NULL;
    wn_status status = wn_dataset_synthetic(1, 10, 10, &data);
    if (!wn_failed(status))
        status =
            wn_loader_create(&data, &(wn_loader_options){.size = 28, .channels = 1, .pool = pool}, &loader);
    CHECK(!wn_failed(status), "%s", status.message);
    for (int quota = 0; quota <= 2; quota++) {
        wn_batches *batches;
        status = wn_batches_create(
            loader,
            &(wn_batches_options){
                .split = &data.train, .batch = 5, .image_floats = 28 * 28, .quota = quota, .pool = pool},
            &batches);
        bool expected = wn_pool_spare_cpus(pool) > 0 && quota != 1;
        if (CHECK(!wn_failed(status), "%s", status.message))
            CHECK(wn_batches_has_thread(batches) == expected, "quota %d: %d, expected %d", quota,
                  wn_batches_has_thread(batches), expected);
        wn_batches_destroy(batches);
    }
    wn_loader_destroy(loader);
    wn_dataset_free(&data);
    wn_pool_destroy(pool);
}

typedef struct csv_row {
    char kind[8], test_accuracy[16];
    int epoch;
    long long step, examples;
    double loss, train_accuracy, lr, seconds_step, seconds_total, data_wait;
    long long data_waits, seed;
} csv_row;

static bool read_row(const char *line, csv_row *row) {
    int end = 0;
    row->test_accuracy[0] = '\0';
    if (sscanf(line, "%7[a-z],%d,%lld,%lld,%lf,%lf,%n", row->kind, &row->epoch, &row->step, &row->examples,
               &row->loss, &row->train_accuracy, &end) != 6)
        return false;
    const char *rest = line + end;
    size_t length = strcspn(rest, ",");
    snprintf(row->test_accuracy, sizeof row->test_accuracy, "%.*s", (int)length, rest);
    return sscanf(rest + length, ",%lf,%lf,%lf,%lf,%lld,%lld%n", &row->lr, &row->seconds_step,
                  &row->seconds_total, &row->data_wait, &row->data_waits, &row->seed, &end) == 6 &&
           strcmp(rest + length + end, "\n") == 0;
}

/* Rows of steps and epochs in order, whose sums agree with each other and with the result. */
static void check_csv(wn_pool *pool, wn_feeding feeding) {
    char path[] = "/tmp/check_trainer_XXXXXX", line[256];
    int handle = mkstemp(path);
    if (!CHECK(handle >= 0, "%s cannot be created", path))
        return;
    close(handle);
    wn_train_options options = small_run(pool);
    options.csv = path;
    options.feeding = feeding;
    wn_train_result result;
    bool ran = run(&options, &result);
    FILE *file = fopen(path, "r");
    CHECK(fgets(line, sizeof line, file) && strcmp(line, WN_TRAIN_CSV_HEADER "\n") == 0, "header: %s", line);
    csv_row row = {.kind = ""};
    double loss = 0, correct = 0, last_total = 0;
    long long steps = 0, examples = 0, epoch_began = 0;
    int epochs = 0;
    double waited = 0;
    long long waits = 0;
    while (fgets(line, sizeof line, file)) {
        if (!CHECK(read_row(line, &row), "not a row: %s", line))
            continue;
        if (strcmp(row.kind, "step") == 0) {
            long long batch = row.examples - examples;
            CHECK(row.step == ++steps && row.epoch == epochs + 1, "%s", line);
            CHECK(batch == (steps % 4 ? 64 : 8), "batch of %lld: %s", batch, line);
            CHECK(row.test_accuracy[0] == '\0', "test accuracy in a step: %s", line);
            loss += row.loss * (double)batch;
            correct += row.train_accuracy * (double)batch;
            CHECK(row.data_waits == (row.data_wait > 0) && (feeding == WN_FEEDING_THREAD || !row.data_waits),
                  "%s", line);
            waited += row.data_wait;
            waits += row.data_waits;
            examples = row.examples;
        } else {
            double of = (double)(examples - epoch_began);
            CHECK(strcmp(row.kind, "epoch") == 0 && row.epoch == ++epochs && row.step == steps &&
                      row.examples == examples,
                  "%s", line);
            CHECK(fabs(row.loss - loss / of) < 1e-6, "epoch's loss %.9g, its steps' mean %.9g", row.loss,
                  loss / of);
            CHECK(fabs(row.train_accuracy - correct / of) < 1e-5, "epoch's accuracy %g, its steps' mean %g",
                  row.train_accuracy, correct / of);
            CHECK(row.data_waits == waits && fabs(row.data_wait - waited) < 1e-6,
                  "the steps waited %g s in %lld: %s", waited, waits, line);
            loss = correct = waited = 0;
            waits = 0;
            epoch_began = examples;
        }
        CHECK(row.seed == 3, "%s", line);
        CHECK(row.lr > 0.00099 && row.lr < 0.00101 && row.seconds_step > 0 && row.seconds_total >= last_total,
              "%s", line);
        last_total = row.seconds_total;
    }
    CHECK(steps == SMALL_STEPS && epochs == 2, "%lld steps and %d epochs, expected %d and 2", steps, epochs,
          SMALL_STEPS);
    if (ran)
        CHECK(fabs(row.loss - result.loss) < 1e-6 &&
                  fabs(atof(row.test_accuracy) - result.test_accuracy) < 1e-5,
              "last row: loss %g, test accuracy %s; result: %g, %g", row.loss, row.test_accuracy, result.loss,
              result.test_accuracy);
    fclose(file);
    unlink(path);
}

/* Evaluations within epochs change nothing but the reports, and a run ends when it is good enough. */
static void check_evaluations(wn_pool *pool) {
    char path[] = "/tmp/check_trainer_XXXXXX", line[256];
    int handle = mkstemp(path);
    if (!CHECK(handle >= 0, "%s cannot be created", path))
        return;
    close(handle);
    wn_train_options options = small_run(pool);
    wn_train_result plain, often, reached;
    run(&options, &plain);
    options.eval_every = 3;
    options.csv = path;
    run(&options, &often);
    CHECK(same(&plain, &often), "with evaluations in between: loss %.17g, without %.17g", often.loss,
          plain.loss);
    FILE *file = fopen(path, "r");
    csv_row row;
    int found = 0;
    CHECK(fgets(line, sizeof line, file) != NULL, "no header");
    while (fgets(line, sizeof line, file))
        if (read_row(line, &row) && !strcmp(row.kind, "eval")) {
            found++;
            CHECK(row.step == 3 * found && atof(row.test_accuracy) > 0, "%s", line);
        }
    fclose(file);
    unlink(path);
    CHECK(found == 2, "%d evaluations within the epochs, expected 2 (after steps 3 and 6)", found);
    options.csv = NULL;
    options.time_to = 0.01;
    run(&options, &reached);
    CHECK(reached.steps == 3 && reached.epochs == 0 && reached.seconds_to_reach > 0 &&
              reached.test_accuracy >= options.time_to,
          "accuracy %g reached after %lld steps, expected 3", reached.test_accuracy,
          (long long)reached.steps);
    options.eval_every = 0;
    run(&options, &reached);
    CHECK(reached.steps == 4 && reached.epochs == 1 && reached.seconds_to_reach > 0,
          "reached after %lld steps, expected the 4 of an epoch", (long long)reached.steps);
    options.eval_every = 2;
    options.recipe.accumulate = 3; /* what is saved then has no half of an update */
    run(&options, &reached);
    CHECK(reached.steps == 3 && reached.epochs == 0, "reached after %lld steps, expected the 3 of an update",
          (long long)reached.steps);
    options.eval_every = 0;
    options.recipe.accumulate = 1;
    options.time_to = 1;
    run(&options, &reached);
    CHECK(reached.steps == SMALL_STEPS && reached.seconds_to_reach == 0, "accuracy 1 reached: %g s",
          reached.seconds_to_reach);
}

/* The rule on curves whose answer is known; the finder as a whole: repeatable, and it ends when the loss
 * does. */
static void check_lr_find(wn_pool *pool) {
    double lr[WN_LR_FIND_STEPS], loss[WN_LR_FIND_STEPS];
    for (int i = 0; i < WN_LR_FIND_STEPS; i++) {
        lr[i] = i;
        loss[i] = i < 20 ? 5 : i < 50 ? 5 - i * 0.01 : 5 + i; /* falls from 19 to 49: 31 values */
    }
    double valley = wn_lr_valley(lr, loss, WN_LR_FIND_STEPS);
    CHECK(valley == 34, "suggests %g, expected 19 + 10 + 5", valley);
    CHECK(wn_lr_valley(lr, lr, WN_LR_FIND_STEPS) == 0 && wn_lr_valley(lr, loss, 0) == 0,
          "suggests something where nothing falls");
    wn_train_options options = small_run(pool);
    wn_lr_find_result result, again;
    wn_status status = wn_lr_find(&options, 1e-6, 1000, &result);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    CHECK(result.steps > 20 && result.steps < WN_LR_FIND_STEPS && result.valley > 1e-5 && result.valley < 1,
          "%d steps, suggests %g", result.steps, result.valley);
    status = wn_lr_find(&options, 1e-6, 1000, &again);
    CHECK(!wn_failed(status) && again.valley == result.valley && again.steps == result.steps,
          "suggests %g, then %g", result.valley, again.valley);
    status = wn_lr_find(&options, 1, 1, &result);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "ascending"), "%s", status.message);
}

/* Runs into an error that must have this code and hold these parts. */
static void expect_error(const wn_train_options *options, const char *what, wn_code code,
                         const char *const parts[4]) {
    wn_train_result result;
    wn_status status = wn_train(options, &result);
    CHECK(status.code == code, "%s: code %d, expected %d: %s", what, status.code, code, status.message);
    for (int i = 0; i < 4 && parts[i]; i++)
        CHECK(strstr(status.message, parts[i]), "%s: '%s' lacks '%s'", what, status.message, parts[i]);
}

#define ERROR(options, what, code, ...) expect_error(options, what, code, (const char *const[4]){__VA_ARGS__})

static void check_unwritable_csv(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    FILE *log = tmpfile();
    options.log = log;
    options.csv = "/nowhere/at/all/run.csv";
    ERROR(&options, "no such folder", WN_ERROR_IO, options.csv, "No such file");
    options.csv = "/dev/full";
    ERROR(&options, "full disk at the header", WN_ERROR_IO, "/dev/full", "No space left");
    CHECK(ftell(log) == 0, "the log has %ld bytes, expected none before the CSV file is open", ftell(log));
    fclose(log);

    /* A disk that fills up during the run: the limit on the size of files stands in for it. */
    char path[] = "/tmp/check_trainer_XXXXXX";
    int handle = mkstemp(path);
    if (!CHECK(handle >= 0, "%s cannot be created", path))
        return;
    close(handle);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = sizeof WN_TRAIN_CSV_HEADER + 100;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    options.log = NULL;
    options.csv = path;
    ERROR(&options, "full disk at a row", WN_ERROR_IO, path, "cannot write the row of step 2",
          "File too large");
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    unlink(path);
}

/* A run that fails before its first step leaves an older run's file as it was, and no new one behind. */
static void check_kept_csv(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    options.data = "/nowhere/at/all";
    char path[] = "/tmp/check_trainer_XXXXXX";
    int handle = mkstemp(path);
    if (!CHECK(handle >= 0 && write(handle, "old\n", 4) == 4, "%s cannot be written", path))
        return;
    close(handle);
    options.csv = path;
    ERROR(&options, "no data", WN_ERROR_IO, options.data);
    struct stat facts = {0};
    CHECK(stat(path, &facts) == 0 && facts.st_size == 4, "the older file has %lld bytes, expected 4",
          (long long)facts.st_size);
    unlink(path);
    ERROR(&options, "no data, new file", WN_ERROR_IO, options.data);
    CHECK(stat(path, &facts) != 0, "%s was left behind by a run without a step", path);
}

static void check_divergence(wn_pool *pool) {
    wn_train_options options = small_run(pool);
    wn_recipe_set_optimizer(&options.recipe, WN_OPTIMIZER_SGD, false);
    options.recipe.lr = 1e30f;
    ERROR(&options, "enormous learning rate", WN_ERROR_INVALID, "mnist-cnn: the loss became",
          "of epoch 1 with learning rate 1e+30", "finite number");
}

static void check_refused_options(wn_pool *pool) {
    wn_train_options options;
#define WITH(field, bad, ...)                                                                                \
    options = small_run(pool);                                                                               \
    options.field = bad;                                                                                     \
    ERROR(&options, #field " " #bad, __VA_ARGS__)
    WITH(net, "resnet-18", WN_ERROR_USAGE, "resnet-18: unknown network", "lenet, ");
    WITH(net, NULL, WN_ERROR_USAGE, ": unknown network");
    WITH(pool, NULL, WN_ERROR_INVALID, "thread pool");
    WITH(size, -1, WN_ERROR_INVALID, "size is -1", "1 to 16384");
    WITH(size, 1 << 30, WN_ERROR_INVALID, "size is 1.07374e+09", "1 to 16384");
    WITH(size, 1, WN_ERROR_INVALID, "");
    WITH(recipe.batch, -64, WN_ERROR_INVALID, "batch size is -64", "at least 1");
    WITH(recipe.batch, 201, WN_ERROR_INVALID, "limit is 200", "batch size 201");
    WITH(eval_batch, -1, WN_ERROR_INVALID, "evaluation batch size is -1");
    WITH(recipe.epochs, -2, WN_ERROR_INVALID, "epochs is -2");
    WITH(recipe.lr, -0.5f, WN_ERROR_INVALID, "learning rate is -0.5", "above 0");
    WITH(recipe.lr, NAN, WN_ERROR_INVALID, "learning rate is", "above 0");
    WITH(recipe.momentum, 1, WN_ERROR_INVALID, "momentum is 1", "0 to below 1");
    WITH(recipe.label_smoothing, 1, WN_ERROR_INVALID, "label smoothing is 1", "0 to below 1");
    WITH(recipe.weight_decay, INFINITY, WN_ERROR_INVALID, "weight decay is inf");
    WITH(eval_every, -1, WN_ERROR_INVALID, "steps between two evaluations is -1");
    WITH(time_to, 1.5, WN_ERROR_INVALID, "test accuracy to reach is 1.5", "0 to 1");
    WITH(limit, -1, WN_ERROR_INVALID, "limit is -1");
    WITH(test_limit, -1, WN_ERROR_INVALID, "test limit is -1");
    WITH(data, "/nowhere/at/all", WN_ERROR_IO, "/nowhere/at/all: No such file");
#undef WITH
    options = small_run(pool);
    options.limit = 0;
    options.recipe.batch = WN_SYNTHETIC_TRAIN + 1;
    ERROR(&options, "batch larger than the data", WN_ERROR_INVALID, "batch size is 10001",
          "10000 training images");
}

static bool matches(const char *pattern, const char *text) {
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
        return false;
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

/* The lines people and scripts read: one per epoch, the closing line in its exact form, the time to here. */
static void check_log(wn_pool *pool) {
    for (int terminal = 0; terminal <= 1; terminal++) {
        char text[4096];
        wn_train_options options = small_run(pool);
        wn_train_result result;
        options.log = tmpfile();
        options.terminal = terminal;
        run(&options, &result);
        rewind(options.log);
        text[fread(text, 1, sizeof text - 1, options.log)] = '\0';
        fclose(options.log);
        CHECK(matches("^loss [0-9]+\\.[0-9]{3}, train acc [01]\\.[0-9]{3}, test acc [01]\\.[0-9]{3}, "
                      "[0-9]+\\.[0-9] examples/sec$",
                      text),
              "no closing line in:\n%s", text);
        CHECK(matches("^[0-9.]+ s from start to here: loading ", text), "no time to here in:\n%s", text);
        CHECK(strstr(text, "epoch 1/2: loss ") && strstr(text, "epoch 2/2: loss "), "no epochs in:\n%s",
              text);
        if (!terminal)
            CHECK(!strchr(text, '\r') && !strchr(text, '\033'), "control characters off a terminal:\n%s",
                  text);
    }
}

int main(void) {
    check_repeatable();
    check_feeding();
    check_quota();
    wn_pool *pool = check_pool_of(1);
    check_learning(pool);
    check_label_smoothing(pool);
    check_csv(pool, WN_FEEDING_STEPS);
    check_csv(pool, WN_FEEDING_THREAD);
    check_stream(pool);
    check_evaluations(pool);
    check_lr_find(pool);
    check_unwritable_csv(pool);
    check_kept_csv(pool);
    check_divergence(pool);
    check_refused_options(pool);
    check_log(pool);
    wn_pool_destroy(pool);
    return check_finish("check_trainer");
}
