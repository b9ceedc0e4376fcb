/* What tasks see of the pool of pinned threads: one task at a time on all threads, with a barrier that spins
 * in user space. No allocation and no system call between the first and the last task of a busy stretch: idle
 * threads spin for a while before they sleep. Creating and ending a pool is public: <winnow/pool.h>. */
#ifndef WN_POOL_H
#define WN_POOL_H

#include <pthread.h>
#include <winnow/pool.h>

/* Work of one thread: tid in [0, nthreads). tid 0 is the thread that called wn_pool_run. */
typedef void (*wn_task)(void *context, int tid, int nthreads);

/* Runs task(context, tid, threads) on all threads and returns when all are done. Only from the thread that
 * created the pool, never from inside a task. The caller's MXCSR is restored afterwards. */
void wn_pool_run(wn_pool *pool, wn_task task, void *context);

/* Inside a task: waits until every thread has arrived. Spins while there are no more threads than CPUs,
 * sleeps in the kernel otherwise. A thread that has lost its CPU makes the others sleep, too, after some
 * time. */
void wn_pool_barrier(wn_pool *pool, int tid);

/* Inside a task, called by all threads: a barrier, then tid 0 alone runs work(context) while the others
 * sleep in the kernel (so that a library with its own threads finds the CPUs free), then all go on. During
 * the work tid 0 has the affinity the caller had before the pool: threads that the library starts inherit
 * it. Started anywhere else on a pinned thread, they would all be bound to its one CPU. */
void wn_pool_external(wn_pool *pool, int tid, void (*work)(void *context), void *context);

/* CPUs that this process may use and that no thread of the pool is pinned to. */
int wn_pool_spare_cpus(const wn_pool *pool);

/* Starts a thread that is no part of the pool, which it must not disturb: on the spare CPUs where there are
 * some, elsewhere on all that the caller could use before the pool pinned it; with all signals blocked, which
 * are for the caller's thread. `name`, of at most 15 letters, is what ps and top show. Returns what
 * pthread_create returns. */
int wn_pool_start_beside(const wn_pool *pool, const char *name, pthread_t *thread, void *(*run)(void *),
                         void *argument);

/* Sets FTZ and DAZ for the calling thread, as every task has them, so that the same arithmetic gives the same
 * bits outside of the pool. Returns the MXCSR as it was. */
unsigned wn_flush_denormals(void);

/* The half-open range of `total` items that thread tid of nthreads takes: contiguous and balanced. */
void wn_split(long total, int tid, int nthreads, long *begin, long *end);

#endif
