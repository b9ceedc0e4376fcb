/* The program as people meet it: right and wrong command lines, exit codes, one clear line for each mistake,
 * and what it writes. Takes the program's path as its argument. */
#include "bench.h"
#include "bypass.h"
#include "check.h"
#include "cli_fixture.h"
#include "doctor_report.h"
#include "machine_file.h"
#include "peer.h"
#include "trainer.h"
#include "tune_report.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An IDX file: sizes[0..dimensions) and bytes that count up modulo `modulus`. */
static void write_idx(const char *path, int dimensions, const uint32_t sizes[], unsigned modulus, long cut) {
    size_t header = 4 + 4 * (size_t)dimensions, total = 1;
    for (int i = 0; i < dimensions; i++)
        total *= sizes[i];
    unsigned char *bytes = calloc(1, header + total);
    bytes[2] = 8;
    bytes[3] = (unsigned char)dimensions;
    for (int i = 0; i < dimensions; i++)
        for (int b = 0; b < 4; b++)
            bytes[4 + 4 * i + b] = (unsigned char)(sizes[i] >> (24 - 8 * b));
    for (size_t i = 0; i < total; i++)
        bytes[header + i] = (unsigned char)(i % modulus);
    write_file(path, bytes, header + total - (size_t)cut);
    free(bytes);
}

/* A folder of 60 training and 20 test images; what is wrong with it depends on the fault. */
typedef enum fault { SOUND, TRUNCATED, OVERSIZED, MISLABELLED, LABEL_TOO_LARGE } dataset_fault;

static void write_dataset(const char *name, dataset_fault fault) {
    char path[128];
    mkdir(name, 0700);
    static const char *const splits[] = {"train", "t10k"};
    for (int s = 0; s < 2; s++) {
        const uint32_t images[] = {s == 0 ? 60 : 20, 28, 28};
        const uint32_t claimed[] = {fault == OVERSIZED && s == 0 ? 4000000000u : images[0], 28, 28};
        snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", name, splits[s]);
        write_idx(path, fault == MISLABELLED ? 1 : 3, images, 251, fault == TRUNCATED && s == 0 ? 100 : 0);
        if (claimed[0] != images[0]) {
            int fd = open(path, O_WRONLY);
            CHECK(pwrite(fd, (unsigned char[]){0xEE, 0x6B, 0x28, 0x00}, 4, 4) == 4, "%s", strerror(errno));
            close(fd);
        }
        snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", name, splits[s]);
        write_idx(path, 1, images, fault == LABEL_TOO_LARGE ? 11 : 10, 0);
    }
}

