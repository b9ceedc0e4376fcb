/* Records, quotes and columns. What the columns mean is said by who reads them. */
#include "csv_reader.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static wn_status complain(const wn_csv_reader *reader, const char *what) {
    return wn_error(WN_ERROR_FORMAT, "%.200s:%ld: %s", reader->path, reader->line, what);
}

/* Characters of a quoted field go on over line ends; true while the text ends inside one. */
static bool inside_quotes(const char *text) {
    bool inside = false;
    for (; *text; text++)
        inside ^= *text == '"';
    return inside;
}

/* Appends `length` characters of a line to *text, which has `used`. */
static wn_status append(const wn_csv_reader *reader, char **text, size_t *room, size_t used, const char *line,
                        size_t length) {
    if (strlen(line) != length)
        return complain(reader, "found a NUL byte, expected text");
    if (used + length + 1 > *room) {
        size_t wanted = 2 * (used + length + 1);
        char *grown = realloc(*text, wanted);
        if (!grown)
            return wn_error(WN_ERROR_MEMORY, "%.200s:%ld: no memory for %zu characters", reader->path,
                            reader->line, wanted);
        *text = grown;
        *room = wanted;
    }
    memcpy(*text + used, line, length + 1);
    return wn_ok();
}

/* Appends the file's next line to *text; *more is false at the end of the file. */
static wn_status append_line(wn_csv_reader *reader, char **text, size_t *room, size_t used, bool *more) {
    char *line = NULL;
    size_t line_room = 0;
    ssize_t length = getline(&line, &line_room, reader->file);
    *more = length >= 0;
    reader->line += *more;
    wn_status status = wn_ok();
    if (*more)
        status = append(reader, text, room, used, line, (size_t)length);
    else if (!feof(reader->file))
        status = wn_error(WN_ERROR_IO, "%.200s: %s", reader->path, strerror(errno));
    free(line);
    return status;
}

/* Reads one record, line ends within quotes included; *more is false when there is none. */
static wn_status read_record(wn_csv_reader *reader, char **text, size_t *room, bool *more) {
    WN_TRY(append_line(reader, text, room, 0, more));
    while (*more && inside_quotes(*text)) {
        WN_TRY(append_line(reader, text, room, strlen(*text), more));
        if (!*more)
            return complain(reader, "found the end of the file within quotes");
    }
    return wn_ok();
}

/* Takes one field off the text at *at, in place, without its quotes. */
static const char *take_field(char **at) {
    char *from = *at, *to = *at, *field = *at;
    bool quoted = *from == '"';
    from += quoted;
    while (*from && (quoted || (*from != ',' && *from != '\n' && *from != '\r'))) {
        if (quoted && *from == '"') {
            if (from[1] != '"') {
                quoted = false;
                from++;
                continue;
            }
            from++;
        }
        *to++ = *from++;
    }
    bool last = *from != ',';
    *to = '\0';
    *at = last ? NULL : from + 1;
    return field;
}

static wn_status split(const wn_csv_reader *reader, char *text, const char **fields, int *count) {
    *count = 0;
    for (char *at = text; at;) {
        if (*count == WN_CSV_COLUMNS)
            return complain(reader, "found more than 64 fields");
        fields[(*count)++] = take_field(&at);
    }
    return wn_ok();
}

wn_status wn_csv_reader_open(const char *path, wn_csv_reader *reader) {
    *reader = (wn_csv_reader){.file = fopen(path, "re"), .path = path};
    if (!reader->file)
        return wn_error(WN_ERROR_IO, "%.200s: %s", path, strerror(errno));
    bool more;
    wn_status status = read_record(reader, &reader->header, &reader->header_room, &more);
    if (!wn_failed(status) && !more)
        status = wn_error(WN_ERROR_FORMAT, "%.200s: found an empty file, expected CSV with a header", path);
    if (!wn_failed(status))
        status = split(reader, reader->header, reader->name, &reader->columns);
    if (wn_failed(status))
        wn_csv_reader_close(reader);
    return status;
}

wn_status wn_csv_reader_next(wn_csv_reader *reader, bool *more) {
    int count;
    WN_TRY(read_record(reader, &reader->row, &reader->row_room, more));
    if (!*more)
        return wn_ok();
    WN_TRY(split(reader, reader->row, reader->field, &count));
    if (count != reader->columns)
        return wn_error(WN_ERROR_FORMAT, "%.200s:%ld: found %d fields, expected %d as in the header",
                        reader->path, reader->line, count, reader->columns);
    return wn_ok();
}

const char *wn_csv_reader_field(const wn_csv_reader *reader, const char *name) {
    for (int i = 0; i < reader->columns; i++)
        if (strcmp(reader->name[i], name) == 0)
            return reader->field[i];
    return NULL;
}

wn_status wn_csv_reader_number(const wn_csv_reader *reader, const char *name, double *value) {
    const char *text = wn_csv_reader_field(reader, name);
    *value = (double)NAN;
    if (!text || !*text)
        return wn_ok();
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end)
        return wn_error(WN_ERROR_FORMAT, "%.200s:%ld: %s: found \"%.40s\", expected a number", reader->path,
                        reader->line, name, text);
    *value = number;
    return wn_ok();
}

void wn_csv_reader_close(wn_csv_reader *reader) {
    if (reader->file)
        fclose(reader->file);
    free(reader->header);
    free(reader->row);
    *reader = (wn_csv_reader){.file = NULL};
}
