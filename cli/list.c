/* winnow list: what this build has. */
#include "cli.h"
#include "isa.h"

static wn_status list_networks(void) {
    printf("networks (one channel in, ten classes out)\n");
    printf("  %-14s %5s %6s %6s %12s %9s  %s\n", "name", "size", "batch", "lr", "parameters", "MMAC",
           "what it is");
    for (const wn_net *net = wn_nets; net->name; net++) {
        wn_network network;
        WN_TRY(wn_network_open(net->name, 0, 0, &network));
        int64_t parameters = 0;
        double multiply_adds = 0;
        for (int i = 0; i < wn_graph_layer_count(network.graph); i++) {
            wn_layer_info layer = wn_graph_layer(network.graph, i);
            parameters += layer.parameters;
            multiply_adds += layer.multiply_adds;
        }
        printf("  %-14s %5d %6d %6g %12lld %9.1f  %s\n", net->name, net->default_size, net->default_batch,
               (double)net->default_lr, (long long)parameters, multiply_adds * 1e-6, net->summary);
        wn_network_close(&network);
    }
    return wn_ok();
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
                           : (int)wn_isa_detect() == isa ? "the default here"
                                                         : "available";
        printf("  %-14s %s\n", wn_isa_name((wn_isa)isa), note);
    }
}

static wn_status list(const wn_command *command, int argc, char **argv) {
    int words;
    bool help;
    WN_TRY(wn_options_read(command, NULL, 0, argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "list: found \"%.80s\", expected no argument", argv[0]);
    WN_TRY(list_networks());
    list_implementations();
    list_isas();
    return wn_ok();
}

const wn_command wn_command_list = {"list", "", "networks, implementations and ISAs of this build", NULL,
                                    list};
