/* Status codes with messages: how every fallible function of winnow reports.
 * A status is plain data returned by value; it owns nothing and is safe to copy between threads. */
#ifndef WINNOW_STATUS_H
#define WINNOW_STATUS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum wn_code {
    WN_OK = 0,
    WN_ERROR_USAGE,       /* unknown name, flag or value on a command line: the program exits with 2 */
    WN_ERROR_INVALID,     /* an argument that cannot be: sizes, shapes, handles */
    WN_ERROR_UNSUPPORTED, /* valid, but nothing here can do it (an ISA the CPU lacks, a missing library) */
    WN_ERROR_FORMAT,      /* a file or string that is not what it claims to be */
    WN_ERROR_IO,          /* the system refused: missing file, full disk, permission */
    WN_ERROR_MEMORY,      /* memory that cannot be had, or a size over its cap */
    WN_ERROR_INTERRUPTED, /* stopped by a signal, cleanly */
    WN_ERROR_LIMIT, /* done, but a figure is beyond the limit that was asked for: the program exits with 3 */
} wn_code;

typedef struct wn_status {
    wn_code code;
    char message[508]; /* one line without newline: what was found, where, what was expected; empty when OK */
} wn_status;

/* The successful status. */
wn_status wn_ok(void);

/* A failed status with a printf-style message; longer messages are cut. */
wn_status wn_error(wn_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool wn_failed(wn_status status) {
    return status.code != WN_OK;
}

/* Leaves the enclosing function with the status of `call` when it failed. For functions without clean-up. */
#define WN_TRY(call)                                                                                         \
    do {                                                                                                     \
        wn_status wn_try_status_ = (call);                                                                   \
        if (wn_try_status_.code != WN_OK)                                                                    \
            return wn_try_status_;                                                                           \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
