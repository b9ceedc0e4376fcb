/* The malloc family replaced by one that calls count() first. Included once in a program, or in a module that
 * is loaded before others, after a `static void count(void)` of its own; glibc only. */
#ifndef WN_COUNTED_MALLOC_H
#define WN_COUNTED_MALLOC_H

#include <errno.h>
#include <stddef.h>

/* glibc's own entry points, so that these replacements can pass everything on. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes) {
    count();
    return __libc_malloc(bytes);
}
void *calloc(size_t number, size_t bytes) {
    count();
    return __libc_calloc(number, bytes);
}
void *realloc(void *memory, size_t bytes) {
    count();
    return __libc_realloc(memory, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    count();
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

#endif
