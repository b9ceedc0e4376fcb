/* Running the program as people do: in a scratch folder, with what it wrote kept to be looked at. */
#ifndef WN_CLI_FIXTURE_H
#define WN_CLI_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

enum { ARGUMENTS = 20, OUTPUT = 1 << 18 };

/* Makes a scratch folder and goes there; argv holds the program's path. False with a message on stderr. */
bool cli_begin(int argc, char **argv);
/* Removes the folder; returns main's exit code as check_finish does. */
int cli_finish(const char *name);

/* What a run left behind. */
typedef struct outcome {
    int code; /* exit code; -1 when it did not exit */
    char out[OUTPUT], err[OUTPUT];
} outcome;

/* Runs the program in the scratch folder with standard output going to `out` (NULL: closed). */
void run_to(const char *out, const char *const arguments[], outcome *o);
#define RUN(o, ...) run_to("out", (const char *const[ARGUMENTS + 1]){__VA_ARGS__}, (o))

/* Whether a run failed because this build reads no weights and checkpoints; counts what is skipped for that.
 */
bool lacks_weights(const outcome *o);

/* A file's text; empty when there is none. */
void read_whole(const char *path, char text[OUTPUT]);
void write_file(const char *path, const void *bytes, size_t length);
void write_text(const char *path, const char *text);

/* A command line that must fail. */
typedef struct mistake {
    int code;
    const char *expected[3]; /* words that the message must hold */
    const char *arguments[ARGUMENTS + 1];
} mistake;

/* Runs it; the message must be one line. */
void expect_mistake(const mistake *m, const char *out);

/* Number of lines of a CSV file with that header; fails when one has another number of fields than the first.
 */
int csv_rows(const char *path, const char *header);
int count_lines(const char *text);

#endif
