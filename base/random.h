/* Counter-based random numbers: a pure function of (seed, stream, index), so that results do not depend on
 * threads or order. Philox4x32-10: Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC11. */
#ifndef WN_RANDOM_H
#define WN_RANDOM_H

#include <stdint.h>

/* Streams keep uses of one seed apart. Add one line per use; numbers are never reused. */
enum {
    WN_STREAM_WEIGHTS = 1, /* + parameter index << 8 */
    WN_STREAM_SHUFFLE = 2, /* + epoch << 8 */
    WN_STREAM_DROPOUT = 3, /* + layer << 8; index = step * elements + element */
    WN_STREAM_SYNTHETIC = 4,
    WN_STREAM_TEST = 5,
    WN_STREAM_BENCH = 6,
    WN_STREAM_TUNE = 7,
    WN_STREAM_AUGMENT = 8, /* + epoch << 8; index = number of the image */
    WN_STREAM_SPLIT = 9,   /* + list << 8: which images of a folder are for tests, and their order */
    WN_STREAM_CROP = 10,   /* + epoch << 8; index = number of the image, + try << 56 */
    WN_STREAM_JITTER = 11, /* + epoch << 8; index = number of the image */
    WN_STREAM_CUTOUT = 12, /* the same */
    WN_STREAM_MIXUP = 13,  /* + epoch << 8; index = number of the image, + which gamma << 55, + try << 56 */
};

/* Four independent 32-bit words. */
void wn_random_words(uint64_t seed, uint64_t stream, uint64_t index, uint32_t words[4]);

/* Uniform in [0, 1) with 24 random bits. */
float wn_random_uniform(uint64_t seed, uint64_t stream, uint64_t index);

/* Standard normal (Box-Muller on two words). */
float wn_random_normal(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform integer in [0, bound), bound >= 1. */
uint32_t wn_random_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t bound);

#endif
