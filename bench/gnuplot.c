/* Scripts, processes and their words. What is drawn is the callers'. */
#include "gnuplot.h"
#include "draft.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { NICENESS = 10 };

/* Colours with a contrast of at least 3 to white and to the dark page of reports. */
static const char palette[] = "set linetype 1 lc rgb '#3b82c4'\nset linetype 2 lc rgb '#c2672b'\n"
                              "set linetype 3 lc rgb '#2e9e5b'\nset linetype 4 lc rgb '#9b6dd0'\n"
                              "set linetype 5 lc rgb '#d9534f'\nset linetype 6 lc rgb '#858585'\n"
                              "set linetype 7 lc rgb '#1f98a6'\nset linetype 8 lc rgb '#d0589e'\n"
                              "set linetype 9 lc rgb '#b8860b'\nset linetype cycle 9\n";

bool wn_gnuplot_found(void) {
    return system("gnuplot --version >/dev/null 2>&1") == 0;
}

static FILE *file_in_memory(void) {
    int descriptor = memfd_create("winnow-gnuplot", MFD_CLOEXEC);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w+");
    if (!file && descriptor >= 0)
        close(descriptor);
    return file;
}

FILE *wn_gnuplot_script(void) {
    return file_in_memory();
}

void wn_gnuplot_ask(FILE *script, const char *terminal, int width, int height, const char *output,
                    const char *body) {
    fprintf(script,
            "reset\nset terminal %s size %d,%d font 'sans-serif,12' noenhanced background '#ffffff'\nset "
            "output '",
            terminal, width, height);
    for (; *output; output++) /* a quote within quotes is written twice */
        fprintf(script, "%s%c", *output == '\'' ? "'" : "", *output);
    fprintf(script, "'\n%s%s\nset output\n", palette, body);
}

/* What it reads and writes by itself are our files, its signals as usual. */
static int spawn(FILE *script, FILE *words, pid_t *process) {
    char *const arguments[] = {"gnuplot", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&files);
    if (error)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (!error) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawn_file_actions_adddup2(&files, fileno(script), STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&files, fileno(words), STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&files, fileno(words), STDERR_FILENO);
        error = posix_spawnp(process, arguments[0], &files, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return error;
}

wn_status wn_gnuplot_start(FILE *script, wn_gnuplot *gnuplot) {
    *gnuplot = (wn_gnuplot){.words = file_in_memory()};
    int error = !gnuplot->words || fflush(script) != 0 || lseek(fileno(script), 0, SEEK_SET) != 0 ? errno : 0;
    if (!error)
        error = spawn(script, gnuplot->words, &gnuplot->process);
    fclose(script);
    if (!error) {
        setpriority(PRIO_PROCESS, (id_t)gnuplot->process, NICENESS);
        return wn_ok();
    }
    if (gnuplot->words)
        fclose(gnuplot->words);
    *gnuplot = (wn_gnuplot){.process = 0};
    return wn_error(WN_ERROR_IO, "gnuplot cannot be started: %s", strerror(error));
}

bool wn_gnuplot_ended(wn_gnuplot *gnuplot, bool wait, wn_status *status) {
    *status = wn_ok();
    if (!gnuplot->process)
        return true;
    int how = -1;
    pid_t found;
    while ((found = waitpid(gnuplot->process, &how, wait ? 0 : WNOHANG)) < 0 && errno == EINTR)
        ;
    if (found == 0)
        return false;
    if (found < 0 || how != 0) {
        char words[300];
        rewind(gnuplot->words);
        words[fread(words, 1, sizeof words - 1, gnuplot->words)] = '\0';
        *status = wn_error(WN_ERROR_IO, "gnuplot ended with %d: %s", WIFEXITED(how) ? WEXITSTATUS(how) : -1,
                           words[0] ? words : "no words");
    }
    fclose(gnuplot->words);
    *gnuplot = (wn_gnuplot){.process = 0};
    return true;
}

wn_status wn_gnuplot_draw(const char *path, const char *terminal, int width, int height, const char *body) {
    wn_draft draft;
    wn_gnuplot gnuplot;
    WN_TRY(wn_draft_open(path, &draft));
    wn_status status = wn_ok();
    FILE *script = wn_gnuplot_script();
    if (script) {
        wn_gnuplot_ask(script, terminal, width, height, draft.draft, body);
        status = wn_gnuplot_start(script, &gnuplot);
    } else {
        status = wn_error(WN_ERROR_MEMORY, "%s: %s", path, strerror(errno));
    }
    if (!wn_failed(status))
        wn_gnuplot_ended(&gnuplot, true, &status);
    wn_status closed = wn_draft_close(&draft, !wn_failed(status));
    return wn_failed(status) ? status : closed;
}
