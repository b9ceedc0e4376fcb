/* The embedded data set: ten shapes drawn as strokes, each image with its own affine change, wobble,
 * thickness, contrast, clutter and noise. The shapes come in look-alike pairs that differ in one stroke, and
 * the changes are wide, so that no fixed template (a linear model) tells them apart. */
#include "data.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 28, CLASSES = 10, MAX_STROKES = 5, ARC_PIECES = 10, MAX_SEGMENTS = 40 };

/* Strokes live in the square [-1,1] x [-1,1], y down. An arc with two equal angles never occurs, so from ==
 * to
 * == 0 marks a straight line. */
typedef struct stroke {
    float x0, y0, x1, y1; /* line: its ends; arc: centre and radii */
    float from, to;       /* arc: angles in degrees */
} stroke;

#define LINE(x0, y0, x1, y1)                                                                                 \
    { x0, y0, x1, y1, 0, 0 }
#define ARC(x, y, rx, ry, from, to)                                                                          \
    { x, y, rx, ry, from, to }

/* A stroke with both radii zero (an all-zero entry) ends a shape. */
static const stroke shapes[CLASSES][MAX_STROKES] = {
    {ARC(0, 0, .85f, .95f, 0, 360)},                                                   /* ring */
    {ARC(0, 0, .85f, .95f, 45, 315)},                                                  /* ring, open right */
    {LINE(-.9f, .8f, .9f, .8f), LINE(.9f, .8f, 0, -.9f), LINE(0, -.9f, -.9f, .8f)},    /* triangle */
    {LINE(-.9f, .8f, .9f, .8f), LINE(-.9f, .8f, 0, -.9f), LINE(.9f, .8f, .5f, -.15f)}, /* torn triangle */
    {LINE(0, -.95f, 0, .95f), LINE(-.9f, -.1f, .9f, -.1f)},                            /* cross */
    {LINE(0, -.9f, 0, .95f), LINE(-.9f, -.9f, .9f, -.9f)},                             /* T */
    {LINE(-.7f, -.9f, -.7f, .9f), LINE(.7f, -.9f, .7f, .9f), LINE(-.7f, 0, .7f, 0)},   /* H */
    {LINE(-.7f, -.9f, -.7f, .9f), LINE(.7f, -.9f, .7f, .9f), LINE(-.7f, -.9f, .7f, .9f)}, /* N */
    {ARC(0, -.45f, .6f, .45f, 90, 360), ARC(0, .45f, .6f, .45f, -90, 180)},               /* S */
    {ARC(0, -.45f, .6f, .45f, -180, 90), ARC(0, .45f, .6f, .45f, 0, 270)},                /* S mirrored */
};

/* Draws of one image in sequence: words of the counter (image, position), four at a time. */
typedef struct random_stream {
    uint64_t seed, index;
    uint32_t words[4];
    uint32_t used;
} random_stream;

/* Images own 2^12 counters each: far more than the about 400 draws one takes. */
static uint32_t draw_word(random_stream *random) {
    if (random->used % 4 == 0)
        wn_random_words(random->seed, WN_STREAM_SYNTHETIC, random->index << 12 | random->used / 4,
                        random->words);
    return random->words[random->used++ % 4];
}

static float draw_between(random_stream *random, float low, float high) {
    return low + (high - low) * ((float)(draw_word(random) >> 8) * 0x1p-24f);
}

/* What happens to every point of an image: x' = a x + b y + c, y' = d x + e y + f, in pixels. */
typedef struct affine {
    float a, b, c, d, e, f;
} affine;

static affine draw_affine(random_stream *random) {
    float angle = draw_between(random, -.25f, .25f), shear = draw_between(random, -.15f, .15f);
    float scale_x = draw_between(random, 7, 9), scale_y = draw_between(random, 7, 9);
    float shift_x = draw_between(random, -3.8f, 3.8f), shift_y = draw_between(random, -3.8f, 3.8f);
    float cosine = cosf(angle), sine = sinf(angle);
    return (affine){
        .a = scale_x * cosine,
        .b = scale_y * (shear * cosine - sine),
        .c = SIDE / 2.0f + shift_x,
        .d = scale_x * sine,
        .e = scale_y * (shear * sine + cosine),
        .f = SIDE / 2.0f + shift_y,
    };
}

typedef struct segment {
    float x0, y0, x1, y1; /* pixels */
} segment;

typedef struct segment_list {
    segment segments[MAX_SEGMENTS];
    int count;
} segment_list;

static void add_segment(segment_list *drawing, const affine *map, float x0, float y0, float x1, float y1) {
    drawing->segments[drawing->count++] = (segment){
        map->a * x0 + map->b * y0 + map->c,
        map->d * x0 + map->e * y0 + map->f,
        map->a * x1 + map->b * y1 + map->c,
        map->d * x1 + map->e * y1 + map->f,
    };
}

static void add_stroke(segment_list *drawing, const affine *map, const stroke *part, random_stream *random) {
    /* Hands are not plotters: every stroke is a little off. */
    float dx = draw_between(random, -.06f, .06f), dy = draw_between(random, -.06f, .06f);
    if (part->from == part->to) {
        add_segment(drawing, map, part->x0 + dx, part->y0 + dy, part->x1 - dy, part->y1 + dx);
        return;
    }
    float step = (part->to - part->from) / ARC_PIECES * (float)M_PI / 180;
    float angle = part->from * (float)M_PI / 180;
    float x = part->x0 + part->x1 * cosf(angle), y = part->y0 + part->y1 * sinf(angle);
    for (int piece = 0; piece < ARC_PIECES; piece++) {
        angle += step;
        float next_x = part->x0 + part->x1 * cosf(angle), next_y = part->y0 + part->y1 * sinf(angle);
        add_segment(drawing, map, x + dx, y + dy, next_x + dx, next_y + dy);
        x = next_x;
        y = next_y;
    }
}

