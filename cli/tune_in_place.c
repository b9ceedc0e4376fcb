/* Tapes with one finalist each, run in turns. What is concluded from their times is in tune/confirm.c. */
#include "tune_in_place.h"
#include "clock.h"
#include "race.h"
#include "random.h"
#include "statistics.h"
#include <stdlib.h>

enum { ROUNDS = 9, CHECK_PAIRS = 5 };

/* Chooses finalist `variant` of each problem, or its first. */
typedef struct variant {
    const wn_work_list *list;
    int variant;
} variant;

static wn_status pick_finalist(void *context, const wn_problem *problem, wn_isa isa, int threads,
                               int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    const variant *v = context;
    const wn_work *item = wn_work_find(v->list, problem);
    if (!item || item->finalist_count == 0)
        return wn_tune_pick(NULL, problem, isa, threads, src_stride, dst_stride, plan);
    const wn_conv_plan *chosen = &item->finalists[v->variant < item->finalist_count ? v->variant : 0].plan;
    return wn_conv_plan_make(chosen->impl, problem, &chosen->config, isa, threads, src_stride, dst_stride,
                             plan);
}

wn_status wn_timing_tape(wn_network *network, const wn_session *session, wn_pick *pick, void *context,
                         bool training, wn_tape **tape) {
    WN_TRY(wn_network_tape_with(network, session, pick, context, training, false, tape));
    wn_model_initialise(network->model, WN_INIT_XAVIER_UNIFORM, 1);
    wn_tape_set_options(*tape, &(wn_step_options){.lr = 0});
    int64_t values = (int64_t)network->batch * network->net->default_channels * network->size * network->size;
    for (int64_t i = 0; i < values; i++)
        wn_tape_input(*tape)[i] = wn_random_uniform(0, WN_STREAM_BENCH, (uint64_t)i);
    for (int i = 0; i < network->batch; i++)
        wn_tape_labels(*tape)[i] = (int32_t)wn_random_below(1, WN_STREAM_BENCH, (uint64_t)i,
                                                            (uint32_t)network->net->default_classes);
    return wn_ok();
}

/* The tapes of all variants, and which problem each of their steps has. */
typedef struct field {
    const wn_work_list *list;
    wn_tape *tapes[WN_CONFIRM_FINALISTS];
    double *step_seconds; /* of one run */
    double whole;         /* of the run before */
} field;

static void run_tape(void *context, int which, double *seconds) {
    field *f = context;
    wn_tape *tape = f->tapes[which];
    int steps = wn_tape_step_count(tape);
    for (int p = 0; p < f->list->count; p++)
        seconds[p] = 0;
    for (int s = 0; s < steps; s++)
        f->step_seconds[s] = 0;
    wn_tape_run_timed(tape, f->step_seconds);
    f->whole = 0;
    for (int s = 0; s < steps; s++) {
        wn_step_info info = wn_tape_step(tape, s);
        const wn_work *item = info.plan ? wn_work_find(f->list, &info.plan->problem) : NULL;
        f->whole += f->step_seconds[s];
        if (item)
            seconds[item - f->list->items] += f->step_seconds[s];
    }
}

