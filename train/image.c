/* Image files of any kind: reading them whole, telling them apart, and bringing pixels to a size. */
#include "image.h"
#include "orientation.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const wn_image_format *const formats[] = {&wn_image_jpeg, &wn_image_png};

/* What a header may ask for: more would be a mistake or an attack, not a picture. */
static const int64_t MOST_PIXELS = 1 << 27, MOST_BYTES = 1 << 29;

static wn_status read_bytes(wn_image_file *file) {
    FILE *stream = fopen(file->path, "rb");
    struct stat facts;
    if (!stream || fstat(fileno(stream), &facts) != 0) {
        wn_status status = wn_error(WN_ERROR_IO, "%s: %s", file->path, strerror(errno));
        if (stream)
            fclose(stream);
        return status;
    }
    if (!S_ISREG(facts.st_mode) || facts.st_size > MOST_BYTES) {
        fclose(stream);
        return wn_error(WN_ERROR_FORMAT, "%s: no regular file of at most %lld MiB", file->path,
                        (long long)MOST_BYTES >> 20);
    }
    file->size = (size_t)facts.st_size;
    file->bytes = malloc(file->size + 1);
    bool whole = file->bytes && fread(file->bytes, 1, file->size, stream) == file->size;
    fclose(stream);
    if (!file->bytes)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its %zu bytes", file->path, file->size);
    return whole ? wn_ok() : wn_error(WN_ERROR_IO, "%s: cannot be read", file->path);
}

static void swap_sides(wn_image_file *file) {
    int height = file->height;
    file->height = file->width;
    file->width = height;
}

static wn_status read_header(wn_image_file *file) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats && !file->format; i++)
        if (file->size >= formats[i]->signature_length &&
            !memcmp(file->bytes, formats[i]->signature, formats[i]->signature_length))
            file->format = formats[i];
    if (!file->format)
        return wn_error(WN_ERROR_FORMAT, "%s: neither JPEG nor PNG: %s", file->path,
                        file->size ? "it starts otherwise" : "it is empty");
    file->orientation = 1;
    WN_TRY(file->format->read_header(file));
    if (wn_orientation_swaps(file->orientation))
        swap_sides(file);
    if (file->height < 1 || file->width < 1 || (int64_t)file->height * file->width > MOST_PIXELS)
        return wn_error(WN_ERROR_FORMAT, "%s: a picture of %dx%d, expected 1x1 to %lld pixels", file->path,
                        file->height, file->width, (long long)MOST_PIXELS);
    return wn_ok();
}

wn_status wn_image_open(const char *path, wn_image_file *file) {
    *file = (wn_image_file){.path = path};
    wn_status status = read_bytes(file);
    if (!wn_failed(status))
        status = read_header(file);
    if (wn_failed(status))
        wn_image_close(file);
    return status;
}

wn_status wn_image_decode(const wn_image_file *file, int channels, uint8_t *pixels) {
    if (file->orientation == 1)
        return file->format->decode(file, channels, pixels);
    wn_image_file stored = *file;
    if (wn_orientation_swaps(file->orientation))
        swap_sides(&stored);
    uint8_t *turned = malloc((size_t)file->height * (size_t)file->width * (size_t)channels);
    if (!turned)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for its pixels", file->path);
    wn_status status = file->format->decode(&stored, channels, turned);
    if (!wn_failed(status))
        wn_orientation_apply(file->orientation, turned, stored.height, stored.width, channels, pixels);
    free(turned);
    return status;
}

void wn_image_close(wn_image_file *file) {
    free(file->bytes);
    file->bytes = NULL;
}

/* One output coordinate: `count` source coordinates from `first` on, with their weights. */
typedef struct taps {
    int first, count;
    float *weights;
} taps;

