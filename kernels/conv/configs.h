/* What implementations share in listing their configs and measuring their workspaces. */
#ifndef WN_CONFIGS_H
#define WN_CONFIGS_H

#include "conv.h"

/* The number in [low, high] that is nearest to value. */
static inline int wn_clamp(int64_t value, int low, int high) {
    return value < low ? low : value > high ? high : (int)value;
}

/* Adds a config to a list of `count` unless it is there already; past `room` it is counted only. Returns the
 * new count. */
int wn_configs_add(wn_config *list, int count, int room, wn_config config);

/* Adds `count` times `size` bytes to *bytes; false when the sum does not fit 63 bits. */
bool wn_take_bytes(int64_t *bytes, int64_t count, int64_t size);

#endif
