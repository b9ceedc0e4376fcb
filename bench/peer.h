/* Our best implementation of a problem beside a peer's best, both timed in turns. */
#ifndef WN_BENCH_PEER_H
#define WN_BENCH_PEER_H

#include "csv.h"
#include "tune.h"
#include <stdbool.h>

/* The columns of a comparison's CSV, one row per problem:
 *   machine, isa, threads         as in bench.h
 *   peer                          "onednn 2.6.3", or "self"
 *   direction, flags, problem     as in bench.h
 *   name                          of the problem
 *   network, layers               of a name like net:layer*N: net and N; else empty and 1
 *   flops                         valid taps only
 *   impl, config, effective       our best; 1: does fewer operations than flops (Winograd)
 *   peer_impl, peer_config, peer_effective   the same of the peer ("jit:avx2")
 *   min_seconds, peer_min_seconds, seconds, peer_seconds   least, and medians over the pairs
 *   gflops, peer_gflops           flops / median / 1e9
 *   ratio                         median of the pairs' ratios, time of the peer / ours: above 1 we are faster
 *   ratio_low, ratio_high         96 % confidence interval of that median
 *   pairs                         0 where there was nothing to compare
 *   refusal                       why not */
#define WN_BENCH_PEER_HEADER                                                                                 \
    "machine,isa,threads,peer,direction,flags,problem,name,network,layers,flops,impl,config,effective,"      \
    "peer_impl,peer_config,peer_effective,min_seconds,peer_min_seconds,seconds,peer_seconds,gflops,"         \
    "peer_gflops,ratio,ratio_low,ratio_high,pairs,refusal"

enum { WN_BENCH_PEER_MIN_PAIRS = 9 };

typedef struct wn_bench_peer {
    const char *fingerprint;
    const wn_conv_impl *peer; /* runs on operands of its own; NULL: our best once more */
    wn_tune_db *db;           /* NULL: our best comes from a race */
    double budget;            /* seconds for the races of one problem */
    int pairs;
    wn_isa isa;
    wn_pool *pool;
} wn_bench_peer;

/* What became of one problem. */
typedef struct wn_peer_result {
    wn_problem problem;
    wn_conv_plan ours, theirs;
    double our_seconds, their_seconds; /* medians */
    double our_min_seconds, their_min_seconds;
    double ratio, low, high;
    double p;  /* of the sign test on the pairs: how likely such ratios are without a difference */
    int pairs; /* 0: refusal says why */
    char refusal[128];
} wn_peer_result;

/* The peer of that name; NULL for "self". Errors: USAGE, listing those there are; UNSUPPORTED when this build
 * is without it. */
wn_status wn_bench_peer_find(const char *name, const wn_conv_impl **peer);

/* Chooses the best of both by races and times them in pairs. That one of the two cannot run the problem is
 * told by the result. Errors: what wn_problem_check says, MEMORY. */
wn_status wn_bench_peer_run(const wn_bench_peer *bench, const wn_problem *problem, wn_peer_result *result);

/* Fills in times and ratios from those of the pairs; sorts all three arrays of `pairs`. */
void wn_peer_judge(double *our_times, double *their_times, double *ratios, int pairs, wn_peer_result *result);

/* No difference at 1 %, by the sign test. */
bool wn_peer_same(const wn_peer_result *result);

/* One line of the table, below the header; one row of the CSV file. */
void wn_peer_print_header(const wn_bench_peer *bench, FILE *out);
void wn_peer_print(const wn_peer_result *result, FILE *out);
void wn_peer_write(const wn_bench_peer *bench, const wn_peer_result *result, wn_csv *csv);

/* What all results together say: geometric means, the share of problems at least as fast, the slowest, and
 * sums of times per network with its multiplicities. */
void wn_peer_print_summary(const wn_peer_result *results, int count, FILE *out);

/* From a name like "net:layer*N": the network and N; else "" and 1. */
void wn_peer_network(const wn_problem *problem, char network[static 64], int *layers);

#endif
