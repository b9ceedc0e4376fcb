/* The tuning database: the records of one machine, found by problem. The file is database_file.c's, how a
 * line looks record.c's, what is done with a record pick.c's. */
#include "database.h"
#include "database_file.h"
#include "nearest.h"
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wn_tune_db {
    char path[PATH_MAX];
    char fingerprint[WN_RECORD_MACHINE];
    char versions[128];
    wn_record *records;
    int count, room;
    int *slots; /* open addressing: index into records + 1, 0 = free; slot_count is a power of two */
    unsigned slot_count;
    wn_record *near; /* of other machines with this ISA, and shipped ones */
    double *distances;
    int near_count, near_room;
    int skipped, foreign, stale;
    char reason[96]; /* why the first record that was not used was not */
    wn_pick_state pick_state;
    bool alien; /* the file holds something, but nothing of ours */
};

/* FNV-1a over what identifies a pick. */
static unsigned key_hash(const wn_problem *p, wn_isa isa, int threads) {
    const int key[] = {(int)p->direction,
                       p->mb,
                       p->g,
                       p->ic,
                       p->ih,
                       p->iw,
                       p->oc,
                       p->oh,
                       p->ow,
                       p->kh,
                       p->kw,
                       p->sh,
                       p->sw,
                       p->ph,
                       p->pw,
                       p->dh,
                       p->dw,
                       p->relu,
                       p->accumulate,
                       p->plain_src,
                       p->constant_weights,
                       (int)isa,
                       threads};
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++)
        hash = (hash ^ (uint64_t)(uint32_t)key[i]) * 1099511628211u;
    return (unsigned)(hash >> 32);
}

/* The slot that holds the record of this key, or the free one where it belongs. */
static int *slot_find(const wn_tune_db *db, const wn_problem *problem, wn_isa isa, int threads) {
    unsigned i = key_hash(problem, isa, threads) & (db->slot_count - 1);
    for (; db->slots[i]; i = (i + 1) & (db->slot_count - 1)) {
        const wn_record *record = &db->records[db->slots[i] - 1];
        if (record->isa == isa && record->threads == threads && wn_problem_equal(&record->problem, problem))
            break;
    }
    return &db->slots[i];
}

/* Doubles the room, which keeps the table at most half full. */
static bool grow(wn_tune_db *db) {
    int room = db->room ? db->room * 2 : 64;
    wn_record *records = realloc(db->records, (size_t)room * sizeof *records);
    if (!records)
        return false;
    db->records = records;
    int *slots = calloc((size_t)room * 2, sizeof *slots);
    if (!slots)
        return false;
    free(db->slots);
    db->slots = slots;
    db->slot_count = (unsigned)room * 2;
    db->room = room;
    for (int i = 0; i < db->count; i++)
        *slot_find(db, &records[i].problem, records[i].isa, records[i].threads) = i + 1;
    return true;
}

/* Keeps a record, in place of an earlier one of its key. */
static wn_status keep(wn_tune_db *db, const wn_record *record) {
    if (db->count == db->room && !grow(db))
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for %d tuning records", db->path, db->count + 1);
    int *slot = slot_find(db, &record->problem, record->isa, record->threads);
    if (!*slot)
        *slot = ++db->count;
    db->records[*slot - 1] = *record;
    return wn_ok();
}

const wn_record *wn_tune_db_find(const wn_tune_db *db, const wn_problem *problem, wn_isa isa, int threads) {
    if (db->count == 0)
        return NULL;
    int index = *slot_find(db, problem, isa, threads);
    return index ? &db->records[index - 1] : NULL;
}

/* Remembers a record of another machine, unless nothing can be learned from it. */
static wn_status keep_near(wn_tune_db *db, const wn_record *record, double distance) {
    if (isinf(distance) || strcmp(record->versions, db->versions) != 0)
        return wn_ok();
    if (db->near_count == db->near_room) {
        int room = db->near_room ? db->near_room * 2 : 64;
        wn_record *near = realloc(db->near, (size_t)room * sizeof *near);
        db->near = near ? near : db->near;
        double *distances = realloc(db->distances, (size_t)room * sizeof *distances);
        db->distances = distances ? distances : db->distances;
        if (!near || !distances)
            return wn_error(WN_ERROR_MEMORY, "%s: no memory for %d tuning records", db->path, room);
        db->near_room = room;
    }
    db->distances[db->near_count] = distance;
    db->near[db->near_count++] = *record;
    return wn_ok();
}

