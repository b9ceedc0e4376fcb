/* Statuses, arena, growing lists, text as JSON, drafts, protobuf messages, clock, random numbers, splitting
 * work. */
#include "arena.h"
#include "check.h"
#include "clock.h"
#include "draft.h"
#include "grow.h"
#include "json.h"
#include "pool.h"
#include "protobuf.h"
#include "random.h"
#include "remove_folder.h"
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_status(void) {
    CHECK(!wn_failed(wn_ok()) && wn_ok().message[0] == 0, "wn_ok is not the empty status");
    wn_status status = wn_error(WN_ERROR_IO, "%s:%d\nnext", "file", 7);
    CHECK(wn_failed(status) && status.code == WN_ERROR_IO, "code %d, expected %d", status.code, WN_ERROR_IO);
    CHECK(strcmp(status.message, "file:7 next") == 0, "\"%s\", expected one line", status.message);
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    status = wn_error(WN_ERROR_IO, "%s", text);
    CHECK(strlen(status.message) == sizeof status.message - 1, "%zu characters", strlen(status.message));
}

static void check_json(void) {
    static const struct {
        const char *text, *expected;
    } texts[] = {
        {"", "\"\""},
        {"a \"b\" c\\", "\"a \\\"b\\\" c\\\\\""},
        {"one\ntwo\t\x01", "\"one\\u000atwo\\u0009\\u0001\""},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"\xc3", "\"\\ufffd\""},                                  /* cut off */
        {"\xe2\x82 x", "\"\\ufffd\\ufffd x\""},                   /* the same */
        {"\xc0\x80|\xff", "\"\\ufffd\\ufffd|\\ufffd\""},          /* overlong; never in UTF-8 */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* half of a pair */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond the last character */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *written = NULL;
        size_t size;
        FILE *file = open_memstream(&written, &size);
        if (!CHECK(file, "no memory for a stream"))
            return;
        wn_json_text(file, texts[i].text);
        fclose(file);
        CHECK(strcmp(written, texts[i].expected) == 0, "text %zu: found %s, expected %s", i, written,
              texts[i].expected);
        free(written);
    }
    char *numbers = NULL;
    size_t size;
    FILE *file = open_memstream(&numbers, &size);
    if (!CHECK(file, "no memory for a stream"))
        return;
    for (int i = 0; i < 4; i++) {
        wn_json_number(file, (double[]){-0.25, 1e30, NAN, INFINITY}[i]);
        fputc(' ', file);
    }
    fclose(file);
    CHECK(strcmp(numbers, "-0.25 1e+30 null null ") == 0, "numbers became %s", numbers);
    free(numbers);
}

static bool all_zero(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i])
            return false;
    return true;
}

static void check_arena(void) {
    const size_t sizes[] = {1, 63, 4096, 4097, (2 << 20) - 1, 2 << 20, (5 << 20) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wn_arena arena;
        wn_status status = wn_arena_map(sizes[i], &arena);
        if (!CHECK(!wn_failed(status), "%zu bytes: %s", sizes[i], status.message))
            continue;
        CHECK((uintptr_t)arena.base % 4096 == 0, "%zu bytes at %p: not on a page", sizes[i], arena.base);
        CHECK(arena.bytes >= sizes[i] && arena.bytes % 4096 == 0, "%zu bytes became %zu", sizes[i],
              arena.bytes);
        CHECK(all_zero(arena.base, arena.bytes), "%zu bytes are not all zero", sizes[i]);
        memset(arena.base, 0xff, arena.bytes);
        wn_arena_unmap(&arena);
        CHECK(!arena.base && arena.bytes == 0, "not empty after unmapping");
        wn_arena_unmap(&arena);
    }
    wn_arena empty = {.base = &empty, .bytes = 1};
    CHECK(!wn_failed(wn_arena_map(0, &empty)) && !empty.base && empty.bytes == 0, "0 bytes are not empty");
}

static void check_arena_too_large(void) {
    const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 50};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wn_arena arena = {.base = &arena, .bytes = 1};
        char digits[32];
        snprintf(digits, sizeof digits, "%zu", sizes[i]);
        wn_status status = wn_arena_map(sizes[i], &arena);
        CHECK(status.code == WN_ERROR_MEMORY, "%zu bytes: code %d, expected MEMORY", sizes[i], status.code);
        CHECK(strstr(status.message, digits), "\"%s\" does not name %s", status.message, digits);
        CHECK(!arena.base && arena.bytes == 0, "not empty after a failure");
    }
}

