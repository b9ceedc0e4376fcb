/* A file that appears when it is whole: written beside its place, and moved there at the end, so that an
 * older one is kept until then. Devices, pipes and links are written right there, for a file must not replace
 * them. */
#ifndef WN_DRAFT_H
#define WN_DRAFT_H

#include <limits.h>
#include <stdio.h>
#include <winnow/status.h>

typedef struct wn_draft {
    FILE *file; /* to be written to; NULL: not open, as in zeroed memory */
    const char *path;
    char draft[PATH_MAX]; /* PATH.new, or the path itself */
} wn_draft;

/* Creates the file; path must live until the close. Errors: IO with the path; USAGE for one that is too long.
 */
wn_status wn_draft_open(const char *path, wn_draft *draft);

/* Whether such a file can be written, which is tried and leaves nothing; what would be written right there is
 * not opened. Errors: those of wn_draft_open. */
wn_status wn_draft_check(const char *path);

/* Closes the file and moves it to its place when `keep`, else removes it; what is not open is left as it is.
 * Errors: IO, where anything could not be written, and then no draft is left. */
wn_status wn_draft_close(wn_draft *draft, bool keep);

#endif
