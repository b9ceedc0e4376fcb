/* The little of oneDNN whose C interface changed between major versions, behind functions that did not:
 * memory descriptors and the creation of convolutions. onednn_v2.c fills it in for 2.x; another version is
 * one more such file. Everything else of oneDNN is called directly, by onednn.c alone. */
#ifndef WN_ONEDNN_API_H
#define WN_ONEDNN_API_H

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stdint.h>

/* A memory descriptor on the heap, as dnnl_memory_create and dnnl_reorder_primitive_desc_create take it. */
#if DNNL_VERSION_MAJOR == 2
typedef dnnl_memory_desc_t *wn_dnnl_desc;
#else
typedef dnnl_memory_desc_t wn_dnnl_desc;
#endif

/* f32 in a named layout; dnnl_format_tag_any leaves the choice to the implementation. */
dnnl_status_t wn_dnnl_desc_make(int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag, wn_dnnl_desc *desc);

/* Activations {n, c, h, w} in layout nchw or nChw16c, images `stride` floats apart. */
dnnl_status_t wn_dnnl_desc_images(const dnnl_dims_t dims, dnnl_format_tag_t tag, int64_t stride,
                                  wn_dnnl_desc *desc);

void wn_dnnl_desc_free(wn_dnnl_desc desc); /* NULL is fine */
bool wn_dnnl_desc_equal(wn_dnnl_desc a, wn_dnnl_desc b);
size_t wn_dnnl_desc_bytes(wn_dnnl_desc desc);

/* A copy of the descriptor that a primitive descriptor asks for (dnnl_query_src_md and its kin). */
dnnl_status_t wn_dnnl_desc_query(const_dnnl_primitive_desc_t primitive, dnnl_query_t what,
                                 wn_dnnl_desc *desc);

/* Bytes of what such a descriptor describes, 0 when there is none. */
size_t wn_dnnl_query_bytes(const_dnnl_primitive_desc_t primitive, dnnl_query_t what);

/* Appends dst = result + dst, and dst = max(0, result). */
dnnl_status_t wn_dnnl_append_sum(dnnl_post_ops_t ops);
dnnl_status_t wn_dnnl_append_relu(dnnl_post_ops_t ops);

/* A convolution pass; prop says which of the four are its results. */
typedef struct wn_dnnl_conv {
    dnnl_prop_kind_t prop; /* dnnl_forward_training, dnnl_backward_data or dnnl_backward_weights */
    dnnl_alg_kind_t algorithm;
    wn_dnnl_desc src, weights, bias, dst; /* bias is ignored by dnnl_backward_data */
    dnnl_dims_t strides, dilates, pad_before, pad_after;
} wn_dnnl_conv;

/* The index-th implementation that oneDNN has for the pass, in its own order. *made is NULL when there are no
 * more; that is success. */
dnnl_status_t wn_dnnl_conv_nth(const wn_dnnl_conv *conv, const_dnnl_primitive_attr_t attributes,
                               dnnl_engine_t engine, int index, dnnl_primitive_desc_t *made);

#endif
