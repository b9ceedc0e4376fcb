/* The program with whole networks: the memory and the steps that summary shows, tapes without fusion, and
 * picks from a file, which train the same weights with any number of threads. Takes the program's path. */
#include "bench.h"
#include "check.h"
#include "cli_fixture.h"
#include <math.h>
#include <string.h>

static double bytes_of(double number, const char *unit) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    for (int i = 0; i < (int)(sizeof units / sizeof *units); i++, number *= 1024)
        if (!strcmp(unit, units[i]))
            return number;
    return NAN;
}

/* One line for a mode: what is planned lies between the bound and what no reuse takes, and by the ratio. */
static void check_memory_line(const char *out, const char *mode) {
    double number[3], ratio;
    char unit[3][8], format[80];
    const char *line = strstr(out, mode);
    snprintf(format, sizeof format, "%s %%lf %%7s %%lf %%7s %%lf %%lf %%7s", mode);
    if (!CHECK(line && sscanf(line, format, &number[0], unit[0], &number[1], unit[1], &ratio, &number[2],
                              unit[2]) == 7,
               "no line for %s: %s", mode, out))
        return;
    double planned = bytes_of(number[0], unit[0]), bound = bytes_of(number[1], unit[1]);
    CHECK(planned >= bound && planned < bytes_of(number[2], unit[2]), "%s plans too much: %s", mode, out);
    CHECK(fabs(planned / bound - ratio) < 2e-3, "the ratio is not that of its bytes: %s", line);
}

static void check_memory(void) {
    static outcome o;
    RUN(&o, "summary", "resnet18", "--memory", "--size", "32", "--batch-size", "4", "--threads", "2");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s%s", o.code, o.out, o.err);
    check_memory_line(o.out, "training");
    check_memory_line(o.out, "inference");
    RUN(&o, "summary", "resnet18", "--memory", "--mode", "inference", "--size", "32", "--batch-size", "4");
    CHECK(o.code == 0 && !strstr(o.out, "\ntraining "), "code %d: %s", o.code, o.out);
}

/* The MFLOP (0) or the MB (1) of the first line that begins with those words. */
static double column(const char *out, const char *line, int index) {
    double value[2] = {NAN, NAN};
    char begin[64];
    snprintf(begin, sizeof begin, "\n%s ", line);
    const char *at = strstr(out, begin);
    if (at)
        sscanf(at + strlen(begin), " %lf %lf", &value[0], &value[1]);
    return value[index];
}

/* Steps come in the tape's order, and the sums are theirs. */
static void check_steps(void) {
    static outcome o;
    RUN(&o, "summary", "mnist-cnn", "--tape", "--mode", "training", "--batch-size", "4", "--threads", "1");
    CHECK(o.code == 0 && o.err[0] == '\0', "code %d: %s", o.code, o.err);
    static const char *const steps[] = {"0 FWD_B",  "2 FWD",   "3 FWD_B",  "5 FWD",    "7 FWD_B",  "LOSS",
                                        "7 BWD_WB", "7 BWD_D", "7 UPDATE", "5 BWD",    "3 BWD_WB", "3 BWD_D",
                                        "3 UPDATE", "2 BWD",   "0 BWD_WB", "0 UPDATE", "total"};
    const int count = (int)(sizeof steps / sizeof *steps);
    const char *before = o.out;
    double bytes = 0;
    for (int i = 0; i < count; i++) {
        char begin[32];
        snprintf(begin, sizeof begin, "\n%s ", steps[i]);
        const char *at = strstr(before, begin);
        if (!CHECK(at, "no step '%s' where it belongs: %s", steps[i], o.out))
            return;
        bytes += i < count - 1 ? column(at, steps[i], 1) : 0;
        before = at;
    }
    double total = column(o.out, "total", 1);
    CHECK(fabs(total - bytes) <= 0.005 * (count + 1), "the steps move %g MB, the total says %g", bytes,
          total);
    CHECK(column(o.out, "7 FWD_B", 0) > 0.1, "no arithmetic in the linear layer: %s", o.out);
}

static double last_loss(const char *csv) {
    static char text[OUTPUT];
    double loss = NAN;
    read_whole(csv, text);
    for (const char *at = text; at; at = strchr(at + 1, '\n'))
        sscanf(at, "\nstep,%*d,%*d,%*d,%lf", &loss);
    return loss;
}

/* Without fusion there are more steps and the same results, but for rounding. */
static void check_no_fuse(void) {
    static outcome fused, apart;
    RUN(&fused, "summary", "mnist-res", "--tape", "--batch-size", "4", "--threads", "1");
    RUN(&apart, "summary", "mnist-res", "--tape", "--batch-size", "4", "--threads", "1", "--no-fuse");
    CHECK(fused.code == 0 && apart.code == 0 && count_lines(apart.out) > count_lines(fused.out) + 20,
          "%d steps fused, %d apart", count_lines(fused.out), count_lines(apart.out));
    static const char *const networks[] = {"mnist-cnn", "mnist-res", "lenet-bn"};
    for (int i = 0; i < (int)(sizeof networks / sizeof *networks); i++) {
        RUN(&fused, "train", networks[i], "--limit", "64", "--batch-size", "16", "--epochs", "1", "--threads",
            "1", "--csv", "fused.csv");
        RUN(&apart, "train", networks[i], "--limit", "64", "--batch-size", "16", "--epochs", "1", "--threads",
            "1", "--csv", "apart.csv", "--no-fuse");
        double expected = last_loss("fused.csv"), found = last_loss("apart.csv");
        CHECK(fused.code == 0 && apart.code == 0 && fabs(found - expected) <= 1e-4 * expected,
              "%s without fusion: loss %g after four steps, fused %g: %s%s", networks[i], found, expected,
              fused.err, apart.err);
    }
}

