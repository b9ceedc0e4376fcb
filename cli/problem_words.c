/* Telling networks from problems, and reading the latter. */
#include "problem_words.h"
#include "nets.h"
#include <stdio.h>
#include <string.h>

enum { INPUT_CHANNELS = 4 };

wn_status wn_words_count_networks(char **words, int count, int *networks) {
    *networks = 0;
    for (int i = 0; i < count; i++) {
        const wn_net *net = wn_net_find(words[i], NULL);
        const char *channels = strstr(words[i], "ic");
        if (!net && (!channels || strspn(channels + 2, "-0123456789") == 0))
            return wn_net_require(words[i], NULL, &net);
        *networks += net != NULL;
    }
    return wn_ok();
}

/* An option of the command line in the form that batch files have. */
static wn_status add_option(wn_problem_list *list, const char *name, const char *value) {
    char word[4200];
    if (!value)
        return wn_ok();
    if ((size_t)snprintf(word, sizeof word, "%s=%s", name, value) >= sizeof word)
        return wn_error(WN_ERROR_USAGE, "%s: found %zu characters, expected at most 4096", name,
                        strlen(value));
    return wn_problem_list_add(list, word);
}

wn_status wn_words_read_problems(char **words, int count, const wn_problem_flags *flags,
                                 wn_problem_list *list) {
    WN_TRY(add_option(list, "--dir", flags->directions));
    WN_TRY(add_option(list, "--mb", flags->batches));
    for (int i = 0; i < count; i++)
        WN_TRY(wn_problem_list_add(list, words[i]));
    WN_TRY(add_option(list, "--batch", flags->file));
    if (flags->file && list->count == 0)
        return wn_error(WN_ERROR_FORMAT, "%s: found no problem, expected at least one", flags->file);
    return wn_ok();
}

bool wn_words_as_in_network(wn_problem *problem) {
    problem->plain_src |= problem->ic <= INPUT_CHANNELS && problem->g == 1;
    return !problem->plain_src || problem->direction != WN_BWD_D;
}
