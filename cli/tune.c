/* winnow tune: collects the problems of networks, races each, saves the picks. */
#include "cli.h"
#include "clock.h"
#include "problem_list.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char details[] =
    "Times every implementation and config for every distinct convolution and linear layer of the networks'\n"
    "training and inference tapes, in all directions, and saves the winners in the tuning database, where\n"
    "winnow train and winnow bench find them. Picks hold for this machine, ISA, number of threads, batch "
    "size\n"
    "and image size. The table shows each winner against the default that runs without a database.";

static const double seconds_each = 0.5; /* of the default budget */

/* A distinct problem, and how often the tapes have it. */
typedef struct work {
    wn_problem problem;
    int times;
    char label[96];
} work;

typedef struct work_list {
    work *items;
    int count, room;
} work_list;

static wn_status add_work(work_list *list, const wn_problem *problem, const char *net, const char *label) {
    for (int i = 0; i < list->count; i++)
        if (wn_problem_equal(&list->items[i].problem, problem)) {
            list->items[i].times++;
            return wn_ok();
        }
    if (list->count == list->room) {
        int room = list->room ? list->room * 2 : 64;
        work *items = realloc(list->items, (size_t)room * sizeof *items);
        if (!items)
            return wn_error(WN_ERROR_MEMORY, "tune: no memory for %d problems", room);
        list->items = items;
        list->room = room;
    }
    work *added = &list->items[list->count++];
    *added = (work){.problem = *problem, .times = 1};
    snprintf(added->label, sizeof added->label, "%s%s%s", net, net[0] ? " " : "", label);
    return wn_ok();
}

static wn_status collect_network(work_list *list, const wn_session *session, wn_network *network) {
    wn_status status = wn_ok();
    for (int training = 0; training < 2 && !wn_failed(status); training++) {
        wn_tape *tape;
        WN_TRY(wn_network_tape(network, session, NULL, training == 1, true, &tape));
        for (int i = 0; i < wn_tape_step_count(tape) && !wn_failed(status); i++) {
            wn_step_info step = wn_tape_step(tape, i);
            if (step.plan)
                status = add_work(list, &step.plan->problem, network->net->name, step.label);
        }
        wn_tape_destroy(tape);
    }
    return status;
}

static wn_status collect_networks(work_list *list, const wn_session *session, char **names, int count,
                                  const wn_network_flags *flags) {
    for (int i = 0; i < count; i++) {
        wn_network network;
        WN_TRY(wn_network_open(names[i], flags, &network));
        wn_status status = collect_network(list, session, &network);
        wn_network_close(&network);
        WN_TRY(status);
    }
    return wn_ok();
}

/* A single descriptor, in all directions. */
static wn_status collect_problem(work_list *list, const char *text) {
    wn_problem_list parsed;
    WN_TRY(wn_problem_list_create(&parsed));
    wn_status status = wn_problem_list_add(&parsed, "--dir=FWD_B,BWD_D,BWD_WB");
    if (!wn_failed(status))
        status = wn_problem_list_add(&parsed, text);
    for (int i = 0; i < parsed.count && !wn_failed(status); i++)
        status = add_work(list, &parsed.problems[i], "", wn_direction_name(parsed.problems[i].direction));
    wn_problem_list_free(&parsed);
    return status;
}

/* The candidate that runs without a database; NULL when the heuristic's choice is not among them. */
static const wn_candidate *default_among(const wn_candidate *candidates, int count, wn_isa isa, int threads) {
    wn_conv_plan plan;
    if (wn_failed(wn_tune_pick(NULL, &candidates[0].plan.problem, isa, threads, 0, 0, &plan)))
        return NULL;
    for (int i = 0; i < count; i++)
        if (candidates[i].plan.impl == plan.impl && candidates[i].rounds > 0 &&
            memcmp(&candidates[i].plan.config, &plan.config, sizeof plan.config) == 0)
            return &candidates[i];
    return NULL;
}

/* What all winners and all defaults take, each as often as the tapes have them. */
typedef struct totals {
    double picked, standard;
} totals;

