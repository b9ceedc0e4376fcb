/* Tapes with one finalist each, run in turns. What is concluded from their times is in tune/confirm.c. */
#include "tune_in_place.h"
#include "bench.h"
#include "clock.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ROUNDS = 2, ROUNDS = 7, LEAST_PAIRS = 2, PAIRS = 5, FIRST_RUNS = 3 };

/* Chooses finalist `variant` of each problem, or its first; of problems that were not raced what the database
 * says. */
typedef struct variant {
    const wn_work_list *list;
    wn_tune_db *db;
    int variant;
} variant;

static wn_status pick_finalist(void *context, const wn_problem *problem, wn_isa isa, int threads,
                               int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    const variant *v = context;
    const wn_work *item = wn_work_find(v->list, problem);
    if (!item || item->finalist_count == 0)
        return wn_tune_pick(v->db, problem, isa, threads, src_stride, dst_stride, plan);
    const wn_conv_plan *chosen = &item->finalists[v->variant < item->finalist_count ? v->variant : 0].plan;
    return wn_conv_plan_make(chosen->impl, problem, &chosen->config, isa, threads, src_stride, dst_stride,
                             plan);
}

wn_status wn_timing_tape(wn_network *network, const wn_session *session, wn_pick *pick, void *context,
                         bool training, wn_tape **tape) {
    WN_TRY(wn_network_tape_with(network, session, pick, context, training, false, tape));
    if (!network->filled)
        wn_model_initialise(network->model, WN_INIT_XAVIER_UNIFORM, 1);
    network->filled = true;
    wn_tape_set_options(*tape, &(wn_step_options){.lr = 0});
    wn_bench_net_fill(&(wn_bench_net){.tape = *tape,
                                      .batch = network->batch,
                                      .channels = network->net->default_channels,
                                      .size = network->size,
                                      .classes = network->net->default_classes});
    return wn_ok();
}

/* The tapes of all variants, and how long they take. */
typedef struct field {
    const wn_in_place_job *job;
    bool training;
    wn_tape *tapes[WN_CONFIRM_FINALISTS];
    double *step_seconds; /* of one run */
    double whole;         /* seconds of the run before */
    double compilation;   /* seconds that it takes to make a tape */
} field;

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), ending = strlen(end);
    return length >= ending && strcmp(text + length - ending, end) == 0;
}

/* The item whose pass a step is, or NULL. The backward pass of a ReLU belongs to the gradient of the data
 * before it: another implementation would have masked that on the way. */
static wn_work *item_of(const field *f, const wn_tape *tape, int step) {
    wn_step_info info = wn_tape_step(tape, step);
    if (!info.plan && step > 0 && ends_with(info.label, " RELU_BWD")) {
        info = wn_tape_step(tape, step - 1);
        if (info.plan && info.plan->problem.direction != WN_BWD_D)
            return NULL;
    }
    return info.plan ? wn_work_find(f->job->list, &info.plan->problem) : NULL;
}

static void run_tape(void *context, int which, double *seconds) {
    field *f = context;
    wn_tape *tape = f->tapes[which];
    int steps = wn_tape_step_count(tape);
    for (int p = 0; p < f->job->list->count; p++)
        seconds[p] = 0;
    for (int s = 0; s < steps; s++)
        f->step_seconds[s] = 0;
    wn_tape_run_timed(tape, f->step_seconds);
    f->whole = 0;
    for (int s = 0; s < steps; s++) {
        const wn_work *item = item_of(f, tape, s);
        f->whole += f->step_seconds[s];
        if (item)
            seconds[item - f->job->list->items] += f->step_seconds[s];
    }
}

/* Makes the tape of a variant and room for the times of its steps. */
static wn_status open_tape(field *f, int which, int finalist) {
    variant context = {f->job->list, f->job->db, finalist};
    double begin = wn_seconds();
    WN_TRY(wn_timing_tape(f->job->network, f->job->session, pick_finalist, &context, f->training,
                          &f->tapes[which]));
    f->compilation = wn_seconds() - begin;
    size_t steps = (size_t)wn_tape_step_count(f->tapes[which]);
    double *grown = realloc(f->step_seconds, (steps + 1) * sizeof *grown);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for the times of %zu steps", steps);
    f->step_seconds = grown;
    return wn_ok();
}

/* Seconds for confirming with so many variants, rounds and pairs of whole steps, one tape being there. */
static double cost(const field *f, int variants, int rounds, int pairs) {
    double runs = variants + rounds * variants + 1 + 2 * pairs;
    return variants * f->compilation + runs * f->whole;
}

/* Puts finalist `index` of an item in front; the others keep their order. */
static void promote(wn_work *item, int index) {
    wn_candidate first = item->finalists[index];
    for (int i = index; i > 0; i--)
        item->finalists[i] = item->finalists[i - 1];
    item->finalists[0] = first;
}

static void demote(wn_work *item, int index) {
    wn_candidate first = item->finalists[0];
    for (int i = 0; i < index; i++)
        item->finalists[i] = item->finalists[i + 1];
    item->finalists[index] = first;
}

