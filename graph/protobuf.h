/* Writing protobuf messages: numbers, texts and messages in messages, as the wire format has them
 * (protobuf.dev, "Encoding"). Knows no schema. */
#ifndef WN_PROTOBUF_H
#define WN_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A message in memory. Zero-initialise. */
typedef struct wn_message {
    FILE *out; /* where its fields are written; NULL without memory */
    char *bytes;
    size_t size; /* known once it has ended */
} wn_message;

void wn_message_begin(wn_message *message);
/* No more fields. False when memory was short; the bytes are there until wn_message_free. */
bool wn_message_end(wn_message *message);
void wn_message_free(wn_message *message);

/* Fields. A message without memory stays without. */
void wn_message_number(wn_message *message, int field, int64_t value);
void wn_message_real(wn_message *message, int field, float value);
void wn_message_text(wn_message *message, int field, const char *text);
/* The start of a field of `size` bytes, which have to follow. */
void wn_message_bytes(wn_message *message, int field, uint64_t size);
/* Puts a whole message in as a field, ends and frees it. */
void wn_message_put(wn_message *message, int field, wn_message *part);

#endif
