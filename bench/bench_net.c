/* Timing a network's tape step by step, in turns with the machine's peak. */
#include "bench.h"
#include "peak.h"
#include "random.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

static const double peak_slice = 0.02; /* seconds of measuring the peak before and after each repetition */

/* What one repetition after the other left behind. */
typedef struct samples {
    int steps, repetitions;
    double *seconds; /* [step][repetition]; the row behind the last step holds the whole tape */
    double *peak;    /* [repetition], FLOP/s: the higher of those measured before and after it */
    double *scratch; /* [repetition] */
} samples;

/* The figures of one step, or of the whole tape. */
typedef struct figures {
    const char *label, *kernel;
    double flops, bytes, min, median, percent;
    bool effective;
} figures;

static wn_status allocate(samples *s) {
    size_t repetitions = (size_t)s->repetitions, rows = (size_t)s->steps + 1;
    s->seconds = calloc(rows * repetitions, sizeof(double));
    s->peak = calloc(repetitions, sizeof(double));
    s->scratch = calloc(repetitions, sizeof(double));
    if (!s->seconds || !s->peak || !s->scratch)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d repetitions of %d steps", s->repetitions,
                        s->steps);
    return wn_ok();
}

static void release(samples *s) {
    free(s->seconds);
    free(s->peak);
    free(s->scratch);
}

void wn_bench_net_fill(const wn_bench_net *bench) {
    float *input = wn_tape_input(bench->tape);
    int32_t *labels = wn_tape_labels(bench->tape);
    int64_t values = (int64_t)bench->batch * bench->channels * bench->size * bench->size;
    for (int64_t i = 0; i < values; i++)
        input[i] = wn_random_uniform(0, WN_STREAM_BENCH, (uint64_t)i);
    for (int i = 0; i < bench->batch; i++)
        labels[i] = (int32_t)wn_random_below(1, WN_STREAM_BENCH, (uint64_t)i, (uint32_t)bench->classes);
}

static wn_status measure(const wn_bench_net *bench, samples *s) {
    double *once = calloc((size_t)s->steps + 1, sizeof(double));
    if (!once)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d steps", s->steps);
    wn_tape_run(bench->tape); /* warm-up */
    double before = wn_peak_flops(bench->pool, bench->isa, peak_slice);
    for (int r = 0; r < s->repetitions; r++) {
        double total = 0;
        for (int i = 0; i < s->steps; i++)
            once[i] = 0;
        wn_tape_run_timed(bench->tape, once);
        for (int i = 0; i < s->steps; i++) {
            s->seconds[i * s->repetitions + r] = once[i];
            total += once[i];
        }
        s->seconds[s->steps * s->repetitions + r] = total;
        double after = wn_peak_flops(bench->pool, bench->isa, peak_slice);
        s->peak[r] = fmax(before, after);
        before = after;
    }
    free(once);
    return wn_ok();
}

/* Fills in the times of row `step`, whose flops are set. */
static void summarise(const samples *s, int step, figures *f) {
    double *row = s->seconds + (size_t)step * (size_t)s->repetitions;
    for (int r = 0; r < s->repetitions; r++)
        s->scratch[r] = row[r] > 0 ? 100 * f->flops / row[r] / s->peak[r] : 0;
    f->percent = wn_median(s->scratch, s->repetitions);
    f->median = wn_median(row, s->repetitions); /* sorts: the smallest is first */
    f->min = row[0];
}

/* Adds a step to a sum of steps; the share of the peak becomes the mean weighed by time. */
static void add_figures(figures *sum, const figures *f) {
    double median = sum->median + f->median;
    if (median > 0)
        sum->percent = (sum->percent * sum->median + f->percent * f->median) / median;
    sum->flops += f->flops;
    sum->bytes += f->bytes;
    sum->effective |= f->effective;
    sum->min += f->min;
    sum->median = median;
}

static void print_figures(FILE *out, const figures *f) {
    fprintf(out, "%-34.34s %10.3f %10.3f %9.1f%c %6.1f %8.1f  %s\n", f->label, f->min * 1e3, f->median * 1e3,
            f->median > 0 ? f->flops / f->median * 1e-9 : 0, f->effective ? 'e' : ' ', f->percent,
            f->median > 0 ? f->bytes / f->median * 1e-9 : 0, f->kernel);
}

