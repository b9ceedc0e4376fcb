/* Flags to recipes. What a recipe means is train/'s business. */
#include "recipe_flags.h"
#include <stdlib.h>
#include <string.h>

static const char *const optimizers[] = {"sgd", "adam", "adamw", "rmsprop", NULL};
static const char *const inits[] = {"xavier", "kaiming", "pytorch", NULL}; /* in the order of wn_init */
static const char *const switches[] = {"off", "on", NULL};

void wn_recipe_options(wn_recipe_flags *f, wn_option options[WN_RECIPE_OPTIONS]) {
    const wn_option rows[] = {
        {"--epochs", WN_OPTION_WHOLE, &f->epochs, "E", 1, WN_COUNT_MAX, NULL,
         "passes over the training images"},
        {"--optimizer", WN_OPTION_CHOICE, &f->optimizer, "sgd|adam|adamw|rmsprop", 0, 0, optimizers,
         "with its usual constants, where it is not the recipe's own"},
        {"--lr", WN_OPTION_REAL, &f->lr, "L", 1e-12, 1e6, NULL, "learning rate, the highest of the schedule"},
        {"--schedule", WN_OPTION_CHOICE, &f->schedule, "NAME", 0, 0, wn_schedule_names,
         "constant, step, multi-step, exponential, cosine or one-cycle"},
        {"--warmup", WN_OPTION_REAL, &f->warmup, "E", 0, 1e6, NULL,
         "epochs over which the learning rate first rises linearly"},
        {"--gamma", WN_OPTION_REAL, &f->gamma, "G", 1e-6, 1, NULL,
         "factor of step, multi-step and exponential"},
        {"--period", WN_OPTION_REAL, &f->period, "E", 1e-3, 1e6, NULL, "epochs between two factors of step"},
        {"--milestones", WN_OPTION_TEXT, &f->milestones, "E,E,...", 0, 0, NULL,
         "of multi-step: epochs, or shares of the run below 1"},
        {"--momentum", WN_OPTION_REAL, &f->momentum, "M", 0, 1, NULL, "of sgd and rmsprop; beta1 of adam"},
        {"--nesterov", WN_OPTION_SWITCH, &f->nesterov, NULL, 0, 0, NULL, "Nesterov's momentum, with sgd"},
        {"--beta2", WN_OPTION_REAL, &f->beta2, "B", 0, 1, NULL, "of the squares, with adam and rmsprop"},
        {"--weight-decay", WN_OPTION_REAL, &f->weight_decay, "D", 0, 1e6, NULL,
         "times the weights, added to the gradient; with adamw apart from it"},
        {"--label-smoothing", WN_OPTION_REAL, &f->label_smoothing, "S", 0, 1, NULL,
         "share of the target spread over all classes, in training"},
        {"--clip", WN_OPTION_REAL, &f->clip, "N", 0, 1e6, NULL,
         "gradients are scaled so that their norm over all parameters is at most N"},
        {"--accumulate", WN_OPTION_WHOLE, &f->accumulate, "K", 1, WN_COUNT_MAX, NULL,
         "batches whose gradients make one update (default: 1)"},
        {"--ema", WN_OPTION_REAL, &f->average, "D", 0, 1, NULL,
         "decay of an exponential average of the weights, which is evaluated and saved beside them"},
        {"--init", WN_OPTION_CHOICE, &f->init, "xavier|kaiming|pytorch", 0, 0, inits, "initial weights"},
        {"--normalise", WN_OPTION_TEXT, &f->normalise, "HOW", 0, 0, NULL,
         "of pixels: none, measured (on the training images), or MEAN,STD"},
        {"--pad", WN_OPTION_WHOLE, &f->pad, "P", 0, WN_SIZE_MAX, NULL,
         "random crop of training images padded by P black pixels a side"},
        {"--flip", WN_OPTION_CHOICE, &f->flip, "on|off", 0, 0, switches,
         "left and right swapped in every second training image"},
        {"--crop", WN_OPTION_REAL, &f->crop, "SHARE", 0, 1, NULL,
         "random resized crops of at least this share of training images, as 0.08; 0: none"},
        {"--jitter", WN_OPTION_REAL, &f->jitter, "J", 0, 1, NULL,
         "brightness, contrast, saturation of training images times 1-J to 1+J"},
        {"--cutout", WN_OPTION_WHOLE, &f->cutout, "SIDE", 0, WN_SIZE_MAX, NULL,
         "a square of zeros, the mean once normalised, somewhere in training images"},
        {"--mixup", WN_OPTION_REAL, &f->mixup, "ALPHA", 0, 1000, NULL,
         "training images and their labels mixed in pairs, by shares from Beta(ALPHA, ALPHA), as 0.2; 0: "
         "not"},
    };
    _Static_assert(WN_COUNT_OF(rows) == WN_RECIPE_OPTIONS, "rows of the table");
    memcpy(options, rows, sizeof rows);
}

