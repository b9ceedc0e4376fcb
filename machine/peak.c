/* Measured limits of the machine: arithmetic without memory, and memory with next to no arithmetic. Each
 * function compiled for an ISA carries it as an attribute; the rest of this file stays baseline. */
#include "arena.h"
#include "clock.h"
#include "machine.h"
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CHAINS = 12, /* independent accumulators: covers 2 units x 4 cycles, and 4 x 3 of separate mul and add */
    MIN_SLICES = 3,
};
static const double slice_seconds = 2e-3; /* short enough to fall between the neighbours' bursts */

/* Each x = x * factor + term stays near 1: no overflow, no denormals. The sum keeps the work alive. */
static const float factor = 0.999f, term = 0.001f;

static float fma_loop_portable(long iterations) {
    __m128 x[CHAINS], f = _mm_set1_ps(factor), t = _mm_set1_ps(term);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        x[i] = _mm_set1_ps(1 + (float)i * 0.01f);
    for (long n = 0; n < iterations; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            x[i] = _mm_add_ps(_mm_mul_ps(x[i], f), t);
    }
    __m128 sum = x[0];
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++)
        sum = _mm_add_ps(sum, x[i]);
    return _mm_cvtss_f32(sum);
}

__attribute__((target("avx2,fma"))) static float fma_loop_avx2(long iterations) {
    __m256 x[CHAINS], f = _mm256_set1_ps(factor), t = _mm256_set1_ps(term);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        x[i] = _mm256_set1_ps(1 + (float)i * 0.01f);
    for (long n = 0; n < iterations; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            x[i] = _mm256_fmadd_ps(x[i], f, t);
    }
    __m256 sum = x[0];
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++)
        sum = _mm256_add_ps(sum, x[i]);
    return _mm256_cvtss_f32(sum);
}

#ifndef WN_EMULATE_AVX512
__attribute__((target("avx512f"))) static float fma_loop_avx512(long iterations) {
    __m512 x[CHAINS], f = _mm512_set1_ps(factor), t = _mm512_set1_ps(term);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
        x[i] = _mm512_set1_ps(1 + (float)i * 0.01f);
    for (long n = 0; n < iterations; n++) {
#pragma GCC unroll 12
        for (int i = 0; i < CHAINS; i++)
            x[i] = _mm512_fmadd_ps(x[i], f, t);
    }
    __m512 sum = x[0];
#pragma GCC unroll 12
    for (int i = 1; i < CHAINS; i++)
        sum = _mm512_add_ps(sum, x[i]);
    return _mm512_cvtss_f32(sum);
}
#endif

/* a = b + s c over [begin, end), both multiples of 16. Ordinary stores: what kernels write is read again. */
static void triad_portable(float *a, const float *b, const float *c, long begin, long end) {
    __m128 s = _mm_set1_ps(factor);
    for (long i = begin; i < end; i += 4)
        _mm_store_ps(a + i, _mm_add_ps(_mm_load_ps(b + i), _mm_mul_ps(s, _mm_load_ps(c + i))));
}

__attribute__((target("avx2,fma"))) static void triad_avx2(float *a, const float *b, const float *c,
                                                           long begin, long end) {
    __m256 s = _mm256_set1_ps(factor);
    for (long i = begin; i < end; i += 8)
        _mm256_store_ps(a + i, _mm256_fmadd_ps(s, _mm256_load_ps(c + i), _mm256_load_ps(b + i)));
}

#ifndef WN_EMULATE_AVX512
__attribute__((target("avx512f"))) static void triad_avx512(float *a, const float *b, const float *c,
                                                            long begin, long end) {
    __m512 s = _mm512_set1_ps(factor);
    for (long i = begin; i < end; i += 16)
        _mm512_store_ps(a + i, _mm512_fmadd_ps(s, _mm512_load_ps(c + i), _mm512_load_ps(b + i)));
}
#endif

