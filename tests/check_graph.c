/* The builder: shapes, names, parameters, holes of concatenations, and every sticky error. */
#include "check.h"
#include "graph_internal.h"
#include <string.h>

static void check_shape(wn_graph *g, wn_tensor x, int channels, int height, int width, const char *what) {
    int c, h, w;
    wn_tensor_shape(g, x, &c, &h, &w);
    CHECK(c == channels && h == height && w == width, "%s: found %dx%dx%d, expected %dx%dx%d (%s)", what, c,
          h, w, channels, height, width, wn_graph_status(g).message);
}

static void check_shapes(void) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_input(g, 3, 33, 20);
    check_shape(g, x, 3, 33, 20, "input");
    check_shape(g, wn_conv(g, x, 8), 8, 33, 20, "1x1 convolution");
    check_shape(g, wn_conv(g, x, 8, .kernel = 11, .stride = 4, .pad = 1), 8, 7, 3, "11x11 stride 4");
    check_shape(g, wn_conv(g, x, 6, .kernel = 3, .dilation = 2, .groups = 3), 6, 27, 14, "dilated, grouped");
    check_shape(g, wn_max_pool(g, x, .kernel = 3, .stride = 2), 3, 16, 9, "max pool");
    check_shape(g, wn_max_pool(g, x, .kernel = 3, .stride = 2, .ceil_mode = true), 3, 16, 10, "ceil mode");
    check_shape(g, wn_average_pool(g, x, .kernel = 2, .stride = 3, .pad = 1, .ceil_mode = true), 3, 12, 7,
                "ceil mode whose last window would start in the padding");
    check_shape(g, wn_average_pool(g, x, .kernel = 4), 3, 8, 5, "stride defaults to the kernel");
    check_shape(g, wn_global_average_pool(g, x), 3, 1, 1, "global pool");
    check_shape(g, wn_batch_norm(g, x), 3, 33, 20, "batch norm");
    check_shape(g, wn_relu(g, wn_sigmoid(g, wn_dropout(g, x, 0.5F))), 3, 33, 20, "elementwise");
    check_shape(g, wn_flatten(g, x), 3 * 33 * 20, 1, 1, "flatten");
    check_shape(g, wn_linear(g, wn_flatten(g, x), 7), 7, 1, 1, "linear");
    check_shape(g, wn_add(g, x, x), 3, 33, 20, "add");
    check_shape(g, wn_concat(g, (wn_tensor[]){x, wn_conv(g, x, 5), x}, 3), 11, 33, 20, "concat");
    CHECK(!wn_failed(wn_graph_status(g)), "%s", wn_graph_status(g).message);
    wn_graph_destroy(g);
}

/* Each part keeps its padding: 120 channels take 128, so 248 logical channels are 256 physical ones. */
static void check_holes(void) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_input(g, 1, 4, 4), a = wn_conv(g, x, 120), b = wn_conv(g, x, 128);
    wn_tensor ab = wn_concat(g, (wn_tensor[]){a, b}, 2), ba = wn_concat(g, (wn_tensor[]){b, a}, 2);
    wn_tensor nested = wn_concat(g, (wn_tensor[]){a, wn_relu(g, ab)}, 2);
    const wn_graph_tensor *of = &g->tensors[ab.id];
    CHECK(of->channels == 248 && of->physical == 256 && of->physical_of && of->physical_of[119] == 119 &&
              of->physical_of[120] == 128 && of->physical_of[247] == 255,
          "120 + 128: found %d physical channels, expected 256 with a hole at 120", of->physical);
    of = &g->tensors[ba.id];
    CHECK(of->channels == 248 && of->physical == 248 && !of->physical_of, "128 + 120 has no hole, found %d",
          of->physical);
    of = &g->tensors[nested.id];
    CHECK(of->channels == 368 && of->physical == 384 && of->physical_of[120] == 128 &&
              of->physical_of[240] == 256,
          "nested: found %d physical channels, expected 384", of->physical);
    wn_tensor y = wn_conv(g, ab, 16, .kernel = 3);
    wn_problem problem = wn_layer_problem(g, &g->layers[g->tensors[y.id].producer], 2);
    const wn_graph_parameter *weight = &g->parameters[g->parameter_count - 2];
    CHECK(problem.ic == 256 && weight->shape[1] == 248 && !problem.plain_src,
          "a convolution over holes: found ic %d and %lld conventional channels, expected 256 and 248",
          problem.ic, (long long)weight->shape[1]);
    wn_graph_destroy(g);
}

