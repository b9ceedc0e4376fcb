/* What a comparison with a peer says: the table, the CSV file, the summary. */
#include "onednn.h"
#include "peer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NETWORKS = 64 };

void wn_peer_network(const wn_problem *problem, char network[static 64], int *layers) {
    const char *colon = strchr(problem->name, ':'), *star = strrchr(problem->name, '*');
    char *end = NULL;
    long times = star ? strtol(star + 1, &end, 10) : 0;
    bool counted = star && end != star + 1 && *end == '\0' && times >= 1 && times <= 1000000;
    *layers = counted ? (int)times : 1;
    snprintf(network, 64, "%.*s", colon && counted ? (int)(colon - problem->name) : 0, problem->name);
}

/* "onednn 2.6.3", or "self". */
static void peer_text(const wn_bench_peer *bench, char *text, size_t size) {
    if (bench->peer)
        snprintf(text, size, "%.*s %s", (int)strcspn(bench->peer->name, "-"), bench->peer->name,
                 bench->peer->version());
    else
        snprintf(text, size, "self");
}

void wn_peer_print_header(const wn_bench_peer *bench, FILE *out) {
    char peer[64];
    peer_text(bench, peer, sizeof peer);
    fprintf(out, "%s beside our best, %s, %d threads; ratio: its time / ours, median of pairs\n", peer,
            wn_isa_name(bench->isa), wn_pool_threads(bench->pool));
    fprintf(out, "%-7s %-46s %10s %10s %7s %15s  %s\n", "pass", "problem", "our ms", "its ms", "ratio",
            "interval", "ours | its");
}

/* An implementation in words: ours with its config, a library's by its own name. */
static void describe(const wn_conv_plan *plan, char *text, size_t size) {
    char config[256];
    wn_onednn_name(plan, text, size);
    if (text[0])
        return;
    wn_config_format(plan->impl, &plan->config, config, sizeof config);
    snprintf(text, size, "%s %s", plan->impl->name, config);
}

/* The name, or the sizes of a problem that has none. */
static void name_of(const wn_problem *problem, char *text, size_t size) {
    if (problem->name[0])
        snprintf(text, size, "%s", problem->name);
    else
        wn_problem_format(problem, text, size);
}

void wn_peer_print(const wn_peer_result *result, FILE *out) {
    char name[400], ours[320], theirs[320];
    name_of(&result->problem, name, sizeof name);
    fprintf(out, "%-7s %-46s ", wn_direction_name(result->problem.direction), name);
    if (result->pairs == 0) {
        fprintf(out, "not compared: %s\n", result->refusal);
        return;
    }
    describe(&result->ours, ours, sizeof ours);
    describe(&result->theirs, theirs, sizeof theirs);
    fprintf(out, "%10.3f %10.3f %7.3f %7.3f-%7.3f  %s | %s\n", result->our_seconds * 1e3,
            result->their_seconds * 1e3, result->ratio, result->low, result->high, ours, theirs);
}

static void write_side(const wn_conv_plan *plan, bool compared, bool library, wn_csv *csv) {
    char name[64] = "", config[256] = "";
    if (compared) {
        wn_config_format(plan->impl, &plan->config, config, sizeof config);
        if (library)
            wn_onednn_name(plan, name, sizeof name);
        else
            snprintf(name, sizeof name, "%s", plan->impl->name);
    }
    wn_csv_text(csv, name);
    wn_csv_text(csv, config);
    wn_csv_number(csv, compared ? (double)wn_plan_effective(plan) : (double)NAN);
}

void wn_peer_write(const wn_bench_peer *bench, const wn_peer_result *result, wn_csv *csv) {
    const wn_problem *p = &result->problem;
    bool compared = result->pairs > 0;
    double flops = wn_problem_flops(p), none = (double)NAN;
    wn_problem unnamed = *p;
    unnamed.name[0] = '\0';
    char peer[64], flags[64], problem[320], network[64];
    int layers;
    peer_text(bench, peer, sizeof peer);
    wn_problem_format(&unnamed, problem, sizeof problem);
    wn_problem_flags_text(p, '+', flags, sizeof flags);
    wn_peer_network(p, network, &layers);
    wn_csv_text(csv, bench->fingerprint);
    wn_csv_text(csv, wn_isa_name(bench->isa));
    wn_csv_number(csv, wn_pool_threads(bench->pool));
    wn_csv_text(csv, peer);
    wn_csv_text(csv, wn_direction_name(p->direction));
    wn_csv_text(csv, flags);
    wn_csv_text(csv, problem);
    wn_csv_text(csv, p->name);
    wn_csv_text(csv, network);
    wn_csv_number(csv, layers);
    wn_csv_number(csv, flops);
    write_side(&result->ours, compared, false, csv);
    write_side(&result->theirs, compared, true, csv);
    wn_csv_number(csv, compared ? result->our_min_seconds : none);
    wn_csv_number(csv, compared ? result->their_min_seconds : none);
    wn_csv_number(csv, compared ? result->our_seconds : none);
    wn_csv_number(csv, compared ? result->their_seconds : none);
    wn_csv_number(csv, compared ? flops / result->our_seconds * 1e-9 : none);
    wn_csv_number(csv, compared ? flops / result->their_seconds * 1e-9 : none);
    wn_csv_number(csv, compared ? result->ratio : none);
    wn_csv_number(csv, compared ? result->low : none);
    wn_csv_number(csv, compared ? result->high : none);
    wn_csv_number(csv, result->pairs);
    wn_csv_text(csv, result->refusal);
    wn_csv_end_row(csv);
}

