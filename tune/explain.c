/* What a tuning of one problem found, for people. */
#include "tune.h"
#include <math.h>

static void print_timed(FILE *out, const wn_candidate *c, double flops, double peak) {
    char name[160], interval[24] = "";
    wn_candidate_name(c, name, sizeof name);
    if (c->rounds >= 6)
        snprintf(interval, sizeof interval, "%.3f-%.3f", c->low, c->high);
    double rate = flops / c->median_seconds;
    fprintf(out, "  %-56.56s %10.3f %7.3f %12s %4d %8.1f%c %6.1f %9.2f %9.1e %s\n", name,
            c->median_seconds * 1e3, c->ratio, interval, c->rounds, rate * 1e-9,
            wn_plan_effective(&c->plan) ? 'e' : ' ', 100 * rate / peak,
            (double)c->plan.workspace_bytes * 1e-6, c->error, c->pareto ? "*" : "");
}

void wn_tune_explain(FILE *out, const wn_problem *problem, const wn_candidate *candidates, int count,
                     const wn_tune_report *report, double peak) {
    char text[400], flags[64];
    double flops = wn_problem_flops(problem);
    wn_problem_format(problem, text, sizeof text);
    wn_problem_flags_text(problem, ' ', flags, sizeof flags);
    fprintf(out, "\n%s %s%s%s\n", wn_direction_name(problem->direction), flags, flags[0] ? " " : "", text);
    fprintf(out, "%.3f GFLOP; %d candidates, %d raced over %d rounds, %d more thrown out", flops * 1e-9,
            count, report->raced, report->rounds, report->thrown);
    if (isfinite(report->noise))
        fprintf(out, "; noise of an A/A round %.1f %%", 100 * report->noise);
    fprintf(out, "\n  %-56s %10s %7s %12s %4s %8s  %6s %9s %9s %s\n", "candidate", "median ms", "ratio",
            "96 % of it", "runs", "GFLOP/s", "% peak", "ws MB", "error", "front");
    for (int i = 0; i < count; i++)
        if (candidates[i].rounds > 0)
            print_timed(out, &candidates[i], flops, peak);
    for (int i = 0; i < count; i++) {
        char name[160];
        if (candidates[i].rounds > 0)
            continue;
        wn_candidate_name(&candidates[i], name, sizeof name);
        fprintf(out, "  %-56.56s %s\n", name,
                candidates[i].refusal[0] ? candidates[i].refusal : "not measured: ranked by the model");
    }
    fflush(out);
}
