/* Comparing two runs: the rank sum test against known values and against chance, and files good and bad.
 * Whether the program says the same is checked in check_cli. */
#include "check.h"
#include "compare.h"
#include "csv_reader.h"
#include "random.h"
#include "statistics.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/winnow-compare-XXXXXX";

/* scipy.stats.mannwhitneyu, two-sided, method "exact" and "asymptotic". */
static void check_known_values(void) {
    const double low[] = {1, 2, 3, 4, 5}, high[] = {6, 7, 8, 9, 10};
    const double a[] = {1.1, 3.2, 5.3, 7.4}, b[] = {2.5, 4.6, 6.7, 8.8, 9.9, 10.1};
    const double c[] = {1, 2, 2, 3, 3, 3, 4}, d[] = {2, 3, 4, 4, 5, 5, 6, 7};
    const struct {
        double got, expected;
    } cases[] = {{wn_mann_whitney(low, 5, high, 5), 0.007936507936507936},
                 {wn_mann_whitney(high, 5, low, 5), 0.007936507936507936},
                 {wn_mann_whitney(a, 4, b, 6), 0.2571428571428571},
                 {wn_mann_whitney(c, 7, d, 8), 0.025279736885893914},
                 {wn_mann_whitney(low, 5, low, 5), 1},
                 {wn_mann_whitney_least(5, 5), 0.007936507936507936},
                 {wn_mann_whitney_least(1, 1), 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(fabs(cases[i].got - cases[i].expected) < 1e-12, "case %zu: found %.17g, expected %.17g", i,
              cases[i].got, cases[i].expected);
    CHECK(isnan(wn_mann_whitney(a, 0, b, 6)), "no value on one side");
}

/* Equal distributions are told apart as often as the level says, shifted ones nearly always. */
static void check_against_chance(uint64_t seed) {
    enum { CASES = 2000, VALUES = 9 };
    int same = 0, shifted = 0;
    for (int i = 0; i < CASES; i++) {
        double a[VALUES], b[VALUES], c[VALUES];
        for (int v = 0; v < VALUES; v++) {
            uint64_t at = (uint64_t)(i * VALUES + v) * 2;
            a[v] = exp(wn_random_uniform(seed, WN_STREAM_TUNE, at));
            b[v] = exp(wn_random_uniform(seed, WN_STREAM_TUNE, at + 1));
            c[v] = b[v] + 1.5;
        }
        same += wn_mann_whitney(a, VALUES, b, VALUES) <= 0.01;
        shifted += wn_mann_whitney(a, VALUES, c, VALUES) <= 0.01;
    }
    CHECK(same <= CASES * 2 / 100, "%d of %d equal samples were told apart at 1 %%", same, CASES);
    CHECK(shifted >= CASES * 95 / 100, "only %d of %d different samples were told apart", shifted, CASES);
}

static const char *write_bytes(const char *name, const char *bytes, size_t count) {
    static char path[2][128];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    FILE *file = fopen(path[turn], "w");
    CHECK(file && fwrite(bytes, 1, count, file) == count, "%s", path[turn]);
    if (file)
        fclose(file);
    return path[turn];
}

static const char *write_text(const char *name, const char *text) {
    return write_bytes(name, text, strlen(text));
}

static void check_csv_reader(void) {
    wn_csv_reader reader;
    bool more;
    const char *path =
        write_text("a.csv", "name,\"the, value\",x\n\"a \"\"b\"\"\nc\",1.5,\n,oops,2\r\n1,2\n");
    CHECK(!wn_failed(wn_csv_reader_open(path, &reader)) && reader.columns == 3, "%d columns", reader.columns);
    double value;
    CHECK(!wn_failed(wn_csv_reader_next(&reader, &more)) && more, "first row");
    CHECK(strcmp(wn_csv_reader_field(&reader, "name"), "a \"b\"\nc") == 0, "%s",
          wn_csv_reader_field(&reader, "name"));
    CHECK(!wn_failed(wn_csv_reader_number(&reader, "the, value", &value)) && value == 1.5, "%g", value);
    CHECK(!wn_failed(wn_csv_reader_number(&reader, "x", &value)) && isnan(value), "empty: %g", value);
    CHECK(!wn_csv_reader_field(&reader, "y"), "a column that is not there");
    CHECK(!wn_failed(wn_csv_reader_next(&reader, &more)) && more, "second row");
    wn_status status = wn_csv_reader_number(&reader, "the, value", &value);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, ":4: the, value") &&
              strstr(status.message, "oops"),
          "%s", status.message);
    CHECK(strcmp(wn_csv_reader_field(&reader, "x"), "2") == 0, "%s", wn_csv_reader_field(&reader, "x"));
    status = wn_csv_reader_next(&reader, &more);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, ":5: found 2 fields, expected 3"), "%s",
          status.message);
    wn_csv_reader_close(&reader);
    status = wn_csv_reader_open(write_bytes("n.csv", "a,b\n1,2\n3,\0\n5,6\n", 16), &reader);
    CHECK(!wn_failed(status) && !wn_failed(wn_csv_reader_next(&reader, &more)) && more, "%s", status.message);
    status = wn_csv_reader_next(&reader, &more);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "n.csv:3: found a NUL byte"), "%s",
          status.message);
    wn_csv_reader_close(&reader);
    status = wn_csv_reader_open(write_text("b.csv", "a,\"b"), &reader);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "quotes"), "%s", status.message);
    status = wn_csv_reader_open(write_text("c.csv", ""), &reader);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "empty"), "%s", status.message);
}

