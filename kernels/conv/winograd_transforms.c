/* Stamps out Winograd's transforms for one ISA. Here: the interpolation points and the constants that follow
 * from them; how they are applied is in winograd_points.h (along one axis) and winograd_body.h (both axes).
 *
 * The matrices are Toom and Cook's (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
 * 2016): polynomials are multiplied by their values at n - 1 points and at infinity. The points are 0 and
 * pairs +-p, so that the two rows of a pair share their even and odd parts. Which p round least was found by
 * measuring symmetric sets (after Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
 * Convolution for DNNs", 2020); all constants of B^T are exact in f32.
 *
 * With w(x) = product of (x - p^2) over all pairs and w_k(x) the same without pair k, the rows of B^T are the
 * coefficients of w(x^2) for 0, (x^2 +- p x) w_k(x^2) for +-p and x w(x^2) for infinity; those of A and G are
 * powers of the point, in G divided by w(0) for 0 and by 2 p^2 w_k(p^2) for +-p. */
#include "conv/winograd_transforms.h"
#include "isa.h"
#include "simd/vf.h"

enum { MAX_PAIRS = (WN_WINOGRAD_MAX_PATCH - 2) / 2 };

/* What belongs to a patch of n = 2 pairs + 2. */
typedef struct point_set {
    float point[MAX_PAIRS];
    float all[MAX_PAIRS + 1];            /* coefficients of w, ascending */
    float without[MAX_PAIRS][MAX_PAIRS]; /* of w_k */
    float norm_of_zero, norm[MAX_PAIRS]; /* what G is divided by */
} point_set;

#define SQUARE(p) ((p) * (p))

#define P 1.0f
static const point_set points_4 = {.point = {P},
                                   .all = {-SQUARE(P), 1},
                                   .without = {{1}},
                                   .norm_of_zero = -SQUARE(P),
                                   .norm = {2 * SQUARE(P)}};
#undef P

#define P 0.75f
#define Q 1.5f
#define NORM(p, q) (2 * SQUARE(p) * (SQUARE(p) - SQUARE(q)))
static const point_set points_6 = {
    .point = {P, Q},
    .all = {SQUARE(P) * SQUARE(Q), -SQUARE(P) - SQUARE(Q), 1},
    .without = {{-SQUARE(Q), 1}, {-SQUARE(P), 1}},
    .norm_of_zero = SQUARE(P) * SQUARE(Q),
    .norm = {NORM(P, Q), NORM(Q, P)},
};
#undef P
#undef Q
#undef NORM

#define P 0.5f
#define Q 1.0f
#define R 2.0f
#define NORM(p, q, r) (2 * SQUARE(p) * (SQUARE(p) - SQUARE(q)) * (SQUARE(p) - SQUARE(r)))
#define WITHOUT(q, r)                                                                                        \
    { SQUARE(q) * SQUARE(r), -SQUARE(q) - SQUARE(r), 1 }
static const point_set points_8 = {
    .point = {P, Q, R},
    .all = {-SQUARE(P) * SQUARE(Q) * SQUARE(R),
            SQUARE(P) * SQUARE(Q) + SQUARE(P) * SQUARE(R) + SQUARE(Q) * SQUARE(R),
            -SQUARE(P) - SQUARE(Q) - SQUARE(R), 1},
    .without = {WITHOUT(Q, R), WITHOUT(P, R), WITHOUT(P, Q)},
    .norm_of_zero = -SQUARE(P) * SQUARE(Q) * SQUARE(R),
    .norm = {NORM(P, Q, R), NORM(Q, P, R), NORM(R, P, Q)},
};
#undef P
#undef Q
#undef R
#undef NORM
#undef WITHOUT

/* What lies outside of a map. */
static const _Alignas(64) float zero_row[WN_WINOGRAD_MAX_PATCH * 16];

#define PASTE_(name, a, b) name##_##a##_##b
#define PASTE(name, a, b) PASTE_(name, a, b)
#define NAME(name) PASTE(name, TILE, KERNEL)

#define PATCH 4
#include "conv/winograd_points.h"
#define TILE 2
#define KERNEL 3
#include "conv/winograd_body.h"
#undef TILE
#undef KERNEL
#undef PATCH

#define PATCH 6
#include "conv/winograd_points.h"
#define TILE 4
#define KERNEL 3
#include "conv/winograd_body.h"
#undef TILE
#undef KERNEL
#define TILE 2
#define KERNEL 5
#include "conv/winograd_body.h"
#undef TILE
#undef KERNEL
#undef PATCH

#define PATCH 8
#include "conv/winograd_points.h"
#define TILE 6
#define KERNEL 3
#include "conv/winograd_body.h"
#undef TILE
#undef KERNEL
#define TILE 4
#define KERNEL 5
#include "conv/winograd_body.h"
#undef TILE
#undef KERNEL
#undef PATCH

#define SIZE(m, r, n)                                                                                        \
    {                                                                                                        \
        .tile = m, .kernel = r, .source = source_##n, .weights = weights_##m##_##r,                          \
        .result = result_##m##_##r, .gradient = gradient_##m##_##r,                                          \
        .weights_gradient = weights_gradient_##m##_##r                                                       \
    }

const wn_winograd_transforms WN_TARGET_NAME(winograd)[WN_WINOGRAD_SIZES] = {
    SIZE(2, 3, 4), SIZE(4, 3, 6), SIZE(6, 3, 8), SIZE(2, 5, 6), SIZE(4, 5, 8)};
