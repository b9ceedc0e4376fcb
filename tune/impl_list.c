/* Checking and searching lists of implementations. */
#include "impl_list.h"
#include "conv.h"
#include <stdio.h>
#include <string.h>

bool wn_impl_list_holds(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; at && *at; at += *at == ',') {
        size_t item = strcspn(at, ",");
        if (item == length && memcmp(at, name, length) == 0)
            return true;
        at += item;
    }
    return list == NULL;
}

/* All names that a list may hold, joined by commas: none of a judge. */
static void known_names(const char *also, char *names, size_t size) {
    size_t used = 0;
    names[0] = '\0';
    for (int i = 0; wn_conv_registry[i] && used < size; i++)
        if (!wn_conv_registry[i]->judge)
            used += (size_t)snprintf(names + used, size - used, "%s%s", used ? "," : "",
                                     wn_conv_registry[i]->name);
    if (also && used < size)
        snprintf(names + used, size - used, ",%s", also);
}

wn_status wn_impl_list_check(const char *flag, const char *list, const char *also) {
    char names[256];
    known_names(also, names, sizeof names);
    for (const char *at = list; at; at = *at ? at + 1 : NULL) {
        char name[60];
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), at);
        if (length >= sizeof name || !wn_impl_list_holds(names, name))
            return wn_error(WN_ERROR_USAGE, "%s: found \"%s\", expected names among %s", flag, name, names);
        at += length;
    }
    return wn_ok();
}
