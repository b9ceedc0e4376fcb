/* The pool of pinned threads that tapes run on.
 *
 * A pool keeps all its state in itself. The one thing it changes outside is the affinity of the thread that
 * created it, from creation to the end: so ask wn_threads_default before, and have only one pool at a time
 * per thread (a second one would see the one CPU the first left it). */
#ifndef WINNOW_POOL_H
#define WINNOW_POOL_H

#include <winnow/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wn_pool wn_pool;

/* Creates a pool of `threads` threads in all (the caller counts as one; 1 creates none). Every thread, the
 * caller included, is pinned to its own CPU while there are enough CPUs, and runs tasks with FTZ and DAZ
 * set. Errors: INVALID (threads < 1 or > 1024), IO when the system refuses a thread. */
wn_status wn_pool_create(int threads, wn_pool **pool);

/* Ends the threads and restores the caller's affinity. NULL is fine. */
void wn_pool_destroy(wn_pool *pool);

/* Threads in all, the caller included. */
int wn_pool_threads(const wn_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
