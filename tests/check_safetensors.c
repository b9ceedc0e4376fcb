/* Safetensors files: what is written comes back, to the bit; files by others are read; and whatever is wrong
 * with a file is said, whichever byte it is. */
#include "checkpoint.h"
#include "data_folder.h"
#include "nets.h"
#include "random.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char path[256];

static void fill(void *context, int index, float *values) {
    const wn_safetensor *tensors = context;
    for (int64_t i = 0; i < tensors[index].count; i++)
        values[i] = wn_random_normal(7, WN_STREAM_TEST, (uint64_t)index << 32 | (uint64_t)i);
}

static wn_safetensor tensors[] = {
    {.name = "conv.weight", .dims = 4, .shape = {2, 3, 1, 5}, .count = 30},
    {.name = "odd \"name\"\\\n\x01", .dims = 1, .shape = {3}, .count = 3},
    {.name = "empty", .dims = 2, .shape = {0, 4}, .count = 0},
    {.name = "scalar", .dims = 0, .count = 1},
};
static const wn_metadata metadata[] = {{"format", "test"}, {"text", "tab\t, \"quotes\", \xc3\xa4"}};

static wn_safetensors_source source_of_all(void) {
    return (wn_safetensors_source){.tensors = tensors,
                                   .tensor_count = 4,
                                   .metadata = metadata,
                                   .metadata_count = 2,
                                   .fill = fill,
                                   .context = tensors};
}

static void check_round_trip(void) {
    wn_safetensors_source source = source_of_all();
    wn_safetensors *file;
    wn_status status = wn_safetensors_write(path, &source);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    status = wn_safetensors_read(path, &file);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    CHECK(wn_safetensors_count(file) == 4, "%d tensors", wn_safetensors_count(file));
    CHECK(!strcmp(wn_safetensors_metadata(file, "text"), metadata[1].value) &&
              !wn_safetensors_metadata(file, "Format"),
          "metadata differ");
    for (int i = 0; i < 4; i++) {
        float values[30], found[30];
        const wn_safetensor *tensor = wn_safetensors_find(file, tensors[i].name);
        if (!CHECK(tensor && tensor->count == tensors[i].count && tensor->dims == tensors[i].dims &&
                       !memcmp(tensor->shape, tensors[i].shape, sizeof tensor->shape),
                   "tensor %d has another shape or name", i))
            continue;
        fill(tensors, i, values);
        memcpy(found, tensor->data, (size_t)tensor->count * sizeof(float));
        CHECK(!memcmp(values, found, (size_t)tensor->count * sizeof(float)), "tensor %d has other values", i);
    }
    wn_safetensors_close(file);
}

