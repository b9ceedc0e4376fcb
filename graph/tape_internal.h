/* The tape as data: steps, their operands, and the buffers that lie in the arena; and the model behind it.
 * Filled by lower.c, placed by plan_memory.c, walked by execute.c and by tests. */
#ifndef WN_TAPE_INTERNAL_H
#define WN_TAPE_INTERNAL_H

#include "arena.h"
#include "graph_internal.h"
#include "isa.h"
#include <winnow/model.h>

struct wn_model {
    const wn_graph *graph;
    wn_arena values;
    wn_arena
        moments[2]; /* the optimiser's memory, laid out like values; mapped by the first tape that needs it */
    wn_arena gathered; /* gradients summed over batches, laid out like values; mapped when needed, too */
    wn_arena average;  /* of the values over updates; the same */
    wn_optimizer moments_of;
    size_t *offsets; /* [parameters + 1] bytes into values and moments */
    int64_t updates; /* training steps so far, over all tapes of this model */
    int64_t version; /* counts everything that sets parameters */
};

/* Which of the two moments an update with these options has: velocities or means, and squares. */
static inline void wn_tape_moments(const wn_tape_options *options, bool used[static 2]) {
    used[0] = options->optimizer == WN_OPTIMIZER_ADAM || options->momentum;
    used[1] = options->optimizer != WN_OPTIMIZER_SGD;
}
/* Maps what a training tape with these options needs beside the parameters. Moments of another optimiser are
 * forgotten; an average begins with the parameters as they are. */
wn_status wn_model_prepare_training(wn_model *model, const wn_tape_options *options);

/* Memory that steps work on. */
typedef struct wn_buffer {
    size_t bytes;
    void *address;   /* fixed when it is not NULL before planning (parameters), else set by resolving */
    bool planned;    /* lies in the arena */
    bool lasting;    /* keeps its contents between runs: never shared */
    int first, last; /* steps that use it */
    size_t offset;   /* in the arena */
    size_t fullest;  /* bytes alive in the fullest of its steps */
} wn_buffer;

typedef enum wn_access {
    WN_ACCESS_READ,
    WN_ACCESS_SET,    /* written without having been read */
    WN_ACCESS_ADD,    /* read and written */
    WN_ACCESS_SCRATCH /* means nothing before and after the step */
} wn_access;

/* One operand: `images` runs of `run` bytes, `stride` bytes apart, from `offset` on in a buffer; its address
 * is stored into the step's arguments at `slot` when the tape is resolved. */
typedef struct wn_operand {
    int buffer;
    wn_access access;
    int64_t offset, run, stride;
    int images;
    bool tensor; /* the graph's: floats. Others may hold whole numbers */
    size_t slot;
} wn_operand;

enum { WN_STEP_OPERANDS = 12, WN_STEP_UPDATES = 2 };

/* Turns the plain input into nChw16c, for layers that cannot read it plain. */
typedef struct wn_block_args {
    const float *plain;
    wn_view blocked;
    int channels;
} wn_block_args;

/* y (+)= the channels that x has: forward x is the smaller tensor and the rest of y is zero, backward x is
 * the larger one. */
typedef struct wn_pad_channels_args {
    wn_view x, y;
    int channels; /* of the smaller one */
    bool accumulate;
} wn_pad_channels_args;

/* weights' = weights times the batch norm's factor, bias' = (bias - mean) factor + shift, by output channel.
 */
typedef struct wn_fold_args {
    const float *weights, *bias; /* bias NULL: zeros */
    const float *scale, *shift, *running_mean, *running_var;
    float *folded_weights, *folded_bias;
    int64_t block_floats; /* of weights, per block of output channels */
    int blocks;
    float eps;
} wn_fold_args;

typedef struct wn_step wn_step;
typedef void wn_step_run(const wn_step *step, int phase, int tid, int nthreads);

