/* benchdnn's performance templates: one line per problem and implementation, made of entries in percent
 * signs. */
#ifndef WN_PERF_TEMPLATE_H
#define WN_PERF_TEMPLATE_H

#include "tune.h"
#include <stdio.h>

/* What one line is about. */
typedef struct wn_perf_line {
    const wn_problem *problem;
    const wn_candidate *candidate;
    const double *seconds; /* of the runs */
    int count;
} wn_perf_line;

/* The template that a user gives: "def" and "csv" stand for benchdnn's own, else the text itself. Its entries
 * are:
 *   - driver, engine, impl, name, dir, alg, mb, desc (also as DESC), prb
 *   - time (ms), ops, flops, iobytes, bw; in front of them a modifier for the least (-, the default), the
 *     mean (0) or the greatest (+) of the runs, then one for the unit (K, M, G)
 *   - ctime, which is empty: creation is not timed
 * What flops counts are valid taps, as in benchdnn. Errors: USAGE for entries that are unknown and for a
 * percent sign without its partner. */
wn_status wn_perf_template_read(const char *text, const char **template);

/* One line and its end. */
void wn_perf_template_print(const char *template, const wn_perf_line *line, FILE *out);

#endif
