/* Which way up a picture is: what cameras note in JPEG files, and turning pixels accordingly. Internal to
 * train/. */
#ifndef WN_ORIENTATION_H
#define WN_ORIENTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The orientation in a JPEG's Exif segment: 1 to 8, as its tag 0x0112 has it (Exif 2.32, section 4.6.4). 1,
 * upright, where there is none or anything about it is not as it should be. */
int wn_orientation_of_jpeg(const uint8_t *bytes, size_t size);

/* Are rows columns to the viewer? */
static inline bool wn_orientation_swaps(int orientation) {
    return orientation >= 5;
}

/* Turns stored pixels [height][width][channels] to what is seen, of those sizes with rows and columns swapped
 * where the orientation does that. */
void wn_orientation_apply(int orientation, const uint8_t *stored, int height, int width, int channels,
                          uint8_t *seen);

#endif
