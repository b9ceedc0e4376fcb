/* Philox4x32-10 (Salmon et al., SC11): key = seed, counter = (index, stream). Ten rounds of multiply and
 * xor; nothing is kept between calls. */
#include "random.h"
#include <math.h>

enum { ROUNDS = 10 };

void wn_random_words(uint64_t seed, uint64_t stream, uint64_t index, uint32_t words[4]) {
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0;
        uint64_t product1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += 0x9E3779B9u; /* golden ratio and sqrt(3) - 1: the paper's Weyl sequence of keys */
        key1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

float wn_random_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t words[4];
    wn_random_words(seed, stream, index, words);
    return (float)(words[0] >> 8) * 0x1p-24f;
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
