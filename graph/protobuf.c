/* The wire format: keys and lengths as varints, floats as they lie in memory. */
#include "protobuf.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2, WIRE_32 = 5 };

void wn_message_begin(wn_message *message) {
    *message = (wn_message){.bytes = NULL};
    message->out = open_memstream(&message->bytes, &message->size);
}

bool wn_message_end(wn_message *message) {
    bool whole = message->out && !ferror(message->out);
    if (message->out && fclose(message->out) != 0)
        whole = false;
    message->out = NULL;
    return whole;
}

void wn_message_free(wn_message *message) {
    if (message->out)
        fclose(message->out);
    free(message->bytes);
    *message = (wn_message){.bytes = NULL};
}

static void put_varint(FILE *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        putc((int)(value & 0x7f) | 0x80, out);
    putc((int)value, out);
}

static void put_key(FILE *out, int field, int wire) {
    put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

void wn_message_number(wn_message *message, int field, int64_t value) {
    if (!message->out)
        return;
    put_key(message->out, field, WIRE_VARINT);
    put_varint(message->out, (uint64_t)value);
}

void wn_message_real(wn_message *message, int field, float value) {
    if (!message->out)
        return;
    put_key(message->out, field, WIRE_32);
    fwrite(&value, sizeof value, 1, message->out);
}

void wn_message_bytes(wn_message *message, int field, uint64_t size) {
    if (!message->out)
        return;
    put_key(message->out, field, WIRE_BYTES);
    put_varint(message->out, size);
}

void wn_message_text(wn_message *message, int field, const char *text) {
    wn_message_bytes(message, field, strlen(text));
    if (message->out)
        fputs(text, message->out);
}

void wn_message_put(wn_message *message, int field, wn_message *part) {
    bool whole = wn_message_end(part);
    if (whole && message->out) {
        wn_message_bytes(message, field, part->size);
        fwrite(part->bytes, 1, part->size, message->out);
    } else if (message->out) {
        fclose(message->out); /* the whole is as incomplete as its part */
        message->out = NULL;
    }
    wn_message_free(part);
}
