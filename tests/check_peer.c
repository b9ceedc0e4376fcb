/* The peer of benchmarks computes the same as we do: on integer data its results, converted from its own
 * layouts, are those of the reference; Winograd's are close to them. And reports read names as they should.
 */
#include "conv_operands.h"
#include "conv_running.h"
#include "onednn.h"

enum { MAX_CONFIGS = 64, THREADS = 2 };

/* Of transformed data with values up to 32. */
static const double approximate_bound = 1e-4;

static const char *const problems[] = {
    "mb2_ic64ih14oc64oh14kh3ph1",
    "mb2_ic32ih28oc64oh14kh3sh2ph1",
    "mb2_ic64ih14oc128oh7kh1sh2",
    "mb2_ic24ih9oc40oh9kh3ph1",
    "mb2_ic120ih7oc128oh7kh1",
    "mb2_ic96ih13oc64oh13kh5ph2",
    "g2mb2_ic64ih9oc64oh9kh3ph1",
    "g5mb2_ic35ih9iw7oc45oh9ow7kh3kw3ph1pw1",
    "g32mb2_ic32ih14oc32oh14kh3ph1",
    "plain mb2_ic1ih28oc24oh28kh5ph2",
    "plain mb3_ic3ih32oc64oh16kh7sh2ph3",
};

/* Buffers in the peer's layouts: guarded, and NaN where nothing was imported. */
typedef struct peer_operands {
    operand src, weights, bias, dst, workspace;
} peer_operands;

static peer_operands peer_operands_make(const wn_onednn_floats *floats, size_t workspace_bytes) {
    return (peer_operands){operand_alloc(floats->src, 0), operand_alloc(floats->weights, 0),
                           operand_alloc(floats->bias, 0), operand_alloc(floats->dst, 0),
                           operand_alloc((int64_t)(workspace_bytes / sizeof(float)), 0)};
}

static void peer_operands_free(peer_operands *operands) {
    free(operands->src.memory);
    free(operands->weights.memory);
    free(operands->bias.memory);
    free(operands->dst.memory);
    free(operands->workspace.memory);
}

static bool peer_guards_are_whole(const peer_operands *operands) {
    return guards_are_whole(&operands->src) && guards_are_whole(&operands->weights) &&
           guards_are_whole(&operands->bias) && guards_are_whole(&operands->dst) &&
           guards_are_whole(&operands->workspace);
}

/* Runs a plan of the peer on operands of ours: imported, run twice, since a state serves many runs, and
 * exported into `result`. */
static wn_status run_peer(wn_pool *pool, const wn_conv_plan *plan, const operand_set *before,
                          operand_set *result) {
    wn_onednn_floats floats;
    void *state;
    WN_TRY(wn_onednn_native_floats(plan, &floats));
    WN_TRY(plan->impl->open(plan, &state));
    peer_operands theirs = peer_operands_make(&floats, plan->workspace_bytes);
    wn_conv_args theirs_args = {.src = theirs.src.data,
                                .weights = theirs.weights.data,
                                .bias = theirs.bias.data,
                                .dst = theirs.dst.data,
                                .workspace = theirs.workspace.data};
    wn_conv_args before_args = operands_args(before), result_args = operands_args(result);
    running call = {plan, state, &theirs_args, pool};
    wn_onednn_native_place(plan, state, &theirs_args);
    wn_status status = wn_ok();
    for (int i = 0; i < 2 && !wn_failed(status); i++) {
        status = wn_onednn_native_import(plan, &before_args, &theirs_args);
        if (!wn_failed(status))
            wn_pool_run(pool, run_task, &call);
    }
    if (!wn_failed(status))
        status = wn_onednn_native_export(plan, &theirs_args, &result_args);
    if (!wn_failed(status) && !peer_guards_are_whole(&theirs))
        status = wn_error(WN_ERROR_INVALID, "wrote outside of its operands");
    plan->impl->close(state);
    peer_operands_free(&theirs);
    return status;
}

