/* winnow: finds the subcommand, runs it, reports how it ended. */
#include "cli.h"
#include "program.h"
#include <string.h>

static const wn_command *const commands[] = {
    &wn_command_train,   &wn_command_data,   &wn_command_eval,  &wn_command_predict, &wn_command_export,
    &wn_command_lr_find, &wn_command_tune,   &wn_command_db,    &wn_command_bench,   &wn_command_summary,
    &wn_command_shapes,  &wn_command_list,   &wn_command_info,  &wn_command_machine, &wn_command_compare,
    &wn_command_report,  &wn_command_bypass, &wn_command_doctor};

static void print_usage(FILE *out) {
    fprintf(out,
            "winnow " WN_VERSION ": trains convolutional networks on CPUs with the fastest kernel for each "
            "layer\n\nusage: winnow COMMAND [options]\n\n");
    for (int i = 0; i < WN_COUNT_OF(commands); i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\nwinnow COMMAND --help explains a command, winnow --version prints the version.\n"
            "Exit status: 0 done, 2 wrong usage, 3 a limit that was asked for is passed, 1 anything else.\n");
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
    wn_program_begin();
    return wn_program_end("winnow", run(argc, argv));
}
