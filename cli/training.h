/* What the commands that train have in common: the flags that say what is trained on what, and opening it. */
#ifndef WN_TRAINING_H
#define WN_TRAINING_H

#include "racing.h"
#include "recipe_flags.h"
#include "trainer.h"

typedef struct wn_training_flags {
    const char *data, *isa, *csv, *db;
    wn_image_flags images;
    wn_network_flags network;
    wn_recipe_flags recipe;
    int64_t channels, seed, threads, limit;
    bool tune; /* what the database lacks is raced first */
} wn_training_flags;

#define WN_TRAINING_FLAGS_NONE                                                                               \
    { .seed = 1, .recipe = WN_RECIPE_FLAGS_NONE }

enum { WN_OWN_OPTIONS = 32 }; /* most that a command may have of its own */

/* Reads the common flags and the command's own rows, as wn_options_read does, and wants one word, the name of
 * a network, which is left in argv[0]. */
wn_status wn_training_read(const wn_command *command, wn_training_flags *flags, const wn_option *own,
                           int own_count, int argc, char **argv, bool *help);

typedef struct wn_training {
    wn_train_options options; /* as the common flags say; the rest is the command's */
    wn_session session;
    wn_tune_db *db;
    wn_picks *picks;
    wn_peaks peaks;
    wn_racing racing; /* with flags.tune: what was raced */
} wn_training;

/* The training is used where it is. Errors: USAGE (network, recipe), those of sessions, databases and picks.
 * Nothing is open then. */
wn_status wn_training_open(const wn_training_flags *flags, const char *net, wn_training *training);
void wn_training_close(wn_training *training);

#endif
