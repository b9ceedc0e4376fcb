/* winnow tune on a terminal: the progress line with the time left, and Ctrl-C, which saves what is known and
 * says so. Takes the program's path as its argument. */
#include "check.h"
#include <errno.h>
#include <pty.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT = 1 << 18 };

/* The program on a terminal of its own, and what it wrote there. */
typedef struct session {
    pid_t process;
    int terminal;
    size_t length;
    char text[OUTPUT];
} session;

static bool start(session *s, const char *program, const char *database) {
    s->length = 0;
    s->process = forkpty(&s->terminal, NULL, NULL, NULL);
    if (s->process == 0) {
        execl(program, program, "tune", "vgg11", "--size", "32", "--batch-size", "1", "--threads", "1",
              "--budget", "1000", "--db", database, (char *)NULL);
        _exit(127);
    }
    return CHECK(s->process > 0, "%s", strerror(errno));
}

/* Reads on; false when the program has closed the terminal. */
static bool read_some(session *s) {
    ssize_t length =
        s->length < OUTPUT - 1 ? read(s->terminal, s->text + s->length, OUTPUT - 1 - s->length) : 0;
    s->length += length > 0 ? (size_t)length : 0;
    s->text[s->length] = '\0';
    return length > 0;
}

static int count(const char *text, const char *word) {
    int found = 0;
    for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
        found++;
    return found;
}

/* Lines of a file that begin with "pick"; -1 without the file. */
static int picks_in(const char *path) {
    FILE *file = fopen(path, "r");
    char line[2048];
    int picks = 0;
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file))
        picks += strncmp(line, "pick", 4) == 0;
    fclose(file);
    return picks;
}

static void check_interrupted(const char *program, const char *database) {
    static session s;
    int how;
    if (!start(&s, program, database))
        return;
    /* two picks have been printed when the third problem's progress shows */
    while (!strstr(s.text, "3/") && read_some(&s))
        ;
    CHECK(strstr(s.text, " s left: vgg11 "), "no progress line with the time left: %s", s.text);
    CHECK(write(s.terminal, "\x03", 1) == 1, "%s", strerror(errno));
    while (read_some(&s))
        ;
    CHECK(waitpid(s.process, &how, 0) == s.process && WIFEXITED(how) && WEXITSTATUS(how) == 1,
          "wait status %d, expected exit code 1: %s", how, s.text);
    CHECK(strstr(s.text, "interrupted; what was tuned until now is saved in") && strstr(s.text, database),
          "it is not said what became of the picks: %s", s.text);
    int picks = picks_in(database), printed = count(s.text, "\033[Kvgg11 ");
    CHECK(picks >= 2 && picks == printed, "%d picks saved, %d printed: %s", picks, printed, s.text);
    close(s.terminal);
}

int main(int argc, char **argv) {
    char database[] = "/tmp/winnow-check-XXXXXX";
    int fd = mkstemp(database);
    if (!CHECK(argc == 2 && fd >= 0, "expected the program's path: %s", strerror(errno)))
        return check_finish("check_interrupt");
    close(fd);
    check_interrupted(argv[1], database);
    unlink(database);
    return check_finish("check_interrupt");
}
