/* Finite differences check the f64 interpreter, the interpreter checks compiled tapes: loss, every gradient,
 * the update, running statistics and evaluation, for every kind of layer and for random networks. */
#include "check.h"
#include "interpreter.h"
#include "isa.h"
#include "pool.h"
#include "random.h"
#include "random_graph.h"
#include <math.h>
#include <string.h>

enum { CLASSES = 5, BATCH = 3 };

/* Numbers for parameters and directions, drawn one after the other. */
typedef struct numbers {
    uint64_t seed, drawn;
} numbers;

static double draw(numbers *from, double low, double high) {
    return (double)(float)(low + (high - low) *
                                     (double)wn_random_uniform(from->seed, WN_STREAM_TEST, from->drawn++));
}

/* One network per kind of layer; x is a map of 6 x 9 x 8. The rest of the network is added behind. */
static wn_tensor net_conv(wn_graph *g, wn_tensor x) {
    return wn_conv(g, x, 7, .kernel = 3, .stride = 2, .pad = 1);
}
static wn_tensor net_conv_dilated(wn_graph *g, wn_tensor x) {
    return wn_conv(g, wn_conv(g, x, 18, .kernel = 2), 5, .kernel = 3, .pad = 2, .dilation = 1,
                   .no_bias = true);
}
static wn_tensor net_conv_groups(wn_graph *g, wn_tensor x) {
    return wn_conv(g, wn_conv(g, x, 12, .kernel = 3, .groups = 3), 12, .kernel = 3, .groups = 12);
}
/* All modes, up to the largest padding a map of 9 x 8 takes, and over holes of a concatenation. */
static wn_tensor net_padding(wn_graph *g, wn_tensor x) {
    x = wn_conv(g, x, 5, .kernel = 8, .pad = 7, .stride = 2, .padding = WN_PADDING_REFLECT);
    x = wn_conv(g, x, 17, .kernel = 3, .pad = 1, .padding = WN_PADDING_CIRCULAR);
    x = wn_concat(g, (wn_tensor[]){x, wn_conv(g, x, 3, .kernel = 3, .pad = 1, .padding = WN_PADDING_REFLECT)},
                  2);
    return wn_conv(g, x, 6, .kernel = 9, .pad = 4, .padding = WN_PADDING_REPLICATE);
}
static wn_tensor net_linear(wn_graph *g, wn_tensor x) {
    return wn_linear(g, wn_linear(g, wn_flatten(g, x), 21), 6, .no_bias = true);
}
static wn_tensor net_batch_norm(wn_graph *g, wn_tensor x) {
    return wn_batch_norm(g, x);
}
static wn_tensor net_max_pool(wn_graph *g, wn_tensor x) {
    return wn_max_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
}
static wn_tensor net_max_pool_large(wn_graph *g, wn_tensor x) {
    return wn_max_pool(g, wn_relu(g, x), .kernel = 17, .stride = 4, .pad = 8);
}
static wn_tensor net_max_pool_ceil(wn_graph *g, wn_tensor x) {
    return wn_max_pool(g, x, .kernel = 2, .ceil_mode = true);
}
static wn_tensor net_average_pool(wn_graph *g, wn_tensor x) {
    return wn_average_pool(g, x, .kernel = 3, .stride = 2, .pad = 1);
}
static wn_tensor net_average_pool_ceil(wn_graph *g, wn_tensor x) {
    return wn_average_pool(g, x, .kernel = 4, .stride = 3, .pad = 2, .ceil_mode = true);
}
static wn_tensor net_average_pool_exclude(wn_graph *g, wn_tensor x) {
    x = wn_average_pool(g, x, .kernel = 3, .stride = 2, .pad = 1, .exclude_pad = true);
    return wn_average_pool(g, x, .kernel = 3, .stride = 2, .pad = 1, .ceil_mode = true, .exclude_pad = true);
}
static wn_tensor net_global_average_pool(wn_graph *g, wn_tensor x) {
    return wn_global_average_pool(g, x);
}
/* Windows that divide the map, overlap, and repeat pixels. */
static wn_tensor net_adaptive_average_pool(wn_graph *g, wn_tensor x) {
    x = wn_adaptive_average_pool(g, x, 3, 4);
    x = wn_adaptive_average_pool(g, x, 2, 3);
    return wn_adaptive_average_pool(g, x, 3, 5);
}
/* Within a block of 16 channels, into the next, and from a full one; the gradient of x has two writers. */
static wn_tensor net_pad_channels(wn_graph *g, wn_tensor x) {
    wn_tensor y = wn_pad_channels(g, wn_pad_channels(g, x, 9), 16);
    y = wn_pad_channels(g, y, 33);
    return wn_add(g, y, wn_pad_channels(g, x, 33));
}
/* Strong enough to show; over one block, and over three with a partly filled last one. */
static wn_tensor net_response_norm(wn_graph *g, wn_tensor x) {
    wn_tensor y = wn_local_response_norm(g, x, .size = 3, .alpha = 2, .k = 0.5F);
    y = wn_local_response_norm(g, wn_conv(g, y, 37), .size = 9, .alpha = 3);
    return wn_add(g, y, wn_local_response_norm(g, y, .size = 5, .alpha = 1, .k = 2));
}
/* Each batch norm reads what the one before it read, and more; the last one also holes. */
static wn_tensor net_dense(wn_graph *g, wn_tensor x) {
    for (int i = 0; i < 3; i++) {
        wn_tensor y = wn_conv(g, wn_relu(g, wn_batch_norm(g, x)), 5 + 12 * i, .kernel = 3, .pad = 1);
        x = wn_concat(g, (wn_tensor[]){x, y}, 2);
    }
    return wn_batch_norm(g, x);
}
static wn_tensor net_relu(wn_graph *g, wn_tensor x) {
    return wn_relu(g, x);
}
static wn_tensor net_sigmoid(wn_graph *g, wn_tensor x) {
    return wn_sigmoid(g, x);
}
static wn_tensor net_tanh(wn_graph *g, wn_tensor x) {
    return wn_add(g, wn_tanh(g, x), wn_tanh(g, wn_tanh(g, x)));
}
static wn_tensor net_dropout(wn_graph *g, wn_tensor x) {
    return wn_dropout(g, wn_dropout(g, x, 0.25F), 0.5F);
}
/* Elements keep the numbers of their places in the map, holes of the concatenation included. */
static wn_tensor net_dropout_holes(wn_graph *g, wn_tensor x) {
    wn_tensor parts[2] = {x, wn_conv(g, x, 17)};
    return wn_dropout(g, wn_dropout(g, wn_concat(g, parts, 2), 0.5F), 0.5F);
}
static wn_tensor net_add(wn_graph *g, wn_tensor x) {
    return wn_add(g, wn_add(g, x, wn_sigmoid(g, x)), x);
}
static wn_tensor net_concat(wn_graph *g, wn_tensor x) {
    wn_tensor parts[3] = {wn_conv(g, x, 17), x, wn_conv(g, x, 16)};
    wn_tensor all = wn_concat(g, parts, 3);
    return wn_batch_norm(g, wn_concat(g, (wn_tensor[]){all, wn_conv(g, all, 3)}, 2));
}
static wn_tensor net_residual(wn_graph *g, wn_tensor x) {
    wn_tensor y = wn_relu(g, wn_batch_norm(g, wn_conv(g, x, 6, .kernel = 3, .pad = 1, .no_bias = true)));
    y = wn_batch_norm(g, wn_conv(g, y, 6, .kernel = 3, .pad = 1, .no_bias = true));
    return wn_relu(g, wn_add(g, y, x));
}

