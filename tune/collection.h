/* Databases as files of lines, for those who look at them, carry them elsewhere and put them together. Lines
 * of any machine and version are kept as they are. */
#ifndef WN_COLLECTION_H
#define WN_COLLECTION_H

#include "record.h"

/* A sound line that this build can read. */
typedef struct wn_collected {
    char *line; /* with its newline */
    wn_record record;
} wn_collected;

typedef struct wn_collection {
    wn_collected *items;
    int count, room;
    char **unknown; /* sound lines of other builds, with their newlines, each text once */
    int unknown_count, unknown_room;
    int damaged, duplicates; /* lines left out */
} wn_collection;

/* Adds the sound lines of a file; an empty one has none. Of several with the same key (machine, problem, ISA,
 * threads, versions) the last counts, unless it has less effort behind it. Errors: IO, FORMAT for a file
 * without any record that is no database, MEMORY. */
wn_status wn_collection_read(wn_collection *collection, const char *path);
void wn_collection_free(wn_collection *collection);

/* The item with the same key, or NULL. */
const wn_collected *wn_collection_find(const wn_collection *collection, const wn_record *record);

/* Keeps others from appending to a database until it is unlocked, for reading it and writing another in its
 * place; those who wait then append to the new one. Creates an empty one, with its folders, where there is
 * none, so that of two who write the first one waits for the other. Errors: IO; *fd is -1 then. */
wn_status wn_collection_lock(const char *path, int *fd);
/* Where nothing was written in place of an empty file, that goes, too. -1: not locked. */
void wn_collection_unlock(const char *path, int fd);

/* Writes a database with these lines, unknown ones last, in place of whatever the path had: a new file, made
 * durable, then renamed. Errors: IO; the path is then as it was. */
wn_status wn_collection_write(const wn_collection *collection, const char *path);

#endif
