/* Parts of steps: recording, summing up, printing; and the timeline. */
#include "step_parts.h"
#include "recorded.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRACED_RUNS = 3 };

/* The clocks of all threads, with room for some runs. */
static wn_status create_clocks(const wn_bench_net *bench, int runs, wn_part_clock **clocks) {
    int threads = wn_pool_threads(bench->pool);
    size_t bytes = (size_t)threads * sizeof(wn_part_clock);
    wn_part_clock *made = *clocks = aligned_alloc(_Alignof(wn_part_clock), bytes);
    if (!made)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d clocks", threads);
    memset(made, 0, bytes);
    wn_tape_run_recorded(bench->tape, made); /* counts the spans, and warms up */
    for (int tid = 0; tid < threads; tid++) {
        made[tid].room = made[tid].count * runs;
        made[tid].count = 0;
        made[tid].spans = calloc((size_t)made[tid].room + 1, sizeof *made[tid].spans);
        if (!made[tid].spans)
            return wn_error(WN_ERROR_MEMORY, "no memory for %ld spans of time", made[tid].room);
    }
    return wn_ok();
}

static void destroy_clocks(const wn_bench_net *bench, wn_part_clock *clocks) {
    for (int tid = 0; clocks && tid < wn_pool_threads(bench->pool); tid++)
        free(clocks[tid].spans);
    free(clocks);
}

/* Kinds of passes that are summed up; the last takes what is left. */
static const char *const kinds[] = {"FWD_B", "BWD_D", "BWD_WB", "other"};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct samples {
    const wn_bench_net *bench;
    int steps;
    double *seconds; /* [step][part][repetition] */
    double *clocked; /* [repetition] time of the step with the clocks by time without them */
    double *outer;   /* [step] scratch of the timed run */
} samples;

/* The last word of a label: which pass it is. */
static const char *pass_of(const char *label) {
    const char *space = strrchr(label, ' ');
    return space ? space + 1 : label;
}

static int kind_of(const char *label) {
    int kind = 0;
    while (kind < KINDS - 1 && strcmp(pass_of(label), kinds[kind]) != 0)
        kind++;
    return kind;
}

static double *times_of(const samples *s, int step, int part) {
    return s->seconds + ((size_t)step * WN_PARTS + (size_t)part) * (size_t)s->bench->repetitions;
}

/* Adds up one repetition's spans; returns the whole of them. */
static double sum_spans(samples *s, const wn_part_clock *clocks, int repetition) {
    int threads = wn_pool_threads(s->bench->pool);
    double total = 0;
    for (int tid = 0; tid < threads; tid++)
        for (long i = 0; i < clocks[tid].count; i++) {
            const wn_part_span *span = &clocks[tid].spans[i];
            double seconds = (double)(span->end - span->begin) * 1e-9 / threads;
            times_of(s, span->step, (int)span->part)[repetition] += seconds;
            total += seconds;
        }
    return total;
}

static void measure(samples *s, wn_part_clock *clocks) {
    const wn_bench_net *bench = s->bench;
    for (int r = 0; r < bench->repetitions; r++) {
        double outer = 0;
        memset(s->outer, 0, (size_t)s->steps * sizeof *s->outer);
        wn_tape_run_timed(bench->tape, s->outer);
        for (int i = 0; i < s->steps; i++)
            outer += s->outer[i];
        for (int tid = 0; tid < wn_pool_threads(bench->pool); tid++)
            clocks[tid].count = 0;
        wn_tape_run_recorded(bench->tape, clocks);
        s->clocked[r] = sum_spans(s, clocks, r) / outer;
    }
}

static void print_line(FILE *out, const char *label, const double parts[WN_PARTS], const char *kernel) {
    double total = 0;
    fprintf(out, "%-34.34s", label);
    for (int part = 0; part < WN_PARTS; part++) {
        total += parts[part];
        if (parts[part] > 0)
            fprintf(out, " %8.3f", parts[part] * 1e3);
        else
            fprintf(out, " %8s", "");
    }
    fprintf(out, " %9.3f  %s\n", total * 1e3, kernel);
}

