/* winnow doctor: is this machine ready to be measured, and making it so. */
#include "cli.h"
#include "doctor_report.h"
#include <limits.h>

static const char details[] =
    "Looks at everything that makes figures slow or unsteady: found, wanted, what it is worth, and the "
    "command\n"
    "that sets it. --apply sets what can be set while the system runs (as root; never boot settings) and "
    "keeps\n"
    "the old values in a state file first; --restore puts them back. The exit code is 3 when something is\n"
    "serious. docs/linux.md says what the verdicts mean and what --apply writes. Columns of its CSV file:\n"
    "  " WN_DOCTOR_HEADER;

typedef struct flags {
    const char *root, *state, *csv;
    double seconds;
    bool json, quick, apply, restore;
} flags;

static wn_status read_flags(const wn_command *command, int argc, char **argv, flags *f, int *words,
                            bool *help) {
    const wn_option options[] = {
        {.name = "--json",
         .kind = WN_OPTION_SWITCH,
         .value = &f->json,
         .help = "print JSON in place of the table"},
        WN_OPTION_CSV(&f->csv),
        {.name = "--quick",
         .kind = WN_OPTION_SWITCH,
         .value = &f->quick,
         .help = "only look, measure nothing"},
        {.name = "--apply",
         .kind = WN_OPTION_SWITCH,
         .value = &f->apply,
         .help = "set what can be set at run time"},
        {.name = "--restore",
         .kind = WN_OPTION_SWITCH,
         .value = &f->restore,
         .help = "put back what --apply changed"},
        {.name = "--state",
         .kind = WN_OPTION_TEXT,
         .value = &f->state,
         .argument = "FILE",
         .help = "where --apply keeps the old values (default: /run/winnow-doctor.state)"},
        {.name = "--root",
         .kind = WN_OPTION_TEXT,
         .value = &f->root,
         .argument = "DIR",
         .help = "look at proc and sys below DIR, say of a host mounted into a container"},
    };
    return wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help);
}

static wn_status judge(const wn_finding *findings, int count) {
    char verdict[480];
    if (wn_doctor_verdict(findings, count, verdict, sizeof verdict) == WN_VERDICT_SERIOUS)
        return wn_error(WN_ERROR_LIMIT, "doctor: %s", verdict);
    return wn_ok();
}

/* A file in a folder is named after this machine, unless it is another one that is looked at. The session,
 * whose pool binds threads to CPUs, ends before the examination. */
static wn_status open_csv(const char *path, bool other, wn_csv *csv) {
    wn_session session;
    char named[PATH_MAX];
    WN_TRY(wn_session_open(NULL, 0, &session));
    wn_status status = wn_session_csv_path(other ? NULL : &session, path, "doctor", NULL, named);
    wn_session_close(&session);
    return wn_failed(status) ? status : wn_csv_open(named, WN_DOCTOR_HEADER, csv);
}

static wn_status doctor(const wn_command *command, int argc, char **argv) {
    flags f = {.root = "", .seconds = 0.5};
    int words;
    bool help;
    WN_TRY(read_flags(command, argc, argv, &f, &words, &help));
    if (help)
        return wn_ok();
    if (words)
        return wn_error(WN_ERROR_USAGE, "doctor: found \"%.80s\", expected no argument", argv[0]);
    if (f.apply && f.restore)
        return wn_error(WN_ERROR_USAGE, "doctor: found --apply and --restore, expected one of them");
    char state[PATH_MAX];
    snprintf(state, sizeof state, "%s/run/winnow-doctor.state", f.root);
    const char *state_path = f.state ? f.state : state;
    if (f.restore)
        return wn_doctor_restore(f.root, state_path, stdout);
    wn_csv csv = {.file = NULL};
    bool other = f.root[0] != '\0';
    if (f.csv)
        WN_TRY(open_csv(f.csv, other, &csv));
    wn_finding findings[WN_FINDINGS];
    int count = wn_doctor_examine(f.root, other ? 0 : f.seconds, findings);
    if (f.apply) {
        wn_status closed = wn_csv_close(&csv);
        return wn_failed(closed) ? closed : wn_doctor_apply(f.root, state_path, findings, count, stdout);
    }
    if (!f.quick && !other)
        wn_doctor_measure(findings, count);
    if (f.json)
        wn_doctor_print_json(findings, count, stdout);
    else
        wn_doctor_print(findings, count, stdout);
    if (f.csv)
        wn_doctor_write(findings, count, &csv);
    WN_TRY(wn_csv_close(&csv));
    return judge(findings, count);
}

const wn_command wn_command_doctor = {"doctor", "[options]", "is this machine ready to be measured?", details,
                                      doctor};
