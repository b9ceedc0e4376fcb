/* Where a training run is, as the metadata of its checkpoints: what makes it the run it is, and what has to
 * be known to go on to the bit. Everything random is a function of seed, epoch, image and step. */
#include "clock.h"
#include "trainer_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_reals(wn_run_facts *facts, const char *key, const float *values, int count) {
    char text[200];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.9g", i ? "," : "", (double)values[i]);
    wn_facts_add(facts, key, "%s", text);
}

static void add_schedule(wn_run_facts *facts, const wn_schedule *schedule) {
    char text[200];
    size_t used = 0;
    wn_facts_add(facts, "schedule", "%s", wn_schedule_names[schedule->kind]);
    wn_facts_add(facts, "schedule.numbers", "%.17g,%.17g,%.17g", schedule->warmup, schedule->gamma,
                 schedule->period);
    text[0] = '\0';
    for (int i = 0; i < schedule->milestone_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.17g", i ? "," : "",
                                 schedule->milestones[i]);
    wn_facts_add(facts, "milestones", "%s", text);
}

void wn_trainer_state_facts(wn_trainer *t) {
    const wn_train_options *o = &t->options;
    const wn_recipe *r = &o->recipe;
    wn_run_facts *facts = &t->facts;
    wn_facts_add(facts, "format", "winnow 1");
    wn_facts_add(facts, "network", "%s", t->net->name);
    wn_facts_add(facts, "variant", "%s", t->net->variant);
    wn_facts_add(facts, "shortcut", "%d", (int)o->shortcut);
    wn_facts_add(facts, "width divisor", "%d", o->width_divisor > 0 ? o->width_divisor : 1);
    wn_facts_add(facts, "size", "%d", o->size);
    wn_facts_add(facts, "channels", "%d", o->channels);
    wn_facts_add(facts, "classes", "%d", t->dataset.classes);
    wn_facts_add(facts, "data", "%s", t->dataset.name);
    wn_facts_add(facts, "data.crc32", "%08x", wn_dataset_checksum(&t->dataset));
    wn_facts_add(facts, "training images", "%lld", (long long)t->dataset.train.count);
    wn_facts_add(facts, "test images", "%lld", (long long)t->dataset.test.count);
    wn_facts_add(facts, "seed", "%llu", (unsigned long long)o->seed);
    wn_facts_add(facts, "epochs", "%d", r->epochs);
    wn_facts_add(facts, "batch size", "%d", r->batch);
    wn_facts_add(facts, "optimizer", "%s", (const char *const[]){"sgd", "adam", "rmsprop"}[r->optimizer]);
    wn_facts_add(facts, "decoupled decay", "%d", r->decoupled_decay);
    wn_facts_add(facts, "nesterov", "%d", r->nesterov);
    wn_facts_add(facts, "lr", "%.9g", (double)r->lr);
    wn_facts_add(facts, "momentum", "%.9g", (double)r->momentum);
    wn_facts_add(facts, "weight decay", "%.9g", (double)r->weight_decay);
    wn_facts_add(facts, "label smoothing", "%.9g", (double)r->label_smoothing);
    wn_facts_add(facts, "beta2", "%.9g", (double)r->beta2);
    wn_facts_add(facts, "eps", "%.9g", (double)r->eps);
    wn_facts_add(facts, "clip", "%.9g", (double)r->clip);
    wn_facts_add(facts, "accumulate", "%d", r->accumulate > 1 ? r->accumulate : 1);
    wn_facts_add(facts, "average", "%.9g", (double)r->average);
    wn_facts_add(facts, "recomputed norms", "%d", o->recompute_norms);
    add_schedule(facts, &r->schedule);
    wn_facts_add(facts, "pad", "%d", r->augmentation.pad);
    wn_facts_add(facts, "flip", "%d", r->augmentation.flip);
    wn_facts_add(facts, "crop", "%.9g", (double)r->augmentation.crop);
    wn_facts_add(facts, "jitter", "%.9g", (double)r->augmentation.jitter);
    wn_facts_add(facts, "cutout", "%d", r->augmentation.cutout);
    wn_facts_add(facts, "mixup", "%.9g", (double)r->augmentation.mixup);
    add_reals(facts, "mean", wn_loader_mean(t->loader), o->channels);
    add_reals(facts, "std", wn_loader_std(t->loader), o->channels);
}

static int add_plans(const wn_tape *tape, const wn_conv_plan **plans, int count) {
    for (int i = 0; tape && i < wn_tape_step_count(tape); i++) {
        wn_step_info step = wn_tape_step(tape, i);
        if (step.plan && plans)
            plans[count] = step.plan;
        count += step.plan != NULL;
    }
    return count;
}

