/* Recipes: everything that decides what a training run learns, apart from network and data. Every network
 * has one, the published one where there is any. */
#ifndef WN_RECIPE_H
#define WN_RECIPE_H

#include "loader.h"
#include "nets.h"
#include "schedule.h"
#include <winnow/model.h>

typedef struct wn_recipe {
    int epochs, batch;
    wn_optimizer optimizer;
    bool decoupled_decay, nesterov; /* as in wn_step_options */
    float lr;                       /* the schedule's highest */
    float momentum;                 /* of SGD and RMSprop, 0: no buffer; beta1 of Adam */
    float weight_decay, beta2, eps;
    float label_smoothing; /* of the training loss: the share of the target spread over all classes */
    float clip;            /* most that the norm of all gradients may be; 0: anything */
    int accumulate;        /* batches whose gradients make one update; 0: 1 */
    float average;         /* decay of the average of weights that is evaluated; 0: the weights are */
    wn_schedule schedule;
    wn_init init;
    wn_normalisation normalisation;
    wn_augmentation augmentation; /* of training images */
} wn_recipe;

/* The network's recipe: what `winnow train NET` does when nothing else is asked for. */
wn_recipe wn_recipe_of(const wn_net *net);

/* Another optimiser than the recipe's, with its usual constants and learning rate; nothing when it is the one
 * the recipe has. */
void wn_recipe_set_optimizer(wn_recipe *recipe, wn_optimizer optimizer, bool decoupled_decay);

/* Errors: INVALID, naming the number that cannot be. */
wn_status wn_recipe_check(const wn_recipe *recipe);

/* "adamw, lr 0.1 one-cycle, ...": one line without newline. */
void wn_recipe_describe(const wn_recipe *recipe, char *text, size_t size);

#endif
