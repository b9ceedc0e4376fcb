/* Command-line options as data: a table of flags with kind, range and help, one reader, one help printer. */
#ifndef WN_OPTIONS_H
#define WN_OPTIONS_H

#include <stdint.h>
#include <winnow/status.h>

typedef enum wn_option_kind {
    WN_OPTION_SWITCH, /* bool: true when given */
    WN_OPTION_WHOLE,  /* int64_t in [low, high] */
    WN_OPTION_REAL,   /* double in [low, high], finite */
    WN_OPTION_TEXT,   /* const char *, not empty */
    WN_OPTION_CHOICE, /* int: index into choices */
} wn_option_kind;

typedef struct wn_option {
    const char *name; /* "--size" */
    wn_option_kind kind;
    void *value;          /* where to put it; what it holds before is the default */
    const char *argument; /* as help shows it: "S"; NULL for a switch */
    double low, high;
    const char *const *choices; /* NULL-terminated */
    const char *help;           /* one line */
} wn_option;

typedef struct wn_command {
    const char *name;    /* "train": a subcommand of winnow; or a program's own, "winnow-bench" */
    const char *usage;   /* what follows the name: "NET [options]" */
    const char *summary; /* one line */
    const char *details; /* more lines for the command's own help, or NULL */
    wn_status (*run)(const struct wn_command *command, int argc, char **argv);
} wn_command;

/* Reads argv[0..argc) (without the program's and the command's names). A flag's value follows it or stands
 * behind "="; "--" ends the flags. What is no flag is moved to the front of argv in order, *words counts it.
 * With --help or -h prints the command's help page and sets *help. Errors: USAGE, naming the flag, what was
 * found and what was expected. */
wn_status wn_options_read(const wn_command *command, const wn_option *options, int option_count, int argc,
                          char **argv, int *words, bool *help);

#endif
