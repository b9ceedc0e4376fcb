/* How the CPUs that this process may use hang together, as hwloc sees it. */
#ifndef WN_TOPOLOGY_H
#define WN_TOPOLOGY_H

#include <stdbool.h>

typedef struct wn_topology {
    int packages, numa_nodes, cores, hardware_threads, l3s; /* 0: none, or not known */
} wn_topology;

/* False where this build is without hwloc or hwloc fails. Call it before creating a pool. */
bool wn_topology_read(wn_topology *topology);

#endif
