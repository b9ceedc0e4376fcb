/* Every layer that is not a convolution, as kernels over views. One table per ISA, see isa.h.
 *
 * A kernel does the share of thread tid of nthreads; kernels with several phases are called once per phase by
 * every thread with a barrier in between. None allocates, none fails, none contains a barrier. Work is
 * divided so that the bits of the result do not depend on nthreads: sums over the batch are taken per fixed
 * chunk (WN_OP_CHUNK images) and merged in order. Unless said otherwise kernels leave zeros in lanes beyond
 * the last channel, given zeros there in the inputs. */
#ifndef WN_OPS_H
#define WN_OPS_H

#include <stdbool.h>
#include <stdint.h>
#include <winnow/graph.h>

/* A tensor in nChw16c: element (n,c,h,w) at data[n*stride + ((c/16*h_ + h)*w_ + w)*16 + c%16].
 * channels counts physical channels up to the last used one (holes of concatenations included). */
typedef struct wn_view {
    float *data;
    int images, channels, height, width;
    int64_t stride; /* floats between images */
} wn_view;

enum { WN_OP_CHUNK = 4 }; /* images whose statistics are summed together; chunks are merged in order */

/* y = f(x), and dx (+)= dy f'(.) computed from the output y. ReLU lets NaN through. */
typedef struct wn_unary_args {
    wn_view x, y;   /* forward: reads x, writes y (may be the same memory). backward: y, dy read */
    wn_view dy, dx; /* backward only; dx may be dy's memory when accumulate is false */
    bool accumulate;
    const float *lane_mask; /* [blocks*16], 1 for used lanes, 0 for padding; read by sigmoid_forward only */
} wn_unary_args;

/* y (+)= a + b, elementwise; b.data may be NULL (copy or accumulate a alone). relu applied last. y may be the
 * memory of a or b. */
typedef struct wn_add_args {
    wn_view a, b, y;
    bool accumulate, relu;
} wn_add_args;

typedef struct wn_pool_args {
    wn_view x, y;   /* forward: x read, y written */
    wn_view dy, dx; /* backward: dy read, dx written (accumulate: added to) */
    int kh, kw, sh, sw, ph, pw;
    uint8_t *argmax;      /* max pool in training: index kh_*kw+kw_ of the chosen tap (the first maximum, as
                             PyTorch; NaN wins) for every element of y, dense nChw16c order; NULL in evaluation */
    int32_t *wide_argmax; /* the same in its place where kh * kw is above WN_MAX_POOL_TAPS */
    bool accumulate;
    bool relu; /* max pool in training: x is a ReLU's output; where the maximum is not positive argmax is
                  WN_MAX_POOL_NONE, so that the gradient comes out masked (at most 255 taps) */
    bool exclude_pad; /* average pool: divide by the number of existing pixels */
    bool adaptive;    /* average pool: window o of n over i pixels is [o i / n, ceil((o + 1) i / n)), as
                         PyTorch's adaptive pool; kernel, stride and padding mean nothing */
} wn_pool_args; /* windows may hang over the right and lower edge (ceil mode): only existing pixels count for
                   max; average divides by the window clipped to the padded input, as PyTorch with
                   count_include_pad = true, and with exclude_pad by the pixels that exist, as with false.
                   Every window holds an existing pixel */
enum { WN_MAX_POOL_TAPS = 256, WN_MAX_POOL_NONE = 255 };

/* y = x with pad_height rows above and below and pad_width columns left and right of it that show pixels of
 * x. Reflection needs maps larger than the padding, circular ones as large. */
typedef struct wn_pad_args {
    wn_view x, y;   /* forward: x read, y written */
    wn_view dy, dx; /* backward: dy read, dx written (accumulate: added to) */
    int pad_height, pad_width;
    wn_padding mode; /* not zeros */
    bool plain;      /* forward: both are plain NCHW, views with one value a pixel */
    bool accumulate;
} wn_pad_args;

/* Batch norm over images and pixels of each channel. eps and momentum as PyTorch: a running value
 * becomes (1 - momentum) itself + momentum times the batch's, running variance unbiased (training needs two
 * values a channel or more). Padded lanes have scale = shift = 0. y may be the memory of residual, in
 * evaluation also that of x; dx or dresidual (not both) may be that of dy when it is not accumulated to. */
