/* A roofline with one constant per implementation. The shares of the peak are those that the implementations
 * reach on the layers of six networks (the medians of results/zen4-2cpu/tuning); they are the same for every
 * machine. */
#include "model.h"
#include "disturbance.h"
#include "peak.h"
#include <math.h>
#include <string.h>

enum { FLOAT = sizeof(float), UNKNOWN_CACHE = 32 << 20, PEAK_TRIES = 8 };

static const double external_seconds = 20e-6; /* parking the pool, waking OpenMP's threads */
static const double barrier_seconds = 1e-6;   /* of each phase */

/* One implementation, as far as its time is concerned. */
typedef struct traits {
    const char *name;
    double forward, data, weights; /* shares of the FMA peak in the three directions */
    double plain;                  /* the same of a first layer */
    double gathered;               /* times the taps' values are written and read back from the cache */
} traits;

static const traits all_traits[] = {
    {"direct", 0.82, 0.78, 0.74, 0.65, 0},    {"1x1", 0.84, 0.70, 0.70, 0.17, 0},
    {"im2col", 0.58, 0.60, 0.62, 0.50, 1},    {"winograd", 0.74, 0.74, 0.66, 0.17, 0},
    {"depthwise", 0.40, 0.40, 0.30, 0.17, 0}, {"onednn", 0.79, 0.66, 0.54, 0.75, 0},
};
/* oneDNN's Winograd, which is one implementation with its direct methods in the registry. */
static const traits onednn_winograd = {"onednn", 0.60, 0.58, 0.48, 0.17, 0};

wn_peaks wn_peaks_typical(int threads) {
    return (wn_peaks){.flops = 1e11 * threads, .bandwidth = 2e10 * sqrt(threads), .cache = UNKNOWN_CACHE};
}

static double coarse(double value) {
    return value > 0 ? exp2(round(2 * log2(value)) / 2) : value;
}

wn_peaks wn_peaks_measure(wn_pool *pool, wn_isa isa) {
    wn_peaks typical = wn_peaks_typical(wn_pool_threads(pool));
    wn_machine machine;
    wn_machine_read(&machine);
    double flops = 0, bandwidth = 0;
    wn_disturbance watch;
    wn_disturbance_open(&watch);
    bool disturbed = true; /* by a burst of somebody else's, which does not last */
    for (int i = 0; i < PEAK_TRIES && disturbed; i++) {
        wn_disturbance_seen(&watch);
        flops = fmax(flops, wn_peak_flops(pool, isa, 0.01));
        bandwidth = fmax(bandwidth, wn_peak_bandwidth(pool, isa, WN_LEVEL_MEMORY, WN_TRAFFIC_TRIAD, 0.03));
        disturbed = wn_disturbance_seen(&watch);
    }
    wn_disturbance_close(&watch);
    long cache = machine.l3 > machine.l2 ? machine.l3 : machine.l2;
    return (wn_peaks){.flops = coarse(flops > 0 ? flops : typical.flops),
                      .bandwidth = coarse(bandwidth > 0 ? bandwidth : typical.bandwidth),
                      .cache = cache > 0 ? cache : typical.cache};
}

static const traits *traits_of(const wn_conv_plan *plan) {
    const wn_conv_impl *impl = plan->impl;
    if (strcmp(impl->name, "onednn") == 0 && impl->approximate && impl->approximate(plan))
        return &onednn_winograd;
    for (size_t i = 1; i < sizeof all_traits / sizeof all_traits[0]; i++)
        if (strcmp(all_traits[i].name, impl->name) == 0)
            return &all_traits[i];
    return &all_traits[0];
}

static int knob(const wn_conv_plan *plan, const char *name, int otherwise) {
    for (int i = 0; plan->impl->knobs && plan->impl->knobs[i]; i++)
        if (strcmp(plan->impl->knobs[i], name) == 0)
            return plan->config.knob[i];
    return otherwise;
}

/* Output pixels along one side of a Winograd tile; 0: the plan does plain sums of products. */
static int winograd_tile(const wn_conv_plan *plan) {
    if (!plan->impl->approximate || !plan->impl->approximate(plan))
        return 0;
    int tile = knob(plan, "tile", 4);
    return tile > 0 ? tile : 4;
}

static int64_t rounded_up(int64_t value, int step) {
    return (value + step - 1) / step * step;
}

/* What Winograd's transforms and products cost in operations of the direct method: products shrink, tiles
 * hang over the edges, and every transformed value goes through a small matrix on either side. Larger kernels
 * are taken apart into pieces of three taps. */
static double winograd_flops(const wn_conv_plan *plan, int tile, double *traffic) {
    const wn_problem *p = &plan->problem;
    const int taps = 3, points = tile + taps - 1;
    bool data = p->direction == WN_BWD_D;
    int height = data ? p->ih : p->oh, width = data ? p->iw : p->ow;
    double tiles =
        (double)p->mb * (double)(rounded_up(height, tile) / tile) * (double)(rounded_up(width, tile) / tile);
    double pieces = ((p->kh + taps - 1) / taps) * ((p->kw + taps - 1) / taps);
    double ic = (double)rounded_up(p->ic, WN_BLOCK), oc = (double)rounded_up(p->oc, WN_BLOCK),
           square = points * points;
    double values = tiles * square * (ic * pieces + oc);
    double weights = p->constant_weights ? 0 : ic * oc * square * pieces;
    *traffic = FLOAT * (2 * values + 2 * weights);
    return 2 * tiles * square * pieces * ic * oc / p->g + 4.0 * points * (values + weights);
}

static double share_of_peak(const traits *of, const wn_problem *p) {
    if (p->plain_src)
        return of->plain;
    return p->direction == WN_FWD_B ? of->forward : p->direction == WN_BWD_D ? of->data : of->weights;
}

double wn_model_estimate(const wn_peaks *peaks, const wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    const traits *of = traits_of(plan);
    const double cache_bandwidth = 4 * peaks->bandwidth;
    double flops = wn_problem_flops(p), traffic = 0;
    int tile = winograd_tile(plan);
    if (tile)
        flops = winograd_flops(plan, tile, &traffic);
    else if (of->gathered > 0 && p->kh * p->kw > 1)
        traffic = of->gathered * 2 * FLOAT * (double)p->mb * p->oh * p->ow * p->ic * p->kh * p->kw;
    double arithmetic = flops / (peaks->flops * share_of_peak(of, p));
    double memory = wn_conv_operand_bytes(p) / peaks->bandwidth + traffic / cache_bandwidth;
    double workspace = (double)plan->workspace_bytes;
    if (workspace > (double)peaks->cache / 2) /* written and read where the cache does not reach */
        memory += 2 * workspace / peaks->bandwidth;
    /* Loads overlap with arithmetic, though never quite. */
    double both = fmax(arithmetic, memory) + 0.25 * fmin(arithmetic, memory);
    return both + barrier_seconds * plan->phases + (plan->external ? external_seconds : 0);
}

double wn_model_shortest(const wn_peaks *peaks, const wn_problem *problem, wn_isa isa, int threads) {
    double shortest = INFINITY;
    for (int i = 0; wn_conv_registry[i]; i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        wn_conv_plan plan;
        if (!impl->judge && !impl->yardstick && !impl->version &&
            !wn_failed(wn_conv_plan_make(impl, problem, NULL, isa, threads, 0, 0, &plan)))
            shortest = fmin(shortest, wn_model_estimate(peaks, &plan));
    }
    return shortest;
}
