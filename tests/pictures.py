"""PNG files made by hand, for the checks in Python."""
import struct
import zlib


def write_png(path, pixels, width, channels=1):
    """Grey pixels, or colours one after the other, as a PNG."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = width * channels
    rows = b"".join(b"\0" + bytes(pixels[i:i + row]) for i in range(0, len(pixels), row))
    header = struct.pack(">IIBBBBB", width, len(pixels) // row, 8, 2 if channels == 3 else 0, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
