/* The training loop: options to tapes, shuffled batches through them, evaluation after every epoch. Showing
 * and writing what happens is report.c's, data and batches are data.h's. */
#include "clock.h"
#include "trainer_internal.h"

#include <math.h>

/* Rates of a step, counted from 0. */
static wn_rates rates_at(const wn_trainer *t, int64_t step) {
    const wn_recipe *recipe = &t->options.recipe;
    return wn_schedule_at(&recipe->schedule, (wn_rates){recipe->lr, recipe->momentum},
                          (wn_schedule_position){.step = step,
                                                 .steps_per_epoch = t->progress.steps_per_epoch,
                                                 .epochs = recipe->epochs});
}

wn_batch wn_trainer_next(wn_trainer *t, wn_tape **tape) {
    wn_batch batch = wn_batches_next(t->batches);
    *tape = batch.count == t->training.batch ? t->training.full : t->training.rest;
    wn_tape_read_batch(*tape, batch.images, batch.labels);
    wn_tape_read_mix(*tape, batch.others, batch.shares);
    return batch;
}

int wn_trainer_fill(wn_trainer *t, const wn_tape_pair *pair, const wn_split_data *split, const int64_t *order,
                    int64_t done, wn_tape **tape) {
    bool full = split->count - done >= pair->batch;
    int batch = full ? pair->batch : pair->rest_batch;
    *tape = full ? pair->full : pair->rest;
    wn_tape_read_batch(*tape, NULL, NULL);
    wn_tape_read_mix(*tape, NULL, NULL);
    wn_loader_fill(t->loader, split, order + done, batch, 0, wn_tape_input(*tape), wn_tape_labels(*tape));
    return batch;
}

/* Share of test images answered right. */
static double evaluate(wn_trainer *t) {
    double begin = wn_seconds();
    const wn_split_data *test = &t->dataset.test;
    int64_t correct = 0;
    wn_model_swap_average(t->model);
    for (int64_t done = 0; done < test->count;) {
        wn_tape *tape;
        done += wn_trainer_fill(t, &t->evaluation, test, t->test_order, done, &tape);
        wn_tape_run(tape);
        correct += wn_tape_correct(tape);
    }
    wn_model_swap_average(t->model);
    t->result.evaluating_seconds += wn_seconds() - begin;
    return (double)correct / (double)test->count;
}

/* Seconds until the end of the run if it goes on as it did: steps to come, and evaluations after the first.
 */
static double estimate_remaining(const wn_trainer *t, int epoch) {
    const wn_train_result *r = &t->result;
    double steps = (double)(t->progress.steps_per_epoch * t->progress.epochs - r->steps);
    double step = (r->training_seconds + r->preparing_seconds) / (double)(r->steps - t->begun.steps);
    int evaluations = epoch - 1 - t->begun.epochs;
    double evaluation = evaluations > 0 ? r->evaluating_seconds / evaluations : 0;
    return steps * step + evaluation * (t->progress.epochs - epoch + 1);
}

/* One step: prepares, runs, checks, reports. Time goes to preparing_seconds or to the sums' training_seconds.
 */
static wn_status train_step(wn_trainer *t, int epoch, wn_epoch_sums *sums) {
    wn_train_result *result = &t->result;
    wn_tape *tape;
    double begin = wn_seconds();
    wn_batch taken = wn_trainer_next(t, &tape);
    int batch = taken.count;
    wn_rates rates = rates_at(t, result->steps);
    wn_trainer_set_rates(t, tape, rates);
    double prepared = wn_seconds();
    wn_tape_run(tape);
    double loss = wn_tape_loss(tape);
    int64_t correct = wn_tape_correct(tape);
    double done = wn_seconds();
    result->preparing_seconds += prepared - begin;
    result->steps++;
    result->examples += batch;
    sums->steps++;
    sums->timed_examples += batch;
    sums->timed_steps++;
    sums->examples += batch;
    sums->loss += loss * batch;
    sums->correct += correct;
    sums->data_wait += taken.waited;
    sums->data_waits += taken.waited > 0;
    if (!isfinite(loss))
        return wn_trainer_diverged(t, tape, epoch, sums->steps, (double)rates.lr);
    wn_train_row row = {
        .epoch = epoch,
        .step = result->steps,
        .examples = result->examples,
        .loss = loss,
        .train_accuracy = (double)correct / batch,
        .test_accuracy = -1,
        .lr = rates.lr,
        .seconds_step = done - prepared,
        .seconds_total = done - t->options.started,
        .data_wait = taken.waited,
        .data_waits = taken.waited > 0,
    };
    WN_TRY(wn_recorder_add(t->recorder, &(wn_train_record){.event = WN_TRAIN_STEP, .row = row}));
    row.loss = sums->loss / (double)sums->examples;
    row.train_accuracy = (double)sums->correct / (double)sums->examples;
    wn_train_progress_step(&t->progress, &row,
                           (double)sums->timed_examples / (sums->training_seconds + done - prepared),
                           estimate_remaining(t, epoch));
    double reported = wn_seconds() - prepared;
    sums->training_seconds += reported;
    result->training_seconds += reported;
    return wn_ok();
}

