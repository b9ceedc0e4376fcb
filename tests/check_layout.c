/* Blocked layouts: where elements lie, padding, round trips, the windows of groups; and the texts of configs.
 */
#include "conv_cases.h"
#include "conv_operands.h"
#include "implementations.h"

enum { RANDOM_CASES = 200 };

/* Numbers all different, so that a misplaced element is seen. */
static float *numbered(int64_t count) {
    float *values = floats_alloc(count);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(i + 1);
    return values;
}

static int64_t count_nonzero(const float *values, int64_t count) {
    int64_t nonzero = 0;
    for (int64_t i = 0; i < count; i++)
        nonzero += values[i] != 0;
    return nonzero;
}

static void check_activations(int n, int c, int h, int w, int64_t extra) {
    int64_t pixels = (int64_t)h * w, count = n * c * pixels;
    int64_t dense = wn_blocks(c) * pixels * WN_BLOCK, stride = dense + extra;
    float *nchw = numbered(count), *back = floats_alloc(count), *blocked = floats_alloc(n * stride);
    fill_bits(blocked, n * stride, guard_bits);
    wn_activations_block(n, c, h, w, nchw, blocked, extra ? stride : 0);
    int64_t wrong = 0, dirty = 0, touched = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t image = i / pixels / c, channel = i / pixels % c, pixel = i % pixels;
        wrong += blocked[image * stride + (channel / 16 * pixels + pixel) * 16 + channel % 16] != nchw[i];
    }
    for (int image = 0; image < n; image++) {
        dirty += count_nonzero(blocked + image * stride, dense) - c * pixels;
        for (int64_t i = dense; i < stride; i++)
            touched += !isnan(blocked[image * stride + i]);
    }
    wn_activations_unblock(n, c, h, w, blocked, extra ? stride : 0, back);
    CHECK(wrong == 0, "%d x %d x %d x %d: %" PRId64 " floats misplaced", n, c, h, w, wrong);
    CHECK(dirty == 0, "%d x %d x %d x %d: %" PRId64 " floats in padding", n, c, h, w, dirty);
    CHECK(touched == 0, "%d x %d x %d x %d: %" PRId64 " floats between images written", n, c, h, w, touched);
    CHECK(memcmp(nchw, back, (size_t)count * sizeof(float)) == 0, "%d x %d x %d x %d: no round trip", n, c, h,
          w);
    free(nchw);
    free(back);
    free(blocked);
}

/* The smallest range of input blocks that output block ob needs, channel by channel. */
static void needed_blocks(const wn_problem *p, int ob, int *first, int *last) {
    *first = p->ic;
    *last = 0;
    for (int o = ob * WN_BLOCK; o < (ob + 1) * WN_BLOCK && o < p->oc; o++)
        for (int i = 0; i < p->ic / p->g; i++) {
            int block = (o / (p->oc / p->g) * (p->ic / p->g) + i) / WN_BLOCK;
            *first = block < *first ? block : *first;
            *last = block > *last ? block : *last;
        }
}

static void check_windows(const wn_problem *p, const char *text) {
    int window = wn_conv_window(p), largest = 0;
    for (int ob = 0; ob < wn_blocks(p->oc); ob++) {
        int first, last, start = wn_conv_window_first(p, ob);
        needed_blocks(p, ob, &first, &last);
        largest = last - first + 1 > largest ? last - first + 1 : largest;
        CHECK(start >= 0 && start + window <= wn_blocks(p->ic),
              "%s: window [%d, %d) of block %d leaves the tensor", text, start, start + window, ob);
        CHECK(start <= first && last < start + window,
              "%s: window [%d, %d) of block %d misses blocks %d to %d", text, start, start + window, ob,
              first, last);
    }
    CHECK(window == (p->g == 1 ? wn_blocks(p->ic) : largest), "%s: window %d, the largest needed is %d", text,
          window, largest);
}

