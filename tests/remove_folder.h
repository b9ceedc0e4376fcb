/* Clearing up scratch folders. */
#ifndef WN_REMOVE_FOLDER_H
#define WN_REMOVE_FOLDER_H

#include <ftw.h>
#include <stdio.h>

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *where) {
    (void)facts, (void)kind, (void)where;
    return remove(path);
}

/* Removes a folder with all below it; one that is not there is fine. */
static void remove_folder(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