static unsigned char *read_file(size_t *size) {
    FILE *file = fopen(path, "rb");
    static unsigned char bytes[1 << 16];
    *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

static wn_status read_back(const unsigned char *bytes, size_t size) {
    wn_safetensors *file;
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(bytes, 1, size, out) != size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
    wn_status status = wn_safetensors_read(path, &file);
    wn_safetensors_close(file);
    return status;
}

/* Every truncation, and every byte changed, in turn: with a check sum nothing may pass. */
static void check_damage(uint64_t seed) {
    wn_safetensors_source source = source_of_all();
    size_t size;
    static unsigned char bytes[1 << 16];
    wn_safetensors_write(path, &source);
    memcpy(bytes, read_file(&size), sizeof bytes);
    int missed = 0;
    for (size_t cut = 0; cut < size; cut++) {
        wn_status status = read_back(bytes, cut);
        CHECK(status.code == WN_ERROR_FORMAT, "cut to %zu of %zu bytes: '%s'", cut, size, status.message);
    }
    int variants = check_full() ? 255 : 3;
    for (size_t at = 0; at < size; at++)
        for (int v = 0; v < variants; v++) {
            uint32_t drawn = wn_random_below(seed, WN_STREAM_TEST, at * 3 + (size_t)v, 255);
            unsigned char change = (unsigned char)(1 + (variants == 255 ? (uint32_t)v : drawn));
            bytes[at] ^= change;
            wn_status status = read_back(bytes, size);
            /* a changed key of the check sum, or of the metadata, leaves a file without one: whole, but of no
             * run */
            if (!wn_failed(status)) {
                wn_safetensors *file;
                wn_safetensors_read(path, &file);
                missed += wn_safetensors_metadata(file, "winnow.crc32") != NULL;
                wn_safetensors_close(file);
            }
            bytes[at] ^= change;
        }
    CHECK(missed == 0, "%d damaged files passed with a check sum", missed);
    CHECK(!wn_failed(read_back(bytes, size)), "the undamaged file does not pass");
    bytes[size] = 0;
    CHECK(wn_failed(read_back(bytes, size + 1)), "a byte behind the end passes");
}

/* A file from a header and a number of zero bytes behind it. */
static wn_status read_header(const char *header, size_t behind) {
    static unsigned char bytes[1 << 12];
    size_t length = strlen(header);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (unsigned char)length;
    bytes[1] = (unsigned char)(length >> 8);
    memcpy(bytes + 8, header, length);
    return read_back(bytes, 8 + length + behind);
}

#define ONE(name, type, shape, begin, end)                                                                   \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void check_headers(void) {
    static const struct {
        const char *header;
        size_t behind;
        const char *part; /* of the message; NULL: it is fine */
    } cases[] = {
        {"{}", 0, NULL},
        {"{}   \n ", 0, NULL},
        {"{" ONE("a", "F32", "2", 0, 8) "}", 8, NULL},
        {"{" ONE("b", "I64", "", 4, 12) "," ONE("a", "F32", "1,1", 0, 4) "}", 12, NULL},
        {"{" ONE("e", "F32", "0", 4, 4) "," ONE("a", "F32", "1", 0, 4) "," ONE("b", "U8", "3", 4, 7) "}", 7,
         NULL},
        {" {}", 0, "does not start with '{'"},
        {"[]", 0, "does not start with '{'"},
        {"{} x", 0, "closing '}'"},
        {"{}{}", 0, "closing '}'"},
        {"{\"a\"", 0, "no JSON"},
        {"{}", 3, "3 bytes behind the last tensor"},
        {"{" ONE("a", "F32", "2", 0, 8) "}", 7, "lies at 0 to 8 of 7 bytes"},
        {"{" ONE("a", "F32", "2", 0, 8) "}", 9, "1 bytes behind"},
        {"{" ONE("a", "F32", "3", 0, 8) "}", 8, "other bytes than its shape"},
        {"{" ONE("a", "F31", "2", 0, 8) "}", 8, "no known dtype"},
        {"{" ONE("a", "F32", "-2", 0, 8) "}", 8, "no whole number"},
        {"{" ONE("a", "F32", "2.5", 0, 10) "}", 10, "no whole number"},
        {"{" ONE("a", "F32", "\"2\"", 0, 8) "}", 8, "no whole number"},
        {"{" ONE("a", "F32", "4294967296,4294967296", 0, 0) "}", 0, "overflows"},
        {"{" ONE("a", "F32", "9007199254740992", 0, 0) "}", 0, "other bytes"},
        {"{" ONE("a", "F32", "1e400", 0, 0) "}", 0, "no whole number"},
        {"{" ONE("a", "F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, "at most 8 sizes"},
        {"{" ONE("a", "F32", "1", 4, 0) "}", 4, "lies at 4 to 0"},
        {"{" ONE("a", "F32", "1", 4, 8) "}", 8, "a hole before it"},
        {"{" ONE("a", "F32", "1", 0, 4) "," ONE("b", "F32", "1", 8, 12) "}", 12,
         "'b' overlaps another or leaves a hole"},
        {"{" ONE("a", "F32", "2", 0, 8) "," ONE("b", "F32", "1", 4, 8) "}", 8, "overlaps"},
        {"{" ONE("a", "F32", "1", 0, 4) "," ONE("a", "F32", "1", 4, 8) "}", 8, "'a' stands twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no object of dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1]}}", 4, "data_offsets"},
        {"{\"a\":7}", 4, "no object of dtype"},
        {"{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", 0, "stands twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "no string"},
        {"{\"__metadata__\":[]}", 0, "no object"},
        {"{\"__metadata__\":{\"winnow.crc32\":\"00000000\"}}", 0, "damaged: its check sum"},
        {"{\"__metadata__\":{\"winnow.crc32\":\"short\"}}", 0, "damaged: its check sum"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_status status = read_header(cases[i].header, cases[i].behind);
        if (cases[i].part)
            CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, cases[i].part),
                  "%s: '%s' lacks '%s'", cases[i].header, status.message, cases[i].part);
        else
            CHECK(!wn_failed(status), "%s: %s", cases[i].header, status.message);
    }
    unsigned char large[16] = {0xff, 0xe0, 0xf5, 0x05, 0, 0, 0, 0x80, '{', '}'};
    wn_status status = read_back(large, sizeof large);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "a header of"), "%s", status.message);
    large[7] = 0;
    status = read_back(large, sizeof large);
    CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, "a header of"), "%s", status.message);
    unsigned char zero[] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}', 0};
    CHECK(read_back(zero, sizeof zero).code == WN_ERROR_FORMAT, "a zero byte in the header passes");
}

