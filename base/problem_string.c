/* Problems as text: reading and writing benchdnn's convolution descriptors. Whether the sizes make a possible
 * problem is wn_problem_check's business; here they only have to be there and to have sensible signs. */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <winnow/problem.h>

typedef enum field { G, MB, IC, IH, IW, OC, OH, OW, KH, KW, SH, SW, PH, PW, DH, DW, FIELD_COUNT } field;

/* What zero means for a field: a proper value, the same as leaving it out, or a mistake. */
typedef enum zero_rule { ZERO_IS_VALUE, ZERO_IS_MISSING, ZERO_IS_ERROR } zero_rule;

static const struct {
    const char *token;
    size_t offset;
    zero_rule zero;
} fields[FIELD_COUNT] = {
    [G] = {"g", offsetof(wn_problem, g), ZERO_IS_ERROR},
    [MB] = {"mb", offsetof(wn_problem, mb), ZERO_IS_ERROR},
    [IC] = {"ic", offsetof(wn_problem, ic), ZERO_IS_ERROR},
    [IH] = {"ih", offsetof(wn_problem, ih), ZERO_IS_ERROR},
    [IW] = {"iw", offsetof(wn_problem, iw), ZERO_IS_ERROR},
    [OC] = {"oc", offsetof(wn_problem, oc), ZERO_IS_ERROR},
    [OH] = {"oh", offsetof(wn_problem, oh), ZERO_IS_MISSING},
    [OW] = {"ow", offsetof(wn_problem, ow), ZERO_IS_MISSING},
    [KH] = {"kh", offsetof(wn_problem, kh), ZERO_IS_ERROR},
    [KW] = {"kw", offsetof(wn_problem, kw), ZERO_IS_ERROR},
    [SH] = {"sh", offsetof(wn_problem, sh), ZERO_IS_ERROR},
    [SW] = {"sw", offsetof(wn_problem, sw), ZERO_IS_ERROR},
    [PH] = {"ph", offsetof(wn_problem, ph), ZERO_IS_VALUE},
    [PW] = {"pw", offsetof(wn_problem, pw), ZERO_IS_VALUE},
    [DH] = {"dh", offsetof(wn_problem, dh), ZERO_IS_VALUE},
    [DW] = {"dw", offsetof(wn_problem, dw), ZERO_IS_VALUE},
};

/* The fields of one axis, in the same order for both. */
typedef struct axis_fields {
    field input, output, kernel, stride, pad, dilation;
} axis_fields;

static const axis_fields axis_h = {IH, OH, KH, SH, PH, DH};
static const axis_fields axis_w = {IW, OW, KW, SW, PW, DW};

/* A descriptor that is being read. */
typedef struct reading {
    const char *text;
    const char *at;
    const char *end; /* of the sizes: where the name or nothing follows */
    int64_t value[FIELD_COUNT];
    bool given[FIELD_COUNT];
    char name[sizeof(((wn_problem *)NULL)->name)];
} reading;

static int column(const reading *r, const char *at) {
    return (int)(at - r->text) + 1;
}

static size_t count_letters(const char *text) {
    size_t length = 0;
    while (isalpha((unsigned char)text[length]))
        length++;
    return length;
}

/* Length of the token as a reader sees it: letters, a sign, digits; at least one character. */
static int token_length(const char *text) {
    size_t length = count_letters(text);
    if (text[length] == '-' || text[length] == '+')
        length++;
    while (isdigit((unsigned char)text[length]))
        length++;
    return length > 0 ? (int)(length < 40 ? length : 40) : 1;
}

static wn_status token_error(const reading *r, const char *what) {
    return wn_error(WN_ERROR_FORMAT, "problem, column %d: token \"%.*s\" %s", column(r, r->at),
                    token_length(r->at), r->at, what);
}

static int find_field(const char *text) {
    size_t length = count_letters(text);
    for (int i = 0; i < FIELD_COUNT; i++)
        if (strlen(fields[i].token) == length && strncmp(fields[i].token, text, length) == 0)
            return i;
    return -1;
}

/* Whether the token is one of those that three-dimensional problems have. */
static bool is_of_depth(const char *text) {
    static const char *const tokens[] = {"id", "od", "kd", "sd", "pd", "dd"};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        if (count_letters(text) == 2 && strncmp(tokens[i], text, 2) == 0)
            return true;
    return false;
}

/* Reads one `token value` pair. */
static wn_status read_field(reading *r) {
    int found = find_field(r->at);
    if (found < 0)
        return token_error(r, is_of_depth(r->at) ? "is of three dimensions: expected two" : "is unknown");
    const char *digit = r->at + strlen(fields[found].token);
    if (*digit == '-' && isdigit((unsigned char)digit[1]))
        return token_error(r, "has a negative value");
    if (!isdigit((unsigned char)*digit))
        return token_error(r, "has no value");
    int64_t value = 0;
    for (; isdigit((unsigned char)*digit); digit++) {
        value = value * 10 + (*digit - '0');
        if (value > INT_MAX)
            return token_error(r, "has a value over 2147483647");
    }
    if (value == 0 && fields[found].zero == ZERO_IS_ERROR)
        return token_error(r, "is zero: expected at least 1");
    r->value[found] = value;
    r->given[found] = value > 0 || fields[found].zero == ZERO_IS_VALUE;
    r->at = digit;
    return wn_ok();
}