/* The bytes of a file, for comparing two. */
static size_t bytes_at(const char *path, char bytes[OUTPUT]) {
    FILE *file = fopen(path, "rb");
    size_t count = file ? fread(bytes, 1, OUTPUT, file) : 0;
    if (file)
        fclose(file);
    return count;
}

/* Trains with those picks; returns the number of bytes of the file of weights, 0 where this build reads none.
 */
static size_t train_with(const char *net, const char *picks, const char *threads, char weights[OUTPUT]) {
    static outcome o;
    RUN(&o, "train", net, "--limit", "50", "--batch-size", "16", "--epochs", "1", "--width-divisor", "2",
        "--picks", picks, "--threads", threads, "--checkpoints", "picked");
    CHECK(o.code == 0 && o.err[0] == '\0', "%s, %s threads: code %d: %s", net, threads, o.code, o.err);
    RUN(&o, "export", "picked/last.safetensors", "--safetensors", "weights.safetensors");
    if (lacks_weights(&o))
        return 0;
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
    return bytes_at("weights.safetensors", weights);
}

/* The same picks of our own kernels train the same bits with 1, 2 and 3 threads. */
static void check_bits(const char *net, const char *picks) {
    static const char *const threads[] = {"1", "2", "3"};
    static char expected[OUTPUT], found[OUTPUT];
    size_t size = train_with(net, picks, threads[0], expected);
    if (size == 0)
        return;
    CHECK(size > 1000 && size < OUTPUT, "%s: %zu bytes of weights", net, size);
    for (int t = 1; t < 3; t++)
        CHECK(train_with(net, picks, threads[t], found) == size && !memcmp(found, expected, size),
              "%s with %s: other weights with %s threads than with one", net, picks, threads[t]);
}

static void make_picks(const char *path, const char *net, const char *how) {
    static outcome o;
    RUN(&o, "list");
    const char *skipped = strstr(o.out, "onednn") ? "--skip=onednn" : "--effort=heuristic";
    RUN(&o, "tune", net, "--batch-size", "16", "--width-divisor", "2", "--threads", "2", "--db", path,
        "--effort=heuristic", skipped, how);
    CHECK(o.code == 0, "code %d: %s", o.code, o.err);
}

static void check_picks(void) {
    static outcome o;
    static const char *const networks[] = {"mnist-res", "lenet-bn"};
    for (int i = 0; i < (int)(sizeof networks / sizeof *networks); i++) {
        char path[64];
        snprintf(path, sizeof path, "%s.db", networks[i]);
        make_picks(path, networks[i], "--train");
        check_bits(networks[i], path);
        snprintf(path, sizeof path, "%s-forced.db", networks[i]);
        make_picks(path, networks[i], i == 0 ? "--force=winograd" : "--force=im2col");
        check_bits(networks[i], path);
    }
    /* the file's kernels run, whatever a database says */
    RUN(&o, "bench", "mnist-res", "--batch-size", "16", "--width-divisor", "2", "--picks",
        "mnist-res-forced.db", "--threads", "3", "--repetitions", "1", "--mode", "training", "--csv",
        "picked.csv");
    CHECK(o.code == 0 && o.err[0] == '\0' && strstr(o.out, "winograd"), "code %d: %s%s", o.code, o.out,
          o.err);
    csv_rows("picked.csv", WN_BENCH_NET_HEADER);
    RUN(&o, "summary", "mnist-res", "--batch-size", "16", "--width-divisor", "2", "--picks",
        "mnist-res-forced.db", "--tape");
    CHECK(o.code == 0 && strstr(o.out, "winograd"), "code %d: %s%s", o.code, o.out, o.err);
}

static void check_bad_picks(void) {
    static char text[OUTPUT];
    read_whole("mnist-res.db", text);
    char *line = strchr(text, '\n');
    strcpy(line ? line + 1 : text, "pick2\tnot a pick\n");
    write_text("damaged.db", text);
    write_text("empty.db", "# no picks\n");
    static const mistake mistakes[] = {
        {1, {"no-file", "cannot be opened"}, {"bench", "mnist-res", "--picks", "no-file"}},
        {1, {"damaged.db:2", "expected a pick"}, {"train", "mnist-res", "--picks", "damaged.db"}},
        {1, {"empty.db", "at least one"}, {"summary", "mnist-res", "--tape", "--picks", "empty.db"}},
        {1,
         {"mnist-res.db", "portable"},
         {"bench", "mnist-res", "--isa=portable", "--picks", "mnist-res.db"}},
        {2, {"--picks", "no value"}, {"bench", "mnist-res", "--picks"}},
    };
    for (int i = 0; i < (int)(sizeof mistakes / sizeof mistakes[0]); i++)
        expect_mistake(&mistakes[i], "out");
}

int main(int argc, char **argv) {
    if (!cli_begin(argc, argv))
        return 1;
    check_memory();
    check_steps();
    check_no_fuse();
    check_picks();
    check_bad_picks();
    return cli_finish("check_cli_networks");
}