/* Short strokes that belong to no shape, anywhere on the canvas. */
static void add_clutter(segment_list *drawing, random_stream *random) {
    int count = (int)(draw_word(random) >> 8) % 3;
    for (int i = 0; i < count; i++) {
        float x = draw_between(random, 0, SIDE), y = draw_between(random, 0, SIDE);
        float dx = draw_between(random, -5, 5), dy = draw_between(random, -5, 5);
        drawing->segments[drawing->count++] = (segment){x, y, x + dx, y + dy};
    }
}

static float distance_to(const segment *line, float x, float y) {
    float dx = line->x1 - line->x0, dy = line->y1 - line->y0;
    float length2 = dx * dx + dy * dy;
    float along = length2 > 0 ? ((x - line->x0) * dx + (y - line->y0) * dy) / length2 : 0;
    along = along < 0 ? 0 : along > 1 ? 1 : along;
    float off_x = x - (line->x0 + along * dx), off_y = y - (line->y0 + along * dy);
    return sqrtf(off_x * off_x + off_y * off_y);
}

static int clamp_pixel(float position) {
    return position < 0 ? 0 : position > SIDE ? SIDE : (int)position;
}

/* Paints a segment `radius` thick with one pixel of soft edge; overlapping strokes take the maximum. */
static void paint(const segment *line, float radius, float canvas[SIDE][SIDE]) {
    float reach = radius + 1;
    int left = clamp_pixel(fminf(line->x0, line->x1) - reach);
    int right = clamp_pixel(fmaxf(line->x0, line->x1) + reach + 1);
    int top = clamp_pixel(fminf(line->y0, line->y1) - reach);
    int bottom = clamp_pixel(fmaxf(line->y0, line->y1) + reach + 1);
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
            float cover = radius + .5f - distance_to(line, (float)x + .5f, (float)y + .5f);
            cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
            canvas[y][x] = canvas[y][x] > cover ? canvas[y][x] : cover;
        }
}

/* Ink on paper: contrast, a grey background, and noise of triangular distribution (two bytes each). */
static void develop(float canvas[SIDE][SIDE], random_stream *random, uint8_t *image) {
    float paper = draw_between(random, 0, 8), ink = draw_between(random, 150, 255);
    float noise = draw_between(random, 5, 15) / 255;
    uint32_t word = 0;
    for (int i = 0; i < SIDE * SIDE; i++, word >>= 16) {
        if (i % 2 == 0)
            word = draw_word(random);
        float grain = (float)((int)(word & 255) + (int)(word >> 8 & 255) - 255);
        float value = paper + (ink - paper) * canvas[i / SIDE][i % SIDE] + noise * grain;
        image[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + .5f);
    }
}

void wn_synthetic_draw(uint64_t seed, uint64_t index, uint8_t image[SIDE * SIDE]) {
    random_stream random = {.seed = seed, .index = index};
    float canvas[SIDE][SIDE] = {{0}};
    segment_list drawing = {.count = 0};
    affine map = draw_affine(&random);
    const stroke *strokes = shapes[index % CLASSES];
    for (int i = 0; i < MAX_STROKES && (strokes[i].x1 != 0 || strokes[i].y1 != 0); i++)
        add_stroke(&drawing, &map, &strokes[i], &random);
    add_clutter(&drawing, &random);
    float radius = draw_between(&random, .5f, 1.4f);
    for (int i = 0; i < drawing.count; i++)
        paint(&drawing.segments[i], radius, canvas);
    develop(canvas, &random, image);
}

/* Test images are numbered from here on, so that the splits share nothing however many are trained on. It is
 * a multiple of the number of classes: label i is i % 10 in both. */
static const uint64_t first_test_index = 10ull << 40;

static wn_status draw_split(uint64_t seed, uint64_t first, int64_t count, wn_split_data *split) {
    size_t bytes;
    if (count < 1 || __builtin_mul_overflow((size_t)count, (size_t)(SIDE * SIDE), &bytes))
        return wn_error(WN_ERROR_INVALID, "%lld synthetic images, expected at least 1", (long long)count);
    split->images = malloc(bytes);
    split->labels = malloc((size_t)count);
    if (!split->images || !split->labels)
        return wn_error(WN_ERROR_MEMORY, "no memory for %lld synthetic images", (long long)count);
    split->count = count;
    for (int64_t i = 0; i < count; i++) {
        wn_synthetic_draw(seed, first + (uint64_t)i, split->images + i * (SIDE * SIDE));
        split->labels[i] = (uint8_t)(i % CLASSES);
    }
    return wn_ok();
}

wn_status wn_dataset_synthetic(uint64_t seed, int64_t train, int64_t test, wn_dataset *dataset) {
    *dataset =
        (wn_dataset){.name = "synthetic", .channels = 1, .height = SIDE, .width = SIDE, .classes = CLASSES};
    wn_status status = draw_split(seed, 0, train, &dataset->train);
    if (!wn_failed(status))
        status = draw_split(seed, first_test_index, test, &dataset->test);
    if (wn_failed(status))
        wn_dataset_free(dataset);
    return status;
}
