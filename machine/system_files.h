/* The small text files of /proc and /sys, below a root folder: "" for this machine, a folder for tests or for
 * a container that sees its host's files somewhere. */
#ifndef WN_SYSTEM_FILES_H
#define WN_SYSTEM_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* First line of root/path without its newline; false when it cannot be read or is empty. */
bool wn_system_line(const char *root, const char *path, char *line, size_t size);

/* The number that the file begins with; false when there is none. */
bool wn_system_number(const char *root, const char *path, long *number);

/* The chosen one of several words: "madvise" of "always [madvise] never". A line without brackets is its own
 * choice. */
bool wn_system_choice(const char *root, const char *path, char *choice, size_t size);

/* The value behind "key:" or "key\t:" in a file of such lines (/proc/cpuinfo, /proc/self/status), the first
 * one. */
bool wn_system_field(const char *root, const char *path, const char *key, char *value, size_t size);

/* How many numbers a list such as "0-3,8,10-11" names; 0 for an empty one, -1 when it is none. */
int wn_system_list_count(const char *list);
/* The same, and writes the first `room` of them to `numbers`. */
int wn_system_list(const char *list, int *numbers, int room);

#endif
