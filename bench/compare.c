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

/* By a test's p, unless the least p that so many times can give says nothing. */
static void judge(wn_compared *row, double p, double least) {
    bool sure = least <= significance;
    row->p = sure ? p : (double)NAN;
    row->verdict = !sure ? WN_UNSURE : p > significance ? WN_SAME : row->ratio > 1 ? WN_SLOWER : WN_FASTER;
}

static wn_compared compare_one(const wn_timing *a, const wn_timing *b) {
    wn_compared row = {.name = a->name, .count_a = a->count, .count_b = b->count};
    row.low = row.high = (double)NAN;
    double p = wn_mann_whitney(a->seconds, a->count, b->seconds, b->count);
    row.median_a = wn_median(a->seconds, a->count); /* sorts */
    row.median_b = wn_median(b->seconds, b->count);
    row.ratio = row.median_b / row.median_a;
    judge(&row, p, wn_mann_whitney_least(a->count, b->count));
    return row;
}

/* The same of runs in turns. */
static wn_status compare_pairs(const wn_timing *a, const wn_timing *b, wn_compared *row) {
    int count = a->count;
    *row = (wn_compared){.name = a->name, .count_a = count, .count_b = b->count};
    if (count != b->count)
        return wn_error(WN_ERROR_FORMAT, "%.100s: found %d repetitions and %d, expected pairs", a->name,
                        count, b->count);
    double *ratios = malloc((size_t)count * sizeof *ratios);
    if (!ratios)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d pairs", count);
    wn_ratio ratio = wn_paired_ratios(b->seconds, a->seconds, count, ratios);
    row->ratio = ratio.median;
    row->low = ratio.low;
    row->high = ratio.high;
    judge(row, wn_sign_test(ratio.above, ratio.below), wn_sign_test(ratio.pairs, 0));
    row->median_a = wn_median(a->seconds, count);
    row->median_b = wn_median(b->seconds, count);
    free(ratios);
    return wn_ok();
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
    wn_ratio ratio = wn_ratio_of(ratios, comparison->count);
    comparison->low = ratio.low;
    comparison->high = ratio.high;
    free(ratios);
    return wn_ok();
}

wn_status wn_compare(const wn_timings *a, const wn_timings *b, bool paired, wn_comparison *comparison) {
    *comparison = (wn_comparison){.rows = calloc((size_t)a->count + 1, sizeof *comparison->rows)};
    if (!comparison->rows)
        return wn_error(WN_ERROR_MEMORY, "no memory for a comparison of %d times", a->count);
    wn_status status = wn_ok();
    for (int i = 0; i < a->count && !wn_failed(status); i++) {
        const wn_timing *other = wn_timings_find(b, a->timing[i].name);
        wn_compared *row = &comparison->rows[comparison->count];
        if (!other)
            continue;
        if (paired)
            status = compare_pairs(&a->timing[i], other, row);
        else
            *row = compare_one(&a->timing[i], other);
        comparison->count++;
    }
    comparison->only_a = a->count - comparison->count;
    comparison->only_b = b->count - comparison->count;
    if (!wn_failed(status))
        status = comparison->count
                     ? summarise(comparison)
                     : wn_error(WN_ERROR_FORMAT,
                                "the runs have no name in common: the first has \"%.100s\", the "
                                "second \"%.100s\"",
                                a->timing[0].name, b->timing[0].name);
    if (wn_failed(status))
        wn_comparison_free(comparison);
    return status;
}