static void check_layer_name(const wn_graph *g, int index, const char *name, const char *kind,
                             int64_t parameters) {
    wn_layer_info info = wn_graph_layer(g, index);
    CHECK(!strcmp(info.name, name) && !strcmp(info.kind, kind) && info.parameters == parameters,
          "layer %d: found '%s' (%s) with %lld parameters, expected '%s' (%s) with %lld", index, info.name,
          info.kind, (long long)info.parameters, name, kind, (long long)parameters);
}

static void check_names(void) {
    wn_graph *g = wn_graph_create();
    wn_tensor x = wn_input(g, 3, 8, 8);
    x = wn_relu(g, wn_conv(g, x, 4, .kernel = 3, .no_bias = true));
    wn_scope_begin(g, "layer1");
    wn_scope_begin(g, NULL);
    x = wn_conv(g, x, 4, .name = "conv1");
    x = wn_add(g, x, wn_batch_norm(g, x));
    wn_scope_end(g);
    wn_scope_begin(g, NULL);
    x = wn_conv(g, x, 4);
    wn_scope_end(g);
    wn_scope_end(g);
    wn_output(g, wn_linear(g, wn_flatten(g, x), 10));
    CHECK(!wn_failed(wn_graph_status(g)), "%s", wn_graph_status(g).message);
    CHECK(wn_graph_layer_count(g) == 8, "found %d layers, expected 8", wn_graph_layer_count(g));
    check_layer_name(g, 0, "0", "conv", 4 * 3 * 9);
    check_layer_name(g, 1, "1", "relu", 0);
    check_layer_name(g, 2, "layer1.0.conv1", "conv", 20);
    check_layer_name(g, 3, "layer1.0.1", "batch_norm", 8);
    check_layer_name(g, 4, "layer1.0.add", "add", 0);
    check_layer_name(g, 5, "layer1.1.0", "conv", 20);
    check_layer_name(g, 6, "3", "flatten", 0);
    check_layer_name(g, 7, "4", "linear", 4 * 36 * 10 + 10);
    CHECK(wn_graph_layer(g, 0).multiply_adds == 4. * 3 * 9 * 36, "found %g multiply-adds, expected %g",
          wn_graph_layer(g, 0).multiply_adds, 4. * 3 * 9 * 36);
    static const char *const expected[] = {"0.weight",
                                           "layer1.0.conv1.weight",
                                           "layer1.0.conv1.bias",
                                           "layer1.0.1.weight",
                                           "layer1.0.1.bias",
                                           "layer1.0.1.running_mean",
                                           "layer1.0.1.running_var",
                                           "layer1.1.0.weight",
                                           "layer1.1.0.bias",
                                           "4.weight",
                                           "4.bias"};
    CHECK(g->parameter_count == 11, "found %d parameters, expected 11", g->parameter_count);
    for (int p = 0; p < 11 && p < g->parameter_count; p++)
        CHECK(!strcmp(g->parameters[p].name, expected[p]), "parameter %d: found %s, expected %s", p,
              g->parameters[p].name, expected[p]);
    wn_graph_destroy(g);
}

