/* The blocks that teaching material looks at one by one, as winnow summary shows them. */
#include "net_parts.h"
#include <string.h>

/* One filter over all channels of a pixel. */
static void build_pointwise(wn_graph *g, const wn_net_options *o) {
    wn_conv(g, wn_net_input(g, o), 1);
}

const wn_net wn_net_blocks[] = {
    {.name = "inception",
     .variant = "block",
     .build = wn_build_inception,
     .default_size = 12,
     .default_channels = 192,
     .default_batch = 1,
     .summary = "the first Inception block of googlenet"},
    {.name = "inception-unreduced",
     .variant = "block",
     .build = wn_build_inception_unreduced,
     .default_size = 12,
     .default_channels = 192,
     .default_batch = 1,
     .summary = "the same without the 1x1 convolutions in front of 3x3, 5x5 and behind the pool"},
    {.name = "residual",
     .variant = "block",
     .build = wn_build_residual,
     .default_size = 6,
     .default_channels = 3,
     .default_batch = 4,
     .summary = "a residual block that keeps channels and map"},
    {.name = "residual-projected",
     .variant = "block",
     .build = wn_build_residual_projected,
     .default_size = 6,
     .default_channels = 3,
     .default_batch = 4,
     .summary = "a residual block with stride 2, twice the channels and a 1x1 shortcut"},
    {.name = "pointwise",
     .variant = "block",
     .build = build_pointwise,
     .default_size = 6,
     .default_channels = 32,
     .default_batch = 1,
     .summary = "one 1x1 filter over 32 channels"},
    {.name = NULL},
};

const wn_net *wn_net_block_find(const char *name) {
    for (const wn_net *block = wn_net_blocks; block->name; block++)
        if (!strcmp(block->name, name))
            return block;
    return NULL;
}
