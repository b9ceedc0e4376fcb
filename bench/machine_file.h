/* The machine file: what the figures of a CSV file were taken on, and the doctor's verdict on it. */
#ifndef WN_MACHINE_FILE_H
#define WN_MACHINE_FILE_H

#include "csv.h"
#include "doctor.h"
#include "machine.h"

/* The columns, one row per fact:
 *   - fact: "cpu", "L2", "doctor" (the verdict over all), "doctor: CHECK" (what one check found); measured by
 *     winnow machine: "peak", "read", "triad", "empty run", "clock read", "clock step"
 *   - value, unit: a number and its unit, or text and nothing
 *   - isa, threads, level: what it was measured with, level (L1, L2, L3, memory) of read and triad */
#define WN_MACHINE_FILE_HEADER "fact,value,unit,isa,threads,level"

typedef struct wn_machine_facts {
    const wn_machine *machine;
    const char *fingerprint;
    wn_isa isa;
    int threads;
    const wn_finding *findings; /* taken before there was a pool, which narrows the affinity */
    int finding_count;
} wn_machine_facts;

/* One row. A value that is not finite is left empty: not known. */
void wn_machine_file_number(wn_csv *csv, const char *fact, double value, const char *unit);
void wn_machine_file_measured(wn_csv *csv, const char *fact, double value, const char *unit, const char *isa,
                              int threads, const char *level);
void wn_machine_file_text(wn_csv *csv, const char *fact, const char *text);

/* The rows of all facts. */
void wn_machine_file_rows(const wn_machine_facts *facts, wn_csv *csv);

/* Writes NAME.machine.csv beside NAME.csv. Does nothing where the CSV goes to standard output ("-"), a device
 * or a pipe. Errors: IO. */
wn_status wn_machine_file_beside(const char *csv_path, const wn_machine_facts *facts);

#endif
