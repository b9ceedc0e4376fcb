/* The ring under two threads: nothing is lost, doubled, reordered or read half written, whoever is the slower
 * one, whether the reader spins or sleeps, and when the counters wrap. */
#include "check.h"
#include "random.h"
#include "ring.h"
#include <pthread.h>
#include <sched.h>

enum { WORDS = 16 };

/* What travels: every word of a slot says the same number, so that a torn one shows. */
typedef struct transport {
    wn_ring ring;
    unsigned slots, count;
    int filling_pause, emptying_pause; /* up to so many idle turns */
    bool sleeps;
    uint64_t (*slot)[WORDS];
} transport;

static void idle(uint64_t seed, unsigned number, int most) {
    uint32_t turns = most ? wn_random_below(seed, WN_STREAM_BENCH, number, (uint32_t)most) : 0;
    for (volatile uint32_t i = 0; i < turns; i = i + 1)
        ;
}

static void *fill(void *argument) {
    transport *t = argument;
    for (unsigned number = 0; number < t->count; number++) {
        int slot;
        while ((slot = wn_ring_vacant(&t->ring)) < 0)
            sched_yield();
        for (int w = 0; w < WORDS; w++)
            t->slot[slot][w] = number;
        idle(1, number, t->filling_pause);
        wn_ring_fill(&t->ring);
    }
    return NULL;
}

static void empty(transport *t) {
    unsigned wrong = 0;
    for (unsigned number = 0; number < t->count; number++) {
        int slot;
        while ((slot = wn_ring_full(&t->ring)) < 0)
            if (t->sleeps)
                wn_ring_wait(&t->ring);
            else
                sched_yield();
        for (int w = 0; w < WORDS; w++) {
            wrong += t->slot[slot][w] != number;
            t->slot[slot][w] = UINT64_MAX; /* ours until it is given back */
        }
        idle(2, number, t->emptying_pause);
        wn_ring_empty(&t->ring);
    }
    CHECK(wrong == 0, "%u of %u words of %u slots were wrong", wrong, t->count * WORDS, t->slots);
    CHECK(wn_ring_drained(&t->ring) && wn_ring_full(&t->ring) < 0, "the ring of %u is not empty at the end",
          t->slots);
}

static void carry(unsigned slots, unsigned begin, unsigned count, int filling_pause, int emptying_pause,
                  bool sleeps) {
    transport *t = aligned_alloc(WN_RING_LINE, (sizeof *t + WN_RING_LINE - 1) / WN_RING_LINE * WN_RING_LINE);
    pthread_t thread;
    *t = (transport){.slots = slots,
                     .count = count,
                     .filling_pause = filling_pause,
                     .emptying_pause = emptying_pause,
                     .sleeps = sleeps,
                     .slot = calloc(slots, sizeof *t->slot)};
    wn_ring_init(&t->ring, slots);
    t->ring.filled = t->ring.emptied = t->ring.known_filled = t->ring.known_emptied = begin;
    if (CHECK(pthread_create(&thread, NULL, fill, t) == 0, "no thread")) {
        empty(t);
        pthread_join(thread, NULL);
    }
    free(t->slot);
    free(t);
}

static void check_order(void) {
    wn_ring ring;
    wn_ring_init(&ring, 4);
    CHECK(wn_ring_full(&ring) < 0 && wn_ring_drained(&ring), "a new ring is not empty");
    for (int i = 0; i < 4; i++) {
        CHECK(wn_ring_vacant(&ring) == i, "slot %d, expected %d", wn_ring_vacant(&ring), i);
        wn_ring_fill(&ring);
    }
    CHECK(wn_ring_vacant(&ring) < 0 && !wn_ring_drained(&ring), "a fifth slot of four is vacant");
    wn_ring_wait(&ring); /* returns at once */
    for (int i = 0; i < 4; i++) {
        CHECK(wn_ring_full(&ring) == i, "slot %d, expected %d", wn_ring_full(&ring), i);
        wn_ring_empty(&ring);
    }
    CHECK(wn_ring_full(&ring) < 0 && wn_ring_vacant(&ring) == 0, "the ring does not begin again");
}

int main(void) {
    unsigned count = check_full() ? 4000000 : 100000;
    check_order();
    for (unsigned slots = 1; slots <= 8; slots *= 2)
        for (int sleeps = 0; sleeps < 2; sleeps++) {
            carry(slots, 0, count / 4, 0, 0, sleeps);
            carry(slots, 0, count / 4, 300, 30, sleeps); /* who fills is late */
            carry(slots, 0, count / 4, 30, 300, sleeps); /* who empties is */
            carry(slots, UINT32_MAX - 1000, 5000, 100, 100, sleeps);
        }
    return check_finish("check_ring");
}