/* "kernels=1,onednn=2.6.3" and another: the first part that differs. */
static void explain_versions(const char *mine, const char *other, char text[static 96]) {
    while (*mine && *other) {
        size_t a = strcspn(mine, ","), b = strcspn(other, ",");
        if (a != b || memcmp(mine, other, a) != 0) {
            snprintf(text, 96, "version: found %.*s, expected %.*s", (int)b, other, (int)a, mine);
            return;
        }
        mine += a + (mine[a] == ',');
        other += b + (other[b] == ',');
    }
    snprintf(text, 96, "versions: found %.24s, expected %.24s", *other ? other : "fewer",
             *mine ? mine : "fewer");
}

/* A sound record: this machine's, or one to learn from, or none of both. */
static wn_status sort_in(wn_tune_db *db, const wn_record *record, bool shipped) {
    char field[96];
    double distance = wn_machine_distance(db->fingerprint, record->machine, field);
    bool foreign = strcmp(record->machine, db->fingerprint) != 0;
    bool stale = strcmp(record->versions, db->versions) != 0;
    if (!foreign && !stale && !shipped)
        return keep(db, record);
    if (!shipped) {
        db->foreign += foreign;
        db->stale += !foreign;
        if (!foreign)
            explain_versions(db->versions, record->versions, field);
        if (!db->reason[0])
            snprintf(db->reason, sizeof db->reason, "%s", field);
    }
    return keep_near(db, record, shipped ? distance + 0.5 : distance);
}

static wn_status read_line(wn_tune_db *db, const char *line, size_t length, bool shipped) {
    wn_record record;
    switch (wn_record_parse(line, length, &record)) {
    case WN_RECORD_COMMENT:
        return wn_ok();
    case WN_RECORD_DAMAGED:
        db->skipped++;
        return wn_ok();
    case WN_RECORD_UNKNOWN:
        db->skipped++;
        break;
    case WN_RECORD_SOUND:
        WN_TRY(sort_in(db, &record, shipped));
        break;
    }
    db->alien = false;
    return wn_ok();
}

bool wn_tune_db_is_header(const char *line, size_t length) {
    static const char title[] = "# winnow tuning database";
    const size_t least = sizeof "# winnow" - 1, whole = sizeof title - 1;
    return length >= least && memcmp(line, title, length < whole ? length : whole) == 0;
}

static wn_status read_lines(wn_tune_db *db, const char *path, FILE *file, bool shipped) {
    wn_status status = wn_ok();
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    for (long number = 1; !wn_failed(status) && (length = getline(&line, &room, file)) >= 0; number++) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        if (number == 1 && !shipped)
            db->alien = !wn_tune_db_is_header(line, (size_t)length);
        status = read_line(db, line, (size_t)length, shipped);
    }
    if (!wn_failed(status) && ferror(file))
        status = wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    free(line);
    return status;
}

static wn_status read_file(wn_tune_db *db, const char *path, bool shipped) {
    FILE *file;
    WN_TRY(wn_tune_db_open_shared(path, &file));
    if (!file)
        return wn_ok();
    wn_status status = read_lines(db, path, file, shipped);
    fclose(file);
    return status;
}

wn_status wn_tune_db_open(const char *path, const char *fingerprint, wn_tune_db **db) {
    *db = NULL;
    if (path[0] == '\0' || strlen(path) >= PATH_MAX || strlen(fingerprint) >= WN_RECORD_MACHINE)
        return wn_error(WN_ERROR_INVALID, "tuning database: path of %zu bytes, expected 1 to %d",
                        strlen(path), PATH_MAX - 1);
    wn_tune_db *opened = calloc(1, sizeof *opened);
    if (!opened)
        return wn_error(WN_ERROR_MEMORY, "%s: no memory for a tuning database", path);
    strcpy(opened->path, path);
    strcpy(opened->fingerprint, fingerprint);
    wn_record_versions(opened->versions, sizeof opened->versions);
    wn_status status = read_file(opened, path, false);
    if (wn_failed(status)) {
        wn_tune_db_close(opened);
        return status;
    }
    *db = opened;
    return wn_ok();
}

