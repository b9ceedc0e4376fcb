/* What subcommands share: threads and ISA, the database, networks by name. */
#include "arena.h"
#include "cli.h"
#include "kept_file.h"
#include "output.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

wn_status wn_session_open(const char *isa, int64_t threads, wn_session *session) {
    *session = (wn_session){.pool = NULL};
    WN_TRY(wn_isa_select(isa, &session->isa));
    int used = threads ? (int)threads : wn_threads_default();
    wn_machine_read(&session->machine);
    wn_arena_set_limit((size_t)session->machine.memory_limit);
    wn_machine_fingerprint(&session->machine, session->isa, used, session->fingerprint,
                           sizeof session->fingerprint);
    return wn_pool_create(used, &session->pool);
}

wn_status wn_session_open_for(const char *csv, const char *isa, int64_t threads, wn_session *session) {
    static const double glance = 0.2; /* seconds between two looks at the time that others take */
    wn_finding findings[WN_FINDINGS];
    int count = csv ? wn_doctor_examine("", glance, findings) : 0;
    WN_TRY(wn_session_open(isa, threads, session));
    memcpy(session->findings, findings, (size_t)count * sizeof *findings);
    session->finding_count = count;
    return wn_ok();
}

wn_machine_facts wn_session_facts(const wn_session *session) {
    return (wn_machine_facts){.machine = &session->machine,
                              .fingerprint = session->fingerprint,
                              .isa = session->isa,
                              .threads = wn_pool_threads(session->pool),
                              .findings = session->findings,
                              .finding_count = session->finding_count};
}

/* "-AuthenticAMD-25-17-1-avx512-2threads", or nothing without a session. */
static void name_machine(const wn_session *session, char *text, size_t size) {
    text[0] = '\0';
    if (session) {
        const wn_machine *m = &session->machine;
        snprintf(text, size, "-%s-%d-%d-%d-%s-%dthreads", m->vendor, m->family, m->model, m->stepping,
                 wn_isa_name(session->isa), wn_pool_threads(session->pool));
    }
}

wn_status wn_session_csv_path(const wn_session *session, const char *path, const char *kind, const char *what,
                              char named[static PATH_MAX]) {
    struct stat found;
    char day[16], machine[120];
    time_t now = time(NULL);
    struct tm date;
    int length;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)) {
        length = snprintf(named, PATH_MAX, "%s", path);
    } else {
        strftime(day, sizeof day, "%Y-%m-%d", gmtime_r(&now, &date));
        name_machine(session, machine, sizeof machine);
        length =
            snprintf(named, PATH_MAX, "%s%s%s%s%s%s-%s.csv", path, path[strlen(path) - 1] == '/' ? "" : "/",
                     kind, what ? "-" : "", what ? what : "", machine, day);
    }
    return length < PATH_MAX ? wn_ok()
                             : wn_error(WN_ERROR_USAGE, "--csv: found a path of %d characters", length);
}

wn_status wn_session_csv(const wn_session *session, const char *given, const char *kind, const char *what,
                         const char *header, wn_csv *csv) {
    char path[PATH_MAX];
    WN_TRY(wn_session_csv_path(session, given, kind, what, path));
    WN_TRY(wn_csv_open(path, header, csv));
    wn_machine_facts facts = wn_session_facts(session);
    wn_status status = wn_machine_file_beside(path, &facts);
    if (wn_failed(status))
        (void)wn_csv_close(csv);
    return status;
}

wn_status wn_session_csv_check(const wn_session *session, const char *given, const char *kind,
                               const char *what) {
    char path[PATH_MAX];
    wn_kept_file file;
    WN_TRY(wn_session_csv_path(session, given, kind, what, path));
    if (wn_output_is_standard(path))
        return wn_ok();
    WN_TRY(wn_kept_file_open(path, "the CSV file", &file));
    return wn_kept_file_close(&file);
}

void wn_session_close(wn_session *session) {
    wn_pool_destroy(session->pool);
    session->pool = NULL;
}

