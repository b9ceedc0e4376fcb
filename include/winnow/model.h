/* A model: the parameters of a graph. A tape: a graph compiled for a batch size and a mode, which runs on a
 * model's parameters. Several tapes may share one model (training, evaluation, the short last batch). */
#ifndef WINNOW_MODEL_H
#define WINNOW_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winnow/graph.h>
#include <winnow/machine.h>
#include <winnow/pool.h>
#include <winnow/problem.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wn_model wn_model;
typedef struct wn_tape wn_tape;
struct wn_conv_plan;

typedef enum wn_init {
    WN_INIT_XAVIER_UNIFORM, /* weights Glorot & Bengio 2010, eq. 16, biases PyTorch's default */
    WN_INIT_KAIMING_NORMAL, /* weights He et al. 2015, eq. 10 (fan-in), biases zero */
    WN_INIT_PYTORCH,        /* PyTorch's defaults for Conv2d and Linear */
    WN_INIT_GENERATOR,      /* the formula shared with tools/peers/generator.py, for golden tests */
} wn_init;

/* Allocates the parameters of a graph (all zero; batch norm scale 1, running variance 1). The graph must
 * outlive the model, which the caller destroys. Errors, *model then NULL: the graph's sticky error; INVALID
 * without input or output, or with a layer whose output nothing reads; MEMORY. */
wn_status wn_model_create(const wn_graph *graph, wn_model **model);
/* After its tapes. NULL is fine. */
void wn_model_destroy(wn_model *model);
/* Draws weights and biases anew: a function of scheme, seed and graph. Batch norm gets scale 1, shift 0 (but
 * for WN_INIT_GENERATOR), running mean 0 and variance 1; moments, average and updates stay as they are. */
void wn_model_initialise(wn_model *model, wn_init scheme, uint64_t seed);

/* One tensor of the state_dict: learned parameters and running statistics, in the order of the layers. */
typedef struct wn_parameter {
    const char *name; /* "conv1.weight"; lives as long as the model */
    int dims;         /* conventional shape: OIHW, [out, in], [channels] */
    int64_t shape[4];
    int64_t count; /* product of shape */
    bool learned;  /* false: running statistics */
} wn_parameter;
int wn_model_parameter_count(const wn_model *model);
wn_parameter wn_model_parameter(const wn_model *model, int index);
/* Copy a tensor out of or into the model, in conventional order, `count` floats. */
void wn_model_read(const wn_model *model, int index, float *values);
void wn_model_write(wn_model *model, int index, const float *values);

/* What the optimiser remembers of each learned parameter, in the parameter's conventional order: moment 0
 * holds means or velocities, moment 1 squares. A moment is there once a training tape that needs it is
 * compiled; its tensors are zero until the first step. */
bool wn_model_has_moment(const wn_model *model, int moment);
void wn_model_read_moment(const wn_model *model, int moment, int index, float *values);
void wn_model_write_moment(wn_model *model, int moment, int index, const float *values);
/* The exponential average of parameters and running statistics over the updates, which training tapes with
 * average_weights keep. Swapping puts it in the parameters' place, to be evaluated, read or written there,
 * and back with the next call; no training in between. Without an average it does nothing. */
bool wn_model_has_average(const wn_model *model);
void wn_model_swap_average(wn_model *model);
/* As wn_model_read, of the average. */
void wn_model_read_average(const wn_model *model, int index, float *values);
/* The index of the first parameter with a value that is not finite; -1: there is none. */
int wn_model_find_nonfinite(const wn_model *model);
/* Training steps so far, over all tapes of the model: Adam's and dropout's counter. */
int64_t wn_model_updates(const wn_model *model);
void wn_model_set_updates(wn_model *model, int64_t updates);

/* What each does is PyTorch's definition. */
typedef enum wn_optimizer {
    WN_OPTIMIZER_SGD,
    WN_OPTIMIZER_ADAM,   /* Kingma & Ba 2015, algorithm 1; with decoupled_decay AdamW */
    WN_OPTIMIZER_RMSPROP /* Tieleman & Hinton 2012 */
} wn_optimizer;

/* Fills in a complete plan for a problem (strides in floats between images, 0 = dense). */
typedef wn_status wn_pick(void *context, const wn_problem *problem, wn_isa isa, int threads,
                          int64_t src_stride, int64_t dst_stride, struct wn_conv_plan *plan);

typedef struct wn_tape_options {
    int batch;
    bool training; /* forward, loss, backward, update; otherwise forward, loss, accuracy */
    wn_optimizer optimizer;
    bool momentum;             /* SGD and RMSprop keep a momentum buffer */
    float label_smoothing;     /* of the loss, in [0, 1): the share of the target spread over all classes
                                  (Szegedy et al. 2016, section 7), as PyTorch's
                                  CrossEntropyLoss(label_smoothing) */
    bool clip_gradients;       /* updates wait for the norm over all gradients, see wn_step_options */
    bool accumulate_gradients; /* updates may wait for the gradients of several batches, the same */
    bool average_weights;      /* the model keeps an exponential average of what training makes of it */
    bool keep_gradients;       /* parameter gradients stay readable after a step (they are not reused) */
    bool no_reuse;             /* memory planner off: every tensor has its own place (tests) */
    bool no_fuse;              /* every layer is a step of its own */
    bool plan_only;            /* to be looked at: no memory is mapped, and the tape cannot run */
    wn_isa isa;
    wn_pool *pool; /* threads the tape will run on; must outlive it */
    wn_pick *pick; /* NULL: the first implementation of the build that runs the problem, in its default
                      config: depthwise, else direct, the reference last */
    void *pick_context;
    uint64_t seed; /* dropout */
} wn_tape_options;

