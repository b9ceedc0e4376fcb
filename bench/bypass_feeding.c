/* Prices of a batch: bytes of a file that lies in the page cache, brought to where a step can read them, and
 * read there once. */
#include "arena.h"
#include "bypass.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef WN_HAVE_LIBURING
#include <liburing.h>
#endif

enum { BATCHES = 8, LINE = 64 };

typedef struct feed {
    int fd;
    size_t batch_bytes; /* whole pages */
    wn_arena buffer;    /* one batch; with a resident file all of them */
    int next;
#ifdef WN_HAVE_LIBURING
    struct io_uring ring;
    bool has_ring;
#endif
} feed;

static volatile uint64_t sink;

static void consume(const char *bytes, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i += LINE)
        sum += (unsigned char)bytes[i];
    sink = sum;
}

static off_t next_batch(feed *f) {
    off_t at = (off_t)f->next * (off_t)f->batch_bytes;
    f->next = (f->next + 1) % BATCHES;
    return at;
}

/* A file that has no name any more, written through once so that its pages are cached. */
static wn_status make_file(const char *folder, size_t bytes, int *fd) {
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/winnow-bypass-XXXXXX", folder) >= sizeof path)
        return wn_error(WN_ERROR_UNSUPPORTED, "%.80s: too long a path", folder);
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0)
        return wn_error(WN_ERROR_UNSUPPORTED, "no scratch file in %.80s: %s", folder, strerror(errno));
    unlink(path);
    char block[1 << 16];
    memset(block, 0x5a, sizeof block);
    for (size_t done = 0; done < bytes;) {
        ssize_t wrote = write(*fd, block, bytes - done < sizeof block ? bytes - done : sizeof block);
        if (wrote <= 0) {
            int error = wrote < 0 ? errno : ENOSPC;
            close(*fd);
            return wn_error(WN_ERROR_UNSUPPORTED, "no scratch file in %.80s: %s", folder, strerror(error));
        }
        done += (size_t)wrote;
    }
    return wn_ok();
}

static void close_feed(void *state) {
    feed *f = state;
#ifdef WN_HAVE_LIBURING
    if (f->has_ring)
        io_uring_queue_exit(&f->ring);
#endif
    wn_arena_unmap(&f->buffer);
    close(f->fd);
    free(f);
}

static wn_status open_feed(const wn_bypass *bypass, int batches, void **state) {
    feed *f = calloc(1, sizeof *f);
    if (!f)
        return wn_error(WN_ERROR_MEMORY, "no memory");
    f->batch_bytes = ((size_t)bypass->step.batch_bytes / sizeof(float) + 4095) & ~(size_t)4095;
    wn_status status = make_file(bypass->folder, BATCHES * f->batch_bytes, &f->fd);
    if (wn_failed(status)) {
        free(f);
        return status;
    }
    status = wn_arena_map((size_t)batches * f->batch_bytes, &f->buffer);
    if (wn_failed(status))
        close_feed(f);
    else
        *state = f;
    return status;
}

static wn_status open_reading(const wn_bypass *bypass, void **state) {
    return open_feed(bypass, 1, state);
}

static double run_reading(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    feed *f = state;
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        (void)!pread(f->fd, f->buffer.base, f->batch_bytes, next_batch(f));
        consume(f->buffer.base, f->batch_bytes);
    }
    return wn_seconds() - begin;
}

/* A view of each batch, as a loader without memory of its own would take it. */
static double run_mapping(feed *f, long events, int flags) {
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        char *view = mmap(NULL, f->batch_bytes, PROT_READ, MAP_SHARED | flags, f->fd, next_batch(f));
        if (view == MAP_FAILED)
            continue;
        consume(view, f->batch_bytes);
        munmap(view, f->batch_bytes);
    }
    return wn_seconds() - begin;
}

static double run_mmap(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    return run_mapping(state, events, 0);
}

static double run_populate(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    return run_mapping(state, events, MAP_POPULATE);
}

static wn_status open_resident(const wn_bypass *bypass, void **state) {
    WN_TRY(open_feed(bypass, BATCHES, state));
    feed *f = *state;
    if (pread(f->fd, f->buffer.base, BATCHES * f->batch_bytes, 0) > 0)
        return wn_ok();
    close_feed(f);
    return wn_error(WN_ERROR_UNSUPPORTED, "the scratch file cannot be read");
}

static double run_resident(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    feed *f = state;
    double begin = wn_seconds();
    for (long i = 0; i < events; i++)
        consume((char *)f->buffer.base + next_batch(f), f->batch_bytes);
    return wn_seconds() - begin;
}

