/* Lists of configs, and sums of bytes: see configs.h. */
#include "configs.h"
#include <string.h>

int wn_configs_add(wn_config *list, int count, int room, wn_config config) {
    for (int i = 0; i < count && i < room; i++)
        if (memcmp(&list[i], &config, sizeof config) == 0)
            return count;
    if (count < room)
        list[count] = config;
    return count + 1;
}

bool wn_take_bytes(int64_t *bytes, int64_t count, int64_t size) {
    int64_t more;
    return !__builtin_mul_overflow(count, size, &more) && !__builtin_add_overflow(*bytes, more, bytes);
}
