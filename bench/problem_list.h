/* Lists of problems as benchdnn's batch files and command lines write them. */
#ifndef WN_PROBLEM_LIST_H
#define WN_PROBLEM_LIST_H

#include <winnow/problem.h>

typedef struct wn_problem_list {
    wn_problem *problems;
    int count, room;
    /* what holds for the descriptors that follow; comma lists multiply */
    int directions[WN_DIRECTION_COUNT], direction_count;
    int *batches, batch_count; /* 0 keeps a descriptor's own; none given: {0} */
} wn_problem_list;

/* An empty list with --dir=FWD_B and --mb=0. Zeroed memory is fine to free. */
wn_status wn_problem_list_create(wn_problem_list *list);
void wn_problem_list_free(wn_problem_list *list);

/* One word of a command line: a descriptor, --dir=LIST, --mb=LIST, --reset, or --batch=FILE; in a file the
 * same words stand between white space, # begins a comment, and further files are looked up beside it first,
 * then in the working folder. Errors: USAGE for what is wrong on the command line itself, FORMAT and INVALID
 * with file, line and column for what is wrong in a file, IO, MEMORY. */
wn_status wn_problem_list_add(wn_problem_list *list, const char *word);

/* Appends one problem as it is. Errors: UNSUPPORTED for more than a million, MEMORY. */
wn_status wn_problem_list_push(wn_problem_list *list, const wn_problem *problem);

#endif