static void check_files(void) {
    wn_timings a, b;
    wn_comparison comparison;
    wn_status status =
        wn_timings_read(write_text("a.csv", "net,label,median_seconds\nx,one,1\nx,two,2\nx,three,\n"), &a);
    CHECK(!wn_failed(status) && a.count == 2, "%s", status.message);
    status =
        wn_timings_read(write_text("b.csv", "net,label,median_seconds\nx,two,4\nx,one,2\nx,four,1\n"), &b);
    CHECK(!wn_failed(status) && b.count == 3, "%s", status.message);
    status = wn_compare(&a, &b, false, &comparison);
    CHECK(!wn_failed(status) && comparison.count == 2 && comparison.only_a == 0 && comparison.only_b == 1,
          "%s", status.message);
    CHECK(fabs(comparison.mean - 2) < 1e-12 && comparison.rows[0].verdict == WN_UNSURE, "mean %g",
          comparison.mean);
    wn_comparison_free(&comparison);
    wn_timings_free(&b);
    status = wn_timings_read(write_text("c.csv", "net,label,median_seconds\ny,one,1\n"), &b);
    CHECK(wn_compare(&a, &b, false, &comparison).code == WN_ERROR_FORMAT, "runs without a common name");
    wn_timings_free(&a);
    wn_timings_free(&b);
    CHECK(wn_timings_read(write_text("d.csv", "a,b\n1,2\n"), &a).code == WN_ERROR_FORMAT,
          "a CSV without times");
    status = wn_timings_read("/no/such/file", &a);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "/no/such/file"), "%s", status.message);
}

/* Whole programs, as hyperfine exports them. */
static void check_hyperfine(void) {
    wn_timings timings;
    wn_status status = wn_timings_read(
        write_text("a.csv",
                   "command,mean,stddev,median,user,system,min,max\n\"demo, all\",2,0.1,1.5,3,0,1,3\n"),
        &timings);
    CHECK(!wn_failed(status) && timings.count == 1 && timings.timing[0].seconds[0] == 1.5 &&
              strcmp(timings.timing[0].name, "demo, all") == 0,
          "%s", status.message);
    wn_timings_free(&timings);
    status = wn_timings_read(
        write_text("a.json",
                   "{\"results\": [{\"command\": \"demo\", \"mean\": 2, \"times\": [1.5, 2.5, 2]}]}"),
        &timings);
    if (status.code == WN_ERROR_UNSUPPORTED) {
        check_skipped++;
        return;
    }
    CHECK(!wn_failed(status) && timings.count == 1 && timings.timing[0].count == 3 &&
              timings.timing[0].seconds[1] == 2.5,
          "%s", status.message);
    wn_timings_free(&timings);
    static const char *const bad[] = {"{\"results\": [{\"command\": \"demo\"}]}",
                                      "{\"results\": [{\"command\": \"demo\", \"times\": [0]}]}",
                                      "{\"results\": 1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        status = wn_timings_read(write_text("bad.json", bad[i]), &timings);
        CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "bad.json"), "%s: %s", bad[i],
              status.message);
    }
}

