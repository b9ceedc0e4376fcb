/* The flags that change a network's recipe; for the commands that train. */
#ifndef WN_RECIPE_FLAGS_H
#define WN_RECIPE_FLAGS_H

#include "cli.h"
#include "recipe.h"

/* As given on the command line; what was not given is as WN_RECIPE_FLAGS_NONE has it. */
typedef struct wn_recipe_flags {
    int64_t epochs, pad, cutout, accumulate;
    double lr, momentum, beta2, weight_decay, label_smoothing, warmup, gamma, period, crop, jitter, clip,
        average, mixup;
    int optimizer, schedule, init, flip;
    bool nesterov;
    const char *milestones, *normalise;
} wn_recipe_flags;

/* How folders of images are read, as in wn_dataset_options. */
typedef struct wn_image_flags {
    int64_t side, split_seed;
    bool strict;
} wn_image_flags;

#define WN_RECIPE_FLAGS_NONE                                                                                 \
    {                                                                                                        \
        .pad = -1, .cutout = -1, .crop = -1, .jitter = -1, .mixup = -1, .clip = -1, .average = -1, .lr = -1, \
        .momentum = -1, .beta2 = -1, .weight_decay = -1, .label_smoothing = -1, .warmup = -1, .gamma = -1,   \
        .period = -1, .optimizer = -1, .schedule = -1, .init = -1, .flip = -1                                \
    }

enum { WN_RECIPE_OPTIONS = 24 };

/* Rows of option tables that the commands working on data have. */
#define WN_OPTION_DATA(variable)                                                                             \
    {                                                                                                        \
        .name = "--data", .kind = WN_OPTION_TEXT, .value = (variable), .argument = "DIR|synthetic",          \
        .help = "training and test images (default: synthetic)"                                              \
    }
/* Of folders of images: a wn_image_flags. */
#define WN_OPTIONS_IMAGES(flags)                                                                             \
    {.name = "--image-side",                                                                                 \
     .kind = WN_OPTION_WHOLE,                                                                                \
     .value = &(flags)->side,                                                                                \
     .argument = "S",                                                                                        \
     .low = 1,                                                                                               \
     .high = 16384,                                                                                          \
     .help = "images of different sizes are kept as SxS (default: the network's input)"},                    \
        {.name = "--strict",                                                                                 \
         .kind = WN_OPTION_SWITCH,                                                                           \
         .value = &(flags)->strict,                                                                          \
         .help = "a damaged image file is an error (default: it is left out and counted)"},                  \
    {                                                                                                        \
        .name = "--split-seed", .kind = WN_OPTION_WHOLE, .value = &(flags)->split_seed, .argument = "S",     \
        .high = 9e15, .help = "of the test images of a folder without splits (default: 0)"                   \
    }
#define WN_OPTION_CHANNELS(variable)                                                                         \
    {                                                                                                        \
        .name = "--channels", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "1|3", .low = 1,     \
        .high = WN_CHANNELS_MAX,                                                                             \
        .help = "grey or coloured input (default: 3 where the network is made for it, else the images')"     \
    }
#define WN_OPTION_SEED(variable)                                                                             \
    {                                                                                                        \
        .name = "--seed", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "S", .high = 9e15,       \
        .help = "of weights, order of images, augmentation and dropout (default: 1)"                         \
    }
#define WN_OPTION_LIMIT(variable)                                                                            \
    {                                                                                                        \
        .name = "--limit", .kind = WN_OPTION_WHOLE, .value = (variable), .argument = "N", .low = 1,          \
        .high = WN_COUNT_MAX, .help = "use the first N training images only"                                 \
    }

/* Writes WN_RECIPE_OPTIONS rows of an option table that fill in the flags. */
void wn_recipe_options(wn_recipe_flags *flags, wn_option options[WN_RECIPE_OPTIONS]);

/* "none", "measured", "MEAN,STD" or three of each. Errors: USAGE. */
wn_status wn_normalisation_parse(const char *text, wn_normalisation *normalisation);

/* The network's recipe with the flags' changes; `batch` 0 keeps the recipe's. Errors: USAGE, naming the flag.
 */
wn_status wn_recipe_flags_apply(const wn_recipe_flags *flags, const wn_net *net, int64_t batch,
                                wn_recipe *recipe);

#endif
