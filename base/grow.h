/* Lists that grow. */
#ifndef WN_GROW_H
#define WN_GROW_H

#include <stddef.h>

/* Room for one more behind `count` items of `size` bytes: the items themselves where *room is larger, else
 * where they have been moved, with *room doubled. NULL, and everything as it was, without memory for it. */
void *wn_grow(void *items, int count, int *room, size_t size);

#endif