/* The kernels of all tapes (wn_picks_text). Freed by the caller; NULL without memory. */
static char *list_picks(const wn_trainer *t) {
    const wn_tape *tapes[] = {t->training.full, t->training.rest, t->evaluation.full, t->evaluation.rest};
    int count = 0, tape_count = sizeof tapes / sizeof *tapes;
    for (int i = 0; i < tape_count; i++)
        count = add_plans(tapes[i], NULL, count);
    const wn_conv_plan **plans = calloc((size_t)count + 1, sizeof *plans);
    if (!plans)
        return NULL;
    count = 0;
    for (int i = 0; i < tape_count; i++)
        count = add_plans(tapes[i], plans, count);
    char *text = wn_picks_text(plans, count, t->options.isa);
    free(plans);
    return text;
}

/* What the images were, for those who use the weights. */
static void add_images(wn_run_facts *facts, const wn_dataset *data) {
    wn_facts_add(facts, "image", "%dx%dx%d", data->channels, data->height, data->width);
    char *names = data->class_names ? calloc((size_t)data->classes + 1, WN_CLASS_NAME) : NULL;
    if (!names)
        return; /* numbers will do */
    for (int c = 0; c < data->classes; c++) {
        strcat(names, data->class_names[c]);
        strcat(names, "\n");
    }
    wn_facts_add(facts, "class names", "%s", names);
    free(names);
}

static void add_state(wn_trainer *t, const wn_epoch_sums *sums) {
    wn_run_facts *facts = &t->facts;
    const wn_train_result *r = &t->result;
    wn_facts_add(facts, "state.epochs", "%d", r->epochs);
    wn_facts_add(facts, "state.steps", "%lld", (long long)r->steps);
    wn_facts_add(facts, "state.examples", "%lld", (long long)r->examples);
    wn_facts_add(facts, "state.updates", "%lld", (long long)wn_model_updates(t->model));
    wn_facts_add(facts, "state.epoch.steps", "%lld", (long long)sums->steps);
    wn_facts_add(facts, "state.epoch.examples", "%lld", (long long)sums->examples);
    wn_facts_add(facts, "state.epoch.correct", "%lld", (long long)sums->correct);
    wn_facts_add(facts, "state.epoch.loss", "%a", sums->loss);
    wn_facts_add(facts, "state.best", "%a", t->best_accuracy);
    wn_facts_add(facts, "state.last", "%a,%a,%a", r->loss, r->train_accuracy, r->test_accuracy);
    wn_facts_add(facts, "state.seconds", "%.6f", wn_seconds() - t->options.started);
    add_images(facts, &t->dataset);
    char *picks = list_picks(t);
    wn_facts_add(facts, "picks", "%s", picks ? picks : "");
    free(picks);
}

static const char *path_of(const wn_trainer *t, const char *name, char path[4096]) {
    snprintf(path, 4096, "%s/%s", t->options.checkpoints, name);
    return path;
}

wn_status wn_trainer_save(wn_trainer *t, const wn_epoch_sums *sums, bool best) {
    char path[4096];
    if (!t->options.checkpoints)
        return wn_ok();
    WN_TRY(wn_recorder_flush(t->recorder)); /* a run that is resumed here needs the rows up to here */
    const double best_before = t->best_accuracy;
    int binding = t->facts.count, bad = wn_model_find_nonfinite(t->model);
    if (bad >= 0)
        return wn_error(WN_ERROR_INVALID, "%s: parameter '%.80s' holds values that are not finite",
                        path_of(t, "last.safetensors", path), wn_model_parameter(t->model, bad).name);
    t->best_accuracy = best ? t->result.test_accuracy : best_before;
    add_state(t, sums);
    wn_status status = wn_ok();
    if (best) /* first: a run that is resumed from a last one without it would not write it again */
        status = wn_checkpoint_save(path_of(t, "best.safetensors", path), t->model, true, &t->facts);
    if (wn_failed(status))
        t->best_accuracy = best_before; /* that of the file which is still there */
    if (!wn_failed(status))
        status = wn_checkpoint_save(path_of(t, "last.safetensors", path), t->model, true, &t->facts);
    wn_facts_free(&t->facts, binding);
    if (wn_failed(status))
        return status;
    t->saved_step = t->result.steps;
    return wn_recorder_add(t->recorder,
                           &(wn_train_record){.event = WN_TRAIN_SAVE,
                                              .best = best,
                                              .row = {.epoch = t->result.epochs + (sums->steps > 0),
                                                      .step = t->result.steps,
                                                      .examples = t->result.examples,
                                                      .seconds_total = wn_seconds() - t->options.started}});
}