static const struct {
    const char *name;
    wn_tensor (*build)(wn_graph *, wn_tensor);
} kinds[] = {
    {"conv", net_conv},
    {"conv with dilation", net_conv_dilated},
    {"conv with groups", net_conv_groups},
    {"convolution padded with pixels", net_padding},
    {"linear", net_linear},
    {"batch norm", net_batch_norm},
    {"max pool", net_max_pool},
    {"max pool with a large window", net_max_pool_large},
    {"max pool, ceil mode", net_max_pool_ceil},
    {"average pool", net_average_pool},
    {"average pool, ceil mode", net_average_pool_ceil},
    {"average pool without padding", net_average_pool_exclude},
    {"global average pool", net_global_average_pool},
    {"adaptive average pool", net_adaptive_average_pool},
    {"padded channels", net_pad_channels},
    {"local response norm", net_response_norm},
    {"relu", net_relu},
    {"sigmoid", net_sigmoid},
    {"tanh", net_tanh},
    {"dropout", net_dropout},
    {"dropout over holes", net_dropout_holes},
    {"add", net_add},
    {"concat", net_concat},
    {"dense block", net_dense},
    {"residual block", net_residual},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* A convolution in front lets gradients reach a learned parameter; behind it every element of the map has a
 * weight of its own. Its padding mode goes round, over the network's plain input. */
static wn_graph *build_kind(int kind, wn_padding padding) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_conv(g, wn_input(g, 2, 9, 8), 6, .kernel = 3, .pad = 1, .padding = padding);
    x = kinds[kind].build(g, x);
    wn_output(g, wn_linear(g, wn_flatten(g, x), CLASSES));
    return g;
}

