/* The thread pool: start and finish of tasks, barriers, sleeping and waking. Which CPUs threads are pinned to
 * is decided in cpus.c.
 *
 * One protocol serves all: a round is gathered (every worker writes the round's number to its own cache line,
 * the caller's thread reads them all) and then released (the caller's thread writes the number to one line
 * that all workers read). A barrier is both halves at once. Between tasks the workers stand in a gathered
 * round that the next wn_pool_run, or the end of the pool, releases. */
#include "pool.h"
#include "clock.h"
#include "cpus.h"
#include <immintrin.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_THREADS = 1024,
    LINE = 128, /* two cache lines: the adjacent-line prefetcher pairs them */
    IDLE_SPIN_NANOSECONDS = 2000000,
    SPINS_PER_CLOCK_READ = 64,
    FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040,
};

/* What one thread alone writes. */
typedef struct slot {
    _Alignas(LINE) atomic_uint arrived; /* last round this thread arrived at */
    unsigned round;                     /* the same, private to the thread */
    int tid;
    pthread_t thread;
    wn_pool *pool;
} slot;

struct wn_pool {
    _Alignas(LINE) atomic_uint released; /* last round that was released; the futex word */
    _Alignas(LINE) atomic_uint sleepers; /* threads that sleep on it or are about to */
    _Alignas(LINE) wn_task task;         /* NULL ends the workers */
    void *context;
    int threads;
    bool spin; /* every thread has its own CPU */
    bool pinned;
    cpu_set_t caller_affinity;
    wn_cpus cpus;
    slot slots[];
};

static void relax(const wn_pool *pool) {
    if (pool->spin)
        _mm_pause();
    else
        sched_yield();
}

static bool is_released(wn_pool *pool, unsigned round) {
    return atomic_load_explicit(&pool->released, memory_order_acquire) == round;
}

/* Sleeps until the round is released. The caller has counted itself among the sleepers. */
static void sleep_until_released(wn_pool *pool, unsigned round) {
    for (;;) {
        unsigned seen = atomic_load(&pool->released);
        if (seen == round)
            break;
        syscall(SYS_futex, &pool->released, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
}

/* Waits for a task: spins for a while, then sleeps. */
static void wait_idle(wn_pool *pool, unsigned round) {
    int64_t start = wn_nanoseconds();
    do {
        for (int i = 0; i < SPINS_PER_CLOCK_READ; i++) {
            if (is_released(pool, round))
                return;
            relax(pool);
        }
    } while (wn_nanoseconds() - start < IDLE_SPIN_NANOSECONDS);
    atomic_fetch_add(&pool->sleepers, 1);
    sleep_until_released(pool, round);
}

/* The halves of a round. Arriving is for workers, gathering and releasing for the caller's thread. */
static unsigned arrive(slot *self) {
    unsigned round = ++self->round;
    atomic_store_explicit(&self->arrived, round, memory_order_release);
    return round;
}

static unsigned gather(wn_pool *pool) {
    unsigned round = ++pool->slots[0].round;
    for (int tid = 1; tid < pool->threads; tid++)
        while (atomic_load_explicit(&pool->slots[tid].arrived, memory_order_acquire) != round)
            relax(pool);
    return round;
}

/* Sequentially consistent against a worker's "count me as sleeper, look at the round again": one of the two
 * sees the other, so no one sleeps through a release. */
static void release(wn_pool *pool, unsigned round) {
    atomic_store(&pool->released, round);
    if (atomic_load(&pool->sleepers) > 0)
        syscall(SYS_futex, &pool->released, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *worker(void *argument) {
    slot *self = argument;
    wn_pool *pool = self->pool;
    if (pool->pinned)
        wn_cpus_pin(pool->cpus.cpu[self->tid]);
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO);
    for (;;) {
        wait_idle(pool, arrive(self));
        if (!pool->task)
            return NULL;
        pool->task(pool->context, self->tid, pool->threads);
    }
}

wn_status wn_pool_create(int threads, wn_pool **pool_out) {
    *pool_out = NULL;
    if (threads < 1 || threads > MAX_THREADS)
        return wn_error(WN_ERROR_INVALID, "a pool of %d threads: expected 1 to %d", threads, MAX_THREADS);
    size_t bytes = sizeof(wn_pool) + (size_t)threads * sizeof(slot);
    wn_pool *pool = aligned_alloc(LINE, bytes);
    if (!pool)
        return wn_error(WN_ERROR_MEMORY, "cannot allocate a pool of %d threads", threads);
    memset(pool, 0, bytes);
    wn_cpus_allowed(&pool->cpus);
    pool->spin = threads <= pool->cpus.count;
    pool->pinned =
        pool->spin && sched_getaffinity(0, sizeof pool->caller_affinity, &pool->caller_affinity) == 0;
    pool->threads = threads;
    for (int tid = 0; tid < threads; tid++) {
        slot *self = &pool->slots[tid];
        self->tid = tid;
        self->pool = pool;
        int error = tid > 0 ? pthread_create(&self->thread, NULL, worker, self) : 0;
        if (error) {
            pool->threads = tid; /* those that exist already */
            gather(pool);
            wn_pool_destroy(pool);
            return wn_error(WN_ERROR_IO, "cannot start thread %d of %d: %s", tid + 1, threads,
                            strerror(error));
        }
    }
    gather(pool);
    if (pool->pinned)
        wn_cpus_pin(pool->cpus.cpu[0]);
    *pool_out = pool;
    return wn_ok();
}

static void restore_affinity(const wn_pool *pool) {
    if (pool->pinned)
        sched_setaffinity(0, sizeof pool->caller_affinity, &pool->caller_affinity);
}

void wn_pool_destroy(wn_pool *pool) {
    if (!pool)
        return;
    pool->task = NULL;
    release(pool, pool->slots[0].round);
    for (int tid = 1; tid < pool->threads; tid++)
        pthread_join(pool->slots[tid].thread, NULL);
    restore_affinity(pool);
    free(pool);
}

int wn_pool_threads(const wn_pool *pool) {
    return pool->threads;
}

void wn_pool_run(wn_pool *pool, wn_task task, void *context) {
    unsigned mxcsr = _mm_getcsr();
    _mm_setcsr(mxcsr | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO);
    pool->task = task;
    pool->context = context;
    release(pool, pool->slots[0].round);
    task(context, 0, pool->threads);
    gather(pool);
    _mm_setcsr(mxcsr);
}

void wn_pool_barrier(wn_pool *pool, int tid) {
    if (tid == 0) {
        release(pool, gather(pool));
    } else {
        unsigned round = arrive(&pool->slots[tid]);
        while (!is_released(pool, round))
            relax(pool);
    }
}

void wn_pool_external(wn_pool *pool, int tid, void (*work)(void *context), void *context) {
    if (tid == 0) {
        unsigned round = gather(pool);
        restore_affinity(pool);
        work(context);
        if (pool->pinned)
            wn_cpus_pin(pool->cpus.cpu[0]);
        release(pool, round);
    } else {
        atomic_fetch_add(&pool->sleepers, 1);
        sleep_until_released(pool, arrive(&pool->slots[tid]));
    }
}

void wn_split(long total, int tid, int nthreads, long *begin, long *end) {
    long share = total / nthreads, rest = total % nthreads; /* the first `rest` threads take one more */
    *begin = tid * share + (tid < rest ? tid : rest);
    *end = *begin + share + (tid < rest);
}
