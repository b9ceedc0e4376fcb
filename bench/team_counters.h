/* Performance counters of all threads of a pool together. What threads of other libraries do is not seen. */
#ifndef WN_TEAM_COUNTERS_H
#define WN_TEAM_COUNTERS_H

#include "counters.h"
#include "pool.h"

typedef struct wn_team_counters wn_team_counters;

/* Opens them on every thread of the pool, which must outlive them. Errors: MEMORY. */
wn_status wn_team_counters_open(wn_pool *pool, wn_team_counters **team);
void wn_team_counters_close(wn_team_counters *team); /* NULL is fine */

/* What all threads did from the begin to the end: sums, NAN for what one of the threads cannot count; running
 * is the smallest of theirs. */
void wn_team_counters_begin(wn_team_counters *team);
void wn_team_counters_end(wn_team_counters *team, wn_counter_values *sum);

#endif
