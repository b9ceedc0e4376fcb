/* Reading safetensors files. Nothing in a file is believed before it is checked. */
#include "safetensors.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { LENGTH_BYTES = 8, LARGEST_HEADER = 100000000, CHECKSUM_DIGITS = 8 };

struct wn_safetensors {
    char *path;
    char *bytes; /* the whole file */
    int64_t size;
    cJSON *header;
    const cJSON *metadata; /* in the header; NULL: none */
    wn_safetensor *tensors;
    int count;
};

typedef struct dtype {
    const char *name;
    int bytes;
} dtype;
static const dtype dtypes[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
                               {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
                               {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};

/* The file's bytes, and a zero behind them. */
static wn_status read_bytes(wn_safetensors *file) {
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0) {
        int reason = errno;
        if (fd >= 0)
            close(fd);
        return wn_error(WN_ERROR_IO, "%s: %s", file->path, strerror(reason));
    }
    wn_status status = wn_ok();
    file->size = facts.st_size;
    file->bytes = S_ISREG(facts.st_mode) ? malloc((size_t)file->size + 1) : NULL;
    if (!S_ISREG(facts.st_mode))
        status = wn_error(WN_ERROR_IO, "%s: not a regular file", file->path);
    else if (!file->bytes)
        status =
            wn_error(WN_ERROR_MEMORY, "%s: no memory for its %lld bytes", file->path, (long long)file->size);
    for (int64_t at = 0; !wn_failed(status) && at < file->size;) {
        ssize_t got = read(fd, file->bytes + at, (size_t)(file->size - at));
        if (got > 0)
            at += got;
        else if (got == 0 || errno != EINTR)
            status = wn_error(WN_ERROR_IO, "%s: cannot read: %s", file->path,
                              got == 0 ? "it became shorter" : strerror(errno));
    }
    if (file->bytes)
        file->bytes[wn_failed(status) ? 0 : file->size] = '\0';
    close(fd);
    return status;
}

static wn_status bad(const wn_safetensors *file, const char *what) {
    return wn_error(WN_ERROR_FORMAT, "%s: no safetensors file: %s", file->path, what);
}

static wn_status parse_header(wn_safetensors *file, int64_t *header_length) {
    uint64_t length = 0;
    if (file->size < LENGTH_BYTES)
        return bad(file, "shorter than the 8 bytes of the header's length");
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint64_t)(unsigned char)file->bytes[i] << 8 * i;
    if (length > LARGEST_HEADER || length > (uint64_t)(file->size - LENGTH_BYTES))
        return wn_error(WN_ERROR_FORMAT,
                        "%s: no safetensors file, or truncated: a header of %llu bytes in a file of %lld",
                        file->path, (unsigned long long)length, (long long)file->size);
    const char *text = file->bytes + LENGTH_BYTES, *end = NULL;
    if (length == 0 || text[0] != '{')
        return bad(file, "the header does not start with '{'");
    /* cJSON takes a zero inside for the end */
    if (memchr(text, 0, length))
        return bad(file, "the header holds a zero byte");
    file->header = cJSON_ParseWithLengthOpts(text, length, &end, false);
    if (!file->header)
        return wn_error(WN_ERROR_FORMAT, "%s: no safetensors file: the header is no JSON from byte %lld on",
                        file->path, (long long)(end ? end - text : 0));
    while (end < text + length && strchr(" \t\r\n", *end))
        end++;
    if (end != text + length)
        return bad(file, "the header goes on behind its closing '}'");
    *header_length = (int64_t)length;
    return wn_ok();
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No name of an object may occur twice. */
static wn_status check_names(const wn_safetensors *file, const cJSON *object) {
    int count = cJSON_GetArraySize(object), i = 0;
    const char **names = calloc((size_t)count + 1, sizeof *names);
    if (!names)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for %d names", file->path, count);
    const cJSON *item;
    cJSON_ArrayForEach(item, object) names[i++] = item->string;
    qsort(names, (size_t)count, sizeof *names, by_text);
    wn_status status = wn_ok();
    for (i = 1; i < count && !wn_failed(status); i++)
        if (!strcmp(names[i - 1], names[i]))
            status =
                wn_error(WN_ERROR_FORMAT, "%s: '%.100s' stands twice in the header", file->path, names[i]);
    free(names);
    return status;
}

static wn_status check_metadata(wn_safetensors *file) {
    file->metadata = cJSON_GetObjectItemCaseSensitive(file->header, "__metadata__");
    if (!file->metadata)
        return wn_ok();
    if (!cJSON_IsObject(file->metadata))
        return bad(file, "__metadata__ is no object");
    const cJSON *item;
    cJSON_ArrayForEach(item, file->metadata) {
        if (!cJSON_IsString(item))
            return bad(file, "__metadata__ holds something that is no string");
    }
    return check_names(file, file->metadata);
}

/* A whole number that a double holds exactly. */
static bool read_whole(const cJSON *item, int64_t *value) {
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 0x1p53) ||
        item->valuedouble != floor(item->valuedouble))
        return false;
    *value = (int64_t)item->valuedouble;
    return true;
}

