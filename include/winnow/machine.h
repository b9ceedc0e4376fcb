/* What this machine can do, as far as callers choose between it: instruction sets and threads. */
#ifndef WINNOW_MACHINE_H
#define WINNOW_MACHINE_H

#include <winnow/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Instruction sets kernels are built for, in ascending order: a CPU with one has all below it. */
typedef enum wn_isa {
    WN_ISA_PORTABLE, /* baseline x86-64 (SSE2) through GCC vectors */
    WN_ISA_AVX2,     /* AVX2 + FMA */
    WN_ISA_AVX512,   /* AVX-512 F, BW, DQ, VL */
    WN_ISA_COUNT
} wn_isa;

/* "portable", "avx2", "avx512". */
const char *wn_isa_name(wn_isa isa);

/* The best ISA that CPU, operating system and this build of winnow offer. */
wn_isa wn_isa_detect(void);

/* The same without what a build for tests emulates: the one to take where nobody asks for another. */
wn_isa wn_isa_native(void);

/* The ISA to use: `name` when not NULL, else the environment's WINNOW_ISA, else the native one.
 * Errors: USAGE for an unknown name, UNSUPPORTED for an ISA this CPU or build lacks. */
wn_status wn_isa_select(const char *name, wn_isa *isa);

/* Threads to use by default: the smaller of the CPUs this process may run on (affinity) and the cgroup's
 * CPU quota rounded up; at least 1. Call it before creating a pool, which pins the calling thread. */
int wn_threads_default(void);

#ifdef __cplusplus
}
#endif
#endif
