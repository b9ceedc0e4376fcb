/* Matching names, and what two samples of times say about each other. */
#include "compare.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

static const double significance = 0.01;

const char *wn_change_name(wn_change verdict) {
    static const char *const names[] = {"same", "faster", "slower", ""};
    return names[verdict];
}

void wn_comparison_free(wn_comparison *comparison) {
    free(comparison->rows);
    *comparison = (wn_comparison){.rows = NULL};
}

static wn_compared compare_one(const wn_timing *a, const wn_timing *b) {
    wn_compared row = {.name = a->name, .count_a = a->count, .count_b = b->count};
    row.p = wn_mann_whitney(a->seconds, a->count, b->seconds, b->count);
    row.median_a = wn_median(a->seconds, a->count); /* sorts */
    row.median_b = wn_median(b->seconds, b->count);
    row.ratio = row.median_b / row.median_a;
    if (!(wn_mann_whitney_least(a->count, b->count) <= significance)) {
        row.p = (double)NAN;
        row.verdict = WN_UNSURE;
    } else {
        row.verdict = row.p > significance ? WN_SAME : row.ratio > 1 ? WN_SLOWER : WN_FASTER;
    }
    return row;
}

static wn_status summarise(wn_comparison *comparison) {
    double *ratios = malloc((size_t)comparison->count * sizeof *ratios), logs = 0;
    if (!ratios)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d ratios", comparison->count);
    for (int i = 0; i < comparison->count; i++) {
        const wn_compared *row = &comparison->rows[i];
        ratios[i] = row->ratio;
        logs += log(row->ratio);
        if (row->verdict == WN_SLOWER)
            comparison->worst = fmax(comparison->worst, row->ratio);
    }
    comparison->mean = exp(logs / comparison->count);
    wn_median(ratios, comparison->count); /* sorts */
    comparison->low = wn_median_lower(ratios, comparison->count);
    comparison->high = wn_median_upper(ratios, comparison->count);
    free(ratios);
    return wn_ok();
}

wn_status wn_compare(const wn_timings *a, const wn_timings *b, wn_comparison *comparison) {
    *comparison = (wn_comparison){.rows = calloc((size_t)a->count + 1, sizeof *comparison->rows)};
    if (!comparison->rows)
        return wn_error(WN_ERROR_MEMORY, "no memory for a comparison of %d times", a->count);
    for (int i = 0; i < a->count; i++) {
        const wn_timing *other = wn_timings_find(b, a->timing[i].name);
        if (other)
            comparison->rows[comparison->count++] = compare_one(&a->timing[i], other);
    }
    comparison->only_a = a->count - comparison->count;
    comparison->only_b = b->count - comparison->count;
    wn_status status = comparison->count
                           ? summarise(comparison)
                           : wn_error(WN_ERROR_FORMAT,
                                      "the runs have no name in common: the first has \"%.100s\", the "
                                      "second \"%.100s\"",
                                      a->timing[0].name, b->timing[0].name);
    if (wn_failed(status))
        wn_comparison_free(comparison);
    return status;
}