/* Networks that cannot be. Each starts from an input of 3x8x6. */
static void bad_input_twice(wn_graph *g, wn_tensor x) {
    (void)x;
    wn_input(g, 1, 2, 2);
}
static void bad_channels(wn_graph *g, wn_tensor x) {
    wn_conv(g, x, 0, .name = "c");
}
static void bad_kernel(wn_graph *g, wn_tensor x) {
    wn_conv(g, x, 4, .kernel = -3);
}
static void bad_groups(wn_graph *g, wn_tensor x) {
    wn_conv(g, x, 4, .groups = 2);
}
static void bad_groups_over_holes(wn_graph *g, wn_tensor x) {
    wn_conv(g, wn_concat(g, (wn_tensor[]){x, x}, 2), 4, .groups = 2);
}
static void bad_conv_size(wn_graph *g, wn_tensor x) {
    wn_conv(g, wn_max_pool(g, x, .kernel = 2), 4, .kernel = 5, .name = "big");
}
static void bad_pool_kernel(wn_graph *g, wn_tensor x) {
    wn_average_pool(g, x, .kernel = 0);
}
static void bad_pool_pad(wn_graph *g, wn_tensor x) {
    wn_max_pool(g, x, .kernel = 3, .pad = 2);
}
static void bad_pool_large(wn_graph *g, wn_tensor x) {
    wn_max_pool(g, x, .kernel = 16385);
}
static void bad_linear_map(wn_graph *g, wn_tensor x) {
    wn_linear(g, x, 10);
}
static void bad_linear_features(wn_graph *g, wn_tensor x) {
    wn_linear(g, wn_flatten(g, x), -1);
}
static void bad_norm_flat(wn_graph *g, wn_tensor x) {
    wn_batch_norm(g, wn_flatten(g, x));
}
static void bad_norm_eps(wn_graph *g, wn_tensor x) {
    wn_batch_norm(g, x, .eps = -1);
}
static void bad_norm_momentum(wn_graph *g, wn_tensor x) {
    wn_batch_norm(g, x, .momentum = 2);
}
static void bad_dropout(wn_graph *g, wn_tensor x) {
    wn_dropout(g, x, 1);
}
static void bad_add(wn_graph *g, wn_tensor x) {
    wn_add(g, x, wn_conv(g, x, 4));
}
static void bad_add_holes(wn_graph *g, wn_tensor x) {
    wn_add(g, wn_concat(g, (wn_tensor[]){x, x}, 2), wn_conv(g, x, 6));
}
static void bad_concat_size(wn_graph *g, wn_tensor x) {
    wn_concat(g, (wn_tensor[]){x, wn_max_pool(g, x, .kernel = 2)}, 2);
}
static void bad_concat_empty(wn_graph *g, wn_tensor x) {
    wn_concat(g, &x, 0);
}
static void bad_scope(wn_graph *g, wn_tensor x) {
    (void)x;
    wn_scope_end(g);
}
static void bad_open_scope(wn_graph *g, wn_tensor x) {
    wn_scope_begin(g, "left");
    wn_output(g, wn_linear(g, wn_flatten(g, x), 2));
}
static void bad_name_twice(wn_graph *g, wn_tensor x) {
    wn_conv(g, wn_conv(g, x, 4, .name = "same"), 4, .name = "same");
}
static void bad_output_map(wn_graph *g, wn_tensor x) {
    wn_output(g, x);
}
static void bad_output_flattened(wn_graph *g, wn_tensor x) {
    wn_output(g, wn_flatten(g, wn_conv(g, x, 2)));
}
static void bad_output_twice(wn_graph *g, wn_tensor x) {
    x = wn_linear(g, wn_flatten(g, x), 2);
    wn_output(g, x);
    wn_output(g, x);
}
static void bad_foreign_tensor(wn_graph *g, wn_tensor x) {
    (void)x;
    wn_relu(g, (wn_tensor){99});
}
static void bad_by_itself(wn_graph *g, wn_tensor x) {
    (void)x;
    wn_graph_fail(g, "size %d is no multiple of 32", 33);
}
static void bad_many(wn_graph *g, wn_tensor x) {
    wn_conv(g, wn_adaptive_average_pool(g, x, 100, 100), 1 << 24);
}
static void bad_no_features(wn_graph *g, wn_tensor x) {
    wn_linear(g, wn_flatten(g, x), 0);
}
static void bad_features(wn_graph *g, wn_tensor x) {
    wn_linear(g, wn_flatten(g, x), (1 << 24) + 1);
}
static void bad_huge(wn_graph *g, wn_tensor x) {
    wn_conv(g, x, 2000000000);
}

typedef struct bad_case {
    void (*build)(wn_graph *, wn_tensor);
    const char *says[3]; /* parts of the message */
} bad_case;

