/* winnow bench --winners: the tapes of every network, one per implementation, and the last one tuned. */
#include "bench_networks.h"
#include "impl_list.h"
#include "net_winners.h"
#include <stdlib.h>
#include <string.h>

/* How the plans of one tape are picked. */
typedef struct forcing {
    const wn_session *session;
    const char *impl;
    int passes, substituted;
} forcing;

/* The model's best config of an implementation; *runs says whether it supports the problem. */
static wn_status best_config(const forcing *f, const char *impl, const wn_problem *problem,
                             wn_conv_plan *plan, bool *runs) {
    const wn_tune_options options = {
        .pool = f->session->pool, .isa = f->session->isa, .effort = WN_EFFORT_HEURISTIC, .force = impl};
    wn_candidate first;
    int count;
    WN_TRY(wn_tune_problem(&options, problem, &first, 1, &count, NULL));
    *plan = first.plan;
    *runs = strcmp(first.plan.impl->name, impl) == 0;
    return wn_ok();
}

/* The wn_pick of a tape: the implementation where it supports the problem, else direct, else what does. */
static wn_status pick(void *context, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                      int64_t dst_stride, wn_conv_plan *plan) {
    forcing *f = context;
    bool runs;
    WN_TRY(best_config(f, f->impl, problem, plan, &runs));
    f->passes++;
    f->substituted += !runs;
    if (!runs)
        WN_TRY(best_config(f, "direct", problem, plan, &runs));
    const wn_conv_plan chosen = *plan;
    return wn_conv_plan_make(chosen.impl, problem, &chosen.config, isa, threads, src_stride, dst_stride,
                             plan);
}

static wn_status add_row(const wn_networks *networks, wn_network *network, const char *impl,
                         wn_winners *winners) {
    forcing f = {.session = networks->session, .impl = impl};
    wn_winners_row *row = &winners->row[winners->rows++];
    *row = (wn_winners_row){.impl = impl};
    WN_TRY(wn_network_tape_with(network, networks->session, pick, &f, winners->training, false, &row->tape));
    row->passes = f.passes;
    row->substituted = f.substituted;
    if (f.passes == f.substituted) {
        wn_tape_destroy(row->tape);
        row->tape = NULL;
        row->refusal = "supports none of the passes";
    }
    return wn_ok();
}

static wn_status add_tuned(const wn_networks *networks, wn_network *network, wn_tune_db *db,
                           wn_winners *winners) {
    wn_winners_row *row = &winners->row[winners->rows++];
    *row = (wn_winners_row){.impl = "tuned"};
    WN_TRY(wn_network_tape(network, networks->session, db, winners->training, false, &row->tape));
    for (int i = 0; i < wn_tape_step_count(row->tape); i++)
        row->passes += wn_tape_step(row->tape, i).plan != NULL;
    return wn_ok();
}

static wn_status measure_network(const wn_networks *networks, wn_network *network, wn_tune_db *db,
                                 wn_winners *winners, wn_csv *csv) {
    wn_status status = wn_ok();
    for (int i = 0; wn_conv_registry[i] && winners->rows < WN_WINNERS_ROWS - 1 && !wn_failed(status); i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        if (!impl->judge && !impl->yardstick && wn_impl_list_holds(networks->impls, impl->name))
            status = add_row(networks, network, impl->name, winners);
    }
    if (!wn_failed(status))
        status = add_tuned(networks, network, db, winners);
    wn_bench_net bench = {.fingerprint = networks->session->fingerprint,
                          .net = winners->net,
                          .size = winners->size,
                          .batch = winners->batch,
                          .training = winners->training,
                          .isa = networks->session->isa,
                          .pool = networks->session->pool,
                          .channels = network->net->default_channels,
                          .classes = network->net->default_classes};
    if (!wn_failed(status)) {
        wn_model_initialise(network->model, WN_INIT_XAVIER_UNIFORM, 1);
        for (int i = 0; i < winners->rows; i++)
            if ((bench.tape = winners->row[i].tape))
                wn_bench_net_fill(&bench);
        status = wn_winners_measure(winners);
    }
    if (!wn_failed(status) && csv)
        wn_winners_write(winners, &bench, csv);
    for (int i = 0; i < winners->rows; i++) {
        wn_tape_destroy(winners->row[i].tape);
        winners->row[i].tape = NULL;
    }
    return status;
}

static wn_status winners_of(const wn_networks *networks, const char *name, wn_tune_db *db,
                            wn_winners *winners, wn_csv *csv) {
    wn_network network;
    WN_TRY(wn_network_open(name, networks->network, &network));
    *winners = (wn_winners){.size = network.size,
                            .batch = network.batch,
                            .rounds = networks->repetitions,
                            .training = networks->mode != WN_MODE_INFERENCE};
    snprintf(winners->net, sizeof winners->net, "%s", network.net->name);
    wn_status status = measure_network(networks, &network, db, winners, csv);
    wn_network_close(&network);
    return status;
}

wn_status wn_networks_winners(const wn_networks *networks, char **names, int count) {
    wn_tune_db *db = NULL;
    wn_csv csv = {.file = NULL};
    wn_winners *winners = calloc((size_t)count, sizeof *winners);
    if (!winners)
        return wn_error(WN_ERROR_MEMORY, "no memory for the rows of %d networks", count);
    wn_status status = wn_impl_list_check("--impl", networks->impls, NULL);
    if (!wn_failed(status) && networks->csv)
        status = wn_session_csv(networks->session, networks->csv, "winners", count == 1 ? names[0] : NULL,
                                WN_NET_WINNERS_HEADER, &csv);
    if (!wn_failed(status))
        status = wn_session_database(networks->session, networks->db, false, &db);
    for (int i = 0; i < count && !wn_failed(status); i++)
        status = winners_of(networks, names[i], db, &winners[i], csv.file ? &csv : NULL);
    if (!wn_failed(status))
        wn_winners_print(winners, count, stdout);
    wn_tune_db_close(db);
    free(winners);
    wn_status closed = wn_csv_close(&csv);
    return wn_failed(status) ? status : closed;
}
