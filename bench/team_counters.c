/* Counters belong to a thread, so each opens, reads and closes its own. */
#include "team_counters.h"
#include <math.h>
#include <stdlib.h>

typedef struct member {
    wn_counters *counters;
    wn_counter_readings begin;
    wn_counter_values passed;
    wn_status status;
} member;

struct wn_team_counters {
    wn_pool *pool;
    int threads;
    member members[];
};

static void open_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    member *own = &((wn_team_counters *)context)->members[tid];
    own->status = wn_counters_open(&own->counters);
}

static void begin_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    member *own = &((wn_team_counters *)context)->members[tid];
    wn_counters_read(own->counters, &own->begin);
}

static void end_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    member *own = &((wn_team_counters *)context)->members[tid];
    wn_counter_readings end;
    wn_counters_read(own->counters, &end);
    own->passed = wn_counters_between(&own->begin, &end);
}

static void close_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    wn_counters_close(((wn_team_counters *)context)->members[tid].counters);
}

wn_status wn_team_counters_open(wn_pool *pool, wn_team_counters **team) {
    int threads = wn_pool_threads(pool);
    wn_team_counters *opened = calloc(1, sizeof *opened + (size_t)threads * sizeof *opened->members);
    *team = NULL;
    if (!opened)
        return wn_error(WN_ERROR_MEMORY, "no memory for the counters of %d threads", threads);
    opened->pool = pool;
    opened->threads = threads;
    wn_pool_run(pool, open_task, opened);
    for (int i = 0; i < threads; i++)
        if (wn_failed(opened->members[i].status)) {
            wn_status status = opened->members[i].status;
            wn_team_counters_close(opened);
            return status;
        }
    *team = opened;
    return wn_ok();
}

void wn_team_counters_close(wn_team_counters *team) {
    if (!team)
        return;
    wn_pool_run(team->pool, close_task, team);
    free(team);
}

void wn_team_counters_begin(wn_team_counters *team) {
    wn_pool_run(team->pool, begin_task, team);
}

void wn_team_counters_end(wn_team_counters *team, wn_counter_values *sum) {
    wn_pool_run(team->pool, end_task, team);
    *sum = team->members[0].passed;
    for (int i = 1; i < team->threads; i++) {
        const wn_counter_values *passed = &team->members[i].passed;
        for (int k = 0; k < WN_COUNTER_COUNT; k++)
            sum->value[k] += passed->value[k];
        sum->running = fmin(sum->running, passed->running);
    }
}
