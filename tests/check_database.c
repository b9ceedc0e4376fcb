/* The tuning database: round trips, damage of every kind, many writers, writers that die. */
#include "check.h"
#include "collection.h"
#include "database.h"
#include "nearest.h"
#include "remove_folder.h"
#include "tune.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static const char machine[] = "TestVendor-1-2-3 portable L1d32K L2512K L332M cpus2 threads2";
static char folder[64];

/* A path inside the scratch folder; valid until the next call but one. */
static const char *scratch(const char *name) {
    static char paths[2][128];
    static int turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static wn_problem problem_number(int mb) {
    wn_problem problem = {.direction = WN_BWD_D};
    wn_status status = wn_problem_parse("ic16ih8oc32kh3ph1n\"name\"", &problem);
    CHECK(!wn_failed(status), "%s", status.message);
    problem.mb = mb;
    return problem;
}

/* A pick of `direct`, as the tuner would hand it over. */
static wn_candidate pick_number(int mb, double seconds) {
    const wn_conv_impl *direct = wn_conv_find("direct");
    wn_candidate pick = {.min_seconds = seconds, .median_seconds = seconds * 1.5, .rounds = 3};
    wn_problem problem = problem_number(mb);
    wn_status status = wn_conv_plan_make(direct, &problem, NULL, WN_ISA_PORTABLE, 2, 0, 0, &pick.plan);
    CHECK(!wn_failed(status), "%s", status.message);
    return pick;
}

static wn_tune_db *open_db(const char *path) {
    wn_tune_db *db;
    wn_status status = wn_tune_db_open(path, machine, &db);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        exit(check_finish("check_database"));
    return db;
}

static void add(wn_tune_db *db, int mb) {
    wn_candidate pick = pick_number(mb, 1e-3 * mb);
    wn_status status = wn_tune_db_add(db, &pick);
    CHECK(!wn_failed(status), "%s", status.message);
}

static void expect_counts(const char *path, int records, int skipped, int foreign, int stale) {
    wn_tune_db *db = open_db(path);
    CHECK(wn_tune_db_records(db) == records, "%d records, expected %d", wn_tune_db_records(db), records);
    CHECK(wn_tune_db_skipped(db) == skipped, "%d skipped, expected %d", wn_tune_db_skipped(db), skipped);
    CHECK(wn_tune_db_foreign(db) == foreign, "%d foreign, expected %d", wn_tune_db_foreign(db), foreign);
    CHECK(wn_tune_db_stale(db) == stale, "%d stale, expected %d", wn_tune_db_stale(db), stale);
    wn_tune_db_close(db);
}

static void write_file(const char *path, const char *text, size_t length) {
    FILE *file = fopen(path, "w");
    if (!CHECK(file && fwrite(text, 1, length, file) == length && fclose(file) == 0, "%s", strerror(errno)))
        exit(check_finish("check_database"));
}

/* The whole file, NUL-terminated; the caller frees it. */
static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    *length = file && text ? fread(text, 1, (1 << 20) - 1, file) : 0;
    CHECK(*length > 0, "%s is empty or missing", path);
    if (file)
        fclose(file);
    return text;
}

/* A line with fields replaced (a tab-separated field's number and its new text) and its checksum made right.
 */
static void rewrite(const char *path, int field, const char *replacement) {
    size_t length;
    char *text = read_file(path, &length), line[2048] = "";
    char *rest = strchr(text, '\n') + 1;
    size_t used = 0;
    *strchr(rest, '\n') = '\0';
    for (int i = 0; i < 15; i++) {
        const char *old = strsep(&rest, "\t");
        used += (size_t)snprintf(line + used, sizeof line - used, "%s\t", i == field ? replacement : old);
    }
    snprintf(line + used, sizeof line - used, "%08lx\n", crc32(0, (const Bytef *)line, (uInt)used));
    write_file(path, line, used + 9);
    free(text);
}

