/* Random numbers from Philox, see philox.h; nothing is kept between calls. */
#include "random.h"
#include "philox.h"
#include <math.h>

void wn_random_words(uint64_t seed, uint64_t stream, uint64_t index, uint32_t words[4]) {
    wn_philox(seed, stream, index, &words[0], &words[1], &words[2], &words[3]);
}

float wn_random_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t words[4];
    wn_random_words(seed, stream, index, words);
    return wn_philox_uniform(words[0]);
}

float wn_random_normal(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t words[4];
    wn_random_words(seed, stream, index, words);
    double radius = sqrt(-2 * log(((double)words[0] + 1) * 0x1p-32)); /* + 1: the logarithm needs > 0 */
    double angle = 2 * M_PI * ((double)words[1] * 0x1p-32);
    return (float)(radius * cos(angle));
}

uint32_t wn_random_below(uint64_t seed, uint64_t stream, uint64_t index, uint32_t bound) {
    uint32_t words[4];
    wn_random_words(seed, stream, index, words);
    uint64_t bits = (uint64_t)words[1] << 32 | words[0];
    return (uint32_t)((unsigned __int128)bits * bound >> 64); /* 64 bits: the bias is below 2^-32 */
}