/* Lists of files written in turns: the drift that both share does not count. */
static void check_pairs(void) {
    wn_timings a, b;
    wn_comparison comparison;
    char text[200], list[2][1024] = {"", ""};
    for (int i = 0; i < 9; i++)
        for (int side = 0; side < 2; side++) {
            double drift = 1 + i, noise = 0.01 * (i % 3);
            snprintf(text, sizeof text, "net,label,median_seconds\nx,one,%.6f\nx,two,%.6f\n",
                     drift * (side ? 1.1 + noise : 1), drift * (side && i % 2 ? 1.1 : 1));
            char name[20];
            snprintf(name, sizeof name, "%c%d.csv", side ? 'b' : 'a', i);
            size_t used = strlen(list[side]);
            snprintf(list[side] + used, sizeof list[side] - used, "%s%s", used ? "," : "",
                     write_text(name, text));
        }
    wn_status status = wn_timings_read_list(list[0], &a);
    CHECK(!wn_failed(status) && a.count == 2 && a.timing[0].count == 9, "%s", status.message);
    status = wn_timings_read_list(list[1], &b);
    CHECK(!wn_failed(status), "%s", status.message);
    status = wn_compare(&a, &b, true, &comparison);
    CHECK(!wn_failed(status) && comparison.count == 2, "%s", status.message);
    const wn_compared *one = &comparison.rows[0], *two = &comparison.rows[1];
    CHECK(one->verdict == WN_SLOWER && fabs(one->ratio - 1.11) < 1e-9 && one->low > 1.09 && one->high < 1.13,
          "%g (%g to %g)", one->ratio, one->low, one->high);
    CHECK(fabs(one->p - 2.0 / 512) < 1e-12, "p %g of nine pairs of nine", one->p);
    CHECK(two->verdict == WN_SAME && two->low <= 1 && two->high >= 1, "%g to %g", two->low, two->high);
    CHECK(fabs(comparison.worst - one->ratio) < 1e-9, "worst %g", comparison.worst);
    wn_comparison_free(&comparison);
    status = wn_compare(&a, &b, false, &comparison);
    CHECK(!wn_failed(status) && comparison.rows[0].verdict == WN_SAME, "the drift hides it from samples");
    wn_comparison_free(&comparison);
    wn_timings_free(&b);
    *strrchr(list[1], ',') = '\0';
    CHECK(!wn_failed(wn_timings_read_list(list[1], &b)), "eight files");
    status = wn_compare(&a, &b, true, &comparison);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "found 9 repetitions and 8"), "%s",
          status.message);
    wn_timings_free(&a);
    wn_timings_free(&b);
    snprintf(list[0], sizeof list[0], "%s/a0.csv,%s/none.csv", folder, folder);
    status = wn_timings_read_list(list[0], &a);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "none.csv"), "%s", status.message);
    status = wn_timings_read_list(write_text("head.csv", "net,label,median_seconds\n"), &a);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "found no time"), "%s", status.message);
}

/* Pairs of equal speed, but for noise, are told apart as often as the level says: eight of nine that agree
 * are no difference, although the interval of their median lies beside 1. */
static void check_pairs_against_chance(void) {
    enum { PAIRS = 9, CASES = 1 << PAIRS };
    double told = 0;
    for (int signs = 0; signs < CASES; signs++) {
        double before[PAIRS], after[PAIRS];
        char name[] = "x";
        for (int i = 0; i < PAIRS; i++) {
            before[i] = 1;
            after[i] = signs >> i & 1 ? 1.1 : 0.9;
        }
        wn_timing times[2] = {{.name = name, .seconds = before, .count = PAIRS},
                              {.name = name, .seconds = after, .count = PAIRS}};
        wn_timings a = {.timing = &times[0], .count = 1}, b = {.timing = &times[1], .count = 1};
        wn_comparison comparison;
        wn_status status = wn_compare(&a, &b, true, &comparison);
        if (!CHECK(!wn_failed(status), "%s", status.message))
            return;
        told += comparison.rows[0].verdict != WN_SAME;
        wn_comparison_free(&comparison);
    }
    CHECK(told / CASES <= 0.01, "%g of all outcomes of nine fair pairs were told apart at 1 %%",
          told / CASES);
}

static void check_json(void) {
    wn_timings timings;
    const char *run =
        "{\"name\": \"f\", \"run_type\": \"iteration\", \"real_time\": %s, \"time_unit\": \"us\"}";
    char text[600], first[128], second[128];
    snprintf(first, sizeof first, run, "2.5");
    snprintf(second, sizeof second, run, "3e0");
    snprintf(
        text, sizeof text,
        "{\"benchmarks\": [%s, %s,\n {\"name\": \"f_mean\", \"run_type\": \"aggregate\", \"real_time\": 9},"
        "{\"name\": \"g\", \"run_type\": \"iteration\", \"error_occurred\": true}]}",
        first, second);
    wn_status status = wn_timings_read(write_text("a.json", text), &timings);
    if (status.code == WN_ERROR_UNSUPPORTED) {
        check_skipped++;
        return;
    }
    const wn_timing *f = wn_failed(status) ? NULL : wn_timings_find(&timings, "f");
    CHECK(f && timings.count == 1 && f->count == 2 && fabs(f->seconds[1] - 3e-6) < 1e-18, "%s",
          status.message);
    wn_timings_free(&timings);
    static const char *const bad[] = {"{\"benchmarks\": [", "{}", "{\"benchmarks\": [{\"name\": \"f\"}]}",
                                      "{\"benchmarks\": []}", "{\"benchmarks\": 3}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        status = wn_timings_read(write_text("bad.json", bad[i]), &timings);
        CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "bad.json"), "%s: %s", bad[i],
              status.message);
    }
}

int main(void) {
    if (!mkdtemp(folder))
        return 1;
    check_known_values();
    check_against_chance(check_seed());
    check_csv_reader();
    check_files();
    check_pairs();
    check_pairs_against_chance();
    check_json();
    check_hyperfine();
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0, "%s", command);
    return check_finish("check_compare");
}
