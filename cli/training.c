/* From flags to a trainer's options. */
#include "training.h"
#include <string.h>

wn_status wn_training_read(const wn_command *command, wn_training_flags *f, const wn_option *own,
                           int own_count, int argc, char **argv, bool *help) {
    const wn_option before[] = {
        WN_OPTION_DATA(&f->data),         WN_OPTIONS_IMAGES(&f->images), WN_OPTIONS_NETWORK(&f->network),
        WN_OPTION_CHANNELS(&f->channels), WN_OPTION_SEED(&f->seed),      WN_OPTION_LIMIT(&f->limit),
    };
    const wn_option after[] = {
        WN_OPTION_THREADS(&f->threads),     WN_OPTION_ISA(&f->isa), WN_OPTION_NO_FUSE(&f->network.no_fuse),
        WN_OPTION_PICKS(&f->network.picks), WN_OPTION_DB(&f->db),   WN_OPTION_CSV(&f->csv),
    };
    wn_option options[WN_COUNT_OF(before) + WN_OWN_OPTIONS + WN_COUNT_OF(after) + WN_RECIPE_OPTIONS];
    int count = WN_COUNT_OF(before), words;
    memcpy(options, before, sizeof before);
    memcpy(options + count, own, (size_t)own_count * sizeof *own);
    memcpy(options + (count += own_count), after, sizeof after);
    wn_recipe_options(&f->recipe, options + (count += WN_COUNT_OF(after)));
    WN_TRY(wn_options_read(command, options, count + WN_RECIPE_OPTIONS, argc, argv, &words, help));
    return *help || words == 1 ? wn_ok()
                               : wn_error(WN_ERROR_USAGE, "%s: found %d networks, expected one: winnow %s %s",
                                          command->name, words, command->name, command->usage);
}

/* Picks are raced as they are asked for. */
static void race_picks(wn_training *t) {
    t->peaks = wn_peaks_measure(t->session.pool, t->session.isa);
    t->racing = (wn_racing){.db = t->db,
                            .options = {.pool = t->session.pool,
                                        .isa = t->session.isa,
                                        .effort = WN_EFFORT_QUICK,
                                        .cold = WN_COLD_ALL,
                                        .budget = WN_TUNE_RACE_SECONDS,
                                        .peaks = &t->peaks},
                            .batch = t->options.recipe.batch,
                            .log = stdout};
    t->options.pick = wn_racing_pick;
    t->options.pick_context = &t->racing;
}

wn_status wn_training_open(const wn_training_flags *f, const char *name, wn_training *t) {
    const wn_net *net;
    wn_recipe recipe;
    *t = (wn_training){.db = NULL};
    WN_TRY(wn_net_require(name, f->network.variant, &net));
    WN_TRY(wn_recipe_flags_apply(&f->recipe, net, f->network.batch, &recipe));
    WN_TRY(wn_session_open_for(f->csv, f->isa, f->threads, &t->session));
    wn_status status = wn_session_database(&t->session, f->db, f->tune, &t->db);
    if (!wn_failed(status) && f->network.picks)
        status = wn_picks_open(f->network.picks, t->session.isa, &t->picks);
    if (wn_failed(status)) {
        wn_training_close(t);
        return status;
    }
    t->options = (wn_train_options){.net = net->name,
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
                                    .recipe = recipe,
                                    .seed = (uint64_t)f->seed,
                                    .pool = t->session.pool,
                                    .isa = t->session.isa,
                                    .no_fuse = f->network.no_fuse,
                                    .pick = t->picks ? wn_picks_pick
                                            : t->db  ? wn_session_pick
                                                     : NULL,
                                    .pick_context = t->picks ? (void *)t->picks : (void *)t->db,
                                    .pick_anew = t->picks != NULL};
    if (f->tune)
        race_picks(t);
    return wn_ok();
}

void wn_training_close(wn_training *t) {
    wn_picks_close(t->picks);
    wn_tune_db_close(t->db);
    wn_session_close(&t->session);
}
