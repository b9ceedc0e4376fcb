/* Changing settings and putting them back. The state file holds one line for each setting, "path<TAB>old
 * value", and is on disk before the first change, so that a crash at any moment leaves a way back. */
#include "doctor.h"
#include "system_files.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 160, VALUE = 64, MOST_CHANGES = 8192, REFUSALS = 320 };

static const char state_header[] = "winnow doctor 1: settings as they were";

typedef struct change {
    char path[PATH]; /* without the root */
    char old[VALUE], wanted[VALUE];
} change;

typedef struct changes {
    change *list;
    int count;
} changes;

static bool add(changes *all, const char *path, const char *old, const char *wanted) {
    for (int i = 0; i < all->count; i++)
        if (strcmp(all->list[i].path, path) == 0) { /* what was before the first of all changes counts */
            snprintf(all->list[i].wanted, VALUE, "%s", wanted);
            return true;
        }
    if (all->count == MOST_CHANGES)
        return false;
    change *grown = realloc(all->list, (size_t)(all->count + 1) * sizeof *grown);
    if (!grown)
        return false;
    all->list = grown;
    change *c = &grown[all->count++];
    snprintf(c->path, sizeof c->path, "%s", path);
    snprintf(c->old, VALUE, "%s", old);
    snprintf(c->wanted, VALUE, "%s", wanted);
    return true;
}

/* Settings live in these two trees alone: whatever a state file says, nothing else is ever written. */
static bool is_setting(const char *path) {
    return (strncmp(path, "/proc/sys/", 10) == 0 || strncmp(path, "/sys/", 5) == 0) && !strstr(path, "..");
}

/* Reads the state file into `all`. A missing one is no error and leaves it empty. */
static wn_status load(const char *state, changes *all) {
    char *line = NULL;
    size_t room = 0;
    int number = 1;
    wn_status status = wn_ok();
    int fd = open(state, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", state, strerror(errno));
    FILE *file = fdopen(fd, "r");
    if (!file) {
        status = wn_error(WN_ERROR_IO, "%s: %s", state, strerror(errno));
        close(fd);
        return status;
    }
    if (getline(&line, &room, file) < 0 || strncmp(line, state_header, sizeof state_header - 1) != 0)
        status = wn_error(WN_ERROR_FORMAT, "%s: not a state file of winnow doctor", state);
    while (!wn_failed(status) && getline(&line, &room, file) > 0) {
        number++;
        char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
        if (!tab || !end || end - tab - 1 >= VALUE || end == tab + 1 || tab - line >= PATH) {
            status =
                wn_error(WN_ERROR_FORMAT, "%s:%d: expected a path, a tabulator and a value", state, number);
            break;
        }
        *tab = *end = '\0';
        if (!is_setting(line))
            status =
                wn_error(WN_ERROR_FORMAT, "%s:%d: %.80s is no setting of the kernel", state, number, line);
        else if (!add(all, line, tab + 1, ""))
            status = wn_error(WN_ERROR_MEMORY, "%s: no memory for its settings", state);
    }
    free(line);
    fclose(file);
    return status;
}

/* Makes the renaming last, too. */
static void sync_folder(const char *path) {
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static wn_status save(const char *state, const changes *all) {
    char next[PATH_MAX];
    if ((size_t)snprintf(next, sizeof next, "%s.new", state) >= sizeof next)
        return wn_error(WN_ERROR_IO, "%.80s: too long a path", state);
    int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        wn_status status = wn_error(WN_ERROR_IO, "%s: %s; nothing was changed", next, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(next);
        }
        return status;
    }
    fprintf(file, "%s\n", state_header);
    for (int i = 0; i < all->count; i++)
        fprintf(file, "%s\t%s\n", all->list[i].path, all->list[i].old);
    bool bad = fflush(file) != 0 || ferror(file) || fsync(fd) != 0;
    bad |= fclose(file) != 0;
    if (bad || rename(next, state) != 0) {
        int error = errno;
        unlink(next);
        return wn_error(WN_ERROR_IO, "%s: %s; nothing was changed", state, strerror(error));
    }
    sync_folder(state);
    return wn_ok();
}

static wn_status write_value(const char *root, const char *path, const char *value) {
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s%s", root, path);
    int fd = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ssize_t length = (ssize_t)strlen(value);
    bool written = fd >= 0 && write(fd, value, (size_t)length) == length;
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && written) {
        written = false;
        error = errno;
    }
    return written ? wn_ok() : wn_error(WN_ERROR_IO, "%s: cannot write %s: %s", path, value, strerror(error));
}

