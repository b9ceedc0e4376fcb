/* A text file that any number of processes read and append to: where it lies, its folders, its lock, whole
 * lines at its end. */
#include "database_file.h"
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_BYTES_CAP = 1 << 30 }; /* far beyond any database; keeps us from reading a disk image */

/* flock that a signal does not end. */
static bool lock(int fd, int operation) {
    while (flock(fd, operation) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

wn_status wn_tune_db_open_shared(const char *path, FILE **file) {
    *file = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    struct stat facts;
    wn_status status = wn_ok();
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        status = wn_error(WN_ERROR_IO, "%s: not a regular file, expected a tuning database", path);
    else if (facts.st_size > DATABASE_BYTES_CAP)
        status = wn_error(WN_ERROR_FORMAT, "%s: %lld bytes, expected a tuning database of at most %d", path,
                          (long long)facts.st_size, DATABASE_BYTES_CAP);
    else if (!lock(fd, LOCK_SH) || !(*file = fdopen(fd, "r")))
        status = wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    if (!*file)
        close(fd);
    return status;
}

wn_status wn_tune_db_default_path(char *path, size_t size) {
    const char *file = getenv("WINNOW_DB"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length;
    if (file && file[0])
        length = snprintf(path, size, "%s", file);
    else if (cache && cache[0] == '/') /* the specification says to ignore relative ones */
        length = snprintf(path, size, "%s/winnow/tune.db", cache);
    else if (home && home[0])
        length = snprintf(path, size, "%s/.cache/winnow/tune.db", home);
    else
        return wn_error(WN_ERROR_IO, "tuning database: none of WINNOW_DB, XDG_CACHE_HOME and HOME is set");
    if ((size_t)length >= size)
        return wn_error(WN_ERROR_INVALID, "tuning database: path of %d bytes, expected at most %zu", length,
                        size - 1);
    return wn_ok();
}

const char *wn_tune_db_system_path(void) {
    const char *path = getenv("WINNOW_SYSTEM_DB");
    return path && path[0] ? path : WN_SYSTEM_DB;
}

/* Creates the folders that a file's path goes through. False with errno. */
static bool make_folders(const char *path) {
    char folder[PATH_MAX];
    strcpy(folder, path);
    for (char *slash = folder + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

bool wn_tune_db_sync_folder(const char *path) {
    char folder[PATH_MAX];
    strcpy(folder, path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool synced = fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return synced;
}

/* When the file was replaced or removed while we waited for the lock, the lock is worth nothing and we try
 * again. */
int wn_tune_db_open_locked(const char *path) {
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_CREAT;
    for (;;) {
        int fd = open(path, flags, 0666);
        if (fd < 0 && errno == ENOENT && make_folders(path))
            fd = open(path, flags, 0666);
        if (fd < 0)
            return -1;
        struct stat locked, named;
        if (lock(fd, LOCK_EX) && fstat(fd, &locked) == 0) {
            if (stat(path, &named) == 0 && named.st_ino == locked.st_ino && named.st_dev == locked.st_dev)
                return fd;
            close(fd);
            continue;
        }
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
}

/* What goes before a record: the header of a new file, a newline after a line that a killed writer left
 * unfinished, else nothing. NULL with errno. */
static const char *lead_in(int fd, off_t size) {
    char last;
    if (size == 0)
        return wn_record_header;
    if (pread(fd, &last, 1, size - 1) != 1)
        return NULL;
    return last == '\n' ? "" : "\n";
}

/* All bytes in one write, so that readers and crashes see whole lines; false with errno. */
static bool append(int fd, const char *path, const char *line) {
    struct stat facts;
    char text[2 * WN_RECORD_LINE];
    if (fstat(fd, &facts) != 0)
        return false;
    const char *before = lead_in(fd, facts.st_size);
    if (!before)
        return false;
    size_t length = (size_t)snprintf(text, sizeof text, "%s%s", before, line);
    ssize_t written = write(fd, text, length);
    if (written == (ssize_t)length && fsync(fd) == 0 && (facts.st_size > 0 || wn_tune_db_sync_folder(path)))
        return true;
    int error = written >= 0 && written < (ssize_t)length ? ENOSPC : errno;
    if (ftruncate(fd, facts.st_size) != 0)
        return false; /* the unfinished line is skipped by readers and closed by the next writer */
    errno = error;
    return false;
}

wn_status wn_tune_db_append(const char *path, const char *line) {
    int fd = wn_tune_db_open_locked(path);
    if (fd < 0)
        return wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    bool appended = append(fd, path, line);
    int error = errno;
    close(fd); /* releases the lock */
    return appended ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(error));
}