static wn_status open_tapes(field *f, const wn_session *session, wn_network *network, bool training,
                            int variants) {
    int most = 0;
    for (int v = 0; v < variants; v++) {
        variant context = {f->list, v};
        WN_TRY(wn_timing_tape(network, session, pick_finalist, &context, training, &f->tapes[v]));
        int steps = wn_tape_step_count(f->tapes[v]);
        most = steps > most ? steps : most;
    }
    f->step_seconds = calloc((size_t)most + 1, sizeof *f->step_seconds);
    return f->step_seconds ? wn_ok() : wn_error(WN_ERROR_MEMORY, "no memory for the times of %d steps", most);
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
static wn_status check_whole(field *f, const wn_session *session, wn_network *network, bool training,
                             wn_in_place *result, bool *holds) {
    double times[2][CHECK_PAIRS], scratch[CHECK_PAIRS];
    double *seconds = calloc((size_t)f->list->count + 1, sizeof *seconds);
    variant context = {f->list, 0};
    for (int v = 1; v < WN_CONFIRM_FINALISTS; v++) {
        wn_tape_destroy(f->tapes[v]);
        f->tapes[v] = NULL;
    }
    wn_status status = seconds
                           ? wn_timing_tape(network, session, pick_finalist, &context, training, &f->tapes[1])
                           : wn_error(WN_ERROR_MEMORY, "no memory for times");
    for (int i = -2; i < 2 * CHECK_PAIRS && !wn_failed(status); i++) {
        run_tape(f, i & 1, seconds);
        if (i >= 0)
            times[i & 1][i / 2] = f->whole;
    }
    free(seconds);
    WN_TRY(status);
    double ratio = wn_paired_ratio(times[1], times[0], CHECK_PAIRS, scratch);
    *holds = ratio <= 1;
    result->before = wn_median(times[0], CHECK_PAIRS);
    result->step = wn_median(times[1], CHECK_PAIRS);
    return wn_ok();
}

/* Sums over the steps of a tape, with the first finalists. */
static void add_up(const field *f, const double *seconds, wn_in_place *result) {
    for (int s = 0; s < wn_tape_step_count(f->tapes[0]); s++) {
        wn_step_info info = wn_tape_step(f->tapes[0], s);
        const wn_work *item = info.plan ? wn_work_find(f->list, &info.plan->problem) : NULL;
        if (item && item->finalist_count > 0)
            result->isolated += item->finalists[0].median_seconds;
    }
    for (int p = 0; p < f->list->count; p++)
        if (f->list->items[p].finalist_count > 0)
            result->in_place += seconds[p * WN_CONFIRM_FINALISTS];
}

static wn_status confirm(wn_work_list *list, field *f, const wn_session *session, wn_network *network,
                         bool training, double budget, const volatile sig_atomic_t *stop,
                         wn_in_place *result) {
    size_t count = (size_t)list->count;
    int *finalists = calloc(count + 1, sizeof *finalists), *chosen = calloc(count + 1, sizeof *chosen);
    double *seconds = calloc(count * WN_CONFIRM_FINALISTS + 1, sizeof *seconds);
    wn_status status = wn_ok();
    bool holds = true;
    int variants = 1;
    if (!finalists || !chosen || !seconds) {
        status = wn_error(WN_ERROR_MEMORY, "no memory for %d problems", list->count);
        goto done;
    }
    for (int p = 0; p < list->count; p++) {
        int found = list->items[p].finalist_count;
        finalists[p] = found > 1 ? found : 1;
        variants = finalists[p] > variants ? finalists[p] : variants;
    }
    status = open_tapes(f, session, network, training, variants);
    if (wn_failed(status))
        goto done;
    wn_confirm options = {.problems = list->count,
                          .finalists = finalists,
                          .rounds = ROUNDS,
                          .budget = budget,
                          .run = run_tape,
                          .stop = stop,
                          .context = f};
    status = wn_confirm_run(&options, chosen, seconds);
    add_up(f, seconds, result);
    for (int p = 0; p < list->count && !wn_failed(status); p++) {
        wn_work *item = &list->items[p];
        for (int v = 0; v < item->finalist_count; v++)
            item->finalists[v].in_place_seconds = seconds[p * WN_CONFIRM_FINALISTS + v];
        promote(item, chosen[p]);
        result->changed += chosen[p] > 0;
    }
    if (!wn_failed(status))
        status = check_whole(f, session, network, training, result, &holds);
    for (int p = 0; p < list->count && !wn_failed(status) && !holds; p++)
        demote(&list->items[p], chosen[p]);
    if (!holds) {
        result->changed = 0;
        result->step = result->before;
    }
done:
    free(finalists);
    free(chosen);
    free(seconds);
    return status;
}

wn_status wn_tune_in_place(wn_work_list *list, const wn_session *session, wn_network *network, bool training,
                           double budget, const volatile sig_atomic_t *stop, wn_in_place *result) {
    *result = (wn_in_place){0};
    field f = {.list = list};
    wn_status status = confirm(list, &f, session, network, training, budget, stop, result);
    for (int v = 0; v < WN_CONFIRM_FINALISTS; v++)
        wn_tape_destroy(f.tapes[v]);
    free(f.step_seconds);
    return status;
}
