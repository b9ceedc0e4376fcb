/* The recipes by network and variant, with where they are from. */
#include "recipe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Plain SGD, Xavier's weights, pixels in [0, 1], ten epochs: what the teaching networks were published with.
 * Batch and learning rate are in the registry of networks. */
static wn_recipe teaching(const wn_net *net) {
    return (wn_recipe){.epochs = 10,
                       .batch = net->default_batch,
                       .optimizer = WN_OPTIMIZER_SGD,
                       .lr = net->default_lr,
                       .beta2 = 0.999f,
                       .eps = 1e-8f,
                       .init = WN_INIT_XAVIER_UNIFORM};
}

static wn_recipe adam(const wn_net *net) {
    wn_recipe recipe = teaching(net);
    recipe.optimizer = WN_OPTIMIZER_ADAM;
    recipe.momentum = 0.9f;
    recipe.init = WN_INIT_PYTORCH;
    return recipe;
}

/* The tutorials' Adam, in one cycle: their constant rate of 0.001 ends at 98.7 to 98.9 % on MNIST and moves
 * from epoch to epoch. */
static wn_recipe tutorial(const wn_net *net) {
    wn_recipe recipe = adam(net);
    recipe.lr = 0.004f;
    recipe.schedule.kind = WN_SCHEDULE_ONE_CYCLE;
    return recipe;
}

/* fastai's one-cycle policy and its Adam with decoupled decay, images shifted by up to three pixels. */
static wn_recipe one_cycle(const wn_net *net) {
    wn_recipe recipe = adam(net);
    recipe.decoupled_decay = true;
    recipe.beta2 = 0.99f;
    recipe.weight_decay = 0.01f;
    recipe.schedule.kind = WN_SCHEDULE_ONE_CYCLE;
    recipe.normalisation.kind = WN_NORMALISE_MEASURED;
    recipe.augmentation.pad = 3;
    return recipe;
}

static wn_recipe one_cycle_residual(const wn_net *net) {
    wn_recipe recipe = one_cycle(net);
    recipe.epochs = 12;
    recipe.init = WN_INIT_KAIMING_NORMAL;
    return recipe;
}

static wn_recipe momentum_sgd(const wn_net *net, float weight_decay) {
    wn_recipe recipe = teaching(net);
    recipe.momentum = 0.9f;
    recipe.weight_decay = weight_decay;
    recipe.init = WN_INIT_KAIMING_NORMAL;
    return recipe;
}

/* He et al. 2016, section 4.2: 64,000 steps, a tenth of the rate after 32,000 and again after 48,000. */
static wn_recipe cifar(const wn_net *net) {
    wn_recipe recipe = momentum_sgd(net, 1e-4f);
    recipe.epochs = 164;
    recipe.schedule =
        (wn_schedule){.kind = WN_SCHEDULE_MULTI_STEP, .milestones = {0.5, 0.75}, .milestone_count = 2};
    recipe.augmentation = (wn_augmentation){.pad = 4, .flip = true};
    recipe.normalisation = (wn_normalisation){
        .kind = WN_NORMALISE_GIVEN, .mean = {0.4914f, 0.4822f, 0.4465f}, .std = {0.2470f, 0.2435f, 0.2616f}};
    return recipe;
}

/* The deepest one starts with a tenth of the rate until it learns. */
static wn_recipe cifar_warm(const wn_net *net) {
    wn_recipe recipe = cifar(net);
    recipe.schedule.warmup = 1;
    return recipe;
}

