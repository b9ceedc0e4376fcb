/* Padding by reflection, replication or from the other side, in front of a convolution that asks for it. In
 * front of one that reads the network's plain input the padded copy is plain as well. */
#include "lowering.h"
#include <stdio.h>

static const char *mode_name(wn_padding mode) {
    static const char *const names[] = {"zeros", "reflect", "replicate", "circular"};
    return names[mode];
}

wn_tensor wn_graph_pad(wn_graph *graph, wn_tensor x, wn_padding mode, int pad, const char *name) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_PAD, .padding = mode, .ph = pad, .pw = pad},
                           name, &x, 1);
}

int wn_padding_smallest(wn_padding mode, int pad) {
    return mode == WN_PADDING_REFLECT ? pad + 1 : mode == WN_PADDING_CIRCULAR && pad > 1 ? pad : 1;
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    const int most = 1 << 14, smallest = wn_padding_smallest(layer->padding, layer->ph);
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (layer->ph > most) {
        wn_layer_fail(graph, layer, "found padding %d, expected at most %d", layer->ph, most);
        return;
    }
    if (input->height < smallest || input->width < smallest) {
        char hint[WN_HINT_BYTES];
        wn_layer_smallest_hint(graph, layer, hint);
        wn_layer_fail(graph, layer, "its input of %dx%d pixels is too small for %d pixels of padding (%s)%s",
                      input->height, input->width, layer->ph, mode_name(layer->padding), hint);
        return;
    }
    output->height = output->map_height = input->height + 2 * layer->ph;
    output->width = output->map_width = input->width + 2 * layer->pw;
}

static void run_forward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->pad_forward(&step->args.pad, tid, nthreads);
}

static void run_backward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->pad_backward(&step->args.pad, tid, nthreads);
}

static wn_step *append(wn_lowering *lowering, const wn_layer *layer, wn_step_run *run, const char *action) {
    char kernel[32];
    snprintf(kernel, sizeof kernel, "pad %s", mode_name(layer->padding));
    wn_step *step = wn_lower_step(lowering, run, 1, layer, action, kernel);
    step->args.pad.mode = layer->padding;
    step->args.pad.pad_height = layer->ph;
    step->args.pad.pad_width = layer->pw;
    return step;
}

/* Binds a whole buffer as a plain NCHW tensor. */
static void bind_plain(wn_lowering *lowering, wn_step *step, wn_view *view, int tensor, wn_place place,
                       wn_access access) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[tensor];
    *view = (wn_view){.images = lowering->tape->options.batch,
                      .channels = shape->channels,
                      .height = shape->height,
                      .width = shape->width,
                      .stride = place.stride};
    wn_bind_buffer(lowering, step, &view->data, place.buffer, access);
}

static void forward_plain(wn_lowering *lowering, const wn_layer *layer) {
    const wn_graph_tensor *shape = &lowering->graph->tensors[layer->output];
    int64_t stride = (int64_t)shape->channels * shape->height * shape->width;
    int64_t bytes = wn_lower_bytes(lowering, lowering->tape->options.batch, stride);
    wn_value *value = &lowering->values[layer->output];
    value->place = (wn_place){.buffer = wn_lower_buffer(lowering, bytes), .stride = stride};
    value->placed = true;
    wn_step *step = append(lowering, layer, run_forward, "FWD");
    step->args.pad.plain = true;
    bind_plain(lowering, step, &step->args.pad.x, layer->inputs[0], lowering->plain_input, WN_ACCESS_READ);
    bind_plain(lowering, step, &step->args.pad.y, layer->output, value->place, WN_ACCESS_SET);
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    if (wn_layer_reads_plain(lowering->graph, layer)) {
        forward_plain(lowering, layer);
        return;
    }
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    wn_step *step = append(lowering, layer, run_forward, "FWD");
    wn_bind_view(lowering, step, &step->args.pad.x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &step->args.pad.y, layer->output, y, WN_ACCESS_SET);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool accumulate;
    wn_place dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write(lowering, layer->inputs[0], &accumulate);
    wn_step *step = append(lowering, layer, run_backward, "BWD");
    wn_pad_args *args = &step->args.pad;
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->dy, layer->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, layer->inputs[0], dx, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = wn_lower_elements(lowering, layer->output);
}

const wn_layer_kind wn_kind_pad = {
    .name = "pad", .is_operator = true, .infer = infer, .forward = forward, .backward = backward};
