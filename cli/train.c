/* winnow train: options in, the trainer's work, nothing else. */
#include "clock.h"
#include "run_log.h"
#include "run_plot.h"
#include "tensorboard.h"
#include "training.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEEDS_MOST = 10000, COLUMNS = 4 };

static const char details[] =
    "Trains NET on a folder with the IDX files of MNIST or Fashion-MNIST, or with CIFAR-10 or CIFAR-100 in\n"
    "their binary versions (raw or .gz), on folders of JPEG and PNG images\n(DIR/train/CLASS/FILE beside "
    "DIR/val or DIR/test, or DIR/CLASS/FILE), or on the embedded synthetic digits. Without further flags the "
    "network's published recipe is followed, and "
    "printed;\nflags change it. Convolutions run with the tuning database's picks (see winnow tune) where "
    "it\n"
    "has one. With --checkpoints the first SIGINT or SIGTERM ends the run after the update it is at, saved: "
    "exit status 1,\n"
    "and a line that says after which step; a second one ends it at once. --resume takes the kernels that "
    "the "
    "run began\n"
    "with, unless --picks names others. The CSV file has a row for every step and every epoch:\n "
    " " WN_TRAIN_CSV_HEADER;

typedef struct flags {
    wn_training_flags common;
    const char *checkpoints, *log, *tensorboard, *plot;
    bool resume, recompute_norms;
    double time_to;
    int loader;
    int64_t save_every, eval_every, test_limit, seeds;
} flags;

static const char *const loaders[] = {"auto", "thread", "steps", NULL}; /* as wn_feeding */

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, bool *help) {
    const wn_option own[] = {
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
         .help = "also evaluate after every N steps (with --accumulate: after the update that they end in)"},
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
        {.name = "--seeds",
         .kind = WN_OPTION_WHOLE,
         .value = &f->seeds,
         .argument = "N",
         .low = 1,
         .high = SEEDS_MOST,
         .help = "repeat the run with the seeds S to S+N-1, and say how far apart they end (default: 1)"},
        {.name = "--log",
         .kind = WN_OPTION_TEXT,
         .value = &f->log,
         .argument = "FILE",
         .help = "also write a line of JSON for every step, evaluation and checkpoint (docs/results.md)"},
        {.name = "--tensorboard",
         .kind = WN_OPTION_TEXT,
         .value = &f->tensorboard,
         .argument = "DIR",
         .help = "also write loss, accuracy, learning rate there as TensorBoard reads them"},
        {.name = "--plot",
         .kind = WN_OPTION_TEXT,
         .value = &f->plot,
         .argument = "FILE",
         .help =
             "draw loss, accuracy, learning rate as .svg or .png, every few seconds (by gnuplot); of --seeds "
             "the first 8, of --resume also what --csv has"},
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
         .help = "after the last epoch (not where --time-to ends the run before), batch norm's statistics "
                 "over all training images"},
        {.name = "--tune",
         .kind = WN_OPTION_SWITCH,
         .value = &f->common.tune,
         .help = "first races the layers that the database lacks, as winnow tune does; --time-to counts "
                 "that, too"},
    };
    _Static_assert(WN_COUNT_OF(own) <= WN_OWN_OPTIONS, "rows of the table");
    WN_TRY(wn_training_read(command, &f->common, own, WN_COUNT_OF(own), argc, argv, help));
    if ((f->resume || f->save_every) && !f->checkpoints && !*help)
        return wn_error(WN_ERROR_USAGE, "train: found %s without --checkpoints, expected both",
                        f->resume ? "--resume" : "--save-every");
    if (f->common.tune && f->common.network.picks && !*help)
        return wn_error(WN_ERROR_USAGE, "train: found --tune with --picks, expected one of them");
    if (f->resume && f->seeds > 1 && !*help)
        return wn_error(WN_ERROR_USAGE,
                        "train: found --resume with --seeds, expected one of them: a run of one seed "
                        "goes on with --seed S --checkpoints DIR/seed-S --resume");
    return wn_ok();
}

/* The signal that came, 0: none. */
static volatile sig_atomic_t caught;

