/* The price list: that ways are timed and compared as they say, that the naive step computes what the
 * executor computes, and what of it no machine at hand could run. */
#include "bypass.h"
#include "bypass_threads.h"
#include "check.h"
#include "naive_team.h"
#include "nets.h"
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Ways whose duration is known: each run says what it took. */
static int runs[2], order[64], order_count;

static double run_known(int way, double seconds, long events) {
    runs[way]++;
    if (order_count < 64)
        order[order_count++] = way;
    return seconds * (double)events;
}

static double run_slow(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_known(0, runs[0] % 2 ? 4e-6 : 2e-6, events);
}

static double run_fast(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run_known(1, 1e-6, events);
}

static wn_status refuse(const wn_bypass *bypass, void **state) {
    (void)bypass, (void)state;
    return wn_error(WN_ERROR_UNSUPPORTED, "because of the weather");
}

static void check_turns(void) {
    const wn_bypass_item item = {.name = "x",
                                 .event = "y",
                                 .events = 10,
                                 .ways = {{.name = "refused", .open = refuse, .run = run_fast},
                                          {.name = "slow", .kernel = true, .run = run_slow},
                                          {.name = "fast", .run = run_fast}}};
    wn_bypass bypass = {.rounds = 20};
    wn_bypass_result results[WN_BYPASS_WAYS];
    wn_status status = wn_bypass_measure(&bypass, &item, results);
    CHECK(!wn_failed(status), "%s", status.message);
    CHECK(results[0].rounds == 0 && strcmp(results[0].refusal, "because of the weather") == 0,
          "%d rounds, \"%s\"", results[0].rounds, results[0].refusal);
    CHECK(runs[0] == 21 && runs[1] == 21, "%d and %d runs, expected 20 and one that warms up", runs[0],
          runs[1]);
    CHECK(results[1].events == 10 && results[1].rounds == 20, "%ld events, %d rounds", results[1].events,
          results[1].rounds);
    CHECK(fabs(results[1].min - 2e-6) < 1e-12 && fabs(results[1].median - 3e-6) < 1e-12,
          "least %g, median %g, expected 2e-6 and 3e-6", results[1].min, results[1].median);
    CHECK(results[1].ratio == 1 && results[1].ratio_low == 1 && results[1].ratio_high == 1,
          "the first way is %g times as fast as itself", results[1].ratio);
    CHECK(fabs(results[2].ratio - 3) < 1e-9 && fabs(results[2].ratio_low - 2) < 1e-9 &&
              fabs(results[2].ratio_high - 4) < 1e-9,
          "ratio %g from %g to %g, expected 3 from 2 to 4", results[2].ratio, results[2].ratio_low,
          results[2].ratio_high);
    for (int i = 2; i < order_count; i += 2)
        CHECK(order[i] != order[i + 1], "way %d ran twice in a round", order[i]);
}

enum { TURN_WAYS = 4, TURN_ROUNDS = 240 };

/* Which way followed which, and the turn before this one: the state of a way is its number. */
static int follows[TURN_WAYS][TURN_WAYS], began[TURN_WAYS], turns, turn_before;

static int turn_numbers[TURN_WAYS] = {0, 1, 2, 3}, turns_opened;

static wn_status open_turn(const wn_bypass *bypass, void **state) {
    (void)bypass;
    *state = &turn_numbers[turns_opened++];
    return wn_ok();
}

static double run_turn(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    int way = *(int *)state;
    if (turns >= TURN_WAYS && turns % TURN_WAYS == 0) /* the first of each way warms it up */
        began[way]++;
    else if (turns > TURN_WAYS)
        follows[turn_before][way]++;
    turn_before = way;
    turns++;
    return 1e-6 * (double)events;
}

