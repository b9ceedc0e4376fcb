/* Winograd's transforms of one size along both axes: first the columns, into `half`, then the rows. Included
 * once per size with TILE, KERNEL, PATCH and NAME defined; no include guard on purpose.
 *
 * What reads elements unrolls its loops over columns and rows by 2 only: unrolled wholly, every element wants
 * an address register of its own. What reads maps is faster unrolled, as it waits for memory more. */

#define EVALUATE POINT_NAME(evaluate, PATCH)
#define INTERPOLATE POINT_NAME(interpolate, PATCH)

static void NAME(weights)(const float *weights, float *elements, ptrdiff_t element) {
    for (int v = 0; v < 256; v += WN_LANES) {
        vf half[PATCH][PATCH];
        for (int j = 0; j < KERNEL; j++) {
            vf from[PATCH], to[PATCH];
#pragma GCC unroll 8
            for (int i = 0; i < KERNEL; i++)
                from[i] = vf_load(weights + (i * KERNEL + j) * 256 + v);
            EVALUATE(from, KERNEL, true, to);
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                half[i][j] = to[i];
        }
        for (int i = 0; i < PATCH; i++) {
            vf to[PATCH];
            EVALUATE(half[i], KERNEL, true, to);
#pragma GCC unroll 8
            for (int j = 0; j < PATCH; j++)
                vf_store(elements + (i * PATCH + j) * element + v, to[j]);
        }
    }
}

static void NAME(weights_gradient)(const float *elements, ptrdiff_t element, float *weights,
                                   bool accumulate) {
    for (int v = 0; v < 256; v += WN_LANES) {
        vf half[KERNEL][PATCH];
#pragma GCC unroll 2
        for (int j = 0; j < PATCH; j++) {
            vf from[PATCH], to[PATCH];
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                from[i] = vf_load(elements + (i * PATCH + j) * element + v);
            INTERPOLATE(from, KERNEL, true, to);
#pragma GCC unroll 8
            for (int i = 0; i < KERNEL; i++)
                half[i][j] = to[i];
        }
#pragma GCC unroll 2
        for (int i = 0; i < KERNEL; i++) {
            vf to[PATCH];
            INTERPOLATE(half[i], KERNEL, true, to);
#pragma GCC unroll 8
            for (int j = 0; j < KERNEL; j++) {
                float *weight = weights + (i * KERNEL + j) * 256 + v;
                if (accumulate)
                    to[j] += vf_load(weight);
                vf_store(weight, to[j]);
            }
        }
    }
}

static void NAME(gradient)(const wn_winograd_patch *patch, float *elements, ptrdiff_t element) {
    const float *row[PATCH];
    POINT_NAME(rows_of, PATCH)(patch, TILE, row);
    for (int v = 0; v < 16; v += WN_LANES) {
        vf half[PATCH][PATCH];
        for (int j = 0; j < TILE; j++) {
            vf from[PATCH], to[PATCH];
            const bool inside = j >= patch->column_begin && j < patch->column_end;
#pragma GCC unroll 8
            for (int i = 0; i < TILE; i++)
                from[i] = inside ? vf_load(row[i] + (j - patch->column_begin) * 16 + v) : vf_zero();
            EVALUATE(from, TILE, false, to);
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                half[i][j] = to[i];
        }
        for (int i = 0; i < PATCH; i++) {
            vf to[PATCH];
            EVALUATE(half[i], TILE, false, to);
#pragma GCC unroll 8
            for (int j = 0; j < PATCH; j++)
                vf_store(elements + (i * PATCH + j) * element + v, to[j]);
        }
    }
}

static void NAME(result)(const float *elements, ptrdiff_t element, const wn_winograd_result *result) {
    for (int v = 0; v < 16; v += WN_LANES) {
        vf half[TILE][PATCH];
#pragma GCC unroll 2
        for (int j = 0; j < PATCH; j++) {
            vf from[PATCH], to[PATCH];
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                from[i] = vf_load(elements + (i * PATCH + j) * element + v);
            INTERPOLATE(from, TILE, false, to);
#pragma GCC unroll 8
            for (int i = 0; i < TILE; i++)
                half[i][j] = to[i];
        }
        const vf bias = result->bias ? vf_load(result->bias + v) : vf_zero();
#pragma GCC unroll 2
        for (int i = 0; i < result->rows; i++) {
            vf to[PATCH];
            float *pixel = result->data + i * result->row + v;
            INTERPOLATE(half[i], TILE, false, to);
#pragma GCC unroll 8
            for (int j = 0; j < TILE; j++) {
                if (j >= result->columns)
                    break;
                vf sum = to[j] + bias;
                if (result->accumulate)
                    sum += vf_load(pixel + j * 16);
                if (result->mask)
                    sum = vf_where_positive(vf_load(pixel + j * 16 + result->mask), sum);
                if (result->relu)
                    sum = vf_max(sum, vf_zero());
                if (result->stream)
                    vf_stream(pixel + j * 16, sum);
                else
                    vf_store(pixel + j * 16, sum);
            }
        }
    }
}

#undef EVALUATE
#undef INTERPOLATE
