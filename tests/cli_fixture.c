/* The scratch folder, the runs in it, and what is expected of them. */
#include "cli_fixture.h"
#include "check.h"
#include "remove_folder.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static char folder[] = "/tmp/winnow-check-XXXXXX";

void read_whole(const char *path, char text[OUTPUT]) {
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, OUTPUT - 1, file) : 0;
    text[length] = '\0';
    if (file)
        fclose(file);
}

void run_to(const char *out, const char *const arguments[], outcome *o) {
    char *argv[ARGUMENTS + 2] = {(char *)program};
    for (int i = 0; i < ARGUMENTS && arguments[i]; i++)
        argv[i + 1] = (char *)arguments[i];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int fd = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
        if (err < 0 || dup2(err, 2) < 0 || (out && (fd < 0 || dup2(fd, 1) < 0)))
            _exit(126);
        if (!out)
            close(1);
        execv(program, argv);
        _exit(127);
    }
    int how;
    o->code = waitpid(child, &how, 0) == child && WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    read_whole("out", o->out);
    read_whole("err", o->err);
}

void write_file(const char *path, const void *bytes, size_t length) {
    FILE *file = fopen(path, "w");
    CHECK(file && fwrite(bytes, 1, length, file) == length, "%s: %s", path, strerror(errno));
    if (file)
        fclose(file);
}

void write_text(const char *path, const char *text) {
    write_file(path, text, strlen(text));
}

static void describe(const char *const arguments[], char text[512]) {
    text[0] = '\0';
    for (int i = 0; arguments[i]; i++)
        snprintf(text + strlen(text), 512 - strlen(text), " %.60s", arguments[i]);
}

bool lacks_weights(const outcome *o) {
    const bool lacks = o->code == 1 && strstr(o->err, "this build does not read safetensors files");
    check_skipped += lacks;
    return lacks;
}

void expect_mistake(const mistake *m, const char *out) {
    static outcome o;
    char line[512];
    describe(m->arguments, line);
    run_to(out, m->arguments, &o);
    CHECK(o.code == m->code, "winnow%s: exit code %d, expected %d; it said: %s", line, o.code, m->code,
          o.err);
    char *end = strchr(o.err, '\n');
    CHECK(end && end[1] == '\0' && strncmp(o.err, "winnow: ", 8) == 0,
          "winnow%s: expected one line that begins with \"winnow: \", found: %s", line, o.err);
    for (int i = 0; i < 3 && m->expected[i]; i++)
        CHECK(strstr(o.err, m->expected[i]), "winnow%s: expected \"%s\" in: %s", line, m->expected[i], o.err);
}

/* Whether the text holds a word of its own: a host called "vm" is not named by "sysctl vm.swappiness=1". */
static bool names(const char *text, const char *word) {
    static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    size_t length = strlen(word);
    for (const char *at = length ? strstr(text, word) : NULL; at; at = strstr(at + 1, word))
        if ((at == text || !strchr(inside, at[-1])) && (!at[length] || !strchr(inside, at[length])))
            return true;
    return false;
}

int csv_rows(const char *path, const char *header) {
    static char text[OUTPUT];
    read_whole(path, text);
    size_t first = strcspn(text, "\n");
    CHECK(strlen(header) == first && strncmp(text, header, first) == 0, "%s begins with %.*s", path,
          (int)first, text);
    int rows = 0, columns = 0, expected = 0;
    bool quoted = false;
    for (const char *c = text; *c; c++) {
        quoted ^= *c == '"';
        columns += *c == ',' && !quoted;
        if (*c != '\n' || quoted)
            continue;
        if (rows++ == 0)
            expected = columns;
        CHECK(columns == expected, "%s: line %d has %d commas, expected %d", path, rows, columns, expected);
        columns = 0;
    }
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    CHECK(!names(text, host), "%s names the host", path);
    CHECK(!strstr(text, folder), "%s names a path", path);
    return rows;
}

int count_lines(const char *text) {
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

bool cli_begin(int argc, char **argv) {
    static char absolute[PATH_MAX];
    if (argc != 2 || !realpath(argv[1], absolute)) {
        fprintf(stderr, "usage: %s PROGRAM\n", argv[0]);
        return false;
    }
    program = absolute;
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return false;
    }
    setenv("XDG_CACHE_HOME", folder, 1);
    unsetenv("WINNOW_DB");
    unsetenv("WINNOW_ISA");
    return true;
}

int cli_finish(const char *name) {
    if (chdir("/") == 0)
        remove_folder(folder);
    return check_finish(name);
}
