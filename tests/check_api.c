/* The public headers alone, as somebody who links libwinnow has them: a network built, trained for some
 * steps, read back. What the parts compute is checked elsewhere. */
#include "check.h"
#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <winnow/graph.h>
#include <winnow/machine.h>
#include <winnow/model.h>
#include <winnow/pool.h>
#include <winnow/problem.h>
#include <winnow/status.h>

enum { BATCH = 8, SIDE = 12, CLASSES = 3 };

static void build(wn_graph *g) {
    wn_tensor x = wn_input(g, 1, SIDE, SIDE);
    x = wn_relu(g, wn_conv(g, x, 8, .kernel = 3, .pad = 1));
    x = wn_max_pool(g, x, .kernel = 2);
    wn_output(g, wn_linear(g, wn_flatten(g, x), CLASSES));
}

/* Every class is a brighter band of rows. */
static void fill(wn_tape *tape) {
    float *images = wn_tape_input(tape);
    int32_t *labels = wn_tape_labels(tape);
    for (int n = 0; n < BATCH; n++) {
        labels[n] = n % CLASSES;
        for (int i = 0; i < SIDE * SIDE; i++)
            images[n * SIDE * SIDE + i] =
                i / SIDE / (SIDE / CLASSES) == labels[n] ? 1 : 0.1f * (float)(i % 3);
    }
}

enum { FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040 };

static double train(wn_model *model, wn_pool *pool, int steps) {
    wn_tape_options options = {.batch = BATCH, .training = true, .isa = wn_isa_detect(), .pool = pool};
    wn_tape *tape = NULL;
    wn_status status = wn_tape_compile(model, &options, &tape);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return NAN;
    fill(tape);
    /* the caller's arithmetic stays its own: its denormals are not flushed by what a step needs */
    unsigned before = _mm_getcsr();
    for (int step = 0; step < steps; step++)
        wn_tape_run(tape);
    volatile float tiny = 1e-39f;
    CHECK(_mm_getcsr() == before && !(before & FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO) && tiny * 0.5f > 0,
          "MXCSR is %x after the steps, was %x", _mm_getcsr(), before);
    double loss = wn_tape_loss(tape);
    wn_tape_destroy(tape);
    return loss;
}

int main(void) {
    wn_pool *pool = NULL;
    wn_model *model = NULL;
    wn_graph *graph = wn_graph_create();
    build(graph);
    wn_status status = wn_model_create(graph, &model);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_pool_create(2, &pool);
    CHECK(!wn_failed(status), "%s", status.message);
    if (model && pool) {
        wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
        double first = train(model, pool, 1), last = train(model, pool, 200);
        CHECK(last < 0.7 * first, "loss %g after 200 steps, %g after the first", last, first);
        CHECK(wn_model_parameter_count(model) == 4, "%d parameters, expected 4",
              wn_model_parameter_count(model));
        wn_parameter weights = wn_model_parameter(model, 0);
        CHECK(weights.dims == 4 && weights.count == 8 * 9,
              "the convolution has %lld weights in %d dimensions", (long long)weights.count, weights.dims);
    }
    wn_problem problem = {0};
    status = wn_problem_parse("mb2ic16ih8oc16kh3ph1", &problem);
    CHECK(!wn_failed(status) && problem.ow == 8, "output width %d, expected 8", problem.ow);
    wn_pool_destroy(pool);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
    return check_finish("check_api");
}