static void check_weights(const wn_problem *p, const char *text) {
    int64_t count = (int64_t)p->oc * (p->ic / p->g) * p->kh * p->kw, floats = wn_conv_weights_floats(p);
    float *oihw = numbered(count), *back = floats_alloc(count), *blocked = floats_alloc(floats);
    fill_bits(blocked, floats, stale_bits);
    wn_conv_weights_block(p, oihw, blocked);
    wn_conv_weights_unblock(p, blocked, back);
    int window = wn_conv_window(p), taps = p->kh * p->kw, ic = p->ic / p->g, oc = p->oc / p->g;
    int64_t wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        int tap = (int)(i % taps), o = (int)(i / taps / ic), c = (int)(i / taps % ic) + o / oc * ic,
            ob = o / 16;
        int64_t at =
            p->plain_src
                ? (((int64_t)ob * taps + tap) * p->ic + c) * 16 + o % 16
                : ((((int64_t)ob * window + c / 16 - wn_conv_window_first(p, ob)) * taps + tap) * 16 +
                   c % 16) *
                          16 +
                      o % 16;
        wrong += blocked[at] != oihw[i];
    }
    CHECK(wrong == 0, "%s: %" PRId64 " weights misplaced", text, wrong);
    CHECK(count_nonzero(blocked, floats) == count, "%s: padding of the weights is not zero", text);
    CHECK(memcmp(oihw, back, (size_t)count * sizeof(float)) == 0, "%s: weights make no round trip", text);
    free(oihw);
    free(back);
    free(blocked);
}

static void check_problem(const wn_problem *problem) {
    char text[256];
    wn_problem_format(problem, text, sizeof text);
    if (!problem->plain_src)
        check_windows(problem, text);
    check_weights(problem, text);
}

/* An implementation that has knobs and nothing else, for the texts of configs. */
static void check_config_texts(void) {
    static const char *const knobs[] = {"tile", "reduce", NULL};
    const wn_conv_impl impl = {.name = "fake", .knobs = knobs};
    const wn_config config = {.knob = {6, -2}};
    wn_config parsed = {.knob = {9, 9, 9}};
    char text[64], small[8];
    int length = wn_config_format(&impl, &config, text, sizeof text);
    CHECK(strcmp(text, "tile=6,reduce=-2") == 0 && length == 16, "found '%s', %d", text, length);
    length = wn_config_format(&impl, &config, small, sizeof small);
    CHECK(strcmp(small, "tile=6,") == 0 && length == 16, "found '%s', %d", small, length);
    wn_status status = wn_config_parse(&impl, "reduce=-2,tile=6", &parsed);
    CHECK(!wn_failed(status) && memcmp(&parsed, &config, sizeof config) == 0, "%s", status.message);
    static const char *const wrong[][2] = {{"", "'tile'"},
                                           {"tile=6", "'reduce'"},
                                           {"tile=6,reduce=2,tile=6", "'tile'"},
                                           {"tile=6,depth=1", "'depth'"},
                                           {"tile,reduce=2", "'tile'"},
                                           {"tile=,reduce=2", "'tile='"},
                                           {"tile=6x,reduce=2", "'tile=6x'"},
                                           {"tile=99999999999,reduce=2", "tile="},
                                           {"=1,tile=1", "''"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        status = wn_config_parse(&impl, wrong[i][0], &parsed);
        CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, wrong[i][1]),
              "'%s': found '%s', expected %s", wrong[i][0], status.message, wrong[i][1]);
    }
}