/* A writer that fails leaves the old file as it was and nothing beside it. */
static void check_full_disk(void) {
    wn_safetensors_source source = source_of_all();
    size_t size, again;
    static unsigned char before[1 << 16];
    wn_safetensors_write(path, &source);
    memcpy(before, read_file(&size), sizeof before);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = size - 20;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    wn_status status = wn_safetensors_write(path, &source);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, handler);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "File too large"), "%s", status.message);
    CHECK(!memcmp(before, read_file(&again), size) && again == size, "the old file has changed");
    char temporary[300];
    struct stat facts;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    CHECK(stat(temporary, &facts) != 0, "%s was left behind", temporary);
    status = wn_safetensors_write("/nowhere/at/all/x.safetensors", &source);
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "No such file"), "%s", status.message);
}

static wn_model *model_of(const char *net, int classes, wn_graph **graph) {
    wn_model *model;
    *graph = wn_graph_create();
    wn_net_find(net, NULL)->build(
        *graph, &(wn_net_options){.channels = 1, .height = 28, .width = 28, .classes = classes});
    wn_status status = wn_model_create(*graph, &model);
    if (wn_failed(status)) {
        fprintf(stderr, "%s\n", status.message);
        exit(1);
    }
    return model;
}

/* What is no file is left as it is: moving one there would replace a device. */
static void check_no_file(void) {
    char pipe[sizeof path];
    struct stat found;
    path_of("pipe", pipe);
    CHECK(mkfifo(pipe, 0600) == 0, "%s", strerror(errno));
    wn_status status = wn_safetensors_write(pipe, &(wn_safetensors_source){.tensor_count = 0});
    CHECK(status.code == WN_ERROR_IO && strstr(status.message, "no file"), "%s", status.message);
    CHECK(stat(pipe, &found) == 0 && S_ISFIFO(found.st_mode), "the pipe was replaced");
    unlink(pipe);
}

/* Saves one network's weights and expects them to be refused by another, and to come back in the same. */
static void check_models(void) {
    wn_graph *graph, *other_graph;
    wn_model *model = model_of("mnist-bn", 10, &graph);
    wn_run_facts facts = {0};
    wn_model_initialise(model, WN_INIT_KAIMING_NORMAL, 5);
    wn_status status = wn_checkpoint_save(path, model, true, &facts);
    CHECK(!wn_failed(status), "%s", status.message);
    wn_safetensors *file;
    status = wn_safetensors_read(path, &file);
    if (!CHECK(!wn_failed(status), "%s", status.message))
        return;
    const wn_safetensor *weight = wn_safetensors_find(file, "1.0.weight");
    CHECK(weight && weight->dims == 4 && weight->shape[0] == 16 && weight->shape[1] == 8 &&
              weight->shape[2] == 3,
          "the second convolution's weight is not 16x8x3x3");
    wn_model *same = model_of("mnist-bn", 10, &other_graph);
    status = wn_checkpoint_load(file, same);
    CHECK(!wn_failed(status), "%s", status.message);
    for (int p = 0; p < wn_model_parameter_count(model); p++) {
        static float a[1 << 14], b[1 << 14];
        wn_model_read(model, p, a);
        wn_model_read(same, p, b);
        CHECK(!memcmp(a, b, (size_t)wn_model_parameter(model, p).count * sizeof(float)), "%s differs",
              wn_model_parameter(model, p).name);
    }
    wn_model_destroy(same);
    wn_graph_destroy(other_graph);
    static const struct {
        const char *net, *part;
        int classes;
    } others[] = {{"mnist-cnn", "no tensor '0.weight'", 10},
                  {"mnist-bn", "'4.0.weight' is 10x16x3x3, expected 7x16x3x3", 7},
                  {"lenet", "no tensor", 10}};
    for (size_t i = 0; i < 3; i++) {
        wn_model *other = model_of(others[i].net, others[i].classes, &other_graph);
        status = wn_checkpoint_load(file, other);
        CHECK(status.code == WN_ERROR_FORMAT && strstr(status.message, others[i].part), "'%s' lacks '%s'",
              status.message, others[i].part);
        wn_model_destroy(other);
        wn_graph_destroy(other_graph);
    }
    wn_safetensors_close(file);
    wn_model_destroy(model);
    wn_graph_destroy(graph);
}

int main(void) {
    uint64_t seed = check_seed();
    make_folder();
    path_of("x.safetensors", path);
    wn_safetensors *file;
    if (wn_safetensors_read(path, &file).code == WN_ERROR_UNSUPPORTED) {
        printf("skipped: this build does not read safetensors files\n");
        check_skipped++;
    } else {
        check_round_trip();
        check_damage(seed);
        check_headers();
        check_full_disk();
        check_no_file();
        check_models();
    }
    unlink(path);
    rmdir(folder);
    return check_finish("check_safetensors");
}