/* Weights that keep the size of what passes through them; everything exactly representable in f32. */
static void draw_parameters(interpreter *it, numbers *from) {
    for (int p = 0; p < it->graph->parameter_count; p++) {
        const wn_graph_parameter *of = &it->graph->parameters[p];
        bool norm = it->graph->layers[of->layer].kind == WN_KIND_BATCH_NORM;
        double fan_in = (double)(of->shape[1] * of->shape[2] * of->shape[3]), low = -0.5, high = 0.5;
        if (of->role == WN_ROLE_WEIGHT && !norm)
            low = -(high = sqrt(3 / fan_in));
        else if (of->role == WN_ROLE_WEIGHT || of->role == WN_ROLE_RUNNING_VAR)
            low = 0.5, high = 1.5;
        for (int64_t i = 0; i < of->count; i++)
            it->parameters[p][i] = draw(from, low, high);
    }
}

static void draw_batch(interpreter *it, numbers *from) {
    ref_tensor *input = &it->values[it->graph->input];
    for (long i = 0; i < ref_count(input); i++)
        input->data[i] = draw(from, -1, 1);
    for (int i = 0; i < BATCH; i++)
        it->labels[i] = (int32_t)wn_random_below(from->seed, WN_STREAM_TEST, from->drawn++, CLASSES);
}

/* Draws until no ReLU and no maximum is so close to its kink that rounding or a small step takes the other
 * branch. False when that does not happen. */
static bool draw_everything(interpreter *it, numbers *from) {
    for (int attempt = 0; attempt < 40; attempt++) {
        draw_parameters(it, from);
        draw_batch(it, from);
        interpreter_forward(it);
        if (it->margin > 2e-5)
            return true;
    }
    return false;
}

static double norm_of(const double *values, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return sqrt(sum);
}

/* The loss changes along a random direction of length 1 as the gradient says. */
static void check_direction(interpreter *it, const char *what, const char *which, double *values,
                            int64_t count, const double *gradient, numbers *from) {
    const double step = 2e-6;
    double *direction = malloc((size_t)count * sizeof *direction),
           *saved = malloc((size_t)count * sizeof *saved);
    double losses[2], expected = 0;
    for (int64_t i = 0; i < count; i++)
        direction[i] = draw(from, -1, 1);
    double length = norm_of(direction, count);
    for (int64_t i = 0; i < count; i++)
        expected += gradient[i] * (direction[i] /= length);
    memcpy(saved, values, (size_t)count * sizeof *saved);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < count; i++)
            values[i] = saved[i] + (side ? step : -step) * direction[i];
        losses[side] = interpreter_forward(it);
    }
    memcpy(values, saved, (size_t)count * sizeof *saved);
    double found = (losses[1] - losses[0]) / (2 * step);
    /* 1e-15 / step is what the rounding of the loss leaves; the rest is the curvature's share. */
    CHECK(fabs(found - expected) <= 2e-5 * norm_of(gradient, count) + 1e-8,
          "%s, %s: the loss rises by %.9g per unit, the gradient says %.9g", what, which, found, expected);
    free(direction);
    free(saved);
}

static void check_interpreter(interpreter *it, const char *what, numbers *from) {
    it->training = true;
    interpreter_forward(it);
    interpreter_backward(it);
    ref_tensor *input = &it->values[it->graph->input];
    check_direction(it, what, "input", input->data, ref_count(input),
                    it->value_gradients[it->graph->input].data, from);
    for (int p = 0; p < it->graph->parameter_count; p++)
        if (it->graph->parameters[p].learned)
            check_direction(it, what, it->graph->parameters[p].name, it->parameters[p],
                            it->graph->parameters[p].count, it->parameter_gradients[p], from);
}

/* What the tapes run on, and how far they were off at worst. */
typedef struct session {
    wn_pool *pool;
    double worst; /* error of a gradient over its length */
} session;

typedef struct tape_run {
    const char *what;
    wn_model *model;
    wn_tape *tape;
} tape_run;