/* Within rounds every way follows every other one about equally often, and each begins about as many. */
static void check_order(void) {
    wn_bypass_item item = {.name = "x", .event = "y", .events = 1};
    for (int w = 0; w < TURN_WAYS; w++)
        item.ways[w] = (wn_bypass_way){.name = "way", .open = open_turn, .run = run_turn};
    wn_bypass_result results[WN_BYPASS_WAYS];
    wn_status status = wn_bypass_measure(&(wn_bypass){.rounds = TURN_ROUNDS}, &item, results);
    CHECK(!wn_failed(status) && turns == TURN_WAYS * (TURN_ROUNDS + 1), "%d turns: %s", turns,
          status.message);
    const int even = TURN_ROUNDS / TURN_WAYS; /* of begun rounds, and of rounds in which b stands behind a */
    for (int a = 0; a < TURN_WAYS; a++) {
        CHECK(abs(began[a] - even) < even / 2, "way %d began %d of %d rounds", a, began[a], TURN_ROUNDS);
        for (int b = 0; b < TURN_WAYS; b++)
            CHECK(a == b || abs(follows[a][b] - even) < even / 2, "way %d followed way %d in %d of %d rounds",
                  b, a, follows[a][b], TURN_ROUNDS);
    }
}

/* umonitor is F3 0F AE /6, umwait F2 0F AE /6, both on registers (Intel's manual, volume 2). */
static void check_umwait(void) {
    const unsigned char *code = (const unsigned char *)(uintptr_t)wn_bypass_await_umwait;
    bool monitor = false, wait = false;
    for (int i = 0; i < 400 && !(monitor && wait); i++) {
        if (code[i + 1] != 0x0F && code[i + 2] != 0x0F) /* a REX prefix may stand between */
            continue;
        int at = code[i + 1] == 0x0F ? i + 1 : i + 2;
        if (code[at + 1] != 0xAE || (code[at + 2] & 0xF8) != 0xF0)
            continue;
        monitor |= code[i] == 0xF3;
        wait |= code[i] == 0xF2;
    }
    CHECK(monitor && wait, "umonitor found: %d, umwait found: %d", monitor, wait);
}

/* What a step on the same batch gives after other steps, some of them naive. */
static double loss_after(wn_pool *pool, wn_isa isa, int naive_steps) {
    enum { BATCH = 4, SIZE = 28, STEPS = 5 };
    wn_graph *graph = wn_graph_create();
    wn_model *model = NULL;
    wn_tape *tape = NULL;
    wn_bypass bypass = {.pool = pool, .isa = isa, .rounds = 1};
    void *state = NULL;
    double loss = (double)NAN;
    sched_getaffinity(0, sizeof bypass.allowed, &bypass.allowed);
    wn_net_find("mnist-cnn", NULL)
        ->build(graph, &(wn_net_options){.channels = 1, .height = SIZE, .width = SIZE, .classes = 10});
    wn_status status = wn_model_create(graph, &model);
    if (!wn_failed(status))
        status = wn_tape_compile(
            model, &(wn_tape_options){.batch = BATCH, .training = true, .isa = isa, .pool = pool}, &tape);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        goto done;
    wn_model_initialise(model, WN_INIT_XAVIER_UNIFORM, 1);
    for (int i = 0; i < BATCH * SIZE * SIZE; i++)
        wn_tape_input(tape)[i] = (float)(i % 251) / 251;
    for (int i = 0; i < BATCH; i++)
        wn_tape_labels(tape)[i] = i;
    wn_bypass_count_step(&bypass.step, "mnist-cnn", SIZE, BATCH, 1, tape);
    CHECK(bypass.step.batch_bytes == BATCH * SIZE * SIZE * 4.0 && bypass.step.barriers >= bypass.step.steps,
          "%g bytes of a batch, %d barriers in %d steps", bypass.step.batch_bytes, bypass.step.barriers,
          bypass.step.steps);
    for (int i = 0; i < STEPS - naive_steps; i++)
        wn_tape_run(tape);
    const wn_bypass_way *way = &wn_bypass_whole_step.ways[0];
    status = way->open(&bypass, &state);
    if (CHECK(!wn_failed(status), "%s", status.message)) {
        way->run(&bypass, state, naive_steps);
        way->close(state);
    }
    wn_tape_run(tape);
    loss = wn_tape_loss(tape);
done:
    wn_tape_destroy(tape);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
    return loss;
}

