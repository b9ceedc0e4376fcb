/* The counters of thread_costs.c tried on a program that does all of it on purpose: a proof of "none" is worth
 * nothing from counters that see nothing. */
#ifndef WN_MISBEHAVING_H
#define WN_MISBEHAVING_H

#include <stdbool.h>

/* Runs this very program with the one argument "misbehave", for which its main has to return
 * misbehaving_program(), and checks that every deliberate system call, page fault, sleep and allocation was
 * seen. False, with the reason printed, when nothing can be counted on this system. */
bool check_counters(const char *library);
int misbehaving_program(void);

#endif