static void check_usage_mistakes(void) {
    static const mistake mistakes[] = {
        {2, {"command"}, {NULL}},
        {2, {"dance"}, {"dance"}},
        {2, {"--fly"}, {"--fly"}},
        {2, {"network"}, {"train"}},
        {2, {"2 networks"}, {"train", "lenet", "alexnet"}},
        {2, {"nosuch", "resnet18", "lenet"}, {"train", "nosuch"}},
        {2, {"nosuch", "resnet18", "lenet"}, {"tune", "nosuch"}},
        {2, {"nosuch", "resnet18", "lenet"}, {"bench", "nosuch"}},
        {2, {"nosuch", "resnet18", "lenet"}, {"summary", "nosuch"}},
        {2, {"network"}, {"summary"}},
        {2, {"network"}, {"shapes"}},
        {2, {"vgg11", "cifar", "d2l, imagenet"}, {"summary", "vgg11", "--variant", "cifar"}},
        {2, {"vgg16", "d2l", "imagenet"}, {"train", "vgg16", "--variant", "d2l"}},
        {2, {"--shortcut", "\"D\""}, {"shapes", "resnet18", "--variant", "imagenet", "--shortcut", "D"}},
        {2, {"network"}, {"tune"}},
        {2, {"network"}, {"bench"}},
        {2, {"extra"}, {"list", "extra"}},
        {2, {"extra"}, {"info", "extra"}},
        {2, {"--colour", "winnow train --help"}, {"train", "lenet", "--colour", "red"}},
        {2, {"--colour"}, {"tune", "lenet", "--colour=red"}},
        {2, {"--colour"}, {"bench", "--colour"}},
        {2, {"--colour"}, {"summary", "--colour"}},
        {2, {"--colour"}, {"list", "--colour"}},
        {2, {"--colour"}, {"info", "--colour"}},
        {2, {"-q"}, {"train", "lenet", "-q"}},
        {2, {"--size", "no value", "whole number"}, {"train", "lenet", "--size"}},
        {2, {"--size", "no value"}, {"train", "lenet", "--size", "--epochs", "1"}},
        {2, {"--size", "\"\"", "whole number"}, {"train", "lenet", "--size="}},
        {2, {"--size", "\"abc\"", "1 to"}, {"train", "lenet", "--size", "abc"}},
        {2, {"--size", "\"28px\""}, {"summary", "lenet", "--size", "28px"}},
        {2, {"--size", "\"0\"", "from 1"}, {"train", "lenet", "--size", "0"}},
        {2, {"--size", "\"-5\""}, {"train", "lenet", "--size", "-5"}},
        {2, {"--size", "\"1e3\""}, {"train", "lenet", "--size", "1e3"}},
        {2, {"--size", "99999999999999999999"}, {"train", "lenet", "--size", "99999999999999999999"}},
        {2, {"--batch-size", "\"0\""}, {"train", "lenet", "--batch-size=0"}},
        {2, {"--epochs", "\"1.5\""}, {"train", "lenet", "--epochs", "1.5"}},
        {2, {"--lr", "\"nan\"", "a number"}, {"train", "lenet", "--lr", "nan"}},
        {2, {"--lr", "\"-1\""}, {"train", "lenet", "--lr", "-1"}},
        {2, {"--lr", "\"fast\""}, {"train", "lenet", "--lr", "fast"}},
        {2, {"--optimizer", "\"rms\"", "sgd, adam"}, {"train", "lenet", "--optimizer", "rms"}},
        {2, {"--schedule", "\"sine\"", "cosine, one-cycle"}, {"train", "lenet", "--schedule", "sine"}},
        {2, {"milestones", "at least one"}, {"train", "lenet", "--schedule", "multi-step"}},
        {2, {"milestone 2", "above 9"}, {"train", "lenet", "--milestones", "9,3"}},
        {2, {"--milestones", "\"3,,4\"", "30,60"}, {"train", "lenet", "--milestones", "3,,4"}},
        {2, {"--normalise", "\"0.5\"", "measured"}, {"train", "lenet", "--normalise", "0.5"}},
        {2, {"--normalise", "\"1,1,1,1\"", "three means"}, {"train", "lenet", "--normalise", "1,1,1,1"}},
        {2, {"momentum", "Nesterov", "above 0"}, {"train", "lenet", "--nesterov"}},
        {2, {"--label-smoothing", "\"2\""}, {"train", "lenet", "--label-smoothing", "2"}},
        {2, {"label smoothing is 1", "below 1"}, {"train", "lenet", "--label-smoothing", "1"}},
        {2, {"--resume", "--checkpoints"}, {"train", "lenet", "--resume"}},
        {2, {"--resume", "--seeds"}, {"train", "lenet", "--checkpoints", "kept", "--resume", "--seeds", "2"}},
        {2, {"--seeds", "\"0\""}, {"train", "lenet", "--seeds", "0"}},
        {2, {"--save-every", "--checkpoints"}, {"train", "lenet", "--save-every", "5"}},
        {2, {"--flip", "\"maybe\"", "off, on"}, {"train", "lenet", "--flip", "maybe"}},
        {2, {"--threads", "\"0\""}, {"train", "lenet", "--threads", "0"}},
        {2, {"--threads", "\"5000\"", "1024"}, {"info", "--threads", "5000"}},
        {2, {"--data", "\"\""}, {"train", "lenet", "--data", ""}},
        {2, {"sse9", "avx2"}, {"train", "lenet", "--isa", "sse9"}},
        {2, {"sse9", "avx2"}, {"bench", "lenet", "--isa=sse9"}},
        {2, {"sse9", "avx2"}, {"info", "--isa", "sse9"}},
        {2, {"--all-configs", "no value"}, {"bench", "ic16ih8oc16kh3", "--all-configs=yes"}},
        {2, {"\"x\"", "column 15"}, {"bench", "ic16ih8oc16kh3x"}},
        {2, {"oc"}, {"bench", "ic16ih8kh3"}},
        {2, {"the other sizes make it -1"}, {"bench", "ic16ih3oc16kh5"}},
        {1, {"g is 3: it does not divide ic 16 and oc 16"}, {"bench", "g3ic16ih8oc16kh3"}},
        {1,
         {"a source of 2147483647 x 16777216 x 8 x 8 floats: expected fewer than 2^58"},
         {"bench", "mb2147483647ic16777216ih8oc16kh1"}},
        {1,
         {"a stride of 65536 x 65536: expected a product of at most 2147483647"},
         {"bench", "ic16ih1oc16oh1kh1sh65536", "--dir=BWD_D"}},
        {1,
         {"a kernel of 65536 x 65536: expected a product of at most 2147483647"},
         {"bench", "ic16ih1oc16oh1kh65536ph0", "--dir=FWD_B"}},
        {2, {"SIDEWAYS", "FWD_B"}, {"bench", "ic16ih8oc16kh3", "--dir=SIDEWAYS"}},
        {2, {"--mb", "\"two\""}, {"bench", "ic16ih8oc16kh3", "--mb", "two"}},
        {2, {"--impl", "magic", "direct"}, {"bench", "ic16ih8oc16kh3", "--impl", "direct,magic"}},
        {2, {"--impl", "reference"}, {"bench", "ic16ih8oc16kh3", "--impl", "reference"}},
        {2, {"--peer", "\"magic\"", "onednn"}, {"bench", "lenet", "--peer=magic"}},
        {2, {"--budget", "--peer"}, {"bench", "lenet", "--budget", "1"}},
        {2, {"column 6", "%colour%", "%impl%"}, {"bench", "ic16ih8oc16kh3", "--perf-template=perf,%colour%"}},
        {2, {"column 1", "%-name%"}, {"bench", "ic16ih8oc16kh3", "--perf-template=%-name%"}},
        {2, {"column 3", "%impl"}, {"bench", "ic16ih8oc16kh3", "--perf-template=a,%impl"}},
        {2, {"for problems"}, {"bench", "lenet", "--perf-template=def"}},
        {2, {"1 files"}, {"compare", "one.csv"}},
        {2, {"found no file"}, {"report"}},
        {2, {"--before"}, {"report", "one.csv", "--before", "one.csv"}},
        {2, {"--fail-above", "\"much\""}, {"compare", "one.csv", "two.csv", "--fail-above=much"}},
        {2, {"one kind"}, {"bench", "lenet", "ic16ih8oc16kh3"}},
        {2, {"--mode", "\"sideways\"", "training"}, {"bench", "lenet", "--mode", "sideways"}},
        {2, {"--budget", "\"0\""}, {"tune", "lenet", "--budget", "0"}},
        {2, {"--force", "\"magic\"", "direct,winograd"}, {"tune", "lenet", "--force=magic"}},
        {2, {"--skip", "\"magic\"", "direct,winograd"}, {"tune", "lenet", "--skip=direct,magic"}},
        {2, {"--effort", "\"some\"", "heuristic"}, {"tune", "lenet", "--effort=some"}},
        {2, {"action"}, {"db"}},
        {2, {"\"polish\""}, {"db", "polish", "--db", "unused.db"}},
        {2, {"\"x\"", "column 15"}, {"tune", "ic16ih8oc16kh3x", "--db", "unused.db"}},
        {2, {"BWD_D", "no gradient"}, {"tune", "ic3ih9oc8kh5", "--dir=BWD_D", "--db", "unused.db"}},
    };
    for (int i = 0; i < (int)(sizeof mistakes / sizeof mistakes[0]); i++)
        expect_mistake(&mistakes[i], "out");
}

