/* Benchmarks: a network step by step, and the implementations of one problem side by side. Every figure is
 * taken in turns with the machine's FMA peak, so that the share of the peak survives a clock that drifts. */
#ifndef WN_BENCH_H
#define WN_BENCH_H

#include "csv.h"
#include "tune.h"
#include <stdio.h>
#include <winnow/model.h>

/* The columns of a network's CSV, one row per step of the tape and a last one called "total":
 *   machine         fingerprint of machine, ISA and threads
 *   isa, threads    what ran
 *   net, size, batch
 *   mode            training (forward, loss, backward, update) or inference (forward, loss)
 *   step            place in the tape from 0; empty in the total
 *   label, kernel   what the step computes, and with which implementation and config
 *   flops           floating-point operations; convolutions count valid taps only
 *   bytes           operands read and written once each
 *   effective       1 where flops are those of the direct method and fewer are done (Winograd)
 *   min_seconds, median_seconds   over the repetitions
 *   gflops          flops / median / 1e9
 *   percent_of_peak median over the repetitions of the share of the peak measured beside each (the higher of
 *                   one taken before and one after)
 *   gbytes          bytes / median / 1e9
 *   peak_gflops     median of the measured peaks
 *   repetitions */
#define WN_BENCH_NET_HEADER                                                                                  \
    "machine,isa,threads,net,size,batch,mode,step,label,kernel,flops,bytes,effective,min_seconds,"           \
    "median_seconds,gflops,percent_of_peak,gbytes,peak_gflops,repetitions"

/* Printed below a table that has an e behind a figure. */
#define WN_BENCH_EFFECTIVE_NOTE "e: effective, counted in operations of the direct method\n"

typedef struct wn_bench_net {
    const char *fingerprint, *net;
    int size, batch;
    bool training;
    int repetitions; /* after one that warms up */
    wn_isa isa;
    wn_pool *pool;
    wn_tape *tape; /* compiled for the batch on the pool; its input and labels are filled here */
    int channels, classes;
} wn_bench_net;

/* Times the tape and prints one line per step, then the totals; csv NULL: no file. Errors: MEMORY. */
wn_status wn_bench_net_run(const wn_bench_net *bench, FILE *out, wn_csv *csv);

/* Fills the tape's input and labels at random. */
void wn_bench_net_fill(const wn_bench_net *bench);
/* The fields that rows about a network begin with, from machine to mode. */
void wn_bench_net_write_begin(wn_csv *csv, const wn_bench_net *bench);

/* The columns of a problem's CSV, one row per candidate:
 *   machine, isa, threads         as above
 *   direction, flags, problem     flags: relu, accumulate, plain_src, constant_weights joined by +, or empty
 *   name                          of the problem
 *   impl, config
 *   library_impl                  which of its own implementations a library runs ("jit:avx2")
 *   flops                         valid taps only
 *   effective                     as above
 *   min_seconds, median_seconds, gflops, percent_of_peak, peak_gflops   as above
 *   ratio_to_best                 median of the ratios of paired rounds to the fastest candidate
 *   workspace_bytes
 *   repetitions                   0 for a candidate that was refused
 *   refusal                       why it was not run */
#define WN_BENCH_PROBLEM_HEADER                                                                              \
    "machine,isa,threads,direction,flags,problem,name,impl,config,library_impl,flops,effective,min_seconds," \
    "median_"                                                                                                \
    "seconds,gflops,"                                                                                        \
    "percent_of_peak,peak_gflops,ratio_to_best,workspace_bytes,repetitions,refusal"

typedef struct wn_bench_problem {
    const char *fingerprint;
    const char *impls;         /* names joined by commas; NULL: all that are no judge */
    bool all_configs;          /* else the default config of each */
    const char *perf_template; /* lines of this (perf_template.h) in place of a table; NULL: a table */
    int repetitions;           /* after one that warms up */
    wn_isa isa;
    wn_pool *pool;
} wn_bench_problem;

/* Times the candidates of a problem in turns and prints one line for each, the fastest first; csv NULL: no
 * file. Errors: what wn_problem_check says, UNSUPPORTED when none of them runs it, MEMORY. */
wn_status wn_bench_problem_run(const wn_bench_problem *bench, const wn_problem *problem, FILE *out,
                               wn_csv *csv);

#endif
