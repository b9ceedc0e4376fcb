/* Problems from the log that a program with oneDNN writes under ONEDNN_VERBOSE=1. */
#ifndef WN_VERBOSE_LOG_H
#define WN_VERBOSE_LOG_H

#include "problem_list.h"

/* Appends the distinct convolutions that the log at `path` says were executed, each in its own direction and
 * named "log*N" after the number of times it ran; the list's --dir and --mb do not touch them. Lines of other
 * primitives and of other programs are passed over. Order of the fields as the log's own header line says,
 * else that of oneDNN 2.6. Errors: IO; FORMAT with file and line for a convolution that cannot be read, and
 * for a log without any; MEMORY. */
wn_status wn_verbose_log_read(wn_problem_list *list, const char *path);

#endif
