/* What each thread of another program costs the kernel, counted from outside of it: system calls by ptrace,
 * page faults and context switches by /proc, allocations by a library that is loaded into it
 * (count_allocations.c). */
#ifndef WN_THREAD_COSTS_H
#define WN_THREAD_COSTS_H

#include <stdbool.h>
#include <sys/types.h>

enum { COST_THREADS = 64, COST_MARKS = 4096 };

/* Of one thread since it began. */
typedef struct costs {
    long calls, futexes;              /* system calls, and those of them that were futex */
    long faults, sleeps, preemptions; /* page faults; voluntary and other context switches */
    long allocations;
} costs;

/* The state of all threads at the moment when the program wrote a mark. */
typedef struct cost_mark {
    long place;                 /* the number that the written text named */
    costs thread[COST_THREADS]; /* in the order in which threads appeared */
} cost_mark;

typedef struct cost_report {
    int threads;
    pid_t tid[COST_THREADS];
    bool writes[COST_THREADS]; /* this thread wrote marks */
    char name[COST_THREADS][16];
    bool counts_allocations; /* the library was loaded */
    int marks;
    cost_mark *mark; /* [COST_MARKS], owned */
    int last_call[COST_THREADS];
    int exit_code; /* -1: it did not exit */
} cost_report;

/* Runs a program on a terminal and fills in the report. Whatever it writes to its standard output is looked
 * at for `word` followed by a number: that is a mark; writing it is not
 * counted among the thread's calls. `library` is loaded into it (NULL: none). Returns NULL,
 * or what the system refused. */
const char *cost_run(char *const argv[], const char *library, const char *word, cost_report *report);
void cost_free(cost_report *report);

/* end - begin. */
costs cost_between(const costs *begin, const costs *end);
void cost_add(costs *sum, const costs *more);

/* Neither system calls nor page faults nor allocations nor voluntary context switches. */
bool cost_none(const costs *c);
/* A thread that loses its CPU to something else makes the others sleep, which is a system call and says
 * nothing about the program: only futexes, and somebody was preempted. Nothing else is excused. */
bool cost_disturbed(const costs *c);

#endif