static void check_other_mistakes(void) {
    static const mistake mistakes[] = {
        {1, {"no-folder"}, {"train", "lenet", "--data", "no-folder"}},
        {1, {"train-images"}, {"train", "lenet", "--data", "empty"}},
        {1, {"train-images"}, {"train", "lenet", "--data", "truncated", "--batch-size", "4"}},
        {1, {"train-images"}, {"train", "lenet", "--data", "oversized", "--batch-size", "4"}},
        {1, {"train-images"}, {"train", "lenet", "--data", "mislabelled", "--batch-size", "4"}},
        {1, {"labels", "10"}, {"train", "lenet", "--data", "label", "--batch-size", "4"}},
        {1, {"1000", "60"}, {"train", "lenet", "--data", "sound", "--batch-size", "1000"}},
        {1, {"padding", "28"}, {"train", "lenet", "--data", "sound", "--batch-size", "4", "--pad", "28"}},
        {1,
         {"2 channels", "1 or 3"},
         {"train", "lenet", "--data", "sound", "--batch-size", "4", "--channels", "2"}},
        {1,
         {"deviation 0", "above 0"},
         {"train", "lenet", "--data", "sound", "--batch-size", "4", "--normalise", "0,0"}},
        {1,
         {"no-folder/x.csv"},
         {"train", "lenet", "--data", "sound", "--batch-size", "4", "--csv", "no-folder/x.csv"}},
        {1, {"/dev/full"}, {"train", "lenet", "--data", "sound", "--batch-size", "4", "--csv", "/dev/full"}},
        {1, {"no-folder/x.csv"}, {"bench", "lenet", "--batch-size", "1", "--csv", "no-folder/x.csv"}},
        {1, {"/dev/full"}, {"bench", "ic16ih8oc16kh3", "--csv", "/dev/full"}},
        {1, {"/dev/full"}, {"bypass", "lenet", "--csv", "/dev/full"}},
        {1, {"empty"}, {"train", "lenet", "--data", "sound", "--db", "empty"}},
        {1, {"list.txt:2:1", "--colour"}, {"bench", "--batch", "list.txt"}},
        {1, {"inner.txt:1:3", "column 15", "\"x\""}, {"bench", "--batch=outer.txt"}},
        {1, {"no-file"}, {"bench", "--batch=no-file"}},
        {1, {"no-file"}, {"compare", "no-file", "no-file"}},
        {1, {"no-file"}, {"report", "no-file"}},
        {1, {"no kind of results"}, {"report", "blank.txt"}},
        {1, {"no-folder/page.html"}, {"report", "steps.csv", "-o", "no-folder/page.html"}},
        {1, {"broken.csv:3", "2 fields"}, {"report", "broken.csv"}},
        {1, {"blank.txt", "found no time"}, {"compare", "blank.txt", "before.csv"}},
        {3, {"slower by 50.0 %", "5.0 %"}, {"compare", "before.csv", "after.csv", "--fail-above=5%"}},
        {1, {"nested"}, {"bench", "--batch=endless.txt"}},
        {1, {"found no problem"}, {"bench", "--batch=blank.txt"}},
        {1, {NULL}, {"summary", "alexnet", "--size", "1000000", "--batch-size", "1000000000"}},
        {1,
         {"batch of 1000000", "GiB without reuse", "this machine has"},
         {"bench", "lenet", "--batch-size", "1000000"}},
        {1, {"'0.1'", "a batch of 1"}, {"bench", "mnist-bn", "--size", "2", "--batch-size", "1"}},
        {1, {"'12' (max_pool)", "works up to here is 65x65"}, {"summary", "alexnet", "--size", "40"}},
        {1, {NULL}, {"bench", "alexnet", "--size", "60000", "--batch-size", "1000000"}},
        {1, {NULL}, {"tune", "resnet18", "--size", "1000000"}},
        {1, {NULL}, {"train", "lenet", "--data", "sound", "--size", "1000000"}},
        {1, {NULL}, {"summary", "lenet", "--size", "1"}},
        {1, {NULL}, {"bench", "g1mb1000000ic65536ih60000oc65536kh1"}},
    };
    mkdir("empty", 0700);
    write_dataset("sound", SOUND);
    write_dataset("truncated", TRUNCATED);
    write_dataset("oversized", OVERSIZED);
    write_dataset("mislabelled", MISLABELLED);
    write_dataset("label", LABEL_TOO_LARGE);
    write_text("list.txt", "ic16ih8oc16kh3 # fine\n--colour=red\n");
    mkdir("deeper", 0700);
    write_text("outer.txt", "--batch=deeper/inner.txt\n");
    write_text("deeper/inner.txt", "  ic16ih8oc16kh3x\n");
    write_text("endless.txt", "--batch=endless.txt\n");
    write_text("blank.txt", "# nothing here\n");
    write_text("steps.csv", "net,mode,label,step,gflops\nx,training,total,,\n");
    write_text("broken.csv", "net,gflops,label\nx,,total\nx,total\n");
    write_text("before.csv", "net,label,median_seconds\nx,one,0.1\n");
    write_text("after.csv", "net,label,median_seconds\nx,one,0.15\n");
    for (int i = 0; i < (int)(sizeof mistakes / sizeof mistakes[0]); i++)
        expect_mistake(&mistakes[i], "out");
}

