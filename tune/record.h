/* One line of the tuning database: what it says, how it is written, and how it is judged when read. */
#ifndef WN_TUNE_RECORD_H
#define WN_TUNE_RECORD_H

#include "tune.h"

enum { WN_RECORD_LINE = 1536, WN_RECORD_MACHINE = 384 };

typedef struct wn_record {
    char machine[WN_RECORD_MACHINE]; /* fingerprint */
    wn_problem problem;              /* without a name */
    wn_isa isa;
    int threads;
    const wn_conv_impl *impl;
    wn_config config;
    int64_t min_ns, median_ns;
    uint64_t workspace_bytes;
    double error; /* wn_accuracy_error; NAN: not measured */
    wn_effort effort;
    char versions[128]; /* as wn_record_versions wrote it */
} wn_record;

typedef enum wn_record_verdict {
    WN_RECORD_SOUND,
    WN_RECORD_COMMENT, /* empty, or begins with # */
    WN_RECORD_DAMAGED, /* not a record, or its checksum is wrong */
    WN_RECORD_UNKNOWN, /* checksum right, but of a later format, or an implementation or knob unheard of here
                        */
} wn_record_verdict;

/* The first line of every database, newline included. */
extern const char wn_record_header[];

/* "kernels=1,onednn=2.6.3": what timings depend on besides the machine. */
void wn_record_versions(char *text, size_t size);

/* Writes a line with its newline. Errors: INVALID when a text contains a tab or newline or does not fit. */
wn_status wn_record_format(const wn_record *record, char *line, size_t size);

/* The fields of a problem that its string does not hold: "-", or names joined by commas. */
enum { WN_RECORD_FLAGS = 64 };
void wn_record_flags_format(const wn_problem *problem, char text[static WN_RECORD_FLAGS]);
/* False for a name that is none; cuts the text apart. */
bool wn_record_flags_parse(char *text, wn_problem *problem);

/* Reads a line of `length` bytes without its newline. */
wn_record_verdict wn_record_parse(const char *line, size_t length, wn_record *record);

#endif
