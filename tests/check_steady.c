/* A steady training step makes no system call and takes no page fault, on all threads. System calls are
 * counted from outside: the parent traces a child that trains between two markers. The counter must see a
 * deliberate call, and the page faults a deliberate one. */
#include "check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
int main(void) {
    puts("check_steady: skipped, the sanitizer makes system calls of its own");
    return 77;
}
#else
#include "nets.h"
#include "pool.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winnow/model.h>

enum { STEPS = 5, SKIPPED = 77, ATTEMPTS = 20 };

/* A system call that means nothing else: no program asks for the session of process -MARKER. */
enum { MARKER = 424242 };

static void mark(void) {
    syscall(SYS_getsid, -MARKER);
}

typedef struct steady_case {
    const char *name;
    int size, divisor, threads;
    bool training, provoked; /* provoked: one deliberate system call between the markers */
} steady_case;

/* Page faults so far, of all threads. */
static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static wn_status make_tape(const steady_case *c, wn_pool *pool, wn_graph *graph, wn_model **model,
                           wn_tape **tape) {
    wn_tape_options options = {.batch = 4, .training = c->training, .momentum = true, .pool = pool};
    WN_TRY(wn_isa_select(NULL, &options.isa));
    wn_net_find(c->name, NULL)
        ->build(graph, &(wn_net_options){.channels = 1,
                                         .height = c->size,
                                         .width = c->size,
                                         .classes = 10,
                                         .width_divisor = c->divisor,
                                         .hidden_divisor = 16});
    WN_TRY(wn_model_create(graph, model));
    wn_model_initialise(*model, WN_INIT_XAVIER_UNIFORM, 1);
    return wn_tape_compile(*model, &options, tape);
}

/* In the child: trains, with the markers around what must be steady. Returns the exit code: 1 for page
 * faults, 2 when it could not train. */
static int train_between_markers(const steady_case *c) {
    wn_pool *pool = NULL;
    wn_model *model = NULL;
    wn_tape *tape = NULL;
    wn_graph *graph = wn_graph_create();
    wn_status status = wn_pool_create(c->threads, &pool);
    if (!wn_failed(status))
        status = make_tape(c, pool, graph, &model, &tape);
    if (wn_failed(status)) {
        fprintf(stderr, "%s: %s\n", c->name, status.message);
        return 2;
    }
    for (int i = 0; i < 4; i++)
        wn_tape_labels(tape)[i] = i;
    for (int i = 0; i < 3; i++)
        wn_tape_run(tape);
    long before = faults();
    mark();
    wn_tape_run(tape); /* wakes threads that fell asleep over the marker */
    mark();
    for (int i = 0; i < STEPS; i++) {
        wn_tape_run(tape);
        if (c->provoked && i == 0)
            syscall(SYS_getppid);
    }
    mark();
    long found = faults() - before;
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
    wn_pool_destroy(pool);
    if (found != 0)
        fprintf(stderr, "%s: found %ld page faults in %d steps\n", c->name, found, STEPS);
    return found != 0;
}

static int run_child(const steady_case *c) {
    signal(SIGALRM, SIG_DFL);
    alarm(300); /* ends a child whose parent died */
    raise(SIGSTOP);
    return train_between_markers(c);
}

/* What the parent has seen. */
typedef struct trace {
    int markers;  /* of three, after which counting begins with the second and ends with the third */
    long counted; /* system calls in between, of all threads */
    long waits;   /* those of them that wait for another thread or wake it */
    long number;  /* of the last one */
    int exit_code;
} trace;

static void see_system_call(pid_t thread, trace *seen) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.entry.nr == SYS_getsid && (pid_t)info.entry.args[0] == -MARKER) {
        seen->markers++;
    } else if (seen->markers == 2) {
        seen->counted++;
        seen->waits += info.entry.nr == SYS_futex;
        seen->number = (long)info.entry.nr;
    }
}

/* Follows a seized, stopped child and its threads to the end. */
static void follow(pid_t child, trace *seen) {
    for (;;) {
        int state;
        pid_t thread = waitpid(-1, &state, __WALL);
        if (thread < 0)
            return;
        if (WIFEXITED(state) || WIFSIGNALED(state)) {
            if (thread == child) {
                seen->exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : 2;
                return;
            }
            continue;
        }
        int signal_number = WSTOPSIG(state);
        bool system_call = signal_number == (SIGTRAP | 0x80), event = state >> 16 != 0;
        if (system_call)
            see_system_call(thread, seen);
        bool pass = !system_call && !event && signal_number != SIGTRAP && signal_number != SIGSTOP;
        ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)(pass ? signal_number : 0));
    }
}

/* False where tracing is forbidden. */
static bool trace_once(const steady_case *c, trace *seen) {
    *seen = (trace){.exit_code = 2};
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run_child(c));
    int state;
    if (child < 0 || waitpid(child, &state, WUNTRACED) != child || !WIFSTOPPED(state))
        return false;
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, child, NULL, (void *)options) != 0) {
        kill(child, SIGKILL);
        waitpid(child, &state, 0);
        return false;
    }
    kill(child, SIGCONT);
    follow(child, seen);
    return true;
}

/* A thread that waits long for one that lost its CPU to another program goes to sleep, which is a system call
 * and says nothing about the tape: then the case is traced again. Any other call counts at once. */
static bool trace_case(const steady_case *c, trace *seen) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!trace_once(c, seen))
            return false;
        bool disturbed = c->threads > 1 && seen->counted > 0 && seen->counted == seen->waits;
        if (!disturbed)
            break;
    }
    return true;
}

static void check_case(const steady_case *c, const trace *seen) {
    CHECK(seen->markers == 3, "%s, %d threads: found %d markers of 3", c->name, c->threads, seen->markers);
    CHECK(seen->exit_code == 0, "%s, %d threads: the child found page faults or could not train (%d)",
          c->name, c->threads, seen->exit_code);
    if (c->provoked)
        CHECK(seen->counted == 1 && seen->number == SYS_getppid,
              "the counter saw %ld system calls, the last number %ld, expected one getppid (%d)",
              seen->counted, seen->number, SYS_getppid);
    else
        CHECK(seen->counted == 0,
              "%s, %d threads: found %ld system calls in %d steps (the last number %ld), expected none",
              c->name, c->threads, seen->counted, STEPS, seen->number);
}

/* The count of page faults must see one. */
static void check_fault_counter(void) {
    long page = sysconf(_SC_PAGESIZE), before = faults();
    char *memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile char *)memory = 1;
    CHECK(faults() > before, "a first touch of a page was not counted as a fault");
    munmap(memory, (size_t)page);
}

int main(void) {
    static const steady_case cases[] = {
        {"mnist-cnn", 28, 1, 1, true, true},  {"mnist-cnn", 28, 1, 1, true, false},
        {"mnist-cnn", 28, 1, 2, true, false}, {"alexnet", 67, 8, 2, true, false},
        {"resnet18", 32, 8, 2, true, false},  {"densenet", 32, 4, 2, true, false},
        {"resnet18", 32, 8, 2, false, false},
    };
    int cpus = wn_threads_default();
    check_fault_counter();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trace seen;
        if (cases[i].threads > cpus) {
            printf("%s with %d threads: left out, this process may use %d CPUs\n", cases[i].name,
                   cases[i].threads, cpus);
            continue;
        }
        if (!trace_case(&cases[i], &seen)) {
            printf("check_steady: skipped, this process may not trace another: %s\n", strerror(errno));
            return SKIPPED;
        }
        check_case(&cases[i], &seen);
    }
    return check_finish("check_steady");
}
#endif
