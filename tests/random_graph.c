/* Draws the networks of random_graph.h. */
#include "random_graph.h"
#include "graph_internal.h"
#include "random.h"

enum { MOST_TENSORS = 64 };

typedef struct drawing {
    wn_graph *graph;
    random_graph_options options;
    uint64_t seed, drawn;
    wn_tensor tensors[MOST_TENSORS];
    int count;
} drawing;

static int draw(drawing *d, int bound) {
    return (int)wn_random_below(d->seed, WN_STREAM_TEST, d->drawn++, (uint32_t)bound);
}

static const wn_graph_tensor *shape(const drawing *d, wn_tensor x) {
    return &d->graph->tensors[x.id];
}

static void keep(drawing *d, wn_tensor x) {
    if (x.id >= 0 && d->count < MOST_TENSORS)
        d->tensors[d->count++] = x;
}

/* One of the tensors so far, mostly a late one. */
static wn_tensor some_tensor(drawing *d) {
    int window = draw(d, 3) ? 3 : d->count;
    return d->tensors[d->count - 1 - draw(d, window < d->count ? window : d->count)];
}

static int some_channels(drawing *d) {
    static const int channels[] = {3, 8, 16, 17, 24, 33};
    return channels[draw(d, 6)];
}

static wn_tensor activation(drawing *d, wn_tensor x) {
    if (d->options.smooth || !draw(d, 3))
        return draw(d, 2) ? wn_sigmoid(d->graph, x) : wn_tanh(d->graph, x);
    return wn_relu(d->graph, x);
}

static wn_tensor some_conv(drawing *d, wn_tensor x) {
    static const int kernels[] = {1, 3, 3, 5};
    int kernel = kernels[draw(d, 4)], groups = 1, channels = some_channels(d);
    if (!shape(d, x)->physical_of && !(shape(d, x)->channels % 2) && !draw(d, 3)) {
        groups = 2;
        channels *= 2;
    }
    bool room = shape(d, x)->height > kernel / 2 && shape(d, x)->width > kernel / 2;
    return wn_conv(d->graph, x, channels, .kernel = kernel, .pad = kernel / 2, .stride = 1 + !draw(d, 4),
                   .groups = groups, .no_bias = !draw(d, 4),
                   .padding = room && !draw(d, 3) ? (wn_padding)draw(d, 4) : WN_PADDING_ZEROS);
}

static wn_tensor some_pool(drawing *d, wn_tensor x) {
    if (shape(d, x)->height < 3 || shape(d, x)->width < 3)
        return some_conv(d, x);
    int kernel = 2 + draw(d, 2), stride = 1 + draw(d, 2), pad = draw(d, 2);
    bool ceil_mode = draw(d, 2);
    if (d->options.smooth || draw(d, 2))
        return wn_average_pool(d->graph, x, .kernel = kernel, .stride = stride, .pad = pad,
                               .ceil_mode = ceil_mode, .exclude_pad = draw(d, 2));
    return wn_max_pool(d->graph, x, .kernel = kernel, .stride = stride, .pad = pad, .ceil_mode = ceil_mode);
}

/* Residual connections in several forms: x + x, x + f(x), norm(conv(x)) + x, norm + norm. */
static wn_tensor some_sum(drawing *d, wn_tensor x) {
    wn_graph *g = d->graph;
    switch (draw(d, shape(d, x)->physical_of ? 2 : 5)) {
    case 0:
        return wn_add(g, x, x);
    case 1:
        return wn_add(g, activation(d, x), x);
    case 2:
        return wn_add(g, x, wn_conv(g, x, shape(d, x)->channels, .kernel = 3, .pad = 1));
    case 3:
        return wn_add(g, wn_batch_norm(g, wn_conv(g, x, shape(d, x)->channels)), x);
    default:
        return wn_add(g, wn_batch_norm(g, wn_conv(g, x, shape(d, x)->channels)), wn_batch_norm(g, x));
    }
}

