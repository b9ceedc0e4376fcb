/* Fetching published data sets: by curl, checked by their MD5 sums, gone on with where a connection broke. */
#ifndef WN_FETCH_H
#define WN_FETCH_H

#include <stdio.h>
#include <winnow/status.h>

typedef struct wn_fetch_file {
    const char *name, *md5; /* name NULL: none */
} wn_fetch_file;

/* One data set. */
typedef struct wn_fetch_set {
    const char *name;
    const char *address;    /* of the folder its files lie in, with '/' at the end */
    wn_fetch_file files[8]; /* as they are kept; the one behind the last has no name */
    wn_fetch_file archive;  /* .tar.gz with a folder in it that holds the files; name NULL: each is fetched by
                               itself */
} wn_fetch_set;

/* The set of that name. Errors: USAGE, with the known ones. */
wn_status wn_fetch_find(const char *name, const wn_fetch_set **set);

/* Makes the folder and brings the set's files there; `address` in place of the set's own when it is not NULL.
 * What is there with the right sum is kept. A file has its name when it is whole and its sum is right; until
 * then it is called FILE.part, which the next call goes on with. One line per file on `log` (NULL: none).
 * Errors: IO (the system's and curl's), FORMAT (a wrong sum: FILE.part is removed, a file that is there is
 * not), UNSUPPORTED (no curl, md5sum or tar), MEMORY. */
wn_status wn_fetch(const wn_fetch_set *set, const char *address, const char *folder, FILE *log);

#endif
