#!/usr/bin/env python3
"""The program's commands around training, from end to end on small data: what they write is read back by rules of its own
here. Takes the program's path; prints `check_training_program: N passed, ...`."""
import collections
import csv
import math
import pathlib
import re
import struct
import tempfile

from checking import check, counts, finish
from pictures import write_png
from program import refuse, run, succeed


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


def check_tuning(folder):
    """Layers that the database lacks are raced first, and no more when it has them; the clock runs meanwhile."""
    command = ["train", "lenet", "--limit", "64", "--test-limit", "20", "--batch-size", "32", "--epochs", "1", "--threads", "1", "--tune",
               "--db", "raced.db", "--time-to", "0.001"]
    out = succeed(folder, *command)
    raced = re.search(r"^(\d+) layers were raced in (\S+) s of that$", out, re.MULTILINE)
    reached = re.search(r"after (\S+) s from the start", out)
    if check(raced and reached and "tuning the layers that raced.db does not know" in out, out):
        check(int(raced[1]) > 5 and float(reached[1]) > float(raced[2]) > 0, out)
    out = succeed(folder, *command)
    check("raced" not in out.replace("raced.db", ""), f"again: {out}")
    refuse(folder, "--tune with --picks", *command, "--picks", "raced.db")


def check_divergence(folder):
    """A learning rate far too high: the run ends, says where, and what was saved before can be used."""
    done = run(folder, "train", "mnist-cnn", "--data", "images", "--batch-size", "16", "--epochs", "9", "--optimizer", "sgd",
               "--lr", "1e6", "--weight-decay", "1e-3", "--save-every", "1", "--checkpoints", "lost", "--threads", "1", "--csv", "lost.csv")
    check(done.returncode == 1 and done.stderr.count("\n") == 1, f"diverging: code {done.returncode}: {done.stderr}")
    said = re.fullmatch(r"winnow: mnist-cnn: the loss became (not a number|infinite) in step (\d+) of epoch (\d+) with learning rate "
                        r"\S+, expected a finite number; the first such value is in (\S+) \S+; the last checkpoint is "
                        r"lost/last.safetensors, after step (\d+); a smaller learning rate or --clip may help\n", done.stderr)
    if check(said, f"diverging: {done.stderr}"):
        step = (int(said[3]) - 1) * 4 + int(said[2])  # four steps of 63 images an epoch
        check(step == int(said[5]) + 1 == len(rows(folder / "lost.csv")) + 1 - int(said[3]) + 1,
              f"step {step}, saved after {said[5]}, {len(rows(folder / 'lost.csv'))} rows")
        succeed(folder, "eval", "lost/last.safetensors", "--data", "images", "--threads", "1")


