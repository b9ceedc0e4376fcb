/* Writing beside a file's place. Durability (fsync) is not promised here; databases and checkpoints have
 * their own. */
#include "draft.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a new file may take the place. */
static bool is_replaced(const char *path) {
    struct stat found;
    return lstat(path, &found) != 0 || S_ISREG(found.st_mode);
}

wn_status wn_draft_open(const char *path, wn_draft *draft) {
    const bool move = is_replaced(path);
    *draft = (wn_draft){.path = path};
    if (snprintf(draft->draft, sizeof draft->draft, "%s%s", path, move ? ".new" : "") >= PATH_MAX)
        return wn_error(WN_ERROR_USAGE, "%.200s...: found a path of more than %d characters", path, PATH_MAX);
    draft->file = fopen(draft->draft, "we");
    return draft->file ? wn_ok() : wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
}

wn_status wn_draft_check(const char *path) {
    wn_draft draft;
    if (!is_replaced(path) && access(path, F_OK) == 0)
        return access(path, W_OK) == 0 ? wn_ok() : wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    WN_TRY(wn_draft_open(path, &draft));
    return wn_draft_close(&draft, false);
}

wn_status wn_draft_close(wn_draft *draft, bool keep) {
    if (!draft->file)
        return wn_ok();
    const bool move = strcmp(draft->draft, draft->path) != 0;
    errno = 0;
    bool bad = fflush(draft->file) != 0 || ferror(draft->file);
    int error = errno;
    bad |= fclose(draft->file) != 0;
    draft->file = NULL;
    if (keep && move && !bad && rename(draft->draft, draft->path) != 0) {
        bad = true;
        error = errno;
    }
    if (move && (bad || !keep))
        unlink(draft->draft);
    return bad ? wn_error(WN_ERROR_IO, "%.200s: %s", draft->path, strerror(error ? error : EIO)) : wn_ok();
}