typedef struct wn_batch_norm_args {
    wn_view x, y, dy, dx; /* backward reads y for the mask of a ReLU when its data is not NULL, else it finds
                             the mask from x: there was no residual */
    wn_view residual;     /* forward: added before ReLU when data is not NULL */
    wn_view dresidual;    /* backward: receives dy after the ReLU mask when data is not NULL */
    const float *scale, *shift;        /* [blocks*16] */
    float *dscale, *dshift;            /* [blocks*16], written */
    float *running_mean, *running_var; /* [blocks*16] */
    float *saved_mean, *saved_inv_std; /* [blocks*16] written by forward training, read by backward */
    float *partial;                    /* workspace, wn_batch_norm_workspace floats */
    double *statistics;  /* forward training, NULL: not wanted: receives (mean, sum of squared deviations) of
                            every block, WN_BATCH_NORM_STATISTICS doubles each */
    const double *known; /* the same of the first known_blocks blocks, of a tensor whose values they are */
    int known_blocks;
    float eps, momentum;
    bool relu;       /* y = max(0, ...); backward masks with y > 0 */
    bool accumulate; /* dx is added to */
    bool mask_dx;    /* x is a ReLU's output: dx, with what is added to, is 0 where x is not positive */
    bool accumulate_residual; /* dresidual is added to */
} wn_batch_norm_args;

enum { WN_BATCH_NORM_CHUNK_FLOATS = 64 }; /* of workspace per chunk of images and block: 2 x 16 doubles */
enum { WN_BATCH_NORM_STATISTICS = 32 };
int64_t wn_batch_norm_workspace(int images, int channels);
/* Channel blocks that are summed up and finished together, and the phases of training and backward. */
long wn_batch_norm_wave(const wn_view *x);
int wn_batch_norm_phases(const wn_view *x);

/* y = x scale^-3/4 with scale = k + alpha / size times the sum of squares of the `size` channels around each,
 * those that exist; size odd. Channels without holes. No memory is shared. */
typedef struct wn_response_norm_args {
    wn_view x, y;   /* forward: x read, y written */
    wn_view dy, dx; /* backward: x and dy read, dx written */
    int size;
    float alpha, k;
    bool accumulate;
} wn_response_norm_args;
enum { WN_RESPONSE_NORM_MOST = 9 }; /* channels around each */

typedef struct wn_dropout_args {
    wn_view x, y; /* forward y = x * mask / (1 - p); backward is called with x = dy, y = dx */
    float p;
    uint64_t seed, stream;
    const int64_t *step; /* read at run time: mask of (seed, stream, step*elements + element); the mask index
                            is that of (n, c, h, w) counted without padding, so it does not depend on layout
                            (holes of concatenations count). Dropped where wn_random_uniform < p */
    bool accumulate;
} wn_dropout_args; /* y may be the memory of x */

/* Softmax with cross-entropy averaged over `images` (labels in [0, classes)). Two phases. dlogits may be the
 * memory of logits. The target of an image is 1 - smoothing at its label plus smoothing / classes everywhere
 * (label smoothing, Szegedy et al. 2016, as PyTorch). Where there are others, 1 is a share at the label and
 * the rest of it at the other (mixup, Zhang et al. 2018, section 2). */
typedef struct wn_loss_args {
    wn_view logits;        /* channels = classes, 1x1 */
    wn_view dlogits;       /* data NULL in evaluation; padded lanes written as 0 */
    float smoothing;       /* in [0, 1) */
    const int32_t *labels; /* [images] */
    const int32_t *others; /* [images] second labels; NULL: none */
    const float *shares;   /* [images] of the first labels, in [0, 1] */
    float *sample_loss;    /* [images] */
    int32_t *sample_hit;   /* [images] 1 when the first maximum is the label */
    double *loss;          /* mean over images, summed in image order */
    int64_t *correct;
} wn_loss_args;

