/* A pool for checks that cannot go on without one. */
#ifndef WN_CHECK_POOL_H
#define WN_CHECK_POOL_H

#include "check.h"
#include <winnow/pool.h>

static inline wn_pool *check_pool_of(int threads) {
    wn_pool *pool = NULL;
    wn_status status = wn_pool_create(threads, &pool);
    if (wn_failed(status)) {
        fprintf(stderr, "%s\n", status.message);
        exit(1);
    }
    return pool;
}

#endif