#ifdef WN_HAVE_LIBURING
/* A CPU for the polling thread, which would share the caller's otherwise. */
static unsigned other_cpu(const cpu_set_t *allowed) {
    int here = sched_getcpu();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (cpu != here && CPU_ISSET(cpu, allowed))
            return (unsigned)cpu;
    return 0;
}

static wn_status open_ring(const wn_bypass *bypass, unsigned flags, void **state) {
    WN_TRY(open_feed(bypass, 1, state));
    feed *f = *state;
    struct io_uring_params parameters = {
        .flags = flags, .sq_thread_idle = 50, .sq_thread_cpu = other_cpu(&bypass->allowed)};
    struct iovec whole = {f->buffer.base, f->batch_bytes};
    int error = io_uring_queue_init_params(4, &f->ring, &parameters);
    f->has_ring = error == 0;
    if (error == 0)
        error = io_uring_register_buffers(&f->ring, &whole, 1);
    if (error == 0)
        error = io_uring_register_files(&f->ring, &f->fd, 1);
    if (error == 0)
        return wn_ok();
    close_feed(f);
    return wn_error(WN_ERROR_UNSUPPORTED, "io_uring: %s%s", strerror(-error),
                    error == -ENOMEM  ? " (ulimit -l)"
                    : error == -EPERM ? " (kernel.io_uring_disabled)"
                                      : "");
}

static wn_status open_registered(const wn_bypass *bypass, void **state) {
    return open_ring(bypass, 0, state);
}

/* The kernel's thread polls the queue: submitting needs no system call, and taking the result none either.
 * It needs a CPU for itself. */
static wn_status open_polled(const wn_bypass *bypass, void **state) {
    if (CPU_COUNT(&bypass->allowed) < 2)
        return wn_error(WN_ERROR_UNSUPPORTED, "the kernel's polling thread needs a second CPU");
    return open_ring(bypass, IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF, state);
}

static double run_ring(feed *f, long events, bool polled) {
    double begin = wn_seconds();
    for (long i = 0; i < events; i++) {
        struct io_uring_sqe *entry = io_uring_get_sqe(&f->ring);
        if (!entry)
            continue;
        io_uring_prep_read_fixed(entry, 0, f->buffer.base, (unsigned)f->batch_bytes, (uint64_t)next_batch(f),
                                 0);
        entry->flags |= IOSQE_FIXED_FILE;
        io_uring_submit(&f->ring);
        struct io_uring_cqe *result = NULL;
        if (polled)
            while (io_uring_peek_cqe(&f->ring, &result) != 0)
                __builtin_ia32_pause();
        else
            io_uring_wait_cqe(&f->ring, &result);
        io_uring_cqe_seen(&f->ring, result);
        consume(f->buffer.base, f->batch_bytes);
    }
    return wn_seconds() - begin;
}

static double run_registered(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    return run_ring(state, events, false);
}

static double run_polled(const wn_bypass *bypass, void *state, long events) {
    (void)bypass;
    return run_ring(state, events, true);
}
#else
static wn_status open_registered(const wn_bypass *bypass, void **state) {
    (void)bypass, (void)state;
    return wn_error(WN_ERROR_UNSUPPORTED, "built without liburing (liburing-dev, meson option liburing)");
}

static double run_registered(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state, (void)events;
    return 0;
}

#define open_polled open_registered
#define run_polled run_registered
#endif

static double count_one(const wn_bypass_step *step) {
    (void)step;
    return 1;
}

const wn_bypass_item wn_bypass_feeding = {
    .name = "feeding a batch of bytes from a cached file",
    .event = "batch",
    .per_step_rule = "one",
    .per_step = count_one,
    .threads = true,
    .ways = {
        {.name = "read()", .kernel = true, .open = open_reading, .run = run_reading, .close = close_feed},
        {.name = "mmap of each batch",
         .kernel = true,
         .open = open_reading,
         .run = run_mmap,
         .close = close_feed},
        {.name = "mmap of each batch, populated",
         .kernel = true,
         .open = open_reading,
         .run = run_populate,
         .close = close_feed},
        {.name = "io_uring, registered buffer",
         .kernel = true,
         .open = open_registered,
         .run = run_registered,
         .close = close_feed},
        {.name = "io_uring, polled by the kernel",
         .open = open_polled,
         .run = run_polled,
         .close = close_feed},
        {.name = "all data in memory", .open = open_resident, .run = run_resident, .close = close_feed}}};
