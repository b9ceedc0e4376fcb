/* Timing the ways of every item in turns. What is timed is in bypass_*.c, how it is shown in bypass_report.c.
 */
#include "bypass.h"
#include "clock.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>

static const wn_bypass_item *const items[] = {
    &wn_bypass_call,    &wn_bypass_clock,      &wn_bypass_counter,   &wn_bypass_handoff,
    &wn_bypass_barrier, &wn_bypass_touch,      &wn_bypass_walk,      &wn_bypass_allocation,
    &wn_bypass_feeding, &wn_bypass_scheduling, &wn_bypass_denormals, &wn_bypass_whole_step,
};

static const double slice =
    2e-3; /* seconds of one timed run: short enough to fall between bursts of others */

enum { MOST_EVENTS = 1 << 24, PAUSE_NANOSECONDS = 4000000 };

static void pause_for_threads(const wn_bypass_item *item) {
    if (item->threads)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
}

/* Events that take about a slice. */
static long calibrate(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_way *way,
                      void *state) {
    long events = item->events;
    if (events)
        return way->run(bypass, state, events), events; /* warms up */
    for (events = 1; events < MOST_EVENTS; events *= 2) {
        double seconds = way->run(bypass, state, events);
        if (seconds >= slice)
            return events;
        if (seconds < slice / 16)
            events *= 4;
    }
    return events;
}

static void summarise(const wn_bypass *bypass, double *samples, const double *first, double *scratch,
                      wn_bypass_result *result) {
    int rounds = bypass->rounds;
    wn_ratio ratio = wn_paired_ratios(first, samples, rounds, scratch);
    result->ratio = ratio.median;
    result->ratio_low = ratio.low;
    result->ratio_high = ratio.high;
    for (int r = 0; r < rounds; r++)
        scratch[r] = samples[r];
    result->median = wn_median(scratch, rounds);
    result->min = scratch[0];
    result->low = wn_median_lower(scratch, rounds);
    result->high = wn_median_upper(scratch, rounds);
    result->rounds = rounds;
}

wn_status wn_bypass_measure(const wn_bypass *bypass, const wn_bypass_item *item,
                            wn_bypass_result results[WN_BYPASS_WAYS]) {
    size_t rounds = (size_t)bypass->rounds;
    double *samples = calloc(rounds * (WN_BYPASS_WAYS + 1), sizeof *samples);
    if (!samples)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d rounds", bypass->rounds);
    void *states[WN_BYPASS_WAYS] = {NULL};
    int open[WN_BYPASS_WAYS], count = 0;
    for (int w = 0; w < WN_BYPASS_WAYS && item->ways[w].name; w++) {
        const wn_bypass_way *way = &item->ways[w];
        wn_status status = way->open ? way->open(bypass, &states[w]) : wn_ok();
        results[w] = (wn_bypass_result){.median = (double)NAN};
        snprintf(results[w].refusal, sizeof results[w].refusal, "%.199s", status.message);
        if (wn_failed(status))
            continue;
        open[count++] = w;
        pause_for_threads(item);
        results[w].events = calibrate(bypass, item, way, states[w]);
    }
    int order[WN_BYPASS_WAYS];
    for (size_t r = 0; r < rounds; r++) {
        wn_race_shuffle(0, (int)r, order, count); /* so that no way always follows the same one */
        for (int i = 0; i < count; i++) {
            int w = open[order[i]];
            pause_for_threads(item);
            samples[(size_t)w * rounds + r] =
                item->ways[w].run(bypass, states[w], results[w].events) / (double)results[w].events;
        }
    }
    for (int i = 0; i < count; i++) {
        int w = open[i];
        summarise(bypass, samples + (size_t)w * rounds, samples + (size_t)open[0] * rounds,
                  samples + WN_BYPASS_WAYS * rounds, &results[w]);
        if (item->ways[w].close)
            item->ways[w].close(states[w]);
    }
    free(samples);
    return wn_ok();
}

/* The step as the executor runs it, in a loop as training does. */
static void time_step(wn_bypass *bypass) {
    double samples[9];
    wn_tape_run(bypass->step.tape);
    for (int i = 0; i < 9; i++) {
        double begin = wn_seconds();
        wn_tape_run(bypass->step.tape);
        samples[i] = wn_seconds() - begin;
    }
    bypass->step.seconds = wn_median(samples, 9);
}

wn_status wn_bypass_run(wn_bypass *bypass, FILE *out, wn_csv *csv) {
    wn_bypass_result results[WN_BYPASS_WAYS];
    time_step(bypass);
    const wn_bypass_step *s = &bypass->step;
    fprintf(out,
            "a training step of %s %dx%d, batch %d: %.2f ms, %d steps, %d barriers, %d buffers of %.1f MB in "
            "all\n",
            s->net, s->size, s->size, s->batch, s->seconds * 1e3, s->steps, s->barriers, s->buffers,
            s->buffer_bytes * 1e-6);
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        WN_TRY(wn_bypass_measure(bypass, items[i], results));
        wn_bypass_print(bypass, items[i], results, out);
        fflush(out);
        if (csv)
            wn_bypass_write(bypass, items[i], results, csv);
    }
    return wn_ok();
}
