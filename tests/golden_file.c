/* Reading golden files, see golden_file.h; their format is described in tools/peers/golden.py. */
#include "golden_file.h"
#include "check.h"
#include "nets.h"
#include <math.h>
#include <string.h>

/* The formula of tools/peers/generator.py: one word for element i of tensor p. */
static uint32_t hashed(uint32_t tensor, uint32_t element) {
    uint32_t h = (element + 1) * 2654435761u ^ (tensor + 1) * 2246822519u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    h *= 3266489917u;
    return h ^ h >> 16;
}

enum { PIXELS = 1000000, LABELS = 2000000, SIGNS = 3000000 };

void golden_batch(const golden *g, int step, float *input, int32_t *labels) {
    int64_t count = (int64_t)g->batch * g->channels * g->height * g->width;
    for (int64_t i = 0; i < count; i++)
        input[i] = (float)(hashed((uint32_t)(PIXELS + step), (uint32_t)i) >> 8) * 0x1p-24f;
    for (int n = 0; n < g->batch; n++)
        labels[n] = (int32_t)(hashed((uint32_t)(LABELS + step), (uint32_t)n) % (uint32_t)g->classes);
}

golden_print golden_print_of(const double *values, int64_t count, int number) {
    golden_print print = {0};
    for (int64_t i = 0; i < count; i++) {
        bool minus = hashed((uint32_t)(SIGNS + number), (uint32_t)i) & 1;
        print.norm += values[i] * values[i];
        print.dot += minus ? -values[i] : values[i];
    }
    print.norm = sqrt(print.norm);
    return print;
}

static bool read_tensor(const char *line, golden *g) {
    char name[64];
    int tensor;
    long long count;
    if (sscanf(line, "tensor %d %63s %lld", &tensor, name, &count) != 3 || tensor != g->tensors ||
        tensor >= GOLDEN_MAX_TENSORS)
        return false;
    strcpy(g->tensor[tensor].name, name);
    g->tensor[tensor].count = count;
    g->tensors++;
    return true;
}

static bool read_loss(const char *line, golden *g) {
    int step;
    double value, spread, drift;
    if (sscanf(line, "loss %d %lf %lf %lf", &step, &value, &spread, &drift) != 4 || step < 1 ||
        step > g->steps)
        return false;
    g->loss[step - 1].value = value;
    g->loss[step - 1].spread = spread;
    g->loss[step - 1].drift = drift;
    return true;
}

static bool read_gradient(const char *line, golden *g) {
    int step, tensor;
    double norm, dot, spread;
    if (sscanf(line, "gradient %d %d %lf %lf %lf", &step, &tensor, &norm, &dot, &spread) != 5 || step < 1 ||
        step > g->steps || tensor < 0 || tensor >= g->tensors)
        return false;
    g->gradient[step - 1][tensor].print = (golden_print){norm, dot};
    g->gradient[step - 1][tensor].spread = spread;
    return true;
}

static bool read_statistic(const char *line, golden *g) {
    char name[64];
    golden_print print;
    if (g->statistics >= GOLDEN_MAX_TENSORS ||
        sscanf(line, "statistic %63s %lf %lf", name, &print.norm, &print.dot) != 3)
        return false;
    strcpy(g->statistic[g->statistics].name, name);
    g->statistic[g->statistics++].print = print;
    return true;
}

static bool read_optimizer(const char *line, golden *g) {
    char name[16];
    if (sscanf(line, "optimizer %15s", name) != 1 || (strcmp(name, "sgd") && strcmp(name, "adam")))
        return false;
    g->optimizer = strcmp(name, "adam") ? WN_OPTIMIZER_SGD : WN_OPTIMIZER_ADAM;
    return true;
}

/* Takes one line; false when it is none that golden.py writes. */
static bool read_line(const char *line, golden *g) {
    int version;
    if (sscanf(line, "winnow-golden %d", &version) == 1)
        return version == 2;
    return read_tensor(line, g) || read_loss(line, g) || read_gradient(line, g) || read_statistic(line, g) ||
           read_optimizer(line, g) || sscanf(line, "evaluation %lf", &g->evaluation) == 1 ||
           sscanf(line, "net %31s", g->net) == 1 || sscanf(line, "variant %31s", g->variant) == 1 ||
           sscanf(line, "input %d %d %d", &g->channels, &g->height, &g->width) == 3 ||
           sscanf(line, "classes %d", &g->classes) == 1 ||
           sscanf(line, "width_divisor %d", &g->width_divisor) == 1 ||
           sscanf(line, "batch %d", &g->batch) == 1 || sscanf(line, "lr %f", &g->lr) == 1 ||
           sscanf(line, "momentum %f", &g->momentum) == 1 ||
           sscanf(line, "weight_decay %f", &g->weight_decay) == 1 ||
           (sscanf(line, "steps %d", &g->steps) == 1 && g->steps <= GOLDEN_MAX_STEPS);
}

static bool read_values(const char *path, golden *g) {
    int64_t total = (int64_t)g->batch * g->classes, at = 0;
    for (int p = 0; p < g->tensors; p++)
        total += g->tensor[p].count;
    g->values = calloc((size_t)total, sizeof(float));
    FILE *file = fopen(path, "rb");
    bool good = g->values && file && fread(g->values, sizeof(float), (size_t)total, file) == (size_t)total &&
                fgetc(file) == EOF;
    CHECK(good, "%s: expected %lld floats", path, (long long)total);
    if (file)
        fclose(file);
    for (int p = 0; p < g->tensors && good; at += g->tensor[p++].count)
        g->tensor[p].gradient = g->values + at;
    g->logits = g->values + at;
    return good;
}

bool golden_read(const char *name, golden *g) {
    char path[1024], line[256];
    snprintf(path, sizeof path, "%s/tests/golden/%s.txt", WN_SOURCE_ROOT, name);
    *g = (golden){0};
    FILE *file = fopen(path, "r");
    if (!CHECK(file, "%s cannot be opened", path))
        return false;
    bool good = true;
    while (good && fgets(line, sizeof line, file))
        good = CHECK(read_line(line, g), "%s: not understood: %s", path, line);
    fclose(file);
    good = good && CHECK(g->tensors > 0 && g->steps > 0 && g->evaluation > 0 && g->batch > 0 &&
                             g->classes > 0 && wn_net_find(g->net, g->variant),
                         "%s: incomplete, or of an unknown network: %d tensors", path, g->tensors);
    snprintf(path, sizeof path, "%s/tests/golden/%s.bin", WN_SOURCE_ROOT, name);
    return good && read_values(path, g);
}
