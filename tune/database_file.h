/* The tuning database as a file. Where it lies is said in tune.h. */
#ifndef WN_TUNE_DATABASE_FILE_H
#define WN_TUNE_DATABASE_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include <winnow/status.h>

/* Opens a database for reading, when nobody is writing to it; the caller closes it. *file is NULL without an
 * error when there is none. Errors: IO, also for what is no regular file; FORMAT for one that is far too
 * large. */
wn_status wn_tune_db_open_shared(const char *path, FILE **file);

/* Opens a database for appending and locks it; creates it, with its folders, where it is missing. -1 with
 * errno. */
int wn_tune_db_open_locked(const char *path);

/* Appends a line, with the header before it in a new file, under the lock, and makes it durable. Errors: IO;
 * the file is then as it was before. */
wn_status wn_tune_db_append(const char *path, const char *line);

/* Makes a new file's name as durable as its contents; false with errno. */
bool wn_tune_db_sync_folder(const char *path);

#endif
