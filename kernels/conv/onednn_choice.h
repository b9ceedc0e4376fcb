/* A plan of `onednn` in oneDNN's own terms: the chosen implementation, the layouts it wants, and the reorders
 * between those and ours. Shared by onednn.c (plans) and onednn_run.c (states). Not for others. */
#ifndef WN_ONEDNN_CHOICE_H
#define WN_ONEDNN_CHOICE_H

#include "conv.h"
#include "onednn_api.h"

/* Knobs of the configs. */
enum {
    ONEDNN_WINOGRAD, /* 0: direct, 1: Winograd */
    ONEDNN_INDEX,    /* place in oneDNN's list of implementations */
};

/* Operands that may need another layout. The bias does not: it is a vector for all. */
enum { ONEDNN_SRC, ONEDNN_WEIGHTS, ONEDNN_DST, ONEDNN_OPERANDS };

/* plan->derived: where in the workspace things lie, bytes; -1: nowhere. */
enum {
    ONEDNN_COPIES,                                          /* the three operands in oneDNN's layout */
    ONEDNN_PLAIN_WEIGHTS = ONEDNN_COPIES + ONEDNN_OPERANDS, /* goihw, for groups that cross blocks */
    ONEDNN_BIAS,                                            /* zeros, or a gradient nobody wants */
    ONEDNN_SCRATCHPAD,                                      /* of one primitive at a time */
};

typedef struct wn_onednn_operand {
    wn_dnnl_desc ours, theirs;
    bool apart;                          /* oneDNN works on a copy */
    dnnl_primitive_desc_t before, after; /* reorders to and from it; NULL where not needed */
} wn_onednn_operand;

typedef struct wn_onednn_choice {
    dnnl_engine_t engine;
    dnnl_primitive_desc_t conv;
    wn_dnnl_desc bias;
    wn_onednn_operand operand[ONEDNN_OPERANDS];
} wn_onednn_choice;

/* Whether the weights' windows are oneDNN's blocks: no groups, or groups that are whole blocks. */
static inline bool wn_onednn_has_own_blocks(const wn_problem *problem) {
    return problem->g == 1 ||
           (problem->ic / problem->g % WN_BLOCK == 0 && problem->oc / problem->g % WN_BLOCK == 0);
}

/* Makes the choice of a plan's problem, config, ISA, threads and strides. Errors: INVALID for a config that
 * oneDNN has no implementation for; UNSUPPORTED for what oneDNN says. */
wn_status wn_onednn_choose(const wn_conv_plan *plan, wn_onednn_choice *choice);
void wn_onednn_choice_free(wn_onednn_choice *choice);

/* oneDNN's own name of an implementation, such as "jit:avx2". */
enum { ONEDNN_NAME = 64 };
void wn_onednn_name_of(const wn_onednn_choice *choice, char name[ONEDNN_NAME]);

/* The same without making the whole choice: of the implementation that a plan's problem, config and threads
 * stand for; false when there is none. */
bool wn_onednn_find_name(const wn_conv_plan *plan, char name[ONEDNN_NAME]);

/* Sets the number of OpenMP threads that oneDNN plans for and runs with; returns the number before. */
int wn_onednn_set_threads(int threads);

/* A status for what a call of oneDNN returned. */
wn_status wn_onednn_check(dnnl_status_t status, const char *what);

/* The states of plans: see wn_conv_impl. */
wn_status wn_onednn_open(const wn_conv_plan *plan, void **state);
void wn_onednn_run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                   int nthreads);
void wn_onednn_close(void *state);

#endif
