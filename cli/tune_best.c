/* Keeping what a race says about each implementation, not only about the winner. */
#include "tune_best.h"
#include <limits.h>

wn_status wn_best_of_each_open(wn_best_of_each *best, const char *folder, const char *fingerprint) {
    char path[PATH_MAX];
    *best = (wn_best_of_each){.count = 0};
    for (int i = 0; folder && wn_conv_registry[i] && best->count < WN_BEST_IMPLEMENTATIONS; i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        if (impl->judge || impl->yardstick)
            continue;
        if (snprintf(path, sizeof path, "%s/%s.db", folder, impl->name) >= (int)sizeof path)
            return wn_error(WN_ERROR_INVALID, "--best-of-each: a path longer than %d bytes", PATH_MAX - 1);
        WN_TRY(wn_tune_db_open(path, fingerprint, &best->dbs[best->count]));
        best->impls[best->count++] = impl;
    }
    return wn_ok();
}

void wn_best_of_each_close(wn_best_of_each *best) {
    for (int i = 0; i < best->count; i++)
        wn_tune_db_close(best->dbs[i]);
    best->count = 0;
}

/* The first of an implementation that was timed. The winner comes first and the others by time. */
static const wn_candidate *fastest_of(const wn_conv_impl *impl, const wn_candidate *candidates, int count) {
    for (int i = 0; i < count; i++)
        if (candidates[i].plan.impl == impl && candidates[i].rounds > 0)
            return &candidates[i];
    return NULL;
}

wn_status wn_best_of_each_add(wn_best_of_each *best, const wn_candidate *candidates, int count) {
    for (int i = 0; i < best->count; i++) {
        const wn_candidate *fastest = fastest_of(best->impls[i], candidates, count);
        if (fastest)
            WN_TRY(wn_tune_db_add(best->dbs[i], fastest));
    }
    return wn_ok();
}
