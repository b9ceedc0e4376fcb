/* winnow predict: what saved weights take images for. */
#include "predict.h"
#include "csv.h"
#include "recipe_flags.h"
#include <stdlib.h>

#define HEADER "image,truth,rank,class,name,probability,logit"

static const char predict_details[] =
    "Runs images through a network with the weights of a checkpoint or any safetensors file with PyTorch's\n"
    "names (the latter needs --net), and prints the likeliest classes of each with their probabilities.\n"
    "JPEG and PNG files are brought to the size that the training images had, as the checkpoint says, and\n"
    "then normalised like them; without that they are cut to the square in their middle and brought to the\n"
    "network's input. With --data and --index they are test images of a data set, as winnow eval sees them:\n"
    "  winnow predict mnist-cnn --checkpoint run/best.safetensors --data mnist --index 0,7,100-109\n"
    "Nothing is printed unless every image can be read. The CSV file has a row for each class shown:\n"
    "  " HEADER;

typedef struct flags {
    const char *checkpoint, *data, *index, *normalise, *isa, *db, *csv;
    wn_network_flags network;
    wn_image_flags images;
    int64_t top, channels, threads;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        {"--checkpoint", WN_OPTION_TEXT, &f->checkpoint, "FILE", 0, 0, NULL, "the weights"},
        WN_OPTION_DATA(&f->data),
        {"--index", WN_OPTION_TEXT, &f->index, "LIST", 0, 0, NULL,
         "of test images of --data, from 0: numbers and ranges as in 0,7,100-109"},
        {"--top", WN_OPTION_WHOLE, &f->top, "K", 1, WN_COUNT_MAX, NULL,
         "so many classes of each image (default: 5)"},
        WN_OPTIONS_IMAGES(&f->images),
        WN_OPTIONS_NETWORK(&f->network),
        WN_OPTION_CHANNELS(&f->channels),
        {"--normalise", WN_OPTION_TEXT, &f->normalise, "HOW", 0, 0, NULL,
         "of pixels: none, measured, or MEAN,STD (default: as the file says, else the network's recipe)"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

/* "0,7,100-109" to numbers, which the caller frees. */
static wn_status parse_indices(const char *text, int64_t **indices, int64_t *count) {
    enum { MOST = 1 << 24 };
    *indices = NULL;
    *count = 0;
    for (const char *at = text;;) {
        char *end = NULL;
        int64_t first = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : -1, last = first;
        if (end && *end == '-' && end[1] >= '0' && end[1] <= '9')
            last = strtoll(end + 1, &end, 10);
        if (first < 0 || last < first || last - first >= MOST - *count || (*end && *end != ','))
            return wn_error(WN_ERROR_USAGE,
                            "--index: found \"%.80s\", expected numbers and ranges as in 0,7,100-109", text);
        int64_t *larger = realloc(*indices, (size_t)(*count + last - first + 1) * sizeof *larger);
        if (!larger)
            return wn_error(WN_ERROR_MEMORY, "--index: no memory for %lld numbers",
                            (long long)(*count + last - first + 1));
        *indices = larger;
        for (int64_t i = 0, many = last - first; i <= many; i++)
            larger[(*count)++] = first + i;
        if (!*end)
            return wn_ok();
        at = end + 1;
    }
}

/* What an image is called: its file, or its number. */
static const char *name_of(const wn_prediction_options *options, int64_t image, char text[32]) {
    if (options->file_count)
        return options->files[image];
    snprintf(text, 32, "%lld", (long long)options->indices[image]);
    return text;
}

static const char *truth_of(const wn_predictions *p, int64_t image) {
    return p->truth[image] < 0 ? "" : p->class_names[p->truth[image]];
}

static void print_image(const wn_prediction_options *options, const wn_predictions *p, int64_t image,
                        const wn_ranked *ranked, int top) {
    char text[32];
    printf("%s%s", options->file_count ? "" : "test image ", name_of(options, image, text));
    if (p->truth[image] >= 0)
        printf(" (%s)", truth_of(p, image));
    for (int r = 0; r < top; r++)
        printf("%s %s %.4f", r ? "," : ":", p->class_names[ranked[r].class], ranked[r].probability);
    printf("\n");
}

static void write_csv(const wn_prediction_options *options, const wn_predictions *p, int64_t image,
                      const wn_ranked *ranked, int top, wn_csv *csv) {
    char text[32];
    for (int r = 0; r < top; r++) {
        wn_csv_text(csv, name_of(options, image, text));
        wn_csv_text(csv, truth_of(p, image));
        wn_csv_number(csv, r + 1);
        wn_csv_number(csv, ranked[r].class);
        wn_csv_text(csv, p->class_names[ranked[r].class]);
        wn_csv_number(csv, ranked[r].probability);
        wn_csv_number(csv, (double)p->logits[image * p->classes + ranked[r].class]);
        wn_csv_end_row(csv);
    }
}

static wn_status show(const flags *f, const wn_prediction_options *options, const wn_predictions *p,
                      wn_csv *csv) {
    wn_ranked *ranked = calloc((size_t)p->classes, sizeof *ranked);
    if (!ranked)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d classes", p->classes);
    int top = f->top < p->classes ? (int)f->top : p->classes;
    for (int64_t i = 0; i < p->images; i++) {
        wn_predictions_rank(p, i, ranked);
        print_image(options, p, i, ranked, top);
        if (f->csv)
            write_csv(options, p, i, ranked, top, csv);
    }
    free(ranked);
    return wn_ok();
}

/* Computes, then shows. */
static wn_status run(const flags *f, wn_prediction_options *options) {
    wn_session session;
    wn_tune_db *db = NULL;
    wn_csv csv = {.file = NULL};
    wn_predictions predictions = {.classes = 0};
    WN_TRY(wn_session_open_for(f->csv, f->isa, f->threads, &session));
    wn_status status = wn_session_database(&session, f->db, false, &db);
    options->pool = session.pool;
    options->isa = session.isa;
    options->pick = wn_tune_pick;
    options->pick_context = db;
    if (!wn_failed(status))
        status = wn_predict(options, &predictions);
    if (!wn_failed(status) && f->csv)
        status = wn_session_csv(&session, f->csv, "predictions", options->of.net, HEADER, &csv);
    if (!wn_failed(status))
        status = show(f, options, &predictions, &csv);
    wn_status closed = wn_csv_close(&csv);
    wn_predictions_free(&predictions);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

static wn_status predict(const wn_command *command, int argc, char **argv) {
    flags f = {.top = 5};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (!f.checkpoint || words < 1)
        return wn_error(WN_ERROR_USAGE, "predict: found %s and %s, expected winnow predict %s",
                        words < 1 ? "no network" : "a network", f.checkpoint ? "weights" : "no --checkpoint",
                        command->usage);
    if ((words > 1) == (f.index != NULL) || (f.data && !f.index))
        return wn_error(WN_ERROR_USAGE,
                        "predict: found %d files%s%s, expected either files, or --data and --index",
                        words - 1, f.data ? " and --data" : "", f.index ? " and --index" : "");
    wn_normalisation normalisation;
    if (f.normalise)
        WN_TRY(wn_normalisation_parse(f.normalise, &normalisation));
    int64_t *indices = NULL, count = 0;
    wn_status status = f.index ? parse_indices(f.index, &indices, &count) : wn_ok();
    if (!wn_failed(status))
        status = run(&f, &(wn_prediction_options){
                             .of = {.weights = f.checkpoint,
                                    .net = argv[0],
                                    .variant = f.network.variant,
                                    .shortcut = (wn_shortcut)f.network.shortcut,
                                    .width_divisor = (int)f.network.width_divisor,
                                    .size = (int)f.network.size,
                                    .channels = (int)f.channels,
                                    .normalisation = f.normalise ? &normalisation : NULL},
                             .files = (const char *const *)(argv + 1),
                             .file_count = words - 1,
                             .data = f.data,
                             .image_side = (int)f.images.side,
                             .strict = f.images.strict,
                             .split_seed = (uint64_t)f.images.split_seed,
                             .indices = indices,
                             .index_count = count,
                             .batch = (int)f.network.batch,
                         });
    free(indices);
    return status;
}

const wn_command wn_command_predict = {"predict", "NET --checkpoint FILE IMAGE...|--data DIR --index LIST",
                                       "classes and probabilities of images", predict_details, predict};
