/* Reading templates entry by entry, and what stands for each. */
#include "perf_template.h"
#include "conv.h"
#include "onednn.h"
#include <math.h>
#include <string.h>

static const char *const def =
    "perf,%engine%,%impl%,%name%,%prb%,%Gops%,%+ctime%,%-time%,%-Gflops%,%0time%,%0Gflops%";
static const char *const csv =
    "perf,%engine%,%impl%,%name%,%dir%,%alg%,%DESC%,%Gops%,%+ctime%,%-time%,%-Gflops%,%0time%,%0Gflops%";

typedef enum name {
    DRIVER,
    ENGINE,
    IMPL,
    NAME,
    DIR,
    ALG,
    MB,
    DESC,
    PRB,
    WORDS,
    TIME = WORDS,
    OPS,
    FLOPS,
    IOBYTES,
    BW,
    CTIME,
    NAMES
} name;
static const char *const names[NAMES] = {"driver", "engine", "impl",    "name", "dir",
                                         "alg",    "mb",     "desc",    "prb",  "time",
                                         "ops",    "flops",  "iobytes", "bw",   "ctime"};

/* An entry between its percent signs, taken apart. */
typedef struct entry {
    name name;
    char time;   /* '-', '0' or '+' */
    double unit; /* what one of it is */
    size_t length;
} entry;

/* Reads the entry that begins at the percent sign; false when it is none. */
static bool read_entry(const char *text, entry *e) {
    static const struct {
        char letter;
        double unit;
    } units[] = {{'K', 1e3}, {'M', 1e6}, {'G', 1e9}};
    const char *at = text + 1, *end = strchr(at, '%');
    *e = (entry){.time = '-', .unit = 1};
    if (!end)
        return false;
    e->length = (size_t)(end - text) + 1;
    bool modified = *at == '-' || *at == '0' || *at == '+';
    if (modified)
        e->time = *at++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (*at == units[i].letter) {
            e->unit = units[i].unit;
            at++;
            modified = true;
            break;
        }
    for (int i = 0; i < NAMES; i++)
        if (strlen(names[i]) == (size_t)(end - at) && strncmp(names[i], at, (size_t)(end - at)) == 0) {
            e->name = (name)i;
            return i >= WORDS || !modified;
        }
    e->name = DESC;
    return !modified && end - at == 4 && strncmp(at, "DESC", 4) == 0;
}

wn_status wn_perf_template_read(const char *text, const char **template) {
    *template = strcmp(text, "def") == 0 ? def : strcmp(text, "csv") == 0 ? csv : text;
    for (const char *at = *template; (at = strchr(at, '%'));) {
        entry e;
        if (!read_entry(at, &e))
            return wn_error(
                WN_ERROR_USAGE,
                "--perf-template, column %d: found \"%.*s\", expected def, csv, or entries such as "
                "%%impl%% %%name%% %%dir%% %%desc%% %%-time%% %%0Gflops%% (winnow bench --help)",
                (int)(at - *template) + 1, e.length ? (int)(e.length < 40 ? e.length : 40) : 20, at);
        at += e.length;
    }
    return wn_ok();
}

static double seconds_of(const wn_perf_line *line, char which) {
    double sum = 0, least = INFINITY, greatest = 0;
    for (int i = 0; i < line->count; i++) {
        sum += line->seconds[i];
        least = fmin(least, line->seconds[i]);
        greatest = fmax(greatest, line->seconds[i]);
    }
    return which == '-' ? least : which == '+' ? greatest : sum / line->count;
}

/* A library's implementation by its own name, ours with the config. */
static void print_impl(const wn_perf_line *line, FILE *out) {
    char text[300] = "";
    wn_onednn_name(&line->candidate->plan, text, sizeof text);
    if (!text[0])
        wn_candidate_name(line->candidate, text, sizeof text);
    fprintf(out, strchr(text, ',') ? "\"%s\"" : "%s", text);
}

static void print_word(const entry *e, const wn_perf_line *line, FILE *out) {
    const wn_problem *p = line->problem;
    char text[400];
    wn_problem_format(p, text, sizeof text);
    switch (e->name) {
    case DRIVER:
        fputs("conv", out);
        break;
    case ENGINE:
        fputs("cpu", out);
        break;
    case IMPL:
        print_impl(line, out);
        break;
    case NAME:
        fprintf(out, "\"%s\"", p->name);
        break;
    case DIR:
        fputs(wn_direction_name(p->direction), out);
        break;
    case ALG:
        fputs(wn_plan_effective(&line->candidate->plan) ? "wino" : "direct", out);
        break;
    case MB:
        fprintf(out, "%d", p->mb);
        break;
    case PRB:
        fprintf(out, "--conv --dir=%s %s", wn_direction_name(p->direction), text);
        break;
    default:
        fputs(text, out);
    }
}

static void print_figure(const entry *e, const wn_perf_line *line, FILE *out) {
    double seconds = seconds_of(line, e->time), ops = wn_problem_flops(line->problem);
    double bytes = wn_conv_operand_bytes(line->problem);
    const double values[] = {[TIME] = seconds * 1e3,
                             [OPS] = ops,
                             [FLOPS] = ops / seconds,
                             [IOBYTES] = bytes,
                             [BW] = bytes / seconds};
    if (e->name != CTIME)
        fprintf(out, "%g", values[e->name] / e->unit);
}

void wn_perf_template_print(const char *template, const wn_perf_line *line, FILE *out) {
    entry e;
    for (const char *at = template; *at;)
        if (*at != '%') {
            fputc(*at++, out);
        } else {
            read_entry(at, &e);
            if (e.name < WORDS)
                print_word(&e, line, out);
            else
                print_figure(&e, line, out);
            at += e.length;
        }
    fputc('\n', out);
}
