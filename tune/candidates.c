/* The candidates of a problem: implementations times configs, and why the others are not among them. */
#include "onednn.h"
#include "tune.h"
#include <stdio.h>
#include <string.h>

enum { CONFIGS_ROOM = 128 }; /* of one implementation */

/* Adds the configs of one implementation; returns how many candidates it wrote. */
static int add_configs(const wn_conv_impl *impl, const wn_problem *problem, wn_isa isa, int threads,
                       bool all_configs, wn_candidate *candidates, int room) {
    wn_config configs[CONFIGS_ROOM];
    int offered = impl->configs(problem, isa, threads, configs, CONFIGS_ROOM);
    if (offered > CONFIGS_ROOM)
        offered = CONFIGS_ROOM;
    if (!all_configs && offered > 1)
        offered = 1;
    int count = 0;
    for (int i = 0; i < offered && count < room; i++) {
        wn_candidate *candidate = &candidates[count++];
        *candidate = (wn_candidate){.plan = {.impl = impl}};
        wn_status status =
            wn_conv_plan_make(impl, problem, &configs[i], isa, threads, 0, 0, &candidate->plan);
        if (!wn_failed(status))
            continue;
        candidate->plan = (wn_conv_plan){.impl = impl, .config = configs[i], .isa = isa, .threads = threads};
        snprintf(candidate->refusal, sizeof candidate->refusal, "%.*s", (int)sizeof candidate->refusal - 1,
                 status.message);
    }
    return count;
}

int wn_tune_candidates(const wn_problem *problem, wn_isa isa, int threads, bool all_configs,
                       wn_candidate *candidates, int room) {
    int count = 0;
    for (int i = 0; wn_conv_registry[i] && count < room; i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        if (impl->judge)
            continue;
        const char *reason = impl->refuse(problem, isa);
        if (!reason) {
            count += add_configs(impl, problem, isa, threads, all_configs, candidates + count, room - count);
            continue;
        }
        wn_candidate *candidate = &candidates[count++];
        *candidate = (wn_candidate){.plan = {.impl = impl, .isa = isa, .threads = threads}};
        snprintf(candidate->refusal, sizeof candidate->refusal, "%s", reason);
    }
    for (int i = 0; i < count; i++)
        candidates[i].number = i;
    return count;
}

bool wn_plan_chooses(const wn_conv_plan *plan, const wn_conv_impl *impl, const wn_config *config) {
    return plan->impl == impl && memcmp(&plan->config, config, sizeof *config) == 0;
}

void wn_problem_flags_text(const wn_problem *problem, char separator, char *text, size_t size) {
    const struct {
        bool set;
        const char *word;
    } flags[] = {{problem->relu, "relu"},
                 {problem->accumulate, "accumulate"},
                 {problem->plain_src, "plain_src"},
                 {problem->constant_weights, "constant_weights"}};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].set && used < size)
            used += (size_t)snprintf(text + used, size - used, "%.*s%s", used > 0, &separator, flags[i].word);
}

void wn_candidate_name(const wn_candidate *candidate, char *text, size_t size) {
    static const wn_config none;
    const wn_conv_plan *plan = &candidate->plan;
    char library[64] = "", config[256] = "";
    bool has_config = !candidate->refusal[0] || memcmp(&plan->config, &none, sizeof none) != 0;
    if (!candidate->refusal[0])
        wn_onednn_name(plan, library, sizeof library);
    if (has_config)
        wn_config_format(plan->impl, &plan->config, config, sizeof config);
    snprintf(text, size, "%s%s%s%s%s", plan->impl->name, library[0] ? " " : "", library, config[0] ? " " : "",
             config);
}
