/* The proof that a steady training step bypasses the kernel, on the program as it is shipped, with its loader
 * and its progress line: over 20 steps the threads of the executor make no system call, no page fault, no
 * allocation, and never go to sleep, all counted per thread from outside. The counters are tried first on a
 * program that does all of it on purpose.
 *
 * usage: check_train_steady WINNOW COUNT_ALLOCATIONS.so */
#include "check.h"
#include "misbehaving.h"
#include "thread_costs.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEADY = 20, WARM_UP = 3, ATTEMPTS = 4 };

/* Everything but the executor has a name of its own: the loader, and the tickers behind progress line and
 * CSV. */
static bool is_executor(const cost_report *report, int thread) {
    return strncmp(report->name[thread], "winnow-", 7) != 0;
}

static int count_named(const cost_report *report, const char *name) {
    int count = 0;
    for (int i = 0; i < report->threads; i++)
        count += strcmp(report->name[i], name) == 0;
    return count;
}

/* The sum over the executor's threads, and those of libraries that sleep throughout. Preemptions of the
 * others count, too: a loader that loses its CPU is late. */
static costs executor_costs(const cost_report *report, int begin, int end) {
    costs sum = {0};
    for (int i = 0; i < report->threads; i++) {
        costs c = cost_between(&report->mark[begin].thread[i], &report->mark[end].thread[i]);
        if (!is_executor(report, i))
            c = (costs){.preemptions = c.preemptions};
        cost_add(&sum, &c);
    }
    return sum;
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

typedef struct run {
    const char *net, *size, *limit;
    int threads;
    const char *loader; /* as --loader has it */
} run;

/* Has the program choose among our own kernels: a library's threads are not the executor's. */
static void choose_own_kernels(const char *program, const run *r, const char *threads, const char *database) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (dup2(nowhere, 1) < 0)
            _exit(126);
        execl(program, program, "tune", r->net, "--size", r->size, "--batch-size", "4", "--train", "--effort",
              "heuristic", "--skip", SKIPPED, "--threads", threads, "--db", database, NULL);
        _exit(127);
    }
    int how = -1;
    waitpid(child, &how, 0);
    CHECK(WIFEXITED(how) && WEXITSTATUS(how) == 0, "winnow tune %s ended with %x", r->net, (unsigned)how);
}

/* Trains once and finds its stretch. False: the run failed, or had none. */
static bool attempt(char *const argv[], const char *library, const run *r, bool loader, window *w) {
    cost_report report;
    const char *refusal = cost_run(argv, library, "step ", &report);
    bool found = CHECK(!refusal && report.exit_code == 0, "%s: exit code %d, %s", r->net, report.exit_code,
                       refusal ? refusal : "not refused") &&
                 CHECK(find_window(&report, w), "%s: no %d steps between two states of the progress line",
                       r->net, STEADY);
    if (found) {
        CHECK(count_named(&report, "winnow-loader") == loader, "%s, %d threads: %d threads of a loader",
              r->net, r->threads, count_named(&report, "winnow-loader"));
        printf("%s, %d threads, %s: steps %ld to %ld, %d threads of the executor and libraries: %ld system "
               "calls, %ld page faults, %ld allocations, %ld voluntary and %ld other context switches\n",
               r->net, r->threads, loader ? "a loader's thread" : "no loader's thread",
               report.mark[w->begin].place, report.mark[w->end].place,
               report.threads - count_named(&report, "winnow-loader") - count_named(&report, "winnow-ticker"),
               w->costs.calls, w->costs.faults, w->costs.allocations, w->costs.sleeps, w->costs.preemptions);
        for (int i = 0; i < report.threads && !cost_none(&w->costs); i++)
            printf("  thread %d, %s: last system call %d\n", i, report.name[i], report.last_call[i]);
    }
    cost_free(&report);
    return found;
}

/* With everything on that a run may have: a loader, the progress line, the CSV file. */
static void check_training(const char *program, const char *library, const run *r, bool loader) {
    char database[] = "/tmp/winnow-check-XXXXXX", threads[16];
    int fd = mkstemp(database);
    if (!CHECK(fd >= 0 && close(fd) == 0 && unlink(database) == 0, "no scratch file in /tmp"))
        return;
    snprintf(threads, sizeof threads, "%d", r->threads);
    choose_own_kernels(program, r, threads, database);
    const char *const argv[] = {program,     "train",
                                r->net,      "--size",
                                r->size,     "--batch-size",
                                "4",         "--limit",
                                r->limit,    "--test-limit",
                                "4",         "--epochs",
                                "1",         "--threads",
                                threads,     "--loader",
                                r->loader,   "--csv",
                                "/dev/null", "--db",
                                database,    NULL};
    window w;
    bool judged = false;
    for (int i = 0; i < ATTEMPTS && !judged; i++) {
        if (!attempt((char *const *)argv, library, r, loader, &w))
            break;
        judged = cost_none(&w.costs) || !cost_disturbed(&w.costs);
        if (judged)
            CHECK(cost_none(&w.costs),
                  "%s: %ld system calls, %ld page faults, %ld allocations, %ld voluntary context switches, "
                  "expected none",
                  r->net, w.costs.calls, w.costs.faults, w.costs.allocations, w.costs.sleeps);
    }
    unlink(database);
    if (!judged) {
        printf("%s: not judged, something else took a CPU in every attempt\n", r->net);
        check_skipped++;
    }
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
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    int cpus = CPU_COUNT(&allowed) < 2 ? 1 : 2;
    /* no CPU left for a loader's thread, and one left */
    check_training(program, library, &(run){"resnet18", "32", "600", cpus, "steps"}, false);
    check_training(program, library, &(run){"alexnet", "224", "240", cpus, "steps"}, false);
    if (cpus == 2) {
        check_training(program, library, &(run){"resnet18", "32", "600", 1, "auto"}, true);
        check_training(program, library, &(run){"alexnet", "224", "240", 1, "auto"}, true);
    }
    return check_finish("check_train_steady");
}
