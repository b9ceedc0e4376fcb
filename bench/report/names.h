/* A short list of names without repetition: the groups that rows fall into. */
#ifndef WN_REPORT_NAMES_H
#define WN_REPORT_NAMES_H

enum { WN_NAMES = 64 };

typedef struct wn_names {
    char name[WN_NAMES][160];
    int count;
} wn_names;

/* The place of a name, which is added where it is new; -1 when the list is full. */
int wn_names_place(wn_names *names, const char *name);

#endif
