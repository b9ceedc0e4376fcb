/* Bilinear resize of one plane of an image. */
#ifndef WN_RESIZE_H
#define WN_RESIZE_H

#include <stdint.h>
#include <winnow/status.h>

/* Bilinear resize from height x width bytes to size x size floats in [0,1]: half-pixel centres, no
 * antialiasing, as PyTorch's interpolate(mode="bilinear", align_corners=False) of the bytes / 255. Holds the
 * tables of one pair of sizes and scratch for two rows, so one resize serves one thread at a time. */
typedef struct wn_resize wn_resize;

/* Errors: INVALID (a size < 1), MEMORY. */
wn_status wn_resize_create(int height, int width, int size, wn_resize **resize);
void wn_resize_destroy(wn_resize *resize); /* NULL is fine */

/* What of the planes to come is resized, from now on: height x width pixels from row `top` and column `left`
 * on, within the image; all of it at first. */
void wn_resize_part(wn_resize *resize, int top, int left, int height, int width);

/* One plane. */
void wn_resize_plane(wn_resize *resize, const uint8_t *source, float *target);

#endif
