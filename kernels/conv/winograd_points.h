/* Winograd's transforms along one axis for patches of PATCH elements, and the one that needs nothing but the
 * patch (B^T d B). Included once per PATCH; no include guard on purpose: arrays of literal size stay in
 * registers. */

#define PAIRS ((PATCH - 2) / 2)
#define POINT_NAME_(name, n) name##_##n
#define POINT_NAME(name, n) POINT_NAME_(name, n)
#define POINTS POINT_NAME(points, PATCH)

/* to = B^T from. */
WN_INLINE void POINT_NAME(correlate, PATCH)(const vf from[PATCH], vf to[PATCH]) {
    to[0] = from[PATCH - 2];
    to[PATCH - 1] = from[PATCH - 1];
#pragma GCC unroll 8
    for (int c = 0; c < PAIRS; c++) {
        to[0] = vf_fma(vf_set1(POINTS.all[c]), from[2 * c], to[0]);
        to[PATCH - 1] = vf_fma(vf_set1(POINTS.all[c]), from[2 * c + 1], to[PATCH - 1]);
    }
#pragma GCC unroll 8
    for (int k = 0; k < PAIRS; k++) {
        vf even = from[PATCH - 2], odd = from[PATCH - 3];
#pragma GCC unroll 8
        for (int c = 0; c < PAIRS - 1; c++) {
            even = vf_fma(vf_set1(POINTS.without[k][c]), from[2 * c + 2], even);
            odd = vf_fma(vf_set1(POINTS.without[k][c]), from[2 * c + 1], odd);
        }
        to[2 * k + 1] = vf_fma(vf_set1(POINTS.point[k]), odd, even);
        to[2 * k + 2] = vf_fma(vf_set1(-POINTS.point[k]), odd, even);
    }
}

/* The values of a polynomial with `count` coefficients at all points, scaled: to = A from, or G from when
 * `divided`. */
WN_INLINE void POINT_NAME(evaluate, PATCH)(const vf from[PATCH], int count, bool divided, vf to[PATCH]) {
    to[0] = vf_set1(divided ? 1 / POINTS.norm_of_zero : 1) * from[0];
    to[PATCH - 1] = from[count - 1];
#pragma GCC unroll 8
    for (int k = 0; k < PAIRS; k++) {
        const float scale = divided ? 1 / POINTS.norm[k] : 1, square = POINTS.point[k] * POINTS.point[k];
        float power = scale;
        vf even = vf_set1(scale) * from[0];
        vf odd = vf_set1(scale * POINTS.point[k]) * from[1];
#pragma GCC unroll 8
        for (int c = 2; c < count; c++)
            if (c % 2 == 0) {
                power *= square;
                even = vf_fma(vf_set1(power), from[c], even);
            } else {
                odd = vf_fma(vf_set1(power * POINTS.point[k]), from[c], odd);
            }
        to[2 * k + 1] = even + odd;
        to[2 * k + 2] = even - odd;
    }
}

/* The transpose of evaluate: to = A^T from, or G^T from when `divided`; `count` results. */
WN_INLINE void POINT_NAME(interpolate, PATCH)(const vf from[PATCH], int count, bool divided, vf to[PATCH]) {
    vf sum[PAIRS], difference[PAIRS];
#pragma GCC unroll 8
    for (int k = 0; k < PAIRS; k++) {
        sum[k] = from[2 * k + 1] + from[2 * k + 2];
        difference[k] = from[2 * k + 1] - from[2 * k + 2];
    }
#pragma GCC unroll 8
    for (int c = 0; c < count; c++) {
        vf total = vf_zero();
        if (c == 0)
            total = vf_set1(divided ? 1 / POINTS.norm_of_zero : 1) * from[0];
        else if (c == count - 1)
            total = from[PATCH - 1];
#pragma GCC unroll 8
        for (int k = 0; k < PAIRS; k++) {
            float power = divided ? 1 / POINTS.norm[k] : 1;
#pragma GCC unroll 8
            for (int i = 0; i < c; i++)
                power *= POINTS.point[k];
            total = vf_fma(vf_set1(power), c % 2 == 0 ? sum[k] : difference[k], total);
        }
        to[c] = total;
    }
}

/* Pointers to the rows of a patch from its first column on; rows outside are zeros. */
WN_INLINE void POINT_NAME(rows_of, PATCH)(const wn_winograd_patch *patch, int rows, const float *row[PATCH]) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
        row[i] = i >= patch->row_begin && i < patch->row_end
                     ? patch->data + (i - patch->row_begin) * patch->row
                     : zero_row;
}

static void POINT_NAME(source, PATCH)(const wn_winograd_patch *patch, float *elements, ptrdiff_t element) {
    const float *row[PATCH];
    POINT_NAME(rows_of, PATCH)(patch, PATCH, row);
    for (int v = 0; v < 16; v += WN_LANES) {
        vf half[PATCH][PATCH]; /* [row of elements][column of the patch] */
        for (int j = 0; j < PATCH; j++) {
            vf from[PATCH], to[PATCH];
            const bool inside = j >= patch->column_begin && j < patch->column_end;
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                from[i] = inside ? vf_load(row[i] + (j - patch->column_begin) * 16 + v) : vf_zero();
            POINT_NAME(correlate, PATCH)(from, to);
#pragma GCC unroll 8
            for (int i = 0; i < PATCH; i++)
                half[i][j] = to[i];
        }
        for (int i = 0; i < PATCH; i++) {
            vf to[PATCH];
            POINT_NAME(correlate, PATCH)(half[i], to);
#pragma GCC unroll 8
            for (int j = 0; j < PATCH; j++)
                vf_store(elements + (i * PATCH + j) * element + v, to[j]);
        }
    }
}
