/* winnow db: looks at tuning databases, carries them from machine to machine, and puts them together. */
#include "cli.h"
#include "collection.h"
#include <limits.h>
#include <string.h>

static const char details[] =
    "  show            the picks, one a line, and why those of other machines or versions are not used here\n"
    "  export FILE     writes the database to a new file, without damaged lines and duplicates; lines that "
    "only\n"
    "                  other builds of winnow can read are kept, as in the next two\n"
    "  import FILE     adds the picks of FILE that the database lacks or has with less effort\n"
    "  merge FILE...   puts the picks of all files into the database in place of what it had (it may be "
    "among\n"
    "                  them); without a file, tidies it up\n"
    "  verify          counts damaged, unknown and superseded lines; fails when a line is damaged\n"
    "  diff FILE       problems whose picks differ, or that one of both lacks";

/* The file that the command works on, and this machine. */
typedef struct place {
    char path[PATH_MAX];
    const char *fingerprint;
} place;

static void describe(const wn_record *record, char *text, size_t size) {
    char problem[400], config[256], flags[64];
    const wn_problem *p = &record->problem;
    wn_problem_format(p, problem, sizeof problem);
    wn_problem_flags_text(p, ' ', flags, sizeof flags);
    wn_config_format(record->impl, &record->config, config, sizeof config);
    snprintf(text, size, "%-6s %s%s%s: %s %s", wn_direction_name(p->direction), problem, flags[0] ? " " : "",
             flags, record->impl->name, config);
}

static void print_counts(const char *path, const wn_collection *c) {
    printf("%s: %d records, %d damaged lines, %d unknown, %d superseded\n", path, c->count, c->damaged,
           c->unknown_count, c->duplicates);
}

/* A summary per machine is what a fleet's database needs first. */
static wn_status show(const place *at) {
    wn_collection c = {.items = NULL};
    wn_tune_db *db = NULL;
    wn_status status = wn_collection_read(&c, at->path);
    for (int i = 0; i < c.count && !wn_failed(status); i++) {
        const wn_record *record = &c.items[i].record;
        char text[900];
        describe(record, text, sizeof text);
        printf("%10.3f ms  %-9s %8.1e  %s  [%s; %s]\n", (double)record->median_ns * 1e-6,
               wn_effort_names[record->effort], record->error, text, record->machine, record->versions);
    }
    if (!wn_failed(status))
        status = wn_tune_db_open(at->path, at->fingerprint, &db);
    if (!wn_failed(status)) {
        print_counts(at->path, &c);
        printf("of this machine: %d; of others: %d; of other versions: %d%s%s%s\n", wn_tune_db_records(db),
               wn_tune_db_foreign(db), wn_tune_db_stale(db), wn_tune_db_reason(db)[0] ? " (first " : "",
               wn_tune_db_reason(db), wn_tune_db_reason(db)[0] ? ")" : "");
    }
    wn_tune_db_close(db);
    wn_collection_free(&c);
    return status;
}

static wn_status verify(const place *at) {
    wn_collection c = {.items = NULL};
    wn_status status = wn_collection_read(&c, at->path);
    if (!wn_failed(status))
        print_counts(at->path, &c);
    if (!wn_failed(status) && c.damaged)
        status = wn_error(WN_ERROR_FORMAT, "%s: %d damaged lines, expected none", at->path, c.damaged);
    wn_collection_free(&c);
    return status;
}

/* Reads some files over each other and writes the result to one, unless that is something else than a
 * database. */
static wn_status gather(char *const *from, int count, const char *to) {
    wn_collection c = {.items = NULL}, replaced = {.items = NULL};
    int lock;
    wn_status status = wn_collection_lock(to, &lock);
    if (!wn_failed(status))
        status = wn_collection_read(&replaced, to);
    for (int i = 0; i < count && !wn_failed(status); i++)
        status = wn_collection_read(&c, from[i]);
    if (!wn_failed(status))
        status = wn_collection_write(&c, to);
    wn_collection_unlock(to, lock);
    if (!wn_failed(status))
        print_counts(to, &c);
    wn_collection_free(&replaced);
    wn_collection_free(&c);
    return status;
}

static bool exists(const char *path) {
    FILE *file = fopen(path, "re");
    if (file)
        fclose(file);
    return file != NULL;
}

/* Own records come last, so that they stay where both have as much effort behind them. */
static wn_status import(const place *at, char *file) {
    char *both[] = {file, (char *)at->path};
    return gather(both, 2, at->path);
}

