/* onednn_api.h for the 2.x C interface of oneDNN. */
#include "onednn_api.h"

#include <stdlib.h>

static dnnl_status_t copy_to_heap(const dnnl_memory_desc_t *value, wn_dnnl_desc *desc) {
    *desc = malloc(sizeof **desc);
    if (!*desc)
        return dnnl_out_of_memory;
    **desc = *value;
    return dnnl_success;
}

dnnl_status_t wn_dnnl_desc_make(int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag,
                                wn_dnnl_desc *desc) {
    dnnl_memory_desc_t value;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&value, ndims, dims, dnnl_f32, tag);
    return status == dnnl_success ? copy_to_heap(&value, desc) : status;
}

dnnl_status_t wn_dnnl_desc_images(const dnnl_dims_t dims, dnnl_format_tag_t tag, int64_t stride,
                                  wn_dnnl_desc *desc) {
    dnnl_status_t status = wn_dnnl_desc_make(4, dims, tag, desc);
    if (status == dnnl_success)
        (*desc)->format_desc.blocking.strides[0] = stride;
    return status;
}

void wn_dnnl_desc_free(wn_dnnl_desc desc) {
    free(desc);
}

bool wn_dnnl_desc_equal(wn_dnnl_desc a, wn_dnnl_desc b) {
    return dnnl_memory_desc_equal(a, b);
}

size_t wn_dnnl_desc_bytes(wn_dnnl_desc desc) {
    return dnnl_memory_desc_get_size(desc);
}

dnnl_status_t wn_dnnl_desc_query(const_dnnl_primitive_desc_t primitive, dnnl_query_t what,
                                 wn_dnnl_desc *desc) {
    const dnnl_memory_desc_t *value = dnnl_primitive_desc_query_md(primitive, what, 0);
    return value ? copy_to_heap(value, desc) : dnnl_invalid_arguments;
}

size_t wn_dnnl_query_bytes(const_dnnl_primitive_desc_t primitive, dnnl_query_t what) {
    const dnnl_memory_desc_t *value = dnnl_primitive_desc_query_md(primitive, what, 0);
    return value ? dnnl_memory_desc_get_size(value) : 0;
}

dnnl_status_t wn_dnnl_append_sum(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_sum(ops, 1);
}

dnnl_status_t wn_dnnl_append_relu(dnnl_post_ops_t ops) {
    return dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
}

static dnnl_status_t describe(const wn_dnnl_conv *conv, dnnl_convolution_desc_t *desc) {
    switch (conv->prop) {
    case dnnl_backward_data:
        return dnnl_dilated_convolution_backward_data_desc_init(
            desc, conv->algorithm, conv->src, conv->weights, conv->dst, conv->strides, conv->dilates,
            conv->pad_before, conv->pad_after);
    case dnnl_backward_weights:
        return dnnl_dilated_convolution_backward_weights_desc_init(
            desc, conv->algorithm, conv->src, conv->weights, conv->bias, conv->dst, conv->strides,
            conv->dilates, conv->pad_before, conv->pad_after);
    default:
        return dnnl_dilated_convolution_forward_desc_init(desc, conv->prop, conv->algorithm, conv->src,
                                                          conv->weights, conv->bias, conv->dst, conv->strides,
                                                          conv->dilates, conv->pad_before, conv->pad_after);
    }
}

dnnl_status_t wn_dnnl_conv_nth(const wn_dnnl_conv *conv, const_dnnl_primitive_attr_t attributes,
                               dnnl_engine_t engine, int index, dnnl_primitive_desc_t *made) {
    *made = NULL;
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = describe(conv, &desc);
    if (status != dnnl_success)
        return status;
    /* With the cache of primitives on, 2.6.3 lists an implementation twice, and leaves out the last, once a
     * primitive of the same pass exists: an index would mean another implementation then. */
    status = dnnl_set_primitive_cache_capacity(0);
    if (status != dnnl_success)
        return status;
    dnnl_primitive_desc_iterator_t iterator;
    status = dnnl_primitive_desc_iterator_create(&iterator, &desc, attributes, engine, NULL);
    if (status == dnnl_unimplemented)
        return dnnl_success;
    if (status != dnnl_success)
        return status;
    for (int i = 0; i < index && status == dnnl_success; i++)
        status = dnnl_primitive_desc_iterator_next(iterator);
    if (status == dnnl_success) {
        *made = dnnl_primitive_desc_iterator_fetch(iterator);
        status = *made ? dnnl_success : dnnl_out_of_memory;
    }
    dnnl_primitive_desc_iterator_destroy(iterator);
    return status == dnnl_iterator_ends ? dnnl_success : status;
}
