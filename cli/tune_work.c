/* Collecting what is to be tuned. */
#include "tune_work.h"
#include <stdlib.h>

static wn_status add(wn_work_list *list, const wn_problem *problem, const char *net, const char *label) {
    wn_work *known = wn_work_find(list, problem);
    if (known) {
        known->times++;
        return wn_ok();
    }
    if (list->count == list->room) {
        int room = list->room ? list->room * 2 : 64;
        wn_work *items = realloc(list->items, (size_t)room * sizeof *items);
        if (!items)
            return wn_error(WN_ERROR_MEMORY, "tune: no memory for %d problems", room);
        list->items = items;
        list->room = room;
    }
    wn_work *added = &list->items[list->count++];
    *added = (wn_work){.problem = *problem, .times = 1};
    snprintf(added->label, sizeof added->label, "%s%s%s", net, net[0] ? " " : "", label);
    return wn_ok();
}

wn_work *wn_work_find(const wn_work_list *list, const wn_problem *problem) {
    for (int i = 0; i < list->count; i++)
        if (wn_problem_equal(&list->items[i].problem, problem))
            return &list->items[i];
    return NULL;
}

wn_status wn_work_add_network(wn_work_list *list, const wn_session *session, wn_network *network,
                              wn_tapes tapes) {
    wn_status status = wn_ok();
    for (int training = 0; training < 2 && !wn_failed(status); training++) {
        wn_tape *tape;
        if (!wn_tapes_hold(tapes, training))
            continue;
        WN_TRY(wn_network_tape_with(network, session, NULL, NULL, training, true, &tape));
        for (int i = 0; i < wn_tape_step_count(tape) && !wn_failed(status); i++) {
            wn_step_info step = wn_tape_step(tape, i);
            if (step.plan)
                status = add(list, &step.plan->problem, network->net->name, step.label);
        }
        wn_tape_destroy(tape);
    }
    return status;
}

wn_status wn_work_add_problems(wn_work_list *list, char **words, int count, const wn_problem_flags *flags) {
    wn_problem_flags all = *flags;
    wn_problem_list parsed;
    if (!all.directions)
        all.directions = "FWD_B,BWD_D,BWD_WB";
    WN_TRY(wn_problem_list_create(&parsed));
    wn_status status = wn_words_read_problems(words, count, &all, &parsed);
    for (int i = 0; i < parsed.count && !wn_failed(status); i++) {
        wn_problem *problem = &parsed.problems[i];
        if (wn_words_as_in_network(problem))
            status = add(list, problem, problem->name, wn_direction_name(problem->direction));
    }
    if (!wn_failed(status) && list->count == 0)
        status = wn_error(WN_ERROR_USAGE, "tune: found only BWD_D of sources of up to 4 channels, which are "
                                          "taken for inputs of networks and have no gradient");
    wn_problem_list_free(&parsed);
    return status;
}

/* Behind by more, nothing in the network turns it round. */
static const double finalist_ratio = 1.3;

static bool has_finalist_of(const wn_work *item, const wn_conv_impl *impl) {
    for (int i = 0; i < item->finalist_count; i++)
        if (item->finalists[i].plan.impl == impl)
            return true;
    return false;
}

void wn_work_keep_finalists(wn_work *item, const wn_candidate *candidates, int count) {
    int kept[WN_CONFIRM_FINALISTS] = {0};
    item->finalist_count = 0;
    item->finalists[item->finalist_count++] = candidates[0];
    for (int others = 1; others >= 0; others--)
        for (int i = 1; i < count && item->finalist_count < WN_CONFIRM_FINALISTS; i++) {
            const wn_candidate *c = &candidates[i];
            bool taken = i == kept[1] || (others && has_finalist_of(item, c->plan.impl));
            if (c->rounds == 0 || !(c->ratio < finalist_ratio) || taken)
                continue;
            kept[item->finalist_count] = i;
            item->finalists[item->finalist_count++] = *c;
        }
}

void wn_work_free(wn_work_list *list) {
    free(list->items);
    *list = (wn_work_list){.items = NULL};
}
