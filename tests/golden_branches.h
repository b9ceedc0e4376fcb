/* Which way a tape went at the kinks of a network: at its ReLUs and its maxima. Where a value is nearer to
 * zero, or to another value, than rounding reaches, two right answers have different gradients; this tells
 * them from wrong ones. */
#ifndef WN_GOLDEN_BRANCHES_H
#define WN_GOLDEN_BRANCHES_H

#include "interpreter.h"
#include "tape_internal.h"

typedef struct golden_branches {
    long relus, maxima; /* elements that went another way than in the interpreter */
    double farthest; /* the largest distance of these from their kink, over the tensor's root mean square */
} golden_branches;

/* After a forward pass of the interpreter and a run of the tape on the same weights and batch: makes the
 * interpreter's backward pass go the tape's way. The tape was compiled with no_reuse. */
golden_branches golden_take_branches(interpreter *it, const wn_tape *tape);

#endif
