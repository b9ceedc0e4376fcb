/* The file in which count_allocations.c counts. */
#ifndef WN_COUNT_ALLOCATIONS_H
#define WN_COUNT_ALLOCATIONS_H

#include <stdatomic.h>

enum { ALLOCATION_THREADS = 256 };

typedef struct allocation_counts {
    atomic_int used; /* threads that have allocated */
    struct {
        int tid;
        atomic_long count;
    } thread[ALLOCATION_THREADS];
} allocation_counts;

#endif
