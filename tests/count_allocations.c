/* Loaded into a program (LD_PRELOAD): counts the allocations of each of its threads in a file that others can
 * map, named by WINNOW_COUNT_FILE. */
#include "count_allocations.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static allocation_counts *counts;
static __thread int place __attribute__((tls_model("initial-exec"))); /* from 1; 0: none yet */

__attribute__((constructor)) static void map_counts(void) {
    const char *path = getenv("WINNOW_COUNT_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED)
        counts = mapped;
}

static void count(void) {
    if (!counts)
        return;
    if (!place) {
        place = 1 + atomic_fetch_add(&counts->used, 1);
        if (place <= ALLOCATION_THREADS)
            counts->thread[place - 1].tid = (int)syscall(SYS_gettid);
    }
    if (place <= ALLOCATION_THREADS)
        atomic_fetch_add_explicit(&counts->thread[place - 1].count, 1, memory_order_relaxed);
}

#include "counted_malloc.h"