/* Compiles. Model and pool must outlive the tape, which the caller destroys; options are copied. Errors,
 * *tape then NULL: INVALID (batch below 1 or above 2^20; no pool; an unknown optimizer or ISA; label
 * smoothing out of range; batch norm in training with a single value a channel); UNSUPPORTED when this build
 * has no kernels for the ISA (whether the CPU has it is not checked: take it from wn_isa_select); MEMORY with
 * the planned size; what planning a convolution says, with the layer's name. */
wn_status wn_tape_compile(wn_model *model, const wn_tape_options *options, wn_tape **tape);
/* NULL is fine. */
void wn_tape_destroy(wn_tape *tape);

/* Where the caller puts the batch: plain NCHW floats [batch][channels][height][width] and labels [batch],
 * each from 0 to classes - 1, which is not checked. They belong to the tape. */
float *wn_tape_input(wn_tape *tape);
int32_t *wn_tape_labels(wn_tape *tape);

/* Has the following runs read their batch from memory of the caller's, in the same form; it must hold still
 * while a run lasts. images aligned to 64 bytes. Both NULL: back to wn_tape_input and wn_tape_labels, which
 * stay where they are. */
void wn_tape_read_batch(wn_tape *tape, float *images, int32_t *labels);

/* Gives the next runs a second label for every image, and the share of the first: the target of an image is
 * shares[n] at its label and 1 - shares[n] at others[n] (mixup, Zhang et al. 2018, section 2). A right answer
 * is the first label. Both [batch], in the caller's memory; NULL: no second labels, as at first. */
void wn_tape_read_mix(wn_tape *tape, const int32_t *others, const float *shares);

/* Hyperparameters of the following steps; defaults lr 0.01, no momentum, no decay, Adam .9/.999/1e-8.
 * RMSprop smooths its squares with beta2. */
typedef struct wn_step_options {
    float lr, momentum, weight_decay, beta1, beta2, eps;
    bool decoupled_decay; /* Adam: the weights decay by themselves, not through the gradient (AdamW,
                             Loshchilov & Hutter 2019, algorithm 2; the decay is times lr) */
    bool nesterov;        /* SGD with momentum */
    float clip_norm; /* with clip_gradients: gradients are scaled so that their norm, over all parameters, is
                        at most this (Pascanu et al. 2013, algorithm 1); 0: they are not */
    float
        share; /* with accumulate_gradients: of this batch in the mean gradient of all that make one update */
    bool first;          /* the same: nothing of batches before is to be added */
    bool hold;           /* the same: no update yet, more batches follow */
    float average_decay; /* with average_weights: average = d average + (1 - d) weights after every update, d
                            the smaller of this and (1 + n) / (10 + n) behind update n */
    int64_t update;      /* number of the coming update from 1, for Adam and d; 0: count the runs */
} wn_step_options;
void wn_tape_set_options(wn_tape *tape, const wn_step_options *options);

/* Runs every step once. A training tape updates the model, unless the loss is not finite: then the parameters
 * stay as they are. Allocates nothing. */
void wn_tape_run(wn_tape *tape);
/* Runs a training tape up to its loss, with batch and running statistics, and updates no learned parameter.
 */
void wn_tape_run_forward(wn_tape *tape);
/* Share of a batch in batch norm's running statistics from now on, in place of the layers' own; 1: they
 * become the batch's. */
void wn_tape_set_norm_momentum(wn_tape *tape, float momentum);
/* After a run with a loss that is not finite: the label of the first step that leaves such values in a
 * tensor, found by running the forward steps again; the string is the tape's. Running statistics are not
 * usable afterwards. */
const char *wn_tape_find_nonfinite(wn_tape *tape);

/* Of the last run: mean loss over the batch, number of right answers, and the logits copied out as
 * [batch][classes]. */
double wn_tape_loss(const wn_tape *tape);
/* With clip_gradients: the norm of the gradients of the last update, before it was clipped. */
double wn_tape_gradient_norm(const wn_tape *tape);
int64_t wn_tape_correct(const wn_tape *tape);
void wn_tape_logits(const wn_tape *tape, float *logits);
/* Gradient of a learned parameter in conventional order, wn_parameter.count floats; of a training tape, needs
 * keep_gradients. */
void wn_tape_gradient(const wn_tape *tape, int parameter, float *values);

/* The steps, for reports and tuning. Strings and plans are the tape's. */
typedef struct wn_step_info {
    const char *label;               /* "layer1.0.conv1 FWD_B" */
    const char *kernel;              /* "direct tile=6,..." or "batch_norm" */
    double flops, bytes;             /* bytes: operands read and written once each */
    const struct wn_conv_plan *plan; /* NULL unless a convolution or linear layer */
} wn_step_info;
int wn_tape_step_count(const wn_tape *tape);
wn_step_info wn_tape_step(const wn_tape *tape, int index);
/* Runs like wn_tape_run and adds each step's wall seconds (measured on thread 0) to seconds[step]. */
void wn_tape_run_timed(wn_tape *tape, double *seconds);
/* Bytes of the arena (planned, rounded up to pages); what was planned; what no plan can go below, the bytes
 * alive in the fullest step, workspaces included; and what the buffers take without reuse. */
size_t wn_tape_arena_bytes(const wn_tape *tape);
size_t wn_tape_planned_bytes(const wn_tape *tape);
size_t wn_tape_bound_bytes(const wn_tape *tape);
size_t wn_tape_naive_bytes(const wn_tape *tape);
/* The least that a tape of this network, batch and mode moves (see docs/compiler.md); steps[].bytes added up
 * are what this one does. */
double wn_tape_minimum_bytes(const wn_tape *tape);

#ifdef __cplusplus
}
#endif
#endif
