/* The training loop: options to tapes, shuffled batches through them, evaluation after every epoch. Showing
 * and writing what happens is report.c's, data and batches are data.h's. */
#include "trainer.h"
#include "clock.h"
#include "data.h"
#include "nets.h"
#include "pool.h"
#include "random.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Larger images would not fit the arithmetic of shapes in int. */
enum { MAX_SIZE = 16384 };

/* Tapes for one purpose: one of the usual batch and one for the short last batch (NULL when there is none).
 */
typedef struct tape_pair {
    wn_tape *full, *rest;
    int batch, rest_batch;
} tape_pair;

typedef struct trainer {
    wn_train_options options; /* defaults filled in */
    const wn_net *net;
    wn_dataset dataset;
    wn_graph *graph;
    wn_model *model;
    wn_resize *resize;
    tape_pair training, evaluation;
    int64_t *order; /* image numbers in the order they are fed */
    wn_train_csv csv;
    wn_train_progress progress;
    wn_train_result result;
} trainer;

static wn_status expect_number(bool valid, const char *what, double found, const char *expected) {
    return valid ? wn_ok() : wn_error(WN_ERROR_INVALID, "%s is %g, expected %s", what, found, expected);
}

/* Replaces zeros by defaults and refuses what cannot be, before anything is opened or read. */
static wn_status settle_options(trainer *t) {
    wn_train_options *o = &t->options;
    WN_TRY(wn_net_require(o->net, o->variant, &t->net));
    if (!o->pool)
        return wn_error(WN_ERROR_INVALID, "training needs a thread pool, found none");
    if (o->started == 0)
        o->started = wn_seconds();
    if (o->size == 0)
        o->size = t->net->default_size;
    if (o->batch == 0)
        o->batch = t->net->default_batch;
    if (o->eval_batch == 0)
        o->eval_batch = o->batch;
    if (o->epochs == 0)
        o->epochs = 10;
    if (o->lr == 0)
        o->lr = o->optimizer == WN_OPTIMIZER_ADAM ? 0.001f : t->net->default_lr;
    WN_TRY(expect_number(o->size >= 1 && o->size <= MAX_SIZE, "size", o->size, "1 to 16384"));
    WN_TRY(expect_number(o->batch >= 1, "batch size", o->batch, "at least 1"));
    WN_TRY(expect_number(o->eval_batch >= 1, "evaluation batch size", o->eval_batch, "at least 1"));
    WN_TRY(expect_number(o->epochs >= 1, "epochs", o->epochs, "at least 1"));
    WN_TRY(expect_number(isfinite(o->lr) && o->lr > 0, "learning rate", (double)o->lr, "a number above 0"));
    WN_TRY(
        expect_number(o->momentum >= 0 && o->momentum < 1, "momentum", (double)o->momentum, "0 to below 1"));
    WN_TRY(expect_number(isfinite(o->weight_decay) && o->weight_decay >= 0, "weight decay",
                         (double)o->weight_decay, "at least 0"));
    WN_TRY(expect_number(o->limit >= 0, "limit", (double)o->limit, "at least 0"));
    WN_TRY(expect_number(o->test_limit >= 0, "test limit", (double)o->test_limit, "at least 0"));
    if (o->limit > 0 && o->limit < o->batch)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected at least the batch size %d",
                        (long long)o->limit, o->batch);
    return wn_ok();
}

static wn_status load_data(trainer *t) {
    const wn_train_options *o = &t->options;
    double begin = wn_seconds();
    WN_TRY(wn_dataset_open(o->data, o->limit, &t->dataset));
    wn_dataset *data = &t->dataset;
    if (data->train.count < o->batch)
        return wn_error(WN_ERROR_INVALID, "batch size is %d, expected at most the %lld training images of %s",
                        o->batch, (long long)data->train.count, data->name);
    if (o->test_limit > 0 && o->test_limit < data->test.count)
        data->test.count = o->test_limit;
    if (t->options.eval_batch > data->test.count)
        t->options.eval_batch = (int)data->test.count;
    int64_t longest = data->train.count > data->test.count ? data->train.count : data->test.count;
    if (longest > UINT32_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %lld images, expected at most %u", data->name,
                        (long long)longest, UINT32_MAX);
    t->order = calloc((size_t)longest, sizeof *t->order);
    if (!t->order)
        return wn_error(WN_ERROR_MEMORY, "no memory for the order of %lld images", (long long)longest);
    WN_TRY(wn_resize_create(data->height, data->width, o->size, &t->resize));
    t->result.loading_seconds = wn_seconds() - begin;
    return wn_ok();
}

static wn_status build_model(trainer *t) {
    const wn_train_options *o = &t->options;
    t->graph = wn_graph_create();
    if (!t->graph)
        return wn_error(WN_ERROR_MEMORY, "no memory for the graph of %s", o->net);
    wn_net_options net_options = {.channels = t->dataset.channels,
                                  .height = o->size,
                                  .width = o->size,
                                  .classes = t->dataset.classes,
                                  .shortcut = o->shortcut,
                                  .width_divisor = o->width_divisor,
                                  .hidden_divisor = 1};
    t->net->build(t->graph, &net_options);
    WN_TRY(wn_graph_status(t->graph));
    WN_TRY(wn_model_create(t->graph, &t->model));
    wn_model_initialise(t->model, o->init, o->seed);
    return wn_ok();
}

