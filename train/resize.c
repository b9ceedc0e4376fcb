/* Bilinear resize of bytes to floats. Runs between the steps of a training loop, so it allocates nothing and
 * everything that depends on the sizes alone is tabulated. */
#include "resize.h"

#include <stdlib.h>
#include <string.h>

/* Where one output coordinate reads: between source[low] and source[high], with the weight of the latter. */
typedef struct tap {
    int low, high;
    float weight;
} tap;

struct wn_resize {
    int height, width, size;
    int top, left, part_height, part_width;
    tap *rows, *columns; /* [size] each */
    float *line[2];      /* two source rows stretched to `size` columns */
    int line_row[2];     /* which source rows they hold; -1: none */
    float level[256];    /* byte / 255, correctly rounded */
};

/* Half-pixel centres: output pixel o covers the source around (o + 1/2) * in/out - 1/2, clamped to the image.
 * The arithmetic is f32 as PyTorch's, so that weights agree to the last bit. */
static void fill_taps(int first, int in, int out, tap *taps) {
    float scale = (float)in / (float)out;
    for (int o = 0; o < out; o++) {
        float position = scale * ((float)o + 0.5f) - 0.5f;
        if (position < 0)
            position = 0;
        int low = (int)position;
        if (low > in - 1)
            low = in - 1;
        float weight = position - (float)low;
        taps[o] = (tap){first + low, first + (low < in - 1 ? low + 1 : low), weight < 1 ? weight : 1};
    }
}

wn_status wn_resize_create(int height, int width, int size, wn_resize **result) {
    *result = NULL;
    if (height < 1 || width < 1 || size < 1)
        return wn_error(WN_ERROR_INVALID, "cannot resize %dx%d images to %dx%d: sizes must be at least 1",
                        height, width, size, size);
    wn_resize *resize = calloc(1, sizeof *resize);
    if (!resize)
        goto out_of_memory;
    *resize = (wn_resize){.height = height, .width = width, .size = size, .line_row = {-1, -1}};
    resize->rows = calloc((size_t)size, sizeof(tap));
    resize->columns = calloc((size_t)size, sizeof(tap));
    resize->line[0] = calloc((size_t)size, sizeof(float));
    resize->line[1] = calloc((size_t)size, sizeof(float));
    if (!resize->rows || !resize->columns || !resize->line[0] || !resize->line[1])
        goto out_of_memory;
    wn_resize_part(resize, 0, 0, height, width);
    for (int byte = 0; byte < 256; byte++)
        resize->level[byte] = (float)byte / 255.0f;
    *result = resize;
    return wn_ok();
out_of_memory:
    wn_resize_destroy(resize);
    return wn_error(WN_ERROR_MEMORY, "out of memory for the resize tables of size %d", size);
}

void wn_resize_destroy(wn_resize *resize) {
    if (!resize)
        return;
    free(resize->rows);
    free(resize->columns);
    free(resize->line[0]);
    free(resize->line[1]);
    free(resize);
}

void wn_resize_part(wn_resize *r, int top, int left, int height, int width) {
    if (r->part_height != height || r->top != top)
        fill_taps(top, height, r->size, r->rows);
    if (r->part_width != width || r->left != left)
        fill_taps(left, width, r->size, r->columns);
    r->top = top;
    r->left = left;
    r->part_height = height;
    r->part_width = width;
}

/* Source row `row` stretched horizontally. Output rows ascend, so the row below the last pair is the only new
 * one; the line that is not `keep` makes room. */
static int stretched(wn_resize *resize, const uint8_t *source, int row, int keep) {
    for (int i = 0; i < 2; i++)
        if (resize->line_row[i] == row)
            return i;
    int victim = keep == 0 ? 1 : 0;
    const uint8_t *from = source + (size_t)row * (size_t)resize->width;
    const tap *columns = resize->columns;
    float *to = resize->line[victim];
    for (int x = 0; x < resize->size; x++) {
        float low = resize->level[from[columns[x].low]], high = resize->level[from[columns[x].high]];
        to[x] = (1 - columns[x].weight) * low + columns[x].weight * high;
    }
    resize->line_row[victim] = row;
    return victim;
}

void wn_resize_plane(wn_resize *resize, const uint8_t *source, float *target) {
    int size = resize->size;
    if (resize->height == size && resize->width == size && resize->part_height == size &&
        resize->part_width == size) {
        for (size_t i = 0, pixels = (size_t)size * (size_t)size; i < pixels; i++)
            target[i] = (float)source[i] / 255.0f;
        return;
    }
    resize->line_row[0] = resize->line_row[1] = -1;
    for (int y = 0; y < size; y++) {
        const tap *row = &resize->rows[y];
        int upper = stretched(resize, source, row->low, -1);
        int lower = stretched(resize, source, row->high, upper);
        const float *restrict above = resize->line[upper], *restrict below = resize->line[lower];
        float *restrict to = target + (size_t)y * (size_t)size;
        float weight = row->weight, rest = 1 - weight;
        for (int x = 0; x < size; x++)
            to[x] = rest * above[x] + weight * below[x];
    }
}
