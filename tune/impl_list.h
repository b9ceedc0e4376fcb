/* Lists of implementations as flags give them: names joined by commas. */
#ifndef WN_IMPL_LIST_H
#define WN_IMPL_LIST_H

#include <stdbool.h>
#include <winnow/status.h>

/* Says whether the flag's list (NULL is fine) names known implementations only; `also` (may be NULL) is one
 * more name that is welcome. Errors: USAGE, listing those there are. */
wn_status wn_impl_list_check(const char *flag, const char *list, const char *also);

/* True when the list holds the name; a NULL list holds all. */
bool wn_impl_list_holds(const char *list, const char *name);

#endif
