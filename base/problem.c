/* Arithmetic on problems: whether they are possible, equal, and what they cost. Strings are in
 * problem_string.c. */
#include <limits.h>
#include <string.h>
#include <winnow/problem.h>

static const char *const direction_names[WN_DIRECTION_COUNT] = {"FWD_B", "BWD_D", "BWD_WB"};

const char *wn_direction_name(wn_direction direction) {
    return direction_names[direction];
}

wn_status wn_direction_parse(const char *text, wn_direction *direction) {
    for (int i = 0; i < WN_DIRECTION_COUNT; i++)
        if (strcmp(text, direction_names[i]) == 0) {
            *direction = (wn_direction)i;
            return wn_ok();
        }
    return wn_error(WN_ERROR_USAGE, "unknown direction \"%s\": expected FWD_B, BWD_D or BWD_WB", text);
}

/* One spatial axis of a problem, in 64 bits. */
typedef struct axis {
    char name; /* 'h' or 'w' */
    int64_t input, output, kernel, stride, pad, dilation;
} axis;

static axis axis_h(const wn_problem *p) {
    return (axis){'h', p->ih, p->oh, p->kh, p->sh, p->ph, p->dh};
}

static axis axis_w(const wn_problem *p) {
    return (axis){'w', p->iw, p->ow, p->kw, p->sw, p->pw, p->dw};
}

/* Input pixels that the outputs of an axis reach over, padding included. */
static int64_t axis_span(axis a) {
    return (a.output - 1) * a.stride + (a.kernel - 1) * (a.dilation + 1) + 1;
}

static int64_t axis_pad_end(axis a) {
    return axis_span(a) - a.input - a.pad;
}

int wn_problem_pad_right(const wn_problem *problem) {
    return (int)axis_pad_end(axis_w(problem));
}

int wn_problem_pad_below(const wn_problem *problem) {
    return (int)axis_pad_end(axis_h(problem));
}

static wn_status check_positive(const char *name, int value) {
    if (value < 1)
        return wn_error(WN_ERROR_INVALID, "%s is %d: expected at least 1", name, value);
    return wn_ok();
}

static wn_status check_channels(const char *name, int channels) {
    if (channels > WN_MOST_CHANNELS)
        return wn_error(WN_ERROR_INVALID, "%s is %d: expected at most %d", name, channels, WN_MOST_CHANNELS);
    return wn_ok();
}

/* Taps, and the residues of a stride along both axes, are counted in an int. */
static wn_status check_area(const char *name, int height, int width) {
    if ((int64_t)height * width > INT_MAX)
        return wn_error(WN_ERROR_INVALID, "a %s of %d x %d: expected a product of at most %d", name, height,
                        width, INT_MAX);
    return wn_ok();
}

static wn_status check_axis(axis a) {
    if (a.pad < 0)
        return wn_error(WN_ERROR_INVALID, "p%c is %lld: expected at least 0", a.name, (long long)a.pad);
    if (a.dilation < 0 || a.dilation == INT_MAX)
        return wn_error(WN_ERROR_INVALID, "d%c is %lld: expected 0 to %d", a.name, (long long)a.dilation,
                        INT_MAX - 1);
    int64_t end = axis_pad_end(a);
    if (axis_span(a) > INT_MAX || a.input + a.pad > INT_MAX)
        return wn_error(WN_ERROR_INVALID, "the kernel's way along %c, %lld pixels, is longer than %d", a.name,
                        (long long)axis_span(a), INT_MAX);
    if (end <= -a.stride)
        return wn_error(WN_ERROR_INVALID,
                        "o%c is %lld: i%c %lld, p%c %lld, k%c %lld, s%c %lld and d%c %lld give at least %lld",
                        a.name, (long long)a.output, a.name, (long long)a.input, a.name, (long long)a.pad,
                        a.name, (long long)a.kernel, a.name, (long long)a.stride, a.name,
                        (long long)a.dilation, (long long)(a.output + -end / a.stride));
    return wn_ok();
}

static int64_t round_to_block(int64_t channels) {
    return (channels + 15) / 16 * 16;
}

