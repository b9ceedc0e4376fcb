/* Runs a graph in double precision, layer by layer as it was built, with the operations of reference_ops.h:
 * the judge of compiled tapes. It knows neither steps nor fusion nor blocked layouts. */
#ifndef WN_INTERPRETER_H
#define WN_INTERPRETER_H

#include "graph_internal.h"
#include "reference_ops.h"

/* What a layer keeps from its forward pass. */
typedef struct interpreter_layer {
    long *argmax;
    double *mean, *inv_std;
} interpreter_layer;

typedef struct interpreter {
    const wn_graph *graph;
    /* Set by the caller. */
    bool training;
    uint64_t seed; /* dropout, as wn_tape_options */
    int64_t step;  /* dropout: number of the training step, from 1 */
    double label_smoothing;
    int32_t *labels;
    double **parameters; /* conventional order; training moves the running statistics */
    ref_tensor *values;  /* of all tensors; the caller fills that of graph->input */
    /* Results. */
    double **parameter_gradients; /* NULL for running statistics */
    ref_tensor *value_gradients;
    int64_t correct;
    double margin; /* distance from the nearest kink: the smallest input of a ReLU and the smallest lead of a
                      maximum, relative to the largest value of its tensor, exact zeros and ties apart. Within
                      it, rounding takes no other branch */
    interpreter_layer *layers;
} interpreter;

/* All parameters zero. Ends the program when there is no memory. */
interpreter interpreter_create(const wn_graph *graph, int batch);
void interpreter_destroy(interpreter *it);

/* Computes all values; returns the mean loss. */
double interpreter_forward(interpreter *it);
/* Gradients of all values and learned parameters, after the forward pass. */
void interpreter_backward(interpreter *it);

#endif