/* The file has to be of this run. */
static wn_status check_facts(const wn_trainer *t, const wn_safetensors *file) {
    for (int i = 0; i < t->facts.count; i++) {
        const wn_metadata *fact = &t->facts.pairs[i];
        const char *found = wn_safetensors_metadata(file, fact->key);
        if (!fact->value)
            return wn_error(WN_ERROR_MEMORY, "no memory for the facts of a run");
        if (!found || strcmp(found, fact->value) != 0)
            return wn_error(WN_ERROR_INVALID,
                            "%s: a checkpoint of another run: its %s is '%.60s', expected '%.60s'",
                            wn_safetensors_path(file), fact->key, found ? found : "not there", fact->value);
    }
    return wn_ok();
}

/* Reads what add_state wrote; the numbers have to make sense together. */
static wn_status read_state(wn_trainer *t, const wn_safetensors *file, wn_epoch_sums *sums) {
    wn_train_result *r = &t->result;
    int64_t updates = 0;
    double seconds = 0;
    const struct {
        const char *key;
        bool real;
        void *value;
    } rows[] = {
        {"state.steps", false, &r->steps},
        {"state.examples", false, &r->examples},
        {"state.updates", false, &updates},
        {"state.epoch.steps", false, &sums->steps},
        {"state.epoch.examples", false, &sums->examples},
        {"state.epoch.correct", false, &sums->correct},
        {"state.epoch.loss", true, &sums->loss},
        {"state.best", true, &t->best_accuracy},
        {"state.seconds", true, &seconds},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = wn_safetensors_metadata(file, rows[i].key);
        char *end = NULL;
        if (text && rows[i].real)
            *(double *)rows[i].value = strtod(text, &end);
        else if (text)
            *(int64_t *)rows[i].value = strtoll(text, &end, 10);
        if (!text || end == text || *end)
            return wn_error(WN_ERROR_FORMAT, "%s: its %s is '%.60s', expected a number",
                            wn_safetensors_path(file), rows[i].key, text ? text : "not there");
    }
    const char *last = wn_safetensors_metadata(file, "state.last"),
               *epochs = wn_safetensors_metadata(file, "state.epochs");
    if (!last || sscanf(last, "%la,%la,%la", &r->loss, &r->train_accuracy, &r->test_accuracy) != 3 || !epochs)
        return wn_error(WN_ERROR_FORMAT, "%s: no figures of the last epoch", wn_safetensors_path(file));
    r->epochs = atoi(epochs);
    if (r->epochs < 0 || r->steps != r->epochs * t->progress.steps_per_epoch + sums->steps ||
        sums->steps < 0 || sums->examples < 0 || sums->examples > t->dataset.train.count ||
        r->examples != r->epochs * t->dataset.train.count + sums->examples)
        return wn_error(WN_ERROR_FORMAT, "%s: its counts of steps and images do not fit together",
                        wn_safetensors_path(file));
    wn_model_set_updates(t->model, updates);
    t->options.started -= seconds;
    t->saved_step = r->steps;
    if (sums->steps > 0 || r->epochs == 0)
        return wn_ok();
    r->seconds_to_here = seconds; /* to the evaluation before it was saved */
    if (t->options.time_to > 0 && r->test_accuracy >= t->options.time_to)
        r->seconds_to_reach = seconds; /* that was why it ended */
    return wn_ok();
}

/* Other kernels compute other bits, as of another ISA or version: said, not refused. */
static void compare_picks(const wn_trainer *t, const wn_safetensors *file) {
    char *picks = list_picks(t);
    const char *recorded = wn_safetensors_metadata(file, "picks");
    if (t->options.log && picks && recorded && strcmp(picks, recorded) != 0)
        fprintf(t->options.log,
                "the convolutions run with other kernels than before: the last bits may differ\n");
    free(picks);
}

wn_status wn_trainer_open_checkpoint(wn_trainer *t) {
    char path[4096];
    if (!t->options.resume)
        return wn_ok();
    WN_TRY(wn_safetensors_read(path_of(t, "last.safetensors", path), &t->resumed));
    const char *picks = wn_safetensors_metadata(t->resumed, "picks");
    return picks && !t->options.pick_anew ? wn_picks_parse(picks, t->options.isa, &t->kept) : wn_ok();
}

wn_status wn_trainer_restore(wn_trainer *t, wn_epoch_sums *sums) {
    const wn_safetensors *file = t->resumed;
    WN_TRY(check_facts(t, file));
    WN_TRY(wn_checkpoint_load(file, t->model));
    WN_TRY(wn_checkpoint_load_moments(file, t->model));
    if (wn_model_has_average(t->model))
        WN_TRY(wn_checkpoint_load_average(file, t->model));
    WN_TRY(read_state(t, file, sums));
    compare_picks(t, file);
    wn_safetensors_close(t->resumed);
    t->resumed = NULL;
    return wn_ok();
}
