/* What winnow bench hands over when there is a peer to compare with. */
#ifndef WN_BENCH_PEER_COMMAND_H
#define WN_BENCH_PEER_COMMAND_H

#include "cli.h"
#include "peer.h"
#include "problem_list.h"

/* Problems to compare; zeroed memory is none. */
typedef struct wn_peer_problems {
    wn_problem *problems; /* the caller frees it */
    int count;
} wn_peer_problems;

/* All distinct convolutions of the networks in all directions. First layers, whose source is the plain input,
 * have no gradient of the data. Errors: those of wn_network_open, MEMORY. */
wn_status wn_peer_networks(char **names, int count, const wn_network_flags *flags, wn_peer_problems *wanted);

/* The listed problems. One with at most 4 channels and no groups is taken for a first layer. Errors: USAGE
 * when nothing is left, MEMORY. */
wn_status wn_peer_list(const wn_problem_list *list, wn_peer_problems *wanted);

/* Compares them one after the other and prints table and summary; csv NULL: no file. */
wn_status wn_peer_compare(const wn_bench_peer *bench, const wn_peer_problems *wanted, wn_csv *csv);

#endif
