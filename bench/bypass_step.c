/* The price of a whole training step: the executor, and the same kernels run as a program would that lets the
 * system do everything. The naive way takes memory for every tensor when it is first written and gives it
 * back after its last use, in pages of 4 KiB, and meets in futexes on threads that may run anywhere. */
#include "bypass.h"
#include "clock.h"
#include "naive_team.h"
#include "tape_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

typedef struct naive {
    wn_tape *tape; /* of the executor; its addresses are put back after each run */
    wn_naive_team *team;
} naive;

static wn_status refuse_external(const wn_tape *tape) {
    for (int s = 0; s < tape->step_count; s++)
        if (tape->steps[s].external)
            return wn_error(WN_ERROR_UNSUPPORTED,
                            "%s brings its own threads; use a database without such picks",
                            tape->steps[s].kernel);
    return wn_ok();
}

static wn_status open_naive(const wn_bypass *bypass, void **state) {
    WN_TRY(refuse_external(bypass->step.tape));
    naive *n = calloc(1, sizeof *n);
    if (!n)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    n->tape = bypass->step.tape;
    wn_status status =
        wn_naive_team_create(wn_pool_threads(bypass->pool), &bypass->allowed, WN_NAIVE_ANYWHERE, &n->team);
    *state = n;
    if (wn_failed(status))
        free(n);
    return status;
}

static void close_naive(void *state) {
    naive *n = state;
    wn_naive_team_destroy(n->team);
    free(n);
}

static bool passing(const wn_buffer *buffer) {
    return buffer->planned && !buffer->lasting;
}

/* A tensor's own memory, aligned as the kernels want it. A process that is out of memory here has nothing to
 * compare any more. */
static void *take(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes ? bytes : 1) != 0)
        abort();
    return memory;
}

static void take_buffers(wn_tape *tape, int s) {
    for (int b = 0; b < tape->buffer_count; b++)
        if (passing(&tape->buffers[b]) && tape->buffers[b].first == s)
            tape->buffers[b].address = take(tape->buffers[b].bytes);
    wn_tape_resolve_step(tape, &tape->steps[s], 0, tape->buffer_count - 1);
}

static void give_buffers(wn_tape *tape, int s) {
    for (int b = 0; b < tape->buffer_count; b++)
        if (passing(&tape->buffers[b]) && tape->buffers[b].last == s)
            free(tape->buffers[b].address);
}

static void walk(void *context, int tid, int nthreads) {
    naive *n = context;
    for (int s = 0; s < n->tape->step_count; s++) {
        wn_step *step = &n->tape->steps[s];
        if (tid == 0)
            take_buffers(n->tape, s);
        wn_naive_team_barrier(n->team);
        for (int phase = 0; phase < step->phases; phase++) {
            step->run(step, phase, tid, nthreads);
            wn_naive_team_barrier(n->team);
        }
        if (tid == 0)
            give_buffers(n->tape, s);
    }
}

static double run_naive(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    naive *n = state;
    const int disabled = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0); /* by who started the program, perhaps */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        wn_tape_begin_step(n->tape);
        wn_naive_team_run(n->team, walk, n);
    }
    double seconds = wn_seconds() - begin;
    prctl(PR_SET_THP_DISABLE, disabled > 0, 0, 0, 0);
    wn_tape_resolve(n->tape); /* back to the arena */
    return seconds;
}

static double run_executor(const wn_bypass *bypass, void *state, long events) {
    (void)state;
    double begin = wn_seconds();
    for (long i = 0; i < events; i++)
        wn_tape_run(bypass->step.tape);
    return wn_seconds() - begin;
}

void wn_bypass_count_step(wn_bypass_step *step, const char *net, int size, int batch, int channels,
                          wn_tape *tape) {
    *step = (wn_bypass_step){.net = net,
                             .size = size,
                             .batch = batch,
                             .tape = tape,
                             .seconds = (double)NAN,
                             .steps = tape->step_count,
                             .buffer_bytes = (double)wn_tape_naive_bytes(tape),
                             .batch_bytes = (double)sizeof(float) * batch * channels * size * size};
    for (int s = 0; s < tape->step_count; s++) {
        step->barriers += tape->steps[s].phases;
        step->moved_bytes += tape->steps[s].bytes;
        step->flops += tape->steps[s].flops;
    }
    for (int b = 0; b < tape->buffer_count; b++)
        step->buffers += tape->buffers[b].planned;
}

static double count_one(const wn_bypass_step *step) {
    (void)step;
    return 1;
}

const wn_bypass_item wn_bypass_whole_step = {.name = "the whole training step",
                                             .event = "step",
                                             .per_step_rule = "one",
                                             .per_step = count_one,
                                             .events = 2,
                                             .threads = true,
                                             .ways = {{.name = "malloc, 4 KiB, futexes, unpinned",
                                                       .kernel = true,
                                                       .open = open_naive,
                                                       .run = run_naive,
                                                       .close = close_naive},
                                                      {.name = "the executor", .run = run_executor}}};
