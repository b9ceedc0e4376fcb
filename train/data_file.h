/* Files of data sets: found raw or with .gz, read as one stream, and trusted in nothing. Internal to train/.
 */
#ifndef WN_DATA_FILE_H
#define WN_DATA_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/status.h>

enum { WN_DATA_PATH = 1024 };

typedef struct wn_data_file {
    void *stream; /* gzFile */
    char path[WN_DATA_PATH];
} wn_data_file;

/* Looks for FOLDER/NAME and FOLDER/NAME.gz, in that order, for each of the NULL-terminated names, and writes
 * the path of the first there is; path[0] = 0 when there is none. Errors: IO (no permission, no regular file,
 * a path that is too long). */
wn_status wn_data_file_find(const char *folder, const char *const names[], char path[WN_DATA_PATH]);

/* Errors: IO, MEMORY. */
wn_status wn_data_file_open(const char *path, wn_data_file *file);

/* Reads up to `wanted` bytes; fewer only where the data end or the compressed stream stops. Errors: IO,
 * FORMAT (corrupt gzip data). */
wn_status wn_data_file_read(wn_data_file *file, void *target, int64_t wanted, int64_t *got);

/* Could the rest of the file hold that many more bytes? To be asked before memory is: deflate cannot stretch
 * a byte to more than 1032. Errors: FORMAT (truncated), IO. */
wn_status wn_data_file_expect(const wn_data_file *file, int64_t bytes);

/* Errors: FORMAT, when the compressed stream lacked its end. */
wn_status wn_data_file_close(wn_data_file *file);

#endif
