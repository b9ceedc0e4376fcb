/* In place of timings_json.c in a build without cJSON. */
#include "timings.h"

wn_status wn_timings_read_json(const char *path, wn_timings *timings) {
    (void)timings;
    return wn_error(WN_ERROR_UNSUPPORTED,
                    "%.200s: found JSON, which this build does not read (-Djson=enabled)", path);
}
