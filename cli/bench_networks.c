/* winnow bench NET: every network in every mode, step by step, and inside the steps where that is wanted. */
#include "bench_networks.h"
#include "bench.h"
#include "step_parts.h"

/* The files that are open meanwhile. */
typedef struct files {
    wn_csv csv, parts;
    wn_trace trace;
} files;

static wn_status open_files(const wn_networks *networks, const char *what, files *f) {
    const wn_session *session = networks->session;
    wn_status status = wn_ok();
    *f = (files){.csv = {.file = NULL}};
    if (networks->csv)
        status = wn_session_csv(session, networks->csv, "steps", what, WN_BENCH_NET_HEADER, &f->csv);
    if (!wn_failed(status) && networks->parts_csv)
        status = wn_session_csv(session, networks->parts_csv, "parts", what, WN_STEP_PARTS_HEADER, &f->parts);
    if (!wn_failed(status) && networks->trace)
        status = wn_trace_open(networks->trace, &f->trace);
    return status;
}

/* The first failure of the work and of closing the files. */
static wn_status close_files(files *f, wn_status status) {
    wn_status closed[] = {wn_csv_close(&f->csv), wn_csv_close(&f->parts),
                          wn_trace_close(&f->trace, !wn_failed(status))};
    for (int i = 0; i < WN_COUNT_OF(closed); i++)
        status = wn_failed(status) ? status : closed[i];
    return status;
}

static wn_status bench_tape(const wn_networks *networks, wn_network *network, wn_tune_db *db, bool training,
                            files *f) {
    const wn_session *session = networks->session;
    wn_bench_net bench = {.fingerprint = session->fingerprint,
                          .net = network->net->name,
                          .size = network->size,
                          .batch = network->batch,
                          .training = training,
                          .repetitions = networks->repetitions,
                          .isa = session->isa,
                          .pool = session->pool,
                          .channels = network->net->default_channels,
                          .classes = network->net->default_classes};
    WN_TRY(wn_network_tape(network, session, db, training, false, &bench.tape));
    wn_model_initialise(network->model, WN_INIT_XAVIER_UNIFORM, 1);
    wn_status status = wn_bench_net_run(&bench, stdout, f->csv.file ? &f->csv : NULL);
    if (!wn_failed(status) && (networks->parts || networks->parts_csv))
        status = wn_step_parts_run(&bench, stdout, f->parts.file ? &f->parts : NULL);
    if (!wn_failed(status) && networks->trace)
        status = wn_step_parts_trace(&bench, &f->trace);
    wn_tape_destroy(bench.tape);
    return status;
}

static wn_status bench_network(const wn_networks *networks, const char *name, wn_tune_db *db, files *f) {
    wn_network network;
    WN_TRY(wn_network_open(name, networks->network, &network));
    wn_status status = wn_ok();
    for (int training = 1; training >= 0 && !wn_failed(status); training--)
        if (networks->mode == WN_MODE_BOTH ||
            networks->mode == (training ? WN_MODE_TRAINING : WN_MODE_INFERENCE))
            status = bench_tape(networks, &network, db, training == 1, f);
    wn_network_close(&network);
    return status;
}

wn_status wn_networks_bench(const wn_networks *networks, char **names, int count) {
    wn_tune_db *db = NULL;
    files f;
    wn_status status = open_files(networks, count == 1 ? names[0] : NULL, &f);
    if (!wn_failed(status))
        status = wn_session_database(networks->session, networks->db, false, &db);
    for (int i = 0; i < count && !wn_failed(status); i++)
        status = bench_network(networks, names[i], db, &f);
    wn_tune_db_close(db);
    return close_files(&f, status);
}