static void check_arena_limit(void) {
    wn_arena arena;
    wn_arena_set_limit(1 << 20);
    wn_status status = wn_arena_map((1 << 20) + 1, &arena);
    CHECK(status.code == WN_ERROR_MEMORY && strstr(status.message, "1048577 bytes") &&
              strstr(status.message, "control group"),
          "over the limit: code %d, \"%s\"", status.code, status.message);
    status = wn_arena_map(1 << 20, &arena);
    CHECK(!wn_failed(status) && arena.base, "all that the limit allows: %s", status.message);
    wn_arena_unmap(&arena);
    wn_arena_set_limit(0);
    status = wn_arena_map((1 << 20) + 1, &arena);
    CHECK(!wn_failed(status) && arena.base, "no limit any more: %s", status.message);
    wn_arena_unmap(&arena);
}

static void check_aligned_memory(void) {
    CHECK(wn_align64(0) == 0 && wn_align64(1) == 64 && wn_align64(64) == 64 && wn_align64(65) == 128,
          "%zu %zu %zu %zu", wn_align64(0), wn_align64(1), wn_align64(64), wn_align64(65));
    for (size_t bytes = 0; bytes < 300; bytes += 37) {
        char *memory = wn_calloc64(bytes);
        CHECK(memory && (uintptr_t)memory % 64 == 0 && all_zero(memory, bytes), "%zu bytes at %p", bytes,
              (void *)memory);
        free(memory);
    }
    CHECK(!wn_calloc64(SIZE_MAX), "SIZE_MAX bytes were granted");
}

static void check_clock(void) {
    int64_t last = wn_nanoseconds(), start = last;
    bool monotonic = true;
    while (last - start < 2000000) {
        int64_t now = wn_nanoseconds();
        monotonic &= now >= last;
        last = now;
    }
    CHECK(monotonic, "the clock ran backwards");
    double difference = wn_seconds() - (double)wn_nanoseconds() * 1e-9;
    CHECK(fabs(difference) < 1, "seconds and nanoseconds differ by %g s", difference);
}

/* The vectors published with the reference implementation (Random123, kat_vectors). */
static void check_philox(void) {
    const struct {
        uint64_t seed, stream, index;
        uint32_t words[4];
    } known[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822,
         0x0370734413198a2e,
         0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t words[4];
        wn_random_words(known[i].seed, known[i].stream, known[i].index, words);
        for (int w = 0; w < 4; w++)
            CHECK(words[w] == known[i].words[w], "vector %zu word %d: %08x, expected %08x", i, w, words[w],
                  known[i].words[w]);
    }
}

static void check_uniform(uint64_t seed) {
    enum { COUNT = 100000, BINS = 16 };
    int bins[BINS] = {0};
    double sum = 0, least = 1, most = 0;
    for (int i = 0; i < COUNT; i++) {
        double u = wn_random_uniform(seed, WN_STREAM_TEST, (uint64_t)i);
        sum += u;
        least = fmin(least, u);
        most = fmax(most, u);
        bins[(int)(u * BINS)]++;
    }
    CHECK(least >= 0 && most < 1, "range %g to %g", least, most);
    CHECK(fabs(sum / COUNT - 0.5) < 6 * sqrt(1.0 / 12 / COUNT), "mean %g", sum / COUNT);
    double chi2 = 0, expected = (double)COUNT / BINS;
    for (int b = 0; b < BINS; b++)
        chi2 += (bins[b] - expected) * (bins[b] - expected) / expected;
    CHECK(chi2 < 60, "chi-squared %g with %d degrees of freedom", chi2, BINS - 1); /* p about 1e-7 */
}

