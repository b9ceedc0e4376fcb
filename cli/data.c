/* winnow data: what a data set holds, how its images reach a network, and where to have it from. */
#include "batches.h"
#include "contact_sheet.h"
#include "fetch.h"
#include "recipe_flags.h"
#include <stdlib.h>
#include <string.h>

static const char details[] =
    "info DIR    sizes, classes, mean and standard deviation\n"
    "show DIR    writes a contact sheet, a PNG of an epoch's first training batch as the network sees it: in "
    "the order\n            of --seed, resized, cropped, flipped, mixed and so on, as the recipe of --net "
    "and the "
    "flags of\n            winnow train say; --epoch 0: the set's first images, without all that\n"
    "fetch NAME [DIR]\n            downloads fashion-mnist, mnist or cifar10 by curl into DIR (default: "
    "NAME), "
    "checks the files'\n            MD5 sums, and goes on where an earlier try broke off";

enum { SHEET_MOST = 4096 };

typedef struct flags {
    const char *isa, *net, *out, *address;
    wn_image_flags images;
    wn_network_flags network;
    wn_recipe_flags recipe;
    int64_t channels, seed, limit, threads, epoch, count;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option own[] = {
        WN_OPTIONS_IMAGES(&f->images),
        WN_OPTION_LIMIT(&f->limit),
        {"--net", WN_OPTION_TEXT, &f->net, "NET", 0, 0, NULL, "show: for this network and its recipe"},
        WN_OPTION_VARIANT(&f->network.variant),
        WN_OPTION_SIZE(&f->network.size),
        WN_OPTION_CHANNELS(&f->channels),
        WN_OPTION_SEED(&f->seed),
        {"--epoch", WN_OPTION_WHOLE, &f->epoch, "E", 0, WN_COUNT_MAX, NULL,
         "show: in this epoch (default: 1)"},
        {"--count", WN_OPTION_WHOLE, &f->count, "N", 1, SHEET_MOST, NULL,
         "show: so many images (default: 64)"},
        {"--output", WN_OPTION_TEXT, &f->out, "FILE", 0, 0, NULL, "show: the PNG (default: batch.png)"},
        {"--from", WN_OPTION_TEXT, &f->address, "URL/", 0, 0, NULL,
         "fetch: from this folder (default: the official address)"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
    };
    wn_option options[WN_COUNT_OF(own) + WN_RECIPE_OPTIONS];
    memcpy(options, own, sizeof own);
    wn_recipe_options(&f->recipe, options + WN_COUNT_OF(own));
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

/* What a set has in its splits and classes. */
static wn_status info(const wn_dataset *data) {
    printf("%s: %lld training and %lld test images of %dx%dx%d, %d classes\n", data->name,
           (long long)data->train.count, (long long)data->test.count, data->channels, data->height,
           data->width, data->classes);
    if (data->skipped)
        printf("%lld damaged images left out, the first: %s\n", (long long)data->skipped,
               data->first_skipped);
    double mean[WN_CHANNELS_MAX], std[WN_CHANNELS_MAX];
    wn_dataset_measure(data, data->channels, mean, std);
    for (int c = 0; c < data->channels; c++)
        printf("channel %d: mean %.4f, standard deviation %.4f of the training pixels in [0, 1]\n", c,
               mean[c], std[c]);
    int64_t(*images)[2] = calloc((size_t)data->classes, sizeof *images);
    if (!images)
        return wn_error(WN_ERROR_MEMORY, "no memory for counting %d classes", data->classes);
    for (int64_t i = 0; i < data->train.count; i++)
        images[data->train.labels[i]][0]++;
    for (int64_t i = 0; i < data->test.count; i++)
        images[data->test.labels[i]][1]++;
    printf("%-24s %9s %9s\n", "class", "training", "test");
    for (int c = 0; c < data->classes; c++) {
        char text[WN_CLASS_NAME];
        printf("%-24s %9lld %9lld\n", wn_dataset_class(data, c, text), (long long)images[c][0],
               (long long)images[c][1]);
    }
    free(images);
    return wn_ok();
}

/* The first images of the set as they are, but for their size and channels. */
static wn_status show_plain(const flags *f, const wn_dataset *data, const wn_loader_options *o,
                            wn_loader *loader, int count, size_t floats) {
    int64_t *order = calloc((size_t)count, sizeof *order);
    int32_t *labels = calloc((size_t)count, sizeof *labels);
    float *images = calloc((size_t)count * floats, sizeof *images);
    wn_status status = wn_error(WN_ERROR_MEMORY, "no memory for %d images", count);
    if (order && labels && images) {
        for (int i = 0; i < count; i++)
            order[i] = i;
        wn_loader_fill(loader, &data->train, order, count, 0, images, labels);
        status = wn_contact_sheet_write(f->out, loader, o, images, count);
    }
    free(order);
    free(labels);
    free(images);
    return status;
}

/* The first batch of an epoch, with so many images, as training sees it. */
static wn_status show_batch(const flags *f, const wn_dataset *data, const wn_loader_options *o,
                            wn_loader *loader, int count, size_t floats) {
    wn_batches *batches;
    WN_TRY(wn_batches_create(loader,
                             &(wn_batches_options){.split = &data->train,
                                                   .batch = count,
                                                   .image_floats = floats,
                                                   .mix = o->augmentation.mixup > 0,
                                                   .seed = o->seed,
                                                   .feeding = WN_FEEDING_STEPS,
                                                   .pool = o->pool},
                             &batches));
    wn_batches_begin(batches, (int)f->epoch, 0);
    wn_status status = wn_contact_sheet_write(f->out, loader, o, wn_batches_next(batches).images, count);
    wn_batches_destroy(batches);
    return status;
}

static wn_status show(const flags *f, const wn_dataset *data, const wn_loader_options *options) {
    int count = (int)(f->count < data->train.count ? f->count : data->train.count);
    size_t floats = (size_t)options->channels * (size_t)options->size * (size_t)options->size;
    wn_loader *loader;
    WN_TRY(wn_loader_create(data, options, &loader));
    wn_status status = (f->epoch ? show_batch : show_plain)(f, data, options, loader, count, floats);
    if (!wn_failed(status))
        printf("%s: %d images of %s as %dx%dx%d\n", f->out, count, data->name, options->channels,
               options->size, options->size);
    wn_loader_destroy(loader);
    return status;
}

/* What the network or the flags say of images; without either they stay as they are. */
static wn_status settle(const flags *f, wn_loader_options *options, int *default_channels) {
    *options = (wn_loader_options){
        .size = (int)f->network.size, .channels = (int)f->channels, .seed = (uint64_t)f->seed};
    wn_recipe recipe;
    const wn_net *net;
    WN_TRY(wn_net_require(f->net ? f->net : "lenet", f->net ? f->network.variant : NULL, &net));
    WN_TRY(wn_recipe_flags_apply(&f->recipe, net, 0, &recipe));
    options->normalisation = recipe.normalisation;
    options->augmentation = recipe.augmentation;
    if (f->net && !options->size)
        options->size = net->default_size;
    *default_channels = f->net ? net->default_channels : 0;
    return wn_ok();
}

static wn_status look(const flags *f, const char *name, bool only_info) {
    wn_session session;
    wn_dataset data;
    wn_loader_options options;
    int default_channels;
    WN_TRY(settle(f, &options, &default_channels));
    WN_TRY(wn_session_open(f->isa, f->threads, &session));
    options.pool = session.pool;
    wn_status status =
        wn_dataset_open(&(wn_dataset_options){.name = name,
                                              .limit = f->limit,
                                              .side = (int)(f->images.side ? f->images.side : options.size),
                                              .strict = f->images.strict,
                                              .split_seed = (uint64_t)f->images.split_seed,
                                              .pool = session.pool},
                        &data);
    if (!wn_failed(status)) {
        if (!options.size)
            options.size = data.height < data.width ? data.height : data.width;
        if (!options.channels)
            options.channels = default_channels > 1 ? default_channels : data.channels;
        status = only_info ? info(&data) : show(f, &data, &options);
    }
    wn_dataset_free(&data);
    wn_session_close(&session);
    return status;
}

static wn_status data(const wn_command *command, int argc, char **argv) {
    flags f = {.seed = 1, .recipe = WN_RECIPE_FLAGS_NONE, .epoch = 1, .count = 64, .out = "batch.png"};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words == 2 && !strcmp(argv[0], "info"))
        return look(&f, argv[1], true);
    if (words == 2 && !strcmp(argv[0], "show"))
        return look(&f, argv[1], false);
    if ((words == 2 || words == 3) && !strcmp(argv[0], "fetch")) {
        const wn_fetch_set *set;
        WN_TRY(wn_fetch_find(argv[1], &set));
        return wn_fetch(set, f.address, argv[words - 1], stdout);
    }
    return wn_error(WN_ERROR_USAGE, "data: found \"%.40s\" with %d words behind it, expected winnow data %s",
                    words ? argv[0] : "", words ? words - 1 : 0, command->usage);
}

const wn_command wn_command_data = {"data", "info|show DIR, or fetch NAME [DIR] [options]",
                                    "look at data sets, and fetch the usual ones", details, data};
