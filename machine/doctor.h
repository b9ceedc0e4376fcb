/* Is this machine ready to be measured? What its settings are, what they should be, and putting them there
 * and back. What a setting is worth here is measured in bench/doctor_worth.c. */
#ifndef WN_DOCTOR_H
#define WN_DOCTOR_H

#include <stdio.h>
#include <winnow/status.h>

typedef enum wn_verdict {
    WN_VERDICT_GOOD,
    WN_VERDICT_UNKNOWN, /* cannot be read here; found says why */
    WN_VERDICT_NOTE,    /* fit for most measurements */
    WN_VERDICT_POOR,    /* costs speed or steadiness */
    WN_VERDICT_SERIOUS, /* figures taken now are worth little */
    WN_VERDICT_COUNT
} wn_verdict;

/* "good", "unknown", "note", "poor", "serious". */
extern const char *const wn_verdict_names[WN_VERDICT_COUNT];

typedef struct wn_finding {
    const char *name; /* "transparent huge pages" */
    wn_verdict verdict;
    char found[160];
    const char *wanted;
    const char *worth;           /* what is known of its size, with the source */
    char measured[160];          /* what it is worth on this machine; empty: not measured */
    const char *command;         /* shell command or boot parameter; "" when nothing can be done here */
    const char *setting, *value; /* files that --apply writes (a pattern for glob), and what; NULL: none */
} wn_finding;

enum { WN_FINDINGS = 32 };

/* Examines the files below root ("" for this machine) and returns the number of findings, the same in the
 * same order on every machine. Never fails: what cannot be read is UNKNOWN. Watches the counters of lost
 * time and the queue of tasks for `seconds`. */
int wn_doctor_examine(const char *root, double seconds, wn_finding findings[WN_FINDINGS]);

/* One line for reports: the worst verdict and the names of what is poor or serious. Returns that verdict. */
wn_verdict wn_doctor_verdict(const wn_finding *findings, int count, char *text, size_t size);

/* Writes the wanted value into every setting that is not good, where the system lets it, and says on `out`
 * what it changed. Before the first change the old values go into the state file, synced to disk; a state
 * file that is there already keeps its older values. Never touches boot settings. Errors: IO when the state
 * file cannot be written (then nothing is changed), FORMAT when the one that is there is damaged, IO naming
 * the settings that the system refused (the others are made). */
wn_status wn_doctor_apply(const char *root, const char *state, const wn_finding *findings, int count,
                          FILE *out);

/* Puts back every value of the state file and removes it. Errors: IO without a state file or when the system
 * refuses a value (then the file stays), FORMAT when it is damaged (then nothing is changed). */
wn_status wn_doctor_restore(const char *root, const char *state, FILE *out);

#endif