def check_checkpoints_refused(folder):
    """Files that are damaged, of other classes, or of another network: a line each."""
    sound = (folder / "kept/last.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(sound[:-100])
    (folder / "changed.safetensors").write_bytes(sound[:-5] + bytes([sound[-5] ^ 1]) + sound[-4:])
    for name, part in (("cut", "truncated?"), ("changed", "damaged: its check sum is")):
        for command in (("eval", f"{name}.safetensors", "--data", "images"), ("export", f"{name}.safetensors", "--safetensors", "no"),
                        ("predict", "mnist-cnn", "--checkpoint", f"{name}.safetensors", "images/above/1.png")):
            refuse(folder, part, *command)
        (folder / name).mkdir()
        (folder / name / "last.safetensors").write_bytes((folder / f"{name}.safetensors").read_bytes())
        refuse(folder, part, "train", "mnist-cnn", "--checkpoints", name, "--resume")
    refuse(folder, "the file is of a network for 2 classes, expected 10", "eval", "kept/last.safetensors", "--data", "synthetic")
    refuse(folder, "the file is of mnist-cnn, not of lenet", "eval", "kept/last.safetensors", "--data", "images", "--net", "lenet")
    refuse(folder, "/dev/full: ", "export", "kept/last.safetensors", "--onnx", "/dev/full")
    refuse(folder, "the file is of mnist-cnn, not of lenet", "export", "kept/last.safetensors", "--net", "lenet", "--onnx", "no")
    refuse(folder, "its network is 'mnist-cnn', expected 'lenet'", "train", "lenet", "--data", "images", "--batch-size", "16",
           "--epochs", "4", "--checkpoints", "kept", "--resume")


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def loss_of(logits, truth):
    most = max(logits.values())
    return most + math.log(sum(math.exp(value - most) for value in logits.values())) - logits[truth]


def check_prediction(folder):
    """Test images by number have to come out as in eval's matrix and loss, and files as the same images by number."""
    weights = ("mnist-cnn", "--checkpoint", "kept/last.safetensors", "--threads", "1", "--top", "2")
    loss = succeed(folder, "eval", "kept/last.safetensors", "--data", "images", "--threads", "1", "--csv", "matrix.csv")
    out = succeed(folder, "predict", *weights, "--data", "images", "--index", "0-9,10,11-15", "--csv", "predicted.csv")
    found = rows(folder / "predicted.csv")
    check(len(found) == 32 and out.count("\n") == 16, f"{len(found)} rows, and {out}")
    matrix, losses = collections.Counter(), []
    for first, second in zip(found[::2], found[1::2]):
        check(first["image"] == second["image"] and first["rank"] == "1" and second["rank"] == "2" and
              abs(float(first["probability"]) + float(second["probability"]) - 1) < 1e-8 and
              float(first["logit"]) >= float(second["logit"]), f"{first} and {second}")
        matrix[first["truth"], first["name"]] += 1
        losses.append(loss_of({row["name"]: float(row["logit"]) for row in (first, second)}, first["truth"]))
    check(matrix == {(row["truth"], row["predicted"]): int(row["images"]) for row in rows(folder / "matrix.csv")},
          f"the matrix of predictions is {matrix}")
    check(f"loss {sum(losses) / 16:.4f}," in loss, f"a mean loss of {sum(losses) / 16}, but eval says {loss}")
    pair = {"above": "images/above/9.png", "below": "images/below/9.png"}
    for kind, path in pair.items():
        for split in ("train", "test"):
            copy = folder / "pair" / split / kind / "9.png"
            copy.parent.mkdir(parents=True)
            copy.write_bytes((folder / path).read_bytes())
    succeed(folder, "predict", *weights, *pair.values(), "--csv", "files.csv")
    succeed(folder, "predict", *weights, "--data", "pair", "--index", "0,1", "--csv", "numbers.csv")
    by_file = {(row["image"], row["rank"]): (row["name"], row["logit"]) for row in rows(folder / "files.csv")}
    by_number = {(pair[row["truth"]], row["rank"]): (row["name"], row["logit"]) for row in rows(folder / "numbers.csv")}
    check(by_file == by_number and len(by_file) == 4, f"files give {by_file}, numbers {by_number}")
    for part, *arguments in (("damaged PNG", "images/above/1.png", "images/above/3.png"), ("neither JPEG", "kept/last.safetensors"),
                             ("No such file", "nowhere.png"), ("either files, or --data", "x.png", "--index", "1"),
                             ("no test image 16, expected 0 to 15", "--data", "images", "--index", "0,16"),
                             ("--index: found", "--data", "images", "--index", "3-1"), ("found 0 files and --data", "--data", "images"),
                             ("--index: found", "--data", "images", "--index", "0,"),
                             ("no test image 9223372036854775807", "--data", "images", "--index", "99999999999999999999")):
        refuse(folder, part, "predict", *weights, *arguments, "--csv", "no.csv")
        check(not (folder / "no.csv").exists(), f"{arguments} leaves a CSV file")
    refuse(folder, "the file is of mnist-cnn, not of lenet", "predict", "lenet", *weights[1:], *pair.values())
    refuse(folder, "no --checkpoint", "predict", "lenet", "x.png")


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
        check_tuning(folder)
        check_prediction(folder)
        check_checkpoints_refused(folder)
        check_divergence(folder)
    finish()


if __name__ == "__main__":
    main()
