/* Writing CSV (RFC 4180, lines end with a newline alone). Which columns there are is said by the benchmarks.
 */
#include "csv.h"
#include "output.h"
#include <errno.h>
#include <math.h>
#include <string.h>

wn_status wn_csv_open(const char *path, const char *header, wn_csv *csv) {
    const bool standard = wn_output_is_standard(path);
    *csv = (wn_csv){.file = standard ? wn_output_take_standard() : fopen(path, "we")};
    snprintf(csv->path, sizeof csv->path, "%s", standard ? "standard output" : path);
    if (!csv->file)
        return wn_error(WN_ERROR_IO, "%s: %s", csv->path, strerror(errno));
    fprintf(csv->file, "%s\n", header);
    if (fflush(csv->file) == 0) /* a full disk shows before the work */
        return wn_ok();
    int error = errno;
    fclose(csv->file);
    csv->file = NULL;
    return wn_error(WN_ERROR_IO, "%s: %s", csv->path, strerror(error));
}

static void separate(wn_csv *csv) {
    if (csv->begun)
        fputc(',', csv->file);
    csv->begun = true;
}

void wn_csv_text(wn_csv *csv, const char *text) {
    separate(csv);
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, csv->file);
        return;
    }
    fputc('"', csv->file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', csv->file);
        fputc(*text, csv->file);
    }
    fputc('"', csv->file);
}

void wn_csv_number(wn_csv *csv, double value) {
    separate(csv);
    if (isfinite(value))
        fprintf(csv->file, "%.9g", value);
}

void wn_csv_end_row(wn_csv *csv) {
    fputc('\n', csv->file);
    csv->begun = false;
}

wn_status wn_csv_close(wn_csv *csv) {
    if (!csv->file)
        return wn_ok();
    errno = 0;
    bool bad = fflush(csv->file) != 0 || ferror(csv->file);
    int error = errno;
    bad |= fclose(csv->file) != 0;
    csv->file = NULL;
    return bad ? wn_error(WN_ERROR_IO, "%s: %s", csv->path, strerror(error ? error : EIO)) : wn_ok();
}
