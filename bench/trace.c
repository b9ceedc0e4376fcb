/* Writing trace events. Times are microseconds with three decimals, so that
 * nanoseconds stay whole and spans nest exactly. */
#include "trace.h"
#include "json.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

wn_status wn_trace_open(const char *path, wn_trace *trace) {
    struct stat found;
    *trace = (wn_trace){.path = path};
    bool move = lstat(path, &found) != 0 || S_ISREG(found.st_mode);
    if (snprintf(trace->draft, sizeof trace->draft, "%s%s", path, move ? ".new" : "") >= PATH_MAX)
        return wn_error(WN_ERROR_USAGE, "--trace: found more than %d characters", PATH_MAX);
    trace->file = fopen(trace->draft, "we");
    if (!trace->file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", trace->file);
    return wn_ok();
}

/* Begins an event of the present process. */
static void begin_event(wn_trace *trace, const char *kind, int thread, const char *name) {
    fprintf(trace->file, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"name\":", trace->any ? "," : "", kind,
            trace->processes, thread);
    wn_json_text(trace->file, name);
    trace->any = true;
}

/* A name for what viewers would show as a number. */
static void write_name(wn_trace *trace, const char *what, int thread, const char *name) {
    begin_event(trace, "M", thread, what);
    fputs(",\"args\":{\"name\":", trace->file);
    wn_json_text(trace->file, name);
    fputs("}}", trace->file);
}

void wn_trace_process(wn_trace *trace, const char *name, int threads) {
    char thread_name[32];
    trace->processes++;
    write_name(trace, "process_name", 0, name);
    for (int thread = 0; thread < threads; thread++) {
        snprintf(thread_name, sizeof thread_name, "thread %d", thread);
        write_name(trace, "thread_name", thread, thread_name);
    }
}

void wn_trace_add(wn_trace *trace, const wn_trace_span *span) {
    int64_t length = span->end - span->begin;
    if (length <= 0)
        return;
    begin_event(trace, "X", span->thread, span->name);
    fprintf(trace->file, ",\"cat\":\"%s\",\"ts\":%" PRId64 ".%03d,\"dur\":%" PRId64 ".%03d,\"args\":{",
            span->category, span->begin / 1000, (int)(span->begin % 1000), length / 1000,
            (int)(length % 1000));
    if (span->detail) {
        fputs("\"kernel\":", trace->file);
        wn_json_text(trace->file, span->detail);
    }
    if (span->flops > 0)
        fprintf(trace->file, "%s\"GFLOP/s\":%.1f", span->detail ? "," : "", span->flops / (double)length);
    fputs("}}", trace->file);
}

wn_status wn_trace_close(wn_trace *trace, bool keep) {
    if (!trace->file)
        return wn_ok();
    bool moved = strcmp(trace->draft, trace->path) != 0;
    errno = 0;
    fputs("\n]}\n", trace->file);
    bool bad = fflush(trace->file) != 0 || ferror(trace->file);
    bad |= fclose(trace->file) != 0;
    trace->file = NULL;
    if (keep && !bad)
        bad = moved && rename(trace->draft, trace->path) != 0;
    int error = errno;
    if (moved && (bad || !keep))
        unlink(trace->draft);
    return bad ? wn_error(WN_ERROR_IO, "%.200s: %s", trace->path, strerror(error ? error : EIO)) : wn_ok();
}
