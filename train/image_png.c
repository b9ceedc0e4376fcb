/* PNG by libpng's simplified interface. */
#include "draft.h"
#include "image.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

static wn_status damaged(const wn_image_file *file, png_image *image) {
    wn_status status = wn_error(WN_ERROR_FORMAT, "%s: damaged PNG: %s", file->path, image->message);
    png_image_free(image);
    return status;
}

static wn_status begin(const wn_image_file *file, png_image *image) {
    memset(image, 0, sizeof *image);
    image->version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(image, file->bytes, file->size))
        return damaged(file, image);
    image->flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* like most writers of 16 bits */
    return wn_ok();
}

static wn_status read_header(wn_image_file *file) {
    png_image image;
    WN_TRY(begin(file, &image));
    file->width = image.width <= INT32_MAX ? (int)image.width : 0;
    file->height = image.height <= INT32_MAX ? (int)image.height : 0;
    file->channels = image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1;
    png_image_free(&image);
    return wn_ok();
}

/* Transparent pixels keep their colours: the alpha channel is read and left out. */
static wn_status decode(const wn_image_file *file, int channels, uint8_t *pixels) {
    png_image image;
    WN_TRY(begin(file, &image));
    image.format = channels == 1 ? PNG_FORMAT_GA : PNG_FORMAT_RGBA;
    size_t count = (size_t)image.width * image.height, read = (size_t)channels + 1;
    uint8_t *whole = malloc(count * read);
    if (!whole) {
        png_image_free(&image);
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its pixels", file->path);
    }
    wn_status status = wn_ok();
    if (!png_image_finish_read(&image, NULL, whole, 0, NULL))
        status = damaged(file, &image);
    for (size_t i = 0; !wn_failed(status) && i < count; i++)
        memcpy(pixels + i * (size_t)channels, whole + i * read, (size_t)channels);
    free(whole);
    return status;
}

const wn_image_format wn_image_png = {"\x89PNG\r\n\x1a\n", 8, read_header, decode};

wn_status wn_image_write_png(const char *path, const uint8_t *pixels, int height, int width, int channels) {
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
    wn_draft draft;
    WN_TRY(wn_draft_open(path, &draft));
    const bool written = png_image_write_to_stdio(&image, draft.file, 0, pixels, 0, NULL);
    const wn_status closed = wn_draft_close(&draft, written);
    return written || wn_failed(closed)
               ? closed
               : wn_error(WN_ERROR_IO, "%s: cannot be written: %s", path, image.message);
}