/* An ISA that this CPU or build lacks, as `winnow list` says, is refused by name: 1, not 2. */
static void check_missing_isa(void) {
    static const char *const names[] = {"avx2", "avx512"};
    static outcome o;
    RUN(&o, "list");
    bool missing = false;
    for (int i = 0; i < 2; i++) {
        const char *line = strstr(o.out, names[i]);
        size_t length = line ? strcspn(line, "\n") : 0;
        if (!CHECK(line, "%s is not listed", names[i]) || !memmem(line, length, "not ", 4))
            continue;
        missing = true;
        mistake m = {1, {names[i]}, {"train", "lenet", "--isa", names[i]}};
        expect_mistake(&m, "out");
        setenv("WINNOW_ISA", names[i], 1);
        m = (mistake){1, {names[i], "WINNOW_ISA"}, {"info"}};
        expect_mistake(&m, "out");
        unsetenv("WINNOW_ISA");
    }
    check_skipped += !missing; /* this machine and build have them all */
    setenv("WINNOW_ISA", "sse9", 1);
    mistake m = {2, {"WINNOW_ISA", "sse9"}, {"info"}};
    expect_mistake(&m, "out");
    unsetenv("WINNOW_ISA");
}

static void check_output_that_nobody_gets(void) {
    static const mistake full[] = {
        {1, {"standard output", "No space left"}, {"--version"}},
        {1, {"standard output", "No space left"}, {"--help"}},
        {1, {"standard output", "No space left"}, {"list"}},
        {1, {"standard output", "No space left"}, {"train", "--help"}},
        {1, {"standard output", "No space left"}, {"summary", "lenet", "--batch-size", "1"}},
    };
    static const mistake closed[] = {
        {1, {"standard output"}, {"--version"}},
        {1, {"standard output"}, {"summary", "lenet", "--batch-size", "1"}},
        {1, {"standard output"}, {"tune", "ic16ih8oc16kh3", "--budget", "0.01", "--db", "new.db"}},
    };
    for (int i = 0; i < (int)(sizeof full / sizeof full[0]); i++)
        expect_mistake(&full[i], "/dev/full");
    for (int i = 0; i < (int)(sizeof closed / sizeof closed[0]); i++)
        expect_mistake(&closed[i], NULL);
    char text[OUTPUT];
    read_whole("new.db", text);
    CHECK(!strstr(text, "winner"), "with standard output closed the table went into the database: %s", text);
}

static void check_help(void) {
    static const char *const commands[] = {"train",  "eval",   "predict", "export", "lr-find", "tune",
                                           "db",     "bench",  "summary", "shapes", "list",    "info",
                                           "bypass", "doctor", "data",    "machine"};
    const int count = sizeof commands / sizeof *commands;
    static outcome o;
    RUN(&o, "--version");
    CHECK(o.code == 0 && strcmp(o.out, "winnow " WN_VERSION "\n") == 0, "code %d: %s", o.code, o.out);
    RUN(&o, "--help");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    for (int i = 0; i < count; i++)
        CHECK(strstr(o.out, commands[i]), "winnow --help does not name %s", commands[i]);
    for (int i = 0; i < count; i++) {
        RUN(&o, commands[i], "--help");
        CHECK(o.code == 0 && strstr(o.out, "options:") && strstr(o.out, commands[i]), "winnow %s --help: %d",
              commands[i], o.code);
    }
    RUN(&o, "train", "lenet", "--size", "28", "-h");
    CHECK(o.code == 0 && strstr(o.out, "--batch-size"), "-h behind other flags: code %d", o.code);
}

static int count_words(const char *text, const char *word) {
    int words = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        words++;
    return words;
}

static void check_list_and_summary(void) {
    static outcome o;
    RUN(&o, "list");
    CHECK(o.code == 0 && strstr(o.out, "lenet") && strstr(o.out, "direct") && strstr(o.out, "portable"),
          "code %d: %s", o.code, o.out);
    CHECK(strstr(o.out, "vgg16") && strstr(o.out, "138357544") && strstr(o.out, "15346.6"), "no vgg16: %s",
          o.out);
    RUN(&o, "list", "--variant", "cifar");
    CHECK(o.code == 0 && strstr(o.out, "resnet110") && !strstr(o.out, "vgg16"), "code %d: %s", o.code, o.out);
    RUN(&o, "summary", "lenet", "--batch-size", "4", "--threads", "1");
    CHECK(o.code == 0 && strstr(o.out, "61706") && strstr(o.out, "direct"), "code %d: %s%s", o.code, o.out,
          o.err);
    RUN(&o, "summary", "inception");
    CHECK(o.code == 0 && strstr(o.out, "256x12x12"), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "summary", "inception-unreduced");
    CHECK(o.code == 0 && strstr(o.out, "416x12x12"), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "summary", "pointwise");
    CHECK(o.code == 0 && strstr(o.out, "1x6x6"), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "summary", "resnet18", "--batch-size", "1", "--size", "32", "--threads", "1", "--isa",
        "portable");
    CHECK(o.code == 0 && strstr(o.out, "11178378") && strstr(o.out, "portable"), "code %d: %s%s", o.code,
          o.out, o.err);
    RUN(&o, "info", "--threads", "1");
    CHECK(o.code == 0 && strstr(o.out, "caches") && strstr(o.out, "database"), "code %d: %s", o.code, o.out);
    RUN(&o, "machine", "--seconds", "0.002", "--threads", "3", "--csv", "machine.csv");
    CHECK(o.code == 0 && strstr(o.out, "GFLOP/s") && strstr(o.out, "triad") && strstr(o.out, "empty run"),
          "code %d: %s", o.code, o.out);
    /* three numbers of threads with at least one ISA, four levels read and written, and the empty run */
    CHECK(csv_rows("machine.csv", WN_MACHINE_FILE_HEADER) >= 1 + 3 * (1 + 4 * 2 + 1), "rows of machine.csv");
}