static void check_default_path(void) {
    char path[64], tiny[8];
    setenv("WINNOW_DB", "/a/b.db", 1);
    setenv("XDG_CACHE_HOME", "/cache", 1);
    setenv("HOME", "/home/me", 1);
    CHECK(!wn_failed(wn_tune_db_default_path(path, sizeof path)) && !strcmp(path, "/a/b.db"), "%s", path);
    CHECK(!wn_failed(wn_tune_db_default_path(tiny, sizeof tiny)), "seven characters fit eight bytes");
    CHECK(wn_tune_db_default_path(tiny, 7).code == WN_ERROR_INVALID, "a cut path was accepted");
    unsetenv("WINNOW_DB");
    CHECK(!wn_failed(wn_tune_db_default_path(path, sizeof path)) && !strcmp(path, "/cache/winnow/tune.db"),
          "%s", path);
    setenv("XDG_CACHE_HOME", "", 1);
    CHECK(!wn_failed(wn_tune_db_default_path(path, sizeof path)) &&
              !strcmp(path, "/home/me/.cache/winnow/tune.db"),
          "%s", path);
    unsetenv("HOME");
    CHECK(wn_tune_db_default_path(path, sizeof path).code == WN_ERROR_IO, "a path from nowhere");
}

static void check_round_trip(void) {
    const char *path = scratch("new/folders/tune.db");
    expect_counts(path, 0, 0, 0, 0);
    wn_tune_db *db = open_db(path);
    for (int mb = 1; mb <= 200; mb++)
        add(db, mb);
    CHECK(wn_tune_db_records(db) == 200, "%d records in memory", wn_tune_db_records(db));
    wn_tune_db_close(db);
    expect_counts(path, 200, 0, 0, 0);

    /* the latest record of a problem wins, and a config that is not the default comes back */
    const wn_conv_impl *direct = wn_conv_find("direct");
    wn_candidate pick = pick_number(7, 5e-3);
    wn_config configs[64];
    int offered = direct->configs(&pick.plan.problem, WN_ISA_PORTABLE, 2, configs, 64);
    wn_config last = configs[(offered < 64 ? offered : 64) - 1];
    pick.plan.config = last;
    db = open_db(path);
    wn_status status = wn_tune_db_add(db, &pick);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_tune_db_close(db);
    db = open_db(path);
    CHECK(wn_tune_db_records(db) == 200, "%d records, expected still 200", wn_tune_db_records(db));
    wn_conv_plan plan;
    wn_problem problem = problem_number(7);
    status = wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan);
    CHECK(!wn_failed(status) && plan.impl == direct && !memcmp(&plan.config, &last, sizeof last),
          "the stored config did not come back: %s", status.message);
    wn_tune_db_close(db);
}

/* Without a database the default decides, without a record that fits the model. */
static void check_pick_falls_back(void) {
    wn_tune_db *db = open_db(scratch("new/folders/tune.db"));
    wn_problem problem = problem_number(1000);
    wn_conv_plan plan, expected;
    wn_status status =
        wn_conv_plan_make(wn_conv_find("direct"), &problem, NULL, WN_ISA_PORTABLE, 2, 0, 0, &expected);
    CHECK(!wn_failed(status), "%s", status.message);
    for (int with_db = 0; with_db < 2; with_db++) {
        status = wn_tune_pick(with_db ? db : NULL, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan);
        CHECK(!wn_failed(status) && !plan.impl->judge && plan.phases > 0, "%s", status.message);
        if (!with_db)
            CHECK(plan.impl == expected.impl && !memcmp(&plan.config, &expected.config, sizeof plan.config),
                  "not the default of direct");
    }
    problem = problem_number(7); /* recorded, but for two threads */
    status = wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 3, 0, 0, &plan);
    CHECK(!wn_failed(status) && plan.threads == 3, "%s", status.message);
    /* the model reckons with the peaks of the pick's own threads, not of the pick before */
    const wn_pick_state *state = wn_tune_db_pick_state(db);
    wn_peaks typical = wn_peaks_typical(3);
    CHECK(state->peaks.flops == typical.flops && typical.flops != wn_peaks_typical(2).flops,
          "peaks of %g FLOP/s for three threads, expected %g", state->peaks.flops, typical.flops);
    problem.ic = 0;
    CHECK(wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan).code == WN_ERROR_INVALID,
          "a plan for an impossible problem");
    wn_tune_db_close(db);
}

/* Two records in a fresh file; returns the text and where the second begins. */
static char *two_records(const char *path, size_t *length, size_t *second) {
    unlink(path);
    wn_tune_db *db = open_db(path);
    add(db, 1);
    add(db, 2);
    wn_tune_db_close(db);
    char *text = read_file(path, length);
    *second = (size_t)((char *)memrchr(text, '\n', *length - 1) + 1 - text);
    return text;
}

