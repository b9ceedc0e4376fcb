/* "-" as the name of an output file: standard output, with nothing else on it. */
#ifndef WN_OUTPUT_H
#define WN_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

bool wn_output_is_standard(const char *path);

/* Standard output as a file of the caller's, to be closed by it. What the program prints on stdout, before
 * included as far as it is still buffered, goes to standard error from now on, so that the file holds what is
 * written to it and nothing else. NULL with errno set when that cannot be had. Not thread-safe. */
FILE *wn_output_take_standard(void);

#endif
