/* Distances between fingerprints, which are words in a fixed order (wn_machine_fingerprint). */
#include "nearest.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 12, TEXT = 48 };

/* A fingerprint taken apart; a field that is missing is empty. */
typedef struct fields {
    char text[FIELDS][TEXT];
} fields;

static const struct {
    const char *name, *prefix; /* prefix NULL: a part of the CPU's name, or the ISA */
    double weight;
} kinds[FIELDS] = {
    {"CPU vendor", NULL, 1000},
    {"CPU family", NULL, 100},
    {"CPU model", NULL, 10},
    {"CPU stepping", NULL, 0.1},
    {"ISA", NULL, INFINITY},
    {"L1d", "L1d", 5},
    {"L2", "L2", 5},
    {"L3", "L3", 2},
    {"cpus", "cpus", 1},
    {"affinity", "affinity", 1},
    {"quota", "quota", 1},
    {"threads", "threads", 20},
};

static void keep(char to[static TEXT], const char *from, size_t length) {
    snprintf(to, TEXT, "%.*s", (int)length, from);
}

/* "Vendor-family-model-stepping": the vendor's name may hold dashes itself. */
static void split_cpu(const char *word, size_t length, fields *split) {
    for (int part = 3; part > 0; part--) {
        const char *dash = memrchr(word, '-', length);
        if (!dash)
            break;
        keep(split->text[part], dash + 1, (size_t)(word + length - dash - 1));
        length = (size_t)(dash - word);
    }
    keep(split->text[0], word, length);
}

static void split_word(const char *word, size_t length, int number, fields *split) {
    if (number == 0) {
        split_cpu(word, length, split);
        return;
    }
    if (number == 1) {
        keep(split->text[4], word, length);
        return;
    }
    for (int i = 5; i < FIELDS; i++) {
        size_t prefix = strlen(kinds[i].prefix);
        if (length > prefix && strncmp(word, kinds[i].prefix, prefix) == 0) {
            keep(split->text[i], word + prefix, length - prefix);
            return;
        }
    }
}

static fields split_fingerprint(const char *text) {
    fields split = {.text = {""}};
    for (int number = 0; *text; number++) {
        size_t length = strcspn(text, " ");
        split_word(text, length, number, &split);
        text += length + strspn(text + length, " ");
    }
    return split;
}

/* "1280K" in bytes; 0 for what is no number. */
static double number(const char *text) {
    char *unit;
    double value = strtod(text, &unit);
    return *unit == 'K'   ? value * 0x1p10
           : *unit == 'M' ? value * 0x1p20
           : *unit == 'G' ? value * 0x1p30
                          : value;
}

/* Numbers count by how many times they differ, everything else by whether it does. */
static double difference(const char *mine, const char *other) {
    double a = number(mine), b = number(other);
    return a > 0 && b > 0 ? fmin(1, fabs(log2(a / b)) + 0.01) : 1;
}

double wn_machine_distance(const char *mine, const char *other, char field[static 96]) {
    fields a = split_fingerprint(mine), b = split_fingerprint(other);
    double distance = 0;
    field[0] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        if (strcmp(a.text[i], b.text[i]) == 0)
            continue;
        if (!field[0])
            snprintf(field, 96, "%s: found %s, expected %s", kinds[i].name, b.text[i][0] ? b.text[i] : "none",
                     a.text[i][0] ? a.text[i] : "none");
        distance +=
            isinf(kinds[i].weight) ? kinds[i].weight : kinds[i].weight * difference(a.text[i], b.text[i]);
    }
    return distance;
}