static wn_status compile_tape(trainer *t, int batch, bool training, wn_tape **tape) {
    const wn_train_options *o = &t->options;
    wn_tape_options tape_options = {
        .batch = batch,
        .training = training,
        .optimizer = o->optimizer,
        .momentum = training && o->optimizer == WN_OPTIMIZER_SGD && o->momentum > 0,
        .isa = o->isa,
        .pool = o->pool,
        .pick = o->pick,
        .pick_context = o->pick_context,
        .seed = o->seed,
    };
    WN_TRY(wn_tape_compile(t->model, &tape_options, tape));
    wn_step_options step_options = {
        .lr = o->lr,
        .momentum = o->momentum,
        .weight_decay = o->weight_decay,
        .beta1 = 0.9f,
        .beta2 = 0.999f,
        .eps = 1e-8f,
    };
    wn_tape_set_options(*tape, &step_options);
    return wn_ok();
}

static wn_status compile_pair(trainer *t, int batch, int64_t images, bool training, tape_pair *pair) {
    pair->batch = batch;
    pair->rest_batch = (int)(images % batch);
    WN_TRY(compile_tape(t, batch, training, &pair->full));
    return pair->rest_batch ? compile_tape(t, pair->rest_batch, training, &pair->rest) : wn_ok();
}

static wn_status set_up(trainer *t) {
    WN_TRY(settle_options(t));
    WN_TRY(wn_train_csv_open(t->options.csv, &t->csv));
    WN_TRY(load_data(t));
    WN_TRY(build_model(t));
    WN_TRY(compile_pair(t, t->options.batch, t->dataset.train.count, true, &t->training));
    WN_TRY(compile_pair(t, t->options.eval_batch, t->dataset.test.count, false, &t->evaluation));
    t->progress = (wn_train_progress){
        .log = t->options.log,
        .terminal = t->options.terminal,
        .epochs = t->options.epochs,
        .steps_per_epoch = (t->dataset.train.count + t->options.batch - 1) / t->options.batch,
        .last_shown = wn_seconds(),
    };
    return wn_train_csv_begin(&t->csv);
}

