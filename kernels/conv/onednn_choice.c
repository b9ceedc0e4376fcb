/* From a plan to oneDNN's descriptors: layouts, attributes, the chosen implementation, the reorders. */
#include "onednn_choice.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

/* Leaves the enclosing function when a call of oneDNN failed. */
#define TRY_DNNL(call, what) WN_TRY(wn_onednn_check((call), (what)))

wn_status wn_onednn_check(dnnl_status_t status, const char *what) {
    if (status == dnnl_success)
        return wn_ok();
    return wn_error(status == dnnl_out_of_memory ? WN_ERROR_MEMORY : WN_ERROR_UNSUPPORTED,
                    "onednn: %s: oneDNN returned status %d", what, (int)status);
}

int wn_onednn_set_threads(int threads) {
    int before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
}

static bool is_result(const wn_problem *problem, int which) {
    static const int results[WN_DIRECTION_COUNT] = {
        [WN_FWD_B] = ONEDNN_DST, [WN_BWD_D] = ONEDNN_SRC, [WN_BWD_WB] = ONEDNN_WEIGHTS};
    return results[problem->direction] == which;
}

/* Logical sizes of an operand; returns how many. */
static int operand_dims(const wn_problem *p, int which, dnnl_dims_t dims) {
    const dnnl_dims_t src = {p->mb, p->ic, p->ih, p->iw}, dst = {p->mb, p->oc, p->oh, p->ow};
    const dnnl_dims_t weights = {p->oc, p->ic, p->kh, p->kw};
    const dnnl_dims_t grouped = {p->g, p->oc / p->g, p->ic / p->g, p->kh, p->kw};
    memcpy(dims,
           which == ONEDNN_SRC   ? src
           : which == ONEDNN_DST ? dst
           : p->g == 1           ? weights
                                 : grouped,
           sizeof(dnnl_dims_t));
    return which == ONEDNN_WEIGHTS && p->g > 1 ? 5 : 4;
}

static dnnl_format_tag_t weights_tag(const wn_problem *p) {
    if (p->plain_src)
        return dnnl_Ohwi16o;
    if (p->g == 1)
        return dnnl_OIhw16i16o;
    return wn_onednn_has_own_blocks(p) ? dnnl_gOIhw16i16o : dnnl_goihw;
}

static dnnl_status_t describe_ours(const wn_conv_plan *plan, int which, wn_dnnl_desc *desc) {
    const wn_problem *p = &plan->problem;
    dnnl_dims_t dims;
    int ndims = operand_dims(p, which, dims);
    if (which == ONEDNN_WEIGHTS)
        return wn_dnnl_desc_make(ndims, dims, weights_tag(p), desc);
    bool plain = which == ONEDNN_SRC && p->plain_src;
    int64_t stride = which == ONEDNN_SRC ? plan->src_stride : plan->dst_stride;
    if (p->mb == 1) /* one image has no neighbour: give it the stride that oneDNN takes for dense */
        stride = which == ONEDNN_SRC ? wn_conv_src_floats(p) : wn_conv_dst_floats(p);
    return wn_dnnl_desc_images(dims, plain ? dnnl_nchw : dnnl_nChw16c, stride, desc);
}

/* Attributes: a scratchpad of ours, and what happens to the result. */
static dnnl_status_t make_attributes(bool sum, bool relu, dnnl_primitive_attr_t *attributes) {
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attributes);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(*attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = dnnl_post_ops_create(&ops);
    if (status == dnnl_success && sum)
        status = wn_dnnl_append_sum(ops);
    if (status == dnnl_success && relu)
        status = wn_dnnl_append_relu(ops);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(*attributes, ops);
    dnnl_post_ops_destroy(ops);
    if (status != dnnl_success)
        dnnl_primitive_attr_destroy(*attributes);
    return status;
}

static void fill_geometry(const wn_problem *p, wn_dnnl_conv *conv) {
    conv->strides[0] = p->sh;
    conv->strides[1] = p->sw;
    conv->dilates[0] = p->dh;
    conv->dilates[1] = p->dw;
    conv->pad_before[0] = p->ph;
    conv->pad_before[1] = p->pw;
    conv->pad_after[0] = wn_problem_pad_below(p);
    conv->pad_after[1] = wn_problem_pad_right(p);
}