typedef struct isa_loops {
    int lanes;
    float (*fma)(long iterations);
    void (*triad)(float *a, const float *b, const float *c, long begin, long end);
} isa_loops;

static const isa_loops loops[WN_ISA_COUNT] = {
    [WN_ISA_PORTABLE] = {4, fma_loop_portable, triad_portable},
    [WN_ISA_AVX2] = {8, fma_loop_avx2, triad_avx2},
#ifdef WN_EMULATE_AVX512
    [WN_ISA_AVX512] = {8, fma_loop_avx2, triad_avx2},
#else
    [WN_ISA_AVX512] = {16, fma_loop_avx512, triad_avx512},
#endif
};

/* Runs the task again and again for about `seconds`, at least MIN_SLICES times; seconds of the fastest. */
static double fastest(wn_pool *pool, wn_task task, void *context, double seconds) {
    double best = 0, end = wn_seconds() + seconds;
    for (int slice = 0; slice < MIN_SLICES || wn_seconds() < end; slice++) {
        double start = wn_seconds();
        wn_pool_run(pool, task, context);
        double time = wn_seconds() - start;
        if (slice == 0 || time < best)
            best = time;
    }
    return best;
}

typedef struct fma_work {
    const isa_loops *loops;
    long iterations;
} fma_work;

static void fma_task(void *context, int tid, int nthreads) {
    (void)tid, (void)nthreads;
    const fma_work *work = context;
    volatile float sink = work->loops->fma(work->iterations);
    (void)sink;
}

double wn_peak_flops(wn_pool *pool, wn_isa isa, double seconds) {
    fma_work work = {.loops = &loops[isa], .iterations = 1000};
    double time = 0;
    while (time < slice_seconds) {
        work.iterations *= 2;
        time = fastest(pool, fma_task, &work, 0);
    }
    /* Slices that were interrupted while the length was sought look longer than they are. */
    while ((time = fastest(pool, fma_task, &work, seconds)) < slice_seconds / 2)
        work.iterations *= 2;
    double flops_per_thread = 2.0 * CHAINS * work.loops->lanes * (double)work.iterations;
    return flops_per_thread * wn_pool_threads(pool) / time;
}

typedef struct triad_work {
    const isa_loops *loops;
    float *a, *b, *c;
    long count;
} triad_work;

static void triad_task(void *context, int tid, int nthreads) {
    const triad_work *work = context;
    long begin, end;
    wn_split(work->count / 16, tid, nthreads, &begin, &end);
    work->loops->triad(work->a, work->b, work->c, begin * 16, end * 16);
}

/* Memory that can be taken without swapping; 0 when unknown. */
static long available_memory(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return 0;
    char line[128];
    long kibibytes = 0;
    while (kibibytes == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %ld kB", &kibibytes) != 1)
            kibibytes = 0;
    fclose(file);
    return kibibytes << 10;
}

/* Bytes of one of the three arrays: four times the last-level cache, within bounds that any machine this
 * runs on should have to spare. */
static size_t triad_array_bytes(void) {
    wn_machine machine;
    wn_machine_read(&machine);
    const long least = 64L << 20, most = 256L << 20;
    long wanted = 4 * machine.l3;
    return (size_t)(wanted < least ? least : wanted > most ? most : wanted);
}

double wn_peak_bandwidth(wn_pool *pool, wn_isa isa, double seconds) {
    size_t bytes = triad_array_bytes();
    wn_arena arena;
    if (3 * (long)bytes > available_memory() / 2 || wn_failed(wn_arena_map(3 * bytes, &arena)))
        return 0;
    long count = (long)(bytes / sizeof(float));
    float *base = arena.base;
    triad_work work = {&loops[isa], base, base + count, base + 2 * count, count};
    double time = fastest(pool, triad_task, &work, seconds);
    wn_arena_unmap(&arena);
    return 3.0 * sizeof(float) * (double)count / time;
}