static void check_normal(uint64_t seed) {
    enum { COUNT = 100000 };
    double moment[5] = {0}, lagged = 0, last = 0;
    for (int i = 0; i < COUNT; i++) {
        double x = wn_random_normal(seed, WN_STREAM_TEST, (uint64_t)i);
        for (int power = 1; power <= 4; power++)
            moment[power] += pow(x, power) / COUNT;
        lagged += x * last / COUNT;
        last = x;
    }
    double sigma = 1 / sqrt(COUNT); /* of the mean; the others' from the normal distribution's moments */
    CHECK(fabs(moment[1]) < 6 * sigma, "mean %g, expected 0", moment[1]);
    CHECK(fabs(moment[2] - 1) < 6 * sigma * sqrt(2), "variance %g, expected 1", moment[2]);
    CHECK(fabs(moment[3]) < 6 * sigma * sqrt(15), "third moment %g, expected 0", moment[3]);
    CHECK(fabs(moment[4] - 3) < 6 * sigma * sqrt(96), "fourth moment %g, expected 3", moment[4]);
    CHECK(fabs(lagged) < 6 * sigma, "neighbours correlate by %g", lagged);
}

static void check_below(uint64_t seed) {
    const uint32_t bounds[] = {1, 2, 3, 7, 1000, UINT32_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        uint32_t most = 0;
        double sum = 0;
        for (uint64_t i = 0; i < 20000; i++) {
            uint32_t value = wn_random_below(seed, WN_STREAM_TEST, i, bounds[b]);
            most = value > most ? value : most;
            sum += value;
        }
        double mean = ((double)bounds[b] - 1) / 2,
               sigma = sqrt(((double)bounds[b] * bounds[b] - 1) / 12 / 20000);
        CHECK(most < bounds[b], "%u is not below %u", most, bounds[b]);
        CHECK(fabs(sum / 20000 - mean) <= 6 * sigma, "bound %u: mean %g, expected %g", bounds[b], sum / 20000,
              mean);
    }
}

static void check_streams(void) {
    uint32_t base[4], other[4];
    wn_random_words(1, 2, 3, base);
    const uint64_t changed[][3] = {{2, 2, 3},
                                   {1, 3, 3},
                                   {1, 2, 4},
                                   {1 + (1ull << 32), 2, 3},
                                   {1, 2 + (1ull << 32), 3},
                                   {1, 2, 3 + (1ull << 32)}};
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
        wn_random_words(changed[i][0], changed[i][1], changed[i][2], other);
        CHECK(memcmp(base, other, sizeof base) != 0, "change %zu of the arguments changes nothing", i);
    }
}

/* Every thread's share follows on the one before and differs from the others by at most one item. */
static void check_split_into(long total, int nthreads) {
    long reached = 0, share = total / nthreads;
    int mistakes = 0;
    for (int tid = 0; tid < nthreads; tid++) {
        long begin, end;
        wn_split(total, tid, nthreads, &begin, &end);
        mistakes += begin != reached || end - begin < share || end - begin - share > 1;
        reached = end;
    }
    CHECK(mistakes == 0 && reached == total, "%ld items, %d threads: %d wrong shares, %ld items taken", total,
          nthreads, mistakes, reached);
}

static void check_split(void) {
    const long totals[] = {0, 1, 2, 7, 64, 1000003, INT64_MAX};
    for (size_t t = 0; t < sizeof totals / sizeof *totals; t++)
        for (int nthreads = 1; nthreads <= 65; nthreads++)
            check_split_into(totals[t], nthreads);
}

/* Items stay as they are, and room is found seldom. */
static void check_growing(void) {
    enum { COUNT = 1000 };
    int *items = NULL, room = 0, moves = 0;
    for (int i = 0; i < COUNT; i++) {
        int before = room, *grown = wn_grow(items, i, &room, sizeof *items);
        if (!CHECK(grown && room > i, "room for %d of %d", room, i + 1))
            break;
        items = grown;
        items[i] = i;
        moves += room != before;
    }
    bool same = true;
    for (int i = 0; i < COUNT; i++)
        same &= items[i] == i;
    CHECK(same && moves < 10, "%d moves", moves);
    int full = INT32_MAX - 1;
    CHECK(!wn_grow(items, full, &full, sizeof *items) && full == INT32_MAX - 1, "grew beyond all numbers");
    free(items);
}

static void expect_text(const char *path, const char *expected) {
    char text[64] = "";
    FILE *file = fopen(path, "r");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    CHECK(file ? expected && !strcmp(text, expected) : !expected, "%s: found %s, expected %s", path,
          file ? text : "no file", expected ? expected : "none");
}

/* Writes a text by a draft, and looks at the place before and after. */
static void write_draft(const char *path, const char *text, bool keep, const char *before,
                        const char *after) {
    wn_draft draft;
    wn_status status = wn_draft_open(path, &draft);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    fputs(text, draft.file);
    fflush(draft.file);
    expect_text(path, before);
    status = wn_draft_close(&draft, keep);
    CHECK(!wn_failed(status) && !draft.file, "%s", status.message);
    expect_text(path, after);
}