static void check_truncation(void) {
    const char *path = scratch("cut.db");
    size_t length, second;
    char *text = two_records(path, &length, &second);
    for (size_t cut = second; cut < length; cut++) {
        write_file(path, text, cut);
        wn_tune_db *db = open_db(path);
        int found = wn_tune_db_records(db), skipped = wn_tune_db_skipped(db);
        /* only the newline missing: the record is whole */
        CHECK(found == (cut == length - 1 ? 2 : 1), "cut at %zu of %zu: %d records", cut, length, found);
        CHECK(skipped == (cut > second && cut < length - 1), "cut at %zu: %d skipped", cut, skipped);
        add(db, 3);
        wn_tune_db_close(db);
        expect_counts(path, found + 1, skipped, 0, 0);
    }
    for (size_t cut = 0; cut < second; cut++) {
        write_file(path, text, cut);
        wn_tune_db *db = open_db(path);
        wn_candidate pick = pick_number(3, 1e-3);
        bool ours = cut == 0 || cut >= strlen("# winnow"); /* less may be anybody's file */
        CHECK(wn_failed(wn_tune_db_add(db, &pick)) != ours, "a header cut at %zu: expected usable %d", cut,
              ours);
        wn_tune_db_close(db);
    }
    free(text);
}

static void check_flipped_bits(void) {
    const char *path = scratch("flipped.db");
    size_t length, second;
    char *text = two_records(path, &length, &second);
    for (size_t at = second; at < length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            text[at] = (char)(text[at] ^ 1 << bit);
            write_file(path, text, length);
            text[at] = (char)(text[at] ^ 1 << bit);
            wn_tune_db *db = open_db(path);
            bool checksum_case = at == length - 1; /* the record is whole without its newline */
            CHECK(wn_tune_db_records(db) == 1 || checksum_case, "bit %d of byte %zu flipped: %d records", bit,
                  at, wn_tune_db_records(db));
            wn_tune_db_close(db);
        }
    }
    free(text);
}

