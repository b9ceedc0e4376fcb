/* Networks by implementation, after convnet-benchmarks (Chintala, 2014): the whole step of a network, once
 * with every implementation forced where it supports the layer, and as tuned. */
#ifndef WN_NET_WINNERS_H
#define WN_NET_WINNERS_H

#include "bench.h"

/* The columns of its CSV, one row per network and implementation, the last of each network "tuned":
 *   machine, isa, threads, net, size, batch, mode   as in WN_BENCH_NET_HEADER
 *   impl
 *   passes          convolutions and linear layers of the step, each direction for itself
 *   substituted     of these, what the implementation does not support: direct stands in
 *   total_seconds, forward_seconds, backward_seconds, update_seconds   medians; forward up to the loss
 *   ratio, ratio_low, ratio_high   of total to the tuned one's: median of paired rounds and its 96 % interval
 *   rounds          0 for an implementation that supports no pass
 *   refusal         why it was not run */
#define WN_NET_WINNERS_HEADER                                                                                \
    "machine,isa,threads,net,size,batch,mode,impl,passes,substituted,total_seconds,forward_seconds,"         \
    "backward_seconds,update_seconds,ratio,ratio_low,ratio_high,rounds,refusal"

enum { WN_WINNERS_ROWS = 16 };

/* One row of one network. */
typedef struct wn_winners_row {
    const char *impl; /* "tuned": the picks of the database */
    wn_tape *tape;    /* NULL: not run */
    int passes, substituted;
    double total, forward, backward, update; /* seconds, medians */
    double ratio, low, high;
    const char *refusal; /* NULL when it was run */
} wn_winners_row;

typedef struct wn_winners {
    char net[32];
    int size, batch, rounds;
    bool training;
    wn_winners_row row[WN_WINNERS_ROWS];
    int rows;
} wn_winners;

/* Times the rows that have a tape in turns, after one run of each that warms up, and fills in their figures.
 * Errors: MEMORY. */
wn_status wn_winners_measure(wn_winners *winners);

/* The table of several networks, and for each how often direct stood in. */
void wn_winners_print(const wn_winners *winners, int count, FILE *out);
/* The rows of one network, which `bench` describes. */
void wn_winners_write(const wn_winners *winners, const wn_bench_net *bench, wn_csv *csv);

#endif
