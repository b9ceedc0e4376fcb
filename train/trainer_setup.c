/* Setting a training run up: options to data, model and tapes. */
#include "cgroup.h"
#include "clock.h"
#include "trainer_internal.h"
#include "tune.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Larger images would not fit the arithmetic of shapes in int. */
enum { MAX_SIZE = 16384 };

static wn_status expect_number(bool valid, const char *what, double found, const char *expected) {
    return valid ? wn_ok() : wn_error(WN_ERROR_INVALID, "%s is %g, expected %s", what, found, expected);
}

/* Replaces zeros by defaults and refuses what cannot be, before anything is opened or read. */
static wn_status settle_options(wn_trainer *t) {
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
    WN_TRY(expect_number(o->image_side >= 0 && o->image_side <= MAX_SIZE, "size of images", o->image_side,
                         "0 to 16384"));
    WN_TRY(expect_number(o->eval_batch >= 1, "evaluation batch size", o->eval_batch, "at least 1"));
    WN_TRY(expect_number(o->limit >= 0, "limit", (double)o->limit, "at least 0"));
    WN_TRY(expect_number(o->eval_every >= 0, "steps between two evaluations", (double)o->eval_every,
                         "at least 0"));
    WN_TRY(expect_number(o->time_to >= 0 && o->time_to <= 1, "test accuracy to reach", o->time_to, "0 to 1"));
    WN_TRY(expect_number(o->save_every >= 0, "steps between two saves", (double)o->save_every, "at least 0"));
    if ((o->resume || o->save_every) && !o->checkpoints)
        return wn_error(WN_ERROR_INVALID, "resuming and saving need a folder for checkpoints, found none");
    WN_TRY(expect_number(o->watcher_count <= WN_TRAIN_WATCHERS, "watchers of a run", o->watcher_count,
                         "at most 4"));
    WN_TRY(expect_number(o->test_limit >= 0, "test limit", (double)o->test_limit, "at least 0"));
    if (o->limit > 0 && o->limit < o->recipe.batch)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected at least the batch size %d",
                        (long long)o->limit, o->recipe.batch);
    return wn_ok();
}

static wn_status open_loader(wn_trainer *t) {
    wn_train_options *o = &t->options;
    if (o->channels == 0)
        o->channels = wn_net_channels(t->net, t->dataset.channels);
    return wn_loader_create(&t->dataset,
                            &(wn_loader_options){.size = o->size,
                                                 .channels = o->channels,
                                                 .normalisation = o->recipe.normalisation,
                                                 .augmentation = o->recipe.augmentation,
                                                 .seed = o->seed,
                                                 .pool = o->pool},
                            &t->loader);
}

static wn_status open_batches(wn_trainer *t) {
    const wn_train_options *o = &t->options;
    return wn_batches_create(
        t->loader,
        &(wn_batches_options){.split = &t->dataset.train,
                              .batch = o->recipe.batch,
                              .image_floats = (size_t)o->channels * (size_t)o->size * (size_t)o->size,
                              .mix = o->recipe.augmentation.mixup > 0,
                              .seed = o->seed,
                              .feeding = o->feeding,
                              .quota = wn_cgroup_quota(""),
                              .pool = o->pool},
        &t->batches);
}

static wn_status load_data(wn_trainer *t) {
    const wn_train_options *o = &t->options;
    double begin = wn_seconds();
    WN_TRY(wn_dataset_open(&(wn_dataset_options){.name = o->data,
                                                 .limit = o->limit,
                                                 .side = o->image_side ? o->image_side : o->size,
                                                 .strict = o->strict,
                                                 .split_seed = o->split_seed,
                                                 .pool = o->pool},
                           &t->dataset));
    wn_dataset *data = &t->dataset;
    if (data->train.count < o->recipe.batch)
        return wn_error(WN_ERROR_INVALID, "batch size is %d, expected at most the %lld training images of %s",
                        o->recipe.batch, (long long)data->train.count, data->name);
    if (o->test_limit > 0 && o->test_limit < data->test.count)
        data->test.count = o->test_limit;
    if (t->options.eval_batch > data->test.count)
        t->options.eval_batch = (int)data->test.count;
    if (data->train.count > UINT32_MAX)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %lld images, expected at most %u", data->name,
                        (long long)data->train.count, UINT32_MAX);
    t->test_order = calloc((size_t)data->test.count, sizeof *t->test_order);
    if (!t->test_order)
        return wn_error(WN_ERROR_MEMORY, "no memory for the order of %lld images",
                        (long long)data->test.count);
    for (int64_t i = 0; i < data->test.count; i++)
        t->test_order[i] = i;
    WN_TRY(open_loader(t));
    t->result.loading_seconds = wn_seconds() - begin;
    return wn_ok();
}