/* All files of a finding's setting that hold something else than wanted. */
static bool collect(const char *root, const wn_finding *finding, changes *all) {
    char pattern[PATH_MAX], old[VALUE];
    glob_t found;
    bool fits = true;
    snprintf(pattern, sizeof pattern, "%s%s", root, finding->setting);
    if (glob(pattern, 0, NULL, &found) != 0)
        return true;
    for (size_t i = 0; i < found.gl_pathc && fits; i++) {
        const char *path = found.gl_pathv[i] + strlen(root);
        if (wn_system_choice(root, path, old, sizeof old) && strcmp(old, finding->value) != 0)
            fits = add(all, path, old, finding->value);
    }
    globfree(&found);
    return fits;
}

/* Appends what could not be set. */
static void note_refusal(char refused[REFUSALS], const wn_status *written) {
    size_t length = strlen(refused);
    snprintf(refused + length, REFUSALS - length, "%s%.150s", length ? "; " : "", written->message);
}

wn_status wn_doctor_apply(const char *root, const char *state, const wn_finding *findings, int count,
                          FILE *out) {
    changes all = {NULL, 0};
    char refused[REFUSALS] = "";
    int made = 0, wanted = 0;
    bool first = access(state, F_OK) != 0;
    wn_status status = load(state, &all);
    for (int i = 0; i < count && !wn_failed(status); i++)
        if (findings[i].setting && findings[i].verdict >= WN_VERDICT_NOTE &&
            !collect(root, &findings[i], &all))
            status = wn_error(WN_ERROR_MEMORY, "no memory for the settings to change");
    for (int i = 0; i < all.count; i++)
        wanted += all.list[i].wanted[0] != '\0';
    if (!wn_failed(status) && wanted > 0)
        status = save(state, &all);
    for (int i = 0; i < all.count && !wn_failed(status); i++) {
        const change *c = &all.list[i];
        if (!c->wanted[0])
            continue;
        wn_status written = write_value(root, c->path, c->wanted);
        if (wn_failed(written)) {
            note_refusal(refused, &written);
            continue;
        }
        fprintf(out, "%s: %s -> %s\n", c->path, c->old, c->wanted);
        made++;
    }
    if (!wn_failed(status) && wanted == 0)
        fprintf(out, "nothing to change\n");
    else if (!wn_failed(status))
        fprintf(out, "%d of %d settings changed%s\n", made, wanted,
                made || !first ? "; winnow doctor --restore puts them back" : "");
    if (!wn_failed(status) && first && made == 0)
        unlink(state); /* there is nothing to put back */
    if (!wn_failed(status) && refused[0])
        status = wn_error(WN_ERROR_IO, "%s", refused);
    free(all.list);
    return status;
}

wn_status wn_doctor_restore(const char *root, const char *state, FILE *out) {
    changes all = {NULL, 0};
    char refused[REFUSALS] = "";
    wn_status status = load(state, &all);
    if (!wn_failed(status) && access(state, F_OK) != 0)
        status = wn_error(WN_ERROR_IO, "%s: no such file: there is nothing to put back", state);
    for (int i = 0; i < all.count && !wn_failed(status); i++) {
        wn_status written = write_value(root, all.list[i].path, all.list[i].old);
        if (wn_failed(written))
            note_refusal(refused, &written);
        else
            fprintf(out, "%s: back to %s\n", all.list[i].path, all.list[i].old);
    }
    if (!wn_failed(status) && refused[0])
        status = wn_error(WN_ERROR_IO, "%s; %s stays", refused, state);
    if (!wn_failed(status) && unlink(state) != 0)
        status = wn_error(WN_ERROR_IO, "%s: %s", state, strerror(errno));
    free(all.list);
    return status;
}
