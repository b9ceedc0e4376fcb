/* The pool of pinned threads that runs kernels: one task at a time on all threads, with a barrier that spins
 * in user space. No allocation and no system call between the first and the last task of a busy stretch:
 * idle threads spin for a while before they sleep.
 *
 * A pool keeps all its state in itself. The one thing it changes outside is the affinity of the thread that
 * created it, from creation to the end: so read wn_threads_default and wn_machine_read before, and have only
 * one pool at a time per thread (a second one would see the one CPU the first left it). */
#ifndef WN_POOL_H
#define WN_POOL_H

#include <winnow/status.h>

typedef struct wn_pool wn_pool;

/* Work of one thread: tid in [0, nthreads). tid 0 is the thread that called wn_pool_run. */
typedef void (*wn_task)(void *context, int tid, int nthreads);

/* Creates a pool of `threads` threads in all (the caller counts as one; 1 creates none). Every thread, the
 * caller included, is pinned to its own CPU while there are enough CPUs, and runs tasks with FTZ and DAZ
 * set. Errors: INVALID (threads < 1 or > 1024), IO when the system refuses a thread. */
wn_status wn_pool_create(int threads, wn_pool **pool);

/* Ends the threads and restores the caller's affinity. NULL is fine. */
void wn_pool_destroy(wn_pool *pool);

int wn_pool_threads(const wn_pool *pool);

/* Runs task(context, tid, threads) on all threads and returns when all are done. Only from the thread that
 * created the pool, never from inside a task. The caller's MXCSR is restored afterwards. */
void wn_pool_run(wn_pool *pool, wn_task task, void *context);

/* Inside a task: waits until every thread has arrived. Spins while there are no more threads than CPUs,
 * yields otherwise. */
void wn_pool_barrier(wn_pool *pool, int tid);

/* Inside a task, called by all threads: a barrier, then tid 0 alone runs work(context) while the others
 * sleep in the kernel (so that a library with its own threads finds the CPUs free), then all go on. During
 * the work tid 0 has the affinity the caller had before the pool: threads that the library starts inherit
 * it. Started anywhere else on a pinned thread, they would all be bound to its one CPU. */
void wn_pool_external(wn_pool *pool, int tid, void (*work)(void *context), void *context);

/* The half-open range of `total` items that thread tid of nthreads takes: contiguous and balanced. */
void wn_split(long total, int tid, int nthreads, long *begin, long *end);

#endif
