/* The proof that a steady training step bypasses the kernel, on the program as it is shipped, with its loader
 * and its progress line: over 20 steps the threads of the executor make no system call, no page fault, no
 * allocation, and never go to sleep, all counted per thread from outside. The counters are tried first on a
 * program that does all of it on purpose.
 *
 * usage: check_train_steady WINNOW COUNT_ALLOCATIONS.so */
#include "check.h"
#include "thread_costs.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEADY = 20, WARM_UP = 3, CALLS = 7, PAGES = 50, SLEEPS = 3, ALLOCATIONS = 5, ATTEMPTS = 4 };

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

static int misbehaving_program(void) {
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

/* False when nothing can be counted on this system. */
static bool check_counters(const char *library) {
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

/* The sum over the executor's threads, those that write no marks, and the worst of anything. */
static costs executor_costs(const cost_report *report, int begin, int end) {
    costs sum = {0};
    for (int i = 0; i < report->threads; i++) {
        if (report->writes[i])
            continue;
        costs c = cost_between(&report->mark[begin].thread[i], &report->mark[end].thread[i]);
        sum.calls += c.calls;
        sum.futexes += c.futexes;
        sum.faults += c.faults;
        sum.sleeps += c.sleeps;
        sum.preemptions += c.preemptions;
        sum.allocations += c.allocations;
    }
    return sum;
}

/* Threads of the executor, and those of libraries that sleep throughout. */
static int count_silent(const cost_report *report) {
    int count = 0;
    for (int i = 0; i < report->threads; i++)
        count += !report->writes[i];
    return count;
}

static bool clean(const costs *c) {
    return c->calls == 0 && c->faults == 0 && c->sleeps == 0 && c->allocations == 0;
}

/* A thread that lost its CPU to something else makes the others sleep: then the machine was not undisturbed.
 * Nothing else is excused. */
static bool disturbed(const costs *c) {
    return c->faults == 0 && c->allocations == 0 && c->calls == c->futexes && c->preemptions > 0;
}

typedef struct window {
    int begin, end; /* marks */
    costs costs;
} window;

/* The stretch of at least STEADY steps with the fewest system calls and faults; false without one. */
static bool find_window(const cost_report *report, window *best) {
    bool found = false;
    for (int begin = 0; begin < report->marks; begin++) {
        int end = begin + 1;
        while (end < report->marks && report->mark[end].place < report->mark[begin].place + STEADY)
            end++;
        if (report->mark[begin].place < WARM_UP || end >= report->marks)
            continue;
        costs c = executor_costs(report, begin, end);
        if (!found || c.calls + c.faults + c.sleeps + c.allocations < best->costs.calls + best->costs.faults +
                                                                          best->costs.sleeps +
                                                                          best->costs.allocations)
            *best = (window){begin, end, c};
        found = true;
    }
    return found;
}

/* Has the program choose among our own kernels: a library's threads are not the executor's. */
static void choose_own_kernels(const char *program, const char *net, const char *size, const char *database) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (dup2(nowhere, 1) < 0)
            _exit(126);
        execl(program, program, "tune", net, "--size", size, "--batch-size", "4", "--train", "--effort",
              "heuristic", "--skip", "onednn", "--db", database, NULL);
        _exit(127);
    }
    int how = -1;
    waitpid(child, &how, 0);
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0, "winnow tune %s ended with %x", net, (unsigned)how);
}

static void check_training(const char *program, const char *library, const char *net, const char *size,
                           const char *limit) {
    char database[] = "/tmp/winnow-check-XXXXXX";
    int fd = mkstemp(database);
    if (!CHECK(fd >= 0 && close(fd) == 0 && unlink(database) == 0, "no scratch file in /tmp"))
        return;
    choose_own_kernels(program, net, size, database);
    char *argv[] = {(char *)program,
                    "train",
                    (char *)net,
                    "--size",
                    (char *)size,
                    "--batch-size",
                    "4",
                    "--limit",
                    (char *)limit,
                    "--test-limit",
                    "4",
                    "--epochs",
                    "1",
                    "--db",
                    database,
                    NULL};
    window w = {.costs = {.calls = -1}};
    bool found = false;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        cost_report report;
        const char *refusal = cost_run(argv, library, "step ", &report);
        CHECK(!refusal && report.exit_code == 0, "%s: exit code %d, %s", net, report.exit_code,
              refusal ? refusal : "not refused");
        found = !refusal && find_window(&report, &w);
        if (found) {
            printf("%s: steps %ld to %ld, %d threads that show no progress: %ld system calls, %ld page "
                   "faults, %ld "
                   "allocations, %ld voluntary and %ld other context switches\n",
                   net, report.mark[w.begin].place, report.mark[w.end].place, count_silent(&report),
                   w.costs.calls, w.costs.faults, w.costs.allocations, w.costs.sleeps, w.costs.preemptions);
            for (int i = 0; i < report.threads && !clean(&w.costs); i++)
                printf("  thread %d: last system call %d%s\n", i, report.last_call[i],
                       report.writes[i] ? ", shows the progress" : "");
        }
        cost_free(&report);
        if (refusal || (found && (clean(&w.costs) || !disturbed(&w.costs))))
            break;
    }
    unlink(database);
    if (!CHECK(found, "%s: no %d steps between two states of the progress line", net, STEADY))
        return;
    if (!clean(&w.costs) && disturbed(&w.costs)) {
        printf("%s: not judged, something else took a CPU in every attempt\n", net);
        check_skipped++;
        return;
    }
    CHECK(clean(&w.costs),
          "%s: %ld system calls, %ld page faults, %ld allocations, %ld voluntary context switches, expected "
          "none",
          net, w.costs.calls, w.costs.faults, w.costs.allocations, w.costs.sleeps);
}

int main(int argc, char **argv) {
    static char program[PATH_MAX], library[PATH_MAX];
    if (argc == 2 && strcmp(argv[1], "misbehave") == 0)
        return misbehaving_program();
    if (argc != 3 || !realpath(argv[1], program) || !realpath(argv[2], library)) {
        fprintf(stderr, "usage: check_train_steady WINNOW COUNT_ALLOCATIONS.so\n");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!check_counters(library)) {
        check_skipped++;
        return check_finish("check_train_steady");
    }
    check_training(program, library, "resnet18", "32", "600");
    check_training(program, library, "alexnet", "224", "240");
    return check_finish("check_train_steady");
}
