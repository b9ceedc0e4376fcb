/* The list of convolution implementations, and the checks between a problem and a plan of one of them.
 * The implementations themselves live in one file each; adding one is a line in the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "implementations.h"
#include "isa.h"

enum { MAX_THREADS = 1024 };

/* clang-format off */
const wn_conv_impl *const wn_conv_registry[] = {
    &wn_conv_depthwise,
    &wn_conv_direct,
    &wn_conv_winograd,
    &wn_conv_1x1,
    &wn_conv_im2col,
#ifdef WN_HAVE_ONEDNN
    &wn_conv_onednn,
#endif
#ifdef WN_HAVE_CBLAS
    &wn_conv_cblas,
#endif
#ifdef WN_HAVE_LIBXSMM
    &wn_conv_libxsmm,
#endif
    &wn_conv_reference,
    NULL,
};
/* clang-format on */

const wn_conv_impl *wn_conv_find(const char *name) {
    for (const wn_conv_impl *const *impl = wn_conv_registry; *impl; impl++)
        if (strcmp((*impl)->name, name) == 0)
            return *impl;
    return NULL;
}

/* Replaces stride 0 by the dense one; others must hold a whole image and keep images aligned. */
static wn_status settle_stride(const char *operand, int64_t dense, int mb, bool blocked, int64_t *stride) {
    if (*stride == 0)
        *stride = dense;
    if (*stride < dense)
        return wn_error(WN_ERROR_INVALID, "image stride of %s is %lld floats, an image has %lld", operand,
                        (long long)*stride, (long long)dense);
    if (blocked && *stride % WN_BLOCK != 0)
        return wn_error(WN_ERROR_INVALID, "image stride of %s is %lld floats, expected a multiple of %d",
                        operand, (long long)*stride, WN_BLOCK);
    int64_t bytes;
    if (__builtin_mul_overflow(*stride, (int64_t)mb * (int64_t)sizeof(float), &bytes))
        return wn_error(WN_ERROR_INVALID, "image stride of %s is %lld floats, too much for %d images",
                        operand, (long long)*stride, mb);
    return wn_ok();
}

static wn_status choose_config(const wn_conv_plan *plan, const wn_config *wanted, wn_config *config) {
    if (wanted) {
        for (int k = 0; plan->impl->knobs[k]; k++)
            if (wanted->knob[k] > WN_CONFIG_MOST)
                return wn_error(WN_ERROR_INVALID, "%s: config %s=%d: expected at most %d", plan->impl->name,
                                plan->impl->knobs[k], wanted->knob[k], WN_CONFIG_MOST);
        *config = *wanted;
        return wn_ok();
    }
    if (plan->impl->configs(&plan->problem, plan->isa, plan->threads, config, 1) < 1)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s has no config for this problem", plan->impl->name);
    return wn_ok();
}

wn_status wn_conv_plan_make(const wn_conv_impl *impl, const wn_problem *problem, const wn_config *config,
                            wn_isa isa, int threads, int64_t src_stride, int64_t dst_stride,
                            wn_conv_plan *plan) {
    WN_TRY(wn_problem_check(problem));
    if (threads < 1 || threads > MAX_THREADS)
        return wn_error(WN_ERROR_INVALID, "%d threads, expected 1 to %d", threads, MAX_THREADS);
    if (isa < 0 || isa >= WN_ISA_COUNT || !wn_kernels_of(isa))
        return wn_error(WN_ERROR_UNSUPPORTED, "this build has no kernels for ISA %s",
                        isa >= 0 && isa < WN_ISA_COUNT ? wn_isa_name(isa) : "out of range");
    const char *reason = impl->refuse(problem, isa);
    if (reason)
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %s", impl->name, reason);

    wn_conv_plan made = {.impl = impl,
                         .problem = *problem,
                         .isa = isa,
                         .threads = threads,
                         .src_stride = src_stride,
                         .dst_stride = dst_stride,
                         .phases = 1};
    WN_TRY(settle_stride("src", wn_conv_src_floats(problem) / problem->mb, problem->mb, !problem->plain_src,
                         &made.src_stride));
    WN_TRY(
        settle_stride("dst", wn_conv_dst_floats(problem) / problem->mb, problem->mb, true, &made.dst_stride));
    WN_TRY(choose_config(&made, config, &made.config));
    WN_TRY(impl->plan(&made));
    if (made.prepared_bytes > WN_CONV_WORKSPACE_CAP)
        return wn_error(WN_ERROR_MEMORY, "%s wants %zu bytes for prepared weights, the cap is %zu",
                        impl->name, made.prepared_bytes, WN_CONV_WORKSPACE_CAP);
    if (made.workspace_bytes > WN_CONV_WORKSPACE_CAP)
        return wn_error(WN_ERROR_MEMORY, "%s wants a workspace of %zu bytes, the cap is %zu", impl->name,
                        made.workspace_bytes, WN_CONV_WORKSPACE_CAP);
    *plan = made;
    return wn_ok();
}

bool wn_conv_masks(const wn_conv_plan *plan) {
    return plan->problem.direction == WN_BWD_D && plan->impl->masks && plan->impl->masks(plan);
}

int wn_config_format(const wn_conv_impl *impl, const wn_config *config, char *text, size_t size) {
    int length = 0;
    if (size > 0)
        text[0] = '\0';
    for (int k = 0; impl->knobs[k]; k++) {
        size_t used = (size_t)length < size ? (size_t)length : size;
        length +=
            snprintf(text + used, size - used, "%s%s=%d", k ? "," : "", impl->knobs[k], config->knob[k]);
    }
    return length;
}

/* Index of the knob whose name is the `length` characters at `name`, or -1. */
static int find_knob(const wn_conv_impl *impl, const char *name, size_t length) {
    for (int k = 0; impl->knobs[k]; k++)
        if (strlen(impl->knobs[k]) == length && memcmp(impl->knobs[k], name, length) == 0)
            return k;
    return -1;
}

/* Reads one "name=value" and leaves *text behind it and its comma. */
static wn_status parse_knob(const wn_conv_impl *impl, const char **text, wn_config *config, bool *seen) {
    size_t item = strcspn(*text, ",");
    size_t name = strcspn(*text, "=,");
    int k = find_knob(impl, *text, name);
    if (k < 0)
        return wn_error(WN_ERROR_FORMAT, "config: %s has no knob '%.*s'", impl->name, (int)name, *text);
    if (seen[k])
        return wn_error(WN_ERROR_FORMAT, "config: knob '%s' occurs twice", impl->knobs[k]);
    const char *digits = *text + name + 1;
    char *end = NULL;
    long value = name < item ? strtol(digits, &end, 10) : 0;
    if (name == item || end == digits || end != *text + item || value < INT32_MIN || value > INT32_MAX)
        return wn_error(WN_ERROR_FORMAT, "config: '%.*s', expected %s=INTEGER", (int)item, *text,
                        impl->knobs[k]);
    config->knob[k] = (int32_t)value;
    seen[k] = true;
    *text += item + ((*text)[item] == ',');
    return wn_ok();
}

wn_status wn_config_parse(const wn_conv_impl *impl, const char *text, wn_config *config) {
    wn_config parsed = {0};
    bool seen[WN_CONFIG_KNOBS] = {false};
    while (*text)
        WN_TRY(parse_knob(impl, &text, &parsed, seen));
    for (int k = 0; impl->knobs[k]; k++)
        if (!seen[k])
            return wn_error(WN_ERROR_FORMAT, "config: knob '%s' of %s is missing", impl->knobs[k],
                            impl->name);
    *config = parsed;
    return wn_ok();
}
