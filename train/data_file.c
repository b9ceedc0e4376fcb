/* Raw and gzip files as one kind of stream, by zlib. What is in them is the readers' business. */
#include "data_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

wn_status wn_data_file_find(const char *folder, const char *const names[], char path[WN_DATA_PATH]) {
    const char *const endings[] = {"", ".gz"};
    for (int i = 0; names[i]; i++)
        for (int e = 0; e < 2; e++) {
            int length = snprintf(path, WN_DATA_PATH, "%s/%s%s", folder, names[i], endings[e]);
            if (length >= WN_DATA_PATH)
                return wn_error(WN_ERROR_IO, "%.80s...: a path of more than %d bytes", folder,
                                WN_DATA_PATH - 1);
            struct stat info;
            if (stat(path, &info) == 0) {
                if (S_ISREG(info.st_mode))
                    return wn_ok();
                return wn_error(WN_ERROR_IO, "%s: not a regular file", path);
            }
            if (errno != ENOENT)
                return wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
        }
    path[0] = '\0';
    return wn_ok();
}

wn_status wn_data_file_open(const char *path, wn_data_file *file) {
    snprintf(file->path, sizeof file->path, "%s", path);
    gzFile stream = gzopen(path, "rb");
    file->stream = stream;
    if (!stream)
        return errno == ENOMEM ? wn_error(WN_ERROR_MEMORY, "%s: no memory for reading", path)
                               : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    gzbuffer(stream, 1 << 17);
    return wn_ok();
}

wn_status wn_data_file_read(wn_data_file *file, void *target, int64_t wanted, int64_t *got) {
    const int64_t most = 1 << 28; /* gzread counts in int */
    *got = 0;
    while (*got < wanted) {
        int64_t left = wanted - *got;
        int count = gzread(file->stream, (char *)target + *got, (unsigned)(left < most ? left : most));
        if (count < 0) {
            int code;
            const char *text = gzerror(file->stream, &code);
            if (code == Z_ERRNO)
                return wn_error(WN_ERROR_IO, "%s: cannot read: %s", file->path, strerror(errno));
            if (code == Z_BUF_ERROR)
                break; /* the compressed stream stops in the middle: the caller says how far it came */
            /* zlib's text starts with the path. */
            const char *colon = strstr(text, ": ");
            return wn_error(WN_ERROR_FORMAT, "%s: corrupt gzip data after %lld bytes: %s", file->path,
                            (long long)gztell(file->stream), colon ? colon + 2 : text);
        }
        if (count == 0)
            break;
        *got += count;
    }
    return wn_ok();
}

wn_status wn_data_file_expect(const wn_data_file *file, int64_t bytes) {
    struct stat info;
    if (stat(file->path, &info) != 0)
        return wn_error(WN_ERROR_IO, "%s: %s", file->path, strerror(errno));
    int64_t factor = gzdirect(file->stream) ? 1 : 1032;
    if (bytes / factor > (int64_t)info.st_size)
        return wn_error(WN_ERROR_FORMAT,
                        "%s: truncated: a file of %lld bytes cannot hold the %lld its header promises",
                        file->path, (long long)info.st_size, (long long)bytes);
    return wn_ok();
}

wn_status wn_data_file_close(wn_data_file *file) {
    /* A stream without its end shows at closing only when all data before it came through. */
    if (file->stream && gzclose_r(file->stream) == Z_BUF_ERROR)
        return wn_error(WN_ERROR_FORMAT, "%s: truncated: the gzip stream ends before its check sum",
                        file->path);
    return wn_ok();
}
