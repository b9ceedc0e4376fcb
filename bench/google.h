/* Google Benchmark behind a C interface, so that everything but google.cc stays C. Its flags
 * (--benchmark_...), its console table and its JSON stay as its users and its compare.py know them, with two
 * exceptions: the name of the host and the folder of the program are left out, and the library's warning that
 * it was built for debugging (Debian's is) gives way to a line that says what that means here. Not
 * thread-safe. */
#ifndef WN_GOOGLE_H
#define WN_GOOGLE_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A benchmark while it runs. */
typedef struct wn_google_state wn_google_state;

/* The body of a benchmark: loops while wn_google_next, timing each iteration itself. Called several times,
 * with more iterations each time, and again for every repetition. */
typedef void wn_google_body(wn_google_state *state, void *context);

/* Reads and removes the flags of Google Benchmark from argv (argv[argc] is NULL, as in main). Repetitions are
 * in random order unless the flags say otherwise. Returns a --benchmark_ flag that the library does not know,
 * or that asks for a format it does not have, or NULL. */
const char *wn_google_start(int *argc, char **argv);

/* Facts about the run, for the head of the table and of the JSON. Strings are copied. */
void wn_google_context(const char *key, const char *value);

/* Names a counter that benchmarks may have. The columns of a CSV are those that were named; a run that lacks
 * one leaves it empty. */
void wn_google_declare(const char *name);

/* Adds a benchmark. The name is copied, the context must live until the end; real time is what the body says,
 * CPU time that of the whole process. */
void wn_google_add(const char *name, wn_google_body *body, void *context);

/* The file of --benchmark_out; NULL without one. */
const char *wn_google_out(void);

/* Runs the benchmarks that the flags select, or lists them; returns how many there were, -1 when some of the
 * results could not be written. */
int wn_google_run(void);

/* For bodies. next: whether another iteration is wanted. iteration: its wall seconds. counter: a figure
 * beside the times, one of those that were declared; one that is not finite is left out. label: text behind
 * the row. skip: ends the benchmark with a reason, without times; return after it. */
bool wn_google_next(wn_google_state *state);
void wn_google_iteration(wn_google_state *state, double seconds);
void wn_google_counter(wn_google_state *state, const char *name, double value);
void wn_google_label(wn_google_state *state, const char *text);
void wn_google_skip(wn_google_state *state, const char *reason);

#ifdef __cplusplus
}
#endif
#endif