static void check_unknown_lines(void) {
    const char *path = scratch("unknown.db");
    static const struct {
        int field;
        const char *text;
        int records, skipped, foreign, stale;
    } cases[] = {
        {-1, "", 1, 0, 0, 0}, /* the rewriting itself is sound */
        {0, "pick1", 0, 1, 0, 0},
        {0, "pick99", 0, 1, 0, 0},
        {1, "OtherVendor-1-2-3 portable", 0, 0, 1, 0},
        {2, "FWD_X", 0, 1, 0, 0},
        {3, "relu,sideways", 0, 1, 0, 0},
        {4, "ic16ih8oc32", 0, 1, 0, 0},
        {4, "g3ic16ih8oc32kh3", 0, 1, 0, 0},
        {5, "sve", 0, 1, 0, 0},
        {6, "0", 0, 1, 0, 0},
        {6, "99999999999999999999", 0, 1, 0, 0},
        {7, "quantum", 0, 1, 0, 0},
        {8, "colour=7", 0, 1, 0, 0},
        {9, "0", 0, 1, 0, 0},
        {10, "-5", 0, 1, 0, 0},
        {11, "many", 0, 1, 0, 0},
        {12, "-1", 0, 1, 0, 0},
        {12, "small", 0, 1, 0, 0},
        {12, "-", 1, 0, 0, 0},
        {13, "heroic", 0, 1, 0, 0},
        {14, "kernels=0", 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length, second;
        free(two_records(path, &length, &second));
        rewrite(path, cases[i].field, cases[i].text);
        expect_counts(path, cases[i].records, cases[i].skipped, cases[i].foreign, cases[i].stale);
    }
}

/* Lines that another build wrote outlive being put together here, in their order and once each. */
static void check_kept_lines(void) {
    const char *path = scratch("kept.db");
    static const char *const impls[] = {"quantum", "abacus", "quantum"};
    char *foreign[3];
    size_t length, second;
    for (int i = 0; i < 3; i++) {
        free(two_records(path, &length, &second));
        rewrite(path, 7, impls[i]);
        foreign[i] = read_file(path, &length);
    }
    char text[16384], *own = two_records(path, &length, &second);
    snprintf(text, sizeof text, "%s%s%s%shalf a li", foreign[0], own, foreign[1], foreign[2]);
    write_file(path, text, strlen(text));
    wn_collection c = {.items = NULL};
    wn_status status = wn_collection_read(&c, path);
    CHECK(!wn_failed(status) && c.count == 2 && c.unknown_count == 2 && c.damaged == 1 && c.duplicates == 1,
          "%d records, %d of others, %d damaged, %d twice: %s", c.count, c.unknown_count, c.damaged,
          c.duplicates, status.message);
    status = wn_collection_write(&c, path);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_collection_free(&c);
    char *written = read_file(path, &length);
    snprintf(text, sizeof text, "%s%s%s", own, foreign[1], foreign[2]);
    CHECK(strcmp(written, text) == 0, "found:\n%s\nexpected:\n%s", written, text);
    for (int i = 0; i < 3; i++)
        free(foreign[i]);
    free(own);
    free(written);
}

/* A database that is about to be written for the first time is locked as any other; one that was not written
 * after all is gone. */
static void check_first_lock(void) {
    const char *path = scratch("first/tune.db");
    int lock, other;
    wn_status status = wn_collection_lock(path, &lock);
    if (!CHECK(!wn_failed(status) && lock >= 0, "lock %d: %s", lock, status.message))
        return;
    other = open(path, O_RDWR | O_CLOEXEC);
    CHECK(other >= 0 && flock(other, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK,
          "a second process does not wait for the first: %s", strerror(errno));
    close(other);
    wn_collection c = {.items = NULL};
    status = wn_collection_read(&c, path);
    CHECK(!wn_failed(status) && c.count == 0, "an empty database: %s", status.message);
    wn_collection_unlock(path, lock);
    CHECK(access(path, F_OK) != 0, "an empty file is left behind");
    CHECK(!wn_failed(wn_collection_lock(path, &lock)) && !wn_failed(wn_collection_write(&c, path)),
          "a new database cannot be written");
    wn_collection_unlock(path, lock);
    CHECK(access(path, F_OK) == 0, "what was written is gone");
    wn_collection_free(&c);
}

/* Every part of the key, changed alone, makes a record somebody else's, and the message names the part. */
static void check_every_key_field(void) {
    const char *path = scratch("key.db");
    static const struct {
        int field;
        const char *text, *named;
    } cases[] = {
        {1, "OtherVendor-1-2-3 portable L1d32K L2512K L332M cpus2 threads2", "CPU vendor"},
        {1, "TestVendor-9-2-3 portable L1d32K L2512K L332M cpus2 threads2", "CPU family"},
        {1, "TestVendor-1-9-3 portable L1d32K L2512K L332M cpus2 threads2", "CPU model"},
        {1, "TestVendor-1-2-9 portable L1d32K L2512K L332M cpus2 threads2", "CPU stepping"},
        {1, "TestVendor-1-2-3 avx2 L1d32K L2512K L332M cpus2 threads2", "ISA"},
        {1, "TestVendor-1-2-3 portable L1d48K L2512K L332M cpus2 threads2", "L1d"},
        {1, "TestVendor-1-2-3 portable L1d32K L21M L332M cpus2 threads2", "L2"},
        {1, "TestVendor-1-2-3 portable L1d32K L2512K cpus2 threads2", "L3"},
        {1, "TestVendor-1-2-3 portable L1d32K L2512K L332M cpus4 threads2", "cpus"},
        {1, "TestVendor-1-2-3 portable L1d32K L2512K L332M cpus2 affinity1 threads2", "affinity"},
        {1, "TestVendor-1-2-3 portable L1d32K L2512K L332M cpus2 quota1.5 threads2", "quota"},
        {1, "TestVendor-1-2-3 portable L1d32K L2512K L332M cpus2 threads4", "threads"},
        {14, "kernels=0", "version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length, second;
        free(two_records(path, &length, &second));
        rewrite(path, cases[i].field, cases[i].text);
        wn_tune_db *db = open_db(path);
        CHECK(wn_tune_db_records(db) == 0, "%s differs, and the record is used", cases[i].named);
        CHECK(strstr(wn_tune_db_reason(db), cases[i].named), "\"%s\" does not name %s", wn_tune_db_reason(db),
              cases[i].named);
        wn_tune_db_close(db);
    }
}

/* Sizes of caches count by their bytes, whatever unit they are written in. */
static void check_distance_of_caches(void) {
    char field[96];
    static const struct {
        const char *l2;
        double times; /* 1 MiB, or the other way round */
    } cases[] = {{"1280K", 1.25}, {"896K", 1 / 0.875}, {"1024K", 1}, {"1G", 2}, {"2M", 2}, {"512K", 2}};
    const char *mine = "TestVendor-1-2-3 portable L1d32K L21M L332M cpus2 affinity2 threads2";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char other[128];
        snprintf(other, sizeof other, "TestVendor-1-2-3 portable L1d32K L2%s L332M cpus2 affinity2 threads2",
                 cases[i].l2);
        double distance = wn_machine_distance(mine, other, field);
        double expected = 5 * fmin(1, log2(cases[i].times) + 0.01);
        CHECK(fabs(distance - expected) < 1e-9 && strncmp(field, "L2: found", 9) == 0,
              "%s beside 1M: %g, expected %g; %s", cases[i].l2, distance, expected, field);
    }
}

/* A record of another machine, or a shipped one, is timed against the model's choice before it is used, and
 * what was found is a record of this machine from then on. */
static void check_nearest_machine(void) {
    const char *path = scratch("near.db");
    size_t length, second;
    free(two_records(path, &length, &second));
    rewrite(path, 1, "TestVendor-1-2-9 portable L1d32K L2512K L332M cpus2 threads2");
    wn_problem problem = problem_number(1);
    wn_conv_plan plan;
    wn_pool *pool;
    wn_status status = wn_pool_create(2, &pool);
    CHECK(!wn_failed(status), "%s", status.message);
    for (int learned = 0; learned < 2; learned++) {
        const char *own = learned ? scratch("near-own.db") : path;
        wn_tune_db *db = open_db(own);
        if (learned)
            CHECK(!wn_failed(wn_tune_db_learn(db, path)), "a shipped database was not read");
        CHECK(wn_tune_db_find_near(db, &problem, WN_ISA_PORTABLE) != NULL, "the near machine is not found");
        status = wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan);
        CHECK(!wn_failed(status) && wn_tune_db_records(db) == 0, "trusted without a pool to verify it on");
        wn_tune_db_use_pool(db, pool);
        status = wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan);
        CHECK(!wn_failed(status) && wn_tune_db_records(db) == 1, "%d records, expected that of the verdict",
              wn_tune_db_records(db));
        wn_tune_db_close(db);
        expect_counts(own, 1, 0, learned ? 0 : 1, 0);
    }
    wn_pool_destroy(pool);
}

