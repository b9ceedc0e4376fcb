/* Problems: strings read and written, derived values, every error with its column, possible sizes, FLOPs. */
#include "check.h"
#include "random.h"
#include <limits.h>
#include <string.h>
#include <winnow/problem.h>

static uint64_t seed, draws;

static int below(int bound) {
    return (int)wn_random_below(seed, WN_STREAM_TEST, draws++, (uint32_t)bound);
}

static void check_directions(void) {
    const char *names[WN_DIRECTION_COUNT] = {"FWD_B", "BWD_D", "BWD_WB"};
    for (int i = 0; i < WN_DIRECTION_COUNT; i++) {
        wn_direction direction = WN_DIRECTION_COUNT;
        CHECK(strcmp(wn_direction_name((wn_direction)i), names[i]) == 0, "%d is not %s", i, names[i]);
        CHECK(!wn_failed(wn_direction_parse(names[i], &direction)) && (int)direction == i, "%s", names[i]);
    }
    wn_direction direction = WN_BWD_D;
    wn_status status = wn_direction_parse("FWD_D", &direction);
    CHECK(status.code == WN_ERROR_USAGE && direction == WN_BWD_D, "FWD_D: code %d", status.code);
    CHECK(strcmp(status.message, "unknown direction \"FWD_D\": expected FWD_B, BWD_D or BWD_WB") == 0, "%s",
          status.message);
}

