/* winnow: finds the subcommand, runs it, reports how it ended. */
#include "cli.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const wn_command *const commands[] = {&wn_command_train,   &wn_command_tune,   &wn_command_bench,
                                             &wn_command_summary, &wn_command_shapes, &wn_command_list,
                                             &wn_command_info};

static void print_usage(FILE *out) {
    fprintf(out,
            "winnow " WN_VERSION ": trains convolutional networks on CPUs with the fastest kernel for each "
            "layer\n\nusage: winnow COMMAND [options]\n\n");
    for (int i = 0; i < WN_COUNT_OF(commands); i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\nwinnow COMMAND --help explains a command, winnow --version prints the version.\n"
                 "Exit status: 0 done, 2 wrong usage, 1 anything else.\n");
}

/* An input that was closed before we started would hand its number to the first file we open, and output
 * meant for a terminal would end up in it. A file that cannot be written keeps the number and makes writing
 * fail. */
static void hold_standard_files(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* One line on stderr, whatever the message holds. */
static int report(wn_status status) {
    for (char *c = status.message; *c; c++)
        if (iscntrl((unsigned char)*c))
            *c = '?';
    fprintf(stderr, "winnow: %s\n", status.message);
    return status.code == WN_ERROR_USAGE ? 2 : 1;
}

static wn_status run(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0) {
        printf("winnow %s\n", WN_VERSION);
        return wn_ok();
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_usage(stdout);
        return wn_ok();
    }
    for (int i = 0; i < WN_COUNT_OF(commands); i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i]->run(commands[i], argc - 2, argv + 2);
    if (argc < 2)
        return wn_error(WN_ERROR_USAGE, "found no command, expected one of those that winnow --help lists");
    return wn_error(WN_ERROR_USAGE, "%s: unknown command, expected one of those that winnow --help lists",
                    name);
}

int main(int argc, char **argv) {
    hold_standard_files();
    wn_status status = run(argc, argv);
    int code = wn_failed(status) ? report(status) : 0;
    /* Output that nobody got is a failure too, and shows only now. */
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout))
        code = report(wn_error(WN_ERROR_IO, "standard output: %s", errno ? strerror(errno) : "write error"));
    return code;
}