/* A save that others will follow: when it fails the run goes on. */
static void save_or_say(wn_trainer *t, const wn_epoch_sums *sums, bool best) {
    wn_status status = wn_trainer_save(t, sums, best);
    if (wn_failed(status) && t->options.log) {
        wn_train_progress_clear(&t->progress);
        fprintf(t->options.log, "not saved, training goes on: %s\n", status.message);
        fflush(t->options.log);
    }
}

/* Evaluates; the figures of the epoch so far. */
static void take_figures(wn_trainer *t, const wn_epoch_sums *sums) {
    wn_train_result *result = &t->result;
    result->loss = sums->loss / (double)sums->examples;
    result->train_accuracy = (double)sums->correct / (double)sums->examples;
    result->test_accuracy = evaluate(t);
    if (result->training_seconds > 0)
        result->examples_per_second =
            (double)(result->examples - t->begun.examples) / result->training_seconds;
    result->seconds_to_here = wn_seconds() - t->options.started;
    if (t->options.time_to > 0 && result->test_accuracy >= t->options.time_to)
        result->seconds_to_reach = result->seconds_to_here;
}

static wn_train_row row_of(const wn_trainer *t, int epoch, const wn_epoch_sums *sums) {
    const wn_train_result *result = &t->result;
    return (wn_train_row){
        .epoch = epoch,
        .step = result->steps,
        .examples = result->examples,
        .loss = result->loss,
        .train_accuracy = result->train_accuracy,
        .test_accuracy = result->test_accuracy,
        .lr = rates_at(t, result->steps - 1).lr,
        .seconds_step = sums->timed_steps ? sums->training_seconds / (double)sums->timed_steps : 0,
        .seconds_total = result->seconds_to_here,
        .data_wait = sums->data_wait,
        .data_waits = sums->data_waits,
    };
}

/* Whether a step was the last of an update, and a multiple of `every` lies among the steps of that. */
static bool is_due(const wn_trainer *t, int64_t every) {
    int64_t steps = t->result.steps, before = steps - 1;
    if (!every || !wn_trainer_gathering(t, before).last)
        return false;
    while (!wn_trainer_gathering(t, before).first)
        before--;
    return steps / every > before / every;
}

/* An evaluation within an epoch, where one is due. */
static wn_status evaluate_between(wn_trainer *t, int epoch, const wn_epoch_sums *sums) {
    if (!is_due(t, t->options.eval_every) || sums->examples == t->dataset.train.count)
        return wn_ok();
    take_figures(t, sums);
    wn_train_row row = row_of(t, epoch, sums);
    WN_TRY(wn_recorder_add(t->recorder, &(wn_train_record){.event = WN_TRAIN_EVAL, .row = row}));
    wn_train_report_eval(&t->progress, &row);
    return wn_ok();
}

/* Between two updates: saving, and stopping when that is asked for. */
static wn_status after_step(wn_trainer *t, const wn_epoch_sums *sums) {
    const wn_train_options *o = &t->options;
    if (!wn_trainer_gathering(t, t->result.steps - 1).last)
        return wn_ok();
    if (!o->stop || !*o->stop) {
        if (is_due(t, o->save_every))
            save_or_say(t, sums, false);
        return wn_ok();
    }
    WN_TRY(wn_trainer_save(t, sums, false));
    return wn_error(WN_ERROR_INTERRUPTED, "interrupted by signal %d after step %lld%s%s%s", (int)*o->stop,
                    (long long)t->result.steps, o->checkpoints ? ", saved in " : ", nothing saved",
                    o->checkpoints ? o->checkpoints : "",
                    o->checkpoints ? "; --resume goes on from there" : "");
}

/* The rest of an epoch that `sums` tells the beginning of, its evaluation, reports and checkpoint. */
static wn_status train_epoch(wn_trainer *t, int epoch, wn_epoch_sums sums) {
    const wn_train_result *result = &t->result;
    if (sums.examples > 0) /* saved before the evaluation behind the last step */
        WN_TRY(evaluate_between(t, epoch, &sums));
    while (sums.examples < t->dataset.train.count && result->seconds_to_reach == 0) {
        WN_TRY(train_step(t, epoch, &sums));
        WN_TRY(after_step(t, &sums));
        WN_TRY(evaluate_between(t, epoch, &sums));
    }
    if (result->seconds_to_reach > 0)
        return wn_trainer_save(t, &sums, result->test_accuracy > t->best_accuracy);
    t->result.epochs = epoch;
    if (t->options.recompute_norms && epoch == t->options.recipe.epochs)
        WN_TRY(wn_trainer_recompute_norms(t));
    take_figures(t, &sums);
    wn_train_row row = row_of(t, epoch, &sums);
    WN_TRY(wn_recorder_add(t->recorder, &(wn_train_record){.event = WN_TRAIN_EPOCH, .row = row}));
    wn_train_report_epoch(&t->progress, &row,
                          sums.timed_steps ? (double)sums.timed_examples / sums.training_seconds : 0);
    bool best = result->test_accuracy > t->best_accuracy;
    if (epoch == t->options.recipe.epochs || result->seconds_to_reach > 0)
        return wn_trainer_save(t, &(wn_epoch_sums){0}, best);
    save_or_say(t, &(wn_epoch_sums){0}, best);
    return wn_ok();
}

