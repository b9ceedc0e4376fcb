/* Batch normalisation (Ioffe & Szegedy 2015), with the ReLU and the addition that follow it fused in. */
#include "lowering.h"

wn_tensor wn_batch_norm_with(wn_graph *graph, wn_tensor x, wn_layer_options options) {
    wn_layer layer = {.kind = WN_KIND_BATCH_NORM,
                      .eps = options.eps != 0 ? options.eps : 1e-5F,
                      .momentum = options.momentum != 0 ? options.momentum : 0.1F};
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    (void)output; /* as the input */
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (!(layer->eps > 0) || !(layer->momentum > 0 && layer->momentum <= 1)) {
        wn_layer_fail(graph, layer, "found eps %g and momentum %g, expected eps > 0 and momentum in (0, 1]",
                      (double)layer->eps, (double)layer->momentum);
        return;
    }
    int64_t shape[4] = {wn_layer_input(graph, layer, 0)->channels};
    wn_layer_parameter(graph, layer, WN_ROLE_WEIGHT, true, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_BIAS, true, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_RUNNING_MEAN, false, 1, shape);
    wn_layer_parameter(graph, layer, WN_ROLE_RUNNING_VAR, false, 1, shape);
}

static void run_train(const wn_step *step, int phase, int tid, int nthreads) {
    step->ops->batch_norm_train(&step->args.batch_norm, phase, tid, nthreads);
}

static void run_eval(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->batch_norm_eval(&step->args.batch_norm, tid, nthreads);
}

static void run_backward(const wn_step *step, int phase, int tid, int nthreads) {
    step->ops->batch_norm_backward(&step->args.batch_norm, phase, tid, nthreads);
}

/* "batch_norm", with what is fused into it. */
static const char *kernel_name(const wn_group *group) {
    if (group->residual >= 0)
        return group->relu ? "batch_norm+add+relu" : "batch_norm+add";
    return group->relu ? "batch_norm+relu" : "batch_norm";
}

static void set_options(wn_batch_norm_args *args, const wn_group *group) {
    args->eps = group->head->eps;
    args->momentum = group->head->momentum;
    args->relu = group->relu;
}

static void bind_partial(wn_lowering *lowering, wn_step *step, int tensor) {
    int64_t floats =
        wn_batch_norm_workspace(lowering->tape->options.batch, lowering->graph->tensors[tensor].physical);
    wn_bind_buffer(lowering, step, &step->args.batch_norm.partial,
                   wn_lower_buffer(lowering, wn_lower_bytes(lowering, 1, floats)), WN_ACCESS_SCRATCH);
}

/* Batch statistics need two values a channel. */
static void check_batch(wn_lowering *lowering, const wn_layer *layer) {
    const wn_graph_tensor *x = wn_layer_input(lowering->graph, layer, 0);
    if ((int64_t)lowering->tape->options.batch * x->height * x->width < 2)
        wn_lower_fail(lowering,
                      wn_error(WN_ERROR_INVALID,
                               "layer '%s' (batch_norm): found a batch of 1 and a 1x1 map, expected more "
                               "than one value per channel when training",
                               layer->name));
}

static void bind_forward_training(wn_lowering *lowering, wn_group *group, wn_step *step) {
    wn_batch_norm_args *args = &step->args.batch_norm;
    int parameter = group->head->first_parameter;
    for (int i = 0; i < 2; i++)
        group->saved[i] = wn_lower_buffer(lowering, (int64_t)lowering->tape->buffers[parameter].bytes);
    wn_bind_buffer(lowering, step, &args->running_mean, parameter + 2, WN_ACCESS_ADD);
    wn_bind_buffer(lowering, step, &args->running_var, parameter + 3, WN_ACCESS_ADD);
    wn_bind_buffer(lowering, step, &args->saved_mean, group->saved[0], WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->saved_inv_std, group->saved[1], WN_ACCESS_SET);
    bind_partial(lowering, step, group->head->inputs[0]);
}

/* The tensor that a concatenation begins with; -1 when this one is none. */
static int first_part(const wn_lowering *lowering, int tensor) {
    const wn_graph *graph = lowering->graph;
    int producer = graph->tensors[tensor].producer;
    if (producer < 0 || graph->layers[producer].kind != WN_KIND_CONCAT)
        return -1;
    return lowering->roots[graph->layers[producer].inputs[0]];
}

/* Does a concatenation begin with the tensor? */
static bool begins_others(const wn_lowering *lowering, int tensor) {
    for (int i = 0; i < lowering->graph->layer_count; i++)
        if (lowering->graph->layers[i].kind == WN_KIND_CONCAT &&
            lowering->roots[lowering->graph->layers[i].inputs[0]] == tensor)
            return true;
    return false;
}

/* The group before this one that normalises the tensor and keeps its statistics. */
static const wn_group *find_statistics(const wn_lowering *lowering, int tensor) {
    for (int i = 0; i < lowering->current; i++) {
        const wn_group *group = &lowering->groups[i];
        if (group->head->kind == WN_KIND_BATCH_NORM && group->statistics >= 0 &&
            lowering->roots[group->head->inputs[0]] == tensor)
            return group;
    }
    return NULL;
}

/* A batch norm of a dense block reads what the one before it has read, and a few channels more. What is known
 * of the former is not summed up again; what is known then is kept for the next one. */
