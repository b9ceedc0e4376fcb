/* Writing safetensors files, so that a crash at any moment leaves the old file or the new one. */
#include "json.h"
#include "safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char checksum_key[] = "winnow.crc32", checksum_start[] = "\"winnow.crc32\":\"";
enum { CHECKSUM_DIGITS = 8, HEADER_ALIGNMENT = 8 };

int64_t wn_safetensors_checksum_at(const char *header, int64_t length) {
    const char *found = memmem(header, (size_t)length, checksum_start, sizeof checksum_start - 1);
    int64_t at = found ? found - header + (int64_t)sizeof checksum_start - 1 : -1;
    return at >= 0 && at + CHECKSUM_DIGITS < length ? at : -1;
}

static void put_header(FILE *out, const wn_safetensors_source *source) {
    fputs("{\"__metadata__\":{", out);
    for (int i = 0; i < source->metadata_count; i++) {
        wn_json_text(out, source->metadata[i].key);
        fputc(':', out);
        wn_json_text(out, source->metadata[i].value);
        fputc(',', out);
    }
    fprintf(out, "\"%s\":\"%0*d\"}", checksum_key, CHECKSUM_DIGITS, 0);
    int64_t offset = 0;
    for (int i = 0; i < source->tensor_count; i++) {
        const wn_safetensor *tensor = &source->tensors[i];
        fputc(',', out);
        wn_json_text(out, tensor->name);
        fputs(":{\"dtype\":\"F32\",\"shape\":[", out);
        for (int d = 0; d < tensor->dims; d++)
            fprintf(out, "%s%lld", d ? "," : "", (long long)tensor->shape[d]);
        int64_t end = offset + tensor->count * (int64_t)sizeof(float);
        fprintf(out, "],\"data_offsets\":[%lld,%lld]}", (long long)offset, (long long)end);
        offset = end;
    }
    fputc('}', out);
}

/* The eight bytes of the length and the header behind them, padded with spaces. */
static char *make_header(const wn_safetensors_source *source, size_t *size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    for (int i = 0; i < 8; i++)
        fputc(0, out);
    put_header(out, source);
    while (ftell(out) % HEADER_ALIGNMENT)
        fputc(' ', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    uint64_t length = *size - 8;
    for (int i = 0; i < 8; i++)
        text[i] = (char)(length >> 8 * i);
    return text;
}

static bool write_all(int fd, const void *bytes, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes = (const char *)bytes + written;
        size -= (size_t)written;
    }
    return true;
}

/* Header, tensors, then the check sum's digits in the header. False with errno when the system refuses. */
static bool write_contents(int fd, const wn_safetensors_source *source, const char *header, size_t size,
                           float *values) {
    uLong sum = crc32_z(0, (const Bytef *)header, size);
    if (!write_all(fd, header, size))
        return false;
    for (int i = 0; i < source->tensor_count; i++) {
        size_t bytes = (size_t)source->tensors[i].count * sizeof(float);
        source->fill(source->context, i, values);
        sum = crc32_z(sum, (const Bytef *)values, bytes);
        if (!write_all(fd, values, bytes))
            return false;
    }
    char digits[CHECKSUM_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08lx", sum & 0xffffffff);
    int64_t at = wn_safetensors_checksum_at(header + 8, (int64_t)size - 8) + 8;
    return pwrite(fd, digits, CHECKSUM_DIGITS, at) == CHECKSUM_DIGITS;
}

/* A new name is safe on the disk only when its folder is. */
static bool sync_folder(const char *path) {
    char *folder = strdup(path);
    if (!folder)
        return false;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return done;
}

static wn_status write_and_rename(const char *path, const char *temporary,
                                  const wn_safetensors_source *source, const char *header, size_t size,
                                  float *values) {
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return wn_error(WN_ERROR_IO, "%s: cannot be written: %s", temporary, strerror(errno));
    bool done = write_contents(fd, source, header, size, values) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (done && rename(temporary, path) != 0) {
        done = false;
        reason = errno;
    }
    if (done)
        return sync_folder(path) ? wn_ok()
                                 : wn_error(WN_ERROR_IO, "%s: its folder cannot be forced to the disk: %s",
                                            path, strerror(errno));
    unlink(temporary);
    return wn_error(WN_ERROR_IO, "%s: cannot be written: %s", path, strerror(reason));
}

wn_status wn_safetensors_write(const char *path, const wn_safetensors_source *source) {
    struct stat found;
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) /* moving a file there would replace a device */
        return wn_error(WN_ERROR_IO, "%s: found something that is no file, expected a file or nothing", path);
    size_t size = 0;
    int64_t largest = 1;
    for (int i = 0; i < source->tensor_count; i++)
        largest = source->tensors[i].count > largest ? source->tensors[i].count : largest;
    char *header = make_header(source, &size), *temporary = NULL;
    float *values = malloc((size_t)largest * sizeof *values);
    wn_status status;
    if (!header || !values || asprintf(&temporary, "%s.tmp", path) < 0) {
        temporary = NULL;
        status =
            wn_error(WN_ERROR_MEMORY, "%s: no memory for writing %d tensors", path, source->tensor_count);
    } else {
        status = write_and_rename(path, temporary, source, header, size, values);
    }
    free(temporary);
    free(values);
    free(header);
    return status;
}