static void report_start(const wn_trainer *t) {
    const wn_train_options *o = &t->options;
    if (!o->log)
        return;
    const wn_dataset *data = &t->dataset;
    char recipe[512];
    wn_recipe_describe(&o->recipe, recipe, sizeof recipe);
    fprintf(o->log,
            "%s on %s: %lld + %lld images of %dx%dx%d as %dx%dx%d, batch %d, %d epochs, seed %llu, %s, %d "
            "thread%s, batches prepared %s\n%s\n",
            o->net, data->name, (long long)data->train.count, (long long)data->test.count, data->channels,
            data->height, data->width, o->channels, o->size, o->size, o->recipe.batch, o->recipe.epochs,
            (unsigned long long)o->seed, wn_isa_name(o->isa), wn_pool_threads(o->pool),
            wn_pool_threads(o->pool) == 1 ? "" : "s",
            wn_batches_has_thread(t->batches) ? "by a thread of their own" : "between steps", recipe);
    if (data->skipped)
        fprintf(o->log, "%lld damaged images left out, the first: %s\n", (long long)data->skipped,
                data->first_skipped);
    if (o->resume)
        fprintf(o->log, "continues after step %lld, %d epochs finished\n", (long long)t->result.steps,
                t->result.epochs);
    fflush(o->log);
}

/* Tells the watchers that the run begins, and starts to keep record for them. */
static wn_status begin_watching(wn_trainer *t, const wn_epoch_sums *sums) {
    wn_train_start start = {.options = &t->options,
                            .facts = t->facts.pairs,
                            .fact_count = t->facts.count,
                            .steps_per_epoch = t->progress.steps_per_epoch,
                            .step = t->result.steps,
                            .evaluated = sums->examples == 0};
    wn_status status = wn_ok();
    int begun = 0;
    for (; begun < t->watcher_count && !wn_failed(status); begun++)
        if (t->watchers[begun]->begin)
            status = t->watchers[begun]->begin(t->watchers[begun]->context, &start);
    t->watcher_count = wn_failed(status) ? begun - 1 : begun; /* the others need not hear of its end */
    return t->watcher_count && !wn_failed(status)
               ? wn_recorder_start(t->options.pool, t->watchers, t->watcher_count, &t->recorder)
               : status;
}

/* How the run ended, with what comes to light when the last records have been taken. */
static wn_status end_watching(wn_trainer *t, wn_status how) {
    wn_status stopped = wn_recorder_stop(t->recorder);
    how = wn_failed(how) ? how : stopped;
    for (int i = 0; i < t->watcher_count; i++) {
        const wn_train_watcher *w = t->watchers[i];
        wn_status ended = w->end ? w->end(w->context, &t->result, &how) : wn_ok();
        how = wn_failed(how) ? how : ended;
    }
    return how;
}

wn_status wn_trainer_run(const wn_train_options *options, const wn_train_watcher *csv,
                         wn_train_result *result) {
    wn_trainer t = {.options = *options};
    *result = (wn_train_result){0};
    wn_epoch_sums sums = {0};
    wn_status status = wn_trainer_set_up(&t);
    if (!wn_failed(status) && t.options.resume)
        status = wn_trainer_restore(&t, &sums);
    if (wn_failed(status))
        goto done;
    if (csv)
        t.watchers[t.watcher_count++] = csv;
    for (int i = 0; i < t.options.watcher_count; i++)
        t.watchers[t.watcher_count++] = &t.options.watchers[i];
    status = begin_watching(&t, &sums);
    if (!wn_failed(status)) {
        wn_batches_begin(t.batches, t.result.epochs + 1, sums.examples);
        report_start(&t);
    }
    t.begun = t.result;
    for (int epoch = t.result.epochs + 1;
         epoch <= t.options.recipe.epochs && !wn_failed(status) && t.result.seconds_to_reach == 0; epoch++) {
        status = train_epoch(&t, epoch, sums);
        sums = (wn_epoch_sums){0};
    }
    wn_train_progress_clear(&t.progress);
    status = end_watching(&t, status);
    if (!wn_failed(status)) {
        *result = t.result;
        wn_train_report_result(t.options.log, result, t.options.time_to);
    }
done:
    wn_trainer_release(&t);
    return status;
}
