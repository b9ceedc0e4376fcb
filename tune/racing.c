/* Tuning on demand. */
#include "racing.h"
#include "clock.h"
#include <stdlib.h>

static wn_status race(wn_racing *racing, const wn_problem *problem) {
    const double begun = wn_seconds();
    int count;
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    if (!candidates)
        return wn_error(WN_ERROR_MEMORY, "no memory for candidates");
    if (racing->log && !racing->raced) {
        fprintf(racing->log, "tuning the layers that %s does not know\n", wn_tune_db_path(racing->db));
        fflush(racing->log);
    }
    wn_status status =
        wn_tune_problem(&racing->options, problem, candidates, WN_TUNE_MAX_CANDIDATES, &count, NULL);
    if (!wn_failed(status)) {
        racing->raced++;
        status = wn_tune_db_add(racing->db, &candidates[0]);
    }
    free(candidates);
    racing->seconds += wn_seconds() - begun;
    /* what cannot be saved is known to this run all the same; what nothing can run the judge will */
    return status.code == WN_ERROR_IO || status.code == WN_ERROR_UNSUPPORTED ? wn_ok() : status;
}

wn_status wn_racing_pick(void *context, const wn_problem *problem, wn_isa isa, int threads,
                         int64_t src_stride, int64_t dst_stride, wn_conv_plan *plan) {
    wn_racing *racing = context;
    if (problem->mb == racing->batch && !wn_tune_db_satisfies(racing->db, &racing->options, problem))
        WN_TRY(race(racing, problem));
    return wn_tune_pick(racing->db, problem, isa, threads, src_stride, dst_stride, plan);
}
