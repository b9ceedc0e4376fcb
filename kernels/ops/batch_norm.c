/* Batch norm: training, evaluation, backward, each with an optional ReLU, training and evaluation with an
 * optional residual.
 *
 * Sums go over tiles of at most TILE pixels in f32, tiles are joined in double per chunk of WN_OP_CHUNK
 * images, and chunks in order by every thread for the blocks it works on. Blocks come in waves: a phase
 * finishes the wave before and sums up the next one, so that the second reading of a wave finds it in the
 * cache. Blocks whose statistics are known from another batch norm are not summed up again. A variance is
 * never the difference of two large numbers: tiles and chunks are (mean, M2) pairs, merged by Chan, Golub &
 * LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979. */
#include "ops_internal.h"
#include "vector_math.h"

enum { TILE = 128 }; /* pixels: 8 KiB, so that the second pass over a tile finds it in the L1 cache */

/* What is known of one block of channels. The partial sums of a chunk have the same form in both directions.
 */
typedef struct chunk_sums {
    double first[WN_BLOCK];  /* forward: mean; backward: sum of g */
    double second[WN_BLOCK]; /* forward: M2; backward: sum of g (x - mean) */
} chunk_sums;

_Static_assert(sizeof(chunk_sums) == sizeof(float) * WN_BATCH_NORM_CHUNK_FLOATS, "workspace of a chunk");
_Static_assert(sizeof(chunk_sums) == sizeof(double) * WN_BATCH_NORM_STATISTICS, "statistics of a block");

/* Blocks [begin, end) of a wave; none before the first and behind the last. */
typedef struct wave_blocks {
    long begin, end;
} wave_blocks;

static wave_blocks wave_at(const wn_batch_norm_args *args, int wave) {
    long size = wn_batch_norm_wave(&args->x), blocks = wn_view_blocks(&args->x);
    return (wave_blocks){wn_min_long(wave < 0 ? 0 : wave * size, blocks),
                         wn_min_long((wave + 1) * size, blocks)};
}

static long chunks_of(long images) {
    return (images + WN_OP_CHUNK - 1) / WN_OP_CHUNK;
}

static chunk_sums *partial_of(const wn_batch_norm_args *args, long block, long chunk) {
    return (chunk_sums *)args->partial + block * chunks_of(args->x.images) + chunk;
}

/* Joins (mean, M2) of `count` values to those of `seen` values. */
static void merge(chunk_sums *into, long seen, const chunk_sums *part, long count) {
    double share = (double)count / (double)(seen + count);
    double weight = (double)seen * share;
    for (int i = 0; i < WN_BLOCK; i++) {
        double delta = part->first[i] - into->first[i];
        into->first[i] += delta * share;
        into->second[i] += part->second[i] + delta * delta * weight;
    }
}

/* Sum of x - centre and of its square over a tile, four pixels at a time to keep the adders busy. */
WN_INLINE void deviations(const float *x, long pixels, vf centre, vf *sum, vf *squares) {
    vf sums[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()},
       second[4] = {sums[0], sums[0], sums[0], sums[0]};
    long pixel = 0;
    for (; pixel + 4 <= pixels; pixel += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            vf deviation = vf_load(x + (pixel + i) * WN_BLOCK) - centre;
            sums[i] += deviation;
            second[i] = vf_fma(deviation, deviation, second[i]);
        }
    for (; pixel < pixels; pixel++) {
        vf deviation = vf_load(x + pixel * WN_BLOCK) - centre;
        sums[0] += deviation;
        second[0] = vf_fma(deviation, deviation, second[0]);
    }
    *sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    *squares = (second[0] + second[1]) + (second[2] + second[3]);
}

