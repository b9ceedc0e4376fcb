/* Writing the atoms of JSON. What they make up together is said by the callers. */
#include "json.h"
#include "text.h"
#include <math.h>

void wn_json_text(FILE *file, const char *text) {
    fputc('"', file);
    for (const char *at = text; *at;) {
        int length = wn_text_character(at);
        if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (length && (unsigned char)*at < ' ')
            fprintf(file, "\\u%04x", *at);
        else if (length)
            fwrite(at, 1, (size_t)length, file);
        else
            fputs("\\ufffd", file);
        at += length ? length : 1;
    }
    fputc('"', file);
}

void wn_json_number(FILE *file, double value) {
    if (isfinite(value))
        fprintf(file, "%.9g", value);
    else
        fputs("null", file);
}