/* What shapes prints is what a batch file of bench holds. */
static void check_shapes(void) {
    static outcome o;
    RUN(&o, "shapes", "resnet18", "--batch-size", "2", "--size", "32", "--variant", "imagenet");
    CHECK(o.code == 0 && count_lines(o.out) == 11, "code %d, %d lines, expected 11 distinct convolutions: %s",
          o.code, count_lines(o.out), o.out);
    CHECK(strstr(o.out,
                 "g1mb2_ic64ih8iw8_oc64oh8ow8_kh3kw3_sh1sw1_ph1pw1_dh0dw0_n\"resnet18:layer1.0.conv1*4\"\n"),
          "the four equal convolutions of stage 1 are not there once: %s", o.out);
    write_text("shapes.txt", o.out);
    RUN(&o, "bench", "--batch", "shapes.txt", "--mb", "1", "--impl", "direct", "--repetitions", "1", "--csv",
        "shapes.csv", "--threads", "1");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    static char text[OUTPUT];
    read_whole("shapes.csv", text);
    CHECK(count_lines(text) == 1 + 11, "%d rows, expected a header and 11 problems: %s", count_lines(text),
          text);
    RUN(&o, "shapes", "resnet18", "--variant", "imagenet", "--shortcut", "C");
    CHECK(o.code == 0 && strstr(o.out, "layer1.0.downsample.0*2"), "shortcut C: code %d: %s", o.code, o.out);
}

static void check_tune_and_bench(void) {
    static outcome o;
    static char before[OUTPUT], after[OUTPUT];
    RUN(&o, "tune", "mnist-cnn", "--batch-size", "2", "--budget", "100", "--threads", "1", "--db", "t.db");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    read_whole("t.db", before);
    CHECK(count_lines(before) == count_lines(o.out) - 1,
          "%d lines in the database, expected a header and one for each of %d problems", count_lines(before),
          count_lines(o.out) - 2);
    RUN(&o, "bench", "mnist-cnn", "--batch-size", "2", "--repetitions", "2", "--threads", "1", "--db", "t.db",
        "--csv", "net.csv");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    CHECK(strstr(o.out, "training step") && strstr(o.out, "inference step"), "%s", o.out);
    CHECK(csv_rows("net.csv", WN_BENCH_NET_HEADER) > 12, "too few rows for a training step and an inference");
    read_whole("t.db", after);
    CHECK(strcmp(before, after) == 0, "winnow bench changed the database");
    CHECK(csv_rows("net.machine.csv", WN_MACHINE_FILE_HEADER) > 30, "too few facts of the machine");
    read_whole("net.machine.csv", after);
    CHECK(strstr(after, "\nfingerprint,") && strstr(after, "\ndoctor,") && strstr(after, "\ndoctor: load,"),
          "no verdict of the doctor: %s", after);
    RUN(&o, "tune", "mnist-cnn", "--batch-size", "2", "--threads", "1", "--db", "t.db");
    CHECK(o.code == 0 && count_lines(o.out) == 1, "what is known was tuned again: %s", o.out);
    /* another number of threads: nothing of the database fits, which is said and is no error */
    RUN(&o, "bench", "mnist-cnn", "--batch-size", "2", "--repetitions", "1", "--threads", "2", "--db", "t.db",
        "--mode", "inference");
    CHECK(o.code == 0 && strstr(o.err, "other machines") && !strstr(o.out, "training step"), "code %d: %s%s",
          o.code, o.err, o.out);
    write_text("problems.txt",
               "# two problems\n--dir=FWD_B,BWD_D\nmb1ic16ih8oc16kh3ph1n\"a,b\" --batch=more.txt\n");
    write_text("more.txt", "--reset --mb=1,3 ic3ih9oc8kh5sh2 # one image, then three\n");
    RUN(&o, "bench", "--batch", "problems.txt", "--repetitions", "2", "--threads", "1", "--csv", "p.csv",
        "--impl", "direct");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    int rows = csv_rows("p.csv", WN_BENCH_PROBLEM_HEADER);
    CHECK(rows == 5, "%d rows, expected a header, two directions, and two batch sizes", rows);
}