wn_status wn_session_database(const wn_session *session, const char *path, bool needed, wn_tune_db **db) {
    char found[PATH_MAX];
    *db = NULL;
    if (!path) {
        wn_status status = wn_tune_db_default_path(found, sizeof found);
        if (wn_failed(status))
            return needed ? status : wn_ok();
        path = found;
    }
    WN_TRY(wn_tune_db_open(path, session->fingerprint, db));
    wn_tune_db_use_pool(*db, session->pool);
    wn_status learned = wn_tune_db_learn(*db, wn_tune_db_system_path());
    if (wn_failed(learned))
        fprintf(stderr, "%s\n", learned.message);
    int skipped = wn_tune_db_skipped(*db), foreign = wn_tune_db_foreign(*db), stale = wn_tune_db_stale(*db);
    if (skipped)
        fprintf(stderr, "%s: %d damaged or unknown lines skipped\n", path, skipped);
    if (stale)
        fprintf(stderr, "%s: %d records of other versions ignored (first %s)\n", path, stale,
                wn_tune_db_reason(*db));
    if (foreign && wn_tune_db_records(*db) == 0)
        fprintf(stderr, "%s: all %d records are of other machines, ISAs or numbers of threads (first %s)\n",
                path, foreign, wn_tune_db_reason(*db));
    return wn_ok();
}

wn_status wn_session_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                          int64_t dst_stride, wn_conv_plan *plan) {
    int misses = wn_tune_db_misses(db);
    wn_status status = wn_tune_pick(db, problem, isa, threads, src_stride, dst_stride, plan);
    if (misses == 0 && wn_tune_db_misses(db) > 0)
        printf("%s: not every layer is tuned for this machine and batch size; where it is not, the model "
               "chooses (winnow tune NET --batch-size %d measures)\n",
               wn_tune_db_path(db), problem->mb);
    return status;
}

wn_status wn_network_open(const char *name, const wn_network_flags *flags, wn_network *network) {
    const wn_net *net;
    *network = (wn_network){.net = NULL};
    WN_TRY(wn_net_require(name, flags->variant, &net));
    return wn_network_build(net, flags, network);
}

wn_status wn_network_build(const wn_net *net, const wn_network_flags *flags, wn_network *network) {
    *network = (wn_network){.net = net};
    network->size = flags->size ? (int)flags->size : net->default_size;
    network->batch = flags->batch ? (int)flags->batch : net->default_batch;
    network->no_fuse = flags->no_fuse;
    network->picks_path = flags->picks;
    network->graph = wn_graph_create();
    if (!network->graph)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its graph", net->name);
    wn_net_options options = {.channels = net->default_channels,
                              .height = network->size,
                              .width = network->size,
                              .classes = net->default_classes,
                              .width_divisor = (int)flags->width_divisor,
                              .hidden_divisor = 1,
                              .shortcut = (wn_shortcut)flags->shortcut};
    net->build(network->graph, &options);
    wn_status status = wn_graph_status(network->graph);
    if (wn_failed(status))
        wn_network_close(network);
    return status;
}

void wn_network_close(wn_network *network) {
    wn_picks_close(network->picks);
    wn_model_destroy(network->model);
    wn_graph_destroy(network->graph);
    network->picks = NULL;
    network->model = NULL;
    network->graph = NULL;
}

wn_network_totals wn_network_count(const wn_network *network) {
    wn_network_totals total = {0};
    for (int i = 0; i < wn_graph_layer_count(network->graph); i++) {
        wn_layer_info layer = wn_graph_layer(network->graph, i);
        total.parameters += layer.parameters;
        total.multiply_adds += layer.multiply_adds;
        if (!strcmp(layer.kind, "conv"))
            total.convolutions += layer.multiply_adds;
    }
    return total;
}

wn_status wn_network_tape(wn_network *network, const wn_session *session, wn_tune_db *db, bool training,
                          bool plan_only, wn_tape **tape) {
    if (network->picks_path && !network->picks)
        WN_TRY(wn_picks_open(network->picks_path, session->isa, &network->picks));
    if (network->picks)
        return wn_network_tape_with(network, session, wn_picks_pick, network->picks, training, plan_only,
                                    tape);
    return wn_network_tape_with(network, session, db ? wn_session_pick : NULL, db, training, plan_only, tape);
}

wn_status wn_network_tape_with(wn_network *network, const wn_session *session, wn_pick *pick, void *context,
                               bool training, bool plan_only, wn_tape **tape) {
    wn_tape_options options = {.batch = network->batch,
                               .training = training,
                               .no_fuse = network->no_fuse,
                               .plan_only = plan_only,
                               .isa = session->isa,
                               .pool = session->pool,
                               .pick = pick,
                               .pick_context = context,
                               .seed = 1};
    if (!network->model)
        WN_TRY(wn_model_create(network->graph, &network->model));
    return wn_tape_compile(network->model, &options, tape);
}

const char *wn_bytes_text(double bytes, char text[static 16]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 1024 && unit < WN_COUNT_OF(units) - 1; unit++)
        bytes /= 1024;
    snprintf(text, 16, unit ? "%.4g %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

const char *const wn_shortcut_names[] = {"default", "A", "B", "C", NULL};