/* The convolution, every layout left to oneDNN but that of the bias. */
static wn_status choose_conv(const wn_conv_plan *plan, wn_onednn_choice *choice) {
    static const dnnl_prop_kind_t props[WN_DIRECTION_COUNT] = {[WN_FWD_B] = dnnl_forward_training,
                                                               [WN_BWD_D] = dnnl_backward_data,
                                                               [WN_BWD_WB] = dnnl_backward_weights};
    const wn_problem *p = &plan->problem;
    wn_dnnl_desc any[ONEDNN_OPERANDS] = {NULL};
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_status_t status = dnnl_success;
    for (int which = 0; which < ONEDNN_OPERANDS && status == dnnl_success; which++) {
        dnnl_dims_t dims;
        int ndims = operand_dims(p, which, dims);
        status = wn_dnnl_desc_make(ndims, dims, dnnl_format_tag_any, &any[which]);
    }
    bool forward = p->direction == WN_FWD_B;
    if (status == dnnl_success)
        status = make_attributes(forward && p->accumulate, forward && p->relu, &attributes);
    if (status == dnnl_success) {
        wn_dnnl_conv conv = {.prop = props[p->direction],
                             .algorithm = plan->config.knob[ONEDNN_WINOGRAD] ? dnnl_convolution_winograd
                                                                             : dnnl_convolution_direct,
                             .src = any[ONEDNN_SRC],
                             .weights = any[ONEDNN_WEIGHTS],
                             .bias = choice->bias,
                             .dst = any[ONEDNN_DST]};
        fill_geometry(p, &conv);
        status = wn_dnnl_conv_nth(&conv, attributes, choice->engine, plan->config.knob[ONEDNN_INDEX],
                                  &choice->conv);
        dnnl_primitive_attr_destroy(attributes);
    }
    for (int which = 0; which < ONEDNN_OPERANDS; which++)
        wn_dnnl_desc_free(any[which]);
    TRY_DNNL(status, "describing the convolution");
    if (!choice->conv)
        return wn_error(WN_ERROR_INVALID,
                        "onednn: config winograd=%d,index=%d: oneDNN has no such implementation",
                        plan->config.knob[ONEDNN_WINOGRAD], plan->config.knob[ONEDNN_INDEX]);
    return wn_ok();
}

static dnnl_status_t make_reorder(wn_dnnl_desc from, wn_dnnl_desc to, bool sum, dnnl_engine_t engine,
                                  dnnl_primitive_desc_t *reorder) {
    dnnl_primitive_attr_t attributes;
    dnnl_status_t status = make_attributes(sum, false, &attributes);
    if (status != dnnl_success)
        return status;
    status = dnnl_reorder_primitive_desc_create(reorder, from, engine, to, engine, attributes);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static wn_status choose_operand(const wn_conv_plan *plan, wn_onednn_choice *choice, int which) {
    static const dnnl_query_t queries[2][ONEDNN_OPERANDS] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
        {dnnl_query_diff_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md}};
    const wn_problem *p = &plan->problem;
    wn_onednn_operand *operand = &choice->operand[which];
    bool forward = p->direction == WN_FWD_B, result = is_result(p, which);
    bool gradient = !forward && (result || which == ONEDNN_DST);
    TRY_DNNL(describe_ours(plan, which, &operand->ours), "describing an operand");
    TRY_DNNL(wn_dnnl_desc_query(choice->conv, queries[gradient][which], &operand->theirs),
             "asking for a layout");
    /* Backward passes of oneDNN cannot add to their result: the reorder of a copy does. */
    bool reorder_adds = result && p->accumulate && !forward;
    operand->apart = reorder_adds || !wn_dnnl_desc_equal(operand->ours, operand->theirs);
    if (operand->apart && (!result || (forward && p->accumulate)))
        TRY_DNNL(make_reorder(operand->ours, operand->theirs, false, choice->engine, &operand->before),
                 "reordering to its layout");
    if (operand->apart && result)
        TRY_DNNL(make_reorder(operand->theirs, operand->ours, reorder_adds, choice->engine, &operand->after),
                 "reordering from its layout");
    return wn_ok();
}

static wn_status choose_implementation(const wn_conv_plan *plan, wn_onednn_choice *choice) {
    const dnnl_dims_t channels = {plan->problem.oc};
    TRY_DNNL(dnnl_engine_create(&choice->engine, dnnl_cpu, 0), "creating an engine");
    TRY_DNNL(wn_dnnl_desc_make(1, channels, dnnl_a, &choice->bias), "describing the bias");
    return choose_conv(plan, choice);
}

wn_status wn_onednn_choose(const wn_conv_plan *plan, wn_onednn_choice *choice) {
    *choice = (wn_onednn_choice){0};
    int before = wn_onednn_set_threads(plan->threads);
    wn_status status = choose_implementation(plan, choice);
    for (int which = 0; which < ONEDNN_OPERANDS && !wn_failed(status); which++)
        status = choose_operand(plan, choice, which);
    wn_onednn_set_threads(before);
    if (wn_failed(status))
        wn_onednn_choice_free(choice);
    return status;
}

void wn_onednn_name_of(const wn_onednn_choice *choice, char name[ONEDNN_NAME]) {
    const char *found = "";
    dnnl_primitive_desc_query(choice->conv, dnnl_query_impl_info_str, 0, &found);
    snprintf(name, ONEDNN_NAME, "%s", found);
}

bool wn_onednn_find_name(const wn_conv_plan *plan, char name[ONEDNN_NAME]) {
    wn_onednn_choice choice = {0};
    int before = wn_onednn_set_threads(plan->threads);
    bool found = !wn_failed(choose_implementation(plan, &choice));
    if (found)
        wn_onednn_name_of(&choice, name);
    wn_onednn_set_threads(before);
    wn_onednn_choice_free(&choice);
    return found;
}

void wn_onednn_choice_free(wn_onednn_choice *choice) {
    for (int which = 0; which < ONEDNN_OPERANDS; which++) {
        wn_onednn_operand *operand = &choice->operand[which];
        dnnl_primitive_desc_destroy(operand->before);
        dnnl_primitive_desc_destroy(operand->after);
        wn_dnnl_desc_free(operand->ours);
        wn_dnnl_desc_free(operand->theirs);
    }
    wn_dnnl_desc_free(choice->bias);
    dnnl_primitive_desc_destroy(choice->conv);
    dnnl_engine_destroy(choice->engine);
    *choice = (wn_onednn_choice){0};
}
