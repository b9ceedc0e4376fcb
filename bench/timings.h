/* Times by the name of what was timed, read from the files that benchmarks write. */
#ifndef WN_TIMINGS_H
#define WN_TIMINGS_H

#include <winnow/status.h>

/* What was timed, and the seconds of each repetition that the file holds (a CSV holds their median alone). */
typedef struct wn_timing {
    char *name;
    double *seconds;
    int count;
} wn_timing;

typedef struct wn_timings {
    wn_timing *timing;
    int count, room;
} wn_timings;

/* Reads a CSV of winnow bench (networks, problems, comparisons: the columns that say what was timed become
 * the name), a JSON of Google Benchmark (repetitions of one name together; aggregates and skipped runs are
 * left out), or what hyperfine exports as CSV (medians of commands) or JSON (all runs); told apart by the
 * first character and by what they hold. Errors: IO; FORMAT with file and place for what is neither, and for
 * a file without a time; UNSUPPORTED for JSON in a build without cJSON; MEMORY. */
wn_status wn_timings_read(const char *path, wn_timings *timings);
/* The same of a list of files joined by commas: the repetitions of a name stand in the order of the files.
 * Errors: as above, for a list without a time. */
wn_status wn_timings_read_list(const char *paths, wn_timings *timings);
void wn_timings_free(wn_timings *timings);

/* The timing of that name, or NULL. */
const wn_timing *wn_timings_find(const wn_timings *timings, const char *name);

/* Appends a time to those of a name. Errors: MEMORY. For readers. */
wn_status wn_timings_add(wn_timings *timings, const char *name, double seconds);

/* The reader for JSON, wherever there is one. */
wn_status wn_timings_read_json(const char *path, wn_timings *timings);

#endif
