/* Counting what hwloc finds. By default it leaves out what the process may not use. */
#include "topology.h"
#include <hwloc.h>

static int count(hwloc_topology_t found, hwloc_obj_type_t type) {
    int objects = hwloc_get_nbobjs_by_type(found, type);
    return objects > 0 ? objects : 0;
}

bool wn_topology_read(wn_topology *topology) {
    hwloc_topology_t found;
    *topology = (wn_topology){0};
    if (hwloc_topology_init(&found) != 0)
        return false;
    bool loaded = hwloc_topology_load(found) == 0;
    if (loaded)
        *topology = (wn_topology){.packages = count(found, HWLOC_OBJ_PACKAGE),
                                  .numa_nodes = count(found, HWLOC_OBJ_NUMANODE),
                                  .cores = count(found, HWLOC_OBJ_CORE),
                                  .hardware_threads = count(found, HWLOC_OBJ_PU),
                                  .l3s = count(found, HWLOC_OBJ_L3CACHE)};
    hwloc_topology_destroy(found);
    return loaded;
}
