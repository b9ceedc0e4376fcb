/* winnow info: this machine, as far as speed depends on it. winnow machine: the same, with its limits
 * measured. */
#include "cli.h"
#include "clock.h"
#include "machine_limits.h"
#include "topology.h"

enum { MAX_COUNTS = 12 }; /* numbers of threads: powers of two up to WN_THREADS_MAX, and the last */

static void print_caches(const wn_machine *m) {
    char l1[16], l2[16], l3[16];
    printf("caches     L1d %s, L2 %s, L3 %s", wn_bytes_text((double)m->l1d, l1),
           wn_bytes_text((double)m->l2, l2), wn_bytes_text((double)m->l3, l3));
    if (m->l3_cpus > 0)
        printf(" for %d CPUs", m->l3_cpus);
    printf("\n");
}

static void print_topology(void) {
    wn_topology t;
    if (wn_topology_read(&t))
        printf("topology   packages %d, NUMA nodes %d, L3 caches %d, cores %d, hardware threads %d\n",
               t.packages, t.numa_nodes, t.l3s, t.cores, t.hardware_threads);
    else
        printf("topology   not known: this build is without hwloc\n");
}

static void print_facts(const wn_machine *m, wn_isa isa, int threads) {
    char bytes[16];
    printf("CPU        %s (%s family %d model %d stepping %d)\n", m->model_name, m->vendor, m->family,
           m->model, m->stepping);
    printf("ISA        %s\n", wn_isa_name(isa));
    printf("CPUs       %d online, %d usable by this process", m->cpus, m->affinity);
    if (m->quota > 0)
        printf(", control group's quota %g", m->quota);
    printf("\nthreads    %d\n", threads);
    print_topology();
    print_caches(m);
    printf("memory     %s", wn_bytes_text(m->memory, bytes));
    if (m->memory_limit > 0)
        printf(", control group's limit %s", wn_bytes_text(m->memory_limit, bytes));
    printf("\nhuge pages %s\n", m->huge_pages ? "yes" : "no");
}

static wn_status info(const wn_command *command, int argc, char **argv) {
    const char *isa = NULL;
    int64_t threads = 0;
    const wn_option options[] = {WN_OPTION_THREADS(&threads), WN_OPTION_ISA(&isa)};
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "info: found \"%.80s\", expected no argument", argv[0]);
    wn_session session;
    WN_TRY(wn_session_open(isa, threads, &session));
    print_facts(&session.machine, session.isa, wn_pool_threads(session.pool));
    printf("database   records belong to \"%s\"\n", session.fingerprint);
    wn_session_close(&session);
    return wn_ok();
}

/* 1, 2, 4, ... and the largest. */
static int list_counts(int largest, int counts[MAX_COUNTS]) {
    int count = 0;
    for (int threads = 1; threads < largest; threads *= 2)
        counts[count++] = threads;
    counts[count++] = largest;
    return count;
}

static void describe_clock(wn_csv *csv) {
    wn_clock_cost clock = wn_clock_measure();
    printf("clock      reading it takes %.0f ns, it moves in steps of %.0f ns\n", clock.read_nanoseconds,
           clock.step_nanoseconds);
    if (!csv)
        return;
    wn_machine_file_number(csv, "clock read", clock.read_nanoseconds, "ns");
    wn_machine_file_number(csv, "clock step", clock.step_nanoseconds, "ns");
}

/* A thread has one pool at a time: the session's gives way to one of each size. */
static wn_status measure(wn_session *session, double seconds, wn_csv *csv) {
    int counts[MAX_COUNTS], count = list_counts(wn_pool_threads(session->pool), counts);
    wn_limits limits[MAX_COUNTS];
    for (int i = 0; i < count; i++) {
        wn_session_close(session);
        WN_TRY(wn_pool_create(counts[i], &session->pool));
        wn_limits_measure(session->pool, session->isa, seconds, &limits[i]);
    }
    wn_limits_print(limits, count, session->isa, &session->machine, stdout);
    if (csv)
        wn_limits_write(limits, count, session->isa, csv);
    return wn_ok();
}

static wn_status show_machine(wn_session *session, double seconds, wn_csv *csv) {
    print_facts(&session->machine, session->isa, wn_pool_threads(session->pool));
    if (csv) {
        wn_machine_facts facts = wn_session_facts(session);
        wn_machine_file_rows(&facts, csv);
    }
    describe_clock(csv);
    fflush(stdout);
    return measure(session, seconds, csv);
}

static wn_status machine(const wn_command *command, int argc, char **argv) {
    const char *isa = NULL, *path = NULL;
    int64_t threads = 0;
    double seconds = 0.1;
    const wn_option options[] = {
        WN_OPTION_THREADS(&threads),
        WN_OPTION_ISA(&isa),
        WN_OPTION_CSV(&path),
        {.name = "--seconds",
         .kind = WN_OPTION_REAL,
         .value = &seconds,
         .argument = "S",
         .low = 0.001,
         .high = 60,
         .help = "to spend on each figure (default: 0.1)"},
    };
    int words;
    bool help;
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "machine: found \"%.80s\", expected no argument", argv[0]);
    wn_session session;
    wn_csv csv = {.file = NULL};
    WN_TRY(wn_session_open_for(path, isa, threads, &session));
    char named[PATH_MAX];
    wn_status status = path ? wn_session_csv_path(&session, path, "machine", NULL, named) : wn_ok();
    if (!wn_failed(status) && path)
        status = wn_csv_open(named, WN_MACHINE_FILE_HEADER, &csv);
    if (!wn_failed(status))
        status = show_machine(&session, seconds, path ? &csv : NULL);
    wn_status closed = wn_csv_close(&csv);
    wn_session_close(&session);
    return wn_failed(status) ? status : closed;
}

static const char machine_details[] =
    "What winnow info shows, and measured with 1, 2, 4, ... threads up to --threads: the FMA peak of every\n"
    "ISA, the bandwidth of reading and of STREAM's triad from each cache and from memory, and what the "
    "clock\n"
    "and the barriers around a timed run cost. winnow report draws rooflines with the CSV file.\n"
    "Columns of the CSV file:\n  " WN_MACHINE_FILE_HEADER;

const wn_command wn_command_info = {"info", "[options]", "this machine: CPUs, ISA, caches, limits; at once",
                                    NULL, info};
const wn_command wn_command_machine = {"machine", "[options]",
                                       "this machine measured: FMA peak, bandwidth per cache, clock",
                                       machine_details, machine};