static void write_rows(const samples *s, wn_csv *csv, int step, const wn_step_info *info,
                       const double parts[WN_PARTS]) {
    double total = 0;
    const char *pass = step >= 0 ? pass_of(info->label) : "";
    char layer[128];
    for (int part = 0; part < WN_PARTS; part++)
        total += parts[part];
    snprintf(layer, sizeof layer, "%.*s", pass > info->label ? (int)(pass - info->label - 1) : 0,
             info->label);
    for (int part = 0; csv && part < WN_PARTS; part++) {
        if (!(parts[part] > 0))
            continue;
        wn_bench_net_write_begin(csv, s->bench);
        wn_csv_number(csv, step >= 0 ? step : (double)NAN);
        wn_csv_text(csv, info->label);
        wn_csv_text(csv, info->kernel);
        wn_csv_text(csv, layer);
        wn_csv_text(csv, pass);
        wn_csv_text(csv, wn_part_names[part]);
        wn_csv_number(csv, parts[part]);
        wn_csv_number(csv, 100 * parts[part] / total);
        wn_csv_number(csv, s->bench->repetitions);
        wn_csv_end_row(csv);
    }
}

static void report(samples *s, FILE *out, wn_csv *csv) {
    double sums[KINDS + 1][WN_PARTS] = {{0}};
    fprintf(out, "\n%-34s", "milliseconds spent on");
    for (int part = 0; part < WN_PARTS; part++)
        fprintf(out, " %8s", wn_part_names[part]);
    fprintf(out, " %9s  %s\n", "together", "kernel");
    for (int i = 0; i < s->steps; i++) {
        wn_step_info info = wn_tape_step(s->bench->tape, i);
        double parts[WN_PARTS];
        for (int part = 0; part < WN_PARTS; part++) {
            parts[part] = wn_median(times_of(s, i, part), s->bench->repetitions);
            sums[kind_of(info.label)][part] += parts[part];
            sums[KINDS][part] += parts[part];
        }
        print_line(out, info.label, parts, info.kernel);
        write_rows(s, csv, i, &info, parts);
    }
    for (int kind = 0; kind < KINDS; kind++)
        print_line(out, kinds[kind], sums[kind], "");
    print_line(out, "total", sums[KINDS], "");
    write_rows(s, csv, -1, &(wn_step_info){.label = "total", .kernel = ""}, sums[KINDS]);
    fprintf(out, "mean of the threads; with these clocks the step took %+.1f %% (median of %d pairs)\n",
            100 * (wn_median(s->clocked, s->bench->repetitions) - 1), s->bench->repetitions);
}

wn_status wn_step_parts_run(const wn_bench_net *bench, FILE *out, wn_csv *csv) {
    size_t repetitions = (size_t)bench->repetitions;
    samples s = {.bench = bench, .steps = wn_tape_step_count(bench->tape)};
    wn_part_clock *clocks = NULL;
    wn_status status = wn_error(WN_ERROR_MEMORY, "no memory for the parts of %d steps", s.steps);
    s.seconds = calloc((size_t)s.steps * WN_PARTS * repetitions, sizeof(double));
    s.clocked = calloc(repetitions, sizeof(double));
    s.outer = calloc((size_t)s.steps + 1, sizeof(double));
    if (s.seconds && s.clocked && s.outer)
        status = create_clocks(bench, 1, &clocks);
    if (!wn_failed(status)) {
        measure(&s, clocks);
        report(&s, out, csv);
    }
    destroy_clocks(bench, clocks);
    free(s.seconds);
    free(s.clocked);
    free(s.outer);
    return status;
}

/* Spans [first, last) of a thread that are one run, one step or one phase. */
typedef struct stretch {
    long first, last;
} stretch;

