/* Writing protobuf messages: numbers, texts and messages in messages, as the wire format has them
 * (protobuf.dev, "Encoding"). Knows no schema. */
#ifndef WN_PROTOBUF_H
#define WN_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message in memory, empty when zeroed. */
typedef struct wn_message {
    uint8_t *bytes;
    size_t size, room;
    bool broken; /* memory was short: what was added since is missing */
} wn_message;

/* Empties it, and keeps its memory for the next one. */
void wn_message_clear(wn_message *message);
void wn_message_free(wn_message *message);

/* Fields. */
void wn_message_number(wn_message *message, int field, int64_t value);
void wn_message_real(wn_message *message, int field, float value);
void wn_message_double(wn_message *message, int field, double value);
void wn_message_text(wn_message *message, int field, const char *text);
/* The start of a field of `size` bytes, which have to follow, and such bytes. */
void wn_message_bytes(wn_message *message, int field, uint64_t size);
void wn_message_append(wn_message *message, const void *bytes, size_t size);
/* A message as a field of another, which is broken when its part is. */
void wn_message_add(wn_message *message, int field, const wn_message *part);
/* The same, and frees the part. */
void wn_message_put(wn_message *message, int field, wn_message *part);

#endif