struct wn_step {
    wn_step_run *run;
    const wn_ops *ops;
    int phases;
    bool external;    /* brings its own threads: run is called once, by one thread */
    bool preparation; /* runs when parameters were set, before all others */
    int prepared;     /* buffer that a preparation fills for a convolution, or that it reads; 0: none */
    union {
        struct {
            wn_conv_plan plan;
            wn_conv_args args;
            void *state;
        } conv;
        wn_unary_args unary;
        wn_add_args add;
        wn_pool_args pool;
        wn_pad_args pad;
        wn_batch_norm_args batch_norm;
        wn_response_norm_args response_norm;
        wn_dropout_args dropout;
        wn_loss_args loss;
        struct {
            wn_update_kernel *kernel;
            wn_update_args of[WN_STEP_UPDATES];
            int count;
            const wn_hyper *hyper;
            const double *loss; /* of this run */
        } update;
        struct {
            wn_hyper *hyper;
            const double *squares;
            int64_t count;
        } norm;
        wn_block_args block;
        wn_pad_channels_args pad_channels;
        wn_fold_args fold;
    } args;
    wn_operand operands[WN_STEP_OPERANDS];
    int operand_count;
    bool is_conv;
    bool is_norm_forward; /* of a batch norm, in training */
    char *label, *kernel;
    double flops, bytes;
};

struct wn_tape {
    wn_model *model;
    wn_tape_options options;
    int threads;
    wn_step *steps;
    wn_buffer *buffers; /* the first ones are the model's parameters */
    int step_count, buffer_count;
    int loss_end;     /* number of the first step behind the loss */
    int preparations; /* steps that come first and run when the model's version is not the prepared one */
    int64_t prepared_version; /* -1: none */
    wn_arena arena;
    size_t planned_bytes, naive_bytes, bound_bytes;
    int input, labels;    /* buffers */
    int logits;           /* tensor */
    wn_operand logits_at; /* where it lies */
    int *gradients;       /* [parameters] buffer of its gradient, or -1 */
    float **lane_masks;   /* owned */
    int lane_mask_count;
    wn_hyper hyper;
    int64_t step;   /* number of the running training step, from 1; dropout's counter */
    int64_t update; /* number of the coming update, as told; 0: the step's */
    double loss;
    int64_t correct;
};

/* Appends all steps of the tape (model and options are filled in). */
wn_status wn_tape_lower(wn_tape *tape);
/* Lifetimes from the steps' operands, then a place in one arena for every planned buffer. `reuse` false gives
 * every buffer its own. Sets the tape's planned, naive and bound bytes. Errors: MEMORY when sizes overflow.
 */
wn_status wn_tape_plan_memory(wn_tape *tape, bool reuse);

/* Tells a step where its operands in the buffers [first, last] lie. */
void wn_tape_resolve_step(const wn_tape *tape, wn_step *step, int first, int last);
/* Gives planned buffers their places in the arena, then tells every step. */
void wn_tape_resolve(wn_tape *tape);
/* Counts a training step; nothing in other tapes. */
void wn_tape_begin_step(wn_tape *tape);

/* Address of a parameter's blocked storage. */
static inline float *wn_model_storage(const wn_model *model, int parameter) {
    return (float *)((char *)model->values.base + model->offsets[parameter]);
}
/* Number of floats of a parameter's blocked storage, a multiple of 16; -1 when they do not fit 63 bits. */
int64_t wn_parameter_floats(const wn_graph *graph, int parameter);

/* How a parameter's values in conventional order lie in blocked storage: `runs` runs of `length` values each,
 * `step` floats apart. */
typedef struct wn_parameter_layout {
    const wn_graph_parameter *parameter;
    wn_problem problem;     /* of a weight */
    const int *physical_of; /* of the channels it runs over; NULL: themselves */
    int64_t runs, length, step;
} wn_parameter_layout;
wn_parameter_layout wn_parameter_layout_of(const wn_graph *graph, int parameter);
/* Position of a run's first value. */
int64_t wn_parameter_run_start(const wn_parameter_layout *layout, int64_t run);
/* Blocked storage to conventional order. */
void wn_parameter_unblock(const wn_graph *graph, int parameter, const float *storage, float *values);

#endif
