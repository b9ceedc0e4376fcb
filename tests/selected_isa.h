/* The ISAs that checks run on. */
#ifndef WN_SELECTED_ISA_H
#define WN_SELECTED_ISA_H

#include "check.h"
#include <winnow/machine.h>

/* Of steps and runs: that of WINNOW_ISA, else the best that is not emulated. */
static inline wn_isa selected_isa(void) {
    wn_isa isa = WN_ISA_PORTABLE;
    wn_status status = wn_isa_select(NULL, &isa);
    CHECK(!wn_failed(status), "%s", status.message);
    return isa;
}

/* The last of those that a check of kernels goes through: that of WINNOW_ISA, else the best, emulated or not.
 */
static inline wn_isa widest_isa(void) {
    const char *named = getenv("WINNOW_ISA");
    return named && *named ? selected_isa() : wn_isa_detect();
}

#endif
