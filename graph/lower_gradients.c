/* Where gradients lie. The first writer of a gradient sets it, later ones add to it. Additions and
 * concatenations hand their gradient on by reference, so several tensors may share memory; who wants to write
 * into memory that another tensor's backward step has still to read copies it first. */
#include "lowering.h"

static wn_value *value_of(const wn_lowering *lowering, int tensor) {
    return &lowering->values[lowering->roots[tensor]];
}

void wn_lower_find_wanted_gradients(wn_lowering *lowering) {
    const wn_graph *graph = lowering->graph;
    for (int i = 0; i < graph->layer_count; i++) {
        const wn_layer *layer = &graph->layers[i];
        bool wanted = layer->parameter_count > 0;
        for (int k = 0; k < layer->input_count; k++)
            wanted |= value_of(lowering, layer->inputs[k])->wants_gradient;
        value_of(lowering, layer->output)->wants_gradient |= wanted;
    }
}

/* Without fusion nobody masks for another layer. */
void wn_lower_find_rectified(wn_lowering *lowering) {
    const wn_graph *graph = lowering->graph;
    if (lowering->tape->options.no_fuse)
        return;
    for (int i = 0; i < graph->layer_count; i++) {
        const wn_layer *layer = &graph->layers[i];
        bool all = layer->kind == WN_KIND_CONCAT;
        for (int k = 0; k < layer->input_count; k++)
            all &= value_of(lowering, layer->inputs[k])->rectified;
        if (layer->kind == WN_KIND_RELU || all)
            value_of(lowering, layer->output)->rectified = true;
    }
}

bool wn_gradient_is_masked(const wn_lowering *lowering, int tensor) {
    const wn_value *value = value_of(lowering, tensor);
    return !value->has_gradient || value->masked;
}

void wn_gradient_set_masked(wn_lowering *lowering, int tensor) {
    value_of(lowering, tensor)->masked = true;
}

bool wn_gradient_is_last_writer(const wn_lowering *lowering, int tensor) {
    int root = lowering->roots[tensor];
    for (int i = 0; i < lowering->current; i++) {
        const wn_group *group = &lowering->groups[i];
        if (group->residual >= 0 && lowering->roots[group->residual] == root)
            return false;
        for (int k = 0; k < group->head->input_count; k++)
            if (lowering->roots[group->head->inputs[k]] == root)
                return false;
    }
    return true;
}

bool wn_gradient_wanted(const wn_lowering *lowering, int tensor) {
    return value_of(lowering, tensor)->wants_gradient;
}

wn_place wn_gradient_of(const wn_lowering *lowering, int tensor) {
    return value_of(lowering, tensor)->gradient;
}

/* Do two tensors' places share memory? Places in one buffer have one image stride: that of the tensor the
 * buffer was made for. */
static bool overlap(const wn_lowering *lowering, int a, wn_place at_a, int b, wn_place at_b) {
    return at_a.buffer == at_b.buffer && at_a.offset < at_b.offset + wn_dense_stride(lowering, b) * 4 &&
           at_b.offset < at_a.offset + wn_dense_stride(lowering, a) * 4;
}

bool wn_gradient_is_exclusive(const wn_lowering *lowering, int tensor) {
    int root = lowering->roots[tensor];
    for (int other = 0; other < lowering->graph->tensor_count; other++) {
        const wn_value *value = &lowering->values[other];
        if (other != root && value->has_gradient && !value->gradient_consumed &&
            overlap(lowering, root, lowering->values[root].gradient, other, value->gradient))
            return false;
    }
    return true;
}

wn_place wn_gradient_write(wn_lowering *lowering, int tensor, bool *accumulate) {
    wn_value *value = value_of(lowering, tensor);
    *accumulate = value->has_gradient;
    value->masked = false;
    if (!value->has_gradient) {
        value->gradient = wn_place_new(lowering, tensor);
        value->has_gradient = true;
    } else if (!wn_gradient_is_exclusive(lowering, tensor)) {
        wn_place copy = wn_place_new(lowering, tensor);
        int producer = lowering->graph->tensors[lowering->roots[tensor]].producer;
        wn_lower_copy(lowering, &lowering->graph->layers[producer], tensor, value->gradient, copy, false);
        value->gradient = copy;
    }
    return value->gradient;
}

void wn_gradient_pass(wn_lowering *lowering, int tensor, wn_place place, bool masked) {
    wn_value *value = value_of(lowering, tensor);
    if (!value->wants_gradient)
        return;
    masked &= wn_gradient_is_masked(lowering, tensor);
    if (!value->has_gradient) {
        value->gradient = place;
        value->has_gradient = true;
        value->masked = masked;
        return;
    }
    bool accumulate;
    wn_place sum = wn_gradient_write(lowering, tensor, &accumulate);
    int producer = lowering->graph->tensors[lowering->roots[tensor]].producer;
    wn_lower_copy(lowering, &lowering->graph->layers[producer], tensor, place, sum, true);
    value->masked = masked;
}

wn_place wn_gradient_write_over(wn_lowering *lowering, int input, int output, bool *accumulate) {
    if (!value_of(lowering, input)->has_gradient && wn_gradient_is_exclusive(lowering, output)) {
        wn_gradient_pass(lowering, input, wn_gradient_of(lowering, output), false);
        *accumulate = false;
        return wn_gradient_of(lowering, input);
    }
    return wn_gradient_write(lowering, input, accumulate);
}

static void run_relu_backward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->relu_backward(&step->args.unary, tid, nthreads);
}

wn_place wn_gradient_behind_relu(wn_lowering *lowering, const wn_group *group) {
    wn_place gradient = wn_gradient_of(lowering, group->output);
    if (!group->relu || wn_gradient_is_masked(lowering, group->output))
        return gradient;
    wn_place masked =
        wn_gradient_is_exclusive(lowering, group->output) ? gradient : wn_place_new(lowering, group->output);
    wn_place value = wn_value_place(lowering, group->output);
    wn_step *step = wn_lower_step(lowering, run_relu_backward, 1, group->head, "RELU_BWD", "relu");
    wn_unary_args *args = &step->args.unary;
    wn_bind_view(lowering, step, &args->y, group->output, value, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dy, group->output, gradient, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, group->output, masked, WN_ACCESS_SET);
    step->flops = wn_lower_elements(lowering, group->output);
    return masked;
}