/* Fisher and Yates, as a pure function of seed and epoch: every epoch starts from the identity. */
static void shuffle(int64_t *order, int64_t count, uint64_t seed, int epoch) {
    uint64_t stream = WN_STREAM_SHUFFLE | (uint64_t)epoch << 8;
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = wn_random_below(seed, stream, (uint64_t)i, (uint32_t)(i + 1));
        int64_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* Puts the images order[begin..) into the tape that takes them: the full one, or the last short one. Returns
 * how many it took. */
static int prepare_batch(trainer *t, const tape_pair *pair, const wn_split_data *split, int64_t begin,
                         wn_tape **tape) {
    bool full = split->count - begin >= pair->batch;
    int batch = full ? pair->batch : pair->rest_batch;
    *tape = full ? pair->full : pair->rest;
    wn_batch_fill(&t->dataset, split, t->order + begin, batch, t->resize, wn_tape_input(*tape),
                  wn_tape_labels(*tape));
    return batch;
}

/* Share of test images answered right. */
static double evaluate(trainer *t) {
    double begin = wn_seconds();
    const wn_split_data *test = &t->dataset.test;
    for (int64_t i = 0; i < test->count; i++)
        t->order[i] = i;
    int64_t correct = 0;
    for (int64_t done = 0; done < test->count;) {
        wn_tape *tape;
        done += prepare_batch(t, &t->evaluation, test, done, &tape);
        wn_tape_run(tape);
        correct += wn_tape_correct(tape);
    }
    t->result.evaluating_seconds += wn_seconds() - begin;
    return (double)correct / (double)test->count;
}

/* Seconds until the end of the run if it goes on as it did: steps to come, and evaluations after the first.
 */
static double estimate_remaining(const trainer *t, int epoch) {
    const wn_train_result *r = &t->result;
    double steps = (double)(t->progress.steps_per_epoch * t->options.epochs - r->steps);
    double step = (r->training_seconds + r->preparing_seconds) / (double)r->steps;
    double evaluation = epoch > 1 ? r->evaluating_seconds / (epoch - 1) : 0;
    return steps * step + evaluation * (t->options.epochs - epoch + 1);
}

/* Sums over one epoch. */
typedef struct epoch_sums {
    double loss; /* times images */
    int64_t correct, examples, steps;
    double training_seconds;
} epoch_sums;

/* One step: prepares, runs, checks, reports. Time goes to preparing_seconds or to the sums' training_seconds.
 */
static wn_status train_step(trainer *t, int epoch, epoch_sums *sums) {
    wn_train_result *result = &t->result;
    wn_tape *tape;
    double begin = wn_seconds();
    int batch = prepare_batch(t, &t->training, &t->dataset.train, sums->examples, &tape);
    double prepared = wn_seconds();
    wn_tape_run(tape);
    double loss = wn_tape_loss(tape);
    int64_t correct = wn_tape_correct(tape);
    double done = wn_seconds();
    result->preparing_seconds += prepared - begin;
    result->steps++;
    result->examples += batch;
    sums->steps++;
    sums->examples += batch;
    sums->loss += loss * batch;
    sums->correct += correct;
    if (!isfinite(loss))
        return wn_error(WN_ERROR_INVALID,
                        "%s: the loss became %s in step %lld of epoch %d with learning rate %g, expected a "
                        "finite number; a smaller learning rate may help",
                        t->options.net, isnan(loss) ? "not a number" : "infinite", (long long)sums->steps,
                        epoch, (double)t->options.lr);
    wn_train_row row = {
        .epoch = epoch,
        .step = result->steps,
        .examples = result->examples,
        .loss = loss,
        .train_accuracy = (double)correct / batch,
        .test_accuracy = -1,
        .lr = t->options.lr,
        .seconds_step = done - prepared,
        .seconds_total = done - t->options.started,
    };
    WN_TRY(wn_train_csv_row(&t->csv, "step", &row));
    row.loss = sums->loss / (double)sums->examples;
    row.train_accuracy = (double)sums->correct / (double)sums->examples;
    wn_train_progress_step(&t->progress, &row,
                           (double)sums->examples / (sums->training_seconds + done - prepared),
                           estimate_remaining(t, epoch));
    double reported = wn_seconds() - prepared;
    sums->training_seconds += reported;
    result->training_seconds += reported;
    return wn_ok();
}

static wn_status train_epoch(trainer *t, int epoch) {
    wn_train_result *result = &t->result;
    epoch_sums sums = {0};
    double begin = wn_seconds();
    shuffle(t->order, t->dataset.train.count, t->options.seed, epoch);
    result->preparing_seconds += wn_seconds() - begin;
    while (sums.examples < t->dataset.train.count)
        WN_TRY(train_step(t, epoch, &sums));
    result->epochs = epoch;
    result->loss = sums.loss / (double)sums.examples;
    result->train_accuracy = (double)sums.correct / (double)sums.examples;
    result->test_accuracy = evaluate(t);
    result->examples_per_second = (double)result->examples / result->training_seconds;
    result->seconds_to_here = wn_seconds() - t->options.started;
    wn_train_row row = {
        .epoch = epoch,
        .step = result->steps,
        .examples = result->examples,
        .loss = result->loss,
        .train_accuracy = result->train_accuracy,
        .test_accuracy = result->test_accuracy,
        .lr = t->options.lr,
        .seconds_step = sums.training_seconds / (double)sums.steps,
        .seconds_total = result->seconds_to_here,
    };
    WN_TRY(wn_train_csv_row(&t->csv, "epoch", &row));
    wn_train_report_epoch(&t->progress, &row, (double)sums.examples / sums.training_seconds);
    return wn_ok();
}

static void report_start(const trainer *t) {
    const wn_train_options *o = &t->options;
    if (!o->log)
        return;
    const wn_dataset *data = &t->dataset;
    fprintf(o->log,
            "%s on %s: %lld + %lld images of %dx%d as %dx%d, batch %d, %s %g, seed %llu, %s, %d thread%s\n",
            o->net, data->name, (long long)data->train.count, (long long)data->test.count, data->height,
            data->width, o->size, o->size, o->batch, o->optimizer == WN_OPTIMIZER_ADAM ? "adam" : "sgd",
            (double)o->lr, (unsigned long long)o->seed, wn_isa_name(o->isa), wn_pool_threads(o->pool),
            wn_pool_threads(o->pool) == 1 ? "" : "s");
    fflush(o->log);
}

static void release(trainer *t) {
    wn_tape_destroy(t->training.full);
    wn_tape_destroy(t->training.rest);
    wn_tape_destroy(t->evaluation.full);
    wn_tape_destroy(t->evaluation.rest);
    wn_model_destroy(t->model);
    wn_graph_destroy(t->graph);
    wn_resize_destroy(t->resize);
    free(t->order);
    wn_dataset_free(&t->dataset);
}

wn_status wn_train(const wn_train_options *options, wn_train_result *result) {
    trainer t = {.options = *options};
    *result = (wn_train_result){0};
    wn_status status = set_up(&t);
    if (!wn_failed(status))
        report_start(&t);
    for (int epoch = 1; epoch <= t.options.epochs && !wn_failed(status); epoch++)
        status = train_epoch(&t, epoch);
    wn_train_progress_clear(&t.progress);
    wn_status closed = wn_train_csv_close(&t.csv);
    if (!wn_failed(status))
        status = closed;
    if (!wn_failed(status)) {
        *result = t.result;
        wn_train_report_result(t.options.log, result);
    }
    release(&t);
    return status;
}
