/* Convolution: shape inference and lowering. How a linear layer becomes one is in op_linear.c. */
#include "lowering.h"
#include "tune.h"
#include <stdio.h>

/* A padded copy of the input; the layer that makes it is named after the convolution. */
static wn_tensor pad_input(wn_graph *graph, wn_tensor x, const wn_conv_options *options) {
    char name[128];
    if (options->name)
        snprintf(name, sizeof name, "%s.pad", options->name);
    else
        snprintf(name, sizeof name, "%d.pad", graph->scopes[graph->scope_count - 1].position);
    return wn_graph_pad(graph, x, options->padding, options->pad, name);
}

wn_tensor wn_conv_with(wn_graph *graph, wn_tensor x, int out_channels, wn_conv_options options) {
    wn_layer layer = {.kind = WN_KIND_CONV,
                      .out_channels = out_channels,
                      .groups = options.groups ? options.groups : 1,
                      .bias = !options.no_bias};
    layer.kh = layer.kw = options.kernel ? options.kernel : 1;
    layer.sh = layer.sw = options.stride ? options.stride : 1;
    layer.ph = layer.pw = options.pad;
    layer.dh = layer.dw = options.dilation;
    if (options.padding != WN_PADDING_ZEROS && options.pad > 0) {
        x = pad_input(graph, x, &options);
        layer.ph = layer.pw = 0;
    }
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

static bool sane_options(wn_graph *graph, const wn_layer *layer) {
    const int most = 1 << 14; /* keeps every product of two of them in an int */
    if (layer->kh < 1 || layer->kh > most || layer->sh < 1 || layer->sh > most || layer->ph < 0 ||
        layer->ph > most || layer->dh < 0 || layer->dh > most) {
        wn_layer_fail(
            graph, layer,
            "found kernel %d, stride %d, padding %d, dilation %d; expected kernel and stride at least 1, "
            "padding and dilation at least 0, all at most %d",
            layer->kh, layer->sh, layer->ph, layer->dh, most);
        return false;
    }
    return true;
}

static bool sane_channels(wn_graph *graph, const wn_layer *layer, const wn_graph_tensor *input) {
    if (layer->out_channels < 1 || layer->out_channels > WN_MOST_CHANNELS)
        wn_layer_fail(graph, layer, "found %d output channels, expected 1 to %d", layer->out_channels,
                      WN_MOST_CHANNELS);
    else if (layer->groups < 1 || input->channels % layer->groups || layer->out_channels % layer->groups)
        wn_layer_fail(graph, layer,
                      "found %d groups for %d input and %d output channels, expected a divisor of both",
                      layer->groups, input->channels, layer->out_channels);
    else if (layer->groups > 1 && input->physical_of)
        wn_layer_fail(graph, layer,
                      "groups over a concatenation whose parts are no multiples of 16 channels are not "
                      "supported");
    else
        return true;
    return false;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    if (!wn_layer_needs_map(graph, layer, 0) || !sane_options(graph, layer) ||
        !sane_channels(graph, layer, input))
        return;
    wn_window window = wn_layer_window(graph, layer);
    wn_tensor_set_dense(output, layer->out_channels, window.height, window.width);
    wn_layer_parameter(
        graph, layer, WN_ROLE_WEIGHT, true, 4,
        (int64_t[4]){layer->out_channels, input->channels / layer->groups, layer->kh, layer->kw});
    if (layer->bias)
        wn_layer_parameter(graph, layer, WN_ROLE_BIAS, true, 1, (int64_t[4]){layer->out_channels});
}

static void run_conv(const wn_step *step, int phase, int tid, int nthreads) {
    const wn_conv_plan *plan = &step->args.conv.plan;
    plan->impl->run(plan, step->args.conv.state, &step->args.conv.args, phase, tid, nthreads);
}

/* Where a pass finds its operands; buffers of -1 are not there. */
typedef struct conv_operands {
    int src, dst; /* tensors */
    wn_place src_place, dst_place;
    int weights, bias; /* buffers */
    int prepared;      /* buffer in place of the weights; 0: none */
    bool mask;         /* BWD_D: the gradient may come out masked by src's value */
} conv_operands;

/* The image stride as plans want it: 0 when the tensor lies alone. */
static int64_t plan_stride(const wn_lowering *lowering, int tensor, wn_place place) {
    return place.stride == wn_dense_stride(lowering, tensor) ? 0 : place.stride;
}

static bool make_plan(wn_lowering *lowering, const wn_layer *layer, const wn_problem *problem,
                      const conv_operands *at, wn_conv_plan *plan) {
    const wn_tape_options *options = &lowering->tape->options;
    int64_t src_stride = problem->plain_src ? 0 : plan_stride(lowering, at->src, at->src_place);
    int64_t dst_stride = plan_stride(lowering, at->dst, at->dst_place);
    wn_pick *pick = options->pick ? options->pick : wn_tune_pick; /* without a database: the heuristic */
    wn_status status = pick(options->pick ? options->pick_context : NULL, problem, options->isa,
                            lowering->tape->threads, src_stride, dst_stride, plan);
    if (wn_failed(status))
        wn_lower_fail(lowering, wn_error(status.code, "layer '%s' (%s) %s: %s", layer->name,
                                         wn_layer_kind_of(layer->kind)->name,
                                         wn_direction_name(problem->direction), status.message));
    return !wn_failed(status);
}

static void describe(const wn_conv_plan *plan, char *text, size_t size) {
    char config[128] = "";
    wn_config_format(plan->impl, &plan->config, config, sizeof config);
    snprintf(text, size, "%s%s%s", plan->impl->name, config[0] ? " " : "", config);
}

static void bind_operands(wn_lowering *lowering, wn_step *step, const wn_problem *problem,
                          const conv_operands *at) {
    static const wn_access access[WN_DIRECTION_COUNT][3] = {
        /* src, weights and bias, dst */
        [WN_FWD_B] = {WN_ACCESS_READ, WN_ACCESS_READ, WN_ACCESS_SET},
        [WN_BWD_D] = {WN_ACCESS_SET, WN_ACCESS_READ, WN_ACCESS_READ},
        [WN_BWD_WB] = {WN_ACCESS_READ, WN_ACCESS_SET, WN_ACCESS_READ},
    };
    wn_conv_args *args = &step->args.conv.args;
    const wn_access *of = access[problem->direction];
    if (problem->plain_src)
        wn_bind_buffer(lowering, step, &args->src, at->src_place.buffer, of[0]);
    else
        wn_bind_place(lowering, step, &args->src, at->src, at->src_place,
                      problem->accumulate && problem->direction == WN_BWD_D ? WN_ACCESS_ADD : of[0]);
    if (at->prepared)
        wn_bind_buffer(lowering, step, &args->prepared, at->prepared, WN_ACCESS_READ);
    else
        wn_bind_buffer(lowering, step, &args->weights, at->weights, of[1]);
    if (at->bias >= 0)
        wn_bind_buffer(lowering, step, &args->bias, at->bias, of[1]);
    bool sum = problem->accumulate && problem->direction == WN_FWD_B;
    wn_bind_place(lowering, step, &args->dst, at->dst, at->dst_place, sum ? WN_ACCESS_ADD : of[2]);
}

/* The ReLU behind src takes its gradient masked: in the pass that writes it last, where that can. */
static void bind_mask(wn_lowering *lowering, wn_step *step, const conv_operands *at) {
    wn_place value = wn_value_place(lowering, at->src);
    if (!wn_conv_masks(&step->args.conv.plan) || value.stride != at->src_place.stride)
        return;
    wn_bind_place(lowering, step, &step->args.conv.args.mask, at->src, value, WN_ACCESS_READ);
    wn_gradient_set_masked(lowering, at->src);
}

static void append_pass(wn_lowering *lowering, const wn_layer *layer, wn_problem problem, conv_operands *at) {
    wn_conv_plan plan;
    snprintf(problem.name, sizeof problem.name, "%s", layer->name);
    if (wn_failed(lowering->status) || !make_plan(lowering, layer, &problem, at, &plan))
        return;
    char kernel[160];
    describe(&plan, kernel, sizeof kernel);
    at->prepared = plan.prepared_bytes ? wn_lower_prepare(lowering, layer, &plan, at->weights) : 0;
    wn_step *step =
        wn_lower_step(lowering, run_conv, plan.phases, layer, wn_direction_name(problem.direction), kernel);
    step->is_conv = true;
    step->external = plan.external;
    step->args.conv.plan = plan;
    step->prepared = at->prepared;
    wn_problem counted = problem; /* without the holes between the parts of a concatenation */
    counted.ic = wn_layer_input(lowering->graph, layer, 0)->map_channels;
    step->flops = wn_problem_flops(&counted);
    bind_operands(lowering, step, &problem, at);
    if (at->mask)
        bind_mask(lowering, step, at);
    if (plan.workspace_bytes)
        wn_bind_buffer(lowering, step, &step->args.conv.args.workspace,
                       wn_lower_buffer(lowering, (int64_t)plan.workspace_bytes), WN_ACCESS_SCRATCH);
}

static wn_place source_place(wn_lowering *lowering, const wn_layer *layer, const wn_problem *problem) {
    bool input = wn_graph_root(lowering->graph, layer->inputs[0]) == lowering->graph->input;
    return problem->plain_src && input ? lowering->plain_input : wn_value_place(lowering, layer->inputs[0]);
}

/* The addition of a group whose sum cannot lie where the residual does. */
static void append_addition(wn_lowering *lowering, const wn_group *group, wn_place y) {
    wn_place residual = wn_value_place(lowering, group->residual);
    wn_step *step =
        wn_lower_step(lowering, wn_run_add, 1, group->head, "ADD", group->relu ? "add+relu" : "add");
    wn_add_args *args = &step->args.add;
    args->accumulate = true;
    args->relu = group->relu;
    wn_bind_view(lowering, step, &args->a, group->residual, residual, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, group->output, y, WN_ACCESS_ADD);
    step->flops = wn_lower_elements(lowering, group->output);
}

void wn_lower_conv_forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_problem problem = wn_layer_problem(lowering->graph, layer, lowering->tape->options.batch);
    conv_operands at = {.src = layer->inputs[0],
                        .dst = group->output,
                        .weights = layer->first_parameter,
                        .bias = layer->bias ? layer->first_parameter + 1 : -1};
    problem.constant_weights = !lowering->tape->options.training;
    problem.accumulate = group->residual >= 0 && wn_lower_take_over(lowering, group->residual, group->output);
    bool add = group->residual >= 0 && !problem.accumulate;
    problem.relu = group->relu && !add;
    at.src_place = source_place(lowering, layer, &problem);
    at.dst_place = wn_value_place(lowering, group->output);
    if (group->norm)
        wn_lower_fold(lowering, group, &at.weights, &at.bias);
    append_pass(lowering, layer, problem, &at);
    if (add)
        append_addition(lowering, group, at.dst_place);
}

