/* winnow train: options in, the trainer's work, nothing else. */
#include "clock.h"
#include "recipe_flags.h"
#include "trainer.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const char details[] =
    "Trains NET on a folder with the IDX files of MNIST or Fashion-MNIST, or with CIFAR-10 or CIFAR-100 in\n"
    "their binary versions (raw or .gz), on folders of JPEG and PNG images\n(DIR/train/CLASS/FILE beside "
    "DIR/val or DIR/test, or DIR/CLASS/FILE), or on the embedded synthetic digits. Without further flags the "
    "network's published recipe is followed, and "
    "printed;\nflags change it. Convolutions run with the tuning database's picks (see winnow tune) where "
    "it\n"
    "has one. The CSV file has a row for every step and every epoch:\n  " WN_TRAIN_CSV_HEADER;

typedef struct flags {
    const char *data, *isa, *csv, *db, *checkpoints;
    bool resume, recompute_norms;
    wn_image_flags images;
    wn_network_flags network;
    wn_recipe_flags recipe;
    double time_to;
    int loader;
    int64_t save_every, eval_every, channels, seed, threads, limit, test_limit;
} flags;

static const char *const loaders[] = {"auto", "thread", "steps", NULL}; /* as wn_feeding */

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option own[] = {
        WN_OPTION_DATA(&f->data),
        WN_OPTIONS_IMAGES(&f->images),
        WN_OPTIONS_NETWORK(&f->network),
        WN_OPTION_CHANNELS(&f->channels),
        WN_OPTION_SEED(&f->seed),
        WN_OPTION_LIMIT(&f->limit),
        {.name = "--test-limit",
         .kind = WN_OPTION_WHOLE,
         .value = &f->test_limit,
         .argument = "N",
         .low = 1,
         .high = WN_COUNT_MAX,
         .help = "use the first N test images only"},
        {.name = "--checkpoints",
         .kind = WN_OPTION_TEXT,
         .value = &f->checkpoints,
         .argument = "DIR",
         .help = "folder for last.safetensors and best.safetensors, saved after every epoch"},
        {.name = "--eval-every",
         .kind = WN_OPTION_WHOLE,
         .value = &f->eval_every,
         .argument = "N",
         .low = 1,
         .high = WN_COUNT_MAX,
         .help = "also evaluate after every N steps"},
        {.name = "--time-to",
         .kind = WN_OPTION_REAL,
         .value = &f->time_to,
         .argument = "ACC",
         .low = 0,
         .high = 1,
         .help = "end with the evaluation that reaches this test accuracy, and say when that was"},
        {.name = "--save-every",
         .kind = WN_OPTION_WHOLE,
         .value = &f->save_every,
         .argument = "N",
         .low = 1,
         .high = WN_COUNT_MAX,
         .help = "also save after every N steps"},
        {.name = "--resume",
         .kind = WN_OPTION_SWITCH,
         .value = &f->resume,
         .help = "go on from the folder's last.safetensors, to the bit; the other flags as before"},
        {.name = "--loader",
         .kind = WN_OPTION_CHOICE,
         .value = &f->loader,
         .argument = "auto|thread|steps",
         .choices = loaders,
         .help = "who prepares batches: a thread of its own, the others between steps, or (auto) the former "
                 "where a CPU is spare"},
        {.name = "--bn-recompute",
         .kind = WN_OPTION_SWITCH,
         .value = &f->recompute_norms,
         .help = "after the last epoch, batch norm's statistics over all training images"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_NO_FUSE(&f->network.no_fuse),
        WN_OPTION_PICKS(&f->network.picks),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    wn_option options[WN_COUNT_OF(own) + WN_RECIPE_OPTIONS];
    memcpy(options, own, sizeof own);
    wn_recipe_options(&f->recipe, options + WN_COUNT_OF(own));
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

/* The signal that came, 0: none. */
static volatile sig_atomic_t caught;

static void catch (int signal) {
    caught = signal;
}

/* The first SIGINT or SIGTERM asks for an end, the second one has its usual effect. */
static const volatile sig_atomic_t *watch_signals(void) {
    struct sigaction action = {.sa_handler = catch, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return &caught;
}

static wn_status train(const wn_command *command, int argc, char **argv) {
    double started = wn_seconds();
    flags f = {.seed = 1, .recipe = WN_RECIPE_FLAGS_NONE};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if ((f.resume || f.save_every) && !f.checkpoints)
        return wn_error(WN_ERROR_USAGE, "train: found %s without --checkpoints, expected both",
                        f.resume ? "--resume" : "--save-every");
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "train: found %d networks, expected one: winnow train %s", words,
                        command->usage);
    const wn_net *net;
    WN_TRY(wn_net_require(argv[0], f.network.variant, &net));
    wn_recipe recipe;
    WN_TRY(wn_recipe_flags_apply(&f.recipe, net, f.network.batch, &recipe));
    wn_session session;
    wn_tune_db *db = NULL;
    wn_picks *picks = NULL;
    WN_TRY(wn_session_open(f.isa, f.threads, &session));
    wn_status status = wn_session_database(&session, f.db, false, &db);
    if (!wn_failed(status) && f.network.picks)
        status = wn_picks_open(f.network.picks, session.isa, &picks);
    if (wn_failed(status))
        goto done;
    wn_train_options options = {.net = net->name,
                                .variant = net->variant,
                                .shortcut = (wn_shortcut)f.network.shortcut,
                                .width_divisor = (int)f.network.width_divisor,
                                .data = f.data,
                                .image_side = (int)f.images.side,
                                .strict = f.images.strict,
                                .split_seed = (uint64_t)f.images.split_seed,
                                .limit = f.limit,
                                .test_limit = f.test_limit,
                                .size = (int)f.network.size,
                                .channels = (int)f.channels,
                                .recipe = recipe,
                                .checkpoints = f.checkpoints,
                                .resume = f.resume,
                                .save_every = f.save_every,
                                .eval_every = f.eval_every,
                                .recompute_norms = f.recompute_norms,
                                .time_to = f.time_to,
                                .stop = f.checkpoints ? watch_signals() : NULL,
                                .seed = (uint64_t)f.seed,
                                .pool = session.pool,
                                .feeding = (wn_feeding)f.loader,
                                .isa = session.isa,
                                .no_fuse = f.network.no_fuse,
                                .pick = picks ? wn_picks_pick
                                        : db  ? wn_session_pick
                                              : NULL,
                                .pick_context = picks ? (void *)picks : (void *)db,
                                .csv = f.csv,
                                .log = stdout,
                                .terminal = isatty(STDOUT_FILENO) == 1,
                                .started = started};
    wn_train_result result;
    status = wn_train(&options, &result);
done:
    wn_picks_close(picks);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return status;
}

const wn_command wn_command_train = {"train", "NET [options]",
                                     "train a network and report loss, accuracy and speed", details, train};
