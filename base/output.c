/* Taking standard output away from those who print on it. */
#include "output.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool wn_output_is_standard(const char *path) {
    return strcmp(path, "-") == 0;
}

FILE *wn_output_take_standard(void) {
    int taken = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    FILE *file = taken < 0 ? NULL : fdopen(taken, "w");
    if (file && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        return file;
    int error = errno;
    if (file)
        fclose(file);
    else if (taken >= 0)
        close(taken);
    errno = error;
    return NULL;
}
