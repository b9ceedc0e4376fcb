/* Stands in for image_png.c where libpng is missing. */
#include "image.h"

static wn_status read_header(wn_image_file *file) {
    return wn_error(WN_ERROR_UNSUPPORTED, "%s: this build reads no PNG, expected one with libpng",
                    file->path);
}

const wn_image_format wn_image_png = {"\x89PNG\r\n\x1a\n", 8, read_header, NULL};

wn_status wn_image_write_png(const char *path, const uint8_t *pixels, int height, int width, int channels) {
    (void)pixels;
    (void)channels;
    return wn_error(WN_ERROR_UNSUPPORTED, "%s: this build writes no PNG of %dx%d, expected one with libpng",
                    path, height, width);
}
