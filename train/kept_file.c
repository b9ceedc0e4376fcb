/* Opening without emptying, emptying when the first line is due. */
#include "kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static wn_status fail(const wn_kept_file *f) {
    return wn_error(WN_ERROR_IO, "%s: cannot write %s: %s", f->path, f->what, strerror(errno));
}

wn_status wn_kept_file_open(const char *path, const char *what, wn_kept_file *f) {
    *f = (wn_kept_file){.path = path, .what = what};
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    f->created = descriptor >= 0;
    if (!f->created)
        descriptor = open(path, O_WRONLY | O_CLOEXEC);
    f->file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (f->file)
        return wn_ok();
    wn_status status = fail(f);
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

bool wn_kept_file_is_regular(const wn_kept_file *f) {
    struct stat facts;
    return fstat(fileno(f->file), &facts) == 0 && S_ISREG(facts.st_mode);
}

wn_status wn_kept_file_begin(wn_kept_file *f, long long keep) {
    if (!f->begun && wn_kept_file_is_regular(f) &&
        (ftruncate(fileno(f->file), keep) != 0 || fseeko(f->file, keep, SEEK_SET) != 0))
        return fail(f);
    f->begun = true;
    return wn_ok();
}

wn_status wn_kept_file_close(wn_kept_file *f) {
    if (!f->file)
        return wn_ok();
    int failed = fclose(f->file);
    wn_status status =
        failed ? wn_error(WN_ERROR_IO, "%s: cannot finish %s: %s", f->path, f->what, strerror(errno))
               : wn_ok();
    f->file = NULL;
    if (f->created && !f->begun)
        unlink(f->path);
    return status;
}
