/* Other databases that picks are compared with, and whole steps beside steps with their picks. */
#ifndef WN_TUNE_SIDES_H
#define WN_TUNE_SIDES_H

#include "csv.h"
#include "tune_work.h"

enum { WN_TUNE_SIDES = 12 };

typedef struct wn_tune_sides {
    char *paths; /* one string, taken apart */
    const char *path[WN_TUNE_SIDES];
    wn_tune_db *dbs[WN_TUNE_SIDES];
    int count;
} wn_tune_sides;

/* Opens the databases of a list of paths joined by commas (NULL: none). Errors: those of wn_tune_db_open;
 * USAGE for more than WN_TUNE_SIDES. */
wn_status wn_tune_sides_open(wn_tune_sides *sides, const char *list, const char *fingerprint);
void wn_tune_sides_close(wn_tune_sides *sides); /* zeroed memory is fine */

/* A database's name without its folder. */
const char *wn_tune_side_name(const wn_tune_sides *sides, int index);

/* Times a network's step with the database's picks in turns with those of the others and prints the medians
 * of paired ratios time(other) / time(ours). Where one of the others has no pick, the first of them is asked.
 * In the CSV file (WN_TUNE_HEADER) a row of kind "beside" for each side: `times` is for how many steps it had
 * a pick, `impl` its name. csv may be NULL. */
wn_status wn_tune_beside(wn_network *network, const wn_session *session, wn_tune_db *db,
                         const wn_tune_sides *others, wn_tapes tapes, wn_csv *csv);

#endif
