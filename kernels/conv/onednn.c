/* oneDNN as an implementation: what of it is offered, and its plans. Choosing one of oneDNN's own
 * implementations and its layouts is in onednn_choice.c, running it in onednn_run.c.
 *
 * A candidate is one of oneDNN's implementations in the layout it likes best. Where that is not ours, run
 * reorders there and back, so that its time is what it costs to use it here. */
#include "onednn.h"

#include "arena.h"
#include "implementations.h"
#include "onednn_choice.h"

#include <stdio.h>
#include <string.h>

bool wn_onednn_keeps_to(wn_isa isa) {
    const unsigned beyond_avx2 = dnnl_cpu_isa_avx512_core & ~dnnl_cpu_isa_avx2;
    return isa >= wn_isa_native() ||
           (isa == WN_ISA_AVX2 && ((unsigned)dnnl_get_effective_cpu_isa() & beyond_avx2) == 0);
}

/* Whether an implementation of oneDNN is one to time, and uses no more than the ISA. Its GEMM picks the best
 * instructions that the library may use, and does not say which. */
bool wn_onednn_is_offered(const char *name, wn_isa isa) {
    if (strncmp(name, "ref", 3) == 0)
        return false;
    if (isa < WN_ISA_AVX512 && strstr(name, "avx512"))
        return false;
    return !strstr(name, "gemm") || wn_onednn_keeps_to(isa);
}

int wn_onednn_list(const wn_problem *problem, wn_isa isa, int threads, wn_config *configs, int room) {
    wn_conv_plan plan = {.problem = *problem, .isa = isa, .threads = threads};
    char name[ONEDNN_NAME];
    int count = 0;
    for (int winograd = 0; winograd < 2; winograd++) {
        plan.config.knob[ONEDNN_WINOGRAD] = winograd;
        for (int index = 0; count < room; index++) {
            plan.config.knob[ONEDNN_INDEX] = index;
            if (!wn_onednn_find_name(&plan, name))
                break;
            if (wn_onednn_is_offered(name, isa))
                configs[count++] = plan.config;
        }
    }
    return count;
}

const char *wn_onednn_refuse(const wn_problem *problem, wn_isa isa) {
    wn_config config;
    if (isa == WN_ISA_PORTABLE)
        return "its kernels need more than the portable instruction set";
    if (wn_onednn_list(problem, isa, 1, &config, 1) == 0)
        return "it has nothing but its reference for this problem with this instruction set";
    return NULL;
}

/* Takes `bytes` of the workspace; returns where they start. */
static int64_t reserve(wn_conv_plan *plan, size_t bytes) {
    int64_t at = (int64_t)plan->workspace_bytes;
    plan->workspace_bytes += wn_align64(bytes);
    return at;
}

static void lay_out_workspace(wn_conv_plan *plan, const wn_onednn_choice *choice) {
    const wn_problem *p = &plan->problem;
    size_t scratchpad = wn_dnnl_query_bytes(choice->conv, dnnl_query_scratchpad_md);
    const wn_onednn_operand *weights = &choice->operand[ONEDNN_WEIGHTS];
    const bool plain_weights = !wn_onednn_has_own_blocks(p);
    if (p->constant_weights && (weights->apart || plain_weights))
        plan->prepared_bytes = wn_align64(wn_dnnl_desc_bytes(weights->theirs));
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        const wn_onednn_operand *operand = &choice->operand[which];
        const bool prepared = which == ONEDNN_WEIGHTS && plan->prepared_bytes;
        plan->derived[ONEDNN_COPIES + which] =
            operand->apart && !prepared ? reserve(plan, wn_dnnl_desc_bytes(operand->theirs)) : -1;
        const dnnl_primitive_desc_t reorders[] = {operand->before, operand->after};
        for (int i = 0; i < 2; i++) {
            size_t bytes = reorders[i] ? wn_dnnl_query_bytes(reorders[i], dnnl_query_scratchpad_md) : 0;
            scratchpad = bytes > scratchpad ? bytes : scratchpad;
        }
    }
    plan->derived[ONEDNN_PLAIN_WEIGHTS] = plain_weights && (weights->apart || !plan->prepared_bytes)
                                              ? reserve(plan, wn_dnnl_desc_bytes(weights->ours))
                                              : -1;
    plan->derived[ONEDNN_BIAS] = p->direction == WN_BWD_D ? -1 : reserve(plan, (size_t)p->oc * sizeof(float));
    plan->derived[ONEDNN_SCRATCHPAD] = reserve(plan, scratchpad);
}

static wn_status plan(wn_conv_plan *plan) {
    const int32_t *knob = plan->config.knob;
    char name[ONEDNN_NAME];
    if (knob[ONEDNN_WINOGRAD] < 0 || knob[ONEDNN_WINOGRAD] > 1 || knob[ONEDNN_INDEX] < 0)
        return wn_error(WN_ERROR_INVALID,
                        "onednn: config winograd=%d,index=%d: expected 0 or 1, and at least 0",
                        knob[ONEDNN_WINOGRAD], knob[ONEDNN_INDEX]);
    wn_onednn_choice choice;
    WN_TRY(wn_onednn_choose(plan, &choice));
    wn_onednn_name_of(&choice, name);
    if (wn_onednn_is_offered(name, plan->isa)) {
        plan->external = true;
        lay_out_workspace(plan, &choice);
    }
    wn_onednn_choice_free(&choice);
    if (!plan->external)
        return wn_error(WN_ERROR_INVALID, "onednn: config winograd=%d,index=%d is %s: not offered with %s",
                        knob[ONEDNN_WINOGRAD], knob[ONEDNN_INDEX], name, wn_isa_name(plan->isa));
    return wn_ok();
}

void wn_onednn_name(const wn_conv_plan *plan, char *name, size_t size) {
    char found[ONEDNN_NAME] = "";
    if (plan->impl == &wn_conv_onednn || plan->impl == wn_onednn_native())
        wn_onednn_find_name(plan, found);
    snprintf(name, size, "%s", found);
}

bool wn_onednn_is_approximate(const wn_conv_plan *plan) {
    return plan->config.knob[ONEDNN_WINOGRAD];
}

/* Of the library that is loaded, which need not be the one of the headers. */
const char *wn_onednn_version(void) {
    static _Thread_local char text[32];
    const dnnl_version_t *loaded = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", loaded->major, loaded->minor, loaded->patch);
    return text;
}

const char *const wn_onednn_knobs[] = {"winograd", "index", NULL};

const wn_conv_impl wn_conv_onednn = {
    .name = "onednn",
    .knobs = wn_onednn_knobs,
    .refuse = wn_onednn_refuse,
    .configs = wn_onednn_list,
    .plan = plan,
    .open = wn_onednn_open,
    .prepare = wn_onednn_prepare,
    .run = wn_onednn_run,
    .close = wn_onednn_close,
    .approximate = wn_onednn_is_approximate,
    .version = wn_onednn_version,
};
