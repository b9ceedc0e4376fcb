/* Growing by doubling. */
#include "grow.h"
#include <limits.h>
#include <stdlib.h>

void *wn_grow(void *items, int count, int *room, size_t size) {
    if (count < *room)
        return items;
    if (*room > INT_MAX / 2)
        return NULL;
    int larger = *room ? 2 * *room : 16;
    void *grown = realloc(items, (size_t)larger * size);
    if (grown)
        *room = larger;
    return grown;
}
