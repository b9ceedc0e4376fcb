/* The loops of one ISA. The including file defines LANES, TARGET (the functions' attribute), NAMED(name) and
 * MULTIPLY_ADD(a, b, c) for vectors. */

typedef float NAMED(vector) __attribute__((vector_size(4 * LANES), may_alias));

/* Each x = x * factor + term stays near 1: no overflow, no denormals. */
TARGET static float NAMED(fma_loop)(long iterations) {
    NAMED(vector) x[WN_FMA_CHAINS], f = (NAMED(vector)){0} + factor, t = (NAMED(vector)){0} + term;
#pragma GCC unroll 12
    for (int i = 0; i < WN_FMA_CHAINS; i++)
        x[i] = (NAMED(vector)){0} + (1 + (float)i * 0.01f);
    for (long n = 0; n < iterations; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < WN_FMA_CHAINS; i++)
            x[i] = MULTIPLY_ADD(x[i], f, t);
    }
#pragma GCC unroll 12
    for (int i = 1; i < WN_FMA_CHAINS; i++)
        x[0] += x[i];
    return x[0][0];
}

TARGET static float NAMED(read_loop)(const float *a, long count) {
    NAMED(vector) sum[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        sum[k] = (NAMED(vector)){0};
    for (long i = 0; i < count; i += 8 * LANES) {
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++)
            sum[k] += *(const NAMED(vector) *)(a + i + k * LANES);
    }
#pragma GCC unroll 8
    for (int k = 1; k < 8; k++)
        sum[0] += sum[k];
    return sum[0][0];
}

TARGET static void NAMED(triad_loop)(float *a, const float *b, const float *c, long count) {
    NAMED(vector) s = (NAMED(vector)){0} + factor;
    for (long i = 0; i < count; i += LANES)
        *(NAMED(vector) *)(a + i) =
            MULTIPLY_ADD(*(const NAMED(vector) *)(c + i), s, *(const NAMED(vector) *)(b + i));
}

#undef LANES
#undef TARGET
#undef NAMED
#undef MULTIPLY_ADD