/* Efforts, constraints, and what is found afterwards. */
static void check_tune_options(void) {
    static outcome o;
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "h.db", "--from-db-only");
    CHECK(o.code == 1 && strstr(o.err, "--from-db-only"), "code %d: %s", o.code, o.err);
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "h.db", "--effort=heuristic");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "h.db", "--from-db-only",
        "--effort=heuristic");
    CHECK(o.code == 0 && strstr(o.out, "all "), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "h.db", "--from-db-only");
    CHECK(o.code == 1 && strstr(o.err, "quick"), "a heuristic's pick passed for a quick one: %s", o.out);
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "f.db", "--effort=full",
        "--budget", "0.3", "--csv", "full.csv");
    CHECK(o.code == 0 && strstr(o.out, "training step") && strstr(o.out, "inference step"), "code %d: %s%s",
          o.code, o.out, o.err);
    CHECK(csv_rows("full.csv", WN_TUNE_HEADER) > 20, "too few rows for candidates and steps");
    RUN(&o, "tune", "lenet", "--batch-size", "2", "--threads", "1", "--db", "s.db", "--budget", "0.001",
        "--best-of-each", "best");
    CHECK(o.code == 0 && strstr(o.out, "the model chose"), "a spent budget: code %d: %s%s", o.code, o.out,
          o.err);
    CHECK(access("best/direct.db", F_OK) == 0, "nothing was kept of direct");
    RUN(&o, "tune", "mb2ic16ih8oc16kh3ph1", "--dir=FWD_B", "--threads", "1", "--db", "k.db");
    RUN(&o, "tune", "mb2ic16ih8oc16kh1", "mb2ic16ih8oc16kh3ph1", "--dir=FWD_B", "--threads", "1", "--db",
        "k.db", "--effort=full", "--budget", "0.001");
    CHECK(o.code == 0, "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "db", "show", "--db", "k.db");
    CHECK(strstr(o.out, "quick") && !strstr(o.out, "heuristic"),
          "a spent budget put the model's choice in the place of a race's: %s", o.out);
    RUN(&o, "tune", "mb1ic3ih9oc8kh3", "--threads", "1", "--db", "s.db", "--explain");
    CHECK(o.code == 0 && strstr(o.out, "FWD_B plain_src") && !strstr(o.out, "BWD_D "),
          "three channels are no network's input: code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "tune", "mb2ic16ih8oc16kh3ph1", "--dir=FWD_B", "--threads", "1", "--db", "f.db", "--force=im2col",
        "--explain");
    CHECK(o.code == 0 && strstr(o.out, "only im2col is wanted"), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "tune", "mb2ic16ih8oc16kh3ph1", "--dir=FWD_B", "--threads", "1", "--db", "w.db",
        "--workspace-limit=1", "--explain");
    CHECK(o.code == 0 && strstr(o.out, "at most 1 are wanted"), "code %d: %s%s", o.code, o.out, o.err);
    RUN(&o, "tune", "mb2ic16ih8oc16kh3ph1", "--dir=FWD_B", "--threads", "1", "--db", "w.db",
        "--workspace-limit=4096", "--explain");
    CHECK(o.code == 0 && strstr(o.out, "at most 4096 are wanted") && strstr(o.out, "  direct "),
          "code %d: %s%s", o.code, o.out, o.err);
}

/* A database that came with winnow: of another machine, here of another number of threads. */
static void check_shipped_database(void) {
    static outcome o;
    static char shipped[OUTPUT], first[OUTPUT], second[OUTPUT];
    setenv("WINNOW_SYSTEM_DB", "t.db", 1);
    RUN(&o, "bench", "mnist-cnn", "--batch-size", "2", "--repetitions", "1", "--threads", "2", "--db",
        "own.db");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    read_whole("t.db", shipped);
    read_whole("own.db", first);
    CHECK(count_words(first, "threads2\t") == count_words(shipped, "threads1\t") &&
              strstr(first, "\theuristic\t") && !strstr(first, "threads1\t"),
          "verified picks of another machine are not kept as this one's: %s", first);
    RUN(&o, "bench", "mnist-cnn", "--batch-size", "2", "--repetitions", "1", "--threads", "2", "--db",
        "own.db");
    read_whole("own.db", second);
    CHECK(o.code == 0 && strcmp(first, second) == 0, "what was verified is verified again: %s", o.err);
    setenv("WINNOW_SYSTEM_DB", "problems.txt", 1);
    RUN(&o, "summary", "lenet", "--batch-size", "1", "--threads", "1");
    CHECK(o.code == 0, "a shipped database that is none ended the run: code %d: %s", o.code, o.err);
    unsetenv("WINNOW_SYSTEM_DB");
}

static void check_db_command(void) {
    static outcome o;
    static char before[OUTPUT], after[OUTPUT];
    RUN(&o, "db", "show", "--db", "f.db", "--threads", "1");
    CHECK(o.code == 0 && strstr(o.out, "im2col") && strstr(o.out, "of this machine"), "code %d: %s%s", o.code,
          o.out, o.err);
    RUN(&o, "db", "export", "e.db", "--db", "f.db");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    RUN(&o, "db", "export", "e.db", "--db", "f.db");
    CHECK(o.code == 1 && strstr(o.err, "e.db"), "an existing file was overwritten: %s", o.out);
    RUN(&o, "db", "diff", "e.db", "--db", "f.db");
    CHECK(o.code == 0 && strstr(o.out, "\n0 of ") == NULL && strncmp(o.out, "0 of ", 5) == 0, "%s", o.out);
    RUN(&o, "db", "import", "e.db", "--db", "i.db");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    read_whole("e.db", before);
    read_whole("i.db", after);
    CHECK(strcmp(before, after) == 0, "an import into nothing is not what was exported");
    RUN(&o, "db", "merge", "e.db", "h.db", "--db", "m.db");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    RUN(&o, "db", "verify", "--db", "m.db");
    CHECK(o.code == 0 && strstr(o.out, "0 damaged"), "code %d: %s%s", o.code, o.out, o.err);
    write_text("m.db", "# winnow tuning database\nhalf a li");
    RUN(&o, "db", "verify", "--db", "m.db");
    CHECK(o.code == 1 && strstr(o.err, "1 damaged"), "code %d: %s", o.code, o.err);
    write_text("letter", "Dear reader\n");
    RUN(&o, "db", "import", "letter", "--db", "i.db");
    CHECK(o.code == 1 && strstr(o.err, "not a tuning database"), "code %d: %s", o.code, o.err);
    RUN(&o, "db", "merge", "e.db", "--db", "letter");
    read_whole("letter", after);
    CHECK(o.code == 1 && strcmp(after, "Dear reader\n") == 0, "a letter was replaced: code %d: %s", o.code,
          after);
    RUN(&o, "db", "merge", "letter", "--db", "never.db");
    CHECK(o.code == 1 && access("never.db", F_OK) != 0, "a merge that failed left a file: %s", o.err);
    RUN(&o, "db", "merge", "--db", "never.db");
    CHECK(o.code == 1 && strstr(o.err, "never.db") && access("never.db", F_OK) != 0, "code %d: %s", o.code,
          o.err);
}

