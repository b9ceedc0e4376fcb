/* A thread that sleeps between its ticks. */
#include "ticker.h"
#include <stdlib.h>
#include <time.h>

struct wn_ticker {
    pthread_t thread;
    pthread_mutex_t lock; /* of the two below; tick runs with it held */
    pthread_cond_t news;
    bool ended, hurried;
    int milliseconds;
    wn_tick *tick;
    void *context;
};

static void advance(struct timespec *time, int milliseconds) {
    time->tv_sec += milliseconds / 1000;
    time->tv_nsec += milliseconds % 1000 * 1000000L;
    if (time->tv_nsec >= 1000000000) {
        time->tv_sec++;
        time->tv_nsec -= 1000000000;
    }
}

static void *run(void *argument) {
    wn_ticker *t = argument;
    bool last;
    pthread_mutex_lock(&t->lock);
    do { /* once more at the end, even where that comes first */
        struct timespec next;
        clock_gettime(CLOCK_MONOTONIC, &next);
        advance(&next, t->milliseconds);
        while (!t->ended && !t->hurried && pthread_cond_timedwait(&t->news, &t->lock, &next) == 0)
            ;
        t->hurried = false;
        last = t->ended;
        t->tick(t->context, last);
    } while (!last);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void destroy(wn_ticker *t) {
    pthread_cond_destroy(&t->news);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

wn_ticker *wn_ticker_start(const wn_pool *pool, int milliseconds, wn_tick *tick, void *context) {
    wn_ticker *t = malloc(sizeof *t);
    if (!t)
        return NULL;
    *t = (wn_ticker){.milliseconds = milliseconds, .tick = tick, .context = context};
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (wn_pool_start_beside(pool, "winnow-ticker", &t->thread, run, t) == 0)
        return t;
    destroy(t);
    return NULL;
}

void wn_ticker_now(wn_ticker *t) {
    pthread_mutex_lock(&t->lock);
    t->hurried = true;
    pthread_cond_signal(&t->news);
    pthread_mutex_unlock(&t->lock);
}

void wn_ticker_stop(wn_ticker *t) {
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->ended = true;
    pthread_cond_signal(&t->news);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    destroy(t);
}