/* The short last batch runs with the picks of the full one. */
static void check_other_batch(void) {
    const char *path = scratch("batch.db");
    wn_tune_db *db = open_db(path);
    wn_candidate pick = pick_number(16, 1e-3);
    wn_config configs[64];
    int offered = pick.plan.impl->configs(&pick.plan.problem, WN_ISA_PORTABLE, 2, configs, 64);
    pick.plan.config = configs[(offered < 64 ? offered : 64) - 1];
    wn_status status = wn_tune_db_add(db, &pick);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_problem near = problem_number(9), far = problem_number(1);
    CHECK(wn_tune_db_find_batch(db, &near, WN_ISA_PORTABLE, 2) != NULL,
          "9 images do not find the pick for 16");
    CHECK(wn_tune_db_find_batch(db, &far, WN_ISA_PORTABLE, 2) == NULL, "one image finds the pick for 16");
    CHECK(wn_tune_db_find_batch(db, &near, WN_ISA_PORTABLE, 3) == NULL, "other threads find the pick");
    wn_conv_plan plan;
    status = wn_tune_pick(db, &near, WN_ISA_PORTABLE, 2, 0, 0, &plan);
    CHECK(!wn_failed(status) && plan.impl == pick.plan.impl, "%s", status.message);
    wn_tune_db_close(db);
}

/* A config that reads well but that the implementation does not take falls back to the heuristic. */
static void check_record_that_no_longer_fits(void) {
    const char *path = scratch("unfit.db");
    size_t length, second;
    free(two_records(path, &length, &second));
    const wn_conv_impl *direct = wn_conv_find("direct");
    char config[256] = "";
    for (int i = 0; direct->knobs && direct->knobs[i]; i++)
        snprintf(config + strlen(config), sizeof config - strlen(config), "%s%s=2000000000", i ? "," : "",
                 direct->knobs[i]);
    rewrite(path, 8, config);
    wn_tune_db *db = open_db(path);
    wn_problem problem = problem_number(1);
    wn_conv_plan plan;
    wn_status status = wn_tune_pick(db, &problem, WN_ISA_PORTABLE, 2, 0, 0, &plan);
    CHECK(!wn_failed(status), "%s", status.message);
    CHECK(plan.impl == direct && plan.config.knob[0] != 2000000000, "an impossible config was planned");
    wn_tune_db_close(db);
}

