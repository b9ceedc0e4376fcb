/* Networks and problems as the words and flags of a command line name them. */
#ifndef WN_PROBLEM_WORDS_H
#define WN_PROBLEM_WORDS_H

#include "problem_list.h"

/* How many of the words are networks. A word that is neither that nor looks like a descriptor is a network
 * that does not exist. Errors: USAGE, naming the word. */
wn_status wn_words_count_networks(char **words, int count, int *networks);

/* Flags that hold for problems; NULL where they are not given. */
typedef struct wn_problem_flags {
    const char *directions, *batches; /* --dir, --mb: comma lists */
    const char *file;                 /* --batch */
} wn_problem_flags;

/* Rows of option tables for all of a wn_problem_flags. */
#define WN_OPTIONS_PROBLEMS(flags, directions_help)                                                          \
    {.name = "--batch",                                                                                      \
     .kind = WN_OPTION_TEXT,                                                                                 \
     .value = &(flags)->file,                                                                                \
     .argument = "FILE",                                                                                     \
     .help = "a batch file of problems"},                                                                    \
        {.name = "--dir",                                                                                    \
         .kind = WN_OPTION_TEXT,                                                                             \
         .value = &(flags)->directions,                                                                      \
         .argument = "LIST",                                                                                 \
         .help = directions_help},                                                                           \
    {                                                                                                        \
        .name = "--mb", .kind = WN_OPTION_TEXT, .value = &(flags)->batches, .argument = "LIST",              \
        .help = "of problems: images, in place of their own (0: their own)"                                  \
    }

/* Reads descriptors and the flags' batch file into a list (wn_problem_list_create). Errors: those of
 * wn_problem_list_add; FORMAT for a batch file without a problem. */
wn_status wn_words_read_problems(char **words, int count, const wn_problem_flags *flags,
                                 wn_problem_list *list);

/* Makes a problem what it is in a network: sources of up to four channels in one group are inputs of
 * networks, plain and without a gradient. False for that gradient, which nobody computes. */
bool wn_words_as_in_network(wn_problem *problem);

#endif
