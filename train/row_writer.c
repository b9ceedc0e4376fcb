/* The ring of rows and the ticker that empties it. */
#include "row_writer.h"
#include "ring.h"
#include "ticker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 8192, MILLISECONDS = 1000 };

typedef struct entry {
    char kind[8];
    wn_train_row row;
} entry;

struct wn_row_writer {
    wn_ring ring;
    FILE *file;
    const char *path;
    wn_ticker *ticker;
    wn_status status; /* of the first row that failed; set before `failed` is */
    atomic_bool failed;
    entry entries[ROWS];
};

static bool write_row(FILE *file, const entry *e) {
    const wn_train_row *row = &e->row;
    char test_accuracy[32] = "";
    if (row->test_accuracy >= 0)
        snprintf(test_accuracy, sizeof test_accuracy, "%.6f", row->test_accuracy);
    return fprintf(file, "%s,%d,%lld,%lld,%.9g,%.6f,%s,%.9g,%.9f,%.6f,%.9f,%lld\n", e->kind, row->epoch,
                   (long long)row->step, (long long)row->examples, row->loss, row->train_accuracy,
                   test_accuracy, (double)row->lr, row->seconds_step, row->seconds_total, row->data_wait,
                   (long long)row->data_waits) > 0 &&
           fflush(file) == 0;
}

/* Behind a row that failed the rest is dropped: the file ends with whole rows. */
static void tick(void *context, bool last) {
    (void)last;
    wn_row_writer *w = context;
    for (int slot; (slot = wn_ring_full(&w->ring)) >= 0; wn_ring_empty(&w->ring)) {
        if (atomic_load(&w->failed) || write_row(w->file, &w->entries[slot]))
            continue;
        w->status = wn_error(WN_ERROR_IO, "%s: cannot write the row of step %lld: %s", w->path,
                             (long long)w->entries[slot].row.step, strerror(errno));
        atomic_store(&w->failed, true);
    }
}

wn_status wn_row_writer_start(const wn_pool *pool, FILE *file, const char *path, wn_row_writer **writer) {
    *writer = NULL;
    size_t bytes = (sizeof(wn_row_writer) + WN_RING_LINE - 1) / WN_RING_LINE * WN_RING_LINE;
    wn_row_writer *w = aligned_alloc(WN_RING_LINE, bytes);
    if (!w)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its rows", path);
    memset(w, 0, bytes); /* its pages are touched here, not in the middle of a step */
    wn_ring_init(&w->ring, ROWS);
    w->file = file;
    w->path = path;
    w->ticker = wn_ticker_start(pool, MILLISECONDS, tick, w);
    if (!w->ticker) {
        free(w);
        return wn_error(WN_ERROR_IO, "%s: no thread can be had that writes its rows", path);
    }
    *writer = w;
    return wn_ok();
}

wn_status wn_row_writer_add(wn_row_writer *w, const char *kind, const wn_train_row *row) {
    int slot;
    while ((slot = wn_ring_vacant(&w->ring)) < 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (atomic_load(&w->failed))
        return w->status;
    snprintf(w->entries[slot].kind, sizeof w->entries[slot].kind, "%s", kind);
    w->entries[slot].row = *row;
    wn_ring_fill(&w->ring);
    return wn_ok();
}

wn_status wn_row_writer_flush(wn_row_writer *w) {
    wn_ticker_now(w->ticker);
    while (!wn_ring_drained(&w->ring))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    return atomic_load(&w->failed) ? w->status : wn_ok();
}

wn_status wn_row_writer_stop(wn_row_writer *w) {
    if (!w)
        return wn_ok();
    wn_ticker_stop(w->ticker);
    wn_status status = w->status;
    free(w);
    return status;
}
