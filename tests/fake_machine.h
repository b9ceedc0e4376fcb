/* A machine made of files: what the kernel shows in /proc and /sys, below a folder of its own. */
#ifndef WN_FAKE_MACHINE_H
#define WN_FAKE_MACHINE_H

#include "check.h"
#include "remove_folder.h"
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder; what is examined is told this as its root. */
static char fake_root[64];

static void fake_begin(void) {
    snprintf(fake_root, sizeof fake_root, "/tmp/winnow-check-XXXXXX");
    CHECK(mkdtemp(fake_root), "cannot create a folder in /tmp");
}

/* Writes a file, "/proc/stat" or so, and creates the folders it needs. */
static void fake_bytes(const char *path, const void *bytes, size_t length) {
    char full[512];
    snprintf(full, sizeof full, "%s%s", fake_root, path);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    if (CHECK(file, "cannot write %s", full)) {
        fwrite(bytes, 1, length, file);
        fclose(file);
    }
}

static void fake_file(const char *path, const char *text) {
    fake_bytes(path, text, strlen(text));
}

/* Pairs of path and text, up to NULL. */
static void fake_files(const char *const *pairs) {
    for (; pairs[0]; pairs += 2)
        fake_file(pairs[0], pairs[1]);
}

static void fake_end(void) {
    remove_folder(fake_root);
}

#endif