/* Up to `most` numbers with commas between; returns how many there are, -1 when it is something else. */
static int read_numbers(const char *text, int most, double *numbers) {
    for (int count = 0; count < most;) {
        char *end;
        numbers[count++] = strtod(text, &end);
        if (end == text || (*end && *end != ','))
            return -1;
        if (!*end)
            return count;
        text = end + 1;
    }
    return -1;
}

static wn_status apply_milestones(const char *text, wn_schedule *schedule) {
    schedule->milestone_count = read_numbers(text, WN_MILESTONES_MAX, schedule->milestones);
    if (schedule->milestone_count < 0)
        return wn_error(WN_ERROR_USAGE,
                        "--milestones: found \"%.80s\", expected up to %d numbers as in 30,60", text,
                        WN_MILESTONES_MAX);
    return wn_ok();
}

wn_status wn_normalisation_parse(const char *text, wn_normalisation *normalisation) {
    if (!strcmp(text, "none") || !strcmp(text, "measured")) {
        normalisation->kind = text[0] == 'n' ? WN_NORMALISE_NONE : WN_NORMALISE_MEASURED;
        return wn_ok();
    }
    double numbers[2 * WN_CHANNELS_MAX];
    int count = read_numbers(text, 2 * WN_CHANNELS_MAX, numbers), channels = count / 2;
    if (count != 2 && count != 2 * WN_CHANNELS_MAX)
        return wn_error(WN_ERROR_USAGE,
                        "--normalise: found \"%.80s\", expected none, measured, MEAN,STD or three means and "
                        "three deviations",
                        text);
    normalisation->kind = WN_NORMALISE_GIVEN;
    for (int c = 0; c < WN_CHANNELS_MAX; c++) {
        normalisation->mean[c] = (float)numbers[c % channels];
        normalisation->std[c] = (float)numbers[channels + c % channels];
    }
    return wn_ok();
}

static void apply_optimizer(const wn_recipe_flags *f, wn_recipe *recipe) {
    static const struct {
        wn_optimizer optimizer;
        bool decoupled;
    } of[] = {{WN_OPTIMIZER_SGD, false},
              {WN_OPTIMIZER_ADAM, false},
              {WN_OPTIMIZER_ADAM, true},
              {WN_OPTIMIZER_RMSPROP, false}};
    if (f->optimizer >= 0)
        wn_recipe_set_optimizer(recipe, of[f->optimizer].optimizer, of[f->optimizer].decoupled);
}

/* Takes a number that was given. */
static void take(double given, float *value) {
    if (given >= 0)
        *value = (float)given;
}

static void take_wide(double given, double *value) {
    if (given >= 0)
        *value = given;
}

wn_status wn_recipe_flags_apply(const wn_recipe_flags *f, const wn_net *net, int64_t batch,
                                wn_recipe *recipe) {
    *recipe = wn_recipe_of(net);
    apply_optimizer(f, recipe);
    if (f->epochs)
        recipe->epochs = (int)f->epochs;
    if (batch)
        recipe->batch = (int)batch;
    take(f->lr, &recipe->lr);
    take(f->momentum, &recipe->momentum);
    take(f->beta2, &recipe->beta2);
    take(f->weight_decay, &recipe->weight_decay);
    take(f->label_smoothing, &recipe->label_smoothing);
    recipe->nesterov |= f->nesterov;
    if (f->schedule >= 0)
        recipe->schedule.kind = (wn_schedule_kind)f->schedule;
    take_wide(f->warmup, &recipe->schedule.warmup);
    take_wide(f->gamma, &recipe->schedule.gamma);
    take_wide(f->period, &recipe->schedule.period);
    if (f->init >= 0)
        recipe->init = (wn_init)f->init;
    if (f->pad >= 0)
        recipe->augmentation.pad = (int)f->pad;
    take(f->clip, &recipe->clip);
    take(f->average, &recipe->average);
    if (f->accumulate)
        recipe->accumulate = (int)f->accumulate;
    take(f->crop, &recipe->augmentation.crop);
    take(f->jitter, &recipe->augmentation.jitter);
    take(f->mixup, &recipe->augmentation.mixup);
    if (f->cutout >= 0)
        recipe->augmentation.cutout = (int)f->cutout;
    if (f->flip >= 0)
        recipe->augmentation.flip = f->flip;
    if (f->milestones)
        WN_TRY(apply_milestones(f->milestones, &recipe->schedule));
    if (f->normalise)
        WN_TRY(wn_normalisation_parse(f->normalise, &recipe->normalisation));
    wn_status status = wn_recipe_check(recipe);
    return wn_failed(status) ? wn_error(WN_ERROR_USAGE, "%s", status.message) : status;
}