static void print_winner(const work *item, const wn_candidate *candidates, int count, totals *sum) {
    const wn_candidate *winner = &candidates[0];
    const wn_candidate *standard = default_among(candidates, count, winner->plan.isa, winner->plan.threads);
    double gain = standard ? standard->ratio : 1;
    int timed = 0;
    for (int i = 0; i < count; i++)
        timed += candidates[i].rounds > 0;
    sum->picked += item->times * winner->median_seconds;
    sum->standard += item->times * winner->median_seconds * gain;
    char name[160];
    wn_candidate_name(winner, name, sizeof name);
    printf("%-40.40s %4d %10.3f %9.1f%c %8.2fx %4d %4d  %s\n", item->label, item->times,
           winner->median_seconds * 1e3, wn_problem_flops(&item->problem) / winner->median_seconds * 1e-9,
           wn_plan_effective(&winner->plan) ? 'e' : ' ', gain, timed, winner->rounds, name);
    fflush(stdout);
}

static wn_status tune_all(const work_list *list, const wn_session *session, wn_tune_db *db, double budget) {
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    if (!candidates)
        return wn_error(WN_ERROR_MEMORY, "tune: no memory for candidates");
    bool terminal = isatty(STDERR_FILENO) == 1;
    double begin = wn_seconds();
    totals sum = {0};
    wn_status status = wn_ok();
    printf("%-40s %4s %10s %9s  %9s %4s %4s  %s\n", "problem", "x", "ms", "GFLOP/s", "speed-up", "of", "runs",
           "winner");
    for (int i = 0; i < list->count && !wn_failed(status); i++) {
        const work *item = &list->items[i];
        int count;
        double share = (budget - (wn_seconds() - begin)) / (list->count - i);
        if (terminal)
            fprintf(stderr, "\r%d/%d %.60s\033[K", i + 1, list->count, item->label);
        status = wn_tune_problem(session->pool, &item->problem, session->isa, share, candidates,
                                 WN_TUNE_MAX_CANDIDATES, &count);
        if (terminal)
            fputs("\r\033[K", stderr);
        if (status.code == WN_ERROR_UNSUPPORTED) { /* the judge will run it */
            printf("%-40.40s %4d  %s\n", item->label, item->times, status.message);
            status = wn_ok();
            continue;
        }
        if (!wn_failed(status))
            status = wn_tune_db_add(db, &candidates[0]);
        if (!wn_failed(status))
            print_winner(item, candidates, count, &sum);
    }
    free(candidates);
    if (!wn_failed(status))
        printf("%d problems in %.1f s; all steps together %.3f ms, with the default %.3f ms: %.2fx\n",
               list->count, wn_seconds() - begin, sum.picked * 1e3, sum.standard * 1e3,
               sum.picked > 0 ? sum.standard / sum.picked : 1);
    return status;
}

typedef struct flags {
    const char *isa, *db, *problem;
    wn_network_flags network;
    int64_t threads;
    double budget;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        {.name = "--budget",
         .kind = WN_OPTION_REAL,
         .value = &f->budget,
         .argument = "SECONDS",
         .low = 0.001,
         .high = 1e7,
         .help = "for all problems together (default: 0.5 for each)"},
        {.name = "--problem",
         .kind = WN_OPTION_TEXT,
         .value = &f->problem,
         .argument = "STR",
         .help = "also tune this problem, in all directions"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static wn_status tune(const wn_command *command, int argc, char **argv) {
    flags f = {0};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words == 0 && !f.problem)
        return wn_error(WN_ERROR_USAGE, "tune: found no network, expected winnow tune %s", command->usage);
    wn_session session;
    wn_tune_db *db = NULL;
    work_list list = {0};
    WN_TRY(wn_session_open(f.isa, f.threads, &session));
    wn_status status = wn_session_database(&session, f.db, true, &db);
    if (!wn_failed(status))
        status = collect_networks(&list, &session, argv, words, &f.network);
    if (!wn_failed(status) && f.problem)
        status = collect_problem(&list, f.problem);
    if (!wn_failed(status))
        status = tune_all(&list, &session, db, f.budget > 0 ? f.budget : seconds_each * list.count);
    free(list.items);
    wn_tune_db_close(db);
    wn_session_close(&session);
    return status;
}

const wn_command wn_command_tune = {"tune", "NET... [options]",
                                    "time every implementation of a network's layers and keep the fastest",
                                    details, tune};
