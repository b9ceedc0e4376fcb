/* Sizes of workspaces and numbers of phases, the same for every ISA. */
#include "conv.h"
#include "ops.h"

int64_t wn_batch_norm_workspace(int images, int channels) {
    int64_t chunks = ((int64_t)images + WN_OP_CHUNK - 1) / WN_OP_CHUNK;
    return chunks * wn_blocks(channels) * WN_BATCH_NORM_CHUNK_FLOATS;
}

/* Of x: what the second-level caches of two cores hold. */
enum { WAVE_BYTES = 2 << 20 };

long wn_batch_norm_wave(const wn_view *x) {
    int64_t bytes = (int64_t)x->images * x->height * x->width * WN_BLOCK * (int64_t)sizeof(float);
    return bytes < WAVE_BYTES ? (long)(WAVE_BYTES / bytes) : 1;
}

int wn_batch_norm_phases(const wn_view *x) {
    long wave = wn_batch_norm_wave(x);
    return (int)((wn_blocks(x->channels) + wave - 1) / wave) + 1;
}
