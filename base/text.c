/* Well-formed characters by their bytes. */
#include "text.h"
#include <stdbool.h>
#include <stddef.h>

int wn_text_character(const char *text) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte, of the second one */
        int length;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].first || bytes[0] > forms[i].last)
            continue;
        bool fits = forms[i].length == 1 || (bytes[1] >= forms[i].low && bytes[1] <= forms[i].high);
        for (int b = 2; fits && b < forms[i].length; b++)
            fits = (bytes[b] & 0xc0) == 0x80;
        return fits ? forms[i].length : 0;
    }
    return 0;
}

void wn_text_clean(char *text) {
    while (*text) {
        int length = wn_text_character(text);
        if (!length)
            *text = '?';
        text += length ? length : 1;
    }
}