/* x with up to three tensors of the same map, x itself among them now and then. */
static wn_tensor some_concatenation(drawing *d, wn_tensor x) {
    wn_tensor parts[4] = {x};
    int count = 1;
    for (int i = d->count - 1; i >= 0 && count < 4; i--)
        if (shape(d, d->tensors[i])->height == shape(d, x)->height &&
            shape(d, d->tensors[i])->width == shape(d, x)->width && draw(d, 2))
            parts[count++] = d->tensors[i];
    return wn_concat(d->graph, parts, count);
}

/* Kinds that few networks have. */
static wn_tensor some_rare_layer(drawing *d, wn_tensor x) {
    if (shape(d, x)->physical_of || !draw(d, 3))
        return wn_adaptive_average_pool(d->graph, x, 1 + draw(d, 7), 1 + draw(d, 7));
    if (draw(d, 2))
        return wn_pad_channels(d->graph, x, shape(d, x)->channels + draw(d, 20));
    return wn_local_response_norm(d->graph, x, .size = 1 + 2 * draw(d, 5), .alpha = 1);
}

static wn_tensor some_layer(drawing *d) {
    wn_tensor x = some_tensor(d);
    switch (draw(d, 11)) {
    case 0:
    case 1:
        return some_conv(d, x);
    case 2:
        return activation(d, some_conv(d, x));
    case 3:
        return activation(d, wn_batch_norm(d->graph, some_conv(d, x)));
    case 4:
        return wn_batch_norm(d->graph, x);
    case 5:
        return some_pool(d, x);
    case 6:
        return some_sum(d, x);
    case 7:
        return activation(d, some_sum(d, x));
    case 8:
        return some_concatenation(d, x);
    case 9:
        return some_rare_layer(d, x);
    default:
        return draw(d, 2) ? activation(d, x) : wn_dropout(d->graph, x, 0.25F);
    }
}

/* Everything that nobody reads goes into the logits: means of maps, and one map as it is. */
static void finish(drawing *d) {
    wn_graph *g = d->graph;
    wn_tensor features[MOST_TENSORS];
    int count = 0;
    for (int i = 0; i < d->count; i++)
        if (!shape(d, d->tensors[i])->uses)
            features[count++] = wn_flatten(g, wn_global_average_pool(g, d->tensors[i]));
    wn_tensor x = wn_concat(g, features, count);
    wn_tensor map = wn_linear(g, wn_flatten(g, some_tensor(d)), 12);
    x = wn_add(g, activation(d, wn_linear(g, x, 12)), map);
    wn_output(g, wn_linear(g, x, d->options.classes));
}

wn_graph *random_graph(uint64_t seed, random_graph_options options) {
    drawing d = {.graph = wn_graph_create(), .options = options, .seed = seed};
    if (!d.graph)
        return NULL;
    int channels = 1 + draw(&d, 6), height = 5 + draw(&d, 7), width = 5 + draw(&d, 7);
    keep(&d, wn_input(d.graph, channels, height, width));
    if (draw(&d, 2))
        keep(&d, some_conv(&d, d.tensors[0]));
    for (int layers = 4 + draw(&d, 9); layers > 0 && !wn_failed(wn_graph_status(d.graph)); layers--)
        keep(&d, some_layer(&d));
    if (!wn_failed(wn_graph_status(d.graph)))
        finish(&d);
    return d.graph;
}

void random_batch(const wn_graph *graph, wn_tape *tape, int batch, int classes, uint64_t seed) {
    const wn_graph_tensor *input = &graph->tensors[graph->input];
    long values = (long)batch * input->channels * input->height * input->width;
    for (long i = 0; i < values; i++)
        wn_tape_input(tape)[i] = 2 * wn_random_uniform(seed, WN_STREAM_TEST + (1 << 8), (uint64_t)i) - 1;
    for (int i = 0; i < batch; i++)
        wn_tape_labels(tape)[i] =
            (int32_t)wn_random_below(seed, WN_STREAM_TEST + (2 << 8), (uint64_t)i, (uint32_t)classes);
}
