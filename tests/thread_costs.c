/* Following a program with ptrace: every entry into a system call stops the thread that makes it for a moment
 * and is counted; a write of a mark has everything noted down. */
#include "thread_costs.h"
#include "count_allocations.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
/* behind sys/ptrace.h, whose names it would redefine */
#include <linux/ptrace.h>

typedef struct follower {
    cost_report *report;
    pid_t program;
    const char *word;
    allocation_counts *allocations;
    long calls[COST_THREADS], futexes[COST_THREADS];
} follower;

static int place_of(follower *f, pid_t tid) {
    cost_report *r = f->report;
    for (int i = 0; i < r->threads; i++)
        if (r->tid[i] == tid)
            return i;
    if (r->threads == COST_THREADS)
        return COST_THREADS - 1;
    r->tid[r->threads] = tid;
    return r->threads++;
}

/* Fields 10 and 12 of stat, behind the name that may hold anything. */
static long read_faults(pid_t program, pid_t tid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", program, tid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    const char *name_end = strrchr(text, ')');
    long minor, major;
    return name_end && sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %ld %*u %ld", &minor, &major) == 2
               ? minor + major
               : -1;
}

static void read_name(pid_t program, pid_t tid, char name[16]) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", program, tid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%15[^\n]", name) != 1)
        name[0] = 0;
    if (file)
        fclose(file);
}

static void read_switches(pid_t program, pid_t tid, costs *c) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", program, tid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &c->sleeps) != 1)
            (void)!sscanf(line, "nonvoluntary_ctxt_switches: %ld", &c->preemptions);
    if (file)
        fclose(file);
}

static long read_allocations(const follower *f, pid_t tid) {
    for (int i = 0; f->allocations && i < ALLOCATION_THREADS; i++)
        if (f->allocations->thread[i].tid == tid)
            return atomic_load(&f->allocations->thread[i].count);
    return 0;
}

static void note_mark(follower *f, long number) {
    cost_report *r = f->report;
    if (r->marks == COST_MARKS)
        return;
    cost_mark *mark = &r->mark[r->marks++];
    mark->place = number;
    for (int i = 0; i < r->threads; i++) {
        costs *c = &mark->thread[i];
        *c = (costs){.calls = f->calls[i], .futexes = f->futexes[i]};
        read_name(f->program, r->tid[i], r->name[i]);
        c->faults = read_faults(f->program, r->tid[i]);
        read_switches(f->program, r->tid[i], c);
        c->allocations = read_allocations(f, r->tid[i]);
    }
}

/* The number behind the word in what a thread is about to write; -1: it is no mark. */
static long read_mark(const follower *f, uint64_t address, uint64_t length) {
    char text[4096];
    size_t wanted = length < sizeof text - 1 ? length : sizeof text - 1;
    struct iovec here = {text, wanted}, there = {(void *)(uintptr_t)address, wanted};
    ssize_t got = process_vm_readv(f->program, &here, 1, &there, 1, 0);
    if (got <= 0)
        return -1;
    text[got] = 0;
    const char *found = strstr(text, f->word);
    long number;
    return found && sscanf(found + strlen(f->word), "%ld", &number) == 1 ? number : -1;
}

/* Writing a mark is not counted: it is the counting. */
static void count_call(follower *f, pid_t tid) {
    struct ptrace_syscall_info info;
    int thread = place_of(f, tid);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    long mark = info.entry.nr == SYS_write && info.entry.args[0] == 1
                    ? read_mark(f, info.entry.args[1], info.entry.args[2])
                    : -1;
    if (mark >= 0) {
        f->report->writes[thread] = true;
        note_mark(f, mark);
        return;
    }
    f->calls[thread]++;
    f->futexes[thread] += info.entry.nr == SYS_futex;
    f->report->last_call[thread] = (int)info.entry.nr;
}

