/* The function behind random.h, inline so that kernels can draw for many lanes at once. Others use random.h.
 */
#ifndef WN_PHILOX_H
#define WN_PHILOX_H

#include <stdint.h>

/* Philox4x32-10 (Salmon et al., SC11): key = seed, counter = (index, stream). Ten rounds of multiply and xor,
 * written without arrays so that a loop around it vectorises. */
__attribute__((always_inline)) static inline void wn_philox(uint64_t seed, uint64_t stream, uint64_t index,
                                                            uint32_t *word0, uint32_t *word1, uint32_t *word2,
                                                            uint32_t *word3) {
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0;
        uint64_t product1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += 0x9E3779B9u; /* golden ratio and sqrt(3) - 1: the paper's Weyl sequence of keys */
        key1 += 0xBB67AE85u;
    }
    *word0 = c0;
    *word1 = c1;
    *word2 = c2;
    *word3 = c3;
}

/* Uniform in [0, 1) with 24 random bits, from one word. */
static inline float wn_philox_uniform(uint32_t word) {
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

#endif