/* Files that are something else are read without harm and never written to. */
static void check_other_files(void) {
    const char *path = scratch("letter.txt");
    write_file(path, "Dear reader,\nhello\n", 19);
    wn_tune_db *db = open_db(path);
    wn_candidate pick = pick_number(1, 1e-3);
    wn_status status = wn_tune_db_add(db, &pick);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, path), "code %d: %s", status.code,
          status.message);
    wn_tune_db_close(db);
    expect_counts(path, 0, 2, 0, 0);
    static const char *const notes[] = {"\nmilk\n", "# Notes\nmilk\n", "#", "# winnow is slow here\n"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        wn_collection c = {.items = NULL};
        write_file(path, notes[i], strlen(notes[i]));
        db = open_db(path);
        CHECK(wn_tune_db_add(db, &pick).code == WN_ERROR_FORMAT, "a pick was appended to \"%s\"", notes[i]);
        wn_tune_db_close(db);
        CHECK(wn_collection_read(&c, path).code == WN_ERROR_FORMAT, "\"%s\" was read as records", notes[i]);
        wn_collection_free(&c);
    }
    write_file(path, "Dear reader,\nhello\n", 19);
    CHECK(wn_tune_db_open(folder, machine, &db).code == WN_ERROR_IO, "a folder was opened");
    CHECK(wn_tune_db_open("/dev/zero", machine, &db).code == WN_ERROR_IO, "an endless file was opened");
}

static void check_system_refuses(void) {
    wn_tune_db *db;
    CHECK(wn_tune_db_open(scratch("letter.txt/tune.db"), machine, &db).code == WN_ERROR_IO,
          "a file served as a folder");
    mkdir(scratch("closed"), 0555);
    pid_t child = fork();
    if (child == 0) {
        /* root may write anywhere, nobody may not */
        bool lowered = getuid() != 0 || (chmod(folder, 0755) == 0 && setuid(65534) == 0);
        wn_candidate pick = pick_number(1, 1e-3);
        bool refused = lowered && !wn_failed(wn_tune_db_open(scratch("closed/tune.db"), machine, &db)) &&
                       wn_tune_db_add(db, &pick).code == WN_ERROR_IO;
        _exit(refused ? 0 : 1);
    }
    int how;
    CHECK(waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 0,
          "adding to a folder without permission: wait status %d", how);
}

/* A disk that fills up in the middle of a line leaves the file as it was. */
static void check_full_disk(void) {
    const char *path = scratch("full.db");
    size_t length, second, after;
    char *before = two_records(path, &length, &second);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = length + 20;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    wn_tune_db *db = open_db(path);
    wn_candidate pick = pick_number(3, 1e-3);
    wn_status status = wn_tune_db_add(db, &pick);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, path), "code %d: %s", status.code,
          status.message);
    CHECK(wn_tune_db_records(db) == 3, "a pick that could not be saved is lost for this run, too");
    wn_tune_db_close(db);
    setrlimit(RLIMIT_FSIZE, &old);
    char *found = read_file(path, &after);
    CHECK(after == length && !memcmp(before, found, length), "the file changed: %zu bytes, were %zu", after,
          length);
    free(before);
    free(found);
}

