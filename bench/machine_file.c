/* Facts of the machine as rows of CSV. What they are is found out in machine/. */
#include "machine_file.h"
#include "output.h"
#include "topology.h"
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static void end_row(wn_csv *csv, const char *isa, int threads, const char *level) {
    wn_csv_text(csv, isa);
    wn_csv_number(csv, threads > 0 ? threads : (double)NAN);
    wn_csv_text(csv, level);
    wn_csv_end_row(csv);
}

void wn_machine_file_measured(wn_csv *csv, const char *fact, double value, const char *unit, const char *isa,
                              int threads, const char *level) {
    wn_csv_text(csv, fact);
    wn_csv_number(csv, value);
    wn_csv_text(csv, unit);
    end_row(csv, isa, threads, level);
}

void wn_machine_file_number(wn_csv *csv, const char *fact, double value, const char *unit) {
    wn_machine_file_measured(csv, fact, value, unit, "", 0, "");
}

void wn_machine_file_text(wn_csv *csv, const char *fact, const char *text) {
    wn_csv_text(csv, fact);
    wn_csv_text(csv, text);
    wn_csv_text(csv, "");
    end_row(csv, "", 0, "");
}

static void write_findings(const wn_machine_facts *facts, wn_csv *csv) {
    char text[1024], name[64];
    wn_doctor_verdict(facts->findings, facts->finding_count, text, sizeof text);
    wn_machine_file_text(csv, "doctor", text);
    for (int i = 0; i < facts->finding_count; i++) {
        const wn_finding *f = &facts->findings[i];
        snprintf(name, sizeof name, "doctor: %s", f->name);
        snprintf(text, sizeof text, "%s: %s", wn_verdict_names[f->verdict], f->found);
        wn_machine_file_text(csv, name, text);
    }
}

/* What there may be none of, or what may not be known. */
static void write_known(wn_csv *csv, const char *fact, double value, const char *unit) {
    if (value > 0)
        wn_machine_file_number(csv, fact, value, unit);
}

static void write_topology(wn_csv *csv) {
    wn_topology t;
    wn_topology_read(&t);
    write_known(csv, "packages", t.packages, "");
    write_known(csv, "numa nodes", t.numa_nodes, "");
    write_known(csv, "L3 caches", t.l3s, "");
    write_known(csv, "cores", t.cores, "");
    write_known(csv, "hardware threads", t.hardware_threads, "");
}

void wn_machine_file_rows(const wn_machine_facts *facts, wn_csv *csv) {
    const wn_machine *m = facts->machine;
    wn_machine_file_text(csv, "cpu", m->model_name);
    wn_machine_file_text(csv, "fingerprint", facts->fingerprint);
    wn_machine_file_text(csv, "isa", wn_isa_name(facts->isa));
    wn_machine_file_number(csv, "threads", facts->threads, "");
    write_known(csv, "cpus", m->cpus, "");
    write_known(csv, "usable cpus", m->affinity, "");
    write_known(csv, "quota", m->quota, "cpus");
    write_known(csv, "L1d", (double)m->l1d, "bytes");
    write_known(csv, "L2", (double)m->l2, "bytes");
    write_known(csv, "L3", (double)m->l3, "bytes");
    write_known(csv, "cpus per L3", m->l3_cpus, "");
    write_known(csv, "memory", m->memory, "bytes");
    write_known(csv, "memory limit", m->memory_limit, "bytes");
    write_topology(csv);
    write_findings(facts, csv);
}

/* NAME.machine.csv of NAME.csv; false for a path that is too long. */
static bool name_beside(const char *csv_path, char path[static PATH_MAX]) {
    size_t length = strlen(csv_path);
    if (length > 4 && strcmp(csv_path + length - 4, ".csv") == 0)
        length -= 4;
    return snprintf(path, PATH_MAX, "%.*s.machine.csv", (int)length, csv_path) < PATH_MAX;
}

static bool has_one_beside(const char *csv_path) {
    struct stat kind;
    return !wn_output_is_standard(csv_path) && stat(csv_path, &kind) == 0 && S_ISREG(kind.st_mode);
}

wn_status wn_machine_file_beside(const char *csv_path, const wn_machine_facts *facts) {
    char path[PATH_MAX];
    if (!has_one_beside(csv_path))
        return wn_ok();
    if (!name_beside(csv_path, path))
        return wn_error(WN_ERROR_IO, "%.200s: too long a path for the machine file beside it", csv_path);
    wn_csv csv;
    WN_TRY(wn_csv_open(path, WN_MACHINE_FILE_HEADER, &csv));
    wn_machine_file_rows(facts, &csv);
    return wn_csv_close(&csv);
}