WN_INLINE vf tile_sum(const float *x, long pixels) {
    vf sums[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    long pixel = 0;
    for (; pixel + 4 <= pixels; pixel += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            sums[i] += vf_load(x + (pixel + i) * WN_BLOCK);
    for (; pixel < pixels; pixel++)
        sums[0] += vf_load(x + pixel * WN_BLOCK);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* (mean, M2) of a tile: deviations from the rounded mean, then corrected for what rounding it left. */
static void tile_statistics(const float *x, long pixels, chunk_sums *tile) {
    for (int v = 0; v < WN_VECTORS; v++) {
        float centre[WN_LANES], sum[WN_LANES], squares[WN_LANES];
        vf mean = tile_sum(x + v * WN_LANES, pixels) * vf_set1(1.0f / (float)pixels), rest, second;
        deviations(x + v * WN_LANES, pixels, mean, &rest, &second);
        vf_store_unaligned(centre, mean);
        vf_store_unaligned(sum, rest);
        vf_store_unaligned(squares, second);
        for (int i = 0; i < WN_LANES; i++) {
            double correction = (double)sum[i] / (double)pixels;
            tile->first[v * WN_LANES + i] = (double)centre[i] + correction;
            tile->second[v * WN_LANES + i] = fmax((double)squares[i] - (double)sum[i] * correction, 0.0);
        }
    }
}

static void chunk_statistics(const wn_batch_norm_args *args, long block, long chunk) {
    long pixels = wn_plane_pixels(&args->x), seen = 0;
    long last = wn_min_long((chunk + 1) * WN_OP_CHUNK, args->x.images);
    chunk_sums *sums = partial_of(args, block, chunk), tile;
    *sums = (chunk_sums){0};
    for (long image = chunk * WN_OP_CHUNK; image < last; image++) {
        const float *x = wn_view_plane(&args->x, image, block);
        for (long first = 0; first < pixels; first += TILE) {
            long count = wn_min_long(TILE, pixels - first);
            tile_statistics(x + first * WN_BLOCK, count, &tile);
            merge(sums, seen, &tile, count);
            seen += count;
        }
    }
}

/* Statistics of a block over the whole batch. */
static void block_statistics(const wn_batch_norm_args *args, long block, chunk_sums *total) {
    long images = args->x.images, pixels = wn_plane_pixels(&args->x);
    if (block < args->known_blocks) {
        *total = ((const chunk_sums *)args->known)[block];
        return;
    }
    *total = (chunk_sums){0};
    for (long chunk = 0; chunk < chunks_of(images); chunk++) {
        long seen = chunk * WN_OP_CHUNK, count = wn_min_long(WN_OP_CHUNK, images - seen);
        merge(total, seen * pixels, partial_of(args, block, chunk), count * pixels);
    }
}

/* What the forward pass multiplies and adds per channel: y = (x - mean) * factor + shift. */
typedef struct normalisation {
    float mean[WN_BLOCK], factor[WN_BLOCK];
} normalisation;

/* The flag and the residual's presence are constants wherever this is expanded. */
WN_INLINE void normalise_pixels(const float *x, const float *residual, float *y, long pixels,
                                const normalisation *by, const float *shift, bool relu) {
    vf mean[WN_VECTORS], factor[WN_VECTORS], offset[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++) {
        mean[v] = vf_load_unaligned(by->mean + v * WN_LANES);
        factor[v] = vf_load_unaligned(by->factor + v * WN_LANES);
        offset[v] = vf_load(shift + v * WN_LANES);
    }
    for (long pixel = 0; pixel < pixels; pixel++)
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++) {
            long i = pixel * WN_BLOCK + v * WN_LANES;
            vf value = vf_fma(vf_load(x + i) - mean[v], factor[v], offset[v]);
            if (residual)
                value += vf_load(residual + i);
            if (relu)
                value = vf_max(vf_zero(), value);
            vf_store(y + i, value);
        }
}

static void normalise_plane(const wn_batch_norm_args *args, long image, long block, const normalisation *by) {
    const float *x = wn_view_plane(&args->x, image, block), *shift = args->shift + block * WN_BLOCK;
    float *y = wn_view_plane(&args->y, image, block);
    long pixels = wn_plane_pixels(&args->x);
    if (args->residual.data && args->relu)
        normalise_pixels(x, wn_view_plane(&args->residual, image, block), y, pixels, by, shift, true);
    else if (args->residual.data)
        normalise_pixels(x, wn_view_plane(&args->residual, image, block), y, pixels, by, shift, false);
    else if (args->relu)
        normalise_pixels(x, NULL, y, pixels, by, shift, true);
    else
        normalise_pixels(x, NULL, y, pixels, by, shift, false);
}

/* Rounds the statistics of a block to what is used and saved; `owner` also writes them and moves the running
 * ones. */
static void finish_statistics(const wn_batch_norm_args *args, long block, bool owner, normalisation *by) {
    double values = (double)args->x.images * (double)wn_plane_pixels(&args->x);
    chunk_sums total;
    block_statistics(args, block, &total);
    if (owner && args->statistics)
        ((chunk_sums *)args->statistics)[block] = total;
    for (long i = 0, channel = block * WN_BLOCK; i < WN_BLOCK; i++, channel++) {
        float inv_std = (float)(1.0 / sqrt(total.second[i] / values + (double)args->eps));
        by->mean[i] = (float)total.first[i];
        by->factor[i] = args->scale[channel] * inv_std;
        if (!owner)
            continue;
        double momentum = (double)args->momentum, unbiased = total.second[i] / (values - 1);
        float *running_mean = args->running_mean + channel, *running_var = args->running_var + channel;
        args->saved_mean[channel] = by->mean[i];
        args->saved_inv_std[channel] = inv_std;
        *running_mean = (float)((1 - momentum) * (double)*running_mean + momentum * total.first[i]);
        *running_var = (float)((1 - momentum) * (double)*running_var + momentum * unbiased);
    }
}

void WN_TARGET_NAME(batch_norm_train)(const wn_batch_norm_args *args, int phase, int tid, int nthreads) {
    long begin, end, images = args->x.images, chunks = chunks_of(images);
    const wave_blocks before = wave_at(args, phase - 1), next = wave_at(args, phase);
    normalisation by;
    wn_split((before.end - before.begin) * images, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        long block = before.begin + item / images;
        if (item == begin || item % images == 0)
            finish_statistics(args, block, item % images == 0, &by);
        normalise_plane(args, item % images, block, &by);
    }
    const long unknown = wn_max_long(next.begin, wn_min_long(args->known_blocks, next.end));
    wn_split((next.end - unknown) * chunks, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++)
        chunk_statistics(args, unknown + item / chunks, item % chunks);
}

void WN_TARGET_NAME(batch_norm_eval)(const wn_batch_norm_args *args, int tid, int nthreads) {
    long begin, end, images = args->x.images;
    normalisation by;
    wn_split(wn_view_blocks(&args->x) * images, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        long block = item / images;
        if (item == begin || item % images == 0)
            for (long i = 0, channel = block * WN_BLOCK; i < WN_BLOCK; i++, channel++) {
                double deviation = sqrt((double)args->running_var[channel] + (double)args->eps);
                by.mean[i] = args->running_mean[channel];
                by.factor[i] = (float)((double)args->scale[channel] / deviation);
            }
        normalise_plane(args, item % images, block, &by);
    }
}

/* Where the gradient of the output comes through: where the output, stored or computed again from x, is
 * positive, or everywhere. */
typedef enum mask { MASK_NONE, MASK_OUTPUT, MASK_INPUT } mask;

static mask mask_of(const wn_batch_norm_args *args) {
    return !args->relu ? MASK_NONE : args->y.data ? MASK_OUTPUT : MASK_INPUT;
}

/* What one vector of channels is normalised with; the same operations as in the forward pass, so that what
 * was positive there is so here. */
typedef struct channel_terms {
    vf mean, factor, shift;
} channel_terms;

WN_INLINE vf masked(mask by, vf dy, vf x, const float *y, const channel_terms *terms) {
    if (by == MASK_OUTPUT)
        return vf_where_positive(vf_load(y), dy);
    if (by == MASK_INPUT)
        return vf_where_positive(vf_fma(x - terms->mean, terms->factor, terms->shift), dy);
    return dy;
}

/* Sums of g and g (x - mean) over a tile, g being the masked gradient, two pixels at a time to keep the
 * adders busy. The kind of mask is a constant wherever this is expanded. */
WN_INLINE void gradient_sums(mask by, const float *x, const float *y, const float *dy, long pixels,
                             const channel_terms *terms, vf *sum, vf *product) {
    vf sums[2] = {vf_zero(), vf_zero()}, products[2] = {vf_zero(), vf_zero()};
    long pixel = 0;
    for (; pixel + 2 <= pixels; pixel += 2)
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) {
            long at = (pixel + i) * WN_BLOCK;
            vf value = vf_load(x + at), g = masked(by, vf_load(dy + at), value, y + at, terms);
            sums[i] += g;
            products[i] = vf_fma(g, value - terms->mean, products[i]);
        }
    if (pixel < pixels) {
        long at = pixel * WN_BLOCK;
        vf value = vf_load(x + at), g = masked(by, vf_load(dy + at), value, y + at, terms);
        sums[0] += g;
        products[0] = vf_fma(g, value - terms->mean, products[0]);
    }
    *sum = sums[0] + sums[1];
    *product = products[0] + products[1];
}

static void tile_gradients(const wn_batch_norm_args *args, long block, const float *x, const float *y,
                           const float *dy, long pixels, chunk_sums *sums) {
    for (int v = 0; v < WN_BLOCK; v += WN_LANES) {
        long channel = block * WN_BLOCK + v;
        vf sum, product, mean = vf_load(args->saved_mean + channel);
        channel_terms terms = {mean, vf_load(args->scale + channel) * vf_load(args->saved_inv_std + channel),
                               vf_load(args->shift + channel)};
        float lanes[2][WN_LANES];
        switch (mask_of(args)) {
        case MASK_NONE:
            gradient_sums(MASK_NONE, x + v, y + v, dy + v, pixels, &terms, &sum, &product);
            break;
        case MASK_OUTPUT:
            gradient_sums(MASK_OUTPUT, x + v, y + v, dy + v, pixels, &terms, &sum, &product);
            break;
        case MASK_INPUT:
            gradient_sums(MASK_INPUT, x + v, y + v, dy + v, pixels, &terms, &sum, &product);
            break;
        }
        vf_store_unaligned(lanes[0], sum);
        vf_store_unaligned(lanes[1], product);
        for (int i = 0; i < WN_LANES; i++) {
            sums->first[v + i] += (double)lanes[0][i];
            sums->second[v + i] += (double)lanes[1][i];
        }
    }
}

/* A plane of the output, or x's in its place where the output is not read. */
static const float *output_plane(const wn_batch_norm_args *args, long image, long block) {
    return wn_view_plane(mask_of(args) == MASK_OUTPUT ? &args->y : &args->x, image, block);
}

static void chunk_gradients(const wn_batch_norm_args *args, long block, long chunk) {
    long pixels = wn_plane_pixels(&args->x);
    long last = wn_min_long((chunk + 1) * WN_OP_CHUNK, args->x.images);
    chunk_sums *sums = partial_of(args, block, chunk);
    *sums = (chunk_sums){0};
    for (long image = chunk * WN_OP_CHUNK; image < last; image++) {
        const float *x = wn_view_plane(&args->x, image, block), *dy = wn_view_plane(&args->dy, image, block);
        const float *y = output_plane(args, image, block);
        for (long first = 0; first < pixels; first += TILE) {
            long at = first * WN_BLOCK, count = wn_min_long(TILE, pixels - first);
            tile_gradients(args, block, x + at, y + at, dy + at, count, sums);
        }
    }
}

/* What the backward pass multiplies and adds per channel:
 * dx = factor (g - mean_g - (x - mean) slope), slope = inv_std^2 / N sum g (x - mean). */
typedef struct gradient_terms {
    float mean[WN_BLOCK], factor[WN_BLOCK], shift[WN_BLOCK], mean_g[WN_BLOCK], slope[WN_BLOCK];
} gradient_terms;

static void finish_gradients(const wn_batch_norm_args *args, long block, bool owner, gradient_terms *terms) {
    double values = (double)args->x.images * (double)wn_plane_pixels(&args->x);
    chunk_sums total = {0};
    for (long chunk = 0; chunk < chunks_of(args->x.images); chunk++)
        for (int i = 0; i < WN_BLOCK; i++) {
            total.first[i] += partial_of(args, block, chunk)->first[i];
            total.second[i] += partial_of(args, block, chunk)->second[i];
        }
    for (long i = 0, channel = block * WN_BLOCK; i < WN_BLOCK; i++, channel++) {
        double inv_std = (double)args->saved_inv_std[channel];
        terms->mean[i] = args->saved_mean[channel];
        terms->factor[i] = args->scale[channel] * args->saved_inv_std[channel];
        terms->shift[i] = args->shift[channel];
        terms->mean_g[i] = (float)(total.first[i] / values);
        terms->slope[i] = (float)(inv_std * inv_std * total.second[i] / values);
        if (owner) {
            args->dscale[channel] = (float)(total.second[i] * inv_std);
            args->dshift[channel] = (float)total.first[i];
        }
    }
}

/* The kind of mask and whether x's own is applied are constants wherever this is expanded. */
WN_INLINE void gradient_plane(const wn_batch_norm_args *args, long image, long block,
                              const gradient_terms *terms, mask by, bool mask_dx) {
    long pixels = wn_plane_pixels(&args->x);
    const float *x = wn_view_plane(&args->x, image, block), *dy = wn_view_plane(&args->dy, image, block);
    const float *y = output_plane(args, image, block);
    float *dx = wn_view_plane(&args->dx, image, block);
    float *dresidual = args->dresidual.data ? wn_view_plane(&args->dresidual, image, block) : NULL;
    for (int v = 0; v < WN_BLOCK; v += WN_LANES) {
        const channel_terms of = {vf_load_unaligned(terms->mean + v), vf_load_unaligned(terms->factor + v),
                                  vf_load_unaligned(terms->shift + v)};
        const vf mean_g = vf_load_unaligned(terms->mean_g + v), slope = vf_load_unaligned(terms->slope + v);
        for (long pixel = 0; pixel < pixels; pixel++) {
            long i = pixel * WN_BLOCK + v;
            vf value = vf_load(x + i), g = masked(by, vf_load(dy + i), value, y + i, &of);
            if (dresidual)
                vf_put(dresidual + i, g, args->accumulate_residual);
            vf gradient = of.factor * vf_fma(of.mean - value, slope, g - mean_g);
            if (args->accumulate)
                gradient += vf_load(dx + i);
            vf_store(dx + i, mask_dx ? vf_where_positive(value, gradient) : gradient);
        }
    }
}

static void gradient_plane_of_kind(const wn_batch_norm_args *args, long image, long block,
                                   const gradient_terms *terms) {
    const mask by = mask_of(args);
    if (args->mask_dx && by == MASK_NONE)
        gradient_plane(args, image, block, terms, MASK_NONE, true);
    else if (args->mask_dx && by == MASK_OUTPUT)
        gradient_plane(args, image, block, terms, MASK_OUTPUT, true);
    else if (args->mask_dx)
        gradient_plane(args, image, block, terms, MASK_INPUT, true);
    else if (by == MASK_NONE)
        gradient_plane(args, image, block, terms, MASK_NONE, false);
    else if (by == MASK_OUTPUT)
        gradient_plane(args, image, block, terms, MASK_OUTPUT, false);
    else
        gradient_plane(args, image, block, terms, MASK_INPUT, false);
}

void WN_TARGET_NAME(batch_norm_backward)(const wn_batch_norm_args *args, int phase, int tid, int nthreads) {
    long begin, end, images = args->x.images, chunks = chunks_of(images);
    const wave_blocks before = wave_at(args, phase - 1), next = wave_at(args, phase);
    gradient_terms terms;
    wn_split((before.end - before.begin) * images, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++) {
        long block = before.begin + item / images;
        if (item == begin || item % images == 0)
            finish_gradients(args, block, item % images == 0, &terms);
        gradient_plane_of_kind(args, item % images, block, &terms);
    }
    wn_split((next.end - next.begin) * chunks, tid, nthreads, &begin, &end);
    for (long item = begin; item < end; item++)
        chunk_gradients(args, next.begin + item / chunks, item % chunks);
}
