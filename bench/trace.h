/* A timeline in the JSON trace event format ("Trace Event Format", Google), which chrome://tracing and
 * Perfetto (ui.perfetto.dev) read: complete events, nested by their times, one track per thread. */
#ifndef WN_TRACE_H
#define WN_TRACE_H

#include "draft.h"
#include <stdint.h>

/* A file being written; zeroed memory is fine to close. */
typedef struct wn_trace {
    wn_draft draft;
    int processes;
    bool any; /* an event was written */
} wn_trace;

/* Creates the file; path must live until the close. Errors: IO with the path; USAGE for one that is too long.
 */
wn_status wn_trace_open(const char *path, wn_trace *trace);

/* Begins a process of so many threads: what follows belongs to it, with times of its own. */
void wn_trace_process(wn_trace *trace, const char *name, int threads);

/* One event of a thread, from begin to end in nanoseconds; spans of a thread lie apart or inside each other,
 * the outer one first. detail (may be NULL) is shown with it, and GFLOP/s where flops is above 0. */
typedef struct wn_trace_span {
    const char *name, *category, *detail;
    int thread;
    int64_t begin, end;
    double flops;
} wn_trace_span;
void wn_trace_add(wn_trace *trace, const wn_trace_span *span);

/* Ends the file and moves it to its place when `keep`, else removes it. Errors: IO. */
wn_status wn_trace_close(wn_trace *trace, bool keep);

#endif