/* Geometric mean of the ratios of one direction, or of all when it is WN_DIRECTION_COUNT. */
static double geometric_mean(const wn_peer_result *results, int count, int direction, int *compared) {
    double sum = 0;
    *compared = 0;
    for (int i = 0; i < count; i++)
        if (results[i].pairs > 0 &&
            (direction == WN_DIRECTION_COUNT || results[i].problem.direction == (wn_direction)direction)) {
            sum += log(results[i].ratio);
            ++*compared;
        }
    return *compared ? exp(sum / *compared) : (double)NAN;
}

static void print_means(const wn_peer_result *results, int count, FILE *out) {
    int compared;
    double mean = geometric_mean(results, count, WN_DIRECTION_COUNT, &compared);
    fprintf(out, "geometric mean of the ratios, %d problems: %.3f\n", compared, mean);
    for (int d = 0; d < WN_DIRECTION_COUNT; d++) {
        mean = geometric_mean(results, count, d, &compared);
        if (compared)
            fprintf(out, "  %-7s %d problems: %.3f\n", wn_direction_name((wn_direction)d), compared, mean);
    }
}

static void print_extremes(const wn_peer_result *results, int count, FILE *out) {
    int compared = 0, fast = 0, same = 0, slowest = -1;
    for (int i = 0; i < count; i++) {
        if (results[i].pairs == 0)
            continue;
        compared++;
        fast += results[i].ratio >= 1;
        same += wn_peer_same(&results[i]);
        if (slowest < 0 || results[i].ratio < results[slowest].ratio)
            slowest = i;
    }
    if (compared < count)
        fprintf(out, "not compared: %d problems\n", count - compared);
    if (slowest < 0)
        return;
    char name[400];
    name_of(&results[slowest].problem, name, sizeof name);
    fprintf(out, "at least as fast: %d of %d (%.1f %%); slowest: %.3f, %s %s\n", fast, compared,
            100.0 * fast / compared, results[slowest].ratio,
            wn_direction_name(results[slowest].problem.direction), name);
    fprintf(out, "no difference (sign test of the pairs, 1 %%): %d of %d\n", same, compared);
}

/* Sums over the layers of each network, in the order in which networks appear. Of a network of which some
 * problem was not compared the sums are of the rest on both sides. */
static void print_networks(const wn_peer_result *results, int count, FILE *out) {
    char seen[NETWORKS][64], network[64];
    int networks = 0, layers;
    for (int i = 0; i < count && networks < NETWORKS; i++) {
        wn_peer_network(&results[i].problem, network, &layers);
        int known = 0;
        while (known < networks && strcmp(seen[known], network) != 0)
            known++;
        if (known < networks || !network[0])
            continue;
        memcpy(seen[networks++], network, sizeof network);
        double ours = 0, theirs = 0;
        for (int j = i; j < count; j++) {
            char other[64];
            wn_peer_network(&results[j].problem, other, &layers);
            if (results[j].pairs > 0 && strcmp(other, network) == 0) {
                ours += layers * results[j].our_seconds;
                theirs += layers * results[j].their_seconds;
            }
        }
        if (ours > 0)
            fprintf(out, "%s, all its layers: ours %.3f ms, its %.3f ms, ratio %.3f\n", network, ours * 1e3,
                    theirs * 1e3, theirs / ours);
    }
}

void wn_peer_print_summary(const wn_peer_result *results, int count, FILE *out) {
    fputc('\n', out);
    print_means(results, count, out);
    print_extremes(results, count, out);
    print_networks(results, count, out);
}
