/* Models to tensors by name, and back. */
#include "checkpoint.h"
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOMENTS = 2, AVERAGE = 2 }; /* kinds of what is kept beside the parameters */
static const char *const prefixes[] = {"optimizer.moment1.", "optimizer.moment2.", "average."};

void wn_facts_add(wn_run_facts *facts, const char *key, const char *format, ...) {
    char *value;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&value, format, arguments) < 0)
        value = NULL;
    va_end(arguments);
    if (value)
        wn_text_clean(value);
    if (facts->count < WN_FACTS_MAX)
        facts->pairs[facts->count++] = (wn_metadata){key, value};
    else
        free(value);
}

void wn_facts_free(wn_run_facts *facts, int keep) {
    while (facts->count > keep)
        free((char *)facts->pairs[--facts->count].value);
}

/* One tensor of a file that is being written. */
typedef struct slot {
    int parameter, kind; /* -1: the parameter itself */
} slot;

typedef struct listing {
    const wn_model *model;
    wn_safetensor *tensors;
    slot *slots;
    int count;
} listing;

static void fill(void *context, int index, float *values) {
    const listing *l = context;
    slot s = l->slots[index];
    if (s.kind < 0)
        wn_model_read(l->model, s.parameter, values);
    else if (s.kind == AVERAGE)
        wn_model_read_average(l->model, s.parameter, values);
    else
        wn_model_read_moment(l->model, s.kind, s.parameter, values);
}

static bool list_tensor(listing *l, int parameter, int kind) {
    wn_parameter p = wn_model_parameter(l->model, parameter);
    wn_safetensor *tensor = &l->tensors[l->count];
    *tensor = (wn_safetensor){.dims = p.dims, .count = p.count};
    char *name;
    if (asprintf(&name, "%s%s", kind < 0 ? "" : prefixes[kind], p.name) < 0)
        return false;
    tensor->name = name;
    memcpy(tensor->shape, p.shape, sizeof p.shape);
    l->slots[l->count++] = (slot){parameter, kind};
    return true;
}

static bool list_all(listing *l, bool moments) {
    int parameters = wn_model_parameter_count(l->model);
    l->tensors = calloc((2 + MOMENTS) * (size_t)parameters + 1, sizeof *l->tensors);
    l->slots = calloc((2 + MOMENTS) * (size_t)parameters + 1, sizeof *l->slots);
    bool done = l->tensors && l->slots;
    for (int p = 0; done && p < parameters; p++)
        done = list_tensor(l, p, -1);
    for (int m = 0; done && moments && m < MOMENTS; m++)
        for (int p = 0; done && wn_model_has_moment(l->model, m) && p < parameters; p++)
            done = !wn_model_parameter(l->model, p).learned || list_tensor(l, p, m);
    for (int p = 0; done && moments && wn_model_has_average(l->model) && p < parameters; p++)
        done = list_tensor(l, p, AVERAGE);
    return done;
}

wn_status wn_checkpoint_save(const char *path, const wn_model *model, bool moments,
                             const wn_run_facts *facts) {
    listing l = {.model = model};
    bool done = list_all(&l, moments);
    for (int i = 0; i < facts->count; i++)
        done = done && facts->pairs[i].value;
    wn_status status = wn_error(WN_ERROR_MEMORY, "%s: no memory for the list of tensors", path);
    if (done)
        status = wn_safetensors_write(path, &(wn_safetensors_source){.tensors = l.tensors,
                                                                     .tensor_count = l.count,
                                                                     .metadata = facts->pairs,
                                                                     .metadata_count = facts->count,
                                                                     .fill = fill,
                                                                     .context = &l});
    for (int i = 0; i < l.count; i++)
        free((char *)l.tensors[i].name);
    free(l.tensors);
    free(l.slots);
    return status;
}

static void describe_shape(int dims, const int64_t *shape, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int d = 0; d < dims && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%lld", d ? "x" : "", (long long)shape[d]);
}

