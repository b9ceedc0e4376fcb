/* A scratch folder and files in it, raw or compressed by their names; for the checks of readers. */
#ifndef WN_DATA_FOLDER_H
#define WN_DATA_FOLDER_H

#include "check.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char folder[64];

static inline void make_folder(void) {
    strcpy(folder, "/tmp/winnow-data-XXXXXX");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
}

static inline void path_of(const char *name, char path[256]) {
    snprintf(path, 256, "%s/%s", folder, name);
}

static inline void write_bytes(const char *name, const uint8_t *bytes, size_t count) {
    char path[256];
    path_of(name, path);
    size_t length = strlen(name);
    bool compressed = length > 3 && strcmp(name + length - 3, ".gz") == 0;
    gzFile file = gzopen(path, compressed ? "wb" : "wbT"); /* T: as is */
    if (!file || gzwrite(file, bytes, (unsigned)count) != (int)count || gzclose(file) != Z_OK) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
}

static inline void remove_file(const char *name) {
    char path[256];
    path_of(name, path);
    unlink(path);
    rmdir(path); /* some cases put a folder where a file should be */
}

#endif
