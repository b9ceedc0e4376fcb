/* The least number of bytes that a tape of a graph moves, whatever it fuses: what its own steps are judged
 * by.
 *
 * Every convolution pass and linear layer reads its operands once and writes its result once. Batch norm
 * reads its input and writes its output, in training once more reads input and gradient and writes the
 * gradient; in inference it costs nothing behind a convolution, which it folds into. Pools, padding, response
 * norm, sigmoid and tanh read their input and write their output, and in training the other way round;
 * response norm reads its input then, too, the functions their output. An addition reads the summand that the
 * producer of the other does not have. ReLU, concatenations, dropout and flattening cost nothing. An update
 * reads weights, gradient and moments and writes weights and moments. Workspaces are not counted, and
 * constant weights count in the form that the pick keeps them in (Winograd's are up to 7.1 times as large).
 */
#include "tape_internal.h"

/* Bytes of a tensor over the batch, padded channels included. */
static double bytes_of(const wn_tape *tape, int tensor) {
    const wn_graph_tensor *shape = &tape->model->graph->tensors[tensor];
    return 4.0 * tape->options.batch * wn_blocks(shape->physical) * WN_BLOCK * shape->map_height *
           shape->map_width;
}

static double input_bytes(const wn_tape *tape, const wn_layer *layer) {
    const wn_graph *graph = tape->model->graph;
    const wn_graph_tensor *shape = &graph->tensors[layer->inputs[0]];
    if (wn_layer_reads_plain(graph, layer))
        return 4.0 * tape->options.batch * shape->channels * shape->height * shape->width;
    return bytes_of(tape, layer->inputs[0]);
}

static double parameter_bytes(const wn_tape *tape, const wn_layer *layer, bool learned) {
    double sum = 0;
    for (int i = 0; i < layer->parameter_count; i++) {
        int p = layer->first_parameter + i;
        if (!learned || tape->model->graph->parameters[p].learned)
            sum += 4.0 * (double)wn_parameter_floats(tape->model->graph, p);
    }
    return sum;
}

/* Moments that the optimiser keeps of every parameter. */
static int moments_of(const wn_tape_options *options) {
    bool used[2] = {false};
    wn_tape_moments(options, used);
    return used[0] + used[1];
}

static bool folds(const wn_graph *graph, const wn_layer *layer) {
    const wn_graph_tensor *input = &graph->tensors[layer->inputs[0]];
    if (input->producer < 0 || input->uses > 1)
        return false;
    wn_kind kind = graph->layers[input->producer].kind;
    return kind == WN_KIND_CONV || kind == WN_KIND_LINEAR;
}

/* Forward and backward passes over the tensors of one layer; inner: a gradient of its input is wanted. */
static double layer_bytes(const wn_tape *tape, const wn_layer *layer, bool inner) {
    const bool training = tape->options.training;
    const double x = input_bytes(tape, layer), y = bytes_of(tape, layer->output);
    const double parameters = parameter_bytes(tape, layer, false);
    switch (layer->kind) {
    case WN_KIND_CONV:
    case WN_KIND_LINEAR:
        return (x + parameters + y) * (training ? 2 : 1) + (training && inner ? x + parameters + y : 0);
    case WN_KIND_BATCH_NORM:
        return training ? x + y + (inner ? 2 * x + y : x + y) : folds(tape->model->graph, layer) ? 0 : x + y;
    case WN_KIND_MAX_POOL:
    case WN_KIND_AVERAGE_POOL:
    case WN_KIND_GLOBAL_AVERAGE_POOL:
    case WN_KIND_ADAPTIVE_AVERAGE_POOL:
    case WN_KIND_PAD:
    case WN_KIND_PAD_CHANNELS:
        return (x + y) * (training && inner ? 2 : 1);
    case WN_KIND_SIGMOID:
    case WN_KIND_TANH:
    case WN_KIND_LOCAL_RESPONSE_NORM:
        return x + y + (training && inner ? 2 * x + y : 0);
    case WN_KIND_ADD:
        return y;
    default:
        return 0;
    }
}

/* By how much the picks' forms of constant weights are larger than the weights. */
static double prepared_bytes(const wn_tape *tape) {
    double sum = 0;
    for (int s = tape->preparations; s < tape->step_count; s++) {
        const wn_step *step = &tape->steps[s];
        if (step->is_conv && step->prepared)
            sum += (double)step->args.conv.plan.prepared_bytes -
                   4.0 * (double)wn_conv_weights_floats(&step->args.conv.plan.problem);
    }
    return sum;
}

double wn_tape_minimum_bytes(const wn_tape *tape) {
    const wn_graph *graph = tape->model->graph;
    const int moments = moments_of(&tape->options);
    double sum = prepared_bytes(tape);
    bool inner = false; /* parameters lie before the layer */
    for (int i = 0; i < graph->layer_count; i++) {
        const wn_layer *layer = &graph->layers[i];
        sum += layer_bytes(tape, layer, inner);
        inner |= layer->parameter_count > 0;
        if (tape->options.training)
            sum += (3 + 2 * moments) * parameter_bytes(tape, layer, true);
    }
    return sum;
}
