/* Prices of meeting: handing a word from one thread to another, and a barrier of all threads. Both sides run
 * on the pool, each thread on its own CPU, so that the way alone differs. */
#include "bypass_threads.h"
#include "bypass.h"
#include "clock.h"
#include <cpuid.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 128 };

/* Two words on lines of their own: each thread writes one and waits for the other. */
typedef struct rally {
    _Alignas(LINE) atomic_uint word[2][LINE / sizeof(atomic_uint)];
    void (*await)(atomic_uint *word, unsigned value);
    void (*notify)(atomic_uint *word, unsigned value);
    long events;
    unsigned last;
} rally;

static void await_futex(atomic_uint *word, unsigned value) {
    unsigned seen;
    while ((seen = atomic_load(word)) != value)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void notify_futex(atomic_uint *word, unsigned value) {
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void await_spinning(atomic_uint *word, unsigned value) {
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        ;
}

static void await_pause(atomic_uint *word, unsigned value) {
    while (atomic_load_explicit(word, memory_order_acquire) != value)
        _mm_pause();
}

static void notify_store(atomic_uint *word, unsigned value) {
    atomic_store_explicit(word, value, memory_order_release);
}

/* Sleeps in the lighter of the two states until the line is written, or for some microseconds. */
__attribute__((target("waitpkg"))) void wn_bypass_await_umwait(atomic_uint *word, unsigned value) {
    while (atomic_load_explicit(word, memory_order_acquire) != value) {
        _umonitor(word);
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            _umwait(1, __rdtsc() + 20000);
    }
}

static wn_status open_rally(const wn_bypass *bypass, void (*await)(atomic_uint *, unsigned),
                            void (*notify)(atomic_uint *, unsigned), void **state) {
    if (wn_pool_threads(bypass->pool) < 2)
        return wn_error(WN_ERROR_UNSUPPORTED, "needs two threads");
    rally *r = aligned_alloc(LINE, sizeof *r);
    if (!r)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    memset(r, 0, sizeof *r);
    r->await = await;
    r->notify = notify;
    *state = r;
    return wn_ok();
}

static wn_status open_futex(const wn_bypass *bypass, void **state) {
    return open_rally(bypass, await_futex, notify_futex, state);
}

static wn_status open_spinning(const wn_bypass *bypass, void **state) {
    return open_rally(bypass, await_spinning, notify_store, state);
}

static wn_status open_pause(const wn_bypass *bypass, void **state) {
    return open_rally(bypass, await_pause, notify_store, state);
}

static wn_status open_umwait(const wn_bypass *bypass, void **state) {
    unsigned eax, ebx, ecx = 0, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ecx & 1U << 5))
        return wn_error(WN_ERROR_UNSUPPORTED,
                        "this CPU has no WAITPKG (Intel from Tremont and Alder Lake on)");
    return open_rally(bypass, wn_bypass_await_umwait, notify_store, state);
}

static void rally_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    rally *r = context;
    unsigned value = r->last;
    if (tid > 1)
        return;
    for (long i = 0; i < r->events; i += 2) {
        value++;
        if (tid == 0) {
            r->notify(r->word[0], value);
            r->await(r->word[1], value);
        } else {
            r->await(r->word[0], value);
            r->notify(r->word[1], value);
        }
    }
}

static double run_rally(const wn_bypass *bypass, void *state, long events) {
    rally *r = state;
    r->events = events;
    double begin = wn_seconds();
    wn_pool_run(bypass->pool, rally_task, r);
    double seconds = wn_seconds() - begin;
    r->last += (unsigned)((events + 1) / 2);
    return seconds;
}

static double count_barriers(const wn_bypass_step *step) {
    return step->barriers;
}

static double count_two_per_barrier(const wn_bypass_step *step) {
    return 2.0 * step->barriers;
}

const wn_bypass_item wn_bypass_handoff = {
    .name = "hand-off between two threads",
    .event = "hand-off",
    .per_step_rule = "two for every barrier",
    .per_step = count_two_per_barrier,
    .threads = true,
    .ways = {
        {.name = "futex wait and wake", .kernel = true, .open = open_futex, .run = run_rally, .close = free},
        {.name = "spinning on a cache line", .open = open_spinning, .run = run_rally, .close = free},
        {.name = "spinning with pause", .open = open_pause, .run = run_rally, .close = free},
        {.name = "umonitor and umwait",
         .open = open_umwait,
         .run = run_rally,
         .close = free,
         .note = "checked by its encoding alone: no machine at hand had it"}}};

typedef struct meeting {
    pthread_barrier_t barrier;
    wn_pool *pool;
    long events;
} meeting;

static wn_status open_meeting(const wn_bypass *bypass, void **state) {
    meeting *m = malloc(sizeof *m);
    if (!m)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    m->pool = bypass->pool;
    pthread_barrier_init(&m->barrier, NULL, (unsigned)wn_pool_threads(bypass->pool));
    *state = m;
    return wn_ok();
}

static void close_meeting(void *state) {
    meeting *m = state;
    pthread_barrier_destroy(&m->barrier);
    free(m);
}

static void meet_pthread(void *context, int tid, int nthreads) {
    (void)tid, (void)nthreads;
    meeting *m = context;
    for (long i = 0; i < m->events; i++)
        pthread_barrier_wait(&m->barrier);
}

static void meet_pool(void *context, int tid, int nthreads) {
    (void)nthreads;
    meeting *m = context;
    for (long i = 0; i < m->events; i++)
        wn_pool_barrier(m->pool, tid);
}

static double run_meeting(const wn_bypass *bypass, meeting *m, wn_task task, long events) {
    m->events = events;
    double begin = wn_seconds();
    wn_pool_run(bypass->pool, task, m);
    return wn_seconds() - begin;
}

static double run_pthread(const wn_bypass *bypass, void *state, long events) {
    return run_meeting(bypass, state, meet_pthread, events);
}

static double run_pool(const wn_bypass *bypass, void *state, long events) {
    return run_meeting(bypass, state, meet_pool, events);
}

const wn_bypass_item wn_bypass_barrier = {
    .name = "barrier of all threads",
    .event = "barrier",
    .per_step_rule = "one behind every phase of the tape",
    .per_step = count_barriers,
    .threads = true,
    .ways = {{.name = "pthread_barrier_wait",
              .kernel = true,
              .open = open_meeting,
              .run = run_pthread,
              .close = close_meeting},
             {.name = "the pool's barrier", .open = open_meeting, .run = run_pool, .close = close_meeting}}};
