/* Reading, merging and rewriting database files. Appending single records is in database_file.c. */
#include "collection.h"
#include "database.h"
#include "database_file.h"
#include "grow.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool same_key(const wn_record *a, const wn_record *b) {
    return a->isa == b->isa && a->threads == b->threads && wn_problem_equal(&a->problem, &b->problem) &&
           strcmp(a->machine, b->machine) == 0 && strcmp(a->versions, b->versions) == 0;
}

const wn_collected *wn_collection_find(const wn_collection *collection, const wn_record *record) {
    for (int i = 0; i < collection->count; i++)
        if (same_key(&collection->items[i].record, record))
            return &collection->items[i];
    return NULL;
}

/* With a newline; NULL without memory. */
static char *copy_line(const char *line, size_t length) {
    char *copy = malloc(length + 2);
    if (!copy)
        return NULL;
    memcpy(copy, line, length);
    strcpy(copy + length, "\n");
    return copy;
}

static wn_status out_of_memory(const wn_collection *c) {
    return wn_error(WN_ERROR_MEMORY, "no memory for %d tuning records", c->count + c->unknown_count + 1);
}

static wn_status add(wn_collection *c, const char *line, size_t length, const wn_record *record) {
    wn_collected *known = (wn_collected *)wn_collection_find(c, record);
    if (known && known->record.effort > record->effort) {
        c->duplicates++;
        return wn_ok();
    }
    char *copy = copy_line(line, length);
    if (!copy)
        return out_of_memory(c);
    if (known) {
        c->duplicates++;
        free(known->line);
        *known = (wn_collected){copy, *record};
        return wn_ok();
    }
    wn_collected *items = wn_grow(c->items, c->count, &c->room, sizeof *items);
    if (!items) {
        free(copy);
        return out_of_memory(c);
    }
    c->items = items;
    c->items[c->count++] = (wn_collected){copy, *record};
    return wn_ok();
}

/* Takes the place of the same text before it, since to those who can read it the last of a problem counts. */
static wn_status add_unknown(wn_collection *c, const char *line, size_t length) {
    char *copy = copy_line(line, length);
    char **lines = copy ? wn_grow(c->unknown, c->unknown_count, &c->unknown_room, sizeof *lines) : NULL;
    if (!lines) {
        free(copy);
        return out_of_memory(c);
    }
    c->unknown = lines;
    int kept = 0;
    for (int i = 0; i < c->unknown_count; i++)
        if (strcmp(lines[i], copy) == 0)
            free(lines[i]);
        else
            lines[kept++] = lines[i];
    c->duplicates += c->unknown_count - kept;
    lines[kept] = copy;
    c->unknown_count = kept + 1;
    return wn_ok();
}

static wn_status read_lines(wn_collection *c, FILE *file, const char *path) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    wn_status status = wn_ok();
    bool ours = true; /* an empty file is a database without records */
    for (int number = 1; !wn_failed(status) && (length = getline(&line, &room, file)) >= 0; number++) {
        wn_record record;
        if (length > 0 && line[length - 1] == '\n')
            length--;
        wn_record_verdict verdict = wn_record_parse(line, (size_t)length, &record);
        if (number == 1)
            ours = wn_tune_db_is_header(line, (size_t)length);
        ours |= verdict == WN_RECORD_SOUND || verdict == WN_RECORD_UNKNOWN;
        c->damaged += verdict == WN_RECORD_DAMAGED;
        if (verdict == WN_RECORD_SOUND)
            status = add(c, line, (size_t)length, &record);
        else if (verdict == WN_RECORD_UNKNOWN)
            status = add_unknown(c, line, (size_t)length);
    }
    if (!wn_failed(status) && ferror(file))
        status = wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    else if (!wn_failed(status) && !ours)
        status = wn_error(WN_ERROR_FORMAT, "%s: not a tuning database", path);
    free(line);
    return status;
}

wn_status wn_collection_read(wn_collection *collection, const char *path) {
    struct stat facts;
    FILE *file = fopen(path, "re");
    if (!file)
        return wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
    wn_status status = wn_ok();
    if (fstat(fileno(file), &facts) != 0 || !S_ISREG(facts.st_mode))
        status = wn_error(WN_ERROR_IO, "%s: not a regular file, expected a tuning database", path);
    else
        status = read_lines(collection, file, path);
    fclose(file);
    return status;
}

wn_status wn_collection_lock(const char *path, int *fd) {
    *fd = wn_tune_db_open_locked(path);
    return *fd >= 0 ? wn_ok() : wn_error(WN_ERROR_IO, "%s: %s", path, strerror(errno));
}

void wn_collection_unlock(const char *path, int fd) {
    struct stat facts;
    if (fd < 0)
        return;
    if (fstat(fd, &facts) == 0 && facts.st_size == 0 && facts.st_nlink > 0)
        unlink(path); /* nothing took its place */
    close(fd);
}

void wn_collection_free(wn_collection *collection) {
    for (int i = 0; i < collection->count; i++)
        free(collection->items[i].line);
    for (int i = 0; i < collection->unknown_count; i++)
        free(collection->unknown[i]);
    free(collection->items);
    free(collection->unknown);
    *collection = (wn_collection){.items = NULL};
}

static bool write_lines(const wn_collection *collection, FILE *file) {
    fputs(wn_record_header, file);
    for (int i = 0; i < collection->count; i++)
        fputs(collection->items[i].line, file);
    for (int i = 0; i < collection->unknown_count; i++)
        fputs(collection->unknown[i], file);
    return fflush(file) == 0 && !ferror(file) && fsync(fileno(file)) == 0;
}

wn_status wn_collection_write(const wn_collection *collection, const char *path) {
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return wn_error(WN_ERROR_INVALID, "path of %zu bytes, expected less", strlen(path));
    int fd = mkstemp(temporary);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!file) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
            unlink(temporary);
        }
        return wn_error(WN_ERROR_IO, "%s: %s", temporary, strerror(error));
    }
    bool written = write_lines(collection, file) && fchmod(fd, 0644) == 0;
    int error = errno;
    fclose(file);
    if (written && rename(temporary, path) == 0 && wn_tune_db_sync_folder(path))
        return wn_ok();
    error = written ? errno : error;
    unlink(temporary);
    return wn_error(WN_ERROR_IO, "%s: %s", path, strerror(error));
}
