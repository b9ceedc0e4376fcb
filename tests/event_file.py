"""A strict reader of TensorBoard's event files, by rules of its own: framing, masked CRC-32C, wire format; everything that is
not as it must be is a ValueError."""
import math
import struct

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    """CRC-32C of bytes; of b"123456789" it is 0xe3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(data):
    """The sum as the framing stores it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    """The payloads of a file of records."""
    at = 0
    while at < len(data):
        if len(data) - at < 16:
            raise ValueError(f"{len(data) - at} bytes at the end are no record")
        length, length_crc = struct.unpack_from("<QI", data, at)
        if length_crc != masked(data[at:at + 8]) or length > len(data) - at - 16:
            raise ValueError(f"record at {at}: length {length} or its sum is wrong")
        payload = data[at + 12:at + 12 + length]
        if struct.unpack_from("<I", data, at + 12 + length)[0] != masked(payload):
            raise ValueError(f"record at {at}: wrong sum")
        yield payload
        at += 16 + length


def varint(data, at):
    """A number and where what follows begins."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """(number, wire type, value) of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size, at = varint(data, at)
            if size is None or at + size > len(data):
                raise ValueError(f"field {key >> 3} of wire type {kind} at {at}")
            value, at = data[at:at + size], at + size
        yield key >> 3, kind, value


def value_of(data):
    """(tag, value) of a summary's value."""
    found = dict(((number, kind), value) for number, kind, value in fields(data))
    if set(found) != {(1, 2), (2, 5)}:
        raise ValueError(f"a value with the fields {sorted(found)}")
    return found[1, 2].decode("utf-8"), struct.unpack("<f", found[2, 5])[0]


def read(path):
    """[(wall time, step, {tag: value})] of a file; the first event, the version, is checked and left out. A restart has no values."""
    events = []
    for number, payload in enumerate(records(path.read_bytes())):
        found = {}
        for field, kind, value in fields(payload):
            if (field, kind) not in ((1, 1), (2, 0), (3, 2), (5, 2), (7, 2)) or field in found:
                raise ValueError(f"event {number}: field {field} of wire type {kind}")
            found[field] = value
        time = struct.unpack("<d", found[1])[0]
        if not math.isfinite(time) or (number == 0) != (found.get(3) == b"brain.Event:2") or (number == 0) == (5 in found or 7 in found) or (
                7 in found and (number != 1 or 5 in found or list(fields(found[7])) != [(1, 0, 1)])):
            raise ValueError(f"event {number}: {found}")
        if number:
            events.append((time, found[2], dict(value_of(value) for field, kind, value in fields(found.get(5, b"")))))
    return events
