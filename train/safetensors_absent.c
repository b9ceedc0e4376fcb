/* In place of safetensors_read.c in a build without cJSON: files are written, but cannot be read. */
#include "safetensors.h"

wn_status wn_safetensors_read(const char *path, wn_safetensors **file) {
    *file = NULL;
    return wn_error(WN_ERROR_UNSUPPORTED,
                    "%.200s: this build does not read safetensors files (-Djson=enabled)", path);
}

/* No file is ever open. */
void wn_safetensors_close(wn_safetensors *file) {
    (void)file;
}

int wn_safetensors_count(const wn_safetensors *file) {
    (void)file;
    return 0;
}

const wn_safetensor *wn_safetensors_at(const wn_safetensors *file, int index) {
    (void)file, (void)index;
    return NULL;
}

const wn_safetensor *wn_safetensors_find(const wn_safetensors *file, const char *name) {
    (void)file, (void)name;
    return NULL;
}

const char *wn_safetensors_metadata(const wn_safetensors *file, const char *key) {
    (void)file, (void)key;
    return NULL;
}

const char *wn_safetensors_path(const wn_safetensors *file) {
    (void)file;
    return "";
}
