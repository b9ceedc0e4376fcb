/* A steady step of a tape, training or not, makes no system call, takes no page fault, allocates nothing and
 * never sleeps, on any of its threads; and the counters see it when one does. The same tracer as in
 * check_train_steady.c, on tapes instead of the whole program.
 *
 * usage: check_steady COUNT_ALLOCATIONS.so */
#include "check.h"
#include "misbehaving.h"
#include "nets.h"
#include "pool.h"
#include "thread_costs.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <winnow/model.h>

enum { STEPS = 5, ATTEMPTS = 10 };

typedef struct steady_case {
    const char *name;
    int size, divisor, threads;
    bool training, provoked; /* provoked: one deliberate system call between the marks */
} steady_case;

static const steady_case cases[] = {
    {"mnist-cnn", 28, 1, 1, true, true},  {"mnist-cnn", 28, 1, 1, true, false},
    {"mnist-cnn", 28, 1, 2, true, false}, {"alexnet", 67, 8, 2, true, false},
    {"resnet18", 32, 8, 2, true, false},  {"densenet", 32, 4, 2, true, false},
    {"resnet18", 32, 8, 2, false, false},
};
enum { CASES = sizeof cases / sizeof *cases };

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

/* Marks are written by a thread of their own, for which the tape's never wait: they go on with steps until a
 * mark has been written, and never see the tracer as long as they make no system call. */
static atomic_int wanted, written;

static void *write_marks(void *unused) {
    (void)unused;
    for (int number = 1; number <= 2; number++) {
        char text[] = "mark 0\n";
        text[5] = (char)('0' + number);
        while (atomic_load(&wanted) < number)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (write(1, text, sizeof text - 1) < 0)
            _exit(3);
        atomic_store(&written, number);
    }
    return NULL;
}

static void run_until(wn_tape *tape, int mark) {
    atomic_store(&wanted, mark);
    while (atomic_load(&written) < mark)
        wn_tape_run(tape);
}

/* The program that is followed: a tape, with marks around what must be steady. */
static int run_tape(const steady_case *c) {
    wn_pool *pool = NULL;
    wn_model *model = NULL;
    wn_tape *tape = NULL;
    pthread_t marker;
    wn_graph *graph = wn_graph_create();
    wn_status status = wn_pool_create(c->threads, &pool);
    if (!wn_failed(status))
        status = make_tape(c, pool, graph, &model, &tape);
    if (wn_failed(status) || wn_pool_start_beside(pool, "winnow-marker", &marker, write_marks, NULL) != 0) {
        fprintf(stderr, "%s: %s\n", c->name, status.message);
        return 2;
    }
    for (int i = 0; i < 4; i++)
        wn_tape_labels(tape)[i] = i;
    for (int i = 0; i < 3; i++)
        wn_tape_run(tape);
    run_until(tape, 1);
    for (int i = 0; i < STEPS; i++) {
        wn_tape_run(tape);
        if (c->provoked && i == 0)
            syscall(SYS_getppid);
    }
    run_until(tape, 2);
    pthread_join(marker, NULL);
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
    wn_pool_destroy(pool);
    return 0;
}

/* What the tape's threads did between the marks. False: it could not be traced. */
static bool trace_once(int index, const char *library, costs *seen) {
    static char self[PATH_MAX], number[8];
    cost_report report;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    snprintf(number, sizeof number, "%d", index);
    char *argv[] = {self, "tape", number, NULL};
    const char *refusal = cost_run(argv, library, "mark ", &report);
    *seen = (costs){0};
    bool complete = CHECK(!refusal && report.exit_code == 0 && report.marks == 2 &&
                              report.threads == cases[index].threads + 1,
                          "%s: exit code %d, %d marks of 2, %d threads, %s", cases[index].name,
                          report.exit_code, report.marks, report.threads, refusal ? refusal : "traced");
    for (int i = 0; complete && i < report.threads; i++) {
        costs c = cost_between(&report.mark[0].thread[i], &report.mark[1].thread[i]);
        if (!report.writes[i])
            cost_add(seen, &c);
    }
    cost_free(&report);
    return complete;
}

static void check_case(int index, const char *library) {
    const steady_case *c = &cases[index];
    costs seen;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (!trace_once(index, library, &seen))
            return;
        if (c->provoked || cost_none(&seen) || c->threads == 1 || !cost_disturbed(&seen))
            break;
    }
    if (c->provoked) {
        CHECK(seen.calls == 1 && seen.futexes == 0,
              "saw %ld system calls, %ld of them futexes, of a tape that made one", seen.calls, seen.futexes);
    } else if (!cost_none(&seen) && c->threads > 1 && cost_disturbed(&seen)) {
        printf("%s: not judged, something else took a CPU in every attempt\n", c->name);
        check_skipped++;
    } else {
        CHECK(cost_none(&seen),
              "%s, %d threads: %ld system calls, %ld page faults, %ld allocations, %ld sleeps in %d steps, "
              "expected none",
              c->name, c->threads, seen.calls, seen.faults, seen.allocations, seen.sleeps, STEPS);
    }
}

int main(int argc, char **argv) {
    static char library[PATH_MAX];
    if (argc == 2 && strcmp(argv[1], "misbehave") == 0)
        return misbehaving_program();
    if (argc == 3 && strcmp(argv[1], "tape") == 0)
        return run_tape(&cases[atoi(argv[2]) % CASES]);
    if (argc != 2 || !realpath(argv[1], library)) {
        fprintf(stderr, "usage: check_steady COUNT_ALLOCATIONS.so\n");
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!check_counters(library)) {
        check_skipped++;
        return check_finish("check_steady");
    }
    int cpus = wn_threads_default();
    for (int i = 0; i < CASES; i++)
        if (cases[i].threads <= cpus) {
            check_case(i, library);
        } else {
            printf("%s with %d threads: left out, this process may use %d CPUs\n", cases[i].name,
                   cases[i].threads, cpus);
            check_skipped++;
        }
    return check_finish("check_steady");
}
