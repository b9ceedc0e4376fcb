/* Maximum and average pooling, and the average of a whole map. */
#include "lowering.h"

static wn_tensor append_pool(wn_graph *graph, wn_kind kind, wn_tensor x, wn_pool_options options) {
    wn_layer layer = {.kind = kind, .ceil_mode = options.ceil_mode, .exclude_pad = options.exclude_pad};
    layer.kh = layer.kw = options.kernel;
    layer.sh = layer.sw = options.stride ? options.stride : options.kernel;
    layer.ph = layer.pw = options.pad;
    return wn_graph_append(graph, layer, options.name, &x, 1);
}

wn_tensor wn_max_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options) {
    return append_pool(graph, WN_KIND_MAX_POOL, x, options);
}

wn_tensor wn_average_pool_with(wn_graph *graph, wn_tensor x, wn_pool_options options) {
    return append_pool(graph, WN_KIND_AVERAGE_POOL, x, options);
}

wn_tensor wn_global_average_pool(wn_graph *graph, wn_tensor x) {
    return append_pool(graph, WN_KIND_GLOBAL_AVERAGE_POOL, x, (wn_pool_options){.kernel = 1});
}

wn_tensor wn_adaptive_average_pool(wn_graph *graph, wn_tensor x, int height, int width) {
    wn_layer layer = {.kind = WN_KIND_ADAPTIVE_AVERAGE_POOL, .out_height = height, .out_width = width};
    int channels, input_height, input_width;
    wn_tensor_shape(graph, x, &channels, &input_height, &input_width);
    if (x.id >= 0 && height == input_height && width == input_width) {
        graph->scopes[graph->scope_count - 1].position++;
        return x; /* nothing to do */
    }
    return wn_graph_append(graph, layer, NULL, &x, 1);
}

static void set_size(wn_graph_tensor *output, wn_window window) {
    output->height = output->map_height = window.height;
    output->width = output->map_width = window.width;
}

static void infer_window(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const int most = 1 << 14;
    if (layer->kh < 1 || layer->kh > most || layer->sh < 1 || layer->sh > most || layer->ph < 0 ||
        2 * layer->ph > layer->kh) {
        wn_layer_fail(
            graph, layer,
            "found kernel %d, stride %d, padding %d; expected kernel and stride from 1 to %d and a padding "
            "of at most half the kernel",
            layer->kh, layer->sh, layer->ph, most);
        return;
    }
    if (layer->kind == WN_KIND_MAX_POOL && layer->exclude_pad) {
        wn_layer_fail(graph, layer, "found exclude_pad, which only average pools have");
        return;
    }
    if (wn_layer_needs_map(graph, layer, 0))
        set_size(output, wn_layer_window(graph, layer));
}

static void infer_global(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    layer->kh = layer->sh = input->height;
    layer->kw = layer->sw = input->width;
    set_size(output, (wn_window){1, 1});
}

static void infer_adaptive(wn_graph *graph, wn_layer *layer, wn_graph_tensor *output) {
    const wn_graph_tensor *input = wn_layer_input(graph, layer, 0);
    const int most = 1 << 14;
    if (!wn_layer_needs_map(graph, layer, 0))
        return;
    if (layer->out_height < 1 || layer->out_height > most || layer->out_width < 1 ||
        layer->out_width > most) {
        wn_layer_fail(graph, layer, "found %dx%d as the size of its output, expected both from 1 to %d",
                      layer->out_height, layer->out_width, most);
        return;
    }
    layer->kh = (input->height + layer->out_height - 1) / layer->out_height;
    layer->kw = (input->width + layer->out_width - 1) / layer->out_width;
    set_size(output, (wn_window){layer->out_height, layer->out_width});
}

static void run_max_forward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->max_pool_forward(&step->args.pool, tid, nthreads);
}

static void run_max_backward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->max_pool_backward(&step->args.pool, tid, nthreads);
}

static void run_average_forward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->average_pool_forward(&step->args.pool, tid, nthreads);
}

static void run_average_backward(const wn_step *step, int phase, int tid, int nthreads) {
    (void)phase;
    step->ops->average_pool_backward(&step->args.pool, tid, nthreads);
}

static void set_window(wn_pool_args *args, const wn_layer *layer) {
    args->kh = layer->kh;
    args->kw = layer->kw;
    args->sh = layer->sh;
    args->sw = layer->sw;
    args->ph = layer->ph;
    args->pw = layer->pw;
    args->exclude_pad = layer->exclude_pad;
    args->adaptive = layer->kind == WN_KIND_ADAPTIVE_AVERAGE_POOL;
}

