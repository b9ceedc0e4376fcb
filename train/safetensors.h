/* Safetensors files: a JSON header with names, types, shapes and places, then the tensors' bytes. Written
 * atomically; read strictly, whatever the file may hold. Knows neither models nor training. */
#ifndef WN_SAFETENSORS_H
#define WN_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

enum { WN_SAFETENSORS_DIMS = 8 };

/* One tensor, little-endian, row-major. */
typedef struct wn_safetensor {
    const char *name;
    const char *dtype; /* "F32", "I64", ... */
    int dims;
    int64_t shape[WN_SAFETENSORS_DIMS];
    const void *data; /* of a file that was read; not looked at when writing */
    int64_t count;    /* product of shape */
} wn_safetensor;

/* A pair of the header's "__metadata__". */
typedef struct wn_metadata {
    const char *key, *value;
} wn_metadata;

/* What to write: F32 tensors in this order. `fill` puts tensor number `index`, count floats, into `values`.
 */
typedef struct wn_safetensors_source {
    const wn_safetensor *tensors;
    int tensor_count;
    const wn_metadata *metadata;
    int metadata_count;
    void (*fill)(void *context, int index, float *values);
    void *context;
} wn_safetensors_source;

/* Writes the file under a name of its own, FILE.tmp, forces it to the disk, and gives it its name: whatever
 * happens, there is the old file or the new one. Adds the pair "winnow.crc32", a check sum over the whole
 * file. On failure FILE.tmp is removed. Errors: IO (with what the system said; a device, pipe or folder of
 * that name), MEMORY. */
wn_status wn_safetensors_write(const char *path, const wn_safetensors_source *source);

typedef struct wn_safetensors wn_safetensors;

/* Reads a whole file and checks it: the header's length, its JSON, no name twice, known types, shapes whose
 * sizes are the bytes they have, places without holes or overlaps up to the file's end; and the check sum,
 * when there is one. Errors: IO, FORMAT (what was found and expected), MEMORY, UNSUPPORTED (a build without
 * JSON). */
wn_status wn_safetensors_read(const char *path, wn_safetensors **file);
void wn_safetensors_close(wn_safetensors *file); /* NULL is fine */

/* What a file holds, in the order of its bytes; strings and data live as long as the file is open. */
int wn_safetensors_count(const wn_safetensors *file);
const wn_safetensor *wn_safetensors_at(const wn_safetensors *file, int index);
const wn_safetensor *wn_safetensors_find(const wn_safetensors *file, const char *name); /* NULL: none */
const char *wn_safetensors_metadata(const wn_safetensors *file, const char *key);       /* NULL: none */
const char *wn_safetensors_path(const wn_safetensors *file);

/* Where the check sum's eight digits are in a header, -1 when there are none. For writer and reader. */
int64_t wn_safetensors_checksum_at(const char *header, int64_t length);

#endif
