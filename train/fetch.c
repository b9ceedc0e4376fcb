/* Downloads by three programs every system has: curl, md5sum, tar. Which sets there are is fetch_sets.c's. */
#include "fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PATH = 4096, SAID = 200, SUM = 33 };

/* curl's exit codes for a server that cannot or will not go on in the middle of a file. */
enum { CURL_HTTP_ERROR = 22, CURL_RANGE_ERROR = 33, CURL_BAD_RESUME = 36 };

/* Reads what a program says, up to the end of its first line. */
static void read_said(int from, char said[SAID]) {
    char rest[512];
    ssize_t got, used = 0;
    while ((got = read(from, rest, sizeof rest)) > 0 || (got < 0 && errno == EINTR))
        for (ssize_t i = 0; i < got && used < SAID - 1; i++)
            said[used++] = rest[i];
    said[used] = '\0';
    said[strcspn(said, "\r\n")] = '\0';
}

/* Runs a program and takes down the first line on its stdout or stderr. Errors: UNSUPPORTED (it is not
 * there), IO. */
static wn_status run(const char *const argv[], int stream, int *code, char said[SAID]) {
    int ends[2], how;
    pid_t child;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return wn_error(WN_ERROR_IO, "%s: %s", argv[0], strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], stream);
    int error = posix_spawnp(&child, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!error)
        read_said(ends[0], said);
    close(ends[0]);
    if (error)
        return wn_error(error == ENOENT ? WN_ERROR_UNSUPPORTED : WN_ERROR_IO,
                        "the program %s cannot be run: %s", argv[0], strerror(error));
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    *code = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    return wn_ok();
}

static wn_status sum_of(const char *path, char sum[SUM]) {
    char said[SAID];
    int code;
    WN_TRY(run((const char *const[]){"md5sum", "--", path, NULL}, STDOUT_FILENO, &code, said));
    snprintf(sum, SUM, "%.32s", said[0] == '\\' ? said + 1 : said); /* \: there is one in the name */
    return code == 0 ? wn_ok() : wn_error(WN_ERROR_IO, "%s: md5sum cannot read it", path);
}

/* Is the file there and right? Errors: FORMAT, when it is there and wrong. */
static wn_status is_there(const char *path, const char *md5, bool *there) {
    struct stat facts;
    char sum[SUM];
    *there = stat(path, &facts) == 0;
    if (!*there)
        return wn_ok();
    if (!S_ISREG(facts.st_mode))
        return wn_error(WN_ERROR_IO, "%s: found something that is no file, expected a file or nothing", path);
    WN_TRY(sum_of(path, sum));
    return strcmp(sum, md5) == 0
               ? wn_ok()
               : wn_error(WN_ERROR_FORMAT,
                          "%s: is there with MD5 %s, expected %s; remove it to fetch it anew", path, sum,
                          md5);
}

static wn_status call_curl(const char *url, const char *part, int *code, char said[SAID]) {
    return run((const char *const[]){"curl", "--fail", "--location", "--silent", "--show-error",
                                     "--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "60",
                                     "--continue-at", "-", "--output", part, url, NULL},
               STDERR_FILENO, code, said);
}

/* The whole file as `part`, behind what there is of it. */
static wn_status download(const char *url, const char *part) {
    char said[SAID];
    int code;
    bool begun = access(part, F_OK) == 0;
    WN_TRY(call_curl(url, part, &code, said));
    const bool no_such_range =
        code == CURL_HTTP_ERROR && strstr(said, "416"); /* else the server is in trouble */
    if (begun && (no_such_range || code == CURL_RANGE_ERROR || code == CURL_BAD_RESUME)) {
        unlink(part);
        WN_TRY(call_curl(url, part, &code, said));
    }
    struct stat facts;
    bool some = stat(part, &facts) == 0 && facts.st_size > 0;
    return code == 0 ? wn_ok()
                     : wn_error(WN_ERROR_IO, "%s: %s%s", url, said[0] ? said : "curl failed",
                                some ? "; what came is kept, the next try goes on from there" : "");
}

/* Forces the file to the disk and gives it its name. */
static wn_status settle(const char *part, const char *path) {
    int fd = open(part, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0 && rename(part, path) == 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    return done ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(reason));
}

