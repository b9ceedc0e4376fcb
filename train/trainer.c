/* The training loop: options to tapes, shuffled batches through them, evaluation after every epoch. Showing
 * and writing what happens is report.c's, data and batches are data.h's. */
#include "trainer.h"
#include "clock.h"
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
    wn_loader *loader;
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
    if (o->eval_batch == 0)
        o->eval_batch = o->recipe.batch;
    WN_TRY(wn_recipe_check(&o->recipe));
    WN_TRY(expect_number(o->size >= 1 && o->size <= MAX_SIZE, "size", o->size, "1 to 16384"));
    WN_TRY(expect_number(o->eval_batch >= 1, "evaluation batch size", o->eval_batch, "at least 1"));
    WN_TRY(expect_number(o->limit >= 0, "limit", (double)o->limit, "at least 0"));
    WN_TRY(expect_number(o->test_limit >= 0, "test limit", (double)o->test_limit, "at least 0"));
    if (o->limit > 0 && o->limit < o->recipe.batch)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected at least the batch size %d",
                        (long long)o->limit, o->recipe.batch);
    return wn_ok();
}

static wn_status open_loader(trainer *t) {
    wn_train_options *o = &t->options;
    if (o->channels == 0)
        o->channels = t->net->default_channels > 1 ? t->net->default_channels : t->dataset.channels;
    return wn_loader_create(&t->dataset,
                            &(wn_loader_options){.size = o->size,
                                                 .channels = o->channels,
                                                 .normalisation = o->recipe.normalisation,
                                                 .augmentation = o->recipe.augmentation,
                                                 .seed = o->seed,
                                                 .pool = o->pool},
                            &t->loader);
}

static wn_status load_data(trainer *t) {
    const wn_train_options *o = &t->options;
    double begin = wn_seconds();
    WN_TRY(wn_dataset_open(o->data, o->limit, &t->dataset));
    wn_dataset *data = &t->dataset;
    if (data->train.count < o->recipe.batch)
        return wn_error(WN_ERROR_INVALID, "batch size is %d, expected at most the %lld training images of %s",
                        o->recipe.batch, (long long)data->train.count, data->name);
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
    WN_TRY(open_loader(t));
    t->result.loading_seconds = wn_seconds() - begin;
    return wn_ok();
}

static wn_status build_model(trainer *t) {
    const wn_train_options *o = &t->options;
    t->graph = wn_graph_create();
    if (!t->graph)
        return wn_error(WN_ERROR_MEMORY, "no memory for the graph of %s", o->net);
    wn_net_options net_options = {.channels = o->channels,
                                  .height = o->size,
                                  .width = o->size,
                                  .classes = t->dataset.classes,
                                  .shortcut = o->shortcut,
                                  .width_divisor = o->width_divisor,
                                  .hidden_divisor = 1};
    t->net->build(t->graph, &net_options);
    WN_TRY(wn_graph_status(t->graph));
    WN_TRY(wn_model_create(t->graph, &t->model));
    wn_model_initialise(t->model, o->recipe.init, o->seed);
    return wn_ok();
}

