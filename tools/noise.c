/* A bad neighbour: takes a core, and memory bandwidth, in bursts of random length, until it is killed or its
 * parent ends. For seeing whether the tuner's picks survive it (tools/stability). */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { BYTES = 64 << 20 /* beyond the caches */, SPINS = 100000 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Mostly short ones, some up to `longest`: the square of an even distribution. */
static double random_seconds(unsigned *state, double longest) {
    double even = (double)rand_r(state) / RAND_MAX;
    return longest * even * even;
}

static void burn(double length, char *memory) {
    volatile uint64_t sum = 0;
    for (double end = seconds() + length; seconds() < end;) {
        if (memory)
            memcpy(memory, memory + BYTES / 2, BYTES / 2);
        for (int i = 0; i < SPINS && !memory; i++)
            sum = sum * 31 + (uint64_t)i;
    }
}

int main(int argc, char **argv) {
    unsigned state = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    char *memory = malloc(BYTES);
    if (argc > 2 || !memory) {
        fputs(memory ? "usage: noise [SEED]\n" : "noise: no memory\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    memset(memory, 1, BYTES);
    for (;;) {
        burn(random_seconds(&state, 0.6), rand_r(&state) % 2 ? memory : NULL);
        usleep((useconds_t)(1e6 * random_seconds(&state, 1.2)));
    }
}