static void check_plan_errors(void) {
    const wn_conv_impl *reference = wn_conv_find("reference");
    wn_problem problem = {0};
    wn_conv_plan plan;
    wn_status status = wn_problem_parse("mb2_ic20ih5oc33oh5kh3ph1", &problem);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_conv_plan_make(reference, &problem, NULL, WN_ISA_PORTABLE, 2, 0, 0, &plan);
    CHECK(!wn_failed(status) && plan.src_stride == 2 * 25 * 16 && plan.dst_stride == 3 * 25 * 16,
          "dense strides %lld and %lld", (long long)plan.src_stride, (long long)plan.dst_stride);
    const struct {
        int threads;
        int64_t src_stride, dst_stride;
        const char *expected;
    } wrong[] = {{0, 0, 0, "threads"},
                 {1, 799, 0, "stride of src"},
                 {1, 801, 0, "multiple"},
                 {1, 0, 1199, "stride of dst"},
                 {1, INT64_MAX / 16 * 16, 0, "too much"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        status = wn_conv_plan_make(reference, &problem, NULL, WN_ISA_PORTABLE, wrong[i].threads,
                                   wrong[i].src_stride, wrong[i].dst_stride, &plan);
        CHECK(status.code == WN_ERROR_INVALID && strstr(status.message, wrong[i].expected),
              "found '%s', expected %s", status.message, wrong[i].expected);
    }
    CHECK(!wn_conv_find("no such implementation"), "found one");
}

/* A problem that cannot be is refused with the reason, whatever the implementation, and leaves the plan as it
 * was; no operand is there yet. */
static void check_refusals(void) {
    static const struct {
        wn_problem problem;
        wn_code code;
        const char *reason;
    } cases[] = {
        {{.g = 1, .mb = 1, .ic = 16, .ih = 3, .iw = 3, .oc = 16, .oh = -1, .ow = -1, .kh = 5, .kw = 5},
         WN_ERROR_INVALID,
         "oh is -1: expected at least 1"},
        {{.g = 3, .mb = 1, .ic = 16, .ih = 8, .iw = 8, .oc = 18, .oh = 6, .ow = 6, .kh = 3, .kw = 3},
         WN_ERROR_INVALID,
         "g is 3: it does not divide ic 16 and oc 18"},
        {{.g = 1,
          .mb = 1 << 30,
          .ic = 1 << 24,
          .ih = 8,
          .iw = 8,
          .oc = 16,
          .oh = 8,
          .ow = 8,
          .kh = 1,
          .kw = 1},
         WN_ERROR_INVALID,
         "a source of 1073741824 x 16777216 x 8 x 8 floats: expected fewer than 2^58"},
        {{.g = 1,
          .mb = 1,
          .ic = 1 << 24,
          .ih = 1,
          .iw = 1,
          .oc = 1 << 24,
          .oh = 1,
          .ow = 1,
          .kh = 32,
          .kw = 32},
         WN_ERROR_INVALID,
         "weights of 16777216 x 16777216 x 32 x 32 floats: expected fewer than 2^58"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int which = 0; wn_conv_registry[which]; which++) {
            wn_conv_plan plan = {.threads = 77}, before = plan;
            wn_problem problem = cases[i].problem;
            problem.sh = problem.sw = 1;
            wn_status status =
                wn_conv_plan_make(wn_conv_registry[which], &problem, NULL, WN_ISA_PORTABLE, 1, 0, 0, &plan);
            CHECK(status.code == cases[i].code && strcmp(status.message, cases[i].reason) == 0,
                  "%s: found '%s', expected '%s'", wn_conv_registry[which]->name, status.message,
                  cases[i].reason);
            CHECK(memcmp(&plan, &before, sizeof plan) == 0, "a refusal changed the plan");
        }
}

/* A workspace over the cap: the transformed tiles of 128 large images. */
static void check_workspace_cap(void) {
    const wn_conv_impl *winograd = wn_conv_find("winograd");
    wn_problem problem = listed_problem("mb128ic512ih224oc512oh224kh3ph1");
    wn_config config;
    wn_conv_plan plan = {.threads = 77}, before = plan;
    size_t bytes = 0, cap = 0;
    wn_status status =
        wn_config_parse(winograd, "tile=4,tiles=64,blocks=1,reduce=2,outputs=8,divide=1", &config);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_conv_plan_make(winograd, &problem, &config, WN_ISA_PORTABLE, 1, 0, 0, &plan);
    int read =
        sscanf(status.message, "winograd wants a workspace of %zu bytes, the cap is %zu", &bytes, &cap);
    CHECK(status.code == WN_ERROR_MEMORY && read == 2 && cap == WN_CONV_WORKSPACE_CAP && bytes > cap,
          "found '%s'", status.message);
    CHECK(memcmp(&plan, &before, sizeof plan) == 0, "a refusal changed the plan");
}

int main(void) {
    uint64_t seed = check_seed();
    static const int channels[] = {1, 3, 15, 16, 17, 32, 33, 100};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        check_activations(1, channels[i], 1, 1, 0);
        check_activations(3, channels[i], 5, 7, 0);
        check_activations(2, channels[i], 4, 3, 48);
    }
    for (int i = 0; i < FIXED_CASES + RANDOM_CASES; i++) {
        wn_problem problem =
            i < FIXED_CASES ? listed_problem(fixed_cases[i]) : random_problem(seed, (uint64_t)i, 1e8);
        check_problem(&problem);
    }
    check_config_texts();
    check_plan_errors();
    check_refusals();
    check_workspace_cap();
    return check_finish("check_layout");
}
