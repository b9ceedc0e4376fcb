#!/usr/bin/env python3
"""What is in checkpoints, and who else may have written them: names that are no UTF-8 or too long, PyTorch's counters of batch
norm, statistics that were computed anew. Takes the program's path; prints `check_checkpoints: N passed, ...`."""
import json
import os
import pathlib
import struct
import sys
import tempfile

from checking import check, counts, finish, lacks_feature
from checkpoint_file import read
from pictures import write_png
from program import run, succeed

TRAIN = ["train", "mnist-bn", "--limit", "64", "--test-limit", "32", "--batch-size", "16", "--threads", "1", "--epochs", "1"]


def check_recomputed(folder):
    """The same weights, other statistics, and a loss of its own."""
    succeed(folder, *TRAIN, "--checkpoints", "plain")
    succeed(folder, *TRAIN, "--checkpoints", "anew", "--bn-recompute")
    (plain, _), (anew, facts) = read(folder / "plain/last.safetensors"), read(folder / "anew/last.safetensors")
    changed = {name for name in plain if plain[name] != anew[name]}
    check(changed == {name for name in plain if ".running_" in name} and len(changed) == 10, f"changed are {sorted(changed)}")
    check(facts["recomputed norms"] == "1", f"{facts['recomputed norms']}")


def check_counters(folder):
    """PyTorch's state_dict has a whole number beside each batch norm."""
    succeed(folder, "export", "plain/last.safetensors", "--safetensors", "ours.safetensors")
    data = (folder / "ours.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, values = json.loads(data[8:8 + length]), data[8 + length:]
    header["__metadata__"].pop("winnow.crc32", None)
    for name in [name for name in header if name.endswith(".running_mean")]:
        header[name.replace("running_mean", "num_batches_tracked")] = {"dtype": "I64", "shape": [], "data_offsets": [len(values), len(values) + 8]}
        values += struct.pack("<q", 4)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "theirs.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + values)
    same = ["--data", "synthetic", "--test-limit", "32", "--threads", "1"]
    check(succeed(folder, "eval", "theirs.safetensors", *same) == succeed(folder, "eval", "ours.safetensors", *same), "another accuracy")
    succeed(folder, "export", "theirs.safetensors", "--safetensors", "again.safetensors")
    check(read(folder / "again.safetensors")[0] == read(folder / "ours.safetensors")[0], "other tensors")


def check_names(folder):
    """Folders may be called anything; the header is JSON in UTF-8 all the same, and the run can go on."""
    names = [("漢" * 11).encode(), b"caf\xe9", b'quoted " \\ name']
    os.mkdir(folder / "named")
    for number, name in enumerate(names):
        path = os.path.join(os.fsencode(folder / "named"), name)
        os.mkdir(path)
        for image in range(5):
            write_png(pathlib.Path(os.fsdecode(os.path.join(path, b"%d.png" % image))), [(number * 80 + image) % 256] * 100, 10)
    command = ["train", "mnist-bn", "--data", "named", "--batch-size", "4", "--threads", "1", "--epochs", "1", "--checkpoints", "of-named"]
    done = run(folder, *command)
    if "this build reads no PNG" in done.stderr:
        counts["skipped"] += 1
        return
    check(done.returncode == 0, done.stderr)
    found = read(folder / "of-named/last.safetensors")[1]["class names"].split("\n")
    check('quoted " \\ name' in found and "caf?" in found and any(name.startswith("漢" * 10) for name in found), f"{found}")
    succeed(folder, *command, "--resume")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_recomputed(folder)
        if lacks_feature(run(folder, "export", "plain/last.safetensors", "--safetensors", "no.safetensors")):
            counts["skipped"] += 1
        else:
            check_counters(folder)
            check_names(folder)
    finish()


if __name__ == "__main__":
    sys.exit(main())
