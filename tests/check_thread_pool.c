/* The pool: every thread runs every task once, barriers hold, sleeping and waking, floating-point modes and
 * affinities inside and after. */
#include "check.h"
#include "clock.h"
#include "pool.h"
#include <immintrin.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 8, MXCSR_FTZ_DAZ = 0x8040, MXCSR_ROUND_UP = 0x4000 };

static wn_pool *create(int threads) {
    wn_pool *pool;
    wn_status status = wn_pool_create(threads, &pool);
    if (!CHECK(!wn_failed(status), "%d threads: %s", threads, status.message))
        exit(1);
    return pool;
}

/* As main found it, so that a pool that forgets to restore it cannot hide behind the next one. */
static cpu_set_t process_affinity;

static int cpus(void) {
    return CPU_COUNT(&process_affinity);
}

static void sleep_milliseconds(long milliseconds) {
    struct timespec time = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static void spin_nanoseconds(int64_t nanoseconds) {
    int64_t start = wn_nanoseconds();
    while (wn_nanoseconds() - start < nanoseconds)
        _mm_pause();
}

/* What the tasks write: plain memory, so that ThreadSanitizer sees whether the pool orders it. */
typedef struct notes {
    wn_pool *pool;
    long runs[MOST];
    int nthreads[MOST];
    unsigned mxcsr[MOST];
    cpu_set_t affinity[MOST];
    long rounds;
    long values[MOST];
    long mistakes[MOST];
    int work_calls;
    cpu_set_t work_affinity;
    double work_cpu_seconds;
} notes;

static void count_runs(void *context, int tid, int nthreads) {
    notes *n = context;
    n->runs[tid]++;
    n->nthreads[tid] = nthreads;
}

static void check_runs(int threads) {
    notes n = {.pool = create(threads)};
    CHECK(wn_pool_threads(n.pool) == threads, "%d, expected %d", wn_pool_threads(n.pool), threads);
    const int runs = 200;
    for (int run = 0; run < runs; run++)
        wn_pool_run(n.pool, count_runs, &n);
    for (int tid = 0; tid < threads; tid++)
        CHECK(n.runs[tid] == runs && n.nthreads[tid] == threads,
              "thread %d of %d ran %ld times of %d (nthreads %d)", tid, threads, n.runs[tid], runs,
              n.nthreads[tid]);
    wn_pool_destroy(n.pool);
}

/* Between two barriers every thread reads what every other wrote before the first. */
static void barrier_task(void *context, int tid, int nthreads) {
    notes *n = context;
    for (long round = 1; round <= n->rounds; round++) {
        n->values[tid] = round * 100 + tid;
        wn_pool_barrier(n->pool, tid);
        for (int other = 0; other < nthreads; other++)
            n->mistakes[tid] += n->values[other] != round * 100 + other;
        wn_pool_barrier(n->pool, tid);
    }
}

static void check_barrier(int threads) {
    notes n = {.pool = create(threads),
               .rounds = (threads <= cpus() ? 20000 : 500) * (check_full() ? 20 : 1)};
    for (int run = 0; run < 3; run++) {
        wn_pool_run(n.pool, barrier_task, &n);
        for (int tid = 0; tid < threads; tid++)
            CHECK(n.mistakes[tid] == 0 && n.values[tid] == n.rounds * 100 + tid,
                  "thread %d of %d saw %ld wrong values and ended at %ld", tid, threads, n.mistakes[tid],
                  n.values[tid]);
    }
    wn_pool_destroy(n.pool);
}

static void read_modes(void *context, int tid, int nthreads) {
    (void)nthreads;
    notes *n = context;
    n->mxcsr[tid] = _mm_getcsr();
    volatile float tiny = 1e-38f;
    n->values[tid] = tiny * 0.01f != 0; /* a denormal unless flushed */
}

static void check_modes(int threads) {
    const unsigned before = 0x1f80; /* as a process starts */
    _mm_setcsr(before);
    notes n = {.pool = create(threads)};
    CHECK(_mm_getcsr() == before, "creating a pool changed MXCSR from %x to %x", before, _mm_getcsr());
    _mm_setcsr(before | MXCSR_ROUND_UP);
    wn_pool_run(n.pool, read_modes, &n);
    CHECK(_mm_getcsr() == (before | MXCSR_ROUND_UP), "MXCSR is %x after a task, was %x", _mm_getcsr(),
          before | MXCSR_ROUND_UP);
    _mm_setcsr(before);
    for (int tid = 0; tid < threads; tid++) {
        CHECK((n.mxcsr[tid] & MXCSR_FTZ_DAZ) == MXCSR_FTZ_DAZ, "thread %d of %d: MXCSR %x lacks FTZ or DAZ",
              tid, threads, n.mxcsr[tid]);
        CHECK(n.values[tid] == 0, "thread %d of %d kept a denormal", tid, threads);
    }
    wn_pool_destroy(n.pool);
}

static void read_affinity(void *context, int tid, int nthreads) {
    (void)nthreads;
    notes *n = context;
    sched_getaffinity(0, sizeof n->affinity[tid], &n->affinity[tid]);
}

static void check_affinity(int threads) {
    const cpu_set_t before = process_affinity;
    cpu_set_t after, together;
    bool pinned = threads <= cpus();
    notes n = {.pool = create(threads)};
    wn_pool_run(n.pool, read_affinity, &n);
    wn_pool_destroy(n.pool);
    sched_getaffinity(0, sizeof after, &after);
    CHECK(CPU_EQUAL(&before, &after), "%d threads: %d CPUs before, %d after", threads, CPU_COUNT(&before),
          CPU_COUNT(&after));
    CPU_ZERO(&together);
    for (int tid = 0; tid < threads; tid++) {
        int count = CPU_COUNT(&n.affinity[tid]), expected = pinned ? 1 : CPU_COUNT(&before);
        CHECK(count == expected, "thread %d of %d may use %d CPUs, expected %d", tid, threads, count,
              expected);
        CPU_OR(&together, &together, &n.affinity[tid]);
    }
    if (pinned)
        CHECK(CPU_COUNT(&together) == threads, "%d threads share %d CPUs", threads, CPU_COUNT(&together));
}

static double process_cpu_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Does nothing for 100 ms: whatever CPU time passes is the other threads'. */
static void idle_work(void *context) {
    notes *n = context;
    n->work_calls++;
    sched_getaffinity(0, sizeof n->work_affinity, &n->work_affinity);
    for (int tid = 0; tid < wn_pool_threads(n->pool); tid++)
        n->mistakes[0] += n->values[tid] != tid + 1;
    double before = process_cpu_seconds();
    sleep_milliseconds(100);
    n->work_cpu_seconds = process_cpu_seconds() - before;
    n->rounds = 42;
}

static void external_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    notes *n = context;
    n->values[tid] = tid + 1;
    wn_pool_external(n->pool, tid, idle_work, n);
    n->mistakes[tid] += n->rounds != 42;
    wn_pool_barrier(n->pool, tid);
}

