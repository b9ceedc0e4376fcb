/* The frame around every program of ours. */
#include "program.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* An input that was closed before we started would hand its number to the first file we open, and output
 * meant for a terminal would end up in it. A file that cannot be written keeps the number and makes writing
 * fail. */
void wn_program_begin(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* One line on stderr, whatever the message holds. */
static int report(const char *program, wn_status status) {
    for (char *c = status.message; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    fprintf(stderr, "%s: %s\n", program, status.message);
    return status.code == WN_ERROR_USAGE ? 2 : status.code == WN_ERROR_LIMIT ? 3 : 1;
}

int wn_program_end(const char *program, wn_status status) {
    int code = wn_failed(status) ? report(program, status) : 0;
    /* Output that nobody got is a failure too, and shows only now. */
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        code = report(program,
                      wn_error(WN_ERROR_IO, "standard output: %s", errno ? strerror(errno) : "write error"));
    return code;
}
