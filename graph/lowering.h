/* What the layer kinds use to append their steps to a tape: where values and gradients lie, who still reads
 * them, and how operands are bound to a step. Errors are sticky, as in the builder. */
#ifndef WN_LOWERING_H
#define WN_LOWERING_H

#include "tape_internal.h"

/* Where a tensor lies: in a buffer, from `offset` bytes on, its images `stride` floats apart. */
typedef struct wn_place {
    int buffer;
    int64_t offset, stride;
} wn_place;

/* What lowering knows of a tensor. Flattened tensors share the entry of their root. */
typedef struct wn_value {
    bool placed, has_gradient, gradient_consumed;
    bool wants_gradient; /* a learned parameter lies behind it */
    bool rectified; /* a ReLU's output, or a concatenation of such: its backward pass may mask the gradient */
    bool masked;    /* the gradient so far is 0 wherever the value is not positive */
    wn_place place, gradient;
} wn_value;

/* Layers that run as one: the head, and the addition and the ReLU behind it that it takes along. */
struct wn_group {
    const wn_layer *head;
    const wn_layer *norm; /* inference: the batch norm folded into a convolution; NULL: none */
    int residual;         /* tensor that the step of a batch norm, or of a convolution, adds; -1: none */
    bool relu;
    int output;     /* tensor of the last layer */
    int saved[2];   /* buffers that the forward step keeps for the backward step */
    int statistics; /* buffer that a batch norm keeps for others that read its input; -1: none */
};

struct wn_lowering {
    wn_status status;
    wn_tape *tape;
    const wn_graph *graph;
    const wn_ops *ops;
    wn_group *groups;
    int group_count;
    int current;      /* group whose steps are being appended */
    wn_value *values; /* [tensors] */
    int *roots;       /* [tensors] the tensor whose memory this one is */
    wn_place plain_input;
    wn_step spare; /* what callers fill in after an error */
};

/* New buffers. A planned one lies in the arena. */
int wn_lower_buffer(wn_lowering *lowering, int64_t bytes);
int wn_lower_fixed_buffer(wn_lowering *lowering, void *address, int64_t bytes);
/* batch * floats * 4 with overflow recorded as an error. */
int64_t wn_lower_bytes(wn_lowering *lowering, int64_t images, int64_t floats);
void wn_lower_fail(wn_lowering *lowering, wn_status status);

/* Appends a step called "LAYER ACTION" (layer NULL: just action). The pointer is good until the next one. */
wn_step *wn_lower_step(wn_lowering *lowering, wn_step_run *run, int phases, const wn_layer *layer,
                       const char *action, const char *kernel);
/* Binds a tensor's memory to a view of the step's arguments. */
void wn_bind_view(wn_lowering *lowering, wn_step *step, wn_view *view, int tensor, wn_place place,
                  wn_access access);
/* Binds a whole buffer to a pointer of the step's arguments (slot is that pointer's address). */
void wn_bind_buffer(wn_lowering *lowering, wn_step *step, void *slot, int buffer, wn_access access);
/* Binds a tensor's memory to a bare pointer. */
void wn_bind_place(wn_lowering *lowering, wn_step *step, void *slot, int tensor, wn_place place,
                   wn_access access);
/* Number of logical elements of a tensor over the batch, for FLOPs. */
double wn_lower_elements(const wn_lowering *lowering, int tensor);

/* Passes over the whole graph, in this order. */
void wn_lower_find_roots(wn_lowering *lowering);
void wn_lower_find_wanted_gradients(wn_lowering *lowering);
void wn_lower_place_concatenations(wn_lowering *lowering);
void wn_lower_find_rectified(wn_lowering *lowering);

/* Values. A tensor that has no place yet gets one of its own. */
wn_place wn_value_place(wn_lowering *lowering, int tensor);
/* A dense place with room for the tensor. */
wn_place wn_place_new(wn_lowering *lowering, int tensor);
/* The part of a concatenation's place that belongs to input `part` of the concat layer. */
wn_place wn_place_part(const wn_lowering *lowering, const wn_layer *concat, wn_place whole, int part);
/* Floats between images when the tensor lies alone. */
int64_t wn_dense_stride(const wn_lowering *lowering, int tensor);

/* Gradients. All of these may append copying steps, so they come before the step that uses the place. */
bool wn_gradient_wanted(const wn_lowering *lowering, int tensor);
wn_place wn_gradient_of(const wn_lowering *lowering, int tensor);
/* A place to write the gradient to: *accumulate says whether it holds a part of it already. When others still
 * read that memory, the part is copied first. */
wn_place wn_gradient_write(wn_lowering *lowering, int tensor, bool *accumulate);
/* The contribution to a tensor's gradient lies at `place` already: takes it over by reference, or adds it.
 * masked: it is 0 wherever the tensor's value is not positive. */
void wn_gradient_pass(wn_lowering *lowering, int tensor, wn_place place, bool masked);
/* The same, in the memory of the output's gradient when that is read for the last time: for backward steps
 * that may work in place. */
wn_place wn_gradient_write_over(wn_lowering *lowering, int input, int output, bool *accumulate);
/* May the reader of this tensor's gradient overwrite it? */
bool wn_gradient_is_exclusive(const wn_lowering *lowering, int tensor);
/* Masks of ReLUs. The writer of a rectified tensor's gradient may store it masked, so that the ReLU has no
 * backward step of its own. wn_gradient_write forgets that a gradient was masked: a writer that masks what it
 * adds asks before whether it still is and says so afterwards. */
bool wn_gradient_is_masked(const wn_lowering *lowering, int tensor);
void wn_gradient_set_masked(wn_lowering *lowering, int tensor);
/* Is the present group the last that adds to the tensor's gradient? */
bool wn_gradient_is_last_writer(const wn_lowering *lowering, int tensor);
/* The group's output gradient behind its fused ReLU: when that has a ReLU and nobody masked it, masked in
 * place or in a copy. */
wn_place wn_gradient_behind_relu(wn_lowering *lowering, const wn_group *group);

/* Steps shared by several kinds. What runs an addition (args.add): */
wn_step_run wn_run_add;
void wn_lower_copy(wn_lowering *lowering, const wn_layer *layer, int tensor, wn_place from, wn_place to,
                   bool accumulate);
/* A planned buffer for a parameter's gradient; it is kept when the options say so. */
int wn_lower_gradient_buffer(wn_lowering *lowering, int parameter);
/* The update of the layer's learned parameters from their gradients, unless it has to wait for all of them.
 */
void wn_lower_update(wn_lowering *lowering, const wn_layer *layer);
/* Behind the last backward step: what waited, and the average of the parameters. */
void wn_lower_late_updates(wn_lowering *lowering);
/* Inference. The first appends the step that folds the group's batch norm into its convolution's weights and
 * bias and replaces the numbers of their buffers (bias may be -1 before); the second the step that prepares
 * constant weights, returning the buffer it fills. The last puts these steps before all others. */
void wn_lower_fold(wn_lowering *lowering, const wn_group *group, int *weights, int *bias);
int wn_lower_prepare(wn_lowering *lowering, const wn_layer *layer, const wn_conv_plan *plan, int weights);
void wn_lower_put_preparations_first(wn_lowering *lowering);
/* Gives the output the memory of a tensor that the present group reads last, to be added to there; false
 * where others need either place. */
bool wn_lower_take_over(wn_lowering *lowering, int tensor, int output);
/* Convolution and linear layers. */
void wn_lower_conv_forward(wn_lowering *lowering, wn_group *group);
void wn_lower_conv_backward(wn_lowering *lowering, wn_group *group);

#endif
