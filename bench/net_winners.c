/* Timing networks by implementation, and their table. */
#include "net_winners.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than idle threads of OpenMP spin: every turn begins after it. */
static const struct timespec settle = {.tv_nsec = 20000000};

enum { TOTAL, FORWARD, BACKWARD, UPDATE, PARTS };

typedef struct samples {
    int rounds, steps;
    double *seconds; /* [row][part][round] */
    double *once;    /* [steps] of the longest tape */
    double *scratch; /* [round] */
} samples;

static double *times_of(const samples *s, int row, int part) {
    return s->seconds + ((size_t)row * PARTS + (size_t)part) * (size_t)s->rounds;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Adds up one run's steps: what is up to the loss is forward. */
static void add_run(samples *s, const wn_tape *tape, double *seconds[PARTS], int round) {
    bool forward = true;
    for (int i = 0; i < wn_tape_step_count(tape); i++) {
        wn_step_info info = wn_tape_step(tape, i);
        int part = ends_with(info.label, "UPDATE") ? UPDATE : forward ? FORWARD : BACKWARD;
        seconds[part][round] += s->once[i];
        seconds[TOTAL][round] += s->once[i];
        forward &= !ends_with(info.label, "LOSS");
    }
}

static void measure(const wn_winners *winners, samples *s) {
    int order[WN_WINNERS_ROWS];
    for (int i = 0; i < winners->rows; i++) {
        order[i] = i;
        if (winners->row[i].tape)
            wn_tape_run(winners->row[i].tape);
    }
    for (int round = 0; round < s->rounds; round++) {
        wn_race_shuffle(0, round, order, winners->rows);
        for (int i = 0; i < winners->rows; i++) {
            int row = order[i];
            double *seconds[PARTS];
            if (!winners->row[row].tape)
                continue;
            for (int part = 0; part < PARTS; part++)
                seconds[part] = times_of(s, row, part);
            nanosleep(&settle, NULL);
            memset(s->once, 0, (size_t)s->steps * sizeof *s->once);
            wn_tape_run_timed(winners->row[row].tape, s->once);
            add_run(s, winners->row[row].tape, seconds, round);
        }
    }
}

static double median_of(const samples *s, int row, int part) {
    memcpy(s->scratch, times_of(s, row, part), (size_t)s->rounds * sizeof(double));
    return wn_median(s->scratch, s->rounds);
}

/* Ratios to the last row, round by round. */
static void summarise(wn_winners *winners, const samples *s) {
    const double *tuned = times_of(s, winners->rows - 1, TOTAL);
    for (int i = 0; i < winners->rows; i++) {
        wn_winners_row *row = &winners->row[i];
        if (!row->tape)
            continue;
        row->total = median_of(s, i, TOTAL);
        row->forward = median_of(s, i, FORWARD);
        row->backward = median_of(s, i, BACKWARD);
        row->update = median_of(s, i, UPDATE);
        wn_ratio ratio = wn_paired_ratios(times_of(s, i, TOTAL), tuned, s->rounds, s->scratch);
        row->ratio = ratio.median;
        row->low = ratio.low;
        row->high = ratio.high;
    }
}

wn_status wn_winners_measure(wn_winners *winners) {
    samples s = {.rounds = winners->rounds};
    for (int i = 0; i < winners->rows; i++)
        if (winners->row[i].tape && wn_tape_step_count(winners->row[i].tape) > s.steps)
            s.steps = wn_tape_step_count(winners->row[i].tape);
    s.seconds = calloc((size_t)winners->rows * PARTS * (size_t)s.rounds, sizeof(double));
    s.once = calloc((size_t)s.steps + 1, sizeof(double));
    s.scratch = calloc((size_t)s.rounds, sizeof(double));
    wn_status status = wn_ok();
    if (s.seconds && s.once && s.scratch) {
        measure(winners, &s);
        summarise(winners, &s);
    } else {
        status = wn_error(WN_ERROR_MEMORY, "no memory for %d rounds of %d implementations", s.rounds,
                          winners->rows);
    }
    free(s.seconds);
    free(s.once);
    free(s.scratch);
    return status;
}

static void print_row(const wn_winners *winners, int count, int row, FILE *out) {
    fprintf(out, "%-10s", winners[0].row[row].impl);
    for (int n = 0; n < count; n++) {
        const wn_winners_row *r = &winners[n].row[row];
        if (r->refusal)
            fprintf(out, " | %9s %9s %9s", "-", "-", "-");
        else
            fprintf(out, " | %9.2f %9.2f %9.2f", r->total * 1e3, r->forward * 1e3, r->backward * 1e3);
    }
    fputc('\n', out);
}

/* How often direct stood in for the others. */
static void print_substitutes(const wn_winners *w, FILE *out) {
    const char *before = "; direct stands in for ";
    fprintf(out, "%s %dx%d, batch %d, %s, %d rounds in turns", w->net, w->size, w->size, w->batch,
            w->training ? "training" : "inference", w->rounds);
    for (int i = 0; i < w->rows; i++)
        if (w->row[i].substituted > 0) {
            fprintf(out, "%s%s in %d of %d passes", before, w->row[i].impl, w->row[i].substituted,
                    w->row[i].passes);
            before = ", ";
        }
    fputc('\n', out);
}

void wn_winners_print(const wn_winners *winners, int count, FILE *out) {
    fprintf(out, "\n%-10s", "ms");
    for (int n = 0; n < count; n++)
        fprintf(out, " | %-29.29s", winners[n].net);
    fprintf(out, "\n%-10s", "");
    for (int n = 0; n < count; n++)
        fprintf(out, " | %9s %9s %9s", "total", "forward", "backward");
    fputc('\n', out);
    for (int row = 0; row < winners[0].rows; row++)
        print_row(winners, count, row, out);
    for (int n = 0; n < count; n++)
        print_substitutes(&winners[n], out);
}

void wn_winners_write(const wn_winners *winners, const wn_bench_net *bench, wn_csv *csv) {
    for (int i = 0; i < winners->rows; i++) {
        const wn_winners_row *row = &winners->row[i];
        const double figures[] = {row->total, row->forward, row->backward, row->update,
                                  row->ratio, row->low,     row->high};
        wn_bench_net_write_begin(csv, bench);
        wn_csv_text(csv, row->impl);
        wn_csv_number(csv, row->passes);
        wn_csv_number(csv, row->substituted);
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            wn_csv_number(csv, row->refusal ? (double)NAN : figures[f]);
        wn_csv_number(csv, row->refusal ? 0 : winners->rounds);
        wn_csv_text(csv, row->refusal ? row->refusal : "");
        wn_csv_end_row(csv);
    }
}
