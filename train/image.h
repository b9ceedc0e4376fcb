/* Image files: JPEG and PNG, recognised by their first bytes, decoded to bytes, and brought to a size.
 * Internal to train/. */
#ifndef WN_IMAGE_H
#define WN_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

/* A file in memory, its header read. Zero-initialise. */
typedef struct wn_image_file {
    const char *path; /* not owned */
    uint8_t *bytes;
    size_t size;
    const struct wn_image_format *format;
    int height, width, channels; /* as it is seen; 1: grey, 3: coloured; an alpha channel is left out */
    int orientation;             /* of what is stored, see orientation.h; JPEG's alone */
} wn_image_file;

/* One kind of file. */
typedef struct wn_image_format {
    const char *signature; /* the bytes it starts with */
    size_t signature_length;
    /* Fills in height, width and channels of what is stored, and its orientation where that is known. Errors:
     * FORMAT. */
    wn_status (*read_header)(wn_image_file *file);
    /* Pixels as they are stored. Errors: as wn_image_decode. */
    wn_status (*decode)(const wn_image_file *file, int channels, uint8_t *pixels);
} wn_image_format;

extern const wn_image_format wn_image_jpeg, wn_image_png;

/* Reads a file and its header. Errors: IO, FORMAT (neither JPEG nor PNG, a damaged header, channels other
 * than grey or colours, no plausible size), UNSUPPORTED (a build without the library), MEMORY. */
wn_status wn_image_open(const char *path, wn_image_file *file);
/* Pixels [height][width][channels], whatever the file has: 1 or 3 channels, turned as its orientation says.
 * Thread-safe for different files.
 * Errors: FORMAT (damaged or cut off), MEMORY. */
wn_status wn_image_decode(const wn_image_file *file, int channels, uint8_t *pixels);
void wn_image_close(wn_image_file *file);

/* Pixels [height][width][channels] to planes [channels][to_height][to_width]. Another size takes the middle
 * of the image, cut to the target's proportions, through a triangle filter as wide as a target pixel (linear
 * interpolation where the image grows): what PIL calls BILINEAR. Errors: MEMORY, naming the path. */
wn_status wn_image_fit(const char *path, const uint8_t *pixels, int height, int width, int channels,
                       int to_height, int to_width, uint8_t *planes);

/* A file's picture as planes of this size: opened, decoded, fitted. Errors: as above. */
wn_status wn_image_read(const char *path, int to_height, int to_width, int channels, uint8_t *planes);

/* Writes an 8-bit PNG of 1 or 3 channels from pixels [height][width][channels], under a name of its own
 * first: there is the whole file or none. Errors: IO, UNSUPPORTED, MEMORY. */
wn_status wn_image_write_png(const char *path, const uint8_t *pixels, int height, int width, int channels);

#endif
