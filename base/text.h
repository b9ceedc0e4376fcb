/* Text in UTF-8, which names of files and folders need not be. */
#ifndef WN_TEXT_H
#define WN_TEXT_H

/* Bytes of the character at `text` (RFC 3629, section 4); 0 at the end, and where there is none. */
int wn_text_character(const char *text);

/* Bytes that are no character become question marks, in place. */
void wn_text_clean(char *text);

#endif
