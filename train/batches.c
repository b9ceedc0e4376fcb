/* Batches in a ring: its thread fills slots ahead of the training, which gives one back when it asks for the
 * next. Without a thread there is one slot, filled by the pool when it is asked for. What a batch holds is
 * loader.c's. */
#include "batches.h"
#include "arena.h"
#include "clock.h"
#include "pool.h"
#include "random.h"
#include "ring.h"

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SLOTS = 4,                /* one is trained on, three are ahead */
    SPIN_NANOSECONDS = 50000, /* before a training thread sleeps for a late batch */
    LEAST_PAUSE = 50000,      /* nanoseconds between two looks for a vacant slot */
    MOST_PAUSE = 1000000
};

/* Where the stream stands. Belongs to who prepares. */
typedef struct position {
    int epoch;
    int64_t next; /* image in the epoch's order */
} position;

struct wn_batches {
    wn_ring ring;
    wn_loader *loader;
    wn_batches_options options;
    int64_t *order; /* of the epoch in `at` */
    position at;
    wn_arena memory;
    wn_batch slot[SLOTS];
    pthread_t thread;
    bool threaded, running;
    bool lent; /* the slot of the last call is still in use */
    atomic_bool stop;
};

void wn_batches_shuffle(uint64_t seed, int epoch, int64_t *order, int64_t count) {
    uint64_t stream = WN_STREAM_SHUFFLE | (uint64_t)epoch << 8;
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j = wn_random_below(seed, stream, (uint64_t)i, (uint32_t)(i + 1));
        int64_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

/* Fills a slot with the next batch of the stream. */
static void prepare(wn_batches *b, wn_loader_filler *fill, wn_loader_mixer *mix, wn_batch *batch) {
    const wn_batches_options *o = &b->options;
    if (b->at.next == o->split->count) {
        b->at = (position){.epoch = b->at.epoch + 1};
        wn_batches_shuffle(o->seed, b->at.epoch, b->order, o->split->count);
    }
    int64_t left = o->split->count - b->at.next;
    batch->count = left < o->batch ? (int)left : o->batch;
    batch->epoch = b->at.epoch;
    fill(b->loader, o->split, b->order + b->at.next, batch->count, batch->epoch, batch->images,
         batch->labels);
    if (o->mix)
        mix(b->loader, b->order + b->at.next, batch->count, batch->epoch, batch->images, batch->labels,
            batch->others, batch->shares);
    b->at.next += batch->count;
}

/* A vacant slot; -1 when the stream is to end. Waits asleep, shortly at first: the training must not be made
 * to wake it. */
static int vacant_slot(wn_batches *b) {
    long pause = LEAST_PAUSE;
    while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
        int slot = wn_ring_vacant(&b->ring);
        if (slot >= 0)
            return slot;
        nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
        pause = pause * 3 / 2 < MOST_PAUSE ? pause * 3 / 2 : MOST_PAUSE;
    }
    return -1;
}

static void *prepare_ahead(void *argument) {
    wn_batches *b = argument;
    wn_flush_denormals(); /* the pool's arithmetic */
    for (int slot; (slot = vacant_slot(b)) >= 0; wn_ring_fill(&b->ring))
        prepare(b, wn_loader_fill_alone, wn_loader_mix_alone, &b->slot[slot]);
    return NULL;
}

static bool wants_thread(const wn_batches_options *o) {
    if (o->feeding != WN_FEEDING_AUTO)
        return o->feeding == WN_FEEDING_THREAD;
    return wn_pool_spare_cpus(o->pool) > 0 && (o->quota <= 0 || o->quota > wn_pool_threads(o->pool));
}

/* One block for the images, labels, and second labels with shares, of all slots. */
static wn_status map_slots(wn_batches *b) {
    const wn_batches_options *o = &b->options;
    size_t images, labels = wn_align64((size_t)o->batch * sizeof(int32_t)), all, words = o->mix ? 3 : 1;
    int slots = b->threaded ? SLOTS : 1;
    if (__builtin_mul_overflow((size_t)o->batch * sizeof(float), o->image_floats, &images) ||
        __builtin_mul_overflow(wn_align64(images) + words * labels, (size_t)slots, &all))
        return wn_error(WN_ERROR_MEMORY, "a batch of %d images is too large", o->batch);
    images = wn_align64(images);
    WN_TRY(wn_arena_map(all, &b->memory));
    for (int i = 0; i < slots; i++) {
        char *block = (char *)b->memory.base + (size_t)i * (images + words * labels);
        b->slot[i] = (wn_batch){.images = (float *)block, .labels = (int32_t *)(block + images)};
        if (o->mix) {
            b->slot[i].others = (int32_t *)(block + images + labels);
            b->slot[i].shares = (float *)(block + images + 2 * labels);
        }
    }
    return wn_ok();
}

wn_status wn_batches_create(wn_loader *loader, const wn_batches_options *options, wn_batches **result) {
    *result = NULL;
    size_t bytes = (sizeof(wn_batches) + WN_RING_LINE - 1) / WN_RING_LINE * WN_RING_LINE;
    wn_batches *b = aligned_alloc(WN_RING_LINE, bytes);
    if (!b)
        return wn_error(WN_ERROR_MEMORY, "no memory for a stream of batches");
    memset(b, 0, bytes);
    b->loader = loader;
    b->options = *options;
    b->threaded = wants_thread(options);
    wn_ring_init(&b->ring, SLOTS);
    b->order = calloc((size_t)options->split->count, sizeof *b->order);
    wn_status status = b->order ? map_slots(b)
                                : wn_error(WN_ERROR_MEMORY, "no memory for the order of %lld images",
                                           (long long)options->split->count);
    if (wn_failed(status))
        wn_batches_destroy(b);
    else
        *result = b;
    return status;
}

void wn_batches_destroy(wn_batches *b) {
    if (!b)
        return;
    atomic_store(&b->stop, true);
    if (b->running)
        pthread_join(b->thread, NULL);
    wn_arena_unmap(&b->memory);
    free(b->order);
    free(b);
}

bool wn_batches_has_thread(const wn_batches *b) {
    return b->threaded;
}

void wn_batches_begin(wn_batches *b, int epoch, int64_t first) {
    b->at = (position){.epoch = epoch, .next = first};
    wn_batches_shuffle(b->options.seed, epoch, b->order, b->options.split->count);
    if (!b->threaded)
        return;
    b->running = wn_pool_start_beside(b->options.pool, "winnow-loader", &b->thread, prepare_ahead, b) == 0;
    b->threaded = b->running;
}

/* Spins for a batch that is nearly ready, then sleeps. */
static int await_full(wn_ring *ring) {
    int slot;
    int64_t begin = wn_nanoseconds();
    while ((slot = wn_ring_full(ring)) < 0)
        if (wn_nanoseconds() - begin < SPIN_NANOSECONDS)
            _mm_pause();
        else
            wn_ring_wait(ring);
    return slot;
}

wn_batch wn_batches_next(wn_batches *b) {
    if (!b->threaded) {
        prepare(b, wn_loader_fill, wn_loader_mix, &b->slot[0]);
        return b->slot[0];
    }
    if (b->lent)
        wn_ring_empty(&b->ring);
    b->lent = true;
    int slot = wn_ring_full(&b->ring);
    if (slot >= 0)
        return b->slot[slot];
    double begin = wn_seconds();
    wn_batch late = b->slot[await_full(&b->ring)];
    late.waited = wn_seconds() - begin;
    return late;
}
