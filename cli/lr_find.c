/* winnow lr-find: a short run with growing learning rates, its losses and what they suggest. */
#include "lr_find.h"
#include "csv.h"
#include "run_plot.h"
#include "training.h"
#include <math.h>
#include <stdlib.h>

#define HEADER "lr,loss"

enum { WIDTH = 1000, HEIGHT = 440 }; /* of the plot */

static const char details[] =
    "Trains NET for 100 steps with a learning rate that grows from --from to --to, and prints the smoothed "
    "loss\n"
    "over it; ends early when that exceeds four times its best. Suggests the rate in the middle of the "
    "longest\n"
    "fall. Other flags change the recipe as in winnow train. The CSV file has a row for every step: " HEADER;

/* A line for every fourth rate: the loss between the least and the first one as a bar. */
static void print_plot(const wn_lr_find_result *r) {
    static const char bar[] = "############################################################";
    double least = INFINITY;
    for (int i = 0; i < r->steps; i++)
        least = fmin(least, r->loss[i]);
    double range = r->steps ? fmax(r->loss[0] - least, 1e-9) : 1;
    for (int i = 0; i < r->steps; i += 4) {
        double share = fmin(fmax((r->loss[i] - least) / range, 0), 1);
        printf("%10.3g %8.4f  %.*s\n", r->lr[i], r->loss[i], (int)((sizeof bar - 1) * share), bar);
    }
}

static void write_csv(const wn_lr_find_result *r, wn_csv *csv) {
    for (int i = 0; i < r->steps; i++) {
        wn_csv_number(csv, r->lr[i]);
        wn_csv_number(csv, r->loss[i]);
        wn_csv_end_row(csv);
    }
}

static void print(const wn_lr_find_result *r) {
    printf("%10s %8s\n", "lr", "loss");
    print_plot(r);
    if (r->valley > 0)
        printf("suggestion: %.3g (valley, after %d steps)\n", r->valley, r->steps);
    else
        printf("no suggestion: the loss never falls\n");
}

/* Draws the losses into a file. */
static wn_status draw(const wn_lr_find_result *r, const char *path, const char *terminal) {
    char *body = NULL;
    size_t size;
    FILE *out = open_memstream(&body, &size);
    if (!out)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for the plot", path);
    wn_rates_write(r->lr, r->loss, r->steps, r->valley, out);
    fclose(out);
    wn_status status = wn_gnuplot_draw(path, terminal, WIDTH, HEIGHT, body);
    free(body);
    return status;
}

static wn_status find(const wn_training_flags *f, const char *net, double low, double high,
                      const char *plot) {
    wn_training training;
    wn_csv csv = {.file = NULL};
    wn_lr_find_result result;
    const char *terminal;
    if (plot)
        WN_TRY(wn_plot_check(plot, &terminal));
    WN_TRY(wn_training_open(f, net, &training));
    wn_status status = f->csv ? wn_session_csv_check(&training.session, f->csv, "lr-find", net) : wn_ok();
    if (!wn_failed(status))
        status = wn_lr_find(&training.options, low, high, &result);
    if (!wn_failed(status) && f->csv)
        status = wn_session_csv(&training.session, f->csv, "lr-find", net, HEADER, &csv);
    if (!wn_failed(status)) {
        print(&result);
        if (f->csv)
            write_csv(&result, &csv);
        if (plot)
            status = draw(&result, plot, terminal);
    }
    wn_status closed = wn_csv_close(&csv);
    wn_training_close(&training);
    return wn_failed(status) ? status : closed;
}

static wn_status lr_find(const wn_command *command, int argc, char **argv) {
    wn_training_flags f = WN_TRAINING_FLAGS_NONE;
    double low = 1e-7, high = 10;
    const char *plot = NULL;
    bool help;
    const wn_option own[] = {
        {"--from", WN_OPTION_REAL, &low, "L", 1e-12, 1e6, NULL, "first learning rate (default: 1e-7)"},
        {"--to", WN_OPTION_REAL, &high, "L", 1e-12, 1e6, NULL, "last learning rate (default: 10)"},
        {"--plot", WN_OPTION_TEXT, &plot, "FILE", 0, 0, NULL,
         "draw the losses with the suggestion marked, as .svg or .png (by gnuplot)"},
    };
    WN_TRY(wn_training_read(command, &f, own, WN_COUNT_OF(own), argc, argv, &help));
    return help ? wn_ok() : find(&f, argv[0], low, high, plot);
}

const wn_command wn_command_lr_find = {"lr-find", "NET [options]", "suggest a learning rate by a short run",
                                       details, lr_find};
