/* From a graph to a tape: which layers run as one step, and in which order forward, loss, backward and
 * updates are appended. What a layer's steps are is said in op_<kind>.c. */
#include "lowering.h"
#include "pool.h"
#include <stdlib.h>
#include <string.h>

/* The only layer that reads a tensor; -1 when there are more, or when it is the network's output. */
static int sole_reader(const wn_graph *graph, int tensor) {
    if (graph->tensors[tensor].uses != 1 || tensor == graph->output)
        return -1;
    for (int i = graph->tensors[tensor].producer + 1; i < graph->layer_count; i++)
        for (int k = 0; k < graph->layers[i].input_count; k++)
            if (graph->layers[i].inputs[k] == tensor)
                return i;
    return -1;
}

/* Takes the layer `next` along; returns the layer that alone reads the group's output. */
static int take(const wn_graph *graph, wn_group *group, bool *taken, int next) {
    taken[next] = true;
    group->output = graph->layers[next].output;
    return sole_reader(graph, group->output);
}

static bool is_kind(const wn_graph *graph, int layer, wn_kind kind) {
    return layer >= 0 && graph->layers[layer].kind == kind;
}

/* The layers behind `group` that its step takes along; marks them and returns the last one's index. In
 * inference a convolution takes the batch norm behind it, whose parameters are constants then, and an
 * addition, which in training needs both summands later. */
static int fuse(const wn_lowering *lowering, wn_group *group, bool *taken) {
    const wn_graph *graph = lowering->graph;
    const wn_kind kind = group->head->kind;
    int last = (int)(group->head - graph->layers), next = sole_reader(graph, group->output);
    if (lowering->tape->options.no_fuse)
        return last;
    bool constant = !lowering->tape->options.training && (kind == WN_KIND_CONV || kind == WN_KIND_LINEAR);
    if (constant && is_kind(graph, next, WN_KIND_BATCH_NORM)) {
        group->norm = &graph->layers[next];
        last = next;
        next = take(graph, group, taken, next);
    }
    if ((kind == WN_KIND_BATCH_NORM || constant) && is_kind(graph, next, WN_KIND_ADD) && !taken[next]) {
        const int *inputs = graph->layers[next].inputs;
        int other = inputs[inputs[0] == group->output];
        if (lowering->roots[other] != lowering->roots[group->head->inputs[0]]) {
            group->residual = other;
            last = next;
            next = take(graph, group, taken, next);
        }
    }
    if (is_kind(graph, next, WN_KIND_RELU)) {
        group->relu = true;
        last = next;
        take(graph, group, taken, next);
    }
    return last;
}

static bool can_head(wn_kind kind) {
    return kind == WN_KIND_CONV || kind == WN_KIND_LINEAR || kind == WN_KIND_BATCH_NORM ||
           kind == WN_KIND_ADD;
}

/* A group runs where its last layer stands, so that everything it reads is there. */
static void find_groups(wn_lowering *lowering, bool *taken, wn_group *at) {
    const wn_graph *graph = lowering->graph;
    for (int i = 0; i < graph->layer_count; i++) {
        if (taken[i])
            continue;
        wn_group group = {
            .head = &graph->layers[i], .residual = -1, .output = graph->layers[i].output, .statistics = -1};
        int last = can_head(group.head->kind) ? fuse(lowering, &group, taken) : i;
        at[last] = group;
    }
    for (int i = 0; i < graph->layer_count; i++)
        if (at[i].head)
            lowering->groups[lowering->group_count++] = at[i];
}

/* Is the network's input read by a layer that wants it blocked? */
static bool input_is_read_blocked(const wn_graph *graph) {
    for (int i = 0; i < graph->layer_count; i++) {
        const wn_layer *layer = &graph->layers[i];
        for (int k = 0; k < layer->input_count; k++)
            if (wn_graph_root(graph, layer->inputs[k]) == graph->input && layer->kind != WN_KIND_FLATTEN &&
                !wn_layer_reads_plain(graph, layer))
                return true;
    }
    return false;
}

static void run_block(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    const wn_block_args *args = &step->args.block;
    const wn_view *to = &args->blocked;
    int64_t plain_stride = (int64_t)args->channels * to->height * to->width;
    long begin, end;
    wn_split(to->images, tid, nthreads, &begin, &end);
    wn_activations_block((int)(end - begin), args->channels, to->height, to->width,
                         args->plain + begin * plain_stride, to->data + begin * to->stride, to->stride);
}

static void lower_input(wn_lowering *lowering) {
    wn_tape *tape = lowering->tape;
    const wn_graph_tensor *input = &lowering->graph->tensors[lowering->graph->input];
    int64_t plain = (int64_t)input->channels * input->height * input->width;
    tape->input = wn_lower_buffer(lowering, wn_lower_bytes(lowering, tape->options.batch, plain));
    tape->labels = wn_lower_buffer(lowering, wn_lower_bytes(lowering, tape->options.batch, 1));
    if (wn_failed(lowering->status))
        return;
    tape->buffers[tape->input].lasting = tape->buffers[tape->labels].lasting = true;
    lowering->plain_input = (wn_place){.buffer = tape->input, .stride = plain};
    if (!input_is_read_blocked(lowering->graph))
        return;
    wn_place blocked = wn_value_place(lowering, lowering->graph->input);
    wn_step *step = wn_lower_step(lowering, run_block, 1, NULL, "input BLOCK", "block");
    step->args.block.channels = input->channels;
    wn_bind_buffer(lowering, step, &step->args.block.plain, tape->input, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &step->args.block.blocked, lowering->graph->input, blocked, WN_ACCESS_SET);
}

