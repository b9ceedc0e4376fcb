/* winnow shapes: the convolutions of a network as problems that winnow bench and benchdnn read. */
#include "cli.h"
#include <stdlib.h>

static const char details[] = "One line for every distinct convolution, in the order of the network; its "
                              "name is that of the first layer\n"
                              "that has it, with the number of layers behind a star. Channels are those of "
                              "the layers, without padding.\n"
                              "Read them back with: winnow bench --batch FILE";

static wn_status print(const wn_network *network) {
    wn_problem *problems;
    int count;
    WN_TRY(wn_network_problems(network, &problems, &count));
    for (int i = 0; i < count; i++) {
        char text[512];
        wn_problem_format(&problems[i], text, sizeof text);
        puts(text);
    }
    free(problems);
    return wn_ok();
}

static wn_status shapes(const wn_command *command, int argc, char **argv) {
    wn_network_flags flags = {0};
    const wn_option options[] = {WN_OPTIONS_NETWORK(&flags)};
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words != 1)
        return wn_error(WN_ERROR_USAGE, "shapes: found %d networks, expected one: winnow shapes %s", words,
                        command->usage);
    wn_network network;
    WN_TRY(wn_network_open(argv[0], &flags, &network));
    wn_status status = print(&network);
    wn_network_close(&network);
    return status;
}

const wn_command wn_command_shapes = {
    "shapes", "NET [options]", "convolutions of a network as problems for winnow bench", details, shapes};
