/* winnow eval: what saved weights are worth. */
#include "csv.h"
#include "evaluate.h"
#include "recipe_flags.h"

#define HEADER "truth,predicted,images"

enum { LARGEST_MATRIX = 20 }; /* classes of a confusion matrix that fits a terminal */

static const char eval_details[] =
    "Runs the test images through a network with the weights of FILE, a checkpoint of winnow train or any\n"
    "safetensors file with PyTorch's names and shapes; the latter needs --net. Prints loss and accuracy, "
    "the\n"
    "accuracy of every class, and how often each class was taken for which. The CSV file has a row for "
    "every\n"
    "pair of classes that occurs: " HEADER;

static void print_classes(const wn_evaluation *e) {
    printf("%-24s %8s %8s  %s\n", "class", "images", "right", "most often taken for");
    for (int c = 0; c < e->classes; c++) {
        const int64_t *row = e->confusion + (int64_t)c * e->classes;
        int64_t images = 0;
        int other = c == 0 && e->classes > 1 ? 1 : 0;
        for (int p = 0; p < e->classes; p++) {
            images += row[p];
            other = p != c && row[p] > row[other] ? p : other;
        }
        printf("%-24s %8lld %8.4f", e->class_names[c], (long long)images,
               images ? (double)row[c] / (double)images : 0.0);
        if (other != c && row[other])
            printf("  %s (%lld)", e->class_names[other], (long long)row[other]);
        printf("\n");
    }
}

static void print_matrix(const wn_evaluation *e) {
    printf("\nrows: the class; columns: what it was taken for, in the same order\n");
    for (int c = 0; c < e->classes; c++) {
        printf("%-24s", e->class_names[c]);
        for (int p = 0; p < e->classes; p++)
            printf(" %5lld", (long long)e->confusion[(int64_t)c * e->classes + p]);
        printf("\n");
    }
}

static void write_csv(const wn_evaluation *e, wn_csv *csv) {
    for (int i = 0; i < e->classes * e->classes; i++) {
        if (!e->confusion[i])
            continue;
        wn_csv_text(csv, e->class_names[i / e->classes]);
        wn_csv_text(csv, e->class_names[i % e->classes]);
        wn_csv_number(csv, (double)e->confusion[i]);
        wn_csv_end_row(csv);
    }
}

static void print(const wn_evaluation *e) {
    printf("%s on %s: %lld test images, loss %.4f, accuracy %.4f\n", e->net, e->data, (long long)e->images,
           e->loss, (double)e->correct / (double)e->images);
    if (e->skipped)
        printf("%lld damaged images left out, the first: %s\n", (long long)e->skipped, e->first_skipped);
    print_classes(e);
    if (e->classes <= LARGEST_MATRIX)
        print_matrix(e);
}

static wn_status eval(const wn_command *command, int argc, char **argv) {
    const char *net = NULL, *data = NULL, *normalise = NULL, *isa = NULL, *path = NULL, *csv_path = NULL;
    wn_network_flags network = {0};
    wn_image_flags images = {0};
    int64_t channels = 0, limit = 0, threads = 0;
    const wn_option options[] = {
        WN_OPTION_DATA(&data),
        WN_OPTIONS_IMAGES(&images),
        {"--net", WN_OPTION_TEXT, &net, "NET", 0, 0, NULL,
         "what the weights are of (default: as the file says)"},
        WN_OPTIONS_NETWORK(&network),
        WN_OPTION_CHANNELS(&channels),
        {"--normalise", WN_OPTION_TEXT, &normalise, "HOW", 0, 0, NULL,
         "of pixels: none, measured, or MEAN,STD (default: as the file says, else the network's recipe)"},
        {"--test-limit", WN_OPTION_WHOLE, &limit, "N", 1, WN_COUNT_MAX, NULL,
         "use the first N test images only"},
        WN_OPTION_THREADS(&threads),
        WN_OPTION_ISA(&isa),
        WN_OPTION_DB(&path),
        WN_OPTION_CSV(&csv_path),
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "eval: found %d files, expected one: winnow eval %s", words,
                        command->usage);
    wn_normalisation normalisation;
    if (normalise)
        WN_TRY(wn_normalisation_parse(normalise, &normalisation));
    wn_session session;
    wn_tune_db *db = NULL;
    wn_csv csv = {.file = NULL};
    wn_evaluation evaluation = {.classes = 0};
    WN_TRY(wn_session_open_for(csv_path, isa, threads, &session));
    wn_status status = csv_path ? wn_session_csv_check(&session, csv_path, "confusion", net) : wn_ok();
    if (!wn_failed(status))
        status = wn_session_database(&session, path, false, &db);
    if (!wn_failed(status))
        status =
            wn_evaluate(&(wn_evaluation_options){.of = {.weights = argv[0],
                                                        .net = net,
                                                        .variant = network.variant,
                                                        .shortcut = (wn_shortcut)network.shortcut,
                                                        .width_divisor = (int)network.width_divisor,
                                                        .size = (int)network.size,
                                                        .channels = (int)channels,
                                                        .normalisation = normalise ? &normalisation : NULL},
                                                 .batch = (int)network.batch,
                                                 .data = data,
                                                 .image_side = (int)images.side,
                                                 .strict = images.strict,
                                                 .split_seed = (uint64_t)images.split_seed,
                                                 .limit = limit,
                                                 .pool = session.pool,
                                                 .isa = session.isa,
                                                 .pick = wn_tune_pick,
                                                 .pick_context = db},
                        &evaluation);
    if (!wn_failed(status) && csv_path)
        status = wn_session_csv(&session, csv_path, "confusion", net, HEADER, &csv);
    if (!wn_failed(status)) {
        print(&evaluation);
        if (csv_path)
            write_csv(&evaluation, &csv);
    }
    wn_status closed = wn_csv_close(&csv);
    wn_evaluation_free(&evaluation);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

const wn_command wn_command_eval = {"eval", "FILE [options]", "accuracy of saved weights, class by class",
                                    eval_details, eval};
