/* The price list: what an event costs on its way through the Linux kernel and on the ways around it, all
 * timed in turns. An item is a kind of event with its ways; adding one is a table in one bypass_*.c file and
 * a line in bypass.c. */
#ifndef WN_BYPASS_H
#define WN_BYPASS_H

#include "csv.h"
#include "pool.h"
#include <sched.h>
#include <winnow/model.h>

/* The columns of its CSV, one row per way:
 *   machine, isa, threads
 *   item            what is priced: clock, barrier, ...
 *   event           one of what: reading, page, ...
 *   way             how
 *   kernel          1: enters the kernel for each event; 0: does not
 *   events, rounds  events in one timed run, and how many runs there were, in turns with the other ways
 *   min_ns, median_ns, low_ns, high_ns   of one event: least, median of the rounds, 96 % confidence interval
 *   ratio, ratio_low, ratio_high         time of the item's first way / time of this one, paired by round
 *   net, size, batch                     the training step that prices are multiplied out for
 *   per_step        events in one such step, counted as per_step_rule says
 *   per_step_rule
 *   step_ms         median_ns x per_step / 1e6
 *   percent_of_step step_ms in per cent of the step as the executor runs it
 *   note            why it was not run, or what else to know */
#define WN_BYPASS_HEADER                                                                                     \
    "machine,isa,threads,item,event,way,kernel,events,rounds,min_ns,median_ns,low_ns,high_ns,ratio,"         \
    "ratio_low,ratio_high,net,size,batch,per_step,per_step_rule,step_ms,percent_of_step,note"

/* The training step that prices are multiplied out for, counted from its tape. */
typedef struct wn_bypass_step {
    const char *net;
    int size, batch;
    wn_tape *tape;  /* on the pool, with a model of its own */
    double seconds; /* median; measured before the items */
    int steps, barriers, buffers;
    double buffer_bytes; /* of all buffers, none sharing memory */
    double moved_bytes;  /* operands of all steps, read and written once each */
    double batch_bytes;  /* images of one batch, as floats */
    double flops;
} wn_bypass_step;

/* Counts a compiled tape for images of channels x size x size. */
void wn_bypass_count_step(wn_bypass_step *step, const char *net, int size, int batch, int channels,
                          wn_tape *tape);

/* What ways may use. */
typedef struct wn_bypass {
    const char *fingerprint;
    wn_isa isa;
    wn_pool *pool;
    cpu_set_t allowed; /* of the process before the pool pinned the caller */
    int rounds;
    const char *folder; /* for scratch files, which are unlinked as soon as they are open */
    wn_bypass_step step;
} wn_bypass;

typedef struct wn_bypass_way {
    const char *name;
    bool kernel;
    /* Gets ready. Errors: UNSUPPORTED with the reason, when the machine cannot do it; then nothing is left
     * open. What has no state leaves it NULL. */
    wn_status (*open)(const wn_bypass *bypass, void **state);
    /* Seconds that so many events took. */
    double (*run)(const wn_bypass *bypass, void *state, long events);
    void (*close)(void *state); /* NULL: nothing to do */
    const char *note;           /* or NULL */
} wn_bypass_way;

enum { WN_BYPASS_WAYS = 6 };

typedef struct wn_bypass_item {
    const char *name, *event;
    const char *per_step_rule; /* in words; NULL: has no share in a step */
    double (*per_step)(const wn_bypass_step *step);
    long events;  /* in a timed run; 0: as many as take about two milliseconds */
    bool threads; /* runs on several threads: each turn begins after a pause that lets others fall asleep */
    wn_bypass_way
        ways[WN_BYPASS_WAYS]; /* the first that is not refused is what the others are compared with */
} wn_bypass_item;

extern const wn_bypass_item wn_bypass_call, wn_bypass_clock, wn_bypass_counter, wn_bypass_handoff,
    wn_bypass_barrier, wn_bypass_touch, wn_bypass_walk, wn_bypass_allocation, wn_bypass_feeding,
    wn_bypass_scheduling, wn_bypass_denormals, wn_bypass_whole_step;

/* What became of one way. */
typedef struct wn_bypass_result {
    long events;
    int rounds;                    /* 0: refused, refusal says why */
    double min, median, low, high; /* seconds of one event */
    double ratio, ratio_low, ratio_high;
    char refusal[200];
} wn_bypass_result;

/* Times all ways of an item. Errors: MEMORY. */
wn_status wn_bypass_measure(const wn_bypass *bypass, const wn_bypass_item *item,
                            wn_bypass_result results[WN_BYPASS_WAYS]);

/* Measures every item and prints the table; step.seconds is filled in first. csv NULL: no file. Errors:
 * MEMORY. */
wn_status wn_bypass_run(wn_bypass *bypass, FILE *out, wn_csv *csv);

/* The table and the rows of one item. */
void wn_bypass_print(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_result *results,
                     FILE *out);
void wn_bypass_write(const wn_bypass *bypass, const wn_bypass_item *item, const wn_bypass_result *results,
                     wn_csv *csv);

#endif
