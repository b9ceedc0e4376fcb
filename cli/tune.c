/* winnow tune: races the problems of networks, confirms the picks in place, saves them. */
#include "clock.h"
#include "database.h"
#include "peak.h"
#include "tune_best.h"
#include "tune_budget.h"
#include "tune_flags.h"
#include "tune_regret.h"
#include "tune_report.h"
#include <signal.h>
#include <stdlib.h>

static const char details[] =
    "Finds the fastest implementation and config for every distinct convolution and linear layer of "
    "networks\n"
    "(training and inference tapes, all directions), or of problems in benchdnn's notation, and saves it in "
    "the\n"
    "tuning database, where winnow train and winnow bench look. Picks hold for this machine, ISA, number of\n"
    "threads, batch size and image size. A problem that the database has, with no less effort, is not tuned\n"
    "again. Efforts:\n"
    "  off        the default that runs without a database\n"
    "  heuristic  by a model of arithmetic, bandwidth and cache; nothing is timed but the machine's peaks\n"
    "  quick      a race among those that the model puts in front (default)\n"
    "  full       a longer race among more; networks: then the best three of each problem inside the running "
    "step\n"
    "Ctrl-C ends early; what is known is saved. Columns of the CSV file:\n  " WN_TUNE_HEADER;

/* Of the seconds in place, where there is a tape for inference, too. */
static const double training_share = 0.75;

/* One run of the command. */
typedef struct tune_job {
    const wn_tune_flags *flags;
    wn_session session;
    wn_tune_db *db;
    wn_best_of_each best_of_each;
    wn_tune_sides sides;
    wn_csv csv_file, *csv; /* csv NULL: none wanted */
    wn_tune_options options;
    wn_work_list list;
    wn_peaks peaks;
    wn_tune_budget budget;
    int known;    /* problems that the database had */
    int modelled; /* and for whose race there was no time */
    bool unsaved;
} tune_job;

static volatile sig_atomic_t interrupted;

static void interrupt(int number) {
    (void)number;
    interrupted = 1;
}

/* The first Ctrl-C ends in good order, the second one at once. */
static void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
}

static wn_tapes tapes_wanted(const wn_tune_flags *f) {
    return f->train == f->infer ? WN_TAPES_BOTH : f->train ? WN_TAPES_TRAINING : WN_TAPES_INFERENCE;
}

/* Saves a pick; where the system refuses, says so once and goes on with it in memory. */
static wn_status save(tune_job *job, const wn_candidate *pick) {
    wn_status status = wn_tune_db_add(job->db, pick);
    if (status.code != WN_ERROR_IO)
        return status;
    if (!job->unsaved)
        fprintf(stderr, "%s; picks are kept for this run only\n", status.message);
    job->unsaved = true;
    return wn_ok();
}

static wn_status tune_item(tune_job *job, wn_work *item, wn_candidate *candidates) {
    int count;
    wn_tune_report report;
    wn_status status =
        wn_tune_problem(&job->options, &item->problem, candidates, WN_TUNE_MAX_CANDIDATES, &count, &report);
    wn_progress_clear();
    if (status.code == WN_ERROR_UNSUPPORTED) { /* the judge will run it */
        printf("%-40.40s %4d  %s\n", item->label, item->times, status.message);
        return wn_ok();
    }
    WN_TRY(status);
    WN_TRY(save(job, &candidates[0]));
    if (candidates[0].rounds > 0)
        wn_work_keep_finalists(item, candidates, count);
    WN_TRY(wn_best_of_each_add(&job->best_of_each, candidates, count));
    wn_tune_print_pick(stdout, item, candidates, count);
    if (job->flags->explain)
        wn_tune_explain(stdout, &item->problem, candidates, count, &report,
                        wn_peak_flops(job->session.pool, job->session.isa, 0.02));
    for (int i = 0; i < count && job->csv; i++)
        wn_tune_write_candidate(job->csv, &job->session, item, "candidate", &candidates[i]);
    return wn_ok();
}

