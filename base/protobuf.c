/* The wire format: keys and lengths as varints, floats as they lie in memory, which is little-endian as the
 * wire is. */
#include "protobuf.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { FIRST_ROOM = 64, VARINT_BYTES = 10 };

void wn_message_clear(wn_message *message) {
    message->size = 0;
    message->broken = false;
}

void wn_message_free(wn_message *message) {
    free(message->bytes);
    *message = (wn_message){.bytes = NULL};
}

/* Whether so many more bytes fit. */
static bool make_room(wn_message *message, size_t size) {
    size_t room = message->room ? message->room : FIRST_ROOM;
    while (room - message->size < size && room <= SIZE_MAX / 2)
        room *= 2;
    if (room != message->room) {
        uint8_t *bytes = room - message->size < size ? NULL : realloc(message->bytes, room);
        if (!bytes)
            return false;
        message->bytes = bytes;
        message->room = room;
    }
    return true;
}

void wn_message_append(wn_message *message, const void *bytes, size_t size) {
    message->broken = message->broken || !make_room(message, size);
    if (message->broken || size == 0)
        return;
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void append_varint(wn_message *message, uint64_t value) {
    uint8_t bytes[VARINT_BYTES];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    wn_message_append(message, bytes, count);
}

static void append_key(wn_message *message, int field, int wire) {
    append_varint(message, (uint64_t)field << 3 | (uint64_t)wire);
}

void wn_message_number(wn_message *message, int field, int64_t value) {
    append_key(message, field, WIRE_VARINT);
    append_varint(message, (uint64_t)value);
}

void wn_message_real(wn_message *message, int field, float value) {
    append_key(message, field, WIRE_32);
    wn_message_append(message, &value, sizeof value);
}

void wn_message_double(wn_message *message, int field, double value) {
    append_key(message, field, WIRE_64);
    wn_message_append(message, &value, sizeof value);
}

void wn_message_bytes(wn_message *message, int field, uint64_t size) {
    append_key(message, field, WIRE_BYTES);
    append_varint(message, size);
}

void wn_message_text(wn_message *message, int field, const char *text) {
    const size_t size = strlen(text);
    wn_message_bytes(message, field, size);
    wn_message_append(message, text, size);
}

void wn_message_add(wn_message *message, int field, const wn_message *part) {
    wn_message_bytes(message, field, part->size);
    wn_message_append(message, part->bytes, part->size);
    message->broken |= part->broken;
}

void wn_message_put(wn_message *message, int field, wn_message *part) {
    wn_message_add(message, field, part);
    wn_message_free(part);
}