/* Weights before data: their gradient reads the source, whose memory may end here. The update comes last,
 * after the gradient of the data has read the weights. */
void wn_lower_conv_backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    int gradients[2] = {-1, -1};
    wn_problem problem = wn_layer_problem(lowering->graph, layer, lowering->tape->options.batch);
    conv_operands at = {.src = layer->inputs[0], .dst = group->output};
    at.dst_place = wn_gradient_behind_relu(lowering, group);
    at.src_place = source_place(lowering, layer, &problem);
    for (int i = 0; i < layer->parameter_count; i++)
        gradients[i] = wn_lower_gradient_buffer(lowering, layer->first_parameter + i);
    at.weights = gradients[0];
    at.bias = gradients[1];
    problem.direction = WN_BWD_WB;
    append_pass(lowering, layer, problem, &at);
    if (wn_gradient_wanted(lowering, layer->inputs[0])) {
        at.src_place = wn_gradient_write(lowering, layer->inputs[0], &problem.accumulate);
        at.weights = layer->first_parameter;
        at.bias = -1;
        at.mask = lowering->values[lowering->roots[at.src]].rectified &&
                  wn_gradient_is_last_writer(lowering, at.src);
        problem.direction = WN_BWD_D;
        append_pass(lowering, layer, problem, &at);
    }
    wn_lower_update(lowering, layer);
}

const wn_layer_kind wn_kind_conv = {
    .name = "conv", .infer = infer, .forward = wn_lower_conv_forward, .backward = wn_lower_conv_backward};