static wn_status tune_items(tune_job *job, bool in_place) {
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    if (!candidates)
        return wn_error(WN_ERROR_MEMORY, "tune: no memory for candidates");
    wn_status status = wn_ok();
    wn_tune_budget *budget = &job->budget;
    wn_tune_budget_begin(budget, &job->list, job->db, &job->options, job->flags->budget, in_place);
    job->known = job->list.count - budget->problems;
    if (budget->problems > 0)
        wn_tune_print_head(stdout);
    for (int i = 0; i < job->list.count && !wn_failed(status) && !interrupted; i++) {
        wn_work *item = &job->list.items[i];
        double part = wn_tune_budget_part(budget, item);
        if (part <= 0)
            continue;
        wn_tune_budget_next(budget, item, part);
        /* with the budget spent, any pick that is there beats the model's */
        if (wn_tune_budget_part(budget, item) > 0) {
            job->modelled += job->options.effort < budget->effort;
            status = tune_item(job, item, candidates);
        }
        wn_tune_budget_passed(budget, part);
    }
    free(candidates);
    return status;
}

/* Every problem must be in the database. */
static wn_status check_database(tune_job *job) {
    for (int i = 0; i < job->list.count; i++)
        if (!wn_tune_db_satisfies(job->db, &job->options, &job->list.items[i].problem))
            return wn_error(
                WN_ERROR_UNSUPPORTED, "%s: no pick of effort %s for %s, expected one (--from-db-only)",
                wn_tune_db_path(job->db), wn_effort_names[job->options.effort], job->list.items[i].label);
    printf("all %d problems are in %s\n", job->list.count, wn_tune_db_path(job->db));
    return wn_ok();
}

/* Whether the database would give this pick. */
static bool is_saved(const tune_job *job, const wn_candidate *pick) {
    const wn_conv_plan *plan = &pick->plan;
    const wn_record *record = wn_tune_db_find(job->db, &plan->problem, plan->isa, plan->threads);
    return record && record->effort >= pick->effort && wn_plan_chooses(plan, record->impl, &record->config);
}

static wn_status save_confirmed(tune_job *job) {
    for (int i = 0; i < job->list.count; i++) {
        wn_work *item = &job->list.items[i];
        if (item->finalist_count == 0)
            continue;
        if (!is_saved(job, &item->finalists[0]))
            WN_TRY(save(job, &item->finalists[0]));
        if (job->csv)
            wn_tune_write_candidate(job->csv, &job->session, item, "pick", &item->finalists[0]);
    }
    return wn_ok();
}

/* Confirms the picks inside a network's step for training or inference, where that is wanted. */
static wn_status confirm_in_place(tune_job *job, wn_network *network, bool training) {
    wn_tapes tapes = tapes_wanted(job->flags);
    wn_in_place_job where = {&job->list, &job->session, network, job->db, &interrupted};
    double share = tapes != WN_TAPES_BOTH ? 1 : training ? training_share : 1 - training_share;
    wn_in_place step;
    if (!wn_tapes_hold(tapes, training) || interrupted)
        return wn_ok();
    wn_progress(job->list.count, job->list.count, share * wn_tune_budget_in_place(&job->budget), "in place");
    wn_status status = wn_tune_in_place(&where, training, job->budget.in_place * share, &step);
    wn_progress_clear();
    WN_TRY(status);
    wn_tune_print_step(stdout, network->net->name, training, &step);
    if (job->csv)
        wn_tune_write_step(job->csv, &job->session, network->net->name, training, &step);
    return wn_ok();
}

/* Tunes the problems of one network, or of words that name problems (network NULL). */
static wn_status tune_list(tune_job *job, wn_network *network) {
    bool in_place = network && job->options.effort == WN_EFFORT_FULL;
    job->modelled = 0;
    if (job->flags->from_db_only)
        return check_database(job);
    WN_TRY(tune_items(job, in_place));
    in_place = in_place && job->known < job->list.count;
    for (int training = 1; training >= 0 && in_place; training--)
        WN_TRY(confirm_in_place(job, network, training));
    if (in_place)
        WN_TRY(save_confirmed(job));
    printf("%s%s%d problems, %d known before, %.1f s\n", network ? network->net->name : "",
           network ? ": " : "", job->list.count, job->known, wn_seconds() - job->budget.begin);
    if (job->modelled)
        printf("the budget was spent before %d of them were raced: the model chose\n", job->modelled);
    if (interrupted)
        return wn_error(WN_ERROR_IO, "tune: interrupted; what was tuned until now is %s %s",
                        job->unsaved ? "lost, it could not be saved in" : "saved in",
                        wn_tune_db_path(job->db));
    return wn_ok();
}

