/* Keeps OpenMP's idle threads from spinning. After a region GCC's run-time lets them spin for milliseconds, in
 * which they take the CPUs from the pool's threads and so slow down whatever runs next. How long is fixed
 * when the library is loaded (GOMP_SPINCOUNT), but it says that they spin only briefly while there are more
 * threads than CPUs (libgomp's manual, "GOMP_SPINCOUNT"). */
#include "onednn_choice.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

/* Starts a team of two that never works, so that it and the team that does are too many. */
static void *dormant(void *formed) {
#pragma omp parallel num_threads(2)
    __asm__ volatile(""); /* keeps GCC from removing the region */
    sem_post(formed);
    for (;;)
        pause();
    return NULL;
}

/* Without memory for a thread they go on spinning. */
static void start_dormant_team(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    sem_t formed;
    sem_init(&formed, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, dormant, &formed) == 0)
        while (sem_wait(&formed) != 0 && errno == EINTR)
            ;
    pthread_attr_destroy(&attributes);
    sem_destroy(&formed);
}

void wn_onednn_calm_threads(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_dormant_team);
}
