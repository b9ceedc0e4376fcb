/* Whoever shares its only CPU with somebody else is told so. */
#include "check.h"
#include "clock.h"
#include "disturbance.h"
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void spin(double seconds) {
    for (double end = wn_seconds() + seconds; wn_seconds() < end;)
        ;
}

/* Leaves this process, and those it will start, one CPU. */
static bool share_one_cpu(void) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return false;
    int cpu = 0;
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

static void check_sees_a_neighbour(void) {
    enum { STRETCHES = 50 };
    pid_t neighbour = fork();
    if (neighbour == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            spin(1);
    }
    if (!CHECK(neighbour > 0, "no neighbour could be started"))
        return;
    wn_disturbance watch;
    wn_disturbance_open(&watch);
    int seen = 0;
    for (int i = 0; i < STRETCHES; i++) {
        spin(20e-3);
        seen += wn_disturbance_seen(&watch);
    }
    wn_disturbance_close(&watch);
    kill(neighbour, SIGKILL);
    waitpid(neighbour, NULL, 0);
    CHECK(seen > STRETCHES / 2, "%d of %d stretches beside somebody else were noticed", seen, STRETCHES);
}

int main(void) {
    if (!share_one_cpu()) {
        printf("check_disturbance: no CPU can be chosen here\n");
        return 77;
    }
    wn_disturbance watch;
    wn_disturbance_open(&watch);
    const bool counted = watch.waited >= 0;
    wn_disturbance_close(&watch);
    if (!counted) {
        printf("check_disturbance: the kernel does not count waiting here\n");
        return 77;
    }
    check_sees_a_neighbour();
    return check_finish("check_disturbance");
}
