/* A network with weights from a file: what evaluating, predicting and exporting begin with. */
#ifndef WN_SAVED_H
#define WN_SAVED_H

#include "loader.h"
#include "nets.h"
#include "safetensors.h"
#include <winnow/model.h>

typedef struct wn_saved_options {
    const char
        *weights;    /* a safetensors file: a checkpoint, or weights from elsewhere under PyTorch's names */
    const char *net; /* what the weights are of; NULL: as the file's metadata say. So with what follows: */
    const char *variant;
    wn_shortcut shortcut;
    int width_divisor, size, channels;     /* 0: by the file, else by the network */
    const wn_normalisation *normalisation; /* NULL: by the file, else the network's recipe */
} wn_saved_options;

/* Owns what it points to; zero-initialise. */
typedef struct wn_saved {
    wn_saved_options options; /* filled in from the file; channels may still be 0 */
    const wn_net *net;
    wn_safetensors *file;
    wn_graph *graph; /* with wn_saved_build */
    wn_model *model;
} wn_saved;

/* Reads the file and settles what it is of. wn_saved_close after a failure, too. Errors: USAGE (unknown
 * network), INVALID (no network named anywhere), FORMAT, IO, MEMORY. */
wn_status wn_saved_open(const wn_saved_options *options, wn_saved *saved);
/* The loader that images of the data go through to this network's input; sets options.channels where they are
 * still 0. Errors: as wn_loader_create; INVALID for weights of another number of channels. */
wn_status wn_saved_loader(wn_saved *saved, const wn_dataset *data, wn_pool *pool, wn_loader **loader);
/* Builds the network for images of options.channels, which has to be set, and loads the weights, their
 * average where the file has one. Errors: the graph's, FORMAT (a tensor that does not fit), MEMORY. */
wn_status wn_saved_build(wn_saved *saved, int classes);
void wn_saved_close(wn_saved *saved);

/* Classes as the file has it, else the network's. */
int wn_saved_classes(const wn_saved *saved);
/* How images are normalised. */
wn_normalisation wn_saved_normalisation(const wn_saved *saved);

/* How tapes are compiled and fed. */
typedef struct wn_saved_run {
    int batch; /* images; the rest comes in one smaller batch */
    int classes;
    wn_pool *pool;
    wn_isa isa;
    wn_pick *pick; /* as in wn_tape_options */
    void *pick_context;
    /* Told of every batch: images [first, first + count) in the order of the call, their logits
     * [count][classes] and mean loss. */
    void (*take)(void *context, int64_t first, int count, const float *logits, double loss);
    void *context;
} wn_saved_run;

/* Runs images order[0..count) of a split through the built network. Errors: MEMORY, and what compiling a tape
 * says. */
wn_status wn_saved_infer(const wn_saved *saved, const wn_saved_run *run, wn_loader *loader,
                         const wn_split_data *split, const int64_t *order, int64_t count);

#endif
