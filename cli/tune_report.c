/* Lines, rows and progress of winnow tune. */
#include "tune_report.h"
#include "onednn.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

/* The candidate that runs without a database, where it was timed; else NULL. */
static const wn_candidate *default_among(const wn_candidate *candidates, int count) {
    wn_conv_plan plan;
    const wn_conv_plan *first = &candidates[0].plan;
    if (wn_failed(wn_tune_pick(NULL, &first->problem, first->isa, first->threads, 0, 0, &plan)))
        return NULL;
    for (int i = 0; i < count; i++)
        if (candidates[i].rounds > 0 && wn_plan_chooses(&candidates[i].plan, plan.impl, &plan.config))
            return &candidates[i];
    return NULL;
}

void wn_tune_print_head(FILE *out) {
    fprintf(out, "%-40s %4s %10s %9s  %9s %4s %4s %8s  %s\n", "problem", "x", "ms", "GFLOP/s", "speed-up",
            "of", "runs", "error", "winner");
}

void wn_tune_print_pick(FILE *out, const wn_work *item, const wn_candidate *candidates, int count) {
    const wn_candidate *winner = &candidates[0], *standard = default_among(candidates, count);
    char name[160], gain[16] = "";
    int timed = 0;
    for (int i = 0; i < count; i++)
        timed += candidates[i].rounds > 0;
    wn_candidate_name(winner, name, sizeof name);
    if (standard)
        snprintf(gain, sizeof gain, "%.2fx", standard->ratio);
    double seconds = winner->rounds > 0 ? winner->median_seconds : winner->estimate;
    fprintf(out, "%-40.40s %4d %10.3f %9.1f%c %9s %4d %4d %8.1e  %s\n", item->label, item->times,
            seconds * 1e3, wn_problem_flops(&item->problem) / seconds * 1e-9,
            wn_plan_effective(&winner->plan) ? 'e' : ' ', gain, timed, winner->rounds, winner->error, name);
    fflush(out);
}

void wn_tune_print_step(FILE *out, const char *net, bool training, const wn_in_place *step) {
    fprintf(out,
            "%s %s step: %.3f ms, %.3f ms with the winners of isolated races (%d other picks in place%s); "
            "convolutions %.3f ms in place, %.3f ms alone (gap %+.1f %%)\n",
            net, training ? "training" : "inference", step->step * 1e3, step->before * 1e3, step->changed,
            step->confirmed ? "" : ", no time was left to try any", step->in_place * 1e3,
            step->isolated * 1e3, 100 * (step->in_place / step->isolated - 1));
    fflush(out);
}

static void write_begin(wn_csv *csv, const wn_session *session, const char *kind, const char *label) {
    wn_csv_text(csv, session->fingerprint);
    wn_csv_text(csv, wn_isa_name(session->isa));
    wn_csv_number(csv, wn_pool_threads(session->pool));
    wn_csv_text(csv, kind);
    wn_csv_text(csv, label);
}

void wn_tune_write_candidate(wn_csv *csv, const wn_session *session, const wn_work *item, const char *kind,
                             const wn_candidate *c) {
    char problem[400], flags[64], config[256] = "", library[64] = "";
    bool timed = c->rounds > 0;
    wn_problem unnamed = item->problem;
    unnamed.name[0] = '\0';
    wn_problem_format(&unnamed, problem, sizeof problem);
    wn_problem_flags_text(&item->problem, '+', flags, sizeof flags);
    wn_config_format(c->plan.impl, &c->plan.config, config, sizeof config);
    if (!c->refusal[0])
        wn_onednn_name(&c->plan, library, sizeof library);
    write_begin(csv, session, kind, item->label);
    wn_csv_number(csv, item->times);
    wn_csv_text(csv, wn_direction_name(item->problem.direction));
    wn_csv_text(csv, flags);
    wn_csv_text(csv, problem);
    wn_csv_text(csv, c->plan.impl->name);
    wn_csv_text(csv, config);
    wn_csv_text(csv, library);
    wn_csv_text(csv, wn_effort_names[c->effort]);
    wn_csv_number(csv, c->estimate);
    wn_csv_number(csv, timed ? c->min_seconds : (double)NAN);
    wn_csv_number(csv, timed ? c->median_seconds : (double)NAN);
    wn_csv_number(csv, timed ? c->ratio : (double)NAN);
    wn_csv_number(csv, timed ? c->low : (double)NAN);
    wn_csv_number(csv, timed ? c->high : (double)NAN);
    wn_csv_number(csv, c->rounds);
    wn_csv_number(csv, c->error);
    wn_csv_number(csv, (double)c->plan.workspace_bytes);
    wn_csv_number(csv, c->pareto);
    wn_csv_number(csv, c->in_place_seconds > 0 ? c->in_place_seconds : (double)NAN);
    wn_csv_number(csv, (double)NAN);
    wn_csv_text(csv, c->refusal);
    wn_csv_end_row(csv);
}

static void write_empty(wn_csv *csv, int columns) {
    for (int i = 0; i < columns; i++)
        wn_csv_text(csv, "");
}

static void write_tape(wn_csv *csv, const wn_session *session, const char *kind, const char *net,
                       bool training) {
    char label[96];
    snprintf(label, sizeof label, "%s %s", net, training ? "training" : "inference");
    write_begin(csv, session, kind, label);
}

void wn_tune_write_step(wn_csv *csv, const wn_session *session, const char *net, bool training,
                        const wn_in_place *step) {
    enum { BEFORE_MEDIAN = 10, BEFORE_IN_PLACE = 7 };
    write_tape(csv, session, "step", net, training);
    write_empty(csv, BEFORE_MEDIAN);
    wn_csv_number(csv, step->isolated);
    write_empty(csv, BEFORE_IN_PLACE);
    wn_csv_number(csv, step->in_place);
    wn_csv_number(csv, step->step);
    wn_csv_text(csv, "");
    wn_csv_end_row(csv);
}

void wn_tune_print_side(FILE *out, const char *net, bool training, const wn_tune_side_row *row) {
    fprintf(out, "%s %s: %10.3f ms, %.3f times ours (%.3f to %.3f): %s, with picks for %d of %d steps\n", net,
            training ? "training" : "inference", row->seconds * 1e3, row->ratio, row->low, row->high,
            row->name, row->known, row->steps);
    fflush(out);
}

void wn_tune_write_side(wn_csv *csv, const wn_session *session, const char *net, bool training,
                        const wn_tune_side_row *row) {
    enum { BEFORE_IMPL = 3, BEFORE_RATIO = 6, BEFORE_STEP = 4 };
    write_tape(csv, session, "beside", net, training);
    wn_csv_number(csv, row->known);
    write_empty(csv, BEFORE_IMPL);
    wn_csv_text(csv, row->name);
    write_empty(csv, BEFORE_RATIO);
    wn_csv_number(csv, row->ratio);
    wn_csv_number(csv, row->low);
    wn_csv_number(csv, row->high);
    wn_csv_number(csv, row->rounds);
    write_empty(csv, BEFORE_STEP);
    wn_csv_number(csv, row->seconds);
    wn_csv_text(csv, "");
    wn_csv_end_row(csv);
}

void wn_progress(int done, int of, double seconds_left, const char *label) {
    if (isatty(STDERR_FILENO) == 1)
        fprintf(stderr, "\r%d/%d, about %.0f s left: %.48s\033[K", done, of, seconds_left, label);
}

void wn_progress_clear(void) {
    if (isatty(STDERR_FILENO) == 1)
        fputs("\r\033[K", stderr);
}