void wn_bench_net_write_begin(wn_csv *csv, const wn_bench_net *bench) {
    wn_csv_text(csv, bench->fingerprint);
    wn_csv_text(csv, wn_isa_name(bench->isa));
    wn_csv_number(csv, wn_pool_threads(bench->pool));
    wn_csv_text(csv, bench->net);
    wn_csv_number(csv, bench->size);
    wn_csv_number(csv, bench->batch);
    wn_csv_text(csv, bench->training ? "training" : "inference");
}

static void write_figures(wn_csv *csv, const wn_bench_net *bench, int step, const figures *f, double peak) {
    if (!csv)
        return;
    wn_bench_net_write_begin(csv, bench);
    wn_csv_number(csv, step >= 0 ? step : (double)NAN);
    wn_csv_text(csv, f->label);
    wn_csv_text(csv, f->kernel);
    wn_csv_number(csv, f->flops);
    wn_csv_number(csv, f->bytes);
    wn_csv_number(csv, f->effective);
    wn_csv_number(csv, f->min);
    wn_csv_number(csv, f->median);
    wn_csv_number(csv, f->flops / f->median * 1e-9);
    wn_csv_number(csv, f->percent);
    wn_csv_number(csv, f->bytes / f->median * 1e-9);
    wn_csv_number(csv, peak * 1e-9);
    wn_csv_number(csv, bench->repetitions);
    wn_csv_end_row(csv);
}

static void report(const wn_bench_net *bench, const samples *s, FILE *out, wn_csv *csv) {
    double peak;
    figures total = {.label = "total", .kernel = ""},
            convolutions = {.label = "of which convolutions and linear", .kernel = ""};
    fprintf(out, "%-34s %10s %10s %9s  %6s %8s  %s\n", "step", "min ms", "median ms", "GFLOP/s", "% peak",
            "GB/s", "kernel");
    for (int r = 0; r < s->repetitions; r++)
        s->scratch[r] = s->peak[r];
    peak = wn_median(s->scratch, s->repetitions);
    for (int i = 0; i < s->steps; i++) {
        wn_step_info info = wn_tape_step(bench->tape, i);
        figures f = {.label = info.label, .kernel = info.kernel, .flops = info.flops, .bytes = info.bytes};
        f.effective = info.plan && wn_plan_effective(info.plan);
        summarise(s, i, &f);
        print_figures(out, &f);
        write_figures(csv, bench, i, &f, peak);
        total.flops += f.flops;
        total.bytes += f.bytes;
        if (info.plan)
            add_figures(&convolutions, &f);
    }
    total.effective = convolutions.effective;
    summarise(s, s->steps, &total);
    print_figures(out, &convolutions);
    print_figures(out, &total);
    write_figures(csv, bench, -1, &total, peak);
    if (total.effective)
        fputs(WN_BENCH_EFFECTIVE_NOTE, out);
    fprintf(out, "%s step of %s, batch %d: %.1f images/s; peak of the FMA loop beside it %.1f GFLOP/s\n",
            bench->training ? "training" : "inference", bench->net, bench->batch,
            total.median > 0 ? bench->batch / total.median : 0, peak * 1e-9);
}

wn_status wn_bench_net_run(const wn_bench_net *bench, FILE *out, wn_csv *csv) {
    samples s = {.steps = wn_tape_step_count(bench->tape), .repetitions = bench->repetitions};
    wn_status status = allocate(&s);
    if (wn_failed(status))
        goto done;
    wn_bench_net_fill(bench);
    fprintf(out, "\n%s %dx%d, batch %d, %s, %s, %d threads, %d repetitions\n", bench->net, bench->size,
            bench->size, bench->batch, bench->training ? "training" : "inference", wn_isa_name(bench->isa),
            wn_pool_threads(bench->pool), bench->repetitions);
    status = measure(bench, &s);
    if (!wn_failed(status))
        report(bench, &s, out, csv);
done:
    release(&s);
    return status;
}
