/* The few helpers every check program shares: counting, the seed, the size of the sample. Not a framework:
 * a check is a plain program that calls these and ends with `return check_finish("check_name");`. */
#ifndef WN_CHECK_H
#define WN_CHECK_H

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Weak: the files of one program share them. */
__attribute__((weak)) int check_passed, check_failed, check_skipped;

/* Counts a condition; when it does not hold, prints where, what, and a printf-style explanation (what was
 * found and what was expected). Evaluates to the condition. */
#define CHECK(condition, ...)                                                                                \
    ((condition) ? (check_passed++, true)                                                                    \
                 : (check_failed++, fprintf(stderr, "%s:%d: %s:", __FILE__, __LINE__, #condition),           \
                    fprintf(stderr, " " __VA_ARGS__), fputc('\n', stderr), false))

/* The larger of two distances; NaN, once seen, stays, so that it fails whatever bound comes behind. */
static inline double check_worst(double worst, double off) {
    return isnan(worst) || off <= worst ? worst : off;
}

/* WINNOW_TEST_FULL=1 asks for the whole test space instead of a sample. */
static inline bool check_full(void) {
    const char *full = getenv("WINNOW_TEST_FULL");
    return full && full[0] == '1';
}

/* WINNOW_TEST_PART=3/20 asks for the third of twenty parts, into which checks that take long cut what they
 * do. Whether this part has the index-th case. */
static inline bool check_part(int index) {
    const char *text = getenv("WINNOW_TEST_PART");
    int part, parts;
    if (!text)
        return true;
    if (sscanf(text, "%d/%d", &part, &parts) != 2 || part < 1 || part > parts) {
        fprintf(stderr, "WINNOW_TEST_PART: found \"%s\", expected PART/PARTS\n", text);
        exit(1);
    }
    return index % parts == part - 1;
}

/* The seed of the sample: WINNOW_TEST_SEED, else 1. Printed, so that a failure can be repeated. */
static inline uint64_t check_seed(void) {
    const char *text = getenv("WINNOW_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
    printf("seed %" PRIu64 "\n", seed);
    return seed;
}

/* Prints the counts and returns main's exit code. */
static inline int check_finish(const char *name) {
    printf("%s: %d passed, %d failed, %d skipped\n", name, check_passed, check_failed, check_skipped);
    if (check_failed)
        return 1;
    return check_passed == 0 && check_skipped ? 77 : 0;
}

#endif
