"""Checkpoints as the safetensors format's rules have them, read with nothing of winnow's: what does not keep a rule, or
the check sum, raises ValueError."""
import json
import pathlib
import struct
import zlib


def once(pairs):
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def read(path):
    """Tensors by name, each a pair of shape and bytes, and the metadata."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length].decode(), object_pairs_hook=once)
    metadata, buffer, tensors, at = header.pop("__metadata__", {}), data[8 + length:], {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        size = 4
        for extent in entry["shape"]:
            size *= extent
        if entry["dtype"] != "F32" or begin != at or end - begin != size:
            raise ValueError(f"{name}: {entry} does not go on from byte {at}")
        tensors[name], at = (entry["shape"], buffer[begin:end]), end
    if at != len(buffer):
        raise ValueError(f"{len(buffer) - at} bytes behind the last tensor")
    recorded = metadata.get("winnow.crc32")
    if recorded:
        place = data.index(b'"winnow.crc32":"') + len(b'"winnow.crc32":"')
        found = zlib.crc32(data[:place] + b"00000000" + data[place + 8:])
        if f"{found:08x}" != recorded:
            raise ValueError(f"its check sum is {found:08x}, expected {recorded}")
    return tensors, metadata


def state(path):
    """Everything in a checkpoint that does not depend on the clock, to be compared."""
    tensors, metadata = read(path)
    for key in ("state.seconds", "winnow.crc32"):
        metadata.pop(key, None)
    return tensors, metadata
