/* The ISA that a check of tapes runs on. */
#ifndef WN_SELECTED_ISA_H
#define WN_SELECTED_ISA_H

#include "check.h"
#include <winnow/machine.h>

/* That of WINNOW_ISA, else the best. */
static wn_isa selected_isa(void) {
    wn_isa isa = WN_ISA_PORTABLE;
    wn_status status = wn_isa_select(NULL, &isa);
    CHECK(!wn_failed(status), "%s", status.message);
    return isa;
}

#endif
