/* Writing the atoms of JSON. What they make up together is said by the callers. */
#include "json.h"
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `text` in UTF-8 (RFC 3629); 0: it is none. */
static int character_length(const unsigned char *text) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second one */
        int length;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first || text[0] > forms[i].last)
            continue;
        bool fits = forms[i].length == 1 || (text[1] >= forms[i].low && text[1] <= forms[i].high);
        for (int b = 2; fits && b < forms[i].length; b++)
            fits = (text[b] & 0xc0) == 0x80;
        return fits ? forms[i].length : 0;
    }
    return 0;
}

void wn_json_text(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        int length = character_length(at);
        if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else if (*at < ' ')
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