static wn_status compile_tape(trainer *t, int batch, bool training, wn_tape **tape) {
    const wn_train_options *o = &t->options;
    const wn_recipe *recipe = &o->recipe;
    bool momentum = recipe->momentum > 0 || wn_schedule_moves_momentum(&recipe->schedule);
    wn_tape_options tape_options = {
        .batch = batch,
        .training = training,
        .optimizer = recipe->optimizer,
        .momentum = training && recipe->optimizer != WN_OPTIMIZER_ADAM && momentum,
        .isa = o->isa,
        .pool = o->pool,
        .pick = o->pick,
        .pick_context = o->pick_context,
        .seed = o->seed,
    };
    return wn_tape_compile(t->model, &tape_options, tape);
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
    WN_TRY(compile_pair(t, t->options.recipe.batch, t->dataset.train.count, true, &t->training));
    WN_TRY(compile_pair(t, t->options.eval_batch, t->dataset.test.count, false, &t->evaluation));
    t->progress = (wn_train_progress){
        .log = t->options.log,
        .terminal = t->options.terminal,
        .epochs = t->options.recipe.epochs,
        .steps_per_epoch = (t->dataset.train.count + t->options.recipe.batch - 1) / t->options.recipe.batch,
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
 * how many it took. Epoch 0: as they are, without augmentation. */
static int prepare_batch(trainer *t, const tape_pair *pair, const wn_split_data *split, int64_t begin,
                         int epoch, wn_tape **tape) {
    bool full = split->count - begin >= pair->batch;
    int batch = full ? pair->batch : pair->rest_batch;
    *tape = full ? pair->full : pair->rest;
    wn_loader_fill(t->loader, split, t->order + begin, batch, epoch, wn_tape_input(*tape),
                   wn_tape_labels(*tape));
    return batch;
}

/* Tells the tape what the coming step works with; returns its learning rate. */
static float set_rates(const trainer *t, wn_tape *tape) {
    const wn_recipe *recipe = &t->options.recipe;
    wn_rates rates = wn_schedule_at(&recipe->schedule, (wn_rates){recipe->lr, recipe->momentum},
                                    (wn_schedule_position){.step = t->result.steps,
                                                           .steps_per_epoch = t->progress.steps_per_epoch,
                                                           .epochs = recipe->epochs});
    wn_tape_set_options(tape, &(wn_step_options){.lr = rates.lr,
                                                 .momentum = rates.momentum,
                                                 .beta1 = rates.momentum,
                                                 .beta2 = recipe->beta2,
                                                 .eps = recipe->eps,
                                                 .weight_decay = recipe->weight_decay,
                                                 .decoupled_decay = recipe->decoupled_decay,
                                                 .nesterov = recipe->nesterov});
    return rates.lr;
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
        done += prepare_batch(t, &t->evaluation, test, done, 0, &tape);
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
    double steps = (double)(t->progress.steps_per_epoch * t->progress.epochs - r->steps);
    double step = (r->training_seconds + r->preparing_seconds) / (double)r->steps;
    double evaluation = epoch > 1 ? r->evaluating_seconds / (epoch - 1) : 0;
    return steps * step + evaluation * (t->progress.epochs - epoch + 1);
}

/* Sums over one epoch. */
typedef struct epoch_sums {
    double loss; /* times images */
    float lr;    /* of the last step */
    int64_t correct, examples, steps;
    double training_seconds;
} epoch_sums;

/* One step: prepares, runs, checks, reports. Time goes to preparing_seconds or to the sums' training_seconds.
 */
static wn_status train_step(trainer *t, int epoch, epoch_sums *sums) {
    wn_train_result *result = &t->result;
    wn_tape *tape;
    double begin = wn_seconds();
    int batch = prepare_batch(t, &t->training, &t->dataset.train, sums->examples, epoch, &tape);
    sums->lr = set_rates(t, tape);
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
                        epoch, (double)sums->lr);
    wn_train_row row = {
        .epoch = epoch,
        .step = result->steps,
        .examples = result->examples,
        .loss = loss,
        .train_accuracy = (double)correct / batch,
        .test_accuracy = -1,
        .lr = sums->lr,
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
        .lr = sums.lr,
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
    char recipe[512];
    wn_recipe_describe(&o->recipe, recipe, sizeof recipe);
    fprintf(o->log,
            "%s on %s: %lld + %lld images of %dx%dx%d as %dx%dx%d, batch %d, %d epochs, seed %llu, %s, %d "
            "thread%s\n%s\n",
            o->net, data->name, (long long)data->train.count, (long long)data->test.count, data->channels,
            data->height, data->width, o->channels, o->size, o->size, o->recipe.batch, o->recipe.epochs,
            (unsigned long long)o->seed, wn_isa_name(o->isa), wn_pool_threads(o->pool),
            wn_pool_threads(o->pool) == 1 ? "" : "s", recipe);
    fflush(o->log);
}

static void release(trainer *t) {
    wn_tape_destroy(t->training.full);
    wn_tape_destroy(t->training.rest);
    wn_tape_destroy(t->evaluation.full);
    wn_tape_destroy(t->evaluation.rest);
    wn_model_destroy(t->model);
    wn_graph_destroy(t->graph);
    wn_loader_destroy(t->loader);
    free(t->order);
    wn_dataset_free(&t->dataset);
}

wn_status wn_train(const wn_train_options *options, wn_train_result *result) {
    trainer t = {.options = *options};
    *result = (wn_train_result){0};
    wn_status status = set_up(&t);
    if (!wn_failed(status))
        report_start(&t);
    for (int epoch = 1; epoch <= t.options.recipe.epochs && !wn_failed(status); epoch++)
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