static void handle_both(void (*handler)(int)) {
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void catch (int signal) {
    caught = signal;
    handle_both(SIG_DFL);
}

/* The first SIGINT or SIGTERM asks for an end, the second one, of either kind, has its usual effect. */
static const volatile sig_atomic_t *watch_signals(void) {
    handle_both(catch);
    return &caught;
}

static void print_spread(const char *what, const double *values, int count, int digits) {
    wn_spread s = wn_spread_of(values, count);
    printf("%-14s mean %.*f, standard deviation %.*f, from %.*f to %.*f\n", what, digits, s.mean, digits,
           s.deviation, digits, s.low, digits, s.high);
}

/* Where the seeds ended, and how far apart. */
static void print_seeds(const flags *f, const wn_train_result *results, int count) {
    double *values = calloc((size_t)count * COLUMNS, sizeof *values);
    double *accuracy = values, *loss = values + count, *seconds = loss + count, *reached = seconds + count;
    int reaching = 0;
    if (!values)
        return;
    printf("\n%20s %10s %10s %10s%s\n", "seed", "test acc", "loss", "seconds",
           f->time_to > 0 ? "    reached" : "");
    for (int i = 0; i < count; i++) {
        const wn_train_result *r = &results[i];
        accuracy[i] = r->test_accuracy;
        loss[i] = r->loss;
        seconds[i] = r->seconds_to_here;
        printf("%20lld %10.4f %10.4f %10.2f", (long long)(f->common.seed + i), r->test_accuracy, r->loss,
               r->seconds_to_here);
        if (f->time_to > 0 && r->seconds_to_reach > 0)
            printf(" %10.2f", reached[reaching++] = r->seconds_to_reach);
        else if (f->time_to > 0)
            printf(" %10s", "never");
        printf("\n");
    }
    print_spread("test accuracy:", accuracy, count, 4);
    print_spread("loss:", loss, count, 4);
    print_spread("seconds:", seconds, count, 2);
    if (reaching)
        print_spread("reached after:", reached, reaching, 2);
    if (f->time_to > 0)
        printf("test accuracy %g reached by %d of %d seeds\n", f->time_to, reaching, count);
    free(values);
}

static wn_status run(const flags *f, const wn_train_options *options) {
    wn_train_result *results = calloc((size_t)f->seeds, sizeof *results);
    int done;
    if (!results)
        return wn_error(WN_ERROR_MEMORY, "train: no memory for the results of %lld seeds",
                        (long long)f->seeds);
    wn_status status = wn_train_seeds(options, (int)f->seeds, results, &done);
    if (f->seeds > 1 && done > 0)
        print_seeds(f, results, done);
    free(results);
    return status;
}

/* Those who watch the run beside the CSV file. */
typedef struct watching {
    wn_run_log log;
    wn_tensorboard board;
    wn_run_plot plot;
    wn_train_watcher watchers[WN_TRAIN_WATCHERS];
    int count;
} watching;

static wn_status open_watchers(const flags *f, watching *w) {
    *w = (watching){.count = 0};
    if (f->log) {
        WN_TRY(wn_run_log_open(f->log, &w->log));
        w->watchers[w->count++] = wn_run_log_watcher(&w->log);
    }
    if (f->tensorboard) {
        WN_TRY(wn_tensorboard_open(f->tensorboard, f->seeds > 1, &w->board));
        w->watchers[w->count++] = wn_tensorboard_watcher(&w->board);
    }
    if (f->plot) {
        WN_TRY(wn_run_plot_open(f->plot, &w->plot));
        w->watchers[w->count++] = wn_run_plot_watcher(&w->plot);
    }
    return wn_ok();
}

static wn_status close_watchers(watching *w) {
    wn_run_plot_close(&w->plot);
    wn_tensorboard_close(&w->board);
    return wn_run_log_close(&w->log);
}

/* Where the rows go, in the options, too. */
static wn_status name_csv(const flags *f, wn_training *training, char csv[static PATH_MAX]) {
    wn_train_options *o = &training->options;
    if (!f->common.csv)
        return wn_ok();
    o->csv = csv;
    return wn_session_csv_path(&training->session, f->common.csv, "training", o->net, csv);
}

static wn_status train(const wn_command *command, int argc, char **argv) {
    double started = wn_seconds();
    flags f = {.common = WN_TRAINING_FLAGS_NONE, .seeds = 1};
    wn_training training;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &help));
    if (help)
        return wn_ok();
    WN_TRY(wn_training_open(&f.common, argv[0], &training));
    wn_train_options *o = &training.options;
    o->test_limit = f.test_limit;
    o->checkpoints = f.checkpoints;
    o->resume = f.resume;
    o->save_every = f.save_every;
    o->eval_every = f.eval_every;
    o->recompute_norms = f.recompute_norms;
    o->time_to = f.time_to;
    o->stop = f.checkpoints ? watch_signals() : NULL;
    o->feeding = (wn_feeding)f.loader;
    o->log = stdout;
    o->terminal = isatty(STDOUT_FILENO) == 1;
    o->started = started;
    watching all = {.count = 0};
    char csv[PATH_MAX];
    wn_status status = name_csv(&f, &training, csv);
    if (!wn_failed(status))
        status = open_watchers(&f, &all);
    o->watchers = all.watchers;
    o->watcher_count = all.count;
    if (!wn_failed(status))
        status = run(&f, o);
    if (training.racing.raced)
        printf("%d layers were raced in %.1f s of that\n", training.racing.raced, training.racing.seconds);
    if (o->csv && (!wn_failed(status) || status.code == WN_ERROR_INTERRUPTED)) {
        const wn_machine_facts facts = wn_session_facts(&training.session);
        const wn_status written = wn_machine_file_beside(csv, &facts);
        status = wn_failed(status) ? status : written;
    }
    wn_status closed = close_watchers(&all);
    wn_training_close(&training);
    return wn_failed(status) ? status : closed;
}

const wn_command wn_command_train = {"train", "NET [options]",
                                     "train a network and report loss, accuracy and speed", details, train};
