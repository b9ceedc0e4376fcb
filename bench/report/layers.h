/* The rows of layer files, put together: for every network, layer and direction the time of each
 * implementation. */
#ifndef WN_REPORT_LAYERS_H
#define WN_REPORT_LAYERS_H

#include "report/report.h"
#include <winnow/problem.h>

enum { WN_REPORT_IMPLS = 16 };

/* One pass of one layer. */
typedef struct wn_layer_times {
    char network[32], layer[64]; /* of a name "net:layer*N"; network is empty without one */
    int times;                   /* layers of the network that are the same */
    wn_problem problem;
    double flops, bytes;
    double seconds[WN_REPORT_IMPLS]; /* by implementation; NAN where it was not timed */
    double peak_gflops;
    int first_row; /* of `table` */
    int best_row;  /* of `table`: the fastest */
    const wn_table *table;
} wn_layer_times;

typedef struct wn_layer_set {
    wn_layer_times *layers;
    int count, room;
    char impl[WN_REPORT_IMPLS][32];
    int impls;
} wn_layer_set;

/* Collects the passes from all tables of layers, in their order. Of several configs of one implementation the
 * fastest counts. Errors: FORMAT with the file for a problem that cannot be read; MEMORY. */
wn_status wn_layer_set_collect(const wn_table *tables, int count, wn_layer_set *set);
void wn_layer_set_free(wn_layer_set *set);

/* The fastest implementation of a pass, and the next; -1 where there is none. */
int wn_layer_best(const wn_layer_set *set, const wn_layer_times *layer, int except);

/* wn_report_limit for the ISA and threads that the pass was measured with. */
double wn_report_layer_limit(const wn_report *report, const wn_layer_times *layer, const char *fact,
                             const char *level);

#endif
