#!/usr/bin/env python3
"""The program's commands around training, from end to end on small data: what they write is read back by rules of its own
here. Takes the program's path; prints `check_training_program: N passed, ...`."""
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

from checking import check, counts, finish


def run(folder, *arguments):
    return subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *map(str, arguments)], cwd=folder, capture_output=True,
                          text=True, check=False)


def succeed(folder, *arguments):
    done = run(folder, *arguments)
    check(done.returncode == 0 and not done.stderr, f"{arguments}: code {done.returncode}: {done.stderr}")
    return done.stdout


def refuse(folder, part, *arguments):
    done = run(folder, *arguments)
    check(done.returncode in (1, 2) and part in done.stderr and done.stderr.count("\n") == 1,
          f"{arguments}: code {done.returncode}, '{done.stderr}' lacks '{part}'")


def write_png(path, pixels, width):
    """Grey pixels as a PNG."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(pixels[i:i + width]) for i in range(0, len(pixels), width))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def png_size(path):
    kind, width, height, depth, colour = struct.unpack(">4sIIBB", path.read_bytes()[12:26])
    return (width, height, depth, colour) if kind == b"IHDR" else None


def make_images(folder):
    """Two classes, bright above and bright below, 40 images of 10x10 each, one of them damaged."""
    for kind in ("above", "below"):
        for n in range(40):
            bright = [(200 + 7 * n % 50) if (i < 50) == (kind == "above") else 7 * n * i % 50 for i in range(100)]
            write_png(folder / kind / f"{n}.png", bright, 10)
    damaged = folder / "above" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:40])


def check_data(folder):
    out = succeed(folder, "data", "info", "images")
    check("63 training and 16 test images of 1x10x10, 2 classes" in out and "1 damaged images left out" in out, out)
    out = succeed(folder, "data", "show", "images", "--net", "mnist-cnn", "--count", "5", "--channels", "3", "--output", "5.png")
    check("5 images of images as 3x28x28" in out and png_size(folder / "5.png") == (3 * 58 + 2, 2 * 58 + 2, 8, 2), out)
    first, other = folder / "epoch1.png", folder / "epoch2.png"
    for epoch, path in ((1, first), (2, other)):
        succeed(folder, "data", "show", "images", "--pad", "3", "--epoch", epoch, "--output", path)
    check(first.read_bytes() != other.read_bytes(), "epochs 1 and 2 look the same")
    succeed(folder, "data", "show", "images", "--epoch", "0", "--output", "plain.png")
    for flags in (["--mixup", "1"], ["--seed", "2"]):
        succeed(folder, "data", "show", "images", "--pad", "3", *flags, "--output", "other.png")
        check((folder / "other.png").read_bytes() != first.read_bytes(), f"{flags} changes nothing")
    check((folder / "plain.png").read_bytes() != first.read_bytes(), "epoch 0 looks like epoch 1")
    refuse(folder, "damaged PNG", "data", "info", "images", "--strict")
    refuse(folder, "one class only", "data", "info", ".")
    refuse(folder, "expected one of fashion-mnist, mnist, cifar10", "data", "fetch", "imagenet")
    refuse(folder, "expected winnow data", "data", "look", "images")
    refuse(folder, "/dev/full", "data", "show", "synthetic", "--output", "/dev/full")


def check_training(folder):
    out = succeed(folder, "train", "mnist-cnn", "--data", "images", "--batch-size", "16", "--epochs", "4", "--checkpoints", "kept",
                  "--threads", "1", "--jitter", "0.1", "--crop", "0.8", "--cutout", "4", "--mixup", "0.2")
    check("1 damaged images left out" in out and "jittered by 0.1" in out and "mixed up with alpha 0.2" in out and "test acc 1.000" in out, out)
    out = succeed(folder, "eval", "kept/last.safetensors", "--data", "images", "--threads", "1")
    check("16 test images" in out and "accuracy 1.0000" in out and "above" in out, out)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make_images(folder / "images")
        done = run(folder, "data", "info", "images")
        if "this build reads no PNG" in done.stderr:
            counts["skipped"] += 1
            finish()
        check_data(folder)
        check_training(folder)
    finish()


if __name__ == "__main__":
    main()
