/* From a batch of normalised floats back to one picture. */
#include "contact_sheet.h"
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, VISIBLE = 56, SHADE = 96 }; /* between images; least side of one; what lies between */

/* One image into the sheet's pixels [..][stride][channels] at its place. */
static void paste(const wn_loader *loader, const float *image, int size, int channels, int factor,
                  uint8_t *at, size_t stride) {
    for (int y = 0; y < size * factor; y++, at += stride)
        for (int x = 0; x < size * factor; x++)
            for (int c = 0; c < channels; c++) {
                float value = image[(c * size + y / factor) * size + x / factor];
                float level = value * wn_loader_std(loader)[c] + wn_loader_mean(loader)[c];
                at[x * channels + c] = (uint8_t)(fminf(fmaxf(level, 0), 1) * 255 + 0.5f);
            }
}

wn_status wn_contact_sheet_write(const char *path, const wn_loader *loader, const wn_loader_options *options,
                                 const float *images, int count) {
    if (count < 1)
        return wn_error(WN_ERROR_INVALID, "%s: a sheet of %d images, expected at least 1", path, count);
    int size = options->size, channels = options->channels;
    int factor = size >= VISIBLE ? 1 : (VISIBLE + size - 1) / size, cell = size * factor + GAP;
    int columns = (int)ceil(sqrt(count)), rows = (count + columns - 1) / columns;
    int width = columns * cell + GAP, height = rows * cell + GAP;
    size_t floats = (size_t)channels * (size_t)size * (size_t)size;
    size_t stride = (size_t)width * (size_t)channels;
    uint8_t *pixels = malloc((size_t)height * stride);
    wn_status status = wn_error(WN_ERROR_MEMORY, "%s: no memory for %d images", path, count);
    if (pixels) {
        memset(pixels, SHADE, (size_t)height * stride);
        for (int n = 0; n < count; n++)
            paste(loader, images + (size_t)n * floats, size, channels, factor,
                  pixels + (size_t)(n / columns * cell + GAP) * stride +
                      (size_t)(n % columns * cell + GAP) * (size_t)channels,
                  stride);
        status = wn_image_write_png(path, pixels, height, width, channels);
    }
    free(pixels);
    return status;
}