/* 90 epochs, a tenth of the rate every 30, the means and deviations of ImageNet. */
static wn_recipe imagenet(const wn_net *net, float weight_decay) {
    wn_recipe recipe = momentum_sgd(net, weight_decay);
    recipe.epochs = 90;
    recipe.schedule = (wn_schedule){.kind = WN_SCHEDULE_STEP, .period = 30};
    recipe.augmentation.flip = true;
    recipe.normalisation = (wn_normalisation){
        .kind = WN_NORMALISE_GIVEN, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    return recipe;
}

/* Krizhevsky et al. 2012 and Simonyan & Zisserman 2015: more decay, since most weights are in linear layers.
 */
static wn_recipe imagenet_linear(const wn_net *net) {
    return imagenet(net, 5e-4f);
}

static wn_recipe imagenet_convolutional(const wn_net *net) {
    return imagenet(net, 1e-4f);
}

/* The first entry that fits; names are prefixes. */
static const struct {
    const char *name, *variant;
    wn_recipe (*recipe)(const wn_net *);
} recipes[] = {
    {"mnist-cnn", "d2l", tutorial},           {"mnist-bn", "d2l", one_cycle},
    {"mnist-res", "d2l", one_cycle_residual}, {"", "d2l", teaching},
    {"resnet110", "cifar", cifar_warm},       {"", "cifar", cifar},
    {"alexnet", "imagenet", imagenet_linear}, {"vgg", "imagenet", imagenet_linear},
    {"", "imagenet", imagenet_convolutional},
};

wn_recipe wn_recipe_of(const wn_net *net) {
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (!strcmp(recipes[i].variant, net->variant) &&
            !strncmp(recipes[i].name, net->name, strlen(recipes[i].name)))
            return recipes[i].recipe(net);
    return teaching(net);
}

void wn_recipe_set_optimizer(wn_recipe *recipe, wn_optimizer optimizer, bool decoupled_decay) {
    if (recipe->optimizer == optimizer && recipe->decoupled_decay == decoupled_decay)
        return;
    bool adam = optimizer == WN_OPTIMIZER_ADAM;
    recipe->lr = optimizer == WN_OPTIMIZER_SGD ? 0.01f : 0.001f;
    recipe->momentum = adam ? 0.9f : 0;
    recipe->beta2 = adam ? 0.999f : 0.99f;
    recipe->eps = 1e-8f;
    recipe->weight_decay = decoupled_decay ? 0.01f : 0;
    recipe->nesterov = false;
    recipe->optimizer = optimizer;
    recipe->decoupled_decay = decoupled_decay;
}

static wn_status expect(bool valid, const char *what, double found, const char *expected) {
    return valid ? wn_ok() : wn_error(WN_ERROR_INVALID, "%s is %g, expected %s", what, found, expected);
}

wn_status wn_recipe_check(const wn_recipe *r) {
    WN_TRY(expect(r->batch >= 1, "batch size", r->batch, "at least 1"));
    WN_TRY(expect(r->epochs >= 1, "epochs", r->epochs, "at least 1"));
    WN_TRY(expect(isfinite(r->lr) && r->lr > 0, "learning rate", (double)r->lr, "a number above 0"));
    WN_TRY(expect(r->momentum >= 0 && r->momentum < 1, "momentum", (double)r->momentum, "0 to below 1"));
    WN_TRY(expect(r->beta2 >= 0 && r->beta2 < 1, "beta2", (double)r->beta2, "0 to below 1"));
    WN_TRY(expect(isfinite(r->eps) && r->eps > 0, "eps", (double)r->eps, "a number above 0"));
    WN_TRY(expect(isfinite(r->weight_decay) && r->weight_decay >= 0, "weight decay", (double)r->weight_decay,
                  "at least 0"));
    WN_TRY(expect(r->label_smoothing >= 0 && r->label_smoothing < 1, "label smoothing",
                  (double)r->label_smoothing, "0 to below 1"));
    WN_TRY(expect(!r->nesterov || (r->optimizer == WN_OPTIMIZER_SGD && r->momentum > 0),
                  "momentum with Nesterov's step", (double)r->momentum, "above 0, and sgd"));
    WN_TRY(expect(isfinite(r->clip) && r->clip >= 0, "most of the gradient's norm", (double)r->clip,
                  "at least 0"));
    WN_TRY(expect(r->accumulate >= 0, "batches for one update", r->accumulate, "at least 0"));
    WN_TRY(expect(r->average >= 0 && r->average < 1, "decay of the average", (double)r->average,
                  "0 to below 1"));
    return wn_schedule_check(&r->schedule);
}

/* Appends to the text, up to its end. */
static void append(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void describe_optimizer(const wn_recipe *r, char *text, size_t size) {
    static const char *const names[] = {"sgd", "adam", "rmsprop"};
    bool adam = r->optimizer == WN_OPTIMIZER_ADAM;
    append(text, size, "%s", adam && r->decoupled_decay ? "adamw" : names[r->optimizer]);
    if (wn_schedule_moves_momentum(&r->schedule))
        append(text, size, ", %s 0.95 to 0.85 and back", adam ? "beta1" : "momentum");
    else if (adam)
        append(text, size, ", beta1 %g", (double)r->momentum);
    else if (r->momentum > 0)
        append(text, size, ", %s %g", r->nesterov ? "Nesterov momentum" : "momentum", (double)r->momentum);
    if (r->optimizer != WN_OPTIMIZER_SGD)
        append(text, size, ", beta2 %g", (double)r->beta2);
    if (r->weight_decay > 0)
        append(text, size, ", %sdecay %g", r->decoupled_decay ? "decoupled " : "", (double)r->weight_decay);
    if (r->clip > 0)
        append(text, size, ", gradients clipped to norm %g", (double)r->clip);
    if (r->accumulate > 1)
        append(text, size, ", of %d batches", r->accumulate);
    if (r->average > 0)
        append(text, size, ", weights averaged with decay %g", (double)r->average);
}

void wn_recipe_describe(const wn_recipe *r, char *text, size_t size) {
    static const char *const inits[] = {"Xavier-uniform", "Kaiming-normal", "PyTorch's initial",
                                        "generator's"};
    static const char *const normalisations[] = {"", ", normalised by measured mean and deviation",
                                                 ", normalised by given mean and deviation"};
    char schedule[160];
    text[0] = '\0';
    describe_optimizer(r, text, size);
    wn_schedule_describe(&r->schedule, schedule, sizeof schedule);
    append(text, size, "; lr %g, %s; %s weights", (double)r->lr, schedule, inits[r->init]);
    if (r->label_smoothing > 0)
        append(text, size, "; labels smoothed by %g", (double)r->label_smoothing);
    append(text, size, "; pixels in [0, 1]%s", normalisations[r->normalisation.kind]);
    if (r->augmentation.crop > 0)
        append(text, size, ", random crops of %g%% or more resized", 100 * (double)r->augmentation.crop);
    if (r->augmentation.jitter > 0)
        append(text, size, ", colours jittered by %g", (double)r->augmentation.jitter);
    if (r->augmentation.pad)
        append(text, size, ", padded by %d and cropped", r->augmentation.pad);
    if (r->augmentation.flip)
        append(text, size, ", flipped");
    if (r->augmentation.cutout)
        append(text, size, ", cutout %d", r->augmentation.cutout);
    if (r->augmentation.mixup > 0)
        append(text, size, ", mixed up with alpha %g", (double)r->augmentation.mixup);
}