/* Every item of the price list has its rows, run or refused with a reason. */
static void check_bypass(void) {
    static outcome o;
    static char text[OUTPUT];
    RUN(&o, "bypass", "lenet", "--batch-size", "2", "--rounds", "1", "--threads", "2", "--csv", "bypass.csv");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    int rows = csv_rows("bypass.csv", WN_BYPASS_HEADER);
    CHECK(rows > 30, "%d rows", rows);
    read_whole("bypass.csv", text);
    static const char *const items[] = {
        "clock",   "counter",  "hand-off",           "barrier", "touch", "walking", "tensor", "feeding",
        "meeting", "denormal", "whole training step"};
    for (int i = 0; i < (int)(sizeof items / sizeof *items); i++)
        CHECK(strstr(o.out, items[i]) && strstr(text, items[i]), "no item \"%s\"", items[i]);
}

/* The doctor of this machine, whatever it finds, and of one made of files. */
static void check_doctor(void) {
    static outcome o;
    RUN(&o, "doctor", "--quick", "--csv", "doctor.csv");
    CHECK((o.code == 0 && o.err[0] == '\0') || (o.code == 3 && count_lines(o.err) == 1), "code %d: %s",
          o.code, o.err);
    CHECK(csv_rows("doctor.csv", WN_DOCTOR_HEADER) > 25 && strstr(o.out, "verdict: "), "%s", o.out);
    mkdir("fake", 0700);
    mkdir("fake/proc", 0700);
    write_text("fake/proc/loadavg", "9.5 1 1 1/1 1\n");
    write_text("fake/proc/stat", "procs_running 9\n");
    RUN(&o, "doctor", "--root", "fake", "--json");
    CHECK(o.code == 3 && strstr(o.err, "load") && strstr(o.out, "\"verdict\": \"serious\""), "code %d: %s%s",
          o.code, o.err, o.out);
    mistake m = {2, {"--apply", "--restore"}, {"doctor", "--apply", "--restore"}};
    expect_mistake(&m, "out");
    m = (mistake){1, {"nothing to put back"}, {"doctor", "--restore", "--state", "no-state"}};
    expect_mistake(&m, "out");
}

/* A network and a list against the peer; a first layer has no gradient of its data in either. */
static void check_peer(void) {
    static outcome o;
    RUN(&o, "bench", "lenet", "--peer=onednn", "--batch-size", "1", "--budget", "0.01", "--threads", "1",
        "--csv", "peer.csv");
    if (o.code == 1 && strstr(o.err, "without it")) {
        CHECK(count_lines(o.err) == 1, "more than one line: %s", o.err);
        return;
    }
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    CHECK(strstr(o.out, "geometric mean") && strstr(o.out, "lenet, all its layers"), "no summary: %s", o.out);
    int rows = csv_rows("peer.csv", WN_BENCH_PEER_HEADER);
    CHECK(rows == 1 + 2 + 3, "%d rows, expected a header, two passes of the first layer, three of the second",
          rows);
    RUN(&o, "bench", "ic3ih9oc8kh5sh2", "--peer", "onednn", "--dir=FWD_B,BWD_D,BWD_WB", "--mb", "1",
        "--budget", "0.01", "--threads", "1", "--csv", "peer.csv", "--isa", "avx2");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    rows = csv_rows("peer.csv", WN_BENCH_PEER_HEADER);
    CHECK(rows == 1 + 2, "%d rows, expected a header and two passes", rows);
    RUN(&o, "bench", "ic3ih9oc8kh5sh2", "--peer", "onednn", "--dir=BWD_D");
    CHECK(o.code == 2 && strstr(o.err, "no gradient"), "code %d: %s", o.code, o.err);
    RUN(&o, "bench", "lenet", "--peer", "onednn", "--isa", "portable");
    CHECK(o.code == 1 && strstr(o.err, "portable"), "code %d: %s", o.code, o.err);
}

