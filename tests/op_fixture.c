/* Views, comparisons and threads for the checks of kernels/ops, see op_fixture.h. */
#include "op_fixture.h"
#include "arena.h"
#include "random.h"
#include <math.h>
#include <string.h>

const op_shape op_shapes[] = {{1, 1, 1, 1},  {2, 3, 5, 7},   {5, 16, 4, 4},   {3, 17, 9, 3},  {9, 40, 7, 7},
                              {6, 10, 1, 1}, {11, 33, 1, 1}, {1, 20, 13, 11}, {5, 5, 15, 23}, {0, 0, 0, 0}};

static uint64_t random_seed, random_index;

void op_seed(uint64_t seed) {
    random_seed = seed;
}

double op_random_value(double low, double high) {
    double unit = (double)wn_random_uniform(random_seed, WN_STREAM_TEST, random_index++);
    return (double)(float)(low + (high - low) * unit);
}

int op_random_below(int bound) {
    return (int)wn_random_below(random_seed, WN_STREAM_TEST, random_index++, (uint32_t)bound);
}

void op_random(ref_tensor *t, double low, double high) {
    for (long i = 0; i < ref_count(t); i++)
        t->data[i] = op_random_value(low, high);
}

static void *allocate(size_t bytes) {
    void *memory = wn_calloc64(bytes);
    if (!memory) {
        perror("op fixture");
        abort();
    }
    return memory;
}

op_tensor op_create(int n, int c, int h, int w, int before, int after) {
    long plane = (long)h * w * WN_BLOCK, stride = (before + wn_blocks(c) + after) * plane;
    op_tensor t = {.floats = n * stride, .before = before, .after = after};
    t.memory = allocate((size_t)t.floats * sizeof(float));
    t.view = (wn_view){t.memory + before * plane, n, c, h, w, stride};
    op_poison(&t);
    return t;
}

void op_destroy(op_tensor *t) {
    free(t->memory);
    *t = (op_tensor){0};
}

void op_poison(op_tensor *t) {
    for (long i = 0; i < t->floats; i++)
        t->memory[i] = NAN;
}

/* What stands at a float of the memory: the surroundings, a padded lane, or a value and its index in NCHW. */
enum { AROUND = -2, PADDING = -1 };
static long meaning(const op_tensor *t, long at) {
    const wn_view *v = &t->view;
    long pixels = (long)v->height * v->width, n = at / v->stride, inside = at % v->stride;
    long block = inside / (pixels * WN_BLOCK) - t->before, pixel = inside / WN_BLOCK % pixels;
    long channel = block * WN_BLOCK + at % WN_BLOCK;
    if (block < 0 || block >= wn_blocks(v->channels))
        return AROUND;
    return channel < v->channels ? (n * v->channels + channel) * pixels + pixel : PADDING;
}

void op_write(op_tensor *t, const ref_tensor *values) {
    for (long i = 0; i < t->floats; i++) {
        long index = meaning(t, i);
        t->memory[i] = index == AROUND ? NAN : index == PADDING ? 0.0f : (float)values->data[index];
    }
}

static bool close_enough(double got, double want, double bound) {
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= bound;
}

/* The first float that is not as op_check promises, and why; NULL when there is none. */
static const char *find_fault(const op_tensor *got, const ref_tensor *want, const double *bound, long *at,
                              long *index) {
    for (*at = 0; *at < got->floats; ++*at) {
        double value = (double)got->memory[*at];
        *index = meaning(got, *at);
        if (*index == AROUND && !isnan(value))
            return "outside of the view, and no longer NaN";
        if (*index == PADDING && value != 0)
            return "a padded lane, and not 0";
        if (*index >= 0 && !close_enough(value, want->data[*index], bound ? bound[*index] : 0))
            return "too far from what is expected";
    }
    return NULL;
}

void op_check(const char *what, const op_tensor *got, const ref_tensor *want, const double *bound) {
    long at, index;
    const char *fault = find_fault(got, want, bound, &at, &index);
    if (!CHECK(!fault, "%s: float %ld, element %ld: %s", what, at, index, fault))
        fprintf(stderr, "    found %.9g, expected %.9g within %.3g\n", (double)got->memory[at],
                index < 0 ? 0 : want->data[index], index < 0 || !bound ? 0 : bound[index]);
}

void op_check_array(const char *what, const float *got, const double *want, long count, long padded,
                    const double *bound) {
    long i = 0;
    while (i < padded &&
           close_enough((double)got[i], i < count ? want[i] : 0, i < count && bound ? bound[i] : 0))
        i++;
    if (!CHECK(i == padded, "%s: element %ld of %ld", what, i, count))
        fprintf(stderr, "    found %.9g, expected %.9g within %.3g\n", (double)got[i],
                i < count ? want[i] : 0, i < count && bound ? bound[i] : 0);
}

const wn_ops *op_table(int isa) {
    const wn_kernels *kernels = isa <= (int)wn_isa_detect() ? wn_kernels_of((wn_isa)isa) : NULL;
    return kernels ? kernels->ops : NULL;
}

op_region op_region_of(const op_tensor *t) {
    return (op_region){t->memory, (size_t)t->floats * sizeof(float)};
}

enum { MAX_REGIONS = 8, MAX_THREADS = 3 };

static void run_once(op_call *call, const void *context, int phases, int threads) {
    for (int phase = 0; phase < phases; phase++)
        for (int i = 0; i < threads; i++)
            call(context, phase, threads % 2 ? threads - 1 - i : i, threads);
}

void op_run(const char *what, op_call *call, const void *context, int phases, const op_region *outputs,
            int count) {
    void *before[MAX_REGIONS], *single[MAX_REGIONS];
    for (int i = 0; i < count; i++) {
        before[i] = allocate(outputs[i].bytes);
        single[i] = allocate(outputs[i].bytes);
        memcpy(before[i], outputs[i].memory, outputs[i].bytes);
    }
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        for (int i = 0; i < count; i++)
            memcpy(outputs[i].memory, before[i], outputs[i].bytes);
        run_once(call, context, phases, threads);
        for (int i = 0; i < count; i++)
            if (threads == 1)
                memcpy(single[i], outputs[i].memory, outputs[i].bytes);
            else
                CHECK(memcmp(single[i], outputs[i].memory, outputs[i].bytes) == 0,
                      "%s: output %d differs between 1 and %d threads", what, i, threads);
    }
    for (int i = 0; i < count; i++) {
        free(before[i]);
        free(single[i]);
    }
}