/* The naive step takes small pages, and leaves the process's setting as it was. */
static void check_huge_pages_setting(wn_pool *pool, wn_isa isa) {
    const int before = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
    for (int disabled = 0; before >= 0 && disabled < 2; disabled++) {
        prctl(PR_SET_THP_DISABLE, disabled, 0, 0, 0);
        loss_after(pool, isa, 1);
        const int after = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
        CHECK(after == disabled, "huge pages disabled: %d before, %d after", disabled, after);
    }
    prctl(PR_SET_THP_DISABLE, before > 0, 0, 0, 0);
}

/* In place of the C library's: with old_kernel that of a kernel before 5.14. */
static bool old_kernel;

int madvise(void *address, size_t bytes, int advice) {
    if (old_kernel && advice == MADV_POPULATE_WRITE) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, address, bytes, advice);
}

/* What the kernel cannot populate is not reported as populated. */
static void check_populating(void) {
    const wn_bypass bypass = {.rounds = 1};
    const wn_bypass_way *way = wn_bypass_touch.ways;
    void *state = NULL;
    while (!strstr(way->name, "populated"))
        way++;
    old_kernel = true;
    wn_status status = way->open ? way->open(&bypass, &state) : wn_ok();
    CHECK(status.code == WN_ERROR_UNSUPPORTED && strstr(status.message, "5.14"), "%s: code %d, \"%s\"",
          way->name, status.code, status.message);
    old_kernel = false;
}

static void check_naive_step(void) {
    wn_pool *pool;
    wn_isa isa;
    wn_status status = wn_isa_select(NULL, &isa);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_pool_create(2, &pool);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    double ours = loss_after(pool, isa, 0), mixed = loss_after(pool, isa, 3);
    CHECK(isfinite(ours) && ours == mixed,
          "loss %.17g after five steps of the executor, %.17g with three naive", ours, mixed);
    check_huge_pages_setting(pool, isa);
    wn_pool_destroy(pool);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void check_refused_team(void) {
    check_skipped++; /* the sanitizers need all the address space there is */
}
#else
static int count_threads(void) {
    char name[32];
    int count = 0;
    FILE *file = fopen("/proc/self/status", "re");
    for (char line[128]; file && fgets(line, sizeof line, file);)
        if (sscanf(line, "%31[^:]: %d", name, &count) == 2 && strcmp(name, "Threads") == 0)
            break;
    if (file)
        fclose(file);
    return count;
}

/* A team whose last thread the system refuses, for want of address space for its stack, leaves none behind.
 */
static void check_refused_team(void) {
    enum { THREADS = 64 };
    int before = count_threads();
    long pages = 0;
    cpu_set_t allowed;
    wn_naive_team *team;
    struct rlimit all, few;
    sched_getaffinity(0, sizeof allowed, &allowed);
    FILE *file = fopen("/proc/self/statm", "re");
    CHECK(file && fscanf(file, "%ld", &pages) == 1, "no /proc/self/statm");
    if (file)
        fclose(file);
    getrlimit(RLIMIT_AS, &all);
    few =
        (struct rlimit){(rlim_t)pages * 4096 + (200 << 20), all.rlim_max}; /* some of the stacks, of 8 MiB */
    setrlimit(RLIMIT_AS, &few);
    wn_status status = wn_naive_team_create(THREADS, &allowed, WN_NAIVE_ANYWHERE, &team);
    setrlimit(RLIMIT_AS, &all);
    CHECK(status.code == WN_ERROR_UNSUPPORTED && !team && strstr(status.message, "of 64"), "code %d: %s",
          status.code, status.message);
    CHECK(count_threads() == before, "%d threads are left, expected %d", count_threads(), before);
}
#endif

int main(void) {
    check_turns();
    check_order();
    check_refused_team();
    check_umwait();
    check_naive_step();
    check_populating();
    return check_finish("check_bypass");
}
