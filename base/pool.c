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
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MAX_THREADS = 1024,
    LINE = 128, /* two cache lines: the adjacent-line prefetcher pairs them */
    IDLE_SPIN_MICROSECONDS = 2000,
    BARRIER_SPIN_MICROSECONDS = 400,
    CALIBRATION_NANOSECONDS = 20000,
    SPINS_PER_CLOCK_READ = 16,
    FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040,
};

/* What one thread alone writes. */
typedef struct slot {
    _Alignas(LINE) atomic_uint arrived; /* last round this thread arrived at */
    unsigned round;                     /* the same, private to the thread */
    uint64_t left;                      /* time stamp counter when it last left a round */
    int tid;
    pthread_t thread;
    wn_pool *pool;
} slot;

struct wn_pool {
    _Alignas(LINE) atomic_uint released; /* last round that was released; the futex word */
    _Alignas(LINE) atomic_uint sleepers; /* threads that sleep on it or are about to */
    atomic_uint gatherers;               /* the same of the caller's thread and the words `arrived` */
    _Alignas(LINE) wn_task task;         /* NULL ends the workers */
    void *context;
    int threads;
    uint64_t ticks_per_microsecond; /* of the time stamp counter */
    bool spin;                      /* every thread has its own CPU */
    bool pinned;
    cpu_set_t caller_affinity;
    wn_cpus cpus;
    slot slots[];
};

static void futex(atomic_uint *word, int operation, unsigned value) {
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* Sleeps until the word holds the value. The caller has counted itself among the sleepers. */
static void sleep_until(atomic_uint *word, atomic_uint *sleepers, unsigned value) {
    for (;;) {
        unsigned seen = atomic_load(word);
        if (seen == value)
            break;
        futex(word, FUTEX_WAIT_PRIVATE, seen);
    }
    atomic_fetch_sub(sleepers, 1);
}

/* Writes a word others wait for. Sequentially consistent against a waiter's "count me as sleeper, look at the
 * word again": one of the two sees the other, so no one sleeps through it. */
static void publish(atomic_uint *word, atomic_uint *sleepers, unsigned value) {
    atomic_store(word, value);
    if (atomic_load(sleepers) > 0)
        futex(word, FUTEX_WAKE_PRIVATE, INT_MAX);
}

/* Waits until the word holds the value: spins for `patience` ticks, then sleeps. */
static void wait_for(atomic_uint *word, atomic_uint *sleepers, unsigned value, uint64_t patience) {
    uint64_t start = __rdtsc();
    do {
        for (int i = 0; i < SPINS_PER_CLOCK_READ; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) == value)
                return;
            _mm_pause();
        }
    } while (__rdtsc() - start < patience);
    atomic_fetch_add(sleepers, 1);
    sleep_until(word, sleepers, value);
}

/* How long to spin for threads that began to work when this one did. Undisturbed they end at about the same
 * time, or after twice as long where the parts are few. Who takes longer has lost its CPU to something else
 * for milliseconds, and a thread that goes on spinning would use up its own CPU's share meanwhile, to stand
 * still when it is needed. Without a CPU for each thread spinning keeps the others from arriving at all. */
static uint64_t patience(const wn_pool *pool, const slot *self) {
    if (!pool->spin)
        return 0;
    uint64_t worked = __rdtsc() - self->left, least = pool->ticks_per_microsecond * BARRIER_SPIN_MICROSECONDS;
    return least > worked * 3 / 2 ? least : worked * 3 / 2;
}

static uint64_t idle_patience(const wn_pool *pool) {
    return pool->spin ? pool->ticks_per_microsecond * IDLE_SPIN_MICROSECONDS : 0;
}

/* The halves of a round. Arriving is for workers, gathering and releasing for the caller's thread. */
static unsigned arrive(slot *self) {
    unsigned round = ++self->round;
    publish(&self->arrived, &self->pool->gatherers, round);
    return round;
}

static unsigned gather(wn_pool *pool) {
    slot *self = &pool->slots[0];
    unsigned round = ++self->round;
    uint64_t spin = patience(pool, self);
    for (int tid = 1; tid < pool->threads; tid++)
        wait_for(&pool->slots[tid].arrived, &pool->gatherers, round, spin);
    return round;
}

static void release(wn_pool *pool, unsigned round) {
    publish(&pool->released, &pool->sleepers, round);
    pool->slots[0].left = __rdtsc();
}

static void wait_release(slot *self, unsigned round, uint64_t spin) {
    wait_for(&self->pool->released, &self->pool->sleepers, round, spin);
    self->left = __rdtsc();
}

/* Against the monotonic clock; some per cent of error do no harm. */
static uint64_t measure_ticks_per_microsecond(void) {
    int64_t start = wn_nanoseconds(), passed;
    uint64_t ticks = __rdtsc();
    while ((passed = wn_nanoseconds() - start) < CALIBRATION_NANOSECONDS)
        _mm_pause();
    return (__rdtsc() - ticks) * 1000 / (uint64_t)passed + 1;
}

unsigned wn_flush_denormals(void) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO);
    return before;
}

static void *worker(void *argument) {
    slot *self = argument;
    wn_pool *pool = self->pool;
    if (pool->pinned)
        wn_cpus_pin(pool->cpus.cpu[self->tid]);
    wn_flush_denormals();
    for (;;) {
        wait_release(self, arrive(self), idle_patience(pool));
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
    pool->pinned = pool->spin && wn_cpus_mask(&pool->caller_affinity);
    pool->threads = threads;
    pool->ticks_per_microsecond = measure_ticks_per_microsecond();
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

int wn_pool_spare_cpus(const wn_pool *pool) {
    return pool->pinned ? pool->cpus.count - pool->threads : 0;
}

int wn_pool_start_beside(const wn_pool *pool, const char *name, pthread_t *thread, void *(*run)(void *),
                         void *argument) {
    cpu_set_t spare;
    sigset_t all, before;
    pthread_attr_t attributes;
    CPU_ZERO(&spare);
    for (int i = pool->threads; pool->pinned && i < pool->cpus.count; i++)
        CPU_SET(pool->cpus.cpu[i], &spare);
    int error = pthread_attr_init(&attributes);
    if (error)
        return error;
    if (pool->pinned)
        pthread_attr_setaffinity_np(&attributes, sizeof spare,
                                    CPU_COUNT(&spare) ? &spare : &pool->caller_affinity);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!error)
        pthread_setname_np(*thread, name);
    return error;
}

void wn_pool_run(wn_pool *pool, wn_task task, void *context) {
    unsigned mxcsr = wn_flush_denormals();
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
        slot *self = &pool->slots[tid];
        uint64_t spin = patience(pool, self);
        wait_release(self, arrive(self), spin);
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
        slot *self = &pool->slots[tid];
        atomic_fetch_add(&pool->sleepers, 1);
        sleep_until(&pool->released, &pool->sleepers, arrive(self));
        self->left = __rdtsc();
    }
}

void wn_split(long total, int tid, int nthreads, long *begin, long *end) {
    long share = total / nthreads, rest = total % nthreads; /* the first `rest` threads take one more */
    *begin = tid * share + (tid < rest ? tid : rest);
    *end = *begin + share + (tid < rest);
}