/* The step with the confirmed picks against the one before, in turns; true when it holds. */
static wn_status check_whole(field *f, double *seconds, double budget, wn_in_place *result, bool *holds) {
    double times[2][PAIRS], scratch[PAIRS], begin = wn_seconds();
    for (int v = 1; v < WN_CONFIRM_FINALISTS; v++) {
        wn_tape_destroy(f->tapes[v]);
        f->tapes[v] = NULL;
    }
    WN_TRY(open_tape(f, 1, 0));
    run_tape(f, 1, seconds); /* warm-up */
    int pairs = 0;
    for (; pairs < PAIRS && (pairs < LEAST_PAIRS || wn_seconds() - begin < budget); pairs++)
        for (int i = 0; i < 2; i++) {
            run_tape(f, (pairs + i) % 2, seconds);
            times[(pairs + i) % 2][pairs] = f->whole;
        }
    double ratio = wn_paired_ratios(times[1], times[0], pairs, scratch).median;
    *holds = ratio <= 1;
    result->before = wn_median(times[0], pairs);
    result->step = wn_median(times[1], pairs);
    return wn_ok();
}

/* Sums over the steps of a tape, with the first finalists. */
static void add_up(const field *f, const double *seconds, int stride, wn_in_place *result) {
    const wn_work_list *list = f->job->list;
    for (int s = 0; s < wn_tape_step_count(f->tapes[0]); s++) {
        wn_step_info info = wn_tape_step(f->tapes[0], s);
        const wn_work *item = info.plan ? wn_work_find(list, &info.plan->problem) : NULL;
        if (item && item->finalist_count > 0)
            result->isolated += item->finalists[0].median_seconds;
    }
    for (int p = 0; p < list->count; p++)
        if (list->items[p].finalist_count > 0)
            result->in_place += seconds[p * stride];
}

/* What wn_confirm_run works on and finds. */
typedef struct verdicts {
    int *finalists, *chosen; /* [problems] */
    double *seconds;         /* [problems][WN_CONFIRM_FINALISTS] */
} verdicts;

/* Reorders the finalists of all problems. */
static void apply(const field *f, const verdicts *v, wn_in_place *result) {
    for (int p = 0; p < f->job->list->count; p++) {
        wn_work *item = &f->job->list->items[p];
        for (int i = 0; i < v->finalists[p] && i < item->finalist_count; i++)
            item->finalists[i].in_place_seconds = v->seconds[p * WN_CONFIRM_FINALISTS + i];
        promote(item, v->chosen[p]);
        result->changed += v->chosen[p] > 0;
    }
}

static void take_back(const field *f, const verdicts *v, wn_in_place *result) {
    for (int p = 0; p < f->job->list->count; p++)
        demote(&f->job->list->items[p], v->chosen[p]);
    result->changed = 0;
    result->step = result->before;
}

static wn_status confirm(field *f, const verdicts *v, int variants, double budget, wn_in_place *result) {
    const wn_work_list *list = f->job->list;
    double begin = wn_seconds();
    bool holds = true;
    for (int p = 0; p < list->count; p++) {
        int found = list->items[p].finalist_count;
        v->finalists[p] = found > variants ? variants : found > 1 ? found : 1;
    }
    for (int i = 1; i < variants; i++)
        WN_TRY(open_tape(f, i, i));
    wn_confirm options = {.problems = list->count,
                          .finalists = v->finalists,
                          .rounds = ROUNDS,
                          .budget = budget - cost(f, 0, 0, PAIRS) - (wn_seconds() - begin),
                          .run = run_tape,
                          .stop = f->job->stop,
                          .context = f};
    WN_TRY(wn_confirm_run(&options, v->chosen, v->seconds));
    add_up(f, v->seconds, WN_CONFIRM_FINALISTS, result);
    apply(f, v, result);
    result->confirmed = true;
    if (result->changed > 0)
        WN_TRY(check_whole(f, v->seconds, budget - (wn_seconds() - begin), result, &holds));
    if (!holds)
        take_back(f, v, result);
    return wn_ok();
}

static int most_finalists(const wn_work_list *list) {
    int most = 1;
    for (int p = 0; p < list->count; p++)
        most = list->items[p].finalist_count > most ? list->items[p].finalist_count : most;
    return most;
}

/* Runs the winners' tape, then confirms with as many variants as the budget allows. */
static wn_status time_in_place(field *f, const verdicts *v, double budget, wn_in_place *result) {
    double begin = wn_seconds(), runs[FIRST_RUNS];
    WN_TRY(open_tape(f, 0, 0));
    run_tape(f, 0, v->seconds); /* warm-up */
    for (int i = 0; i < FIRST_RUNS; i++) {
        run_tape(f, 0, v->seconds);
        runs[i] = f->whole;
    }
    result->step = result->before = wn_median(runs, FIRST_RUNS);
    double left = budget - (wn_seconds() - begin);
    int variants = most_finalists(f->job->list);
    while (variants > 1 && cost(f, variants, LEAST_ROUNDS, LEAST_PAIRS) > left)
        variants--;
    if (variants > 1)
        return confirm(f, v, variants, left, result);
    add_up(f, v->seconds, 1, result);
    return wn_ok();
}

wn_status wn_tune_in_place(const wn_in_place_job *job, bool training, double budget, wn_in_place *result) {
    *result = (wn_in_place){0};
    field f = {.job = job, .training = training};
    size_t count = (size_t)job->list->count;
    verdicts v = {.finalists = calloc(count + 1, sizeof *v.finalists),
                  .chosen = calloc(count + 1, sizeof *v.chosen),
                  .seconds = calloc(count * WN_CONFIRM_FINALISTS + 1, sizeof *v.seconds)};
    wn_status status = v.finalists && v.chosen && v.seconds
                           ? time_in_place(&f, &v, budget, result)
                           : wn_error(WN_ERROR_MEMORY, "no memory for %d problems", job->list->count);
    for (int i = 0; i < WN_CONFIRM_FINALISTS; i++)
        wn_tape_destroy(f.tapes[i]);
    free(f.step_seconds);
    free(v.finalists);
    free(v.chosen);
    free(v.seconds);
    return status;
}
