/* The wait that no machine at hand could run, for the check that looks at its encoding. */
#ifndef WN_BYPASS_THREADS_H
#define WN_BYPASS_THREADS_H

#include <stdatomic.h>

/* Waits until the word holds the value, with umonitor and umwait. Only on CPUs that have WAITPKG. */
void wn_bypass_await_umwait(atomic_uint *word, unsigned value);

#endif
