/* A thread beside the pool that does something again and again, so that the threads that train need not. */
#ifndef WN_TRAIN_TICKER_H
#define WN_TRAIN_TICKER_H

#include "pool.h"
#include <stdbool.h>

typedef struct wn_ticker wn_ticker;

/* What it does; `last`: the ticker is about to end. */
typedef void wn_tick(void *context, bool last);

/* Starts to call tick(context, false) every `milliseconds`. NULL when no thread can be had. */
wn_ticker *wn_ticker_start(const wn_pool *pool, int milliseconds, wn_tick *tick, void *context);

/* Has it tick at once. Makes a system call. */
void wn_ticker_now(wn_ticker *ticker);

/* Ends it after one tick(context, true), which has been done when this returns. NULL is fine. */
void wn_ticker_stop(wn_ticker *ticker);

#endif