void wn_tune_db_close(wn_tune_db *db) {
    if (!db)
        return;
    free(db->records);
    free(db->slots);
    free(db->near);
    free(db->distances);
    free(db);
}

wn_status wn_tune_db_learn(wn_tune_db *db, const char *path) {
    int skipped = db->skipped;
    wn_status status = read_file(db, path, true);
    db->skipped = skipped;
    return status;
}

static bool same_layer(const wn_problem *a, const wn_problem *b) {
    wn_problem other = *b;
    other.mb = a->mb;
    return wn_problem_equal(a, &other);
}

const wn_record *wn_tune_db_find_near(const wn_tune_db *db, const wn_problem *problem, wn_isa isa) {
    const wn_record *best = NULL;
    double least = INFINITY;
    for (int i = 0; i < db->near_count; i++)
        if (db->distances[i] <= least && db->near[i].isa == isa &&
            wn_problem_equal(&db->near[i].problem, problem)) {
            least = db->distances[i];
            best = &db->near[i];
        }
    return best;
}

const wn_record *wn_tune_db_find_batch(const wn_tune_db *db, const wn_problem *problem, wn_isa isa,
                                       int threads) {
    const wn_record *best = NULL;
    double least = 4 + 1e-9;
    for (int i = 0; i < db->count; i++) {
        const wn_record *record = &db->records[i];
        double times = (double)record->problem.mb / problem->mb;
        times = times < 1 ? 1 / times : times;
        if (times < least && record->isa == isa && record->threads == threads &&
            same_layer(&record->problem, problem)) {
            least = times;
            best = record;
        }
    }
    return best;
}

wn_pick_state *wn_tune_db_pick_state(wn_tune_db *db) {
    return &db->pick_state;
}

void wn_tune_db_use_pool(wn_tune_db *db, wn_pool *pool) {
    db->pick_state.pool = pool;
}

int wn_tune_db_misses(const wn_tune_db *db) {
    return db->pick_state.misses;
}

const char *wn_tune_db_reason(const wn_tune_db *db) {
    return db->reason;
}

const char *wn_tune_db_path(const wn_tune_db *db) {
    return db->path;
}

int wn_tune_db_records(const wn_tune_db *db) {
    return db->count;
}

int wn_tune_db_skipped(const wn_tune_db *db) {
    return db->skipped;
}

int wn_tune_db_foreign(const wn_tune_db *db) {
    return db->foreign;
}

int wn_tune_db_stale(const wn_tune_db *db) {
    return db->stale;
}

static int64_t nanoseconds(double seconds) {
    return seconds > 1e-9 ? llround(seconds * 1e9) : 1;
}

wn_status wn_tune_db_add(wn_tune_db *db, const wn_candidate *pick) {
    const wn_conv_plan *plan = &pick->plan;
    wn_record record = {.problem = plan->problem,
                        .isa = plan->isa,
                        .threads = plan->threads,
                        .impl = plan->impl,
                        .config = plan->config,
                        .min_ns = nanoseconds(pick->min_seconds),
                        .median_ns = nanoseconds(pick->median_seconds),
                        .workspace_bytes = plan->workspace_bytes,
                        .error = pick->rounds > 0 ? pick->error : (double)NAN,
                        .effort = pick->effort};
    record.problem.name[0] = '\0';
    strcpy(record.machine, db->fingerprint);
    strcpy(record.versions, db->versions);
    char line[WN_RECORD_LINE];
    if (db->alien)
        return wn_error(WN_ERROR_FORMAT, "%s: not a tuning database, nothing is appended to it", db->path);
    WN_TRY(wn_record_format(&record, line, sizeof line));
    WN_TRY(keep(db, &record));
    return wn_tune_db_append(db->path, line);
}