static wn_status bad_tensor(const wn_safetensors *file, const char *name, const char *what) {
    return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' %s", file->path, name, what);
}

static const dtype *find_dtype(const cJSON *item) {
    for (size_t i = 0; cJSON_IsString(item) && i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtypes[i].name, item->valuestring))
            return &dtypes[i];
    return NULL;
}

static wn_status read_shape(const wn_safetensors *file, const cJSON *shape, wn_safetensor *tensor) {
    tensor->count = 1;
    const cJSON *item;
    if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) > WN_SAFETENSORS_DIMS)
        return bad_tensor(file, tensor->name, "has no shape of at most 8 sizes");
    cJSON_ArrayForEach(item, shape) {
        int64_t *size = &tensor->shape[tensor->dims++];
        if (!read_whole(item, size))
            return bad_tensor(file, tensor->name, "has a size that is no whole number");
        if (__builtin_mul_overflow(tensor->count, *size, &tensor->count))
            return bad_tensor(file, tensor->name, "has a shape whose product overflows");
    }
    return wn_ok();
}

/* One entry of the header; `room` are the bytes behind the header. */
static wn_status read_tensor(const wn_safetensors *file, const cJSON *entry, int64_t room,
                             wn_safetensor *tensor) {
    tensor->name = entry->string;
    if (!cJSON_IsObject(entry) || cJSON_GetArraySize(entry) != 3)
        return bad_tensor(file, tensor->name, "is no object of dtype, shape and data_offsets");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    const dtype *type = find_dtype(cJSON_GetObjectItemCaseSensitive(entry, "dtype"));
    if (!type)
        return bad_tensor(file, tensor->name, "has no known dtype");
    tensor->dtype = type->name;
    WN_TRY(read_shape(file, cJSON_GetObjectItemCaseSensitive(entry, "shape"), tensor));
    int64_t begin, end, bytes;
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !read_whole(cJSON_GetArrayItem(offsets, 0), &begin) ||
        !read_whole(cJSON_GetArrayItem(offsets, 1), &end))
        return bad_tensor(file, tensor->name, "has no data_offsets of two whole numbers");
    if (begin > end || end > room)
        return wn_error(WN_ERROR_FORMAT, "%s: tensor '%.100s' lies at %lld to %lld of %lld bytes; truncated?",
                        file->path, tensor->name, (long long)begin, (long long)end, (long long)room);
    if (__builtin_mul_overflow(tensor->count, (int64_t)type->bytes, &bytes) || bytes != end - begin)
        return bad_tensor(file, tensor->name, "has other bytes than its shape and dtype take");
    tensor->data = file->bytes + (file->size - room) + begin;
    return wn_ok();
}

static int by_place(const void *a, const void *b) {
    const wn_safetensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return (x->count > 0) - (y->count > 0); /* empty tensors lie before what starts there */
}

static int64_t bytes_of(const wn_safetensor *tensor) {
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].name == tensor->dtype)
            return tensor->count * dtypes[i].bytes;
    return 0;
}

