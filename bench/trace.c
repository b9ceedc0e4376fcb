/* Writing trace events. Times are microseconds with three decimals, so that
 * nanoseconds stay whole and spans nest exactly. */
#include "trace.h"
#include "json.h"
#include <inttypes.h>

wn_status wn_trace_open(const char *path, wn_trace *trace) {
    *trace = (wn_trace){.processes = 0};
    WN_TRY(wn_draft_open(path, &trace->draft));
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", trace->draft.file);
    return wn_ok();
}

/* Begins an event of the present process. */
static void begin_event(wn_trace *trace, const char *kind, int thread, const char *name) {
    fprintf(trace->draft.file, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"name\":", trace->any ? "," : "",
            kind, trace->processes, thread);
    wn_json_text(trace->draft.file, name);
    trace->any = true;
}

/* A name for what viewers would show as a number. */
static void write_name(wn_trace *trace, const char *what, int thread, const char *name) {
    begin_event(trace, "M", thread, what);
    fputs(",\"args\":{\"name\":", trace->draft.file);
    wn_json_text(trace->draft.file, name);
    fputs("}}", trace->draft.file);
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
    fprintf(trace->draft.file, ",\"cat\":\"%s\",\"ts\":%" PRId64 ".%03d,\"dur\":%" PRId64 ".%03d,\"args\":{",
            span->category, span->begin / 1000, (int)(span->begin % 1000), length / 1000,
            (int)(length % 1000));
    if (span->detail) {
        fputs("\"kernel\":", trace->draft.file);
        wn_json_text(trace->draft.file, span->detail);
    }
    if (span->flops > 0)
        fprintf(trace->draft.file, "%s\"GFLOP/s\":%.1f", span->detail ? "," : "",
                span->flops / (double)length);
    fputs("}}", trace->draft.file);
}

wn_status wn_trace_close(wn_trace *trace, bool keep) {
    if (trace->draft.file)
        fputs("\n]}\n", trace->draft.file);
    return wn_draft_close(&trace->draft, keep);
}