static void bind_statistics(wn_lowering *lowering, wn_group *group, wn_step *step) {
    const wn_graph_tensor *tensors = lowering->graph->tensors;
    wn_batch_norm_args *args = &step->args.batch_norm;
    const int x = lowering->roots[group->head->inputs[0]];
    const wn_group *known = NULL;
    int part = x;
    while (!known && (part = first_part(lowering, part)) >= 0)
        known = find_statistics(lowering, part);
    if (known) {
        wn_bind_buffer(lowering, step, &args->known, known->statistics, WN_ACCESS_READ);
        args->known_blocks = wn_blocks(tensors[part].physical);
    }
    if (!begins_others(lowering, x))
        return;
    int64_t doubles = (int64_t)wn_blocks(tensors[x].physical) * WN_BATCH_NORM_STATISTICS;
    group->statistics = wn_lower_buffer(lowering, doubles * (int64_t)sizeof(double));
    wn_bind_buffer(lowering, step, &args->statistics, group->statistics, WN_ACCESS_SET);
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool training = lowering->tape->options.training;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, group->output);
    wn_place residual =
        group->residual >= 0 ? wn_value_place(lowering, group->residual) : (wn_place){-1, 0, 0};
    wn_step *step =
        wn_lower_step(lowering, training ? run_train : run_eval, 1, layer, "FWD", kernel_name(group));
    wn_batch_norm_args *args = &step->args.batch_norm;
    set_options(args, group);
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, group->output, y, WN_ACCESS_SET);
    if (training)
        step->phases = wn_batch_norm_phases(&args->x);
    step->is_norm_forward = training;
    if (group->residual >= 0)
        wn_bind_view(lowering, step, &args->residual, group->residual, residual, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->scale, layer->first_parameter, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->shift, layer->first_parameter + 1, WN_ACCESS_READ);
    step->flops = (training ? 6 : 2) * wn_lower_elements(lowering, group->output);
    if (training) {
        check_batch(lowering, layer);
        bind_forward_training(lowering, group, step);
        bind_statistics(lowering, group, step);
    } else {
        wn_bind_buffer(lowering, step, &args->running_mean, layer->first_parameter + 2, WN_ACCESS_READ);
        wn_bind_buffer(lowering, step, &args->running_var, layer->first_parameter + 3, WN_ACCESS_READ);
    }
}

/* Where the backward step writes. The residual's gradient is written by the step only when a ReLU masks it;
 * else it is the output's own gradient, passed on afterwards. */
typedef struct backward_places {
    wn_place dx, dresidual;
    bool accumulate, accumulate_residual, writes_residual;
    bool masks;       /* dx comes out masked by x, a ReLU's output */
    int gradients[4]; /* buffers of the gradients of scale and shift */
} backward_places;

static backward_places find_places(wn_lowering *lowering, const wn_group *group) {
    const wn_layer *layer = group->head;
    backward_places places = {.gradients = {-1, -1, -1, -1}};
    places.writes_residual =
        group->residual >= 0 && group->relu && wn_gradient_wanted(lowering, group->residual);
    if (places.writes_residual)
        places.dresidual =
            wn_gradient_write_over(lowering, group->residual, group->output, &places.accumulate_residual);
    if (!wn_gradient_wanted(lowering, layer->inputs[0]))
        places.dx = wn_place_new(lowering, layer->inputs[0]); /* computed all the same */
    else if (group->residual >= 0)
        places.dx = wn_gradient_write(lowering, layer->inputs[0], &places.accumulate);
    else
        places.dx = wn_gradient_write_over(lowering, layer->inputs[0], group->output, &places.accumulate);
    places.masks = lowering->values[lowering->roots[layer->inputs[0]]].rectified &&
                   wn_gradient_is_last_writer(lowering, layer->inputs[0]);
    if (places.masks)
        wn_gradient_set_masked(lowering, layer->inputs[0]);
    for (int i = 0; i < 2; i++)
        places.gradients[i] = wn_lower_gradient_buffer(lowering, layer->first_parameter + i);
    return places;
}

static void append_backward(wn_lowering *lowering, wn_group *group, const backward_places *places) {
    const wn_layer *layer = group->head;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, group->output);
    wn_place dy = wn_gradient_of(lowering, group->output);
    wn_step *step = wn_lower_step(lowering, run_backward, 1, layer, "BWD", kernel_name(group));
    wn_batch_norm_args *args = &step->args.batch_norm;
    set_options(args, group);
    args->accumulate = places->accumulate;
    args->accumulate_residual = places->accumulate_residual;
    args->mask_dx = places->masks;
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    step->phases = wn_batch_norm_phases(&args->x);
    if (group->relu && group->residual >= 0) /* else x says where the ReLU let through */
        wn_bind_view(lowering, step, &args->y, group->output, y, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dy, group->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, layer->inputs[0], places->dx,
                 places->accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    if (places->writes_residual)
        wn_bind_view(lowering, step, &args->dresidual, group->residual, places->dresidual,
                     places->accumulate_residual ? WN_ACCESS_ADD : WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->scale, layer->first_parameter, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->shift, layer->first_parameter + 1, WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->dscale, places->gradients[0], WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->dshift, places->gradients[1], WN_ACCESS_SET);
    wn_bind_buffer(lowering, step, &args->saved_mean, group->saved[0], WN_ACCESS_READ);
    wn_bind_buffer(lowering, step, &args->saved_inv_std, group->saved[1], WN_ACCESS_READ);
    bind_partial(lowering, step, layer->inputs[0]);
    step->flops = 9 * wn_lower_elements(lowering, group->output);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    backward_places places = find_places(lowering, group);
    append_backward(lowering, group, &places);
    if (group->residual >= 0 && !group->relu)
        wn_gradient_pass(lowering, group->residual, wn_gradient_of(lowering, group->output), false);
    wn_lower_update(lowering, group->head);
}

const wn_layer_kind wn_kind_batch_norm = {
    .name = "batch_norm", .infer = infer, .forward = forward, .backward = backward};
