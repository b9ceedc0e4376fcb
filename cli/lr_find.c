/* winnow lr-find: a short run with growing learning rates, its losses and what they suggest. */
#include "lr_find.h"
#include "csv.h"
#include "recipe_flags.h"
#include <math.h>
#include <string.h>

#define HEADER "lr,loss"

static const char details[] =
    "Trains NET for 100 steps with a learning rate that grows from --from to --to, and prints the smoothed "
    "loss\n"
    "over it; ends early when that exceeds four times its best. Suggests the rate in the middle of the "
    "longest\n"
    "fall. Other flags change the recipe as in winnow train. The CSV file has a row for every step: " HEADER;

typedef struct flags {
    const char *data, *isa, *csv, *db;
    wn_image_flags images;
    wn_network_flags network;
    wn_recipe_flags recipe;
    int64_t channels, seed, threads, limit;
    double low, high;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option own[] = {
        WN_OPTION_DATA(&f->data),
        WN_OPTIONS_IMAGES(&f->images),
        WN_OPTIONS_NETWORK(&f->network),
        WN_OPTION_CHANNELS(&f->channels),
        {"--from", WN_OPTION_REAL, &f->low, "L", 1e-12, 1e6, NULL, "first learning rate (default: 1e-7)"},
        {"--to", WN_OPTION_REAL, &f->high, "L", 1e-12, 1e6, NULL, "last learning rate (default: 10)"},
        WN_OPTION_SEED(&f->seed),
        WN_OPTION_LIMIT(&f->limit),
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    wn_option options[WN_COUNT_OF(own) + WN_RECIPE_OPTIONS];
    memcpy(options, own, sizeof own);
    wn_recipe_options(&f->recipe, options + WN_COUNT_OF(own));
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

/* A line for every fourth rate: the loss between the least and the first one as a bar. */
static void print_plot(const wn_lr_find_result *r) {
    static const char bar[] = "############################################################";
    double least = INFINITY;
    for (int i = 0; i < r->steps; i++)
        least = fmin(least, r->loss[i]);
    double range = r->steps ? fmax(r->loss[0] - least, 1e-9) : 1;
    for (int i = 0; i < r->steps; i += 4) {
        double share = fmin(fmax((r->loss[i] - least) / range, 0), 1);
        printf("%10.3g %8.4f  %.*s\n", r->lr[i], r->loss[i], (int)((sizeof bar - 1) * share), bar);
    }
}

static void write_csv(const wn_lr_find_result *r, wn_csv *csv) {
    for (int i = 0; i < r->steps; i++) {
        wn_csv_number(csv, r->lr[i]);
        wn_csv_number(csv, r->loss[i]);
        wn_csv_end_row(csv);
    }
}

static void print(const wn_lr_find_result *r) {
    printf("%10s %8s\n", "lr", "loss");
    print_plot(r);
    if (r->valley > 0)
        printf("suggestion: %.3g (valley, after %d steps)\n", r->valley, r->steps);
    else
        printf("no suggestion: the loss never falls\n");
}

static wn_status find(const flags *f, const wn_net *net, const wn_recipe *recipe) {
    wn_session session;
    wn_tune_db *db = NULL;
    wn_csv csv = {.file = NULL};
    wn_lr_find_result result;
    WN_TRY(wn_session_open(f->isa, f->threads, &session));
    wn_status status = f->csv ? wn_csv_open(f->csv, HEADER, &csv) : wn_ok();
    if (!wn_failed(status))
        status = wn_session_database(&session, f->db, false, &db);
    if (!wn_failed(status))
        status = wn_lr_find(&(wn_train_options){.net = net->name,
                                                .variant = net->variant,
                                                .shortcut = (wn_shortcut)f->network.shortcut,
                                                .width_divisor = (int)f->network.width_divisor,
                                                .data = f->data,
                                                .image_side = (int)f->images.side,
                                                .strict = f->images.strict,
                                                .split_seed = (uint64_t)f->images.split_seed,
                                                .limit = f->limit,
                                                .size = (int)f->network.size,
                                                .channels = (int)f->channels,
                                                .recipe = *recipe,
                                                .seed = (uint64_t)f->seed,
                                                .pool = session.pool,
                                                .isa = session.isa,
                                                .pick = wn_tune_pick,
                                                .pick_context = db},
                            f->low, f->high, &result);
    if (!wn_failed(status)) {
        print(&result);
        if (f->csv)
            write_csv(&result, &csv);
    }
    wn_status closed = wn_csv_close(&csv);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

static wn_status lr_find(const wn_command *command, int argc, char **argv) {
    flags f = {.seed = 1, .recipe = WN_RECIPE_FLAGS_NONE, .low = 1e-7, .high = 10};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "lr-find: found %d networks, expected one: winnow lr-find %s", words,
                        command->usage);
    const wn_net *net;
    wn_recipe recipe;
    WN_TRY(wn_net_require(argv[0], f.network.variant, &net));
    WN_TRY(wn_recipe_flags_apply(&f.recipe, net, f.network.batch, &recipe));
    return find(&f, net, &recipe);
}

const wn_command wn_command_lr_find = {"lr-find", "NET [options]", "suggest a learning rate by a short run",
                                       details, lr_find};