static wn_status fetch_file(const wn_fetch_file *file, const char *address, const char *folder, FILE *log) {
    char path[PATH], part[PATH + 8], url[PATH], sum[SUM];
    bool there;
    snprintf(path, sizeof path, "%s/%s", folder, file->name);
    snprintf(part, sizeof part, "%s.part", path);
    snprintf(url, sizeof url, "%s%s", address, file->name);
    WN_TRY(is_there(path, file->md5, &there));
    if (log) {
        fprintf(log, "%s: %s%s\n", path, there ? "is there" : "from ", there ? "" : url);
        fflush(log);
    }
    if (there)
        return wn_ok();
    WN_TRY(download(url, part));
    WN_TRY(sum_of(part, sum));
    if (strcmp(sum, file->md5) != 0) {
        unlink(part);
        return wn_error(WN_ERROR_FORMAT, "%s: MD5 is %s, expected %s; what came was removed", url, sum,
                        file->md5);
    }
    return settle(part, path);
}

/* Takes a file out of the archive under a name of its own first. */
static wn_status extract(const char *archive, const wn_fetch_file *file, const char *folder) {
    char path[PATH], scratch[PATH], taken[2 * PATH], pattern[SAID], said[SAID], sum[SUM];
    int code;
    snprintf(path, sizeof path, "%s/%s", folder, file->name);
    snprintf(scratch, sizeof scratch, "%s/extract.part", folder);
    snprintf(taken, sizeof taken, "%s/%s", scratch, file->name);
    snprintf(pattern, sizeof pattern, "*/%s", file->name);
    if (mkdir(scratch, 0777) != 0 && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%s: %s", scratch, strerror(errno));
    wn_status status = run((const char *const[]){"tar", "-xzf", archive, "-C", scratch,
                                                 "--strip-components=1", "--wildcards", pattern, NULL},
                           STDERR_FILENO, &code, said);
    if (!wn_failed(status))
        status = code == 0 ? sum_of(taken, sum) : wn_error(WN_ERROR_FORMAT, "%s: %s", archive, said);
    if (!wn_failed(status) && strcmp(sum, file->md5) != 0)
        status = wn_error(WN_ERROR_FORMAT, "%s: its %s has MD5 %s, expected %s", archive, file->name, sum,
                          file->md5);
    if (!wn_failed(status))
        status = settle(taken, path);
    unlink(taken);
    rmdir(scratch);
    return status;
}

/* The archive is fetched only when a file is missing, and goes when all are there. */
static wn_status fetch_archive(const wn_fetch_set *set, const char *address, const char *folder, FILE *log) {
    char path[PATH], archive[PATH];
    bool there;
    unsigned missing = 0; /* bits, by the file's place in the list */
    snprintf(archive, sizeof archive, "%s/%s", folder, set->archive.name);
    for (const wn_fetch_file *file = set->files; file->name; file++) {
        snprintf(path, sizeof path, "%s/%s", folder, file->name);
        WN_TRY(is_there(path, file->md5, &there));
        if (there && log)
            fprintf(log, "%s: is there\n", path);
        missing |= (unsigned)!there << (file - set->files);
    }
    if (!missing)
        return wn_ok();
    WN_TRY(fetch_file(&set->archive, address, folder, log));
    for (const wn_fetch_file *file = set->files; file->name; file++)
        if (missing >> (file - set->files) & 1)
            WN_TRY(extract(archive, file, folder));
    unlink(archive);
    return wn_ok();
}

wn_status wn_fetch(const wn_fetch_set *set, const char *address, const char *folder, FILE *log) {
    if (strlen(folder) > PATH / 2 || (address && strlen(address) > PATH / 2))
        return wn_error(WN_ERROR_IO, "%.80s...: a name of more than %d bytes", folder, PATH / 2);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return wn_error(WN_ERROR_IO, "%s: %s, expected a folder for the data set", folder, strerror(errno));
    address = address ? address : set->address;
    if (set->archive.name)
        return fetch_archive(set, address, folder, log);
    for (const wn_fetch_file *file = set->files; file->name; file++)
        WN_TRY(fetch_file(file, address, folder, log));
    return wn_ok();
}
