/* Watching for disturbances by what the kernel counts and by a loop whose time is known. */
#include "disturbance.h"
#include "clock.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CALIBRATION_STEPS = 20000 };
/* Waiting for a CPU: what threads take to wake up, and of the time what the kernel's own work takes. Beside
 * somebody who wants a CPU it is a quarter and more (docs/tuning.md). */
static const double wake_seconds = 0.1e-3, share_waited = 0.05;
/* Up to this rate times are as spread as without any switch (docs/tuning.md); the CPU was then lent for
 * moments. */
static const double switches_a_second = 100;
enum { SWITCHES_FORGIVEN = 1 };              /* within the shortest of rounds, too */
static const double share_stolen = 0.02;     /* of one CPU */
static const double ticks_a_second = 100;    /* USER_HZ */
static const double calibration_band = 1.25; /* clocks drift by less within a race */

/* Ticks stolen from all CPUs; 0 where the kernel does not count them. */
static uint64_t stolen(int stat) {
    char text[512];
    unsigned long long steal = 0;
    ssize_t length = stat >= 0 ? pread(stat, text, sizeof text - 1, 0) : -1;
    if (length <= 0)
        return 0;
    text[length] = '\0';
    if (sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1)
        return 0;
    return steal;
}

/* The second number of a thread's schedstat (Documentation/scheduler/sched-stats); 0 once it has ended. */
static int64_t thread_waited(int tasks, const char *thread) {
    char path[64], text[96];
    int64_t waited = 0;
    snprintf(path, sizeof path, "%.20s/schedstat", thread);
    int file = openat(tasks, path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0)
        close(file);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return sscanf(text, "%*d %" SCNd64, &waited) == 1 ? waited : 0;
}

static int64_t waited_for_cpu(void) {
    DIR *tasks = opendir("/proc/self/task");
    int64_t waited = 0;
    if (!tasks)
        return -1;
    for (struct dirent *entry; (entry = readdir(tasks));)
        if (entry->d_name[0] != '.')
            waited += thread_waited(dirfd(tasks), entry->d_name);
    closedir(tasks);
    return waited > 0 ? waited : -1; /* where the kernel does not count, all are 0 */
}

static long involuntary_switches(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

/* A chain of multiplications, which takes the same number of cycles each time. */
static double calibration_seconds(void) {
    int64_t begin = wn_nanoseconds();
    uint64_t x = 1;
    for (int i = 0; i < CALIBRATION_STEPS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(x));
    }
    return (double)(wn_nanoseconds() - begin) * 1e-9;
}

void wn_disturbance_open(wn_disturbance *watch) {
    *watch = (wn_disturbance){.stat = open("/proc/stat", O_RDONLY | O_CLOEXEC)};
    watch->calibration = calibration_seconds();
    wn_disturbance_seen(watch);
}

void wn_disturbance_close(wn_disturbance *watch) {
    if (watch->stat >= 0)
        close(watch->stat);
    watch->stat = -1;
}

bool wn_disturbance_seen(wn_disturbance *watch) {
    wn_disturbance before = *watch;
    watch->waited = waited_for_cpu();
    watch->switches = involuntary_switches();
    watch->steal = stolen(watch->stat);
    double calibration = calibration_seconds();
    if (calibration < watch->calibration)
        watch->calibration = calibration;
    watch->nanoseconds = wn_nanoseconds();
    double seconds = (double)(watch->nanoseconds - before.nanoseconds) * 1e-9;
    bool lost_cpu =
        (double)(watch->switches - before.switches) > SWITCHES_FORGIVEN + switches_a_second * seconds;
    if (watch->waited >= 0 && before.waited >= 0)
        lost_cpu = (double)(watch->waited - before.waited) * 1e-9 > wake_seconds + share_waited * seconds;
    return lost_cpu || (double)(watch->steal - before.steal) > share_stolen * seconds * ticks_a_second ||
           calibration > watch->calibration * calibration_band;
}
