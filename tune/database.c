/* The tuning database: a text file that any number of processes read and append to, and the records of one
 * machine found by problem. How a line looks is in record.c, what is done with a record in pick.c. */
#include "database.h"
#include "nearest.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASE_BYTES_CAP = 1 << 30 }; /* far beyond any database; keeps us from reading a disk image */

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

/* flock that a signal does not end. */
static bool lock(int fd, int operation) {
    while (flock(fd, operation) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

static wn_status read_file(wn_tune_db *db, const char *path, bool shipped) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    struct stat facts;
    FILE *file = NULL;
    wn_status status = wn_ok();
    if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode))
        status = wn_error(WN_ERROR_IO, "%s: not a regular file, expected a tuning database", path);
    else if (facts.st_size > DATABASE_BYTES_CAP)
        status = wn_error(WN_ERROR_FORMAT, "%s: %lld bytes, expected a tuning database of at most %d", path,
                          (long long)facts.st_size, DATABASE_BYTES_CAP);
    else if (!lock(fd, LOCK_SH) || !(file = fdopen(fd, "r")))
        status = wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    else
        status = read_lines(db, path, file, shipped);
    if (file)
        fclose(file);
    else
        close(fd);
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

wn_status wn_tune_db_default_path(char *path, size_t size) {
    const char *file = getenv("WINNOW_DB"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length;
    if (file && file[0])
        length = snprintf(path, size, "%s", file);
    else if (cache && cache[0] == '/') /* the specification says to ignore relative ones */
        length = snprintf(path, size, "%s/winnow/tune.db", cache);
    else if (home && home[0])
        length = snprintf(path, size, "%s/.cache/winnow/tune.db", home);
    else
        return wn_error(WN_ERROR_IO, "tuning database: none of WINNOW_DB, XDG_CACHE_HOME and HOME is set");
    if ((size_t)length >= size)
        return wn_error(WN_ERROR_INVALID, "tuning database: path of %d bytes, expected at most %zu", length,
                        size - 1);
    return wn_ok();
}

const char *wn_tune_db_system_path(void) {
    const char *path = getenv("WINNOW_SYSTEM_DB");
    return path && path[0] ? path : WN_SYSTEM_DB;
}

/* Creates the folders that a file's path goes through. False with errno. */
static bool make_folders(const char *path) {
    char folder[PATH_MAX];
    strcpy(folder, path);
    for (char *slash = folder + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

bool wn_tune_db_sync_folder(const char *path) {
    char folder[PATH_MAX];
    strcpy(folder, path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        strcpy(folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool synced = fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return synced;
}

/* When the file was replaced or removed while we waited for the lock, the lock is worth nothing and we try
 * again. */
int wn_tune_db_open_locked(const char *path) {
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_CREAT;
    for (;;) {
        int fd = open(path, flags, 0666);
        if (fd < 0 && errno == ENOENT && make_folders(path))
            fd = open(path, flags, 0666);
        if (fd < 0)
            return -1;
        struct stat locked, named;
        if (lock(fd, LOCK_EX) && fstat(fd, &locked) == 0) {
            if (stat(path, &named) == 0 && named.st_ino == locked.st_ino && named.st_dev == locked.st_dev)
                return fd;
            close(fd);
            continue;
        }
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
}

/* What goes before a record: the header of a new file, a newline after a line that a killed writer left
 * unfinished, else nothing. NULL with errno. */
static const char *lead_in(int fd, off_t size) {
    char last;
    if (size == 0)
        return wn_record_header;
    if (pread(fd, &last, 1, size - 1) != 1)
        return NULL;
    return last == '\n' ? "" : "\n";
}

/* All bytes in one write, so that readers and crashes see whole lines; false with errno. */
static bool append(int fd, const char *path, const char *line) {
    struct stat facts;
    char text[2 * WN_RECORD_LINE];
    if (fstat(fd, &facts) != 0)
        return false;
    const char *before = lead_in(fd, facts.st_size);
    if (!before)
        return false;
    size_t length = (size_t)snprintf(text, sizeof text, "%s%s", before, line);
    ssize_t written = write(fd, text, length);
    if (written == (ssize_t)length && fsync(fd) == 0 && (facts.st_size > 0 || wn_tune_db_sync_folder(path)))
        return true;
    int error = written >= 0 && written < (ssize_t)length ? ENOSPC : errno;
    if (ftruncate(fd, facts.st_size) != 0)
        return false; /* the unfinished line is skipped by readers and closed by the next writer */
    errno = error;
    return false;
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
    int fd = wn_tune_db_open_locked(db->path);
    if (fd < 0)
        return wn_error(WN_ERROR_IO, "%s: %s", db->path, strerror(errno));
    bool appended = append(fd, db->path, line);
    int error = errno;
    close(fd); /* releases the lock */
    if (!appended)
        return wn_error(WN_ERROR_IO, "%s: %s", db->path, strerror(error));
    return wn_ok();
}
