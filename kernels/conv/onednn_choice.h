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

/* plan->derived: where in the workspace things lie, bytes; -1: nowhere. Constant weights in oneDNN's layout
 * lie in `prepared` instead. */
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

/* What `onednn` and `onednn-native` have in common: see wn_conv_impl. */
extern const char *const wn_onednn_knobs[];
const char *wn_onednn_refuse(const wn_problem *problem, wn_isa isa);
int wn_onednn_list(const wn_problem *problem, wn_isa isa, int threads, wn_config *configs, int room);
bool wn_onednn_is_approximate(const wn_conv_plan *plan);
const char *wn_onednn_version(void);

/* Whether an implementation of that name is one to time with this ISA. */
bool wn_onednn_is_offered(const char *name, wn_isa isa);

/* Whether the library uses no more than the ISA, because the CPU has no more or it was told so. Once asked,
 * oneDNN lets nobody change that any more. */
bool wn_onednn_keeps_to(wn_isa isa);

/* Lets OpenMP's threads sleep soon after each region, for the rest of the process: a pool of our own needs the
 * CPUs. Any number of calls. The peer of benchmarks, which has the machine to itself, goes without. */
void wn_onednn_calm_threads(void);

/* Sets the number of OpenMP threads that oneDNN plans for and runs with; returns the number before. */
int wn_onednn_set_threads(int threads);

/* A status for what a call of oneDNN returned. */
wn_status wn_onednn_check(dnnl_status_t status, const char *what);

/* Ends the program when a call failed that oneDNN has no reason to refuse once a state was opened: going on
 * would compute garbage. */
void wn_onednn_must(dnnl_status_t status, const char *what);

/* Makes OpenMP's threads flush denormals as the pool's do. The caller has its own setting. */
void wn_onednn_flush_denormals(void);

/* oneDNN's numbers of the operands of a direction, the bias last. */
enum { ONEDNN_ARGUMENTS = ONEDNN_OPERANDS + 1 };
extern const int wn_onednn_arguments[WN_DIRECTION_COUNT][ONEDNN_ARGUMENTS];

/* The states of plans, and constant weights: see wn_conv_impl. */
wn_status wn_onednn_open(const wn_conv_plan *plan, void **state);
void wn_onednn_run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                   int nthreads);
void wn_onednn_prepare(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid,
                       int nthreads);
void wn_onednn_close(void *state);

#endif
