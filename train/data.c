/* Data sets as a whole: opening by name and releasing. The readers are in idx.c and synthetic.c, batches in
 * batch.c. */
#include "data.h"

#include <stdlib.h>
#include <string.h>

wn_status wn_dataset_open(const char *name, int64_t limit, wn_dataset *dataset) {
    *dataset = (wn_dataset){0};
    if (limit < 0)
        return wn_error(WN_ERROR_INVALID, "limit is %lld, expected 0 (everything) or more", (long long)limit);
    if (name && strcmp(name, "synthetic") != 0)
        return wn_dataset_read_idx(name, limit, dataset);
    int64_t train = limit > 0 && limit < WN_SYNTHETIC_TRAIN ? limit : WN_SYNTHETIC_TRAIN;
    return wn_dataset_synthetic(0, train, WN_SYNTHETIC_TEST, dataset);
}

void wn_dataset_free(wn_dataset *dataset) {
    free(dataset->train.images);
    free(dataset->train.labels);
    free(dataset->test.images);
    free(dataset->test.labels);
    *dataset = (wn_dataset){0};
}