static wn_status report_regret(tune_job *job) {
    wn_regret_job regret = {.list = &job->list,
                            .session = &job->session,
                            .db = job->db,
                            .others = &job->sides,
                            .peaks = &job->peaks,
                            .rounds = (int)job->flags->regret,
                            .part = job->flags->part,
                            .parts = job->flags->parts,
                            .csv = job->csv};
    return job->flags->regret ? wn_tune_regret(&regret) : wn_ok();
}

static wn_status tune_network(tune_job *job, const char *name) {
    wn_network network;
    WN_TRY(wn_network_open(name, &job->flags->network, &network));
    wn_status status = wn_work_add_network(&job->list, &job->session, &network, tapes_wanted(job->flags));
    if (!wn_failed(status))
        status = tune_list(job, &network);
    if (!wn_failed(status))
        status = report_regret(job);
    if (!wn_failed(status) && job->sides.count > 0 && !job->flags->regret)
        status =
            wn_tune_beside(&network, &job->session, job->db, &job->sides, tapes_wanted(job->flags), job->csv);
    wn_work_free(&job->list);
    wn_network_close(&network);
    return status;
}

static wn_status tune_problems(tune_job *job, char **words, int count) {
    wn_status status = wn_work_add_problems(&job->list, words, count, &job->flags->problems);
    if (!wn_failed(status))
        status = tune_list(job, NULL);
    if (!wn_failed(status))
        status = report_regret(job);
    wn_work_free(&job->list);
    return status;
}

/* Networks and problems in the order of the words, problems together at the end. */
static wn_status tune_words(tune_job *job, char **words, int count) {
    int problems = 0;
    for (int i = 0; i < count; i++) {
        if (!wn_net_find(words[i], NULL))
            words[problems++] = words[i];
        else
            WN_TRY(tune_network(job, words[i]));
    }
    return problems || job->flags->problems.file ? tune_problems(job, words, problems) : wn_ok();
}

/* what: the network that is tuned, NULL for several or for problems. */
static wn_status open_job(tune_job *job, const char *what) {
    const wn_tune_flags *f = job->flags;
    WN_TRY(wn_session_open_for(f->csv, f->isa, f->threads, &job->session));
    WN_TRY(wn_session_database(&job->session, f->db, true, &job->db));
    WN_TRY(wn_tune_sides_open(&job->sides, f->beside, job->session.fingerprint));
    WN_TRY(wn_best_of_each_open(&job->best_of_each, f->best_of_each, job->session.fingerprint));
    if (f->csv) {
        WN_TRY(wn_session_csv(&job->session, f->csv, "tuning", what, WN_TUNE_HEADER, &job->csv_file));
        job->csv = &job->csv_file;
    }
    job->peaks = f->from_db_only ? wn_peaks_typical(wn_pool_threads(job->session.pool))
                                 : wn_peaks_measure(job->session.pool, job->session.isa);
    job->options = (wn_tune_options){.pool = job->session.pool,
                                     .isa = job->session.isa,
                                     .effort = (wn_effort)f->effort,
                                     .cold = (wn_cold)f->cold,
                                     .max_error = f->max_error,
                                     .workspace_limit = (size_t)f->workspace_limit,
                                     .force = f->force,
                                     .skip = f->skip,
                                     .peaks = &job->peaks,
                                     .stop = &interrupted};
    return wn_ok();
}

static wn_status tune(const wn_command *command, int argc, char **argv) {
    wn_tune_flags f = {.effort = WN_EFFORT_QUICK};
    int words, networks;
    bool help;
    WN_TRY(wn_tune_flags_read(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words == 0 && !f.problems.file)
        return wn_error(WN_ERROR_USAGE, "tune: found no network or problem, expected winnow tune %s",
                        command->usage);
    WN_TRY(wn_words_count_networks(argv, words, &networks));
    tune_job job = {.flags = &f};
    wn_status status = open_job(&job, words == 1 && networks == 1 ? argv[0] : NULL);
    catch_interrupts();
    if (!wn_failed(status))
        status = tune_words(&job, argv, words);
    wn_status written = wn_csv_close(&job.csv_file);
    wn_tune_sides_close(&job.sides);
    wn_best_of_each_close(&job.best_of_each);
    wn_tune_db_close(job.db);
    wn_session_close(&job.session);
    return wn_failed(status) ? status : written;
}

const wn_command wn_command_tune = {"tune", "[NET | PROBLEM]... [options]",
                                    "find the fastest implementation of every layer and keep it", details,
                                    tune};
