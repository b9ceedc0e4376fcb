/* Prices of where threads run: fixed work with meetings in between, wherever the scheduler puts the threads,
 * each on its own CPU, and with the scheduler told to keep out. */
#include "bypass.h"
#include "clock.h"
#include "naive_team.h"
#include "system_files.h"
#include <immintrin.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WORK = 20000 }; /* iterations of a chain of four cycles: about 30 microseconds */

typedef struct schedule {
    wn_naive_team *team;
    long events;
    _Alignas(128) atomic_long arrived;
} schedule;

static volatile float sink;

static void work(void) {
    __m128 x = _mm_set1_ps(1), factor = _mm_set1_ps(0.999F);
    for (int i = 0; i < WORK; i++)
        x = _mm_mul_ps(x, factor);
    sink = _mm_cvtss_f32(x);
}

/* Threads meet by spinning, so that placement alone differs. */
static void task(void *context, int tid, int nthreads) {
    (void)tid;
    schedule *s = context;
    for (long i = 1; i <= s->events; i++) {
        work();
        atomic_fetch_add(&s->arrived, 1);
        while (atomic_load_explicit(&s->arrived, memory_order_acquire) < i * nthreads)
            _mm_pause();
    }
}

static wn_status open_schedule(const wn_bypass *bypass, const cpu_set_t *mask, wn_naive_placement placement,
                               void **state) {
    int threads = wn_pool_threads(bypass->pool);
    if (threads > CPU_COUNT(mask))
        return wn_error(WN_ERROR_UNSUPPORTED, "%d threads, but %d CPUs to spin on", threads, CPU_COUNT(mask));
    schedule *s = aligned_alloc(128, sizeof *s);
    if (!s)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    memset(s, 0, sizeof *s);
    wn_status status = wn_naive_team_create(threads, mask, placement, &s->team);
    *state = s;
    if (wn_failed(status))
        free(s);
    return status;
}

static wn_status open_anywhere(const wn_bypass *bypass, void **state) {
    return open_schedule(bypass, &bypass->allowed, WN_NAIVE_ANYWHERE, state);
}

static wn_status open_pinned(const wn_bypass *bypass, void **state) {
    return open_schedule(bypass, &bypass->allowed, WN_NAIVE_PINNED, state);
}

static wn_status open_realtime(const wn_bypass *bypass, void **state) {
    return open_schedule(bypass, &bypass->allowed, WN_NAIVE_REALTIME, state);
}

/* The CPUs that the system keeps free (isolcpus=). */
static wn_status open_isolated(const wn_bypass *bypass, void **state) {
    char list[256];
    int cpus[CPU_SETSIZE];
    cpu_set_t isolated;
    CPU_ZERO(&isolated);
    int count = wn_system_line("", "/sys/devices/system/cpu/isolated", list, sizeof list)
                    ? wn_system_list(list, cpus, CPU_SETSIZE)
                    : 0;
    for (int i = 0; i < count && i < CPU_SETSIZE; i++)
        if (cpus[i] < CPU_SETSIZE)
            CPU_SET(cpus[i], &isolated);
    if (CPU_COUNT(&isolated) == 0)
        return wn_error(WN_ERROR_UNSUPPORTED, "no CPU is isolated (boot with isolcpus=LIST)");
    return open_schedule(bypass, &isolated, WN_NAIVE_PINNED, state);
}

static void close_schedule(void *state) {
    schedule *s = state;
    wn_naive_team_destroy(s->team);
    free(s);
}

static double run_schedule(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    schedule *s = state;
    s->events = events;
    atomic_store(&s->arrived, 0);
    double begin = wn_seconds();
    wn_naive_team_run(s->team, task, s);
    return wn_seconds() - begin;
}

static double count_stretches(const wn_bypass_step *step) {
    return step->barriers;
}

const wn_bypass_item wn_bypass_scheduling = {
    .name = "work on all threads with a meeting behind it",
    .event = "stretch of fixed work",
    .per_step_rule = "if every phase of the tape were that long",
    .per_step = count_stretches,
    .events = 200,
    .threads = true,
    .ways = {
        {.name = "threads anywhere",
         .kernel = true,
         .open = open_anywhere,
         .run = run_schedule,
         .close = close_schedule},
        {.name = "threads pinned", .open = open_pinned, .run = run_schedule, .close = close_schedule},
        {.name = "pinned, SCHED_FIFO", .open = open_realtime, .run = run_schedule, .close = close_schedule},
        {.name = "pinned to isolated CPUs",
         .open = open_isolated,
         .run = run_schedule,
         .close = close_schedule}}};