static const bad_case bad_cases[] = {
    {bad_input_twice, {"input", "already"}},
    {bad_channels, {"'c' (conv)", "0 output channels", "1 to 16777216"}},
    {bad_kernel, {"'0' (conv)", "kernel -3"}},
    {bad_groups, {"2 groups", "3 input and 4 output", "divisor"}},
    {bad_groups_over_holes, {"groups", "not supported"}},
    {bad_conv_size, {"'big' (conv)", "4x3 pixels", "is 10x10"}},
    {bad_pool_kernel, {"(average_pool)", "kernel 0"}},
    {bad_pool_pad, {"(max_pool)", "padding 2", "half the kernel"}},
    {bad_pool_large, {"(max_pool)", "kernel 16385", "from 1 to 16384"}},
    {bad_linear_map, {"(linear)", "3x8x6", "flatten"}},
    {bad_linear_features, {"(linear)", "-1 output features"}},
    {bad_norm_flat, {"(batch_norm)", "flattened map 3x8x6"}},
    {bad_norm_eps, {"(batch_norm)", "eps -1"}},
    {bad_norm_momentum, {"(batch_norm)", "momentum 2"}},
    {bad_dropout, {"(dropout)", "p 1"}},
    {bad_add, {"(add)", "3x8x6 and 4x8x6", "equal shapes"}},
    {bad_add_holes, {"(add)", "not supported"}},
    {bad_concat_size, {"(concat)", "part 1", "4x3 pixels"}},
    {bad_concat_empty, {"(concat)", "0 inputs"}},
    {bad_scope, {"scope", "not begun"}},
    {bad_open_scope, {"'left.'", "still open"}},
    {bad_name_twice, {"'same' (conv)", "already"}},
    {bad_output_map, {"output", "3x8x6", "flat"}},
    {bad_output_flattened, {"output", "2x8x6"}},
    {bad_output_twice, {"output", "already"}},
    {bad_foreign_tensor, {"(relu)", "does not belong"}},
    {bad_by_itself, {"size 33"}},
    {bad_huge, {"(conv)", "2000000000", "1 to 16777216"}},
    {bad_many, {"(conv)", "16777216x100x100", "too many"}},
    {bad_no_features, {"(linear)", "found 0 output features"}},
    {bad_features, {"(linear)", "found 16777217 output features"}},
};

static void check_errors(void) {
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        wn_graph *g = wn_graph_create();
        wn_tensor x = wn_input(g, 3, 8, 6);
        bad_cases[i].build(g, x);
        wn_status status = wn_graph_status(g);
        for (int k = 0; k < 3 && bad_cases[i].says[k]; k++)
            CHECK(wn_failed(status) && strstr(status.message, bad_cases[i].says[k]),
                  "case %zu: found '%s', expected it to say '%s'", i, status.message, bad_cases[i].says[k]);
        wn_tensor dead = wn_conv(g, x, 4);
        wn_scope_begin(g, "s");
        wn_graph_fail(g, "a later error");
        CHECK(dead.id == -1, "case %zu: a layer after the error has id %d, expected -1", i, dead.id);
        CHECK(!strcmp(wn_graph_status(g).message, status.message),
              "case %zu: the first error was replaced by '%s'", i, wn_graph_status(g).message);
        check_shape(g, dead, 0, 0, 0, "dead tensor");
        wn_graph_destroy(g);
    }
}

static void check_bad_inputs(void) {
    static const int sizes[][3] = {{0, 8, 8}, {1, -1, 8}, {1, 8, 0}, {1, 65536, 65536}, {2000000000, 2, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wn_graph *g = wn_graph_create();
        wn_tensor x = wn_input(g, sizes[i][0], sizes[i][1], sizes[i][2]);
        CHECK(x.id == -1 && wn_graph_status(g).code == WN_ERROR_INVALID, "input %zu was taken", i);
        wn_graph_destroy(g);
    }
}

/* What can only be said of a whole network. */
static void check_unfinished(void) {
    wn_graph *g = wn_graph_create();
    CHECK(strstr(wn_graph_check(g).message, "no input"), "found '%s'", wn_graph_check(g).message);
    wn_tensor x = wn_input(g, 1, 4, 4);
    CHECK(strstr(wn_graph_check(g).message, "no output"), "found '%s'", wn_graph_check(g).message);
    wn_conv(g, x, 4, .name = "forgotten");
    wn_output(g, wn_linear(g, wn_flatten(g, x), 2));
    CHECK(!wn_failed(wn_graph_status(g)), "%s", wn_graph_status(g).message);
    CHECK(strstr(wn_graph_check(g).message, "'forgotten'"), "found '%s'", wn_graph_check(g).message);
    wn_graph_destroy(g);
}

int main(void) {
    check_shapes();
    check_holes();
    check_names();
    check_errors();
    check_bad_inputs();
    check_unfinished();
    return check_finish("check_graph");
}
