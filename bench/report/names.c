/* The groups that rows fall into. */
#include "report/names.h"
#include <stdio.h>
#include <string.h>

int wn_names_place(wn_names *names, const char *name) {
    for (int i = 0; i < names->count; i++)
        if (strncmp(names->name[i], name, sizeof *names->name - 1) == 0)
            return i;
    if (names->count == WN_NAMES)
        return -1;
    snprintf(names->name[names->count], sizeof *names->name, "%s", name);
    return names->count++;
}
