/* What winnow bench does with networks. */
#ifndef WN_BENCH_NETWORKS_H
#define WN_BENCH_NETWORKS_H

#include "cli.h"
#include "csv.h"
#include "trace.h"

enum { WN_MODE_BOTH, WN_MODE_TRAINING, WN_MODE_INFERENCE };

/* How networks are timed, and where the figures go. */
typedef struct wn_networks {
    const wn_session *session;
    const wn_network_flags *network;
    const char *db;    /* file of the tuning database; NULL: the default one */
    const char *impls; /* of winners: names joined by commas; NULL: all */
    int mode, repetitions;
    bool parts;                          /* print what steps spend their time on */
    const char *csv, *parts_csv, *trace; /* files; NULL: none */
} wn_networks;

/* Times the networks of that name step by step. Errors: those of wn_network_open and of compiling; IO for a
 * file that cannot be written, before anything is timed; MEMORY. */
wn_status wn_networks_bench(const wn_networks *networks, char **names, int count);

/* Times them once with every implementation forced and as tuned (net_winners.h): training, but for
 * WN_MODE_INFERENCE. `parts` and what belongs to it do not count. Errors: as above; USAGE for `impls`. */
wn_status wn_networks_winners(const wn_networks *networks, char **names, int count);

#endif