/* An older file is kept until the new one is whole; a link stays one. */
static void check_draft(void) {
    char folder[] = "/tmp/winnow-check-XXXXXX", path[64], link[64], nowhere[64];
    if (!CHECK(mkdtemp(folder), "no folder"))
        return;
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    snprintf(nowhere, sizeof nowhere, "%s/no/file", folder);
    struct stat found;
    wn_draft draft;
    CHECK(!wn_failed(wn_draft_check(path)), "a new file is refused");
    expect_text(path, NULL);
    write_draft(path, "one", true, NULL, "one");
    CHECK(!wn_failed(wn_draft_check(path)), "an old file is refused");
    write_draft(path, "two", false, "one", "one");
    write_draft(path, "two", true, "one", "two");
    CHECK(symlink(path, link) == 0 && !wn_failed(wn_draft_check(link)), "a link is refused");
    expect_text(path, "two");
    write_draft(link, "three", true, "three", "three");
    expect_text(path, "three");
    CHECK(lstat(link, &found) == 0 && S_ISLNK(found.st_mode), "the link was replaced");
    wn_status refused = wn_draft_check(nowhere);
    CHECK(refused.code == WN_ERROR_IO && strstr(refused.message, nowhere), "%d %s", refused.code,
          refused.message);
    refused = wn_draft_open(nowhere, &draft);
    CHECK(refused.code == WN_ERROR_IO && !draft.file && !wn_failed(wn_draft_close(&draft, true)), "%d %s",
          refused.code, refused.message);
    if (!wn_failed(wn_draft_open("/dev/full", &draft))) {
        fputs("text", draft.file);
        refused = wn_draft_close(&draft, true);
        CHECK(refused.code == WN_ERROR_IO && strstr(refused.message, "/dev/full"), "%d %s", refused.code,
              refused.message);
    }
    remove_folder(folder);
}

/* The examples of protobuf.dev, "Encoding", and what is longer than the first room. */
static void check_protobuf(void) {
    static const uint8_t expected[] = {0x08, 0x96, 0x01,                                  /* field 1: 150 */
                                       0x12, 0x07, 't',  'e',  's',  't', 'i', 'n',  'g', /* field 2 */
                                       0x1a, 0x03, 0x08, 0x96, 0x01, /* field 3: the first one */
                                       0x25, 0,    0,    0xc0, 0x3f, /* field 4: 1.5f */
                                       0x29, 0,    0,    0,    0,    0,   0,   0xf8, 0x3f}; /* field 5: 1.5 */
    enum { LONG = 1000 };
    wn_message message = {0}, part = {0};
    char text[LONG + 1];
    wn_message_number(&part, 1, 150);
    wn_message_add(&message, 1, &part); /* cleared again */
    wn_message_clear(&message);
    wn_message_number(&message, 1, 150);
    wn_message_text(&message, 2, "testing");
    wn_message_put(&message, 3, &part);
    wn_message_real(&message, 4, 1.5f);
    wn_message_double(&message, 5, 1.5);
    CHECK(!message.broken && message.size == sizeof expected &&
              !memcmp(message.bytes, expected, sizeof expected),
          "%zu bytes, expected others", message.size);
    CHECK(!part.bytes && !part.size, "the part is still there");
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    wn_message_text(&message, 16, text); /* key of two bytes, length of two */
    CHECK(!message.broken && message.size == sizeof expected + 4 + LONG &&
              !memcmp(message.bytes + sizeof expected, "\x82\x01\xe8\x07xx", 6),
          "%zu bytes after a long text", message.size);
    part.broken = true;
    wn_message_put(&message, 6, &part);
    CHECK(message.broken, "whole with a broken part");
    wn_message_free(&message);
}

int main(void) {
    uint64_t seed = check_seed();
    check_status();
    check_json();
    check_draft();
    check_protobuf();
    check_arena();
    check_arena_too_large();
    check_arena_limit();
    check_aligned_memory();
    check_growing();
    check_clock();
    check_philox();
    check_uniform(seed);
    check_normal(seed);
    check_below(seed);
    check_streams();
    check_split();
    return check_finish("check_base");
}