/* Every byte behind the header belongs to one tensor. */
static wn_status check_places(const wn_safetensors *file, int64_t room) {
    const char *at = file->bytes + (file->size - room);
    for (int i = 0; i < file->count; at += bytes_of(&file->tensors[i++]))
        if (file->tensors[i].data != at)
            return bad_tensor(file, file->tensors[i].name, "overlaps another or leaves a hole before it");
    if (at != file->bytes + file->size)
        return wn_error(WN_ERROR_FORMAT, "%s: %lld bytes behind the last tensor", file->path,
                        (long long)(file->bytes + file->size - at));
    return wn_ok();
}

static wn_status read_tensors(wn_safetensors *file, int64_t room) {
    int entries = cJSON_GetArraySize(file->header);
    file->tensors = calloc((size_t)entries + 1, sizeof *file->tensors);
    if (!file->tensors)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for %d tensors", file->path, entries);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, file->header) {
        if (entry != file->metadata)
            WN_TRY(read_tensor(file, entry, room, &file->tensors[file->count++]));
    }
    qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, by_place);
    return check_places(file, room);
}

static uLong checksum(const char *bytes, int64_t size, int64_t digits) {
    static const char zeros[] = "00000000";
    const int64_t behind = digits + CHECKSUM_DIGITS;
    uLong sum = crc32_z(0, (const Bytef *)bytes, (size_t)digits);
    sum = crc32_z(sum, (const Bytef *)zeros, CHECKSUM_DIGITS);
    return crc32_z(sum, (const Bytef *)bytes + behind, (size_t)(size - behind));
}

static wn_status check_checksum(const wn_safetensors *file, int64_t header_length) {
    const char *recorded = wn_safetensors_metadata(file, "winnow.crc32");
    if (!recorded)
        return wn_ok();
    int64_t at = wn_safetensors_checksum_at(file->bytes + LENGTH_BYTES, header_length);
    char found[CHECKSUM_DIGITS + 1] = "";
    if (at >= 0)
        snprintf(found, sizeof found, "%08lx", checksum(file->bytes, file->size, at + LENGTH_BYTES));
    if (strcmp(found, recorded) != 0)
        return wn_error(WN_ERROR_FORMAT, "%s: damaged: its check sum is %s, expected %.20s", file->path,
                        found, recorded);
    return wn_ok();
}

static wn_status read_file(wn_safetensors *file) {
    int64_t header_length = 0;
    WN_TRY(read_bytes(file));
    WN_TRY(parse_header(file, &header_length));
    WN_TRY(check_names(file, file->header));
    WN_TRY(check_metadata(file));
    WN_TRY(read_tensors(file, file->size - LENGTH_BYTES - header_length));
    return check_checksum(file, header_length);
}

wn_status wn_safetensors_read(const char *path, wn_safetensors **result) {
    *result = NULL;
    wn_safetensors *file = calloc(1, sizeof *file);
    if (file)
        file->path = strdup(path);
    wn_status status =
        file && file->path ? read_file(file) : wn_error(WN_ERROR_MEMORY, "%s: no memory", path);
    if (wn_failed(status)) {
        wn_safetensors_close(file);
        return status;
    }
    *result = file;
    return wn_ok();
}

void wn_safetensors_close(wn_safetensors *file) {
    if (!file)
        return;
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file->bytes);
    free(file->path);
    free(file);
}

int wn_safetensors_count(const wn_safetensors *file) {
    return file->count;
}

const wn_safetensor *wn_safetensors_at(const wn_safetensors *file, int index) {
    return &file->tensors[index];
}

const wn_safetensor *wn_safetensors_find(const wn_safetensors *file, const char *name) {
    for (int i = 0; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, name))
            return &file->tensors[i];
    return NULL;
}

const char *wn_safetensors_metadata(const wn_safetensors *file, const char *key) {
    const cJSON *item = file->metadata ? cJSON_GetObjectItemCaseSensitive(file->metadata, key) : NULL;
    return item ? item->valuestring : NULL;
}

const char *wn_safetensors_path(const wn_safetensors *file) {
    return file->path;
}
