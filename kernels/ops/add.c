/* Elementwise sums and copies, with an optional ReLU. */
#include "ops_internal.h"
#include "vector_math.h"

/* The flags are constants wherever this is expanded. */
WN_INLINE void add_run(const float *a, const float *b, float *y, long floats, bool accumulate, bool relu) {
    for (long i = 0; i < floats; i += WN_LANES) {
        vf sum = vf_load(a + i);
        if (b)
            sum += vf_load(b + i);
        if (accumulate)
            sum += vf_load(y + i);
        if (relu)
            sum = vf_max(vf_zero(), sum);
        vf_store(y + i, sum);
    }
}

void WN_TARGET_NAME(add)(const wn_add_args *args, int tid, int nthreads) {
    long begin, end;
    wn_split(wn_view_groups(&args->y), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->y, begin, end);
        const float *a = wn_view_at(&args->a, run);
        const float *b = args->b.data ? wn_view_at(&args->b, run) : NULL;
        float *y = wn_view_at(&args->y, run);
        if (args->accumulate && args->relu)
            add_run(a, b, y, run.floats, true, true);
        else if (args->accumulate)
            add_run(a, b, y, run.floats, true, false);
        else if (args->relu)
            add_run(a, b, y, run.floats, false, true);
        else
            add_run(a, b, y, run.floats, false, false);
        begin += run.floats / WN_BLOCK;
    }
}
