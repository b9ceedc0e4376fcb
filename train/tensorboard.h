/* The figures of a run as TensorBoard reads them. */
#ifndef WN_TENSORBOARD_H
#define WN_TENSORBOARD_H

#include "protobuf.h"
#include "trainer.h"

typedef struct wn_tensorboard {
    const char *folder;
    bool per_seed; /* runs have folders of their own in it, seed-S */
    bool created, begun;
    FILE *file;     /* of the present run */
    double started; /* when it was, in seconds since 1970 */
    /* What is written, kept from event to event so that a step allocates nothing. */
    wn_message event, summary, scalar;
} wn_tensorboard;

/* Makes the folder where there is none. folder is not copied. Errors: IO. */
wn_status wn_tensorboard_open(const char *folder, bool per_seed, wn_tensorboard *board);

/* Writes a file of events for every run it watches, events.out.tfevents.SECONDS.winnow.PROCESS: records in
 * TensorFlow's framing (length and data, each with its masked CRC-32C) of Event messages with the scalars
 * step/loss, step/accuracy, step/lr and step/seconds, epoch/loss and epoch/accuracy, test/accuracy; where a
 * run is resumed a SessionLog first, so that TensorBoard forgets what comes again. Flushed after every event.
 * The board must outlive it. */
wn_train_watcher wn_tensorboard_watcher(wn_tensorboard *board);

/* Also removes a folder that was made for nothing. One that was not opened is fine. */
void wn_tensorboard_close(wn_tensorboard *board);

#endif
