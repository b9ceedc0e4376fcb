/* The convolution problems that checks run: a fixed list of nasty ones and a seeded generator. Both leave
 * direction and epilogue to the check. */
#ifndef WN_CONV_CASES_H
#define WN_CONV_CASES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winnow/problem.h>

/* A small random stream: fast, and enough for test data. Sebastiano Vigna's splitmix64. */
typedef struct stream {
    uint64_t state;
} stream;

static inline stream stream_of(uint64_t seed, uint64_t index) {
    return (stream){seed * 0x9e3779b97f4a7c15u ^ (index + 1) * 0xd1342543de82ef95u};
}

static inline uint64_t stream_next(stream *s) {
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Uniform in [low, high]. */
static inline int stream_between(stream *s, int low, int high) {
    return low + (int)(stream_next(s) % (uint64_t)(high - low + 1));
}

static inline bool stream_chance(stream *s, int percent) {
    return stream_between(s, 1, 100) <= percent;
}

#define STREAM_PICK(s, array) ((array)[stream_between((s), 0, (int)(sizeof(array) / sizeof *(array)) - 1)])

/* Descriptors; `plain` before one makes its source plain NCHW. */
static const char *const fixed_cases[] = {
    /* the everyday ones, small */
    "mb2_ic64ih14oc64oh14kh3ph1",
    "mb2_ic64ih56oc32oh56kh1",
    "mb1_ic128ih28iw28oc128oh28ow28kh3kw3ph1pw1",
    "mb2_ic32ih28oc64oh14kh3sh2ph1",
    "mb2_ic64ih14oc128oh7kh1sh2",
    "mb2_ic96ih27oc128oh27kh5ph2g2",
    "mb3_ic16ih12iw12oc32oh8ow8kh5kw5",
    /* one pixel, one channel, one image */
    "mb1_ic1ih1oc1kh1",
    "mb1_ic1ih1oc17oh1kh3ph1",
    "mb5_ic16ih1oc16kh1",
    "mb13_ic48ih1oc33kh1",
    /* maps of 1 to 7 pixels */
    "mb7_ic32ih2oc48oh2kh3ph1",
    "mb3_ic32ih3oc32oh3kh3ph1",
    "mb4_ic48ih4iw3oc16oh4ow3kh3kw3ph1pw1",
    "mb2_ic160ih5oc32oh5kh3ph1",
    "mb5_ic40ih6oc24oh6kh3ph1",
    "mb6_ic64ih7oc64oh7kh3ph1",
    "mb3_ic32ih7oc16oh7kh7ph3",
    "mb9_ic20ih7iw1oc20oh7ow1kh3kw1ph1pw0",
    "mb9_ic20ih1iw7oc20oh1ow7kh1kw3ph0pw1",
    /* strides 2 to 4, odd sizes, negative right padding */
    "mb2_ic17ih13iw11oc31oh7ow6kh3kw3sh2sw2ph1pw1",
    "mb2_ic33ih15oc15oh5kh3sh3",
    "mb2_ic16ih17oc16oh5kh1sh4",
    /* 1x1 over so many blocks that panels have several parts and groups; the last one's gradient is streamed */
    "mb3_ic160ih7oc176oh7kh1",
    "mb2_ic160ih15oc176oh8kh1sh2",
    "mb2_ic1024ih28oc16oh14kh1sh2",
    "mb2_ic16ih18oc16oh5kh2sh4",
    "mb2_ic32ih8oc32oh3kh2sh3",
    "mb1_ic24ih23iw19oc40oh6ow10kh5kw3sh4sw2ph2pw1",
    "mb2_ic16ih9iw9oc16oh9ow3kh3kw3sh1sw4ph1pw1",
    "mb2_ic48ih16oc16oh6kh3sh3",
    "mb2_ic16ih10oc32oh4kh4sh2ph0",
    /* more padding than the kernel needs, also right of it alone */
    "mb2_ic16ih4oc16oh8kh3ph3",
    "mb2_ic16ih6oc16oh8kh3ph1",
    "mb2_ic16ih6iw6oc24oh8ow6kh3kw3ph0pw1",
    "mb1_ic16ih5oc16oh7kh1ph1",
    /* dilation */
    "mb2_ic32ih14oc32oh14kh3ph2dh1",
    "mb1_ic19ih17iw15oc23oh9ow15kh3kw5sh2sw1ph2pw4dh1dw1",
    "mb2_ic16ih9oc16oh9kh3ph3dh2",
    "mb2_ic16ih16oc16oh6kh3sh2ph0dh1",
    /* channels that are no multiple of 16 */
    "mb2_ic15ih9oc17oh9kh3ph1",
    "mb2_ic100ih6oc3oh6kh3ph1",
    "mb2_ic3ih12oc100oh12kh3ph1",
    "mb2_ic120ih7oc128oh7kh1",
    /* groups: aligned, not aligned, depthwise, depthwise with a multiplier, blocks of several groups */
    "g2mb2_ic64ih9oc64oh9kh3ph1",
    "g4mb2_ic64ih8oc128oh4kh3sh2ph1",
    "g32mb1_ic128ih7oc128oh7kh3ph1",
    "g3mb2_ic72ih7oc48oh7kh3ph1",
    "g3mb2_ic48ih6oc72oh6kh1",
    "g5mb2_ic35ih9iw7oc45oh9ow7kh3kw3ph1pw1",
    "g2mb2_ic6ih9oc10oh9kh3ph1",
    "g32mb2_ic32ih14oc32oh14kh3ph1",
    "g40mb2_ic40ih15oc40oh8kh3sh2ph1",
    "g17mb2_ic17ih7oc34oh7kh5ph2",
    "g16mb1_ic48ih6oc16oh6kh3ph1",
    "g2mb3_ic160ih5oc96oh5kh3ph1",
    "g7mb1_ic112ih4oc77oh4kh3ph1dh1",
    /* depthwise: one to three blocks of channels, strides, odd kernels and maps, dilation, borders only */
    "g64mb2_ic64ih14oc64oh14kh3ph1",
    "g48mb3_ic48ih13iw15oc48oh7ow8kh3kw3sh2sw2ph1pw1",
    "g20mb2_ic20ih7oc20oh7kh5ph2",
    "g33mb2_ic33ih9iw12oc33oh3ow12kh3kw7sh3sw1ph1pw3",
    "g32mb1_ic32ih15oc32oh15kh3ph2dh1",
    "g18mb4_ic18ih2oc18oh2kh3ph1",
    "g16mb5_ic16ih1iw9oc16oh1ow3kh1kw3sh1sw3ph0pw0",
    /* the kernel covers the whole map: linear layers */
    "mb8_ic32ih6oc40oh1kh6",
    "mb16_ic64ih1oc10oh1kh1",
    "mb33_ic50ih4oc100oh1kh4",
    "mb3_ic16ih7iw5oc24oh1ow1kh7kw5",
    /* a plain source: the first layer */
    "plain mb2_ic3ih32oc64oh32kh3ph1",
    "plain mb2_ic1ih28oc6oh28kh5ph2",
    "plain mb2_ic1ih28oc20oh24kh5",
    "plain mb1_ic3ih37oc32oh17kh7sh2ph1",
    "plain mb1_ic3ih51oc48oh11kh11sh4ph1",
    "plain mb2_ic4ih17iw13oc17oh6ow7kh5kw3sh3sw2ph1pw1",
    "plain mb3_ic2ih9oc16oh9kh3ph2dh1",
    "plain mb2_ic3ih12oc33oh3kh4sh4",
    "plain mb5_ic1ih4oc16oh1kh4",
};

enum { FIXED_CASES = sizeof fixed_cases / sizeof *fixed_cases };

/* Larger layers of real networks, for the full run. */
static const char *const large_cases[] = {
    "mb2_ic256ih14oc256oh14kh3ph1",
    "mb2_ic512ih7oc512oh7kh3ph1",
    "mb2_ic64ih56oc64oh56kh3ph1",
    "mb2_ic256ih13oc384oh13kh3ph1",
    "mb1_ic64ih112oc64oh112kh3ph1",
    "mb4_ic512ih7oc2048oh7kh1",
    "mb8_ic256ih6oc512oh1kh6",
    "mb2_ic256ih28oc512oh14kh1sh2",
    "plain mb1_ic3ih224oc64oh112kh7sh2ph3",
    "plain mb1_ic3ih227oc96oh55kh11sh4",
    "plain mb2_ic3ih224oc64oh224kh3ph1",
    "g32mb2_ic256ih28oc256oh28kh3ph1",
};

enum { LARGE_CASES = sizeof large_cases / sizeof *large_cases };

static inline int effective_kernel(int k, int dilation) {
    return (k - 1) * (dilation + 1) + 1;
}

/* Kernel, stride, dilation, padding and output of one axis. The usual output is the largest without padding
 * on the right beyond that on the left (so the right padding is often negative with strides); sometimes one
 * more, which reaches further over the edge. False when nothing fits. */
static bool draw_axis(stream *s, int i, int *o, int k, int stride, int *p, int *d) {
    *d = stream_chance(s, 15) ? stream_between(s, 1, 2) : 0;
    int extent = effective_kernel(k, *d);
    *p = stream_chance(s, 60) ? extent / 2 : stream_between(s, 0, extent - 1);
    if (i + 2 * *p < extent)
        return false;
    *o = (i + 2 * *p - extent) / stride + 1;
    if (*p < extent - 1 && stream_chance(s, 10))
        (*o)++;
    return (*o - 1) * stride - *p < i;
}

static void draw_channels(stream *s, wn_problem *problem) {
    static const int usual[] = {1, 3, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 80, 96};
    static const int per_group[] = {1, 2, 3, 5, 8, 12, 16, 17, 24, 32, 40};
    int kind = stream_between(s, 1, 100);
    problem->g = 1;
    if (kind <= 60) {
        problem->ic = STREAM_PICK(s, usual);
        problem->oc = STREAM_PICK(s, usual);
    } else if (kind <= 75) {
        problem->g = stream_between(s, 2, 5);
        problem->ic = problem->g * STREAM_PICK(s, per_group);
        problem->oc = problem->g * STREAM_PICK(s, per_group);
    } else if (kind <= 83) {
        problem->g = problem->ic = stream_between(s, 2, 50);
        problem->oc = problem->g * (stream_chance(s, 75) ? 1 : stream_between(s, 2, 3));
    } else {
        problem->plain_src = true;
        problem->ic = stream_between(s, 1, 4);
        problem->oc = STREAM_PICK(s, usual);
    }
}

static bool draw_problem(stream *s, wn_problem *p) {
    static const int kernels[] = {1, 1, 2, 3, 3, 3, 4, 5, 7};
    static const int first_kernels[] = {3, 3, 5, 5, 7, 9, 11};
    *p = (wn_problem){.mb = stream_between(s, 1, 5)};
    draw_channels(s, p);
    p->ih = stream_chance(s, 40) ? stream_between(s, 1, 7) : stream_between(s, 8, 30);
    p->iw = stream_chance(s, 50) ? p->ih : stream_between(s, 1, 30);
    p->kh = p->plain_src ? STREAM_PICK(s, first_kernels) : STREAM_PICK(s, kernels);
    p->kw = stream_chance(s, 70) ? p->kh : STREAM_PICK(s, kernels);
    p->sh = stream_chance(s, 50) ? 1 : stream_between(s, 1, 4);
    p->sw = stream_chance(s, 70) ? p->sh : stream_between(s, 1, 4);
    if (!p->plain_src && stream_chance(s, 5) && p->ih <= 7) {
        p->kh = p->ih;
        p->kw = p->iw;
    }
    return draw_axis(s, p->ih, &p->oh, p->kh, p->sh, &p->ph, &p->dh) &&
           draw_axis(s, p->iw, &p->ow, p->kw, p->sw, &p->pw, &p->dw);
}

/* The index-th random problem of a seed, of at most max_flops. */
static inline wn_problem random_problem(uint64_t seed, uint64_t index, double max_flops) {
    stream s = stream_of(seed, index);
    wn_problem problem;
    while (!draw_problem(&s, &problem) || wn_failed(wn_problem_check(&problem)) ||
           wn_problem_flops(&problem) == 0 || wn_problem_flops(&problem) > max_flops)
        continue;
    return problem;
}

/* A listed problem. Exits when its text is wrong: the list is part of the program. */
static inline wn_problem listed_problem(const char *listed) {
    static const char plain[] = "plain ";
    wn_problem problem = {.plain_src = strncmp(listed, plain, sizeof plain - 1) == 0};
    const char *text = problem.plain_src ? listed + sizeof plain - 1 : listed;
    wn_status status = wn_problem_parse(text, &problem);
    if (!wn_failed(status))
        status = wn_problem_check(&problem);
    if (wn_failed(status)) {
        fprintf(stderr, "%s: %s\n", listed, status.message);
        exit(1);
    }
    return problem;
}

#endif
