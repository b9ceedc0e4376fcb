/* winnow info: the machine, as far as speed depends on it. */
#include "cli.h"
#include "csv.h"
#include "isa.h"
#include <math.h>

static void print_machine(const wn_machine *m) {
    char l1[16], l2[16], l3[16];
    printf("CPU        %s (%s family %d model %d stepping %d)\n", m->model_name, m->vendor, m->family,
           m->model, m->stepping);
    printf("CPUs       %d online, %d usable by this process", m->cpus, m->affinity);
    if (m->quota > 0)
        printf(", control group's quota %g", m->quota);
    printf("\ncaches     L1d %s, L2 %s, L3 %s\n", wn_bytes_text((double)m->l1d, l1),
           wn_bytes_text((double)m->l2, l2), wn_bytes_text((double)m->l3, l3));
    printf("huge pages %s\n", m->huge_pages ? "yes" : "no");
}

static const char details[] = "Columns of the CSV file:\n  " WN_MACHINE_FILE_HEADER;

/* Measures peak and bandwidth, prints them, and writes them to the file where there is one. */
static void measure(const wn_session *session, double seconds, wn_csv *csv) {
    for (int i = 0; i <= (int)session->isa; i++) {
        if (!wn_kernels_of((wn_isa)i))
            continue;
        char fact[32];
        double peak = wn_peak_flops(session->pool, (wn_isa)i, seconds) * 1e-9;
        printf("peak       %7.1f GFLOP/s %s\n", peak, wn_isa_name((wn_isa)i));
        snprintf(fact, sizeof fact, "peak %s", wn_isa_name((wn_isa)i));
        if (csv)
            wn_machine_file_number(csv, fact, peak, "GFLOP/s");
    }
    double bandwidth = wn_peak_bandwidth(session->pool, session->isa, seconds) * 1e-9;
    if (bandwidth > 0)
        printf("bandwidth  %7.1f GB/s\n", bandwidth);
    else
        printf("bandwidth  not measured: no memory for the arrays\n");
    if (csv)
        wn_machine_file_number(csv, "bandwidth", bandwidth > 0 ? bandwidth : (double)NAN, "GB/s");
}

static wn_status show(const char *isa, int64_t threads, double seconds, const char *path) {
    wn_session session;
    wn_csv csv = {.file = NULL};
    WN_TRY(wn_session_open_for(path, isa, threads, &session));
    wn_status status = path ? wn_csv_open(path, WN_MACHINE_FILE_HEADER, &csv) : wn_ok();
    if (!wn_failed(status)) {
        print_machine(&session.machine);
        printf("ISA        %s\nthreads    %d\n", wn_isa_name(session.isa), wn_pool_threads(session.pool));
        if (path) {
            wn_machine_facts facts = wn_session_facts(&session);
            wn_machine_file_rows(&facts, &csv);
        }
        measure(&session, seconds, path ? &csv : NULL);
        printf("database   records belong to \"%s\"\n", session.fingerprint);
        status = wn_csv_close(&csv);
    }
    wn_session_close(&session);
    return status;
}

static wn_status info(const wn_command *command, int argc, char **argv) {
    const char *isa = NULL, *csv = NULL;
    int64_t threads = 0;
    double seconds = 0.3;
    const wn_option options[] = {
        WN_OPTION_THREADS(&threads),
        WN_OPTION_ISA(&isa),
        WN_OPTION_CSV(&csv),
        {.name = "--seconds",
         .kind = WN_OPTION_REAL,
         .value = &seconds,
         .argument = "S",
         .low = 0.01,
         .high = 60,
         .help = "to spend on each measurement (default: 0.3)"},
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "info: found \"%.80s\", expected no argument", argv[0]);
    return show(isa, threads, seconds, csv);
}

const wn_command wn_command_info = {"info", "[options]",
                                    "this machine: ISA, caches, measured peak and bandwidth", details, info};
