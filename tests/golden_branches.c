/* Values of a tape found by the labels of its steps, compared with the interpreter's. */
#include "golden_branches.h"
#include "conv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double root_mean_square(const ref_tensor *t) {
    double sum = 0;
    for (long i = 0; i < ref_count(t); i++)
        sum += t->data[i] * t->data[i];
    return sqrt(sum / (double)ref_count(t));
}

static void note(golden_branches *found, long *kind, double distance, double size) {
    (*kind)++;
    found->farthest = fmax(found->farthest, distance / size);
}

/* The step's output when it ends with a ReLU; data is NULL when it does not. */
static wn_view rectified_output(const wn_step *step, const wn_graph_tensor *shape, int images) {
    wn_view none = {.data = NULL};
    if (step->is_conv) {
        const wn_conv_plan *plan = &step->args.conv.plan;
        if (plan->problem.direction != WN_FWD_B || !plan->problem.relu)
            return none;
        return (wn_view){.data = step->args.conv.args.dst,
                         .images = images,
                         .channels = shape->physical,
                         .height = shape->map_height,
                         .width = shape->map_width,
                         .stride = plan->dst_stride};
    }
    if (strstr(step->kernel, "relu") && strncmp(step->kernel, "batch_norm", 10) == 0)
        return step->args.batch_norm.y;
    if (!strcmp(step->kernel, "add+relu"))
        return step->args.add.y;
    return !strcmp(step->kernel, "relu") ? step->args.unary.y : none;
}

/* Does "NAME FWD..." name the layer? */
static bool is_forward_of(const wn_step *step, const wn_layer *layer) {
    size_t length = strlen(layer->name);
    return !strncmp(step->label, layer->name, length) && !strncmp(step->label + length, " FWD", 4);
}

/* The output of a ReLU, from its own step or that of a layer before it. */
static wn_view output_of_relu(const interpreter *it, const wn_tape *tape, const wn_layer *relu) {
    const wn_graph_tensor *shape = &it->graph->tensors[relu->output];
    wn_view view = {.data = NULL};
    for (const wn_layer *layer = relu; !view.data;) {
        for (int s = 0; s < tape->step_count && !view.data; s++)
            if (is_forward_of(&tape->steps[s], layer))
                view = rectified_output(&tape->steps[s], shape, it->values[relu->output].n);
        int producer = it->graph->tensors[layer->inputs[0]].producer;
        if (producer < 0 || (layer != relu && layer->kind != WN_KIND_ADD))
            break;
        layer = &it->graph->layers[producer];
    }
    return view;
}

/* A value of the interpreter is set to zero, or to nearly that, where the tape let nothing, or something,
 * through: backward asks for its sign. */
static void take_relu(interpreter *it, const wn_layer *relu, const wn_view *view, golden_branches *found) {
    const ref_tensor *y = &it->values[relu->output], *x = &it->values[relu->inputs[0]];
    const wn_graph_tensor *shape = &it->graph->tensors[relu->output];
    const double size = root_mean_square(x);
    long pixels = (long)view->height * view->width, stored = ref_count(y) / y->n / pixels;
    for (long i = 0; i < ref_count(y); i++) {
        long channel = i / pixels % stored, image = i / pixels / stored;
        long at = shape->physical_of ? shape->physical_of[channel] : channel;
        float value = view->data[image * view->stride + (at / WN_BLOCK * pixels + i % pixels) * WN_BLOCK +
                                 at % WN_BLOCK];
        if ((value > 0) == (y->data[i] > 0))
            continue;
        note(found, &found->relus, fabs(x->data[i]), size);
        y->data[i] = value > 0 ? 1e-30 : 0;
    }
}

/* The places of maxima as the tape noted them. Where it noted none the maximum is not positive, and the ReLU
 * before it lets nothing through. */
static void take_maxima(interpreter *it, const wn_layer *pool, const wn_pool_args *args,
                        golden_branches *found) {
    const ref_tensor *y = &it->values[pool->output], *x = &it->values[pool->inputs[0]];
    const wn_graph_tensor *shape = &it->graph->tensors[pool->output];
    const double size = root_mean_square(x);
    long *argmax = it->layers[pool - it->graph->layers].argmax;
    for (long i = 0, pixels = (long)y->h * y->w; i < ref_count(y); i++) {
        long channel = i / pixels % y->c, image = i / pixels / y->c;
        long at = shape->physical_of ? shape->physical_of[channel] : channel;
        long plane = image * wn_blocks(shape->physical) + at / WN_BLOCK;
        int tap = args->argmax[(plane * pixels + i % pixels) * WN_BLOCK + at % WN_BLOCK];
        int h = (int)(i % pixels / y->w) * pool->sh - pool->ph + tap / pool->kw;
        int w = (int)(i % pixels % y->w) * pool->sw - pool->pw + tap % pool->kw;
        if (args->relu && tap == WN_MAX_POOL_NONE)
            continue;
        long taken = ref_index(x, (int)image, (int)channel, h, w);
        if (taken == argmax[i])
            continue;
        note(found, &found->maxima, x->data[argmax[i]] - x->data[taken], size);
        argmax[i] = taken;
    }
}

golden_branches golden_take_branches(interpreter *it, const wn_tape *tape) {
    golden_branches found = {0};
    for (int i = 0; i < it->graph->layer_count; i++) {
        const wn_layer *layer = &it->graph->layers[i];
        if (layer->kind == WN_KIND_RELU) {
            wn_view view = output_of_relu(it, tape, layer);
            if (view.data)
                take_relu(it, layer, &view, &found);
        }
        for (int s = 0; layer->kind == WN_KIND_MAX_POOL && s < tape->step_count; s++)
            if (is_forward_of(&tape->steps[s], layer))
                take_maxima(it, layer, &tape->steps[s].args.pool, &found);
    }
    return found;
}