static wn_status build_model(wn_trainer *t) {
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

/* A run that goes on computes with the kernels it began with: others would give other bits. */
static wn_status pick_as_before(void *context, const wn_problem *problem, wn_isa isa, int threads,
                                int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    const wn_trainer *t = context;
    if (t->kept && wn_picks_find(t->kept, problem, isa, threads, src_stride, dst_stride, plan))
        return wn_ok();
    return t->options.pick
               ? t->options.pick(t->options.pick_context, problem, isa, threads, src_stride, dst_stride, plan)
               : wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan);
}

static wn_status compile_tape(wn_trainer *t, int batch, bool training, wn_tape **tape) {
    const wn_train_options *o = &t->options;
    const wn_recipe *recipe = &o->recipe;
    bool momentum = recipe->momentum > 0 || wn_schedule_moves_momentum(&recipe->schedule);
    wn_tape_options tape_options = {
        .batch = batch,
        .training = training,
        .optimizer = recipe->optimizer,
        .momentum = training && recipe->optimizer != WN_OPTIMIZER_ADAM && momentum,
        .clip_gradients = recipe->clip > 0,
        .accumulate_gradients = recipe->accumulate > 1,
        .average_weights = recipe->average > 0,
        .isa = o->isa,
        .pool = o->pool,
        .pick = pick_as_before,
        .pick_context = t,
        .no_fuse = o->no_fuse,
        .label_smoothing = training ? recipe->label_smoothing : 0,
        .seed = o->seed,
    };
    return wn_tape_compile(t->model, &tape_options, tape);
}

static wn_status compile_pair(wn_trainer *t, int batch, int64_t images, bool training, wn_tape_pair *pair) {
    pair->batch = batch;
    pair->rest_batch = (int)(images % batch);
    WN_TRY(compile_tape(t, batch, training, &pair->full));
    return pair->rest_batch ? compile_tape(t, pair->rest_batch, training, &pair->rest) : wn_ok();
}

wn_status wn_trainer_make_folder(const char *folder) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%s: cannot be made a folder for checkpoints: %s", folder,
                        strerror(errno));
    return wn_ok();
}

/* Makes the folder and locks it: two runs in one would overwrite each other's files. */
static wn_status open_folder(wn_trainer *t) {
    const char *folder = t->options.checkpoints;
    if (!folder)
        return wn_ok();
    WN_TRY(wn_trainer_make_folder(folder));
    t->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->folder < 0)
        return wn_error(WN_ERROR_IO, "%s: %s, expected a folder for checkpoints", folder, strerror(errno));
    if (flock(t->folder, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? wn_error(WN_ERROR_IO, "%s: in use by another training run", folder)
                   : wn_error(WN_ERROR_IO, "%s: cannot be locked: %s", folder, strerror(errno));
    return wn_ok();
}

wn_status wn_trainer_set_up(wn_trainer *t) {
    t->folder = -1;
    t->best_accuracy = -1;
    t->saved_step = -1;
    WN_TRY(settle_options(t));
    WN_TRY(open_folder(t));
    WN_TRY(wn_trainer_open_checkpoint(t));
    WN_TRY(load_data(t));
    WN_TRY(build_model(t));
    WN_TRY(compile_pair(t, t->options.recipe.batch, t->dataset.train.count, true, &t->training));
    WN_TRY(compile_pair(t, t->options.eval_batch, t->dataset.test.count, false, &t->evaluation));
    WN_TRY(open_batches(t));
    t->progress = (wn_train_progress){
        .pool = t->options.pool,
        .log = t->options.log,
        .terminal = t->options.terminal,
        .epochs = t->options.recipe.epochs,
        .steps_per_epoch = (t->dataset.train.count + t->options.recipe.batch - 1) / t->options.recipe.batch,
    };
    if (t->options.checkpoints || t->options.watcher_count)
        wn_trainer_state_facts(t);
    return wn_ok();
}

void wn_trainer_release(wn_trainer *t) {
    wn_tape_destroy(t->training.full);
    wn_tape_destroy(t->training.rest);
    wn_tape_destroy(t->evaluation.full);
    wn_tape_destroy(t->evaluation.rest);
    wn_model_destroy(t->model);
    wn_graph_destroy(t->graph);
    wn_batches_destroy(t->batches);
    wn_loader_destroy(t->loader);
    free(t->test_order);
    wn_safetensors_close(t->resumed);
    wn_picks_close(t->kept);
    wn_facts_free(&t->facts, 0);
    if (t->folder >= 0)
        close(t->folder);
    wn_dataset_free(&t->dataset);
}