/* Values that change between steps; read at run time. */
typedef struct wn_hyper {
    float lr, momentum, weight_decay;
    float beta1, beta2, eps;    /* Adam; RMSprop uses the latter two */
    bool decoupled_decay;       /* AdamW */
    bool nesterov;              /* SGD with momentum */
    int64_t step;               /* 1 for the first update */
    float gradient_factor;      /* of gradients in updates; 0: 1 */
    float clip_norm;            /* what the norm of all gradients is clipped to; 0: nothing */
    float average_decay, share; /* of the running average; of a batch in gathered gradients */
    bool first, hold;           /* gathered gradients begin anew; wait for more before the update */
    double norm;                /* of all gradients, the last time */
} wn_hyper;

/* Update of one parameter tensor of `count` floats (a multiple of 16). SGD as PyTorch: g += decay w;
 * v = momentum v + g (v = g when moment1 is NULL); w -= lr v, or lr (g + momentum v) with Nesterov's. Adam:
 * Kingma & Ba 2015, Algorithm 1, and with decoupled decay Loshchilov & Hutter 2019. RMSprop (Tieleman &
 * Hinton 2012) as PyTorch: g += decay w; s = beta2 s + (1 - beta2) g^2; v = momentum v + g / (sqrt(s) + eps);
 * w -= lr v. */
typedef struct wn_update_args {
    float *weights;
    const float *gradient;
    float *moment1, *moment2; /* v of SGD and RMSprop in moment1, s in moment2; NULL when unused */
    int64_t count;
    const wn_hyper *hyper;
    double *squares; /* of gradient_squares: sums of pieces, from first_square on */
    int64_t first_square;
} wn_update_args;

/* Pieces of WN_GRADIENT_PIECE floats whose squares are summed one by one, so that a norm does not depend on
 * threads. */
enum { WN_GRADIENT_PIECE = 4096 };
static inline int64_t wn_gradient_pieces(int64_t count) {
    return (count + WN_GRADIENT_PIECE - 1) / WN_GRADIENT_PIECE;
}
typedef void wn_update_kernel(const wn_update_args *, int tid, int nthreads);

typedef struct wn_ops {
    void (*relu_forward)(const wn_unary_args *, int tid, int nthreads);
    void (*relu_backward)(const wn_unary_args *, int tid, int nthreads);
    void (*sigmoid_forward)(const wn_unary_args *, int tid, int nthreads);
    void (*sigmoid_backward)(const wn_unary_args *, int tid, int nthreads);
    void (*tanh_forward)(const wn_unary_args *, int tid, int nthreads);
    void (*tanh_backward)(const wn_unary_args *, int tid, int nthreads);
    void (*add)(const wn_add_args *, int tid, int nthreads);
    void (*max_pool_forward)(const wn_pool_args *, int tid, int nthreads);
    void (*max_pool_backward)(const wn_pool_args *, int tid, int nthreads);
    void (*average_pool_forward)(const wn_pool_args *, int tid, int nthreads); /* global: kernel = map */
    void (*average_pool_backward)(const wn_pool_args *, int tid, int nthreads);
    void (*pad_forward)(const wn_pad_args *, int tid, int nthreads);
    void (*pad_backward)(const wn_pad_args *, int tid, int nthreads);
    void (*batch_norm_train)(const wn_batch_norm_args *, int phase, int tid, int nthreads);
    void (*batch_norm_eval)(const wn_batch_norm_args *, int tid, int nthreads);
    void (*batch_norm_backward)(const wn_batch_norm_args *, int phase, int tid, int nthreads);
    void (*response_norm_forward)(const wn_response_norm_args *, int tid, int nthreads);
    void (*response_norm_backward)(const wn_response_norm_args *, int tid, int nthreads);
    void (*dropout)(const wn_dropout_args *, int tid, int nthreads);
    void (*loss)(const wn_loss_args *, int phase, int tid, int nthreads); /* 2 phases */
    wn_update_kernel *sgd, *adam, *rmsprop;
    wn_update_kernel *gather_gradient;  /* weights = share gradient, added to them unless it is the first */
    wn_update_kernel *gradient_squares; /* squares of the gradient, by pieces */
    wn_update_kernel *average_weights;  /* weights = d weights + (1 - d) gradient */
} wn_ops;

#endif