static void check_external(int threads) {
    const cpu_set_t before = process_affinity;
    notes n = {.pool = create(threads)};
    for (int run = 1; run <= 2; run++) {
        n.rounds = 0;
        wn_pool_run(n.pool, external_task, &n);
        CHECK(n.work_calls == run, "%d calls after %d runs", n.work_calls, run);
        CHECK(CPU_EQUAL(&before, &n.work_affinity), "%d threads: the work may use %d CPUs, expected %d",
              threads, CPU_COUNT(&n.work_affinity), CPU_COUNT(&before));
        CHECK(n.work_cpu_seconds < 0.05, "%d threads: %.3f s of CPU while the others should sleep", threads,
              n.work_cpu_seconds);
        for (int tid = 0; tid < threads; tid++)
            CHECK(n.mistakes[tid] == 0, "thread %d of %d was not ordered with the work", tid, threads);
    }
    wn_pool_destroy(n.pool);
}

/* Idle threads stop using the CPU, and wake for the next task. */
static void check_sleep(int threads) {
    notes n = {.pool = create(threads)};
    for (int run = 1; run <= 3; run++) {
        wn_pool_run(n.pool, count_runs, &n);
        sleep_milliseconds(20 * run);
        double before = process_cpu_seconds();
        sleep_milliseconds(100);
        double used = process_cpu_seconds() - before;
        CHECK(used < 0.05, "%d idle threads used %.3f s of CPU in 0.1 s", threads, used);
    }
    for (int tid = 0; tid < threads; tid++)
        CHECK(n.runs[tid] == 3, "thread %d of %d ran %ld times of 3", tid, threads, n.runs[tid]);
    wn_pool_destroy(n.pool);
}

