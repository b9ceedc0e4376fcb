/* Runs that differ in their seed alone, and how far apart they end. */
#include "clock.h"
#include "trainer_internal.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* The folder for checkpoints of one of several seeds. */
static wn_status name_folder(const char *folder, uint64_t seed, char path[static PATH_MAX]) {
    WN_TRY(wn_trainer_make_folder(folder));
    if (snprintf(path, PATH_MAX, "%s/seed-%llu", folder, (unsigned long long)seed) >= PATH_MAX)
        return wn_error(WN_ERROR_INVALID, "%.80s...: a name of more than %d characters", folder, PATH_MAX);
    return wn_ok();
}

static wn_status run_seed(const wn_train_options *all, const wn_train_watcher *csv, int index,
                          wn_train_result *result) {
    wn_train_options one = *all;
    char folder[PATH_MAX];
    one.seed += (uint64_t)index;
    one.started = wn_seconds();
    if (one.log)
        fprintf(one.log, "%sseed %llu\n", index ? "\n" : "", (unsigned long long)one.seed);
    if (one.checkpoints) {
        WN_TRY(name_folder(all->checkpoints, one.seed, folder));
        one.checkpoints = folder;
    }
    return wn_trainer_run(&one, csv, result);
}

wn_status wn_train_seeds(const wn_train_options *options, int seeds, wn_train_result *results, int *done) {
    *done = 0;
    if (seeds < 1 || (seeds > 1 && options->resume))
        return wn_error(WN_ERROR_INVALID, "%d seeds%s, expected %s", seeds,
                        options->resume ? " of a resumed run" : "", seeds < 1 ? "at least 1" : "one");
    memset(results, 0, (size_t)seeds * sizeof *results);
    wn_train_csv csv;
    WN_TRY(wn_train_csv_open(options->csv, &csv));
    wn_train_watcher watcher = wn_train_csv_watcher(&csv);
    const wn_train_watcher *watched = options->csv ? &watcher : NULL;
    wn_status status = wn_ok();
    for (int i = 0; i < seeds && !wn_failed(status); i++) {
        status = seeds == 1 ? wn_trainer_run(options, watched, results)
                            : run_seed(options, watched, i, &results[i]);
        *done += !wn_failed(status);
    }
    wn_status closed = wn_train_csv_close(&csv);
    return wn_failed(status) ? status : closed;
}

wn_status wn_train(const wn_train_options *options, wn_train_result *result) {
    int done;
    return wn_train_seeds(options, 1, result, &done);
}

wn_spread wn_spread_of(const double *values, int count) {
    if (count < 1)
        return (wn_spread){NAN, NAN, NAN, NAN};
    wn_spread spread = {.low = values[0], .high = values[0]};
    double squares = 0;
    for (int i = 0; i < count; i++) {
        spread.mean += values[i] / count;
        spread.low = fmin(spread.low, values[i]);
        spread.high = fmax(spread.high, values[i]);
    }
    for (int i = 0; i < count; i++)
        squares += (values[i] - spread.mean) * (values[i] - spread.mean);
    spread.deviation = count > 1 ? sqrt(squares / (count - 1)) : 0;
    return spread;
}
