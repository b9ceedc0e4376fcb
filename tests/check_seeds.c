/* Several seeds in one call: each is the run that it would be alone, rows and watchers tell them apart, and
 * their spread is computed right. */
#include "check_pool.h"
#include "selected_isa.h"
#include "trainer.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEEDS = 3, FIRST = 5, STEPS = 6 };

static wn_train_options small_run(wn_pool *pool) {
    wn_recipe recipe = wn_recipe_of(wn_net_find("mnist-cnn", NULL));
    recipe.epochs = 2;
    recipe.batch = 16;
    return (wn_train_options){.net = "mnist-cnn",
                              .limit = 48,
                              .test_limit = 40,
                              .recipe = recipe,
                              .seed = FIRST,
                              .pool = pool,
                              .isa = selected_isa()};
}

/* What a watcher was told. */
typedef struct told {
    int begun, ended, steps, evaluations, epochs, saves, best;
    uint64_t seeds[SEEDS + 1];
    int64_t last_step;
    bool ordered, described;
    wn_code refuse_begin;
    int refuse_step;
    wn_status how;
} told;

static wn_status begin(void *context, const wn_train_start *start) {
    told *t = context;
    t->seeds[t->begun++ % SEEDS] = start->options->seed;
    t->last_step = start->step;
    for (int i = 0; i < start->fact_count; i++)
        t->described |=
            !strcmp(start->facts[i].key, "network") && !strcmp(start->facts[i].value, "mnist-cnn");
    return t->refuse_begin ? wn_error(t->refuse_begin, "the watcher refuses") : wn_ok();
}

static bool record(void *context, const wn_train_record *r) {
    told *t = context;
    int *const counts[] = {&t->steps, &t->evaluations, &t->epochs, &t->saves};
    ++*counts[r->event];
    t->best += r->event == WN_TRAIN_SAVE && r->best;
    t->ordered &= r->row.step == t->last_step + (r->event == WN_TRAIN_STEP);
    t->last_step = r->row.step;
    return t->steps != t->refuse_step || t->refuse_step == 0;
}

static wn_status end(void *context, const wn_train_result *result, const wn_status *how) {
    told *t = context;
    t->ended++;
    t->how = *how;
    t->ordered &= wn_failed(*how) || result->steps == t->last_step;
    return wn_ok();
}

static void check_runs(wn_pool *pool, const char *folder) {
    char csv[200], kept[200], line[300], path[300];
    snprintf(csv, sizeof csv, "%s/rows.csv", folder);
    snprintf(kept, sizeof kept, "%s/kept", folder);
    told t = {.ordered = true};
    const wn_train_watcher watcher = {&t, "watcher", begin, end, record, NULL};
    wn_train_options options = small_run(pool);
    options.csv = csv;
    options.checkpoints = kept;
    options.eval_every = 2;
    options.watchers = &watcher;
    options.watcher_count = 1;
    wn_train_result together[SEEDS], alone;
    int done = -1;
    wn_status status = wn_train_seeds(&options, SEEDS, together, &done);
    if (!CHECK(!wn_failed(status) && done == SEEDS, "%d seeds done: %s", done, status.message))
        return;
    CHECK(t.begun == SEEDS && t.ended == SEEDS && t.described && t.ordered && !wn_failed(t.how),
          "%d beginnings, %d ends, described %d, in order %d, ended: %s", t.begun, t.ended, t.described,
          t.ordered, t.how.message);
    CHECK(t.steps == SEEDS * STEPS && t.epochs == 2 * SEEDS && t.evaluations == 2 * SEEDS &&
              t.saves == 2 * SEEDS,
          "%d steps, %d epochs, %d evaluations, %d saves", t.steps, t.epochs, t.evaluations, t.saves);
    CHECK(t.best >= SEEDS, "%d of the saves were the best so far", t.best);
    for (int i = 0; i < SEEDS; i++) {
        wn_train_options one = small_run(pool);
        one.seed = (uint64_t)(FIRST + i);
        status = wn_train(&one, &alone);
        CHECK(!wn_failed(status) && alone.loss == together[i].loss &&
                  alone.test_accuracy == together[i].test_accuracy && alone.steps == together[i].steps,
              "seed %d alone: loss %.17g, among others %.17g %s", FIRST + i, alone.loss, together[i].loss,
              status.message);
        CHECK(t.seeds[i] == one.seed, "run %d began with seed %d", i, (int)t.seeds[i]);
        snprintf(path, sizeof path, "%s/seed-%d/last.safetensors", kept, FIRST + i);
        CHECK(access(path, R_OK) == 0, "no %s", path);
    }
    CHECK(together[0].loss != together[1].loss, "two seeds end alike");
    FILE *file = fopen(csv, "r");
    int rows = 0, headers = 0;
    while (file && fgets(line, sizeof line, file)) {
        headers += !strcmp(line, WN_TRAIN_CSV_HEADER "\n");
        const char *seed = strrchr(line, ',');
        if (line[0] != 'k')
            CHECK(seed && atoi(seed + 1) == FIRST + rows++ / (STEPS + 4), "row %d: %s", rows, line);
    }
    CHECK(file && fclose(file) == 0 && headers == 1 && rows == SEEDS * (STEPS + 4), "%d headers, %d rows",
          headers, rows);
}