/* An operand has fewer than 2^60 bytes, so that the sum of all fits 63 bits. */
static wn_status check_floats(const char *what, int64_t a, int64_t b, int64_t c, int64_t d) {
    int64_t floats = a;
    if (__builtin_mul_overflow(floats, b, &floats) || __builtin_mul_overflow(floats, c, &floats) ||
        __builtin_mul_overflow(floats, d, &floats) || floats >= (int64_t)1 << 58)
        return wn_error(WN_ERROR_INVALID, "%s of %lld x %lld x %lld x %lld floats: expected fewer than 2^58",
                        what, (long long)a, (long long)b, (long long)c, (long long)d);
    return wn_ok();
}

static wn_status check_flags(const wn_problem *p) {
    if ((unsigned)p->direction >= WN_DIRECTION_COUNT)
        return wn_error(WN_ERROR_INVALID, "direction %d does not exist", (int)p->direction);
    if (p->relu && p->direction != WN_FWD_B)
        return wn_error(WN_ERROR_INVALID, "relu belongs to FWD_B, not to %s",
                        wn_direction_name(p->direction));
    if (p->constant_weights && p->direction != WN_FWD_B)
        return wn_error(WN_ERROR_INVALID, "constant weights belong to FWD_B, not to %s",
                        wn_direction_name(p->direction));
    if (p->plain_src && (p->ic > 4 || p->g != 1))
        return wn_error(WN_ERROR_INVALID, "a plain source with ic %d and g %d: expected ic at most 4 and g 1",
                        p->ic, p->g);
    return wn_ok();
}

wn_status wn_problem_check(const wn_problem *p) {
    const struct {
        const char *name;
        int value;
    } positive[] = {{"mb", p->mb}, {"g", p->g},   {"ic", p->ic}, {"ih", p->ih}, {"iw", p->iw}, {"oc", p->oc},
                    {"oh", p->oh}, {"ow", p->ow}, {"kh", p->kh}, {"kw", p->kw}, {"sh", p->sh}, {"sw", p->sw}};
    for (size_t i = 0; i < sizeof positive / sizeof *positive; i++)
        WN_TRY(check_positive(positive[i].name, positive[i].value));
    if (p->ic % p->g != 0 || p->oc % p->g != 0)
        return wn_error(WN_ERROR_INVALID, "g is %d: it does not divide ic %d and oc %d", p->g, p->ic, p->oc);
    WN_TRY(check_channels("ic", p->ic));
    WN_TRY(check_channels("oc", p->oc));
    WN_TRY(check_axis(axis_h(p)));
    WN_TRY(check_axis(axis_w(p)));
    WN_TRY(check_area("kernel", p->kh, p->kw));
    WN_TRY(check_area("stride", p->sh, p->sw));
    WN_TRY(check_floats("a source", p->mb, round_to_block(p->ic), p->ih, p->iw));
    WN_TRY(check_floats("a destination", p->mb, round_to_block(p->oc), p->oh, p->ow));
    WN_TRY(check_floats("weights", round_to_block(p->oc), round_to_block(p->ic), p->kh, p->kw));
    return check_flags(p);
}

bool wn_problem_equal(const wn_problem *a, const wn_problem *b) {
    return a->direction == b->direction && a->mb == b->mb && a->g == b->g && a->ic == b->ic &&
           a->ih == b->ih && a->iw == b->iw && a->oc == b->oc && a->oh == b->oh && a->ow == b->ow &&
           a->kh == b->kh && a->kw == b->kw && a->sh == b->sh && a->sw == b->sw && a->ph == b->ph &&
           a->pw == b->pw && a->dh == b->dh && a->dw == b->dw && a->relu == b->relu &&
           a->accumulate == b->accumulate && a->plain_src == b->plain_src &&
           a->constant_weights == b->constant_weights;
}

/* Pairs (output, tap) whose input pixel exists. For one tap these are the outputs o with
 * 0 <= o s + offset < input. */
static double axis_valid_taps(axis a) {
    int64_t count = 0;
    for (int64_t tap = 0; tap < a.kernel; tap++) {
        int64_t offset = tap * (a.dilation + 1) - a.pad;
        int64_t first = offset < 0 ? (-offset + a.stride - 1) / a.stride : 0;
        int64_t room = a.input - offset; /* o s < room */
        int64_t end = room > 0 ? (room + a.stride - 1) / a.stride : 0;
        if (end > a.output)
            end = a.output;
        count += end > first ? end - first : 0;
    }
    return (double)count;
}

double wn_problem_flops(const wn_problem *p) {
    double per_tap = 2.0 * p->mb * p->oc * (p->ic / p->g);
    return per_tap * axis_valid_taps(axis_h(p)) * axis_valid_taps(axis_w(p));
}
