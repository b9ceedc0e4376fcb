/* Text as JSON wants it. */
#ifndef WN_JSON_H
#define WN_JSON_H

#include <stdio.h>

/* Writes text in quotes: quotes, backslashes and control characters escaped (RFC 8259, section 7), bytes that
 * are no UTF-8 as U+FFFD each. Failures show in the file's error indicator. */
void wn_json_text(FILE *file, const char *text);

/* Writes a number with nine digits; null for one that is not finite. */
void wn_json_number(FILE *file, double value);

#endif