/* Input and the canonical text of what must come out; derived values calculated by hand. */
static void check_readings(void) {
    const char *cases[][2] = {
        {"g1mb16_ic64ih56iw56_oc64oh56ow56_kh3kw3_sh1sw1_ph1pw1_dh0dw0_n\"name\"",
         "g1mb16_ic64ih56iw56_oc64oh56ow56_kh3kw3_sh1sw1_ph1pw1_dh0dw0_n\"name\""},
        /* defaults, square, output derived */
        {"ic3ih224oc64kh7sh2ph3", "g1mb2_ic3ih224iw224_oc64oh112ow112_kh7kw7_sh2sw2_ph3pw3_dh0dw0"},
        {"ic3ih227oc96kh11sh4", "g1mb2_ic3ih227iw227_oc96oh55ow55_kh11kw11_sh4sw4_ph0pw0_dh0dw0"},
        /* padding derived; C division rounds an odd sum towards zero */
        {"ic16ih7oc16oh7kh5", "g1mb2_ic16ih7iw7_oc16oh7ow7_kh5kw5_sh1sw1_ph2pw2_dh0dw0"},
        {"ic1ih8oc1oh8kh4", "g1mb2_ic1ih8iw8_oc1oh8ow8_kh4kw4_sh1sw1_ph1pw1_dh0dw0"},
        {"ic1ih8oc1oh3kh3sh2", "g1mb2_ic1ih8iw8_oc1oh3ow3_kh3kw3_sh2sw2_ph0pw0_dh0dw0"},
        /* dilation counts gaps: 3 taps with 1 gap reach over 5 */
        {"ic1ih9oc1kh3dh1", "g1mb2_ic1ih9iw9_oc1oh5ow5_kh3kw3_sh1sw1_ph0pw0_dh1dw1"},
        {"ic1ih9oc1oh9kh3dh1", "g1mb2_ic1ih9iw9_oc1oh9ow9_kh3kw3_sh1sw1_ph2pw2_dh1dw1"},
        /* height and width apart; each axis derives what it lacks */
        {"ic1oc1ih5iw9kh3kw1", "g1mb2_ic1ih5iw9_oc1oh3ow9_kh3kw1_sh1sw1_ph0pw0_dh0dw0"},
        {"ic1oc1ih5iw9kh3kw3oh5pw1", "g1mb2_ic1ih5iw9_oc1oh5ow9_kh3kw3_sh1sw1_ph1pw1_dh0dw0"},
        /* height alone copies its padding that was given, and zero is given too */
        {"ic1oc1ih5kh3oh5ph0", "g1mb2_ic1ih5iw5_oc1oh5ow5_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        /* width alone: one-dimensional */
        {"ic1oc1iw9kw3", "g1mb2_ic1ih1iw9_oc1oh1ow7_kh1kw3_sh1sw1_ph0pw0_dh0dw0"},
        /* an output of zero is as good as none */
        {"ic1oc1ih5oh0kh3", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        /* C division: an input one pixel short of the kernel still gives one output */
        {"ic1oc1ih4kh5sh2", "g1mb2_ic1ih4iw4_oc1oh1ow1_kh5kw5_sh2sw2_ph0pw0_dh0dw0"},
        /* groups, the log's order, separators anywhere, the last value counts */
        {"mb2_ic16oc16_ih7oh7kh5sh1dh0ph2_iw7ow7kw5sw1dw0pw2",
         "g1mb2_ic16ih7iw7_oc16oh7ow7_kh5kw5_sh1sw1_ph2pw2_dh0dw0"},
        {"g32mb2_ic32oc32_ih14oh7kh3sh2dh0ph1_iw14ow7kw3sw2dw0pw1",
         "g32mb2_ic32ih14iw14_oc32oh7ow7_kh3kw3_sh2sw2_ph1pw1_dh0dw0"},
        {"__kh3_ih8__oc2_ic4_g2_", "g2mb2_ic4ih8iw8_oc2oh6ow6_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        {"ic1ic2oc1ih5kh3", "g1mb2_ic2ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        {"ic0003oc1ih5kh3", "g1mb2_ic3ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        /* names go on to the end, whatever is in them */
        {"ic1oc1ih5kh3nplain", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0_n\"plain\""},
        {"ic1oc1ih5kh3n\"a:b*3\"", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0_n\"a:b*3\""},
        {"ic1oc1ih5kh3nic7", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0_n\"ic7\""},
        {"ic1oc1ih5kh3n\"", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0_n\"\"\""},
        {"ic1oc1ih5kh3n", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        {"ic1oc1ih5kh3n\"\"", "g1mb2_ic1ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
        {"ic2147483647oc1ih5kh3", "g1mb2_ic2147483647ih5iw5_oc1oh3ow3_kh3kw3_sh1sw1_ph0pw0_dh0dw0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_problem problem = {.direction = WN_BWD_D, .relu = true, .plain_src = true};
        char text[256] = "";
        wn_status status = wn_problem_parse(cases[i][0], &problem);
        if (!CHECK(!wn_failed(status), "%s: %s", cases[i][0], status.message))
            continue;
        int length = wn_problem_format(&problem, text, sizeof text);
        CHECK(strcmp(text, cases[i][1]) == 0, "%s: read as %s, expected %s", cases[i][0], text, cases[i][1]);
        CHECK(length == (int)strlen(text), "%s: length %d", text, length);
        CHECK(problem.direction == WN_BWD_D && problem.relu && !problem.accumulate && problem.plain_src,
              "%s: direction or flags changed", cases[i][0]);
    }
}

#define PREFIX "problem, column "

static void check_errors(void) {
    const char *cases[][2] = {
        {"", PREFIX "1: token \"ic\" is missing"},
        {"oc1ih5kh3", PREFIX "10: token \"ic\" is missing"},
        {"ic1ih5kh3", PREFIX "10: token \"oc\" is missing"},
        {"ic1oc1", PREFIX "7: token \"ih\" is missing"},
        {"ic1oc1kh3", PREFIX "10: token \"ih\" is missing"},
        {"ic1oc1ih5", PREFIX "10: token \"kh\" is missing"},
        {"ic1oc1ih5_n\"name\"", PREFIX "11: token \"kh\" is missing"},
        {"ic1oc1ih5kh3iw5", PREFIX "16: token \"kw\" is missing"},
        {"ic1oc1ih5kh3sw1", PREFIX "16: token \"iw\" is missing"},
        {"ic1oc1iw5", PREFIX "10: token \"kw\" is missing"},
        {"ic", PREFIX "1: token \"ic\" has no value"},
        {"ic_3", PREFIX "1: token \"ic\" has no value"},
        {"ic3oc", PREFIX "4: token \"oc\" has no value"},
        {"ic3oc-", PREFIX "4: token \"oc-\" has no value"},
        {"ic3oc+4", PREFIX "4: token \"oc+4\" has no value"},
        {"ic3oc 4", PREFIX "4: token \"oc\" has no value"},
        {"ic3_oc-4ih5kh3", PREFIX "5: token \"oc-4\" has a negative value"},
        {"ic3oc4ih5kh3ph-1", PREFIX "13: token \"ph-1\" has a negative value"},
        {"ic3xx4", PREFIX "4: token \"xx4\" is unknown"},
        {"i3", PREFIX "1: token \"i3\" is unknown"},
        {"ic3 oc4", PREFIX "4: token \" \" is unknown"},
        {"IC3", PREFIX "1: token \"IC3\" is unknown"},
        {"ic3oc4id5", PREFIX "7: token \"id5\" is of three dimensions: expected two"},
        {"ic3icoc4", PREFIX "4: token \"icoc4\" is unknown"},
        {"ic3,oc4", PREFIX "4: token \",\" is unknown"},
        {"3", PREFIX "1: token \"3\" is unknown"},
        {"-3", PREFIX "1: token \"-3\" is unknown"},
        {"ic2147483648", PREFIX "1: token \"ic2147483648\" has a value over 2147483647"},
        {"ic99999999999999999999999999",
         PREFIX "1: token \"ic99999999999999999999999999\" has a value over 2147483647"},
        {"g0", PREFIX "1: token \"g0\" is zero: expected at least 1"},
        {"mb0", PREFIX "1: token \"mb0\" is zero: expected at least 1"},
        {"ic0", PREFIX "1: token \"ic0\" is zero: expected at least 1"},
        {"ic1oc0", PREFIX "4: token \"oc0\" is zero: expected at least 1"},
        {"ih0", PREFIX "1: token \"ih0\" is zero: expected at least 1"},
        {"kw0", PREFIX "1: token \"kw0\" is zero: expected at least 1"},
        {"sh0", PREFIX "1: token \"sh0\" is zero: expected at least 1"},
        {"ic1oc1ih3kh9", PREFIX "13: token \"oh\" is missing and the other sizes make it -5"},
        {"ic1oc1ih9oh3kh3", PREFIX "16: token \"ph\" is missing and the other sizes make it -2"},
        {"ic1oc1ih9iw9kh3kw1ow3", PREFIX "22: token \"pw\" is missing and the other sizes make it -3"},
        {"ic1oc1ih5kh3ph2147483647",
         PREFIX "25: token \"oh\" is missing and the other sizes make it 4294967297"},
        {"ic1oc1ih1kh2147483647dh2147483647oh2147483647sh2147483647",
         PREFIX "58: token \"ph\" is missing and the other sizes make it 4611686013058678785"},
        {"ic1oc1ih5kh3n0123456789012345678901234567890123456789012345678901234567890123",
         PREFIX "13: the name \"01234567890123456789...\" has 64 characters: at most 63"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_problem problem, before;
        memset(&problem, 0x55, sizeof problem);
        before = problem;
        wn_status status = wn_problem_parse(cases[i][0], &problem);
        CHECK(status.code == WN_ERROR_FORMAT, "\"%s\": code %d, expected FORMAT", cases[i][0], status.code);
        CHECK(strcmp(status.message, cases[i][1]) == 0, "\"%s\": \"%s\", expected \"%s\"", cases[i][0],
              status.message, cases[i][1]);
        CHECK(memcmp(&problem, &before, sizeof problem) == 0, "\"%s\" changed the problem", cases[i][0]);
    }
}

/* A random axis that wn_problem_check accepts: the output leaves less than a stride of the input over. */
static void draw_axis(int *input, int *output, int *kernel, int *stride, int *pad, int *dilation) {
    *kernel = 1 + below(5);
    *stride = 1 + below(4);
    *dilation = below(3);
    *pad = below(4);
    *output = 1 + below(9);
    int span = (*output - 1) * *stride + (*kernel - 1) * (*dilation + 1) + 1;
    int right = below(4 + *stride) - *stride + 1; /* over - stride */
    *input = span - *pad - right;
    if (*input < 1)
        *input = 1;
}

static wn_problem draw_problem(void) {
    wn_problem p = {.direction = (wn_direction)below(WN_DIRECTION_COUNT)};
    p.mb = 1 + below(40);
    p.g = 1 + below(4);
    p.ic = p.g * (1 + below(30));
    p.oc = p.g * (1 + below(30));
    draw_axis(&p.ih, &p.oh, &p.kh, &p.sh, &p.ph, &p.dh);
    draw_axis(&p.iw, &p.ow, &p.kw, &p.sw, &p.pw, &p.dw);
    int length = below((int)sizeof p.name);
    for (int i = 0; i < length; i++)
        p.name[i] = (char)(' ' + below('~' - ' ' + 1));
    return p;
}

static void format_log_order(const wn_problem *p, char *text, size_t size) {
    snprintf(text, size, "g%dmb%d_ic%doc%d_ih%doh%dkh%dsh%ddh%dph%d_iw%dow%dkw%dsw%ddw%dpw%dn\"%s\"", p->g,
             p->mb, p->ic, p->oc, p->ih, p->oh, p->kh, p->sh, p->dh, p->ph, p->iw, p->ow, p->kw, p->sw, p->dw,
             p->pw, p->name);
}

/* All tokens in random order, with separators at random places. */
static void format_shuffled(const wn_problem *p, char *text, size_t size) {
    const struct {
        const char *token;
        int value;
    } tokens[] = {{"g", p->g},   {"mb", p->mb}, {"ic", p->ic}, {"ih", p->ih}, {"iw", p->iw}, {"oc", p->oc},
                  {"oh", p->oh}, {"ow", p->ow}, {"kh", p->kh}, {"kw", p->kw}, {"sh", p->sh}, {"sw", p->sw},
                  {"ph", p->ph}, {"pw", p->pw}, {"dh", p->dh}, {"dw", p->dw}};
    enum { COUNT = sizeof tokens / sizeof *tokens };
    int order[COUNT], length = 0;
    for (int i = 0; i < COUNT; i++) {
        int at = below(i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (int i = 0; i < COUNT; i++)
        length += snprintf(text + length, size - (size_t)length, "%s%s%d", below(2) ? "_" : "",
                           tokens[order[i]].token, tokens[order[i]].value);
    snprintf(text + length, size - (size_t)length, "n\"%s\"", p->name);
}

static void check_read_back(const wn_problem *expected, const char *text) {
    wn_problem read = {.direction = expected->direction};
    wn_status status = wn_problem_parse(text, &read);
    if (CHECK(!wn_failed(status), "%s: %s", text, status.message))
        CHECK(wn_problem_equal(&read, expected) && strcmp(read.name, expected->name) == 0,
              "%s: not read back", text);
}

static void check_round_trips(void) {
    int count = check_full() ? 50000 : 1000;
    for (int i = 0; i < count; i++) {
        wn_problem problem = draw_problem();
        char text[512];
        wn_problem_format(&problem, text, sizeof text);
        check_read_back(&problem, text);
        format_log_order(&problem, text, sizeof text);
        check_read_back(&problem, text);
        format_shuffled(&problem, text, sizeof text);
        check_read_back(&problem, text);
    }
}

/* Random bytes and damaged descriptors: an error with a column, or a problem that can be written. */
static void check_noise(void) {
    const char alphabet[] = "gmbichwokspdn_0123456789-+ \"x\x80";
    int count = check_full() ? 200000 : 5000;
    for (int i = 0; i < count; i++) {
        char text[128] = "ic3ih8oc4oh6kh3sh1ph0";
        int length = (int)strlen(text), changes = 1 + below(3);
        for (int c = 0; c < changes; c++)
            text[below(length)] = alphabet[below((int)sizeof alphabet)];
        wn_problem problem = {0};
        wn_status status = wn_problem_parse(text, &problem);
        if (wn_failed(status))
            CHECK(status.code == WN_ERROR_FORMAT && strncmp(status.message, PREFIX, strlen(PREFIX)) == 0,
                  "%s: %s", text, status.message);
        else
            check_read_back(&problem, (wn_problem_format(&problem, text, sizeof text), text));
    }
}

static void check_cut_text(void) {
    wn_problem problem = {0};
    wn_problem_parse("ic3ih224oc64kh7sh2ph3n\"first\"", &problem);
    char whole[256], cut[17];
    memset(cut, 'x', sizeof cut);
    int length = wn_problem_format(&problem, whole, sizeof whole);
    CHECK(wn_problem_format(&problem, cut, 16) == length, "length differs when cut");
    CHECK(strncmp(cut, whole, 15) == 0 && cut[15] == 0 && cut[16] == 'x', "cut text \"%.16s\"", cut);
    CHECK(wn_problem_format(&problem, NULL, 0) == length, "length differs without room");
}

static double brute_force_flops(const wn_problem *p) {
    double taps = 0;
    for (int oh = 0; oh < p->oh; oh++)
        for (int ow = 0; ow < p->ow; ow++)
            for (int kh = 0; kh < p->kh; kh++)
                for (int kw = 0; kw < p->kw; kw++) {
                    int ih = oh * p->sh - p->ph + kh * (p->dh + 1),
                        iw = ow * p->sw - p->pw + kw * (p->dw + 1);
                    taps += ih >= 0 && ih < p->ih && iw >= 0 && iw < p->iw;
                }
    return 2 * taps * p->mb * p->oc * (p->ic / p->g);
}

static void check_flops(void) {
    int count = check_full() ? 20000 : 500;
    for (int i = 0; i < count; i++) {
        wn_problem problem = draw_problem();
        char text[512];
        wn_problem_format(&problem, text, sizeof text);
        double expected = brute_force_flops(&problem), found = wn_problem_flops(&problem);
        CHECK(found == expected, "%s: %.0f FLOPs, expected %.0f", text, found, expected);
    }
    wn_problem vgg = {0};
    wn_problem_parse("mb1ic64ih56oc64oh56kh3ph1", &vgg);
    /* 56 x 56 outputs x 9 taps less the border: (3 * 56 - 2)^2 */
    CHECK(wn_problem_flops(&vgg) == 2.0 * 64 * 64 * 166 * 166, "%.0f", wn_problem_flops(&vgg));
}

static void check_pads(void) {
    const struct {
        const char *text;
        int right, below;
    } cases[] = {
        {"ic1oc1ih56kh3ph1", 1, 1},           {"ic1oc1ih224kh7sh2ph3", 2, 2},
        {"ic1oc1ih8oh3kh3sh2ph0", -1, -1},    {"ic1oc1ih9oh9kh3dh1ph1", 3, 3},
        {"ic1oc1ih5iw9kh3kw1", 0, 0},         {"ic1oc1ih8oh8kh4", 2, 2},
        {"ic1oc1ih7iw10kh1kw1sh3sw4", -1, 0}, /* 10 = 2 x 4 + 1 and 1 left over, 7 = 2 x 3 + 1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wn_problem problem = {0};
        wn_problem_parse(cases[i].text, &problem);
        int right = wn_problem_pad_right(&problem), below_it = wn_problem_pad_below(&problem);
        CHECK(right == cases[i].right && below_it == cases[i].below,
              "%s: %d right, %d below, expected %d and %d", cases[i].text, right, below_it, cases[i].right,
              cases[i].below);
    }
}

/* A possible problem with one field changed, and what is said about it; NULL: nothing. */
static void check_possible(void) {
    const wn_problem good = {.mb = 2,
                             .g = 2,
                             .ic = 4,
                             .ih = 8,
                             .iw = 8,
                             .oc = 6,
                             .oh = 8,
                             .ow = 8,
                             .kh = 3,
                             .kw = 3,
                             .sh = 1,
                             .sw = 1,
                             .ph = 1,
                             .pw = 1};
    struct {
        const char *message;
        wn_problem problem;
    } cases[80];
    int count = 0;
#define CASE(text, ...)                                                                                      \
    do {                                                                                                     \
        cases[count].message = (text);                                                                       \
        cases[count].problem = good;                                                                         \
        wn_problem *p = &cases[count++].problem;                                                             \
        __VA_ARGS__;                                                                                         \
    } while (0)
    CASE(NULL, p->mb = 2);
    CASE("mb is 0: expected at least 1", p->mb = 0);
    CASE("g is -1: expected at least 1", p->g = -1);
    CASE("ic is 0: expected at least 1", p->ic = 0);
    CASE("ih is 0: expected at least 1", p->ih = 0);
    CASE("iw is 0: expected at least 1", p->iw = 0);
    CASE("oc is 0: expected at least 1", p->oc = 0);
    CASE("oh is 0: expected at least 1", p->oh = 0);
    CASE("ow is -8: expected at least 1", p->ow = -8);
    CASE("kh is 0: expected at least 1", p->kh = 0);
    CASE("kw is 0: expected at least 1", p->kw = 0);
    CASE("sh is 0: expected at least 1", p->sh = 0);
    CASE("sw is 0: expected at least 1", p->sw = 0);
    CASE("ph is -1: expected at least 0", p->ph = -1);
    CASE("pw is -1: expected at least 0", p->pw = -1);
    CASE("dh is -1: expected 0 to 2147483646", p->dh = -1);
    CASE("dw is -1: expected 0 to 2147483646", p->dw = -1);
    CASE("g is 3: it does not divide ic 4 and oc 6", p->g = 3);
    CASE("g is 4: it does not divide ic 4 and oc 6", p->g = 4);
    CASE(NULL, p->oh = 7);                       /* no padding below */
    CASE(NULL, p->oh = 20);                      /* much padding below */
    CASE(NULL, p->sh = 2, p->oh = 4);            /* padding below 0 */
    CASE(NULL, p->sh = 2, p->oh = 4, p->ih = 9); /* -1 + 1 */
    CASE("oh is 6: ih 8, ph 1, kh 3, sh 1 and dh 0 give at least 7", p->oh = 6);
    CASE("ow is 2: iw 8, pw 1, kw 3, sw 2 and dw 0 give at least 4", p->sw = 2, p->ow = 2);
    CASE("direction 3 does not exist", p->direction = WN_DIRECTION_COUNT);
    CASE(NULL, p->relu = true);
    CASE(NULL, p->direction = WN_BWD_WB, p->accumulate = true);
    CASE("relu belongs to FWD_B, not to BWD_D", p->direction = WN_BWD_D, p->relu = true);
    CASE(NULL, p->constant_weights = true);
    CASE("constant weights belong to FWD_B, not to BWD_D", p->direction = WN_BWD_D,
         p->constant_weights = true);
    CASE("constant weights belong to FWD_B, not to BWD_WB", p->direction = WN_BWD_WB,
         p->constant_weights = true);
    CASE(NULL, p->plain_src = true, p->g = 1);
    CASE("a plain source with ic 4 and g 2: expected ic at most 4 and g 1", p->plain_src = true);
    CASE("a plain source with ic 5 and g 1: expected ic at most 4 and g 1", p->plain_src = true, p->g = 1,
         p->ic = 5);
    CASE("a source of 2147483647 x 16 x 2147483647 x 8 floats: expected fewer than 2^58", p->mb = INT_MAX,
         p->ih = INT_MAX, p->oh = INT_MAX - 2, p->ph = 0);
    CASE("a destination of 2147483647 x 16 x 2147483647 x 2147483647 floats: expected fewer than 2^58",
         p->mb = p->oh = p->ow = INT_MAX, p->kh = p->kw = 1, p->ph = p->pw = INT_MAX - 8);
    CASE(NULL, p->mb = 1 << 22, p->ic = 1 << 24, p->ih = p->oh = 64, p->iw = p->ow = 63);
    CASE("a source of 4194304 x 16777216 x 64 x 64 floats: expected fewer than 2^58", p->mb = 1 << 22,
         p->ic = 1 << 24, p->ih = p->iw = p->oh = p->ow = 64);
    CASE("weights of 16777216 x 16777216 x 32 x 32 floats: expected fewer than 2^58", p->ic = p->oc = 1 << 24,
         p->kh = p->kw = 32);
    CASE("ic is 16777218: expected at most 16777216", p->ic = (1 << 24) + 2);
    CASE("oc is 2147483646: expected at most 16777216", p->oc = INT_MAX - 1);
    CASE("a kernel of 65536 x 65536: expected a product of at most 2147483647", p->oh = p->ow = 1,
         p->kh = p->kw = 65536, p->ph = p->pw = 0);
    CASE(NULL, p->oh = p->ow = 1, p->kh = 65535, p->kw = 32767, p->ph = p->pw = 0);
    CASE("a stride of 65536 x 65536: expected a product of at most 2147483647", p->sh = p->sw = 65536,
         p->oh = p->ow = 1, p->direction = WN_BWD_D);
    CASE(NULL, p->sh = 65536, p->sw = 32767, p->oh = p->ow = 1, p->direction = WN_BWD_D);
    CASE("dh is 2147483647: expected 0 to 2147483646", p->kh = 1, p->dh = INT_MAX);
    CASE("the kernel's way along h, 2147483648 pixels, is longer than 2147483647", p->oh = INT_MAX - 1);
    CASE("the kernel's way along h, 9223372023969873925 pixels, is longer than 2147483647", p->oh = INT_MAX,
         p->sh = INT_MAX, p->kh = INT_MAX, p->dh = INT_MAX - 1);
#undef CASE
    for (int i = 0; i < count; i++) {
        wn_status status = wn_problem_check(&cases[i].problem);
        const char *expected = cases[i].message ? cases[i].message : "";
        CHECK(status.code == (cases[i].message ? WN_ERROR_INVALID : WN_OK), "case %d: code %d, \"%s\"", i,
              status.code, expected);
        CHECK(strcmp(status.message, expected) == 0, "case %d: \"%s\", expected \"%s\"", i, status.message,
              expected);
    }
    for (int i = 0; i < 500; i++) {
        wn_problem problem = draw_problem();
        char text[512];
        wn_problem_format(&problem, text, sizeof text);
        wn_status status = wn_problem_check(&problem);
        bool leaves =
            wn_problem_pad_right(&problem) <= -problem.sw || wn_problem_pad_below(&problem) <= -problem.sh;
        CHECK(wn_failed(status) == leaves, "%s: \"%s\"", text, status.message);
    }
}

/* Changing any field but the name makes a problem another one. */
static void check_equality(void) {
    wn_problem a = draw_problem();
    wn_problem b = a;
    strcpy(b.name, "another");
    CHECK(wn_problem_equal(&a, &b), "the name counts");
    int *const numbers[] = {&b.mb, &b.g,  &b.ic, &b.ih, &b.iw, &b.oc, &b.oh, &b.ow,
                            &b.kh, &b.kw, &b.sh, &b.sw, &b.ph, &b.pw, &b.dh, &b.dw};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ++*numbers[i];
        CHECK(!wn_problem_equal(&a, &b), "number %zu does not count", i);
        --*numbers[i];
    }
    bool *const flags[] = {&b.relu, &b.accumulate, &b.plain_src, &b.constant_weights};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        *flags[i] = !*flags[i];
        CHECK(!wn_problem_equal(&a, &b), "flag %zu does not count", i);
        *flags[i] = !*flags[i];
    }
    b.direction = (wn_direction)((b.direction + 1) % WN_DIRECTION_COUNT);
    CHECK(!wn_problem_equal(&a, &b), "the direction does not count");
}

int main(void) {
    seed = check_seed();
    check_directions();
    check_readings();
    check_errors();
    check_round_trips();
    check_noise();
    check_cut_text();
    check_flops();
    check_pads();
    check_possible();
    check_equality();
    return check_finish("check_problem");
}