/* The tensor of a parameter, with the shape it must have. */
static wn_status find_tensor(const wn_safetensors *file, const char *prefix, const wn_parameter *parameter,
                             const wn_safetensor **tensor) {
    char name[512], found[100], expected[100];
    snprintf(name, sizeof name, "%s%s", prefix, parameter->name);
    *tensor = wn_safetensors_find(file, name);
    if (!*tensor)
        return wn_error(WN_ERROR_FORMAT, "%s: no tensor '%.100s'; a checkpoint of another network?",
                        wn_safetensors_path(file), name);
    bool same = (*tensor)->dims == parameter->dims;
    for (int d = 0; same && d < parameter->dims; d++)
        same = (*tensor)->shape[d] == parameter->shape[d];
    describe_shape((*tensor)->dims, (*tensor)->shape, found, sizeof found);
    describe_shape(parameter->dims, parameter->shape, expected, sizeof expected);
    if (!same)
        return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' is %s, expected %s", wn_safetensors_path(file),
                        name, found, expected);
    if (strcmp((*tensor)->dtype, "F32") != 0)
        return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' is of type %s, expected F32",
                        wn_safetensors_path(file), name, (*tensor)->dtype);
    return wn_ok();
}

bool wn_checkpoint_is_counter(const char *name) {
    static const char ending[] = ".num_batches_tracked";
    const size_t length = strlen(name), tail = sizeof ending - 1;
    return length >= tail && !strcmp(name + length - tail, ending);
}

static bool is_average(const char *name) {
    return !strncmp(name, prefixes[AVERAGE], strlen(prefixes[AVERAGE]));
}

/* Nothing in the file that the model has no place for. */
static wn_status check_rest(const wn_safetensors *file, const wn_model *model) {
    for (int i = 0; i < wn_safetensors_count(file); i++) {
        const char *name = wn_safetensors_at(file, i)->name;
        bool known = !strncmp(name, "optimizer.", 10) || is_average(name) || wn_checkpoint_is_counter(name);
        for (int p = 0; !known && p < wn_model_parameter_count(model); p++)
            known = !strcmp(name, wn_model_parameter(model, p).name);
        if (!known)
            return wn_error(WN_ERROR_FORMAT, "%s: the network has no parameter '%.100s'",
                            wn_safetensors_path(file), name);
    }
    return wn_ok();
}

/* A parameter's tensors lie at bytes that need not be aligned. */
static wn_status copy_out(const wn_safetensors *file, const wn_safetensor *tensor, float **values) {
    *values = malloc((size_t)tensor->count * sizeof(float) + 1);
    if (!*values)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for tensor '%.100s'", wn_safetensors_path(file),
                        tensor->name);
    memcpy(*values, tensor->data, (size_t)tensor->count * sizeof(float));
    return wn_ok();
}

/* All parameters under their names with this prefix. */
static wn_status load(const wn_safetensors *file, const char *prefix, wn_model *model) {
    const wn_safetensor *tensor;
    int parameters = wn_model_parameter_count(model);
    for (int p = 0; p < parameters; p++) {
        wn_parameter parameter = wn_model_parameter(model, p);
        WN_TRY(find_tensor(file, prefix, &parameter, &tensor));
    }
    WN_TRY(check_rest(file, model));
    for (int p = 0; p < parameters; p++) {
        wn_parameter parameter = wn_model_parameter(model, p);
        float *values;
        WN_TRY(find_tensor(file, prefix, &parameter, &tensor));
        WN_TRY(copy_out(file, tensor, &values));
        wn_model_write(model, p, values);
        free(values);
    }
    return wn_ok();
}

wn_status wn_checkpoint_load(const wn_safetensors *file, wn_model *model) {
    return load(file, "", model);
}

bool wn_checkpoint_has_average(const wn_safetensors *file) {
    for (int i = 0; i < wn_safetensors_count(file); i++)
        if (is_average(wn_safetensors_at(file, i)->name))
            return true;
    return false;
}

wn_status wn_checkpoint_load_average(const wn_safetensors *file, wn_model *model) {
    wn_model_swap_average(model);
    wn_status status = load(file, prefixes[AVERAGE], model);
    wn_model_swap_average(model);
    return status;
}

wn_status wn_checkpoint_load_moments(const wn_safetensors *file, wn_model *model) {
    for (int m = 0; m < MOMENTS; m++)
        for (int p = 0; p < wn_model_parameter_count(model) && wn_model_has_moment(model, m); p++) {
            wn_parameter parameter = wn_model_parameter(model, p);
            const wn_safetensor *tensor;
            float *values;
            if (!parameter.learned)
                continue;
            WN_TRY(find_tensor(file, prefixes[m], &parameter, &tensor));
            WN_TRY(copy_out(file, tensor, &values));
            wn_model_write_moment(model, m, p, values);
            free(values);
        }
    return wn_ok();
}
