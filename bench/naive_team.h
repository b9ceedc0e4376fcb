/* Threads as a program without a pool of its own would run them: started once, scheduled wherever the system
 * likes, woken and stopped by futexes. What the executor is compared with. */
#ifndef WN_NAIVE_TEAM_H
#define WN_NAIVE_TEAM_H

#include "pool.h"
#include <sched.h>

typedef struct wn_naive_team wn_naive_team;

typedef enum wn_naive_placement {
    WN_NAIVE_ANYWHERE, /* all CPUs of the mask */
    WN_NAIVE_PINNED,   /* each on its own CPU of the mask */
    WN_NAIVE_REALTIME, /* pinned, SCHED_FIFO with the lowest priority */
} wn_naive_placement;

/* `threads` new threads on the CPUs of `mask`; the caller takes no part and sleeps while they run. Errors:
 * MEMORY, UNSUPPORTED with what the system refuses. */
wn_status wn_naive_team_create(int threads, const cpu_set_t *mask, wn_naive_placement placement,
                               wn_naive_team **team);
void wn_naive_team_destroy(wn_naive_team *team);

/* Runs the task on all threads and returns when all are done. */
void wn_naive_team_run(wn_naive_team *team, wn_task task, void *context);

/* Inside a task: waits for the others in pthread_barrier_wait. */
void wn_naive_team_barrier(wn_naive_team *team);

#endif
