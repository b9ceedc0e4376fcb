/* What the doctor found, as a table, as JSON and as CSV, and what some of it is worth on this machine. */
#ifndef WN_DOCTOR_REPORT_H
#define WN_DOCTOR_REPORT_H

#include "csv.h"
#include "doctor.h"

/* The columns of its CSV, one row per check:
 *   check       what was looked at
 *   verdict     good, unknown, note, poor or serious
 *   found, wanted
 *   measured    what it is worth, measured on this machine; empty where it was not
 *   worth       what is known about that from elsewhere
 *   command     that sets it */
#define WN_DOCTOR_HEADER "check,verdict,found,wanted,measured,worth,command"

/* Measures what can be toggled safely: huge pages, the clock, entries into the kernel, and how evenly work
 * runs. Takes about a second on the calling thread. */
void wn_doctor_measure(wn_finding *findings, int count);

void wn_doctor_print(const wn_finding *findings, int count, FILE *out);
void wn_doctor_write(const wn_finding *findings, int count, wn_csv *csv);
/* {"verdict": ..., "findings": [{"check": ..., ...}, ...]} */
void wn_doctor_print_json(const wn_finding *findings, int count, FILE *out);

#endif
