/* Exif's orientation: eight ways to lay a picture's rows and columns. */
#include "orientation.h"

#include <string.h>

enum { MARKER_APP1 = 0xe1, MARKER_SCAN = 0xda, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

/* The TIFF structure in an Exif segment. */
typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big; /* endian */
} tiff;

static uint32_t number(const tiff *t, size_t at, int bytes) {
    uint32_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint32_t)t->bytes[at + (size_t)i] << 8 * (t->big ? bytes - 1 - i : i);
    return value;
}

/* Looks through the entries of the first directory. */
static int orientation_of_tiff(tiff t) {
    enum { HEADER = 8, ENTRY = 12 };
    if (t.size < HEADER || (memcmp(t.bytes, "II*", 4) != 0 && memcmp(t.bytes, "MM\0*", 4) != 0))
        return 1;
    t.big = t.bytes[0] == 'M';
    size_t at = number(&t, 4, 4);
    if (at > t.size - 2)
        return 1;
    uint32_t entries = number(&t, at, 2);
    for (at += 2; entries > 0 && at + ENTRY <= t.size; at += ENTRY, entries--)
        if (number(&t, at, 2) == TAG_ORIENTATION) {
            uint32_t value = number(&t, at + 8, 2);
            bool sound = number(&t, at + 2, 2) == TYPE_SHORT && number(&t, at + 4, 4) == 1;
            return sound && value >= 1 && value <= 8 ? (int)value : 1;
        }
    return 1;
}

int wn_orientation_of_jpeg(const uint8_t *bytes, size_t size) {
    static const char exif[] = "Exif\0"; /* and the zero that ends a string */
    for (size_t at = 2; at + 4 <= size && bytes[at] == 0xff && bytes[at + 1] != MARKER_SCAN;) {
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length < 2 || length > size - at - 2)
            return 1;
        const uint8_t *segment = bytes + at + 4;
        if (bytes[at + 1] == MARKER_APP1 && length >= 2 + sizeof exif && !memcmp(segment, exif, sizeof exif))
            return orientation_of_tiff(
                (tiff){.bytes = segment + sizeof exif, .size = length - 2 - sizeof exif});
        at += 2 + length;
    }
    return 1;
}

void wn_orientation_apply(int orientation, const uint8_t *stored, int height, int width, int channels,
                          uint8_t *seen) {
    bool swapped = wn_orientation_swaps(orientation);
    int rows = swapped ? width : height, columns = swapped ? height : width;
    /* the side of the picture that the first stored row lies at is not the top or left one; nor is that of
     * the first column */
    bool last_row = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    bool last_column = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            int row = swapped ? x : y, column = swapped ? y : x;
            row = last_row ? height - 1 - row : row;
            column = last_column ? width - 1 - column : column;
            memcpy(seen, stored + ((size_t)row * (size_t)width + (size_t)column) * (size_t)channels,
                   (size_t)channels);
            seen += channels;
        }
}
