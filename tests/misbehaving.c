/* A program that misbehaves by a known amount, and the check that the counters see it. */
#include "misbehaving.h"
#include "check.h"
#include "thread_costs.h"
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 7, PAGES = 50, SLEEPS = 3, ALLOCATIONS = 5 };

/* What the counters must see: a thread that waits in user space for another one's marks, and between them
 * does a known number of everything. */
static volatile int mark_written;

static void allocate(void) {
    void *volatile memory = malloc(100); /* volatile, or the compiler would do without */
    free(memory);
}

static void *misbehave(void *argument) {
    (void)argument;
    while (mark_written < 1)
        ;
    for (int i = 0; i < CALLS; i++)
        syscall(SYS_getppid);
    char *pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(pages, PAGES * 4096, MADV_NOHUGEPAGE);
    for (int i = 0; i < PAGES; i++)
        ((volatile char *)pages)[i * 4096] = 1;
    for (int i = 0; i < SLEEPS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    for (int i = 0; i < ALLOCATIONS; i++)
        allocate();
    mark_written = 2;
    while (mark_written < 3)
        ;
    return NULL;
}

static void write_mark(const char *text) {
    if (write(1, text, strlen(text)) < 0)
        _exit(1);
}

int misbehaving_program(void) {
    pthread_t thread;
    allocate();
    if (pthread_create(&thread, NULL, misbehave, NULL) != 0)
        return 1;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    write_mark("step 1/2\n");
    mark_written = 1;
    while (mark_written < 2)
        ;
    write_mark("step 2/2\n");
    mark_written = 3;
    pthread_join(thread, NULL);
    return 0;
}

bool check_counters(const char *library) {
    static char self[PATH_MAX];
    cost_report report;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    char *argv[] = {self, "misbehave", NULL};
    const char *refusal = cost_run(argv, library, "step ", &report);
    if (refusal) {
        printf("not counted: %s\n", refusal);
        cost_free(&report);
        return false;
    }
    CHECK(report.exit_code == 0 && report.marks == 2 && report.threads == 2,
          "exit code %d, %d marks, %d threads", report.exit_code, report.marks, report.threads);
    CHECK(report.writes[0] && !report.writes[1], "the writing thread was not recognised");
    costs seen = cost_between(&report.mark[0].thread[1], &report.mark[1].thread[1]);
    CHECK(seen.calls >= CALLS + SLEEPS + 2, "saw %ld system calls of a thread that made at least %d",
          seen.calls, CALLS + SLEEPS + 2);
    CHECK(seen.faults >= PAGES, "saw %ld page faults of a thread that made at least %d", seen.faults, PAGES);
    CHECK(seen.sleeps >= SLEEPS, "saw %ld sleeps of a thread that slept %d times", seen.sleeps, SLEEPS);
    CHECK(report.counts_allocations && seen.allocations == ALLOCATIONS,
          "saw %ld allocations of a thread that made %d", seen.allocations, ALLOCATIONS);
    cost_free(&report);
    return true;
}
