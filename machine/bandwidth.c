/* How fast data come from each level of the memory: every thread goes over arrays of its own, which together
 * fit the level and not the one before. */
#include "arena.h"
#include "cgroup.h"
#include "loops.h"
#include "peak.h"
#include "slices.h"
#include "system_files.h"
#include <stdlib.h>

const char *const wn_level_names[WN_LEVEL_COUNT] = {"L1", "L2", "L3", "memory"};
const char *const wn_traffic_names[WN_TRAFFIC_COUNT] = {"read", "triad"};

enum { PIECE = 3 * WN_READ_FLOATS * (int)sizeof(float) }; /* what both loops divide evenly */

static long clamp(long value, long least, long most) {
    return value < least ? least : value > most ? most : value;
}

long wn_level_bytes(const wn_machine *machine, wn_level level, int threads) {
    const long array_least = 64L << 20, array_most = 256L << 20;
    int sharing = machine->l3_cpus > 0 && machine->l3_cpus < threads ? machine->l3_cpus : threads;
    long bytes = 0, before = 0;
    switch (level) {
    case WN_LEVEL_L1:
        bytes = machine->l1d / 2;
        break;
    case WN_LEVEL_L2:
        bytes = machine->l2 / 2;
        before = machine->l1d;
        break;
    case WN_LEVEL_L3:
        bytes = machine->l3 / 2 / sharing;
        before = machine->l2;
        break;
    default:
        bytes = 3 * clamp(4 * machine->l3, array_least, array_most) / threads;
    }
    return bytes > before ? bytes / PIECE * PIECE : 0;
}

/* Memory that can be taken without swapping or passing a control group's limit; 0 when unknown. */
static double available_memory(void) {
    char text[64];
    double bytes = 0, limit = wn_cgroup_memory("");
    if (wn_system_field("", "/proc/meminfo", "MemAvailable", text, sizeof text))
        bytes = strtod(text, NULL) * 1024;
    return limit > 0 && limit < bytes ? limit : bytes;
}

typedef struct sweep {
    const wn_loops *loops;
    wn_traffic traffic;
    float *base;
    long floats, passes; /* of each thread */
} sweep;

static void sweep_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    const sweep *work = context;
    float *own = work->base + tid * work->floats, sum = 0;
    long third = work->floats / 3;
    for (long pass = 0; pass < work->passes; pass++)
        if (work->traffic == WN_TRAFFIC_READ)
            sum += work->loops->read(own, work->floats);
        else
            work->loops->triad(own, own + third, own + 2 * third, third);
    volatile float sink = sum;
    (void)sink;
}

double wn_peak_bandwidth(wn_pool *pool, wn_isa isa, wn_level level, wn_traffic traffic, double seconds) {
    wn_machine machine;
    wn_machine_read(&machine);
    int threads = wn_pool_threads(pool);
    long bytes = wn_level_bytes(&machine, level, threads);
    double total = (double)bytes * threads;
    wn_arena arena;
    if (bytes == 0 || total > available_memory() / 2 || wn_failed(wn_arena_map((size_t)total, &arena)))
        return 0;
    sweep work = {wn_loops_of(isa), traffic, arena.base, bytes / (long)sizeof(float), 1};
    double time = wn_fastest_slice(pool, sweep_task, &work, &work.passes, seconds);
    wn_arena_unmap(&arena);
    return total * (double)work.passes / time;
}
