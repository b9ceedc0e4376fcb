/* What a network's steps spend their time on, and when: from clocks inside the steps, in runs of their own,
 * in turns with runs that have none. */
#ifndef WN_STEP_PARTS_H
#define WN_STEP_PARTS_H

#include "bench.h"
#include "trace.h"

/* The columns of the CSV of parts, one row per step and part that took time, and last the parts of all steps
 * together, where step is empty and label is "total":
 *   machine, isa, threads, net, size, batch, mode, step, label, kernel   as in WN_BENCH_NET_HEADER
 *   layer           the label without its last word
 *   pass            its last word: FWD_B, BWD_D, BWD_WB, FWD, UPDATE, ...
 *   part            weights, input, multiply, output, sum, whole or wait (part_clock.h)
 *   median_seconds  of the repetitions; of the part over all phases of the step, mean of the threads
 *   percent_of_step of the sum of the step's parts
 *   repetitions */
#define WN_STEP_PARTS_HEADER                                                                                 \
    "machine,isa,threads,net,size,batch,mode,step,label,kernel,layer,pass,part,median_seconds,"              \
    "percent_of_step,repetitions"

/* Times the parts of each step and prints a line per step and one per kind of pass; csv NULL: no file. The
 * tape's input and labels are as they are. Errors: MEMORY. */
wn_status wn_step_parts_run(const wn_bench_net *bench, FILE *out, wn_csv *csv);

/* Records a few runs, one behind the other, as a process of the trace. Errors: MEMORY; those of the trace. */
wn_status wn_step_parts_trace(const wn_bench_net *bench, wn_trace *trace);

#endif