/* Weights of a triangle of that width around every output's centre, out of [begin, begin + extent). */
static taps *make_taps(double begin, double extent, int source, int target) {
    double scale = extent / target, support = fmax(scale, 1);
    int most = (int)ceil(2 * support) + 2;
    taps *of = malloc((size_t)target * (sizeof *of + (size_t)most * sizeof(float)));
    if (!of)
        return NULL;
    float *weights = (float *)(of + target);
    for (int o = 0; o < target; o++, weights += most) {
        double centre = begin + (o + 0.5) * scale, sum = 0;
        int first = (int)fmax(0, floor(centre - support + 0.5));
        int end = (int)fmin(source, floor(centre + support + 0.5));
        for (int i = first; i < end; i++) {
            weights[i - first] = (float)fmax(0, 1 - fabs(i + 0.5 - centre) / support);
            sum += (double)weights[i - first];
        }
        for (int i = first; i < end; i++)
            weights[i - first] = (float)((double)weights[i - first] / sum);
        of[o] = (taps){first, end - first, weights};
    }
    return of;
}

static void shrink_row(const uint8_t *pixels, int channels, const taps *columns, int to_width, float *row) {
    for (int x = 0; x < to_width; x++) {
        float sum = 0;
        for (int i = 0; i < columns[x].count; i++)
            sum += columns[x].weights[i] * (float)pixels[(columns[x].first + i) * channels];
        row[x] = sum;
    }
}

static void shrink_plane(const uint8_t *pixels, int width, int channels, const taps *rows,
                         const taps *columns, int to_height, int to_width, float *lines, uint8_t *plane) {
    int ready = rows[0].first; /* source rows before it are in `lines`, which begins with rows[0].first */
    for (int y = 0; y < to_height; y++) {
        for (; ready < rows[y].first + rows[y].count; ready++)
            shrink_row(pixels + (size_t)ready * (size_t)width * (size_t)channels, channels, columns, to_width,
                       lines + (size_t)(ready - rows[0].first) * (size_t)to_width);
        const float *first = lines + (size_t)(rows[y].first - rows[0].first) * (size_t)to_width;
        for (int x = 0; x < to_width; x++) {
            float sum = 0.5f;
            for (int i = 0; i < rows[y].count; i++)
                sum += rows[y].weights[i] * first[(size_t)i * (size_t)to_width + (size_t)x];
            *plane++ = (uint8_t)fminf(fmaxf(sum, 0), 255);
        }
    }
}

wn_status wn_image_fit(const char *path, const uint8_t *pixels, int height, int width, int channels,
                       int to_height, int to_width, uint8_t *planes) {
    size_t plane = (size_t)to_height * (size_t)to_width;
    if (height == to_height && width == to_width) {
        for (size_t i = 0; i < plane; i++)
            for (int c = 0; c < channels; c++)
                planes[(size_t)c * plane + i] = pixels[i * (size_t)channels + (size_t)c];
        return wn_ok();
    }
    double scale = fmin((double)height / to_height, (double)width / to_width);
    double tall = scale * to_height, wide = scale * to_width;
    taps *rows = make_taps((height - tall) / 2, tall, height, to_height);
    taps *columns = make_taps((width - wide) / 2, wide, width, to_width);
    float *lines = malloc((size_t)height * (size_t)to_width * sizeof *lines);
    for (int c = 0; rows && columns && lines && c < channels; c++)
        shrink_plane(pixels + c, width, channels, rows, columns, to_height, to_width, lines,
                     planes + (size_t)c * plane);
    wn_status status =
        rows && columns && lines
            ? wn_ok()
            : wn_error(WN_ERROR_MEMORY, "%s: no memory for scaling its %dx%d pixels", path, height, width);
    free(rows);
    free(columns);
    free(lines);
    return status;
}

wn_status wn_image_read(const char *path, int to_height, int to_width, int channels, uint8_t *planes) {
    wn_image_file file;
    WN_TRY(wn_image_open(path, &file));
    uint8_t *pixels = malloc((size_t)file.height * (size_t)file.width * (size_t)channels);
    wn_status status = pixels ? wn_image_decode(&file, channels, pixels)
                              : wn_error(WN_ERROR_MEMORY, "%s: no memory for its pixels", path);
    if (!wn_failed(status))
        status = wn_image_fit(path, pixels, file.height, file.width, channels, to_height, to_width, planes);
    free(pixels);
    wn_image_close(&file);
    return status;
}
