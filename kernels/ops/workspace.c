/* Sizes of workspaces, the same for every ISA. */
#include "conv.h"
#include "ops.h"

int64_t wn_batch_norm_workspace(int images, int channels) {
    int64_t chunks = ((int64_t)images + WN_OP_CHUNK - 1) / WN_OP_CHUNK;
    return chunks * wn_blocks(channels) * WN_BATCH_NORM_CHUNK_FLOATS;
}
