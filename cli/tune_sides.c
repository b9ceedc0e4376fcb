/* Steps of a network with the picks of several databases, run in turns. */
#include "tune_sides.h"
#include "clock.h"
#include "database.h"
#include "race.h"
#include "statistics.h"
#include "tune_in_place.h"
#include "tune_report.h"
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 11 };

wn_status wn_tune_sides_open(wn_tune_sides *sides, const char *list, const char *fingerprint) {
    *sides = (wn_tune_sides){.count = 0};
    if (!list)
        return wn_ok();
    char *rest = sides->paths = strdup(list);
    if (!rest)
        return wn_error(WN_ERROR_MEMORY, "tune: no memory for paths");
    for (char *path; (path = strsep(&rest, ","));) {
        if (sides->count == WN_TUNE_SIDES)
            return wn_error(WN_ERROR_USAGE, "--beside: found more than %d databases", WN_TUNE_SIDES);
        WN_TRY(wn_tune_db_open(path, fingerprint, &sides->dbs[sides->count]));
        sides->path[sides->count++] = path;
    }
    return wn_ok();
}

void wn_tune_sides_close(wn_tune_sides *sides) {
    for (int i = 0; i < sides->count; i++)
        wn_tune_db_close(sides->dbs[i]);
    free(sides->paths);
    *sides = (wn_tune_sides){.count = 0};
}

const char *wn_tune_side_name(const wn_tune_sides *sides, int index) {
    const char *slash = strrchr(sides->path[index], '/');
    return slash ? slash + 1 : sides->path[index];
}

/* One of the tapes that are compared. */
typedef struct side {
    const char *name;
    wn_tune_db *db, *otherwise; /* otherwise: asked where db has no pick; may be NULL */
    wn_tape *tape;
    int known, steps; /* of the tape's convolutions and linear layers, those db had a pick for; and all */
    double times[ROUNDS];
} side;

static bool has_pick(const side *s, const wn_problem *problem, wn_isa isa, int threads) {
    return wn_tune_db_find(s->db, problem, isa, threads) != NULL;
}

static wn_status pick_of_side(void *context, const wn_problem *problem, wn_isa isa, int threads,
                              int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    const side *s = context;
    wn_tune_db *db = s->otherwise && !has_pick(s, problem, isa, threads) ? s->otherwise : s->db;
    return wn_tune_pick(db, problem, isa, threads, src_stride, dst_stride, plan);
}

static wn_status open_side(side *s, wn_network *network, const wn_session *session, bool training) {
    WN_TRY(wn_timing_tape(network, session, pick_of_side, s, training, &s->tape));
    s->known = s->steps = 0;
    for (int i = 0; i < wn_tape_step_count(s->tape); i++) {
        const wn_conv_plan *plan = wn_tape_step(s->tape, i).plan;
        if (!plan)
            continue;
        s->steps++;
        s->known += has_pick(s, &plan->problem, plan->isa, plan->threads);
    }
    return wn_ok();
}

static void time_sides(side *sides, int count) {
    for (int i = 0; i < count; i++)
        wn_tape_run(sides[i].tape);
    for (int round = 0; round < ROUNDS; round++) {
        int order[WN_TUNE_SIDES + 1];
        wn_race_shuffle(2, round, order, count);
        for (int i = 0; i < count; i++) {
            double begin = wn_seconds();
            wn_tape_run(sides[order[i]].tape);
            sides[order[i]].times[round] = wn_seconds() - begin;
        }
    }
}

static void report(const side *sides, int count, const char *net, bool training, const wn_session *session,
                   wn_csv *csv) {
    for (int i = 0; i < count; i++) {
        double scratch[ROUNDS], sorted[ROUNDS];
        wn_ratio ratio = wn_paired_ratios(sides[i].times, sides[0].times, ROUNDS, scratch);
        memcpy(sorted, sides[i].times, sizeof sorted);
        wn_tune_side_row row = {.name = sides[i].name,
                                .known = sides[i].known,
                                .steps = sides[i].steps,
                                .rounds = ROUNDS,
                                .seconds = wn_median(sorted, ROUNDS),
                                .ratio = ratio.median,
                                .low = ratio.low,
                                .high = ratio.high};
        wn_tune_print_side(stdout, net, training, &row);
        if (csv)
            wn_tune_write_side(csv, session, net, training, &row);
    }
}

wn_status wn_tune_beside(wn_network *network, const wn_session *session, wn_tune_db *db,
                         const wn_tune_sides *others, wn_tapes tapes, wn_csv *csv) {
    side sides[WN_TUNE_SIDES + 1] = {{.name = "picks", .db = db}};
    int count = 1;
    wn_status status = wn_ok();
    for (int i = 0; i < others->count; i++)
        sides[count++] = (side){.name = wn_tune_side_name(others, i),
                                .db = others->dbs[i],
                                .otherwise = i > 0 ? others->dbs[0] : NULL};
    for (int training = 1; training >= 0 && !wn_failed(status); training--) {
        if (!wn_tapes_hold(tapes, training))
            continue;
        for (int i = 0; i < count && !wn_failed(status); i++)
            status = open_side(&sides[i], network, session, training);
        if (!wn_failed(status)) {
            time_sides(sides, count);
            report(sides, count, network->net->name, training, session, csv);
        }
        for (int i = 0; i < count; i++) {
            wn_tape_destroy(sides[i].tape);
            sides[i].tape = NULL;
        }
    }
    return status;
}