/* Until the program and all its threads have ended. The terminal is emptied so that nobody blocks on it. */
static void follow(follower *f, int terminal) {
    int how;
    pid_t tid;
    char drained[4096];
    while ((tid = waitpid(-1, &how, __WALL)) > 0) {
        if (WIFEXITED(how) || WIFSIGNALED(how)) {
            if (tid == f->program)
                f->report->exit_code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
            continue;
        }
        while (read(terminal, drained, sizeof drained) > 0)
            ;
        int signal = WSTOPSIG(how), pass = 0;
        if (signal == (SIGTRAP | 0x80))
            count_call(f, tid);
        else if (signal != SIGTRAP && signal != SIGSTOP) /* those two are the following itself */
            pass = signal;
        ptrace(PTRACE_SYSCALL, tid, NULL, (void *)(intptr_t)pass);
    }
}

static void become(char *const argv[], const char *library, const char *counts, int terminal) {
    if (dup2(terminal, 1) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(126);
    if (library)
        setenv("LD_PRELOAD", library, 1);
    setenv("WINNOW_COUNT_FILE", counts, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1); /* a yardstick's threads, started when a program is loaded */
    execv(argv[0], argv);
    _exit(127);
}

static int open_terminal(int *inner) {
    int outer = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    *inner = -1;
    if (outer >= 0 && grantpt(outer) == 0 && unlockpt(outer) == 0)
        *inner = open(ptsname(outer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    return outer;
}

const char *cost_run(char *const argv[], const char *library, const char *word, cost_report *report) {
    static char refusal[160];
    *report = (cost_report){.exit_code = -1, .mark = calloc(COST_MARKS, sizeof(cost_mark))};
    follower f = {.report = report, .word = word};
    char counts[] = "/tmp/winnow-counts-XXXXXX";
    int file = mkostemp(counts, O_CLOEXEC), inner, outer = open_terminal(&inner), how = 0;
    refusal[0] = 0;
    if (!report->mark || file < 0 || ftruncate(file, sizeof *f.allocations) != 0 || inner < 0) {
        snprintf(refusal, sizeof refusal, "no memory, scratch file or terminal: %s", strerror(errno));
        goto done;
    }
    f.allocations = mmap(NULL, sizeof *f.allocations, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    fflush(NULL);
    f.program = fork();
    if (f.program == 0)
        become(argv, library, counts, inner);
    if (waitpid(f.program, &how, 0) != f.program || !WIFSTOPPED(how) ||
        ptrace(PTRACE_SETOPTIONS, f.program, NULL,
               (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) != 0) {
        snprintf(refusal, sizeof refusal, "%s cannot be followed (ptrace refused, or it did not start: %x)",
                 argv[0], (unsigned)how);
        goto done;
    }
    ptrace(PTRACE_SYSCALL, f.program, NULL, NULL);
    follow(&f, outer);
    report->counts_allocations = atomic_load(&f.allocations->used) > 0;
    munmap(f.allocations, sizeof *f.allocations);
done:
    if (file >= 0) {
        close(file);
        unlink(counts);
    }
    if (inner >= 0)
        close(inner);
    if (outer >= 0)
        close(outer);
    return refusal[0] ? refusal : NULL;
}

void cost_free(cost_report *report) {
    free(report->mark);
    report->mark = NULL;
}

void cost_add(costs *sum, const costs *more) {
    sum->calls += more->calls;
    sum->futexes += more->futexes;
    sum->faults += more->faults;
    sum->sleeps += more->sleeps;
    sum->preemptions += more->preemptions;
    sum->allocations += more->allocations;
}

bool cost_none(const costs *c) {
    return c->calls == 0 && c->faults == 0 && c->sleeps == 0 && c->allocations == 0;
}

bool cost_disturbed(const costs *c) {
    return c->faults == 0 && c->allocations == 0 && c->calls == c->futexes && c->preemptions > 0;
}

costs cost_between(const costs *begin, const costs *end) {
    return (costs){.calls = end->calls - begin->calls,
                   .futexes = end->futexes - begin->futexes,
                   .faults = end->faults - begin->faults,
                   .sleeps = end->sleeps - begin->sleeps,
                   .preemptions = end->preemptions - begin->preemptions,
                   .allocations = end->allocations - begin->allocations};
}
