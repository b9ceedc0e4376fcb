#!/usr/bin/env python3
"""Networks of `winnow list` as ONNX files: sound by onnx's own checker, with the shapes that it infers, and with the
outputs of `winnow predict` when numpy computes it. Takes the program's path; prints `check_onnx: N passed, ...`. A seeded
sample of the networks, a small one with the argument "few"; WINNOW_TEST_FULL=1 has them all. Skipped where no Python has
the package onnx."""
import csv
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import zlib

from checking import check, counts, finish, lacks_feature
from pictures import write_png

try:
    import numpy
    import onnx
except ImportError:
    SYSTEM = "/usr/bin/python3"  # where Debian's packages are, though another Python may come first
    if sys.executable != SYSTEM and subprocess.run([SYSTEM, "-c", "import onnx"], capture_output=True, check=False).returncode == 0:
        os.execv(SYSTEM, [SYSTEM, *sys.argv])
    print("skipped: no package onnx (python3-onnx)")
    counts["skipped"] += 1
    finish()

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tools" / "peers"))
import onnx_numpy  # noqa: E402

# Height and width where 64 or the network's own are too small, or needlessly large.
SIZES = {"alexnet": 96, "alexnet-slim": 96, "alexnet-2012": 96, "nin": 96}
# Between them all operators; always in the sample.
ALWAYS = (("lenet", "d2l"), ("alexnet-2012", "imagenet"), ("alexnet", "imagenet"), ("googlenet", "imagenet"), ("resnet20", "cifar"),
          ("densenet", "d2l"))
IMAGES = 4
# Largest difference, over the largest output: the program computes in single precision.
BOUND = 2e-5


def run(folder, *arguments):
    done = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                          check=False)
    check(done.returncode == 0, f"{arguments}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def networks(folder):
    """Name and variant and input of each that the program lists."""
    table = run(folder, "list").split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [(line.split()[0], line.split()[1], int(line.split()[2])) for line in table]


def draw_images(folder, size, chance):
    """Noise of two classes, to be trained on and to be looked at."""
    for number in range(IMAGES):
        for split in ("train", "test"):
            pixels = chance.randbytes(3 * size * size)
            write_png(folder / "images" / split / ("even", "odd")[number % 2] / f"{number}.png", pixels, size, 3)


def pixels_of(path, size):
    """Back from such a PNG: its compressed rows, without the byte in front of each."""
    data = path.read_bytes()
    begin = data.index(b"IDAT") + 4
    rows = numpy.frombuffer(zlib.decompressobj().decompress(data[begin:]), numpy.uint8).reshape(size, 1 + 3 * size)
    return rows[:, 1:].reshape(size, size, 3).transpose(2, 0, 1)


def check_shapes(model, what, channels, size):
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    found = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in
             (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output)}
    check(found["input"] == ["N", channels, size, size] and found["logits"] == ["N", 2],
          f"{what}: input {found['input']}, logits {found['logits']}")
    unknown = [name for node in model.graph.node for name in node.output if name not in found]
    check(not unknown, f"{what}: no shapes of {unknown}")


def check_network(folder, name, variant, default_size, chance):
    size = min(SIZES.get(name, 64), default_size)
    what = f"{name} {variant} at {size}"
    draw_images(folder, size, chance)
    flags = ("--variant", variant, "--threads", "1")
    run(folder, "train", name, *flags, "--data", "images", "--size", size, "--batch-size", IMAGES, "--epochs", 1,
        "--width-divisor", 1 if default_size < 64 else 8, "--lr", "1e-4", "--checkpoints", "kept")
    run(folder, "export", "kept/last.safetensors", "--onnx", "network.onnx")
    model = onnx.load(str(folder / "network.onnx"))
    facts = {fact.key: fact.value for fact in model.metadata_props}
    check_shapes(model, what, 3, size)
    check(facts["network"] == name and facts["class names"] == "even\nodd\n", f"{what}: metadata {facts}")
    files = sorted((folder / "images" / "test").rglob("*.png"))
    run(folder, "predict", name, *flags, "--checkpoint", "kept/last.safetensors", *files, "--csv", "predicted.csv")
    with open(folder / "predicted.csv", newline="", encoding="utf-8") as file:
        rows = {(row["image"], int(row["class"])): float(row["logit"]) for row in csv.DictReader(file)}
    expected = numpy.array([[rows[str(path), c] for c in range(2)] for path in files])
    mean, deviation = (numpy.array([float(x) for x in facts[key].split(",")]).reshape(1, -1, 1, 1) for key in ("mean", "std"))
    images = (numpy.stack([pixels_of(path, size) for path in files]) / 255 - mean) / deviation
    found = onnx_numpy.run(model, images)
    difference = numpy.abs(found - expected).max() / numpy.abs(expected).max()
    print(f"{what}: largest difference {difference:.1e}", flush=True)
    check(difference < BOUND, f"{what}: {found.tolist()}, expected {expected.tolist()}")


def main():
    seed = int(os.environ.get("WINNOW_TEST_SEED", "1"), 0)
    full = os.environ.get("WINNOW_TEST_FULL", "").startswith("1")
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = name
        os.environ.pop("WINNOW_DB", None)
        probe = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), "export", "none.safetensors", "--onnx", "none.onnx"], cwd=name,
                               capture_output=True, text=True, check=False)
        if lacks_feature(probe):
            print("check_onnx: this build reads no checkpoints")
            counts["skipped"] += 1
            finish()
        listed = networks(name)
        check(len(listed) > 30, f"{len(listed)} networks are listed")
        always = [of for of in listed if of[:2] in ALWAYS]
        drawn = chance.sample([of for of in listed if of not in always], 3)
        few = [of for of in always if of[1] != "imagenet"]
        for number, of in enumerate(listed if full else few if "few" in sys.argv[2:] else always + drawn):
            folder = pathlib.Path(name) / str(number)
            folder.mkdir()
            check_network(folder, *of, chance)
    finish()


if __name__ == "__main__":
    main()
