/* The ring's two counters. Each side keeps its last look at the other's counter, and reads that line again
 * only when it seems to have to wait: so a line moves between the CPUs once per round, not once per slot
 * (Lee, Bu, Chandranmenon: A lock-free, cache-efficient shared ring buffer, ANCS 2009). */
#include "ring.h"
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void wn_ring_init(wn_ring *ring, unsigned slots) {
    *ring = (wn_ring){.slots = slots};
}

int wn_ring_vacant(wn_ring *ring) {
    unsigned filled = atomic_load_explicit(&ring->filled, memory_order_relaxed);
    if (filled - ring->known_emptied == ring->slots)
        ring->known_emptied = atomic_load_explicit(&ring->emptied, memory_order_acquire);
    return filled - ring->known_emptied < ring->slots ? (int)(filled & (ring->slots - 1)) : -1;
}

/* Sequentially consistent against the sleeper's "count me as asleep, look again": one of the two sees the
 * other. */
void wn_ring_fill(wn_ring *ring) {
    unsigned filled = atomic_load_explicit(&ring->filled, memory_order_relaxed);
    atomic_store(&ring->filled, filled + 1);
    if (atomic_load(&ring->asleep))
        syscall(SYS_futex, &ring->filled, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int wn_ring_full(wn_ring *ring) {
    unsigned emptied = atomic_load_explicit(&ring->emptied, memory_order_relaxed);
    if (ring->known_filled == emptied)
        ring->known_filled = atomic_load_explicit(&ring->filled, memory_order_acquire);
    return ring->known_filled != emptied ? (int)(emptied & (ring->slots - 1)) : -1;
}

void wn_ring_empty(wn_ring *ring) {
    unsigned emptied = atomic_load_explicit(&ring->emptied, memory_order_relaxed);
    atomic_store_explicit(&ring->emptied, emptied + 1, memory_order_release);
}

void wn_ring_wait(wn_ring *ring) {
    unsigned emptied = atomic_load_explicit(&ring->emptied, memory_order_relaxed);
    atomic_store(&ring->asleep, 1);
    while (atomic_load(&ring->filled) == emptied)
        syscall(SYS_futex, &ring->filled, FUTEX_WAIT_PRIVATE, emptied, NULL, NULL, 0);
    atomic_store(&ring->asleep, 0);
}

bool wn_ring_drained(wn_ring *ring) {
    return atomic_load_explicit(&ring->emptied, memory_order_acquire) ==
           atomic_load_explicit(&ring->filled, memory_order_relaxed);
}