static double window_flops(const wn_lowering *lowering, const wn_layer *layer) {
    return wn_lower_elements(lowering, layer->output) * layer->kh * layer->kw;
}

static bool wide_taps(const wn_layer *layer) {
    return layer->kh * layer->kw > WN_MAX_POOL_TAPS;
}

/* Max pooling of a ReLU's output notes no tap where the maximum is not positive, so that its gradient comes
 * out masked. */
static bool masks(const wn_lowering *lowering, const wn_layer *layer) {
    return layer->kind == WN_KIND_MAX_POOL && layer->kh * layer->kw < WN_MAX_POOL_TAPS &&
           lowering->values[lowering->roots[layer->inputs[0]]].rectified;
}

/* Binds where the chosen taps lie: a byte for every element, or four where a byte is too small. */
static void bind_taps(wn_lowering *lowering, wn_step *step, const wn_layer *layer, int buffer,
                      wn_access access) {
    wn_pool_args *args = &step->args.pool;
    if (wide_taps(layer))
        wn_bind_buffer(lowering, step, &args->wide_argmax, buffer, access);
    else
        wn_bind_buffer(lowering, step, &args->argmax, buffer, access);
}

static void forward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool max = layer->kind == WN_KIND_MAX_POOL;
    wn_place x = wn_value_place(lowering, layer->inputs[0]), y = wn_value_place(lowering, layer->output);
    wn_step *step = wn_lower_step(lowering, max ? run_max_forward : run_average_forward, 1, layer, "FWD",
                                  wn_layer_kind_of(layer->kind)->name);
    wn_pool_args *args = &step->args.pool;
    set_window(args, layer);
    wn_bind_view(lowering, step, &args->x, layer->inputs[0], x, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->y, layer->output, y, WN_ACCESS_SET);
    step->flops = window_flops(lowering, layer);
    if (max && lowering->tape->options.training) {
        int64_t bytes =
            wn_lower_bytes(lowering, lowering->tape->options.batch, wn_dense_stride(lowering, layer->output));
        group->saved[0] = wn_lower_buffer(lowering, wide_taps(layer) ? bytes : bytes / (int)sizeof(float));
        bind_taps(lowering, step, layer, group->saved[0], WN_ACCESS_SET);
        args->relu = masks(lowering, layer);
    }
}

static void backward(wn_lowering *lowering, wn_group *group) {
    const wn_layer *layer = group->head;
    bool max = layer->kind == WN_KIND_MAX_POOL, accumulate;
    bool masked = masks(lowering, layer) && wn_gradient_is_masked(lowering, layer->inputs[0]);
    wn_place dy = wn_gradient_of(lowering, layer->output);
    wn_place dx = wn_gradient_write(lowering, layer->inputs[0], &accumulate);
    wn_step *step = wn_lower_step(lowering, max ? run_max_backward : run_average_backward, 1, layer, "BWD",
                                  wn_layer_kind_of(layer->kind)->name);
    wn_pool_args *args = &step->args.pool;
    set_window(args, layer);
    args->accumulate = accumulate;
    wn_bind_view(lowering, step, &args->dy, layer->output, dy, WN_ACCESS_READ);
    wn_bind_view(lowering, step, &args->dx, layer->inputs[0], dx, accumulate ? WN_ACCESS_ADD : WN_ACCESS_SET);
    step->flops = max ? wn_lower_elements(lowering, layer->output) : window_flops(lowering, layer);
    if (max)
        bind_taps(lowering, step, layer, group->saved[0], WN_ACCESS_READ);
    if (masked)
        wn_gradient_set_masked(lowering, layer->inputs[0]);
}

const wn_layer_kind wn_kind_max_pool = {
    .name = "max_pool", .infer = infer_window, .forward = forward, .backward = backward};
const wn_layer_kind wn_kind_average_pool = {
    .name = "average_pool", .infer = infer_window, .forward = forward, .backward = backward};
const wn_layer_kind wn_kind_global_average_pool = {
    .name = "global_average_pool", .infer = infer_global, .forward = forward, .backward = backward};
const wn_layer_kind wn_kind_adaptive_average_pool = {
    .name = "adaptive_average_pool", .infer = infer_adaptive, .forward = forward, .backward = backward};
