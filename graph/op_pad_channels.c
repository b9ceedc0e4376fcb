/* Channels of zeros behind a tensor's own: the shortcut without parameters of residual networks. */
#include "lowering.h"
#include "pool.h"
#include <string.h>

wn_tensor wn_pad_channels(wn_graph *graph, wn_tensor x, int channels) {
    return wn_graph_append(graph, (wn_layer){.kind = WN_KIND_PAD_CHANNELS, .out_channels = channels}, NULL,
                           &x, 1);
}

static void infer(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (input->physical_of)
        wn_layer_fail(graph, layer,
                      "a concatenation whose parts are no multiples of 16 channels is not supported");
    else if (layer->out_channels < input->channels || layer->out_channels > WN_MOST_CHANNELS)
        wn_layer_fail(graph, layer, "found %d channels, expected from %d, those of its input, to %d",
                      layer->out_channels, input->channels, WN_MOST_CHANNELS);
    else
        wn_tensor_set_dense(output, layer->out_channels, input->height, input->width);
}

/* `lanes` values of every pixel, zeros in the other lanes. */
static void copy_lanes(const float *x, float *y, long pixels, int lanes, bool accumulate) {
    for (long i = 0; i < pixels; i++)
        for (int lane = 0; lane < WN_BLOCK; lane++) {
            float value = lane < lanes ? x[i * WN_BLOCK + lane] : 0;
            y[i * WN_BLOCK + lane] = accumulate ? y[i * WN_BLOCK + lane] + value : value;
        }
}

static void run(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    const wn_pad_channels_args *args = &step->args.pad_channels;
    long begin, end, blocks = wn_blocks(args->y.channels), pixels = (long)args->y.height * args->y.width;
    wn_split(args->y.images * blocks, tid, nthreads, &begin, &end);
    for (long i = begin; i < end; i++) {
        long image = i / blocks, block = i % blocks;
        long lanes = args->channels - block * WN_BLOCK;
        float *y = args->y.data + image * args->y.stride + block * pixels * WN_BLOCK;
        const float *x = args->x.data + image * args->x.stride + block * pixels * WN_BLOCK;
        if (lanes > 0)
            copy_lanes(x, y, pixels, lanes < WN_BLOCK ? (int)lanes : WN_BLOCK, args->accumulate);
        else
            memset(y, 0, (size_t)pixels * WN_BLOCK * sizeof *y);
    }
}

static wn_pad_channels_args *append(wn_lowering *lowering, const wn_layer *layer, const char *action,
                                    wn_step **step) {
    *step = wn_lower_step(lowering, run, 1, layer, action, "pad_channels");
    (*step)->args.pad_channels.channels = wn_layer_input(lowering->graph, layer, 0)->channels;
    return &(*step)->args.pad_channels;
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    wn_step *step;
    wn_pad_channels_args *args = append(lowering, layer, "FWD", &step);
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, layer->output, y, WN_ACCESS_SET);
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool accumulate;
    wn_place dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write(lowering, layer->inputs[0], &accumulate);
    wn_step *step;
    wn_pad_channels_args *args = append(lowering, layer, "BWD", &step);
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->x, layer->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, layer->inputs[0], dx, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
}

const wn_layer_kind wn_kind_pad_channels = {
    .name = "pad_channels", .is_operator = true, .infer = infer, .forward = forward, .backward = backward};
