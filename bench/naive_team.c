/* Threads held together by pthread barriers. */
#include "naive_team.h"
#include "cpus.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct member {
    wn_naive_team *team;
    pthread_t thread;
    int tid;
    int refusal; /* errno of what could not be set */
} member;

struct wn_naive_team {
    int threads;
    wn_naive_placement placement;
    cpu_set_t mask;
    wn_cpus cpus;          /* of the mask, as the pool would take them */
    pthread_mutex_t birth; /* held until all threads exist, or it is known that they never will */
    bool stillborn;
    pthread_barrier_t gate, inner; /* with the caller, and without */
    wn_task task;                  /* NULL ends the threads */
    void *context;
    member members[];
};

/* The tid-th CPU, or the whole mask. */
static cpu_set_t place_of(const wn_naive_team *team, int tid) {
    cpu_set_t one;
    if (team->placement == WN_NAIVE_ANYWHERE)
        return team->mask;
    CPU_ZERO(&one);
    CPU_SET(team->cpus.cpu[tid % team->cpus.count], &one);
    return one;
}

static void *live(void *argument) {
    member *self = argument;
    wn_naive_team *team = self->team;
    pthread_mutex_lock(&team->birth);
    bool stillborn = team->stillborn;
    pthread_mutex_unlock(&team->birth);
    if (stillborn)
        return NULL;
    cpu_set_t place = place_of(team, self->tid);
    self->refusal = pthread_setaffinity_np(pthread_self(), sizeof place, &place);
    if (team->placement == WN_NAIVE_REALTIME && !self->refusal)
        self->refusal = pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){1});
    wn_flush_denormals(); /* the same arithmetic as in the pool: denormals are an item of their own */
    for (;;) {
        pthread_barrier_wait(&team->gate);
        if (!team->task)
            return NULL;
        team->task(team->context, self->tid, team->threads);
        pthread_barrier_wait(&team->gate);
    }
}

static void do_nothing(void *context, int tid, int nthreads) {
    (void)context, (void)tid, (void)nthreads;
}

static void destroy(wn_naive_team *team, int threads) {
    for (int i = 0; i < threads; i++)
        pthread_join(team->members[i].thread, NULL);
    pthread_mutex_destroy(&team->birth);
    pthread_barrier_destroy(&team->gate);
    pthread_barrier_destroy(&team->inner);
    free(team);
}

/* Starts the threads; how many there are then. */
static int start_threads(wn_naive_team *team, int *error) {
    int started = 0;
    pthread_mutex_lock(&team->birth);
    for (; started < team->threads && !*error; started += !*error) {
        team->members[started] = (member){.team = team, .tid = started};
        *error = pthread_create(&team->members[started].thread, NULL, live, &team->members[started]);
    }
    team->stillborn = *error != 0;
    pthread_mutex_unlock(&team->birth);
    return started;
}

wn_status wn_naive_team_create(int threads, const cpu_set_t *mask, wn_naive_placement placement,
                               wn_naive_team **result) {
    *result = NULL;
    wn_naive_team *team = calloc(1, sizeof *team + (size_t)threads * sizeof *team->members);
    if (!team)
        return wn_error(WN_ERROR_MEMORY, "no memory for a team of %d threads", threads);
    team->threads = threads;
    team->placement = placement;
    team->mask = *mask;
    wn_cpus_in_order("", mask, &team->cpus);
    pthread_mutex_init(&team->birth, NULL);
    pthread_barrier_init(&team->gate, NULL, (unsigned)threads + 1);
    pthread_barrier_init(&team->inner, NULL, (unsigned)threads);
    int error = 0, started = start_threads(team, &error);
    if (error) {
        destroy(team, started);
        return wn_error(WN_ERROR_UNSUPPORTED, "cannot start thread %d of %d: %s", started + 1, threads,
                        strerror(error));
    }
    wn_naive_team_run(team, do_nothing, NULL);
    int refusal = 0;
    for (int i = 0; i < threads; i++)
        refusal = refusal ? refusal : team->members[i].refusal;
    if (refusal) {
        wn_naive_team_destroy(team);
        return wn_error(WN_ERROR_UNSUPPORTED, "%s: %s",
                        placement == WN_NAIVE_REALTIME ? "SCHED_FIFO (needs CAP_SYS_NICE or ulimit -r)"
                                                       : "affinity",
                        strerror(refusal));
    }
    *result = team;
    return wn_ok();
}

void wn_naive_team_destroy(wn_naive_team *team) {
    if (!team)
        return;
    team->task = NULL;
    pthread_barrier_wait(&team->gate);
    destroy(team, team->threads);
}

void wn_naive_team_run(wn_naive_team *team, wn_task task, void *context) {
    team->task = task;
    team->context = context;
    pthread_barrier_wait(&team->gate);
    pthread_barrier_wait(&team->gate);
}

void wn_naive_team_barrier(wn_naive_team *team) {
    pthread_barrier_wait(&team->inner);
}
