/* A model: one block of memory for the parameters of a graph, and what the optimiser remembers of them. */
#include "cgroup.h"
#include "tape_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* offsets[p] of every parameter, offsets[count] the total. */
static wn_status lay_out(const wn_graph *graph, size_t *offsets) {
    for (int p = 0; p < graph->parameter_count; p++) {
        int64_t floats = wn_parameter_floats(graph, p);
        size_t bytes;
        if (floats < 0 || __builtin_mul_overflow((size_t)floats, sizeof(float), &bytes) ||
            __builtin_add_overflow(offsets[p], wn_align64(bytes), &offsets[p + 1]))
            return wn_error(WN_ERROR_MEMORY, "parameter '%s' is too large", graph->parameters[p].name);
    }
    return wn_ok();
}

/* Scale and running variance of a batch norm start at 1, in used lanes only. */
static void set_ones(wn_model *model) {
    const wn_graph *graph = model->graph;
    for (int p = 0; p < graph->parameter_count; p++) {
        const wn_graph_parameter *of = &graph->parameters[p];
        bool scale = of->role == WN_ROLE_WEIGHT && graph->layers[of->layer].kind == WN_KIND_BATCH_NORM;
        if (!scale && of->role != WN_ROLE_RUNNING_VAR)
            continue;
        wn_parameter_layout layout = wn_parameter_layout_of(graph, p);
        for (int64_t run = 0; run < layout.runs; run++)
            wn_model_storage(model, p)[wn_parameter_run_start(&layout, run)] = 1;
    }
}

wn_status wn_model_create(const wn_graph *graph, wn_model **result) {
    *result = NULL;
    WN_TRY(wn_graph_check(graph));
    wn_arena_set_limit((size_t)wn_cgroup_memory(""));
    wn_model *model = calloc(1, sizeof *model);
    if (!model)
        return wn_error(WN_ERROR_MEMORY, "out of memory for a model");
    wn_status status;
    model->graph = graph;
    model->offsets = calloc((size_t)graph->parameter_count + 1, sizeof *model->offsets);
    if (!model->offsets) {
        status =
            wn_error(WN_ERROR_MEMORY, "out of memory for a model of %d parameters", graph->parameter_count);
        goto fail;
    }
    status = lay_out(graph, model->offsets);
    if (wn_failed(status))
        goto fail;
    status = wn_arena_map(model->offsets[graph->parameter_count], &model->values);
    if (wn_failed(status))
        goto fail;
    set_ones(model);
    *result = model;
    return wn_ok();
fail:
    wn_model_destroy(model);
    return status;
}

void wn_model_destroy(wn_model *model) {
    if (!model)
        return;
    wn_arena_unmap(&model->values);
    wn_arena_unmap(&model->moments[0]);
    wn_arena_unmap(&model->moments[1]);
    wn_arena_unmap(&model->gathered);
    wn_arena_unmap(&model->average);
    free(model->offsets);
    free(model);
}

static wn_status prepare_moments(wn_model *model, wn_optimizer optimizer, const bool used[static 2],
                                 size_t bytes) {
    if ((used[0] || used[1]) && model->moments_of != optimizer) {
        for (int i = 0; i < 2; i++)
            if (model->moments[i].base)
                memset(model->moments[i].base, 0, bytes);
        model->updates = 0;
        model->moments_of = optimizer;
    }
    for (int i = 0; i < 2; i++)
        if (used[i] && !model->moments[i].base)
            WN_TRY(wn_arena_map(bytes, &model->moments[i]));
    return wn_ok();
}

wn_status wn_model_prepare_training(wn_model *model, const wn_tape_options *options) {
    size_t bytes = model->offsets[model->graph->parameter_count];
    bool moments[2];
    wn_tape_moments(options, moments);
    WN_TRY(prepare_moments(model, options->optimizer, moments, bytes));
    if (options->accumulate_gradients && !model->gathered.base)
        WN_TRY(wn_arena_map(bytes, &model->gathered));
    if (options->average_weights && !model->average.base) {
        WN_TRY(wn_arena_map(bytes, &model->average));
        memcpy(model->average.base, model->values.base, bytes);
    }
    return wn_ok();
}

bool wn_model_has_average(const wn_model *model) {
    return model->average.base != NULL;
}

void wn_model_swap_average(wn_model *model) {
    float *values = model->values.base, *average = model->average.base;
    size_t floats = model->offsets[model->graph->parameter_count] / sizeof(float);
    if (!average)
        return;
    model->version++;
    for (size_t i = 0; i < floats; i++) {
        float swapped = values[i];
        values[i] = average[i];
        average[i] = swapped;
    }
}

int wn_model_find_nonfinite(const wn_model *model) {
    const float *values = model->values.base;
    for (int p = 0; p < model->graph->parameter_count; p++)
        for (size_t i = model->offsets[p] / sizeof(float); i < model->offsets[p + 1] / sizeof(float); i++)
            if (!isfinite(values[i]))
                return p;
    return -1;
}
