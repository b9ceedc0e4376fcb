/* The networks by name and variant. A network is a function that calls the builder. */
#ifndef WN_NETS_H
#define WN_NETS_H

#include <winnow/graph.h>

/* What a residual block adds where sizes change (He et al. 2016, section 4.1). */
typedef enum wn_shortcut {
    WN_SHORTCUT_DEFAULT, /* the network's own */
    WN_SHORTCUT_A,       /* every other pixel, new channels are zero: no parameters */
    WN_SHORTCUT_B,       /* a projection: 1x1 convolution and batch norm */
    WN_SHORTCUT_C        /* a projection in every block */
} wn_shortcut;

typedef struct wn_net_options {
    int channels, height, width; /* of the input; all > 0 */
    int classes;
    int width_divisor;    /* divides channel counts for narrow versions; 0 = 1 */
    int hidden_divisor;   /* divides the features of hidden linear layers; 0 = as width_divisor */
    bool no_dropout;      /* dropout layers are there and drop nothing */
    wn_shortcut shortcut; /* of residual networks that have a choice */
} wn_net_options;

typedef struct wn_net {
    const char *name, *variant;                        /* "vgg11" and "d2l" */
    void (*build)(wn_graph *, const wn_net_options *); /* ends with wn_output */
    int default_size;                                  /* height and width */
    int default_channels, default_classes;
    int default_batch;
    float default_lr;
    const char *summary; /* one line: what it is and where it is from */
} wn_net;

/* NULL-name-terminated. Variants: d2l (one channel in, ten classes out, as in teaching material), imagenet,
 * cifar. */
extern const wn_net wn_nets[];
/* Single blocks of networks, to look at: they have no output and cannot run. NULL-name-terminated. */
extern const wn_net wn_net_blocks[];
/* NULL when there is none of that name. */
const wn_net *wn_net_block_find(const char *name);
/* variant NULL: the first of that name. NULL when there is none. */
const wn_net *wn_net_find(const char *name, const char *variant);
/* The same, where there has to be one. Errors: USAGE, naming the known networks or variants. */
wn_status wn_net_require(const char *name, const char *variant, const wn_net **net);
/* Channels of the input where nobody says: colours where the network is made for them, else as the images. */
int wn_net_channels(const wn_net *net, int images);

#endif