static void load_tape(tape_run *run, const interpreter *it) {
    const ref_tensor *input = &it->values[it->graph->input];
    for (long i = 0; i < ref_count(input); i++)
        wn_tape_input(run->tape)[i] = (float)input->data[i];
    memcpy(wn_tape_labels(run->tape), it->labels, BATCH * sizeof *it->labels);
}

static void write_parameters(wn_model *model, const interpreter *it) {
    for (int p = 0; p < it->graph->parameter_count; p++) {
        int64_t count = it->graph->parameters[p].count;
        float *values = malloc((size_t)count * sizeof *values);
        for (int64_t i = 0; i < count; i++)
            values[i] = (float)it->parameters[p][i];
        wn_model_write(model, p, values);
        free(values);
    }
}

/* The length of got - want. */
static double distance(const float *got, const double *want, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
    return sqrt(sum);
}

static double whole_gradient(const interpreter *it) {
    double sum = 0;
    for (int p = 0; p < it->graph->parameter_count; p++)
        if (it->parameter_gradients[p])
            sum += pow(norm_of(it->parameter_gradients[p], it->graph->parameters[p].count), 2);
    return sqrt(sum);
}

/* A gradient is judged by its own length; the second part is for those that are zero but for rounding, such
 * as a bias before a batch norm. */
static void check_tape_gradients(const tape_run *run, const interpreter *it, session *s) {
    double whole = whole_gradient(it);
    for (int p = 0; p < it->graph->parameter_count; p++) {
        const wn_graph_parameter *of = &it->graph->parameters[p];
        if (!of->learned)
            continue;
        float *got = malloc((size_t)of->count * sizeof *got);
        wn_tape_gradient(run->tape, p, got);
        double length = norm_of(it->parameter_gradients[p], of->count);
        double off = distance(got, it->parameter_gradients[p], of->count);
        s->worst = fmax(s->worst, off / (length + whole / 32));
        CHECK(off <= 3.2e-5 * length + 1e-5 * whole, "%s: gradient of %s is off by %.3g of %.3g", run->what,
              of->name, off, length);
        free(got);
    }
}

/* Rounding moves the logits by a share of their size, and the loss by as much relative to itself: where it is
 * tiny it is a sum of exponentials of them. */
static void check_tape_loss(const tape_run *run, const interpreter *it, double want) {
    const ref_tensor *logits = &it->values[it->graph->output];
    double got = wn_tape_loss(run->tape), size = norm_of(logits->data, ref_count(logits));
    CHECK(fabs(got - want) <= 1e-5 * (1 + size) * want, "%s: loss is %.9g, expected %.9g", run->what, got,
          want);
}

/* The model after one step of SGD. */
static void check_tape_model(const tape_run *run, const interpreter *it, const interpreter *before,
                             double lr) {
    for (int p = 0; p < it->graph->parameter_count; p++) {
        const wn_graph_parameter *of = &it->graph->parameters[p];
        float *got = malloc((size_t)of->count * sizeof *got);
        double *want = malloc((size_t)of->count * sizeof *want), moved = 0;
        memcpy(want, (of->learned ? before : it)->parameters[p], (size_t)of->count * sizeof *want);
        if (of->learned) {
            ref_sgd(&(ref_update){.lr = lr}, of->count, want, it->parameter_gradients[p], NULL);
            moved = lr * (norm_of(it->parameter_gradients[p], of->count) + 1e-2 * whole_gradient(it));
        }
        wn_model_read(run->model, p, got);
        double off = distance(got, want, of->count), bound = 1e-6 * norm_of(want, of->count) + 1e-4 * moved;
        CHECK(off <= bound, "%s: %s is off by %.3g after the step, expected at most %.3g", run->what,
              of->name, off, bound);
        free(got);
        free(want);
    }
}

/* Evaluation with the model as the training step left it. */
static void check_evaluation(tape_run *run, interpreter *it, const wn_tape_options *training) {
    wn_tape_options options = *training;
    options.training = options.keep_gradients = false;
    wn_status status = wn_tape_compile(run->model, &options, &run->tape);
    if (!CHECK(!wn_failed(status), "%s, evaluation: %s", run->what, status.message))
        return;
    for (int p = 0; p < it->graph->parameter_count; p++) {
        float *values = malloc((size_t)it->graph->parameters[p].count * sizeof *values);
        wn_model_read(run->model, p, values);
        for (int64_t i = 0; i < it->graph->parameters[p].count; i++)
            it->parameters[p][i] = (double)values[i];
        free(values);
    }
    it->training = false;
    double want = interpreter_forward(it);
    load_tape(run, it);
    wn_tape_run(run->tape);
    float logits[BATCH * CLASSES];
    wn_tape_logits(run->tape, logits);
    const ref_tensor *wanted = &it->values[it->graph->output];
    double off = distance(logits, wanted->data, BATCH * CLASSES);
    check_tape_loss(run, it, want);
    CHECK(off <= 1e-5 * norm_of(wanted->data, BATCH * CLASSES), "%s: logits are off by %.3g", run->what, off);
    CHECK(wn_tape_correct(run->tape) == it->correct, "%s: %d right, expected %d", run->what,
          (int)wn_tape_correct(run->tape), (int)it->correct);
    wn_tape_destroy(run->tape);
}