/* Pauses around the time after which threads fall asleep: the moment in which a wake-up could be lost. */
static void check_wake_race(int threads) {
    notes n = {.pool = create(threads)};
    const int runs = check_full() ? 2000 : 100;
    for (int run = 0; run < runs; run++) {
        wn_pool_run(n.pool, count_runs, &n);
        spin_nanoseconds(1900000 + run % 20 * 10000);
    }
    for (int tid = 0; tid < threads; tid++)
        CHECK(n.runs[tid] == runs, "thread %d of %d ran %ld times of %d", tid, threads, n.runs[tid], runs);
    wn_pool_destroy(n.pool);
}

static void read_switches(void *context, int tid, int nthreads) {
    (void)nthreads;
    notes *n = context;
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    n->values[tid] = usage.ru_nvcsw;
}

/* How often the threads that are not the caller have gone to sleep so far. */
static long count_sleeps(notes *n) {
    long sleeps = 0;
    wn_pool_run(n->pool, read_switches, n);
    for (int tid = 1; tid < wn_pool_threads(n->pool); tid++)
        sleeps += n->values[tid];
    return sleeps;
}

/* Nobody sleeps in pauses as short as those of a busy stretch: only where the system took a CPU away for
 * about as long as idle threads spin. A pool that sleeps between tasks would do it every time. */
static void check_busy_stretch(int threads) {
    if (threads > cpus()) {
        check_skipped++;
        return;
    }
    notes n = {.pool = create(threads)};
    const int runs = 1000;
    long disturbed = 2; /* the moments before and after the loop */
    long sleeps = -count_sleeps(&n);
    for (int run = 0; run < runs; run++) {
        int64_t start = wn_nanoseconds();
        wn_pool_run(n.pool, count_runs, &n);
        spin_nanoseconds(50000);
        disturbed += wn_nanoseconds() - start > 1500000;
    }
    sleeps += count_sleeps(&n);
    CHECK(sleeps <= disturbed * (threads - 1),
          "%d threads slept %ld times in %d tasks, %ld of them disturbed", threads, sleeps, runs, disturbed);
    wn_pool_destroy(n.pool);
}

static void check_bad_sizes(void) {
    const int bad[] = {0, -1, 1025, INT32_MIN};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wn_pool *pool = (wn_pool *)&pool;
        wn_status status = wn_pool_create(bad[i], &pool);
        CHECK(status.code == WN_ERROR_INVALID && !pool, "%d threads: code %d", bad[i], status.code);
        char digits[16];
        snprintf(digits, sizeof digits, "%d", bad[i]);
        CHECK(strstr(status.message, digits), "\"%s\" does not name %s", status.message, digits);
    }
    wn_pool_destroy(NULL);
}

/* Sanitizers map too much themselves for a limit on what may be mapped. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static void check_refused_thread(void) {
    check_skipped++;
}
#else
/* In a process that may not map more stacks. */
static int fail_to_create(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld", &pages) != 1)
        return 1;
    fclose(file);
    struct rlimit limit, small;
    getrlimit(RLIMIT_AS, &limit);
    small = limit;
    small.rlim_cur = (rlim_t)(pages * sysconf(_SC_PAGESIZE)) + (256 << 20);
    setrlimit(RLIMIT_AS, &small);
    wn_pool *pool;
    wn_status status = wn_pool_create(1000, &pool);
    CHECK(status.code == WN_ERROR_IO && !pool, "code %d, expected IO: %s", status.code, status.message);
    setrlimit(RLIMIT_AS, &limit);
    check_runs(2);
    return check_failed;
}

static void check_refused_thread(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(fail_to_create() ? 1 : 0);
    int state = -1;
    waitpid(child, &state, 0);
    CHECK(WIFEXITED(state) && WEXITSTATUS(state) == 0, "the child process ended with %x", (unsigned)state);
}
#endif

int main(void) {
    sched_getaffinity(0, sizeof process_affinity, &process_affinity);
    check_bad_sizes();
    check_refused_thread();
    for (int threads = 1; threads <= 5; threads++) {
        check_runs(threads);
        check_barrier(threads);
        check_modes(threads);
        check_affinity(threads);
        check_external(threads);
        check_sleep(threads);
        check_wake_race(threads);
        check_busy_stretch(threads);
    }
    return check_finish("check_thread_pool");
}
