/* Parameters: their blocked storage, and its conversion from and to the conventional order (OIHW, [out, in],
 * [channels]) at the model's border. */
#include "tape_internal.h"

/* The tensor whose channels a parameter vector runs over, or the input channels of a weight. */
static const wn_graph_tensor *channels_of(const wn_graph *graph, const wn_graph_parameter *parameter) {
    const wn_layer *layer = &graph->layers[parameter->layer];
    bool of_output = layer->kind != WN_KIND_BATCH_NORM && parameter->role != WN_ROLE_WEIGHT;
    return of_output ? &graph->tensors[layer->output] : wn_layer_input(graph, layer, 0);
}

static bool is_matrix(const wn_graph *graph, const wn_graph_parameter *parameter) {
    return parameter->role == WN_ROLE_WEIGHT && graph->layers[parameter->layer].kind != WN_KIND_BATCH_NORM;
}

int64_t wn_parameter_floats(const wn_graph *graph, int parameter) {
    const wn_graph_parameter *of = &graph->parameters[parameter];
    if (!is_matrix(graph, of))
        return (int64_t)wn_blocks(channels_of(graph, of)->physical) * WN_BLOCK;
    wn_problem problem = wn_layer_problem(graph, &graph->layers[of->layer], 1);
    return wn_failed(wn_problem_check(&problem)) ? -1 : wn_conv_weights_floats(&problem);
}

wn_parameter_layout wn_parameter_layout_of(const wn_graph *graph, int parameter) {
    const wn_graph_parameter *of = &graph->parameters[parameter];
    wn_parameter_layout layout = {.parameter = of,
                                  .runs = of->count,
                                  .length = 1,
                                  .step = 1,
                                  .physical_of = channels_of(graph, of)->physical_of};
    if (is_matrix(graph, of)) {
        layout.problem = wn_layer_problem(graph, &graph->layers[of->layer], 1);
        layout.length = (int64_t)layout.problem.kh * layout.problem.kw;
        layout.runs = of->count / layout.length;
        layout.step = layout.problem.plain_src ? layout.problem.ic * WN_BLOCK : WN_BLOCK * WN_BLOCK;
    }
    return layout;
}

/* The first tap of output channel o and input channel i of its group: see conv.h for the layout. */
static int64_t weight_start(const wn_parameter_layout *layout, int64_t o, int64_t i) {
    const wn_problem *problem = &layout->problem;
    int64_t taps = layout->length, ob = o / WN_BLOCK;
    if (problem->plain_src)
        return (ob * taps * problem->ic + i) * WN_BLOCK + o % WN_BLOCK;
    int64_t group = o / (problem->oc / problem->g);
    int64_t c = problem->g > 1        ? group * (problem->ic / problem->g) + i
                : layout->physical_of ? layout->physical_of[i]
                                      : i;
    int64_t block = c / WN_BLOCK - wn_conv_window_first(problem, (int)ob);
    return (((ob * wn_conv_window(problem) + block) * taps) * WN_BLOCK + c % WN_BLOCK) * WN_BLOCK +
           o % WN_BLOCK;
}

int64_t wn_parameter_run_start(const wn_parameter_layout *layout, int64_t run) {
    if (!layout->problem.mb) /* a vector */
        return layout->physical_of ? layout->physical_of[run] : run;
    int64_t inputs = layout->runs / layout->problem.oc;
    return weight_start(layout, run / inputs, run % inputs);
}

void wn_parameter_unblock(const wn_graph *graph, int parameter, const float *storage, float *values) {
    wn_parameter_layout layout = wn_parameter_layout_of(graph, parameter);
    for (int64_t run = 0; run < layout.runs; run++) {
        const float *from = storage + wn_parameter_run_start(&layout, run);
        for (int64_t i = 0; i < layout.length; i++)
            *values++ = from[i * layout.step];
    }
}

int wn_model_parameter_count(const wn_model *model) {
    return model->graph->parameter_count;
}

wn_parameter wn_model_parameter(const wn_model *model, int index) {
    const wn_graph_parameter *of = &model->graph->parameters[index];
    return (wn_parameter){.name = of->name,
                          .dims = of->dims,
                          .shape = {of->shape[0], of->shape[1], of->shape[2], of->shape[3]},
                          .count = of->count,
                          .learned = of->learned};
}

void wn_model_read(const wn_model *model, int index, float *values) {
    wn_parameter_unblock(model->graph, index, wn_model_storage(model, index), values);
}

static void block(const wn_graph *graph, int parameter, const float *values, float *storage) {
    wn_parameter_layout layout = wn_parameter_layout_of(graph, parameter);
    for (int64_t run = 0; run < layout.runs; run++) {
        float *to = storage + wn_parameter_run_start(&layout, run);
        for (int64_t i = 0; i < layout.length; i++)
            to[i * layout.step] = *values++;
    }
}

void wn_model_write(wn_model *model, int index, const float *values) {
    model->version++;
    block(model->graph, index, values, wn_model_storage(model, index));
}

static float *moment_storage(const wn_model *model, int moment, int index) {
    return (float *)((char *)model->moments[moment].base + model->offsets[index]);
}

bool wn_model_has_moment(const wn_model *model, int moment) {
    return model->moments[moment].base != NULL;
}

void wn_model_read_moment(const wn_model *model, int moment, int index, float *values) {
    wn_parameter_unblock(model->graph, index, moment_storage(model, moment, index), values);
}

void wn_model_write_moment(wn_model *model, int moment, int index, const float *values) {
    block(model->graph, index, values, moment_storage(model, moment, index));
}

void wn_model_read_average(const wn_model *model, int index, float *values) {
    const char *average = model->average.base;
    wn_parameter_unblock(model->graph, index, (const float *)(average + model->offsets[index]), values);
}

int64_t wn_model_updates(const wn_model *model) {
    return model->updates;
}

void wn_model_set_updates(wn_model *model, int64_t updates) {
    model->updates = updates;
}
