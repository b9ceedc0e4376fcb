/* What a step of the tape is told, what is said when it lost its way, and what of a network is settled when
 * all steps are done. */
#include "trainer_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The images of the steps [begin, end) of an epoch. */
static int64_t images_of(const wn_trainer *t, int64_t begin, int64_t end) {
    int64_t batch = t->options.recipe.batch, count = t->dataset.train.count;
    return (end * batch < count ? end * batch : count) - begin * batch;
}

wn_gathering wn_trainer_gathering(const wn_trainer *t, int64_t step) {
    int64_t each = t->options.recipe.accumulate > 1 ? t->options.recipe.accumulate : 1;
    int64_t steps = t->progress.steps_per_epoch, at = step % steps, begin = at / each * each;
    int64_t end = begin + each < steps ? begin + each : steps;
    return (wn_gathering){.first = at == begin,
                          .last = at + 1 == end,
                          .share =
                              (float)((double)images_of(t, at, at + 1) / (double)images_of(t, begin, end)),
                          .update = step / steps * ((steps + each - 1) / each) + at / each + 1};
}

void wn_trainer_set_rates(const wn_trainer *t, wn_tape *tape, wn_rates rates) {
    const wn_recipe *recipe = &t->options.recipe;
    wn_gathering gathering = wn_trainer_gathering(t, wn_model_updates(t->model));
    wn_tape_set_options(tape, &(wn_step_options){.lr = rates.lr,
                                                 .momentum = rates.momentum,
                                                 .beta1 = rates.momentum,
                                                 .beta2 = recipe->beta2,
                                                 .eps = recipe->eps,
                                                 .weight_decay = recipe->weight_decay,
                                                 .decoupled_decay = recipe->decoupled_decay,
                                                 .nesterov = recipe->nesterov,
                                                 .clip_norm = recipe->clip,
                                                 .average_decay = recipe->average,
                                                 .share = gathering.share,
                                                 .first = gathering.first,
                                                 .hold = !gathering.last,
                                                 .update = gathering.update});
}

wn_status wn_trainer_diverged(wn_trainer *t, wn_tape *tape, int epoch, int64_t step, double lr) {
    char checkpoint[300] = "no checkpoint was written";
    const char *loss = isnan(wn_tape_loss(tape)) ? "not a number" : "infinite";
    const char *label = wn_tape_find_nonfinite(tape);
    if (t->saved_step >= 0)
        snprintf(checkpoint, sizeof checkpoint,
                 "the last checkpoint is %.200s/last.safetensors, after step %lld", t->options.checkpoints,
                 (long long)t->saved_step);
    return wn_error(
        WN_ERROR_INVALID,
        "%s: the loss became %s in step %lld of epoch %d with learning rate %g, expected a finite "
        "number; the first such value is in %.80s; %s; a smaller learning rate or --clip may help",
        t->options.net, loss, (long long)step, epoch, lr, label, checkpoint);
}

/* Feeds the batch that begins with image `done`; it weighs what it has of the images so far. */
static int64_t recompute_batch(wn_trainer *t, const int64_t *order, int64_t done) {
    wn_tape *tape;
    int batch = wn_trainer_fill(t, &t->training, &t->dataset.train, order, done, &tape);
    wn_tape_set_norm_momentum(tape, (float)((double)batch / (double)(done + batch)));
    wn_tape_run_forward(tape);
    return batch;
}

wn_status wn_trainer_recompute_norms(wn_trainer *t) {
    int64_t count = t->dataset.train.count, *order = malloc((size_t)count * sizeof *order);
    if (!order)
        return wn_error(WN_ERROR_MEMORY, "no memory for the order of %lld images", (long long)count);
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    wn_model_swap_average(t->model); /* the statistics belong to the weights that are evaluated */
    for (int64_t done = 0; done < count;)
        done += recompute_batch(t, order, done);
    wn_model_swap_average(t->model);
    free(order);
    return wn_ok();
}