/* The stretch from `first` on that shares the step, or step and phase; of a run: until steps begin anew. */
typedef enum stretch_level { LEVEL_RUN, LEVEL_STEP, LEVEL_PHASE } stretch_level;

static stretch stretch_from(const wn_part_clock *clock, long first, long end, stretch_level level) {
    const wn_part_span *spans = clock->spans;
    stretch s = {first, first + 1};
    while (s.last < end &&
           (level == LEVEL_RUN ? spans[s.last].step >= spans[s.last - 1].step
                               : spans[s.last].step == spans[first].step &&
                                     (level == LEVEL_STEP || spans[s.last].phase == spans[first].phase)))
        s.last++;
    return s;
}

/* One thread being written. */
typedef struct track {
    const wn_bench_net *bench;
    const wn_part_clock *clock;
    wn_trace *trace;
    int thread;
    int64_t origin;
} track;

static void add_span(const track *t, stretch s, wn_trace_span span) {
    span.thread = t->thread;
    span.begin = t->clock->spans[s.first].begin - t->origin;
    span.end = t->clock->spans[s.last - 1].end - t->origin;
    wn_trace_add(t->trace, &span);
}

/* The parts of a phase; what is one whole is not named again. */
static void trace_parts(const track *t, stretch phase) {
    for (long i = phase.first; i < phase.last; i++)
        if (t->clock->spans[i].part != WN_PART_WHOLE)
            add_span(t, (stretch){i, i + 1},
                     (wn_trace_span){.name = wn_part_names[t->clock->spans[i].part], .category = "part"});
}

static void trace_step(const track *t, stretch step) {
    wn_step_info info = wn_tape_step(t->bench->tape, t->clock->spans[step.first].step);
    add_span(
        t, step,
        (wn_trace_span){.name = info.label, .category = "step", .detail = info.kernel, .flops = info.flops});
    for (stretch phase = {0, step.first}; phase.last < step.last;) {
        phase = stretch_from(t->clock, phase.last, step.last, LEVEL_PHASE);
        char name[32];
        snprintf(name, sizeof name, "phase %d", t->clock->spans[phase.first].phase);
        if (phase.first > step.first || phase.last < step.last)
            add_span(t, phase, (wn_trace_span){.name = name, .category = "phase"});
        trace_parts(t, phase);
    }
}

static void trace_thread(const track *t) {
    const char *name = t->bench->training ? "training step" : "inference";
    for (stretch run = {0, 0}; run.last < t->clock->count;) {
        run = stretch_from(t->clock, run.last, t->clock->count, LEVEL_RUN);
        add_span(t, run, (wn_trace_span){.name = name, .category = "run"});
        for (stretch step = {0, run.first}; step.last < run.last;) {
            step = stretch_from(t->clock, step.last, run.last, LEVEL_STEP);
            trace_step(t, step);
        }
    }
}

wn_status wn_step_parts_trace(const wn_bench_net *bench, wn_trace *trace) {
    int threads = wn_pool_threads(bench->pool);
    wn_part_clock *clocks;
    char name[160];
    wn_status status = create_clocks(bench, TRACED_RUNS, &clocks);
    for (int run = 0; run < TRACED_RUNS && !wn_failed(status); run++)
        wn_tape_run_recorded(bench->tape, clocks);
    if (!wn_failed(status)) {
        int64_t origin = clocks[0].spans[0].begin;
        for (int tid = 1; tid < threads; tid++)
            if (clocks[tid].spans[0].begin < origin)
                origin = clocks[tid].spans[0].begin;
        snprintf(name, sizeof name, "%s %dx%d, batch %d, %s, %s", bench->net, bench->size, bench->size,
                 bench->batch, bench->training ? "training" : "inference", wn_isa_name(bench->isa));
        wn_trace_process(trace, name, threads);
        for (int tid = 0; tid < threads; tid++)
            trace_thread(&(track){bench, &clocks[tid], trace, tid, origin});
    }
    destroy_clocks(bench, clocks);
    return status;
}