static void copy_parameters(interpreter *to, const interpreter *from) {
    for (int p = 0; p < from->graph->parameter_count; p++)
        memcpy(to->parameters[p], from->parameters[p],
               (size_t)from->graph->parameters[p].count * sizeof **from->parameters);
}

static void check_tape(interpreter *it, const char *what, wn_isa isa, session *s) {
    const double lr = 0.125;
    interpreter before = interpreter_create(it->graph, BATCH);
    copy_parameters(&before, it);
    tape_run run = {.what = what};
    wn_tape_options options = {.batch = BATCH,
                               .training = true,
                               .keep_gradients = true,
                               .label_smoothing = (float)it->label_smoothing,
                               .isa = isa,
                               .pool = s->pool,
                               .seed = it->seed};
    wn_status status = wn_model_create(it->graph, &run.model);
    if (!wn_failed(status))
        status = wn_tape_compile(run.model, &options, &run.tape);
    if (!CHECK(!wn_failed(status), "%s: %s", what, status.message))
        goto done;
    write_parameters(run.model, it);
    load_tape(&run, it);
    wn_tape_set_options(run.tape, &(wn_step_options){.lr = (float)lr});
    wn_tape_run(run.tape);
    it->training = true;
    double want = interpreter_forward(it);
    interpreter_backward(it);
    check_tape_loss(&run, it, want);
    check_tape_gradients(&run, it, s);
    check_tape_model(&run, it, &before, lr);
    wn_tape_destroy(run.tape);
    check_evaluation(&run, it, &options);
    copy_parameters(it, &before);
done:
    wn_model_destroy(run.model);
    interpreter_destroy(&before);
}

/* One graph: the interpreter first, then a tape for every ISA. */
static void check_graph(wn_graph *graph, const char *name, uint64_t seed, session *s) {
    wn_status status = graph ? wn_graph_status(graph) : wn_error(WN_ERROR_MEMORY, "no graph");
    if (!CHECK(!wn_failed(status), "%s: %s", name, status.message)) {
        wn_graph_destroy(graph);
        return;
    }
    numbers from = {.seed = seed};
    interpreter it = interpreter_create(graph, BATCH);
    it.training = true;
    it.seed = seed + 1;
    it.step = 1;
    it.label_smoothing = graph->layer_count % 2 ? 0.125 : 0;
    if (draw_everything(&it, &from)) {
        interpreter saved = interpreter_create(graph, BATCH);
        copy_parameters(&saved, &it);
        check_interpreter(&it, name, &from);
        copy_parameters(&it, &saved); /* the running statistics have moved */
        interpreter_destroy(&saved);
        for (int isa = 0; isa <= (int)wn_isa_detect(); isa++) {
            char what[128];
            snprintf(what, sizeof what, "%s, %s", name, wn_isa_name((wn_isa)isa));
            check_tape(&it, what, (wn_isa)isa, s);
        }
    } else {
        check_skipped++;
        printf("%s: skipped, always close to a kink\n", name);
    }
    interpreter_destroy(&it);
    wn_graph_destroy(graph);
}

int main(void) {
    uint64_t seed = check_seed();
    session s = {0};
    wn_status status = wn_pool_create(2, &s.pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return check_finish("check_gradients");
    for (int kind = 0; kind < KINDS; kind++)
        check_graph(build_kind(kind, (wn_padding)(kind % 4)), kinds[kind].name, seed, &s);
    for (uint64_t i = 0; i < (check_full() ? 200 : 12); i++) {
        char name[64];
        snprintf(name, sizeof name, "random network %" PRIu64, seed * 1000 + i);
        check_graph(random_graph(seed * 1000 + i, (random_graph_options){.classes = CLASSES}), name, seed,
                    &s);
    }
    wn_pool_destroy(s.pool);
    printf("gradients are within %.2g of their length\n", s.worst);
    return check_finish("check_gradients");
}
