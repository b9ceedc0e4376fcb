/* Batch files: tests/batch/ has every rule of the grammar, and mistakes say file, line and column. */
#include "check.h"
#include "problem_list.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH WN_SOURCE_ROOT "/tests/batch/"

/* What tests/batch/rules.txt makes, in order. */
static const struct {
    wn_direction direction;
    const char *problem;
} expected[] = {
    {WN_FWD_B, "g1mb2_ic16ih8iw8_oc16oh8ow8_kh3kw3_sh1sw1_ph1pw1_dh0dw0_n\"plain\""},
    {WN_FWD_B, "g1mb5_ic16ih8iw8_oc16oh8ow8_kh3kw3_sh1sw1_ph1pw1_dh0dw0"},
    {WN_FWD_B, "g2mb2_ic32ih8iw8_oc32oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0"},
    {WN_FWD_B, "g1mb2_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"not#a*3\""},
    {WN_FWD_B, "g1mb1_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"four\""},
    {WN_FWD_B, "g1mb3_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"four\""},
    {WN_BWD_D, "g1mb1_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"four\""},
    {WN_BWD_D, "g1mb3_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"four\""},
    {WN_FWD_B, "g1mb7_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"own\""},
    {WN_BWD_D, "g1mb7_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"own\""},
    {WN_BWD_WB, "g1mb2_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"gradient\""},
    {WN_BWD_WB, "g1mb4_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"inner\""},
    {WN_BWD_WB, "g1mb4_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"deeper\""},
    {WN_BWD_WB, "g1mb4_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"there\""},
    {WN_FWD_B, "g1mb4_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"after\""},
    {WN_BWD_WB, "g1mb4_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"after\""},
    {WN_FWD_B, "g1mb6_ic16ih8iw8_oc16oh8ow8_kh1kw1_sh1sw1_ph0pw0_dh0dw0_n\"reset\""},
    {WN_FWD_B, "g1mb2_ic16ih7iw7_oc16oh7ow7_kh5kw5_sh1sw1_ph2pw2_dh0dw0"},
    {WN_FWD_B, "g1mb2_ic3ih11iw9_oc8oh11ow8_kh3kw2_sh1sw1_ph1pw0_dh0dw0_n\"derived:odd*2\""},
    {WN_FWD_B, "g1mb2_ic16ih1iw9_oc16oh1ow7_kh1kw3_sh1sw1_ph0pw0_dh0dw0_n\"line\""},
    {WN_FWD_B, "g1mb2_ic16ih9iw9_oc16oh5ow5_kh3kw3_sh1sw1_ph0pw0_dh1dw1_n\"dilated\""},
};
enum { EXPECTED = sizeof expected / sizeof *expected };

static void check_rules(void) {
    wn_problem_list list;
    char word[] = "--batch=" BATCH "rules.txt";
    wn_status status = wn_problem_list_create(&list);
    if (!CHECK(chdir(BATCH "elsewhere") == 0, "chdir: %s", strerror(errno)))
        return;
    if (!wn_failed(status))
        status = wn_problem_list_add(&list, word);
    CHECK(!wn_failed(status), "%s", status.message);
    CHECK(list.count == EXPECTED, "%d problems, expected %d", list.count, EXPECTED);
    for (int i = 0; i < list.count && i < EXPECTED; i++) {
        char text[400];
        wn_problem_format(&list.problems[i], text, sizeof text);
        CHECK(strcmp(text, expected[i].problem) == 0, "problem %d: %s, expected %s", i, text,
              expected[i].problem);
        CHECK(list.problems[i].direction == expected[i].direction, "problem %d: %s, expected %s", i,
              wn_direction_name(list.problems[i].direction), wn_direction_name(expected[i].direction));
    }
    wn_problem_list_free(&list);
}

/* Text of a batch file, and what the message must hold. */
static const struct {
    const char *text, *place, *what;
} mistakes[] = {
    {"ic16ih8oc16kh1\n ic16ih8oc16kh1x\n", "batch.txt:2:2: ", "column 15: token \"x\" is unknown"},
    {"# fine\n\n\tic16oc16kh1", "batch.txt:3:2: ", "\"ih\" is missing"},
    {"ic16ih8oc16kh1 --colour=red", "batch.txt:1:16: ", "--colour=red: unknown option"},
    {"--dir=FWD_B,SIDEWAYS", "batch.txt:1:1: ", "SIDEWAYS"},
    {"--mb=1,,2", "batch.txt:1:1: ", "\"\", expected whole numbers"},
    {"--mb=-1", "batch.txt:1:1: ", "\"-1\""},
    {"   --batch=nowhere.txt", "batch.txt:1:4: ", "nowhere.txt"},
    {"mb1ic16id4ih8oc16kh1", "batch.txt:1:1: ", "\"id4\" is of three dimensions"},
    {"g3ic16ih8oc16kh1", "batch.txt:1:1: ", "g is 3"},
    {"--batch=batch.txt", "", "nested more than 16"},
};

static void check_mistakes(void) {
    char folder[] = "/tmp/winnow-check-XXXXXX";
    if (!CHECK(mkdtemp(folder) && chdir(folder) == 0, "no folder in /tmp"))
        return;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        FILE *file = fopen("batch.txt", "we");
        if (!CHECK(file, "batch.txt: %s", strerror(errno)))
            return;
        fputs(mistakes[i].text, file);
        fclose(file);
        wn_problem_list list;
        wn_status status = wn_problem_list_create(&list);
        if (!wn_failed(status))
            status = wn_problem_list_add(&list, "--batch=batch.txt");
        CHECK(wn_failed(status) && status.code != WN_ERROR_USAGE, "\"%s\": no mistake", mistakes[i].text);
        CHECK(strncmp(status.message, mistakes[i].place, strlen(mistakes[i].place)) == 0 &&
                  strstr(status.message, mistakes[i].what),
              "\"%s\": \"%s\", expected %s...%s", mistakes[i].text, status.message, mistakes[i].place,
              mistakes[i].what);
        wn_problem_list_free(&list);
    }
    unlink("batch.txt");
    rmdir(folder);
}

int main(void) {
    check_rules();
    check_mistakes();
    return check_finish("check_problem_list");
}