/* Reads `n` and the name behind it, which goes on to the end; quotes around it are not part of it. */
static wn_status read_name(reading *r) {
    const char *start = r->at + 1;
    size_t length = strlen(start);
    if (length >= 2 && start[0] == '"' && start[length - 1] == '"') {
        start++;
        length -= 2;
    }
    if (length >= sizeof r->name)
        return wn_error(WN_ERROR_FORMAT,
                        "problem, column %d: the name \"%.20s...\" has %zu characters: at most %zu",
                        column(r, r->at), start, length, sizeof r->name - 1);
    memcpy(r->name, start, length);
    return wn_ok();
}

static wn_status read_tokens(reading *r) {
    while (*r->at && *r->at != 'n') {
        if (*r->at == '_')
            r->at++;
        else
            WN_TRY(read_field(r));
    }
    r->end = r->at;
    return *r->at ? read_name(r) : wn_ok();
}

static bool axis_is_empty(const reading *r, axis_fields a) {
    return !r->given[a.input] && !r->given[a.output] && !r->given[a.kernel] && !r->given[a.stride] &&
           !r->given[a.pad] && !r->given[a.dilation];
}

static void set_field(reading *r, field to, int64_t value) {
    r->value[to] = value;
    r->given[to] = true;
}

static void copy_field(reading *r, field from, field to) {
    r->value[to] = r->value[from];
    r->given[to] = r->given[from];
}

/* Height alone means a square problem, width alone a one-dimensional one. */
static void fill_empty_axis(reading *r) {
    if (axis_is_empty(r, axis_w)) {
        copy_field(r, axis_h.input, axis_w.input);
        copy_field(r, axis_h.output, axis_w.output);
        copy_field(r, axis_h.kernel, axis_w.kernel);
        copy_field(r, axis_h.stride, axis_w.stride);
        copy_field(r, axis_h.pad, axis_w.pad);
        copy_field(r, axis_h.dilation, axis_w.dilation);
    } else if (axis_is_empty(r, axis_h)) {
        set_field(r, axis_h.input, 1);
        set_field(r, axis_h.kernel, 1);
    }
}

static wn_status require(const reading *r, field f) {
    if (!r->given[f])
        return wn_error(WN_ERROR_FORMAT, "problem, column %d: token \"%s\" is missing", column(r, r->end),
                        fields[f].token);
    return wn_ok();
}

/* Output and padding, where they are missing, follow from the rest. */
static wn_status derive_axis(reading *r, axis_fields a) {
    WN_TRY(require(r, a.input));
    WN_TRY(require(r, a.kernel));
    int64_t *v = r->value;
    int64_t kernel = (v[a.kernel] - 1) * (v[a.dilation] + 1) + 1;
    if (!r->given[a.output])
        v[a.output] = (v[a.input] - kernel + 2 * v[a.pad]) / v[a.stride] + 1;
    else if (!r->given[a.pad])
        v[a.pad] = ((v[a.output] - 1) * v[a.stride] - v[a.input] + kernel) / 2;
    const field derived[] = {a.output, a.pad};
    for (int i = 0; i < 2; i++)
        if (v[derived[i]] < (derived[i] == a.output) || v[derived[i]] > INT_MAX)
            return wn_error(WN_ERROR_FORMAT,
                            "problem, column %d: token \"%s\" is missing and the other sizes make it %lld",
                            column(r, r->end), fields[derived[i]].token, (long long)v[derived[i]]);
    return wn_ok();
}

static int *field_of(wn_problem *problem, int f) {
    return (int *)((char *)problem + fields[f].offset);
}

wn_status wn_problem_parse(const char *text, wn_problem *problem) {
    reading r = {.text = text, .at = text};
    r.value[G] = 1;
    r.value[MB] = 2;
    r.value[SH] = r.value[SW] = 1;
    WN_TRY(read_tokens(&r));
    WN_TRY(require(&r, IC));
    WN_TRY(require(&r, OC));
    fill_empty_axis(&r);
    WN_TRY(derive_axis(&r, axis_h));
    WN_TRY(derive_axis(&r, axis_w));
    for (int f = 0; f < FIELD_COUNT; f++)
        *field_of(problem, f) = (int)r.value[f];
    memcpy(problem->name, r.name, sizeof problem->name);
    return wn_ok();
}

int wn_problem_format(const wn_problem *p, char *text, size_t size) {
    bool named = p->name[0] != 0;
    return snprintf(text, size, "g%dmb%d_ic%dih%diw%d_oc%doh%dow%d_kh%dkw%d_sh%dsw%d_ph%dpw%d_dh%ddw%d%s%s%s",
                    p->g, p->mb, p->ic, p->ih, p->iw, p->oc, p->oh, p->ow, p->kh, p->kw, p->sh, p->sw, p->ph,
                    p->pw, p->dh, p->dw, named ? "_n\"" : "", p->name, named ? "\"" : "");
}