static void run_reference(operand_set *operands) {
    wn_conv_plan plan;
    wn_status status = wn_conv_plan_make(wn_conv_find("reference"), &operands->problem, NULL, WN_ISA_PORTABLE,
                                         1, 0, 0, &plan);
    if (wn_failed(status)) {
        fprintf(stderr, "reference: %s\n", status.message);
        exit(1);
    }
    wn_conv_args args = operands_args(operands);
    plan.impl->run(&plan, NULL, &args, 0, 0, 1);
}

static void check_config(wn_pool *pool, const operand_set *before, const operand_set *expected,
                         const wn_config *config, wn_isa isa) {
    const wn_problem *p = &before->problem;
    char text[256], name[64] = "";
    wn_conv_plan plan;
    operand_set result = operands_copy(before);
    wn_problem_format(p, text, sizeof text);
    wn_status status = wn_conv_plan_make(wn_onednn_native(), p, config, isa, THREADS, 0, 0, &plan);
    if (!wn_failed(status)) {
        wn_onednn_name(&plan, name, sizeof name);
        status = run_peer(pool, &plan, before, &result);
    }
    if (CHECK(!wn_failed(status), "%s %s %s: %s", wn_direction_name(p->direction), text, name,
              status.message)) {
        difference found = operands_compare(expected, &result);
        bool approximate = plan.impl->approximate(&plan);
        CHECK(approximate ? found.relative_l2 <= approximate_bound : found.wrong == 0,
              "%s %s %s: %lld values differ, the first in operand %d at %lld: %g, expected %g; relative "
              "error %.3g",
              wn_direction_name(p->direction), text, name, (long long)found.wrong, found.operand,
              (long long)found.place, (double)found.found, (double)found.expected, found.relative_l2);
        CHECK(name[0] != '\0', "%s: an implementation without a name", text);
    }
    operands_free(&result);
}

/* All of the peer's implementations of one problem and direction; returns how many there were. */
static int check_problem(wn_pool *pool, const wn_problem *p, wn_isa isa, uint64_t seed) {
    wn_config configs[MAX_CONFIGS];
    const wn_conv_impl *peer = wn_onednn_native();
    if (peer->refuse(p, isa)) {
        check_skipped++;
        return 0;
    }
    int count = peer->configs(p, isa, THREADS, configs, MAX_CONFIGS);
    operand_set before = operands_make(p, true, false, INTEGERS, seed), expected = operands_copy(&before);
    run_reference(&expected);
    for (int i = 0; i < count; i++)
        check_config(pool, &before, &expected, &configs[i], isa);
    operands_free(&before);
    operands_free(&expected);
    return count;
}

static void check_refusals(wn_isa isa) {
    wn_problem p = listed_problem(problems[0]);
    p.direction = WN_BWD_D;
    p.accumulate = true;
    const char *reason = wn_onednn_native()->refuse(&p, isa);
    CHECK(reason && strstr(reason, "add"), "found %s, expected that it does not add",
          reason ? reason : "no refusal");
    CHECK(wn_conv_find("onednn-native") == NULL, "the peer is among the implementations to tune");
}

int main(void) {
    wn_isa isa = wn_isa_detect();
    if (!wn_onednn_native() || isa == WN_ISA_PORTABLE) {
        puts("check_peer: skipped: no oneDNN in this build, or a CPU without AVX2");
        return 77;
    }
    uint64_t seed = check_seed();
    wn_status status = wn_onednn_limit(isa);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_pool *pool = pool_make(THREADS);
    int compared[WN_DIRECTION_COUNT] = {0};
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++) {
            wn_problem p = listed_problem(problems[i]);
            p.direction = (wn_direction)direction;
            if (!p.plain_src || direction != WN_BWD_D)
                compared[direction] += check_problem(pool, &p, isa, seed + i);
        }
    for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
        CHECK(compared[direction] > 0, "nothing was compared in %s",
              wn_direction_name((wn_direction)direction));
    check_refusals(isa);
    wn_pool_destroy(pool);
    return check_finish("check_peer");
}
