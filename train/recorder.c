/* The ring of records and the ticker that empties it. */
#include "recorder.h"
#include "ring.h"
#include "ticker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RECORDS = 8192, MILLISECONDS = 1000 };

struct wn_recorder {
    wn_ring ring;
    const wn_train_watcher *const *watchers;
    int watcher_count;
    wn_ticker *ticker;
    wn_status status; /* of the first record that was not taken; set before `failed` is */
    atomic_bool failed;
    wn_train_record records[RECORDS];
};

static void hand_out(wn_recorder *r, const wn_train_record *record) {
    for (int i = 0; i < r->watcher_count && !atomic_load(&r->failed); i++) {
        const wn_train_watcher *w = r->watchers[i];
        if (!w->record || w->record(w->context, record))
            continue;
        r->status = wn_error(WN_ERROR_IO, "%s: cannot write the row of step %lld: %s", w->path,
                             (long long)record->row.step, strerror(errno));
        atomic_store(&r->failed, true);
    }
}

/* Behind a record that failed the rest is dropped: files end with whole rows. */
static void tick(void *context, bool last) {
    wn_recorder *r = context;
    for (int slot; (slot = wn_ring_full(&r->ring)) >= 0; wn_ring_empty(&r->ring))
        hand_out(r, &r->records[slot]);
    for (int i = 0; i < r->watcher_count && !last; i++)
        if (r->watchers[i]->tick)
            r->watchers[i]->tick(r->watchers[i]->context);
}

wn_status wn_recorder_start(const wn_pool *pool, const wn_train_watcher *const *watchers, int count,
                            wn_recorder **recorder) {
    *recorder = NULL;
    size_t bytes = (sizeof(wn_recorder) + WN_RING_LINE - 1) / WN_RING_LINE * WN_RING_LINE;
    wn_recorder *r = aligned_alloc(WN_RING_LINE, bytes);
    if (!r)
        return wn_error(WN_ERROR_MEMORY, "no memory for the records of a run");
    memset(r, 0, bytes); /* its pages are touched here, not in the middle of a step */
    wn_ring_init(&r->ring, RECORDS);
    r->watchers = watchers;
    r->watcher_count = count;
    r->ticker = wn_ticker_start(pool, MILLISECONDS, tick, r);
    if (!r->ticker) {
        free(r);
        return wn_error(WN_ERROR_IO, "no thread can be had that writes the figures of a run");
    }
    *recorder = r;
    return wn_ok();
}

wn_status wn_recorder_add(wn_recorder *r, const wn_train_record *record) {
    int slot;
    if (!r)
        return wn_ok();
    while ((slot = wn_ring_vacant(&r->ring)) < 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(&r->failed))
        return r->status;
    r->records[slot] = *record;
    wn_ring_fill(&r->ring);
    return wn_ok();
}

wn_status wn_recorder_flush(wn_recorder *r) {
    if (!r)
        return wn_ok();
    wn_ticker_now(r->ticker);
    while (!wn_ring_drained(&r->ring))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    return atomic_load(&r->failed) ? r->status : wn_ok();
}

wn_status wn_recorder_stop(wn_recorder *r) {
    if (!r)
        return wn_ok();
    wn_ticker_stop(r->ticker);
    wn_status status = r->status;
    free(r);
    return status;
}