/* A watcher that fails ends the run with its words; nothing is begun after. */
static void check_failures(wn_pool *pool) {
    told t = {.refuse_begin = WN_ERROR_IO};
    wn_train_watcher watcher = {&t, "/some/file", begin, end, record, NULL};
    wn_train_options options = small_run(pool);
    wn_train_result results[SEEDS];
    int done = -1;
    options.watchers = &watcher;
    options.watcher_count = 1;
    wn_status status = wn_train_seeds(&options, SEEDS, results, &done);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "refuses") && done == 0 && t.begun == 1 &&
              t.steps == 0 && t.ended == 0,
          "%d done, %d begun, %d ended: %s", done, t.begun, t.ended, status.message);
    t = (told){.refuse_step = 2};
    status = wn_train_seeds(&options, SEEDS, results, &done);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "/some/file") &&
              strstr(status.message, "step 2") && done == 0 && t.begun == 1 && t.ended == 1 &&
              wn_failed(t.how),
          "%d done, %d begun, %d ended: %s", done, t.begun, t.ended, status.message);
    options.watcher_count = WN_TRAIN_WATCHERS + 1;
    status = wn_train(&options, results);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "watchers"), "%s", status.message);
    options.watcher_count = 0;
    options.resume = true;
    options.checkpoints = "nowhere";
    status = wn_train_seeds(&options, 2, results, &done);
    CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, "resumed") &&
              access("nowhere", F_OK) != 0,
          "%s", status.message);
    status = wn_train_seeds(&options, 0, results, &done);
    CHECK(status.code == WN_ERROR_INVALID, "no seeds: %s", status.message);
}

static void check_spread(void) {
    wn_spread s = wn_spread_of((double[]){2, 4, 4, 4, 5, 5, 7, 9}, 8);
    CHECK(s.mean == 5 && fabs(s.deviation - sqrt(32.0 / 7)) < 1e-15 && s.low == 2 && s.high == 9,
          "mean %g, deviation %g, %g to %g", s.mean, s.deviation, s.low, s.high);
    s = wn_spread_of((double[]){-3}, 1);
    CHECK(s.mean == -3 && s.deviation == 0 && s.low == -3 && s.high == -3, "of one: %g, %g", s.mean,
          s.deviation);
    s = wn_spread_of(NULL, 0);
    CHECK(isnan(s.mean) && isnan(s.deviation) && isnan(s.low) && isnan(s.high), "of none: %g", s.mean);
}

int main(void) {
    char folder[] = "/tmp/check_seeds_XXXXXX", command[100];
    wn_pool *pool = check_pool_of(2);
    check_spread();
    if (CHECK(mkdtemp(folder), "%s cannot be made", folder)) {
        check_runs(pool, folder);
        snprintf(command, sizeof command, "rm -r %s", folder);
        CHECK(system(command) == 0, "%s", command);
    }
    check_failures(pool);
    wn_pool_destroy(pool);
    return check_finish("check_seeds");
}
