/* The command line of winnow tune. */
#include "tune_flags.h"
#include "impl_list.h"
#include <string.h>

/* "2/5": every fifth problem from the second on. NULL: all. */
static wn_status read_part(const char *text, int *part, int *parts) {
    int length = 0;
    *part = *parts = 1;
    if (!text)
        return wn_ok();
    if (sscanf(text, "%d/%d%n", part, parts, &length) == 2 && !text[length] && *part >= 1 && *part <= *parts)
        return wn_ok();
    return wn_error(WN_ERROR_USAGE, "--part: found \"%.40s\", expected PART/PARTS", text);
}

/* Names of implementations must be right. */
static wn_status check_names(const wn_tune_flags *f) {
    if (f->force && strchr(f->force, ','))
        return wn_error(WN_ERROR_USAGE, "--force: found \"%.60s\", expected one implementation", f->force);
    WN_TRY(wn_impl_list_check("--force", f->force, NULL));
    WN_TRY(wn_impl_list_check("--skip", f->skip, NULL));
    return wn_ok();
}

wn_status wn_tune_flags_read(const wn_command *command, int argc, char **argv, wn_tune_flags *f, int *words,
                             bool *help) {
    const wn_option options[] = {
        WN_OPTIONS_NETWORK(&f->network),
        {.name = "--train",
         .kind = WN_OPTION_SWITCH,
         .value = &f->train,
         .help = "of networks: training tapes only"},
        {.name = "--infer",
         .kind = WN_OPTION_SWITCH,
         .value = &f->infer,
         .help = "of networks: inference tapes only"},
        {.name = "--batch",
         .kind = WN_OPTION_TEXT,
         .value = &f->problems.file,
         .argument = "FILE",
         .help = "also the problems of a batch file"},
        {.name = "--dir",
         .kind = WN_OPTION_TEXT,
         .value = &f->problems.directions,
         .argument = "LIST",
         .help = "of problems: FWD_B,BWD_D,BWD_WB (default: all)"},
        {.name = "--effort",
         .kind = WN_OPTION_CHOICE,
         .value = &f->effort,
         .argument = "off|heuristic|quick|full",
         .choices = wn_effort_names,
         .help = "see above (default: quick)"},
        {.name = "--budget",
         .kind = WN_OPTION_REAL,
         .value = &f->budget,
         .argument = "SECONDS",
         .low = 0.001,
         .high = 1e7,
         .help = "for each network or all problems (default: 0.9 for each problem; full: and its steps)"},
        {.name = "--max-error",
         .kind = WN_OPTION_REAL,
         .value = &f->max_error,
         .argument = "E",
         .low = 1e-9,
         .high = 1,
         .help = "of picks, over the root mean square of the results (default: 2e-4)"},
        {.name = "--workspace-limit",
         .kind = WN_OPTION_WHOLE,
         .value = &f->workspace_limit,
         .argument = "BYTES",
         .low = 1,
         .high = 1e15,
         .help = "of picks (default: none)"},
        {.name = "--cold",
         .kind = WN_OPTION_CHOICE,
         .value = &f->cold,
         .argument = "none|weights|all",
         .choices = wn_cold_names,
         .help = "what does not lie in the caches when a run begins (default: all)"},
        {.name = "--force",
         .kind = WN_OPTION_TEXT,
         .value = &f->force,
         .argument = "IMPL",
         .help = "only this implementation, where it runs the problem; tunes again what is known"},
        {.name = "--skip",
         .kind = WN_OPTION_TEXT,
         .value = &f->skip,
         .argument = "LIST",
         .help = "without these implementations"},
        {.name = "--from-db-only",
         .kind = WN_OPTION_SWITCH,
         .value = &f->from_db_only,
         .help = "tune nothing; fail unless the database has every pick"},
        {.name = "--explain",
         .kind = WN_OPTION_SWITCH,
         .value = &f->explain,
         .help = "print every candidate, and why the others are none"},
        {.name = "--regret",
         .kind = WN_OPTION_WHOLE,
         .value = &f->regret,
         .argument = "ROUNDS",
         .low = 3,
         .high = 60,
         .help =
             "afterwards: how far the picks and the model's choices are behind in a race of all candidates"},
        {.name = "--best-of-each",
         .kind = WN_OPTION_TEXT,
         .value = &f->best_of_each,
         .argument = "FOLDER",
         .help = "also keep the fastest candidate of each implementation, in FOLDER/IMPL.db"},
        {.name = "--beside",
         .kind = WN_OPTION_TEXT,
         .value = &f->beside,
         .argument = "LIST",
         .help = "afterwards: networks' steps beside those with the picks of these databases (with --regret: "
                 "their picks, too)"},
        {.name = "--part",
         .kind = WN_OPTION_TEXT,
         .value = &f->part_text,
         .argument = "K/N",
         .help = "of --regret: every N-th problem from the K-th on"},
        WN_OPTION_THREADS(&f->threads),
        WN_OPTION_ISA(&f->isa),
        WN_OPTION_DB(&f->db),
        WN_OPTION_CSV(&f->csv),
    };
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, words, help));
    WN_TRY(read_part(f->part_text, &f->part, &f->parts));
    return *help ? wn_ok() : check_names(f);
}