static wn_status export(const place *at, const char *file) {
    char *from = (char *)at->path;
    if (exists(file))
        return wn_error(WN_ERROR_IO, "%s: exists already, expected a new file", file);
    return gather(&from, 1, file);
}

static wn_status merge(const place *at, char **files, int count) {
    char *own = (char *)at->path;
    if (count == 0 && !exists(own))
        return wn_error(WN_ERROR_IO, "%s: found no such file, expected a database to tidy up", own);
    return count ? gather(files, count, at->path) : gather(&own, 1, at->path);
}

static void print_missing(const wn_collection *a, const wn_collection *b, const char *name, int *differing) {
    for (int i = 0; i < a->count; i++) {
        char text[900];
        if (wn_collection_find(b, &a->items[i].record))
            continue;
        describe(&a->items[i].record, text, sizeof text);
        printf("only in %s: %s\n", name, text);
        (*differing)++;
    }
}

static wn_status diff(const place *at, const char *file) {
    wn_collection a = {.items = NULL}, b = {.items = NULL};
    int differing = 0;
    wn_status status = wn_collection_read(&a, at->path);
    if (!wn_failed(status))
        status = wn_collection_read(&b, file);
    for (int i = 0; i < a.count && !wn_failed(status); i++) {
        const wn_record *mine = &a.items[i].record;
        const wn_collected *other = wn_collection_find(&b, mine);
        char text[900], config[256];
        if (!other || (other->record.impl == mine->impl &&
                       memcmp(&other->record.config, &mine->config, sizeof mine->config) == 0))
            continue;
        describe(mine, text, sizeof text);
        wn_config_format(other->record.impl, &other->record.config, config, sizeof config);
        printf("%s (%.3f ms) | %s %s (%.3f ms)\n", text, (double)mine->median_ns * 1e-6,
               other->record.impl->name, config, (double)other->record.median_ns * 1e-6);
        differing++;
    }
    if (!wn_failed(status)) {
        print_missing(&a, &b, at->path, &differing);
        print_missing(&b, &a, file, &differing);
        printf("%d of %d and %d records differ\n", differing, a.count, b.count);
    }
    wn_collection_free(&a);
    wn_collection_free(&b);
    return status;
}

static wn_status dispatch(const place *at, char **words, int count) {
    const char *action = words[0];
    int files = count - 1;
    if (strcmp(action, "show") == 0 && files == 0)
        return show(at);
    if (strcmp(action, "verify") == 0 && files == 0)
        return verify(at);
    if (strcmp(action, "import") == 0 && files == 1)
        return import(at, words[1]);
    if (strcmp(action, "export") == 0 && files == 1)
        return export(at, words[1]);
    if (strcmp(action, "diff") == 0 && files == 1)
        return diff(at, words[1]);
    if (strcmp(action, "merge") == 0)
        return merge(at, words + 1, files);
    return wn_error(WN_ERROR_USAGE,
                    "db: found \"%.40s\" with %d files, expected one of those that winnow db "
                    "--help lists",
                    action, files);
}

static wn_status db(const wn_command *command, int argc, char **argv) {
    const char *isa = NULL, *path = NULL;
    int64_t threads = 0;
    int words;
    bool help;
    const wn_option options[] = {WN_OPTION_THREADS(&threads), WN_OPTION_ISA(&isa), WN_OPTION_DB(&path)};
    WN_TRY(wn_options_read(command, options, WN_COUNT_OF(options), argc, argv, &words, &help));
    if (help)
        return wn_ok();
    if (words == 0)
        return wn_error(WN_ERROR_USAGE, "db: found no action, expected winnow db %s", command->usage);
    wn_session session;
    place at = {.fingerprint = session.fingerprint};
    WN_TRY(wn_session_open(isa, threads, &session));
    wn_status status = wn_ok();
    if (!path)
        status = wn_tune_db_default_path(at.path, sizeof at.path);
    else if ((size_t)snprintf(at.path, sizeof at.path, "%s", path) >= sizeof at.path)
        status = wn_error(WN_ERROR_USAGE, "--db: found %zu characters, expected fewer", strlen(path));
    if (!wn_failed(status))
        status = dispatch(&at, argv, words);
    wn_session_close(&session);
    return status;
}

const wn_command wn_command_db = {"db", "show|export|import|merge|verify|diff [FILE]... [options]",
                                  "look at tuning databases, carry them around, put them together", details,
                                  db};
