/* Candidates, races and picks over the real registry: what is listed, in which order it comes back, and that
 * a pick survives the database. No statement on who wins. */
#include "check.h"
#include "tune.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const char fingerprint[] = "TestVendor-1-2-3";

static wn_problem read_problem(const char *text, wn_direction direction) {
    wn_problem problem = {.direction = direction};
    wn_status status = wn_problem_parse(text, &problem);
    CHECK(!wn_failed(status), "%s: %s", text, status.message);
    return problem;
}

static void check_candidates(wn_isa isa) {
    static wn_candidate all[WN_TUNE_MAX_CANDIDATES], defaults[WN_TUNE_MAX_CANDIDATES];
    wn_problem problem = read_problem("mb2ic32ih9oc48kh3ph1", WN_FWD_B);
    int count = wn_tune_candidates(&problem, isa, 2, true, all, WN_TUNE_MAX_CANDIDATES);
    int default_count = wn_tune_candidates(&problem, isa, 2, false, defaults, WN_TUNE_MAX_CANDIDATES);
    int implementations = 0;
    for (int i = 0; wn_conv_registry[i]; i++)
        implementations += !wn_conv_registry[i]->judge;
    CHECK(default_count == implementations, "%d defaults, expected one of each of %d implementations",
          default_count, implementations);
    CHECK(count >= default_count, "%d candidates with all configs, %d without", count, default_count);
    CHECK(wn_tune_candidates(&problem, isa, 2, true, all, 1) == 1, "more candidates than room");
    count = wn_tune_candidates(&problem, isa, 2, true, all, WN_TUNE_MAX_CANDIDATES);
    int planned = 0;
    for (int i = 0; i < count; i++) {
        CHECK(!all[i].plan.impl->judge, "%s is a judge", all[i].plan.impl->name);
        CHECK(all[i].number == i, "candidate %d has number %d", i, all[i].number);
        if (all[i].refusal[0])
            continue;
        planned++;
        CHECK(wn_problem_equal(&all[i].plan.problem, &problem) && all[i].plan.phases > 0,
              "the plan of %s is not complete", all[i].plan.impl->name);
        for (int j = 0; j < i; j++)
            CHECK(all[j].refusal[0] || all[j].plan.impl != all[i].plan.impl ||
                      memcmp(&all[j].plan.config, &all[i].plan.config, sizeof all[i].plan.config) != 0,
                  "candidates %d and %d of %s are the same", j, i, all[i].plan.impl->name);
    }
    CHECK(planned > 0, "every candidate was refused: %s", all[0].refusal);
}

