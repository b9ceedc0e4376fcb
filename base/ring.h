/* A ring of slots between two threads: one fills them, the other empties them, in the same order, without a
 * lock. As long as neither has to wait for the other neither makes a system call. */
#ifndef WN_RING_H
#define WN_RING_H

#include <stdatomic.h>
#include <stdbool.h>

enum { WN_RING_LINE = 128 }; /* two cache lines: the adjacent-line prefetcher pairs them */

/* Which slots there are: their contents belong to the caller, who keeps an array of so many. Fields are
 * ring.c's. Numbers of slots ever filled and emptied, which may wrap. */
typedef struct wn_ring {
    _Alignas(WN_RING_LINE) atomic_uint filled;  /* written by who fills */
    unsigned known_emptied;                     /* what it last saw of the other's */
    _Alignas(WN_RING_LINE) atomic_uint emptied; /* written by who empties */
    unsigned known_filled;
    atomic_uint asleep; /* 1: who empties sleeps on `filled`, or is about to */
    _Alignas(WN_RING_LINE) unsigned slots;
} wn_ring;

/* slots must be a power of two. */
void wn_ring_init(wn_ring *ring, unsigned slots);

/* For the thread that fills: the next slot to be filled, or -1 while all are full; and handing that slot
 * over, which wakes the other one if it sleeps. There is no waiting for a vacant slot in the kernel, since
 * the other thread would have to make a system call to end it: look again after a while. */
int wn_ring_vacant(wn_ring *ring);
void wn_ring_fill(wn_ring *ring);

/* For the thread that empties: the next full slot, or -1 while there is none; giving it back; and sleeping in
 * the kernel until there is one. */
int wn_ring_full(wn_ring *ring);
void wn_ring_empty(wn_ring *ring);
void wn_ring_wait(wn_ring *ring);

/* For the thread that fills: whether everything it handed over has been given back. */
bool wn_ring_drained(wn_ring *ring);

#endif