static void check_many_writers(void) {
    enum { WRITERS = 16, PICKS = 12 };
    const char *path = scratch("busy/tune.db");
    pid_t children[WRITERS];
    for (int w = 0; w < WRITERS; w++) {
        children[w] = fork();
        if (children[w] == 0) {
            wn_tune_db *db = open_db(path);
            for (int i = 0; i < PICKS; i++)
                add(db, 1 + w * PICKS + i);
            _exit(check_failed ? 1 : 0);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int how;
        CHECK(waitpid(children[w], &how, 0) == children[w] && how == 0, "writer %d: wait status %d", w, how);
    }
    expect_counts(path, WRITERS * PICKS, 0, 0, 0);
    size_t length;
    char *text = read_file(path, &length);
    int lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    CHECK(lines == WRITERS * PICKS + 1, "%d lines, expected one header and %d picks", lines, WRITERS * PICKS);
    free(text);
}

/* A process that saves picks and reports each one that was said to be saved, until it is killed. */
typedef struct writer {
    pid_t process;
    int reports;   /* numbers of picks, as they were saved */
    int next, end; /* the picks that are not reported as saved yet */
} writer;

static void start_writer(writer *w, const char *path) {
    int ends[2];
    CHECK(pipe(ends) == 0, "%s", strerror(errno));
    w->reports = ends[0];
    w->process = fork();
    if (w->process > 0) {
        close(ends[1]);
        return;
    }
    wn_tune_db *db = open_db(path);
    for (int mb = w->next; mb < w->end; mb++) {
        wn_candidate pick = pick_number(mb, 1e-3);
        if (wn_failed(wn_tune_db_add(db, &pick)) || write(ends[1], &mb, sizeof mb) != sizeof mb)
            _exit(1);
    }
    pause();
    _exit(1);
}

/* Reads the next report; false when there is none and the writer is dead. */
static bool read_report(writer *w) {
    int mb;
    if (read(w->reports, &mb, sizeof mb) != sizeof mb)
        return false;
    CHECK(mb == w->next, "pick %d is reported, expected %d", mb, w->next);
    w->next = mb + 1;
    return true;
}

/* Kills a writer and reads what it reported, which tells where another has to go on. */
static void kill_writer(writer *w) {
    int how;
    kill(w->process, SIGKILL);
    waitpid(w->process, &how, 0);
    CHECK(WIFSIGNALED(how), "a writer ended by itself, wait status %d", how);
    while (read_report(w))
        ;
    close(w->reports);
}

/* Every pick that was reported as saved, and nothing damaged but what a killed writer left of a line. */
static void expect_saved(const char *path, int picks, int kills) {
    wn_tune_db *db = open_db(path);
    int lost = 0;
    for (int mb = 1; mb <= picks; mb++) {
        wn_problem problem = problem_number(mb);
        problem.name[0] = '\0';
        lost += !wn_tune_db_find(db, &problem, WN_ISA_PORTABLE, 2);
    }
    CHECK(lost == 0, "%d of %d picks that were reported as saved are lost", lost, picks);
    CHECK(wn_tune_db_skipped(db) <= kills, "%d lines skipped after %d kills", wn_tune_db_skipped(db), kills);
    printf("database: %d picks saved by writers of which %d were killed: %d lost, %d unfinished lines\n",
           picks, kills, lost, wn_tune_db_skipped(db));
    wn_tune_db_close(db);
}

/* Sixteen writers save their share, and again and again one of them is killed at a random moment and another
 * goes on in its place: whatever was reported as saved is there. */
static void check_killed_writers(uint64_t seed) {
    enum { WRITERS = 16 };
    const char *path = scratch("killed.db");
    const int picks = check_full() ? 1000 : 30;
    writer writers[WRITERS];
    int kills = 0, left = WRITERS;
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.next = 1 + i * picks, .end = 1 + (i + 1) * picks};
        start_writer(&writers[i], path);
    }
    while (left > 0) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        writer *w = &writers[(seed >> 33) % WRITERS];
        /* one report first, so that the work goes on however slow the machine is */
        if (w->next == w->end || !CHECK(read_report(w), "a writer ended by itself"))
            continue;
        usleep((unsigned)(seed >> 40) % (check_full() ? 100000 : 20000));
        kill_writer(w);
        kills++;
        if (w->next < w->end)
            start_writer(w, path);
        else
            left--;
    }
    expect_saved(path, WRITERS * picks, kills);
}

int main(void) {
    uint64_t seed = check_seed();
    strcpy(folder, "/tmp/winnow-check-XXXXXX");
    if (!CHECK(mkdtemp(folder), "%s: %s", folder, strerror(errno)))
        return check_finish("check_database");
    check_default_path();
    check_round_trip();
    check_pick_falls_back();
    check_truncation();
    check_flipped_bits();
    check_unknown_lines();
    check_kept_lines();
    check_first_lock();
    check_every_key_field();
    check_distance_of_caches();
    check_nearest_machine();
    check_other_batch();
    check_record_that_no_longer_fits();
    check_other_files();
    check_system_refuses();
    check_full_disk();
    check_many_writers();
    check_killed_writers(seed);
    remove_folder(folder);
    return check_finish("check_database");
}