/* Candidates to which the model gives the same time stay in the registry's order. */
static void check_equal_estimates(wn_isa isa) {
    static wn_candidate all[WN_TUNE_MAX_CANDIDATES];
    wn_problem problem = read_problem("mb16ic256ih14oc256kh3ph1", WN_FWD_B);
    wn_pool *pool;
    int count = 0, equal = 0;
    wn_status status = wn_pool_create(1, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    wn_tune_options options = {.pool = pool, .isa = isa, .effort = WN_EFFORT_HEURISTIC};
    status = wn_tune_problem(&options, &problem, all, WN_TUNE_MAX_CANDIDATES, &count, NULL);
    CHECK(!wn_failed(status), "%s", status.message);
    for (int i = 1; i < count && !all[i].refusal[0]; i++) {
        if (all[i].estimate != all[i - 1].estimate)
            continue;
        equal++;
        CHECK(all[i].number > all[i - 1].number, "candidate %d stands before %d", all[i - 1].number,
              all[i].number);
    }
    CHECK(equal > 0, "no two estimates are equal");
    wn_pool_destroy(pool);
}

static void check_flags_text(void) {
    char text[64], little[5];
    wn_problem problem = {.direction = WN_FWD_B};
    wn_problem_flags_text(&problem, '+', text, sizeof text);
    CHECK(text[0] == '\0', "no flags: \"%s\"", text);
    problem.accumulate = problem.plain_src = true;
    wn_problem_flags_text(&problem, ' ', text, sizeof text);
    CHECK(strcmp(text, "accumulate plain_src") == 0, "two flags: \"%s\"", text);
    problem.relu = problem.constant_weights = true;
    wn_problem_flags_text(&problem, '+', text, sizeof text);
    CHECK(strcmp(text, "relu+accumulate+plain_src+constant_weights") == 0, "all flags: \"%s\"", text);
    wn_problem_flags_text(&problem, '+', little, sizeof little);
    CHECK(strcmp(little, "relu") == 0, "no room for more than one: \"%s\"", little);
}

/* The order that the results come in. */
static void check_order(const wn_candidate *candidates, int count, const char *what) {
    CHECK(count > 0 && candidates[0].rounds >= 2 && !candidates[0].refusal[0], "%s: no winner", what);
    CHECK(fabs(candidates[0].ratio - 1) < 1e-9, "%s: the winner's ratio to itself is %g", what,
          candidates[0].ratio);
    for (int i = 0; i < count; i++) {
        const wn_candidate *c = &candidates[i];
        CHECK((c->rounds > 0) == (c->refusal[0] == '\0'), "%s: candidate %d: %d rounds and refusal \"%s\"",
              what, i, c->rounds, c->refusal);
        if (c->rounds > 0)
            CHECK(c->min_seconds > 0 && c->min_seconds <= c->median_seconds,
                  "%s: candidate %d: min %g, median %g", what, i, c->min_seconds, c->median_seconds);
        if (c->rounds > 0)
            CHECK(c->error >= 0 && c->error <= WN_TUNE_MAX_ERROR, "%s: candidate %d: error %g", what, i,
                  c->error);
        CHECK(!(c->ratio < c->low) && !(c->ratio > c->high), "%s: candidate %d: ratio %g outside %g to %g",
              what, i, c->ratio, c->low, c->high);
        if (i > 1 && c->rounds > 0)
            CHECK(candidates[i - 1].rounds > 0 && candidates[i - 1].ratio <= c->ratio,
                  "%s: candidates %d and %d are not in order", what, i - 1, i);
    }
}

/* A pick that was saved is what the next run gets. */
static void check_saved(const char *path, const wn_candidate *winner, const char *what) {
    wn_tune_db *db;
    wn_status status = wn_tune_db_open(path, fingerprint, &db);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_tune_db_add(db, winner);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_tune_db_close(db);
    status = wn_tune_db_open(path, fingerprint, &db);
    CHECK(!wn_failed(status) && wn_tune_db_skipped(db) == 0, "%s", status.message);
    const wn_conv_plan *plan = &winner->plan;
    wn_problem problem = plan->problem;
    strcpy(problem.name, "another name");
    wn_conv_plan picked;
    int64_t stride = plan->src_stride + 64;
    status = wn_tune_pick(db, &problem, plan->isa, plan->threads, stride, 0, &picked);
    CHECK(!wn_failed(status), "%s: %s", what, status.message);
    CHECK(picked.impl == plan->impl && memcmp(&picked.config, &plan->config, sizeof picked.config) == 0,
          "%s: %s came back as %s", what, plan->impl->name, picked.impl->name);
    CHECK(picked.src_stride == stride, "%s: the pick was not planned for the strides it is used with", what);
    wn_tune_db_close(db);
}

static void check_problem(wn_isa isa, wn_pool *pool, const wn_problem *problem, const char *path) {
    static wn_candidate candidates[WN_TUNE_MAX_CANDIDATES];
    char what[400];
    int count = 0,
        used = snprintf(what, sizeof what, "%s %s ", wn_isa_name(isa), wn_direction_name(problem->direction));
    wn_problem_format(problem, what + used, sizeof what - (size_t)used);
    wn_tune_options options = {.pool = pool, .isa = isa, .effort = WN_EFFORT_QUICK};
    wn_tune_report report;
    wn_status status =
        wn_tune_problem(&options, problem, candidates, WN_TUNE_MAX_CANDIDATES, &count, &report);
    if (!CHECK(!wn_failed(status), "%s: %s", what, status.message))
        return;
    check_order(candidates, count, what);
    check_saved(path, &candidates[0], what);
    status = wn_tune_problem(&options, problem, candidates, 1, &count, NULL);
    CHECK(!wn_failed(status) && count == 1 && candidates[0].rounds > 0, "%s: room for the winner alone",
          what);
    wn_conv_plan standard;
    options.effort = WN_EFFORT_OFF;
    status = wn_tune_problem(&options, problem, candidates, 1, &count, NULL);
    CHECK(!wn_failed(wn_tune_pick(NULL, problem, isa, wn_pool_threads(pool), 0, 0, &standard)),
          "%s: no default", what);
    CHECK(!wn_failed(status) && wn_plan_chooses(&candidates[0].plan, standard.impl, &standard.config) &&
              candidates[0].rounds == 0,
          "%s: without effort it is %s, expected the default, %s", what, candidates[0].plan.impl->name,
          standard.impl->name);
}

static void check_problems(wn_isa isa, int threads, const char *path) {
    static const char *const texts[] = {"mb1ic16ih5oc16kh3ph1", "mb2ic20ih7oc10kh1",
                                        "mb2g2ic8ih6oc8kh3sh2ph1"};
    wn_pool *pool;
    wn_status status = wn_pool_create(threads, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    for (int i = 0; i < 3; i++)
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++) {
            wn_problem problem = read_problem(texts[i], (wn_direction)direction);
            check_problem(isa, pool, &problem, path);
            problem.accumulate = true;
            problem.relu = direction == WN_FWD_B;
            if (i == 0)
                check_problem(isa, pool, &problem, path);
        }
    wn_problem first = read_problem("mb2ic1ih12oc6kh5ph2", WN_FWD_B);
    first.plain_src = true;
    check_problem(isa, pool, &first, path);
    wn_problem impossible = first;
    impossible.oh = -3;
    wn_candidate candidate;
    int count;
    wn_tune_options options = {.pool = pool, .isa = isa, .effort = WN_EFFORT_QUICK};
    status = wn_tune_problem(&options, &impossible, &candidate, 1, &count, NULL);
    CHECK(status.code == WN_ERROR_INVALID && count == 0, "code %d: %s", status.code, status.message);
    wn_pool_destroy(pool);
}

int main(void) {
    char path[] = "/tmp/winnow-check-XXXXXX";
    int fd = mkstemp(path);
    if (!CHECK(fd >= 0, "%s: %s", path, strerror(errno)))
        return check_finish("check_tune");
    close(fd);
    wn_isa best = wn_isa_detect();
    check_flags_text();
    check_equal_estimates(best);
    check_candidates(best);
    check_candidates(WN_ISA_PORTABLE);
    check_problems(best, 2, path);
    check_problems(WN_ISA_PORTABLE, 1, path);
    unlink(path);
    return check_finish("check_tune");
}
