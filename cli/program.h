/* How a program of ours begins and ends: standard files, one line for an error, the exit code. */
#ifndef WN_PROGRAM_H
#define WN_PROGRAM_H

#include <winnow/status.h>

/* Call it first in main: makes sure that descriptors 0 to 2 are taken. */
void wn_program_begin(void);

/* Reports a failure on standard error in one line, flushes standard output, and returns the exit code: 0
 * done, 2 wrong usage, 1 anything else, output that nobody got included. */
int wn_program_end(const char *program, wn_status status);

#endif