static void run_loss(const wn_step *step, int phase, int tid, int nthreads) {
    step->ops->loss(&step->args.loss, phase, tid, nthreads);
}

static void lower_loss(wn_lowering *lowering) {
    wn_tape *tape = lowering->tape;
    int logits = lowering->graph->output;
    bool accumulate;
    wn_place at = wn_value_place(lowering, logits), gradient = {0};
    if (tape->options.training)
        gradient = wn_gradient_write(lowering, logits, &accumulate);
    int64_t bytes = wn_lower_bytes(lowering, tape->options.batch, 1);
    int loss = wn_lower_buffer(lowering, bytes), hit = wn_lower_buffer(lowering, bytes);
    int sum = wn_lower_fixed_buffer(lowering, &tape->loss, sizeof tape->loss);
    int correct = wn_lower_fixed_buffer(lowering, &tape->correct, sizeof tape->correct);
    wn_step *step = wn_lower_step(lowering, run_loss, 2, NULL, "LOSS", "softmax_cross_entropy");
    if (wn_failed(lowering->status))
        return;
    wn_loss_args *args = &step->args.loss;
    args->smoothing = tape->options.label_smoothing;
    wn_bind_view(lowering, step, &args->logits, logits, at, WN_ACCESS_READ);
    tape->buffers[at.buffer].lasting = true; /* read by callers after the run */
    tape->logits = logits;
    tape->logits_at = step->operands[step->operand_count - 1];
    if (tape->options.training)
        wn_bind_view(lowering, step, &args->dlogits, logits, gradient, WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->labels, tape->labels, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->sample_loss, loss, WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->sample_hit, hit, WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->loss, sum, WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->correct, correct, WN_ACCESS_SET);
    step->flops = 12 * wn_lower_elements(lowering, logits);
}

/* The exact reverse of forward. Groups behind which no parameter lies have nothing to pass on. */
static void lower_backward(wn_lowering *lowering) {
    for (int i = lowering->group_count - 1; i >= 0 && !wn_failed(lowering->status); i--) {
        wn_group *group = &lowering->groups[i];
        lowering->current = i;
        if (!wn_gradient_wanted(lowering, group->output))
            continue;
        wn_layer_kind_of(group->head->kind)->backward(lowering, group);
        if (lowering->roots[group->output] == group->output)
            lowering->values[group->output].gradient_consumed = true;
    }
}

/* One fixed buffer per parameter: buffer p is parameter p. */
static void add_parameter_buffers(wn_lowering *lowering) {
    const wn_model *model = lowering->tape->model;
    for (int p = 0; p < lowering->graph->parameter_count; p++)
        wn_lower_fixed_buffer(lowering, wn_model_storage(model, p),
                              wn_parameter_floats(lowering->graph, p) * (int64_t)sizeof(float));
}

static void lower(wn_lowering *lowering) {
    add_parameter_buffers(lowering);
    wn_lower_find_wanted_gradients(lowering);
    wn_lower_find_rectified(lowering);
    wn_lower_place_concatenations(lowering);
    lower_input(lowering);
    for (int i = 0; i < lowering->group_count && !wn_failed(lowering->status); i++) {
        lowering->current = i;
        wn_layer_kind_of(lowering->groups[i].head->kind)->forward(lowering, &lowering->groups[i]);
    }
    if (wn_failed(lowering->status))
        return;
    lower_loss(lowering);
    lowering->tape->loss_end = lowering->tape->step_count;
    if (lowering->tape->options.training) {
        lower_backward(lowering);
        wn_lower_late_updates(lowering);
    } else
        wn_lower_put_preparations_first(lowering);
}

wn_status wn_tape_lower(wn_tape *tape) {
    const wn_graph *graph = tape->model->graph;
    size_t layers = (size_t)graph->layer_count, tensors = (size_t)graph->tensor_count;
    wn_lowering lowering = {.tape = tape, .graph = graph, .ops = wn_kernels_of(tape->options.isa)->ops};
    lowering.groups = calloc(layers, sizeof *lowering.groups);
    lowering.values = calloc(tensors, sizeof *lowering.values);
    lowering.roots = calloc(tensors, sizeof *lowering.roots);
    bool *taken = calloc(layers, sizeof *taken);
    wn_group *at = calloc(layers, sizeof *at);
    if (lowering.groups && lowering.values && lowering.roots && taken && at) {
        wn_lower_find_roots(&lowering);
        find_groups(&lowering, taken, at);
        lower(&lowering);
    } else
        wn_lower_fail(&lowering, wn_error(WN_ERROR_MEMORY, "out of memory while compiling the network"));
    free(lowering.groups);
    free(lowering.values);
    free(lowering.roots);
    free(taken);
    free(at);
    return lowering.status;
}
