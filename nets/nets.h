/* The networks by name. A network is a function that calls the builder. */
#ifndef WN_NETS_H
#define WN_NETS_H

#include <winnow/graph.h>

typedef struct wn_net_options {
    int channels, height, width; /* of the input; all > 0 */
    int classes;
    int width_divisor; /* divides channel counts for narrow test versions; 0 = 1 */
} wn_net_options;

typedef struct wn_net {
    const char *name;
    void (*build)(wn_graph *, const wn_net_options *); /* ends with wn_output */
    int default_size;                                  /* height and width */
    int default_batch;
    float default_lr;
    const char *summary; /* one line: what it is and where it is from */
} wn_net;

/* NULL-name-terminated. */
extern const wn_net wn_nets[];
const wn_net *wn_net_find(const char *name); /* NULL when unknown */

#endif
