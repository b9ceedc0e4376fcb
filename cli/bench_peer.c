/* winnow bench --peer: the problems to compare, and going through them. */
#include "bench_peer.h"
#include "problem_words.h"
#include <stdlib.h>

static wn_status reserve(wn_peer_problems *wanted, int more) {
    wn_problem *grown = realloc(wanted->problems, ((size_t)wanted->count + (size_t)more) * sizeof *grown + 1);
    if (!grown)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d problems", wanted->count + more);
    wanted->problems = grown;
    return wn_ok();
}

static void add(wn_peer_problems *wanted, const wn_problem *problem, wn_direction direction) {
    wn_problem added = *problem;
    added.direction = direction;
    if (wn_words_as_in_network(&added))
        wanted->problems[wanted->count++] = added;
}

static wn_status add_network(const char *name, const wn_network_flags *flags, wn_peer_problems *wanted) {
    wn_network network;
    wn_problem *problems;
    int count;
    WN_TRY(wn_network_open(name, flags, &network));
    wn_status status = wn_network_problems(&network, &problems, &count);
    wn_network_close(&network);
    WN_TRY(status);
    status = reserve(wanted, count * WN_DIRECTION_COUNT);
    for (int i = 0; i < count && !wn_failed(status); i++)
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            add(wanted, &problems[i], (wn_direction)direction);
    free(problems);
    return status;
}

wn_status wn_peer_networks(char **names, int count, const wn_network_flags *flags, wn_peer_problems *wanted) {
    for (int i = 0; i < count; i++)
        WN_TRY(add_network(names[i], flags, wanted));
    return wn_ok();
}

wn_status wn_peer_list(const wn_problem_list *list, wn_peer_problems *wanted) {
    WN_TRY(reserve(wanted, list->count));
    for (int i = 0; i < list->count; i++)
        add(wanted, &list->problems[i], list->problems[i].direction);
    if (wanted->count == 0)
        return wn_error(WN_ERROR_USAGE, "bench: found only BWD_D of sources of up to 4 channels, which are "
                                        "taken for inputs of networks and have no gradient");
    return wn_ok();
}

wn_status wn_peer_compare(const wn_bench_peer *bench, const wn_peer_problems *wanted, wn_csv *csv) {
    wn_peer_result *results = calloc((size_t)wanted->count + 1, sizeof *results);
    if (!results)
        return wn_error(WN_ERROR_MEMORY, "no memory for the results of %d problems", wanted->count);
    wn_status status = wn_ok();
    wn_peer_print_header(bench, stdout);
    for (int i = 0; i < wanted->count && !wn_failed(status); i++) {
        status = wn_bench_peer_run(bench, &wanted->problems[i], &results[i]);
        if (wn_failed(status))
            break;
        wn_peer_print(&results[i], stdout);
        fflush(stdout);
        if (csv)
            wn_peer_write(bench, &results[i], csv);
    }
    if (!wn_failed(status))
        wn_peer_print_summary(results, wanted->count, stdout);
    free(results);
    return status;
}
