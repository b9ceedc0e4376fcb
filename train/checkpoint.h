/* Models in safetensors files: weights and running statistics under PyTorch's names and in its order, what
 * the optimiser remembers, and facts about the run as metadata. */
#ifndef WN_CHECKPOINT_H
#define WN_CHECKPOINT_H

#include "safetensors.h"
#include <winnow/model.h>

/* Pairs of text. Zero-initialise; values are owned. */
enum { WN_FACTS_MAX = 64 };
typedef struct wn_run_facts {
    wn_metadata pairs[WN_FACTS_MAX];
    int count;
} wn_run_facts;

/* Appends a pair; key is not copied, and what of the value is no UTF-8 becomes question marks. Without memory
 * its value is NULL, and saving fails. */
void wn_facts_add(wn_run_facts *facts, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Drops all pairs but the first `keep`. */
void wn_facts_free(wn_run_facts *facts, int keep);

/* PyTorch's count of a batch norm's steps, a whole number that ours does without. */
bool wn_checkpoint_is_counter(const char *name);

/* Writes the model, with `moments` what the optimiser remembers too, as optimizer.moment1.NAME (means or
 * velocities) and optimizer.moment2.NAME (squares), and the average of the weights as average.NAME. Atomic.
 * Errors: IO, MEMORY. */
wn_status wn_checkpoint_save(const char *path, const wn_model *model, bool moments,
                             const wn_run_facts *facts);

/* Takes the parameters from a file: every one has to be there with its shape, and nothing else but what the
 * optimiser remembers and PyTorch's counters of batches (num_batches_tracked). The model is untouched when it
 * fails. Errors: FORMAT (the tensor, what was found and expected). */
wn_status wn_checkpoint_load(const wn_safetensors *file, wn_model *model);
/* Is there an average of the weights in the file? */
bool wn_checkpoint_has_average(const wn_safetensors *file);
/* Takes the average over, as the model's parameters when it keeps none. Errors: as above. */
wn_status wn_checkpoint_load_average(const wn_safetensors *file, wn_model *model);
/* Takes over what the optimiser remembers, for the moments the model has. Errors: as above. */
wn_status wn_checkpoint_load_moments(const wn_safetensors *file, wn_model *model);

#endif