/* What train --checkpoints=kept left is continued, evaluated and exported. */
static void check_checkpoints(void) {
    static outcome o;
    RUN(&o, "train", "mnist-bn", "--data", "sound", "--batch-size", "8", "--threads", "1", "--epochs", "1",
        "--checkpoints", "kept", "--resume");
    if (lacks_weights(&o))
        return;
    CHECK(o.code == 0 && strstr(o.out, "continues after step 8, 1 epochs finished"), "code %d: %s%s", o.code,
          o.err, o.out);
    RUN(&o, "train", "mnist-bn", "--data", "sound", "--batch-size", "8", "--threads", "1", "--epochs", "2",
        "--checkpoints", "kept", "--resume");
    CHECK(o.code == 1 && strstr(o.err, "its epochs is '1', expected '2'"), "code %d: %s", o.code, o.err);
    /* the best checkpoint is worth what the run said, also without what the optimiser remembers */
    RUN(&o, "eval", "kept/best.safetensors", "--data", "sound", "--threads", "1", "--csv", "matrix.csv");
    CHECK(o.code == 0 && strstr(o.out, "mnist-bn on sound: 20 test images") &&
              csv_rows("matrix.csv", "truth,predicted,images") > 10,
          "code %d: %s%s", o.code, o.err, o.out);
    static outcome exported;
    RUN(&exported, "export", "kept/best.safetensors", "--safetensors", "weights.safetensors");
    CHECK(exported.code == 0 && strstr(exported.out, "30 tensors"), "code %d: %s%s", exported.code,
          exported.err, exported.out);
    RUN(&exported, "eval", "weights.safetensors", "--data", "sound", "--threads", "1");
    CHECK(exported.code == 0 && !strcmp(exported.out, o.out),
          "exported weights evaluate to\n%s, the checkpoint to\n%s", exported.out, o.out);
    RUN(&o, "eval", "weights.safetensors", "--data", "sound", "--net", "mnist-res");
    CHECK(o.code == 1 && strstr(o.err, "another network"), "code %d: %s", o.code, o.err);
}

static void check_training(void) {
    static outcome o;
    RUN(&o, "train", "mnist-cnn", "--data", "sound", "--epochs", "2", "--batch-size", "8", "--threads", "1",
        "--csv", "train.csv", "--optimizer", "adam", "--seed", "7", "--limit", "40");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    CHECK(strstr(o.out, "test acc") && strstr(o.out, "examples/sec"), "%s", o.out);
    int rows = csv_rows("train.csv", WN_TRAIN_CSV_HEADER);
    CHECK(rows == 1 + 2 * (5 + 1), "%d rows, expected a header, five steps and a summary for two epochs",
          rows);
    /* another recipe, and what is printed of it */
    RUN(&o, "train", "mnist-bn", "--data", "sound", "--batch-size", "8", "--threads", "1", "--epochs", "2",
        "--schedule", "cosine", "--warmup", "0.5", "--optimizer", "rmsprop", "--channels", "3", "--normalise",
        "0.1,0.5");
    CHECK(o.code == 0 && strstr(o.out, "1x28x28 as 3x28x28") && strstr(o.out, "rmsprop, beta2 0.99") &&
              strstr(o.out, "cosine, warm-up 0.5 epochs") && strstr(o.out, "padded by 3"),
          "code %d: %s%s", o.code, o.err, o.out);
    /* a finished run is continued, a run that is another one is not */
    RUN(&o, "train", "mnist-bn", "--data", "sound", "--batch-size", "8", "--threads", "1", "--epochs", "1",
        "--checkpoints", "kept", "--save-every", "3");
    CHECK(o.code == 0 && access("kept/last.safetensors", R_OK) == 0 &&
              access("kept/best.safetensors", R_OK) == 0,
          "code %d: %s", o.code, o.err);
    check_checkpoints();
    RUN(&o, "eval", "garbage.db", "--data", "sound");
    CHECK(o.code == 1 && strstr(o.err, "garbage.db"), "code %d: %s", o.code, o.err);
    RUN(&o, "eval");
    CHECK(o.code == 2 && strstr(o.err, "found 0 files"), "code %d: %s", o.code, o.err);
    RUN(&o, "export", "weights.safetensors");
    CHECK(o.code == 2 && strstr(o.err, "no name to write"), "code %d: %s", o.code, o.err);
    RUN(&o, "lr-find", "mnist-bn", "--data", "sound", "--batch-size", "8", "--threads", "1", "--csv",
        "lr.csv");
    CHECK(o.code == 0 && strstr(o.out, "suggestion: ") && csv_rows("lr.csv", "lr,loss") > 50, "code %d: %s%s",
          o.code, o.err, o.out);
    RUN(&o, "lr-find", "mnist-bn", "--from", "1", "--to", "0.1");
    CHECK(o.code == 1 && strstr(o.err, "from 1 to 0.1"), "code %d: %s", o.code, o.err);
    /* a database that is garbage is said to be and does no harm */
    write_text("garbage.db", "\x01\x02 not a database\nat all");
    RUN(&o, "train", "mnist-cnn", "--data", "sound", "--epochs", "1", "--batch-size", "8", "--threads", "1",
        "--db", "garbage.db");
    CHECK(o.code == 0 && strstr(o.err, "2 damaged"), "code %d: %s", o.code, o.err);
}

/* Without a place for the default database there are no picks to use, and nowhere to save any. */
static void check_no_place(void) {
    static outcome o;
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    RUN(&o, "summary", "lenet", "--batch-size", "1", "--threads", "1");
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    mistake m = {1, {"WINNOW_DB", "HOME"}, {"tune", "lenet", "--batch-size", "1"}};
    expect_mistake(&m, "out");
}

int main(int argc, char **argv) {
    if (!cli_begin(argc, argv))
        return 1;
    check_help();
    check_usage_mistakes();
    check_other_mistakes();
    check_missing_isa();
    check_output_that_nobody_gets();
    check_list_and_summary();
    check_shapes();
    check_tune_and_bench();
    check_tune_options();
    check_shipped_database();
    check_db_command();
    check_bypass();
    check_doctor();
    check_peer();
    check_training();
    check_no_place();
    return cli_finish("check_cli");
}
