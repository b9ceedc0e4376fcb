/* winnow list: what this build has. */
#include "cli.h"
#include "isa.h"
#include <string.h>

static const char details[] = "MMAC are the million multiply-adds of the convolutions for one image of the "
                              "default size, taps on padding\n"
                              "counted.";

static wn_status list_networks(const char *variant) {
    printf("networks\n");
    printf("  %-13s %-8s %4s %5s %6s %8s %12s %9s  %s\n", "name", "variant", "size", "batch", "lr", "classes",
           "parameters", "MMAC", "what it is");
    for (const wn_net *net = wn_nets; net->name; net++) {
        if (variant && strcmp(net->variant, variant) != 0)
            continue;
        wn_network network;
        WN_TRY(wn_network_open(net->name, &(wn_network_flags){.variant = net->variant}, &network));
        wn_network_totals total = wn_network_count(&network);
        printf("  %-13s %-8s %4d %5d %6g %8d %12lld %9.1f  %s\n", net->name, net->variant, net->default_size,
               net->default_batch, (double)net->default_lr, net->default_classes, (long long)total.parameters,
               total.convolutions * 1e-6, net->summary);
        wn_network_close(&network);
    }
    return wn_ok();
}

static void list_blocks(void) {
    printf("\nblocks, for winnow summary\n");
    for (const wn_net *block = wn_net_blocks; block->name; block++)
        printf("  %-20s %s\n", block->name, block->summary);
}

static void list_implementations(void) {
    printf("\nimplementations of convolutions and linear layers\n");
    for (int i = 0; wn_conv_registry[i]; i++) {
        const wn_conv_impl *impl = wn_conv_registry[i];
        printf("  %-14s", impl->name);
        for (int k = 0; impl->knobs && impl->knobs[k]; k++)
            printf("%s%s", k ? ", " : "knobs: ", impl->knobs[k]);
        if (impl->version)
            printf("%sversion %s", impl->knobs && impl->knobs[0] ? "; " : "", impl->version());
        printf("%s\n", impl->judge ? "the judge of the others, never a candidate" : "");
    }
}

static void list_isas(void) {
    printf("\nISAs\n");
    for (int isa = 0; isa < WN_ISA_COUNT; isa++) {
        const char *note = !wn_kernels_of((wn_isa)isa)   ? "not in this build"
                           : (int)wn_isa_detect() < isa  ? "not on this CPU"
                           : (int)wn_isa_native() == isa ? "the default here"
                                                         : "available";
        printf("  %-14s %s\n", wn_isa_name((wn_isa)isa), note);
    }
}

static wn_status list(const wn_command *command, int argc, char **argv) {
    const char *variant = NULL;
    const wn_option options[] = {WN_OPTION_VARIANT(&variant)};
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "list: found \"%.80s\", expected no argument", argv[0]);
    WN_TRY(list_networks(variant));
    list_blocks();
    list_implementations();
    list_isas();
    return wn_ok();
}

const wn_command wn_command_list = {"list", "[options]", "networks, implementations and ISAs of this build",
                                    details, list};
