#!/usr/bin/env python3
"""--csv - of every command: a CSV on standard output and nothing else there, what is printed otherwise on standard
error. Takes the program's path; prints `check_csv: N passed, N failed, N skipped`."""
import csv
import io
import os
import pathlib
import subprocess
import sys
import tempfile

from checking import check, counts, finish, lacks_feature

PROBLEM = "mb1ic16ih8oc16kh3ph1"
DATA = ["--data", "synthetic", "--limit", "64", "--batch-size", "16"]
TRAIN = ["train", "lenet", *DATA, "--epochs=1"]
BEFORE = "net,label,median_seconds\nx,one,0.1\nx,two,0.2\n"
# arguments, a column, the least number of rows, what is printed beside it
COMMANDS = (
    (["machine", "--seconds=0.002"], "fact", 20, "FMA peak"),
    (["doctor", "--quick"], "verdict", 20, "worth: "),
    (["bench", "lenet", "--batch-size=1", "--repetitions=1"], "step", 20, "training step"),
    (["bench", PROBLEM, "--impl=direct", "--repetitions=1"], "impl", 1, "median ms"),
    (["bench", PROBLEM, "--peer=onednn", "--budget=0.01"], "peer_impl", 1, "median of pairs"),
    (["tune", PROBLEM, "--effort=heuristic", "--db=tune.db"], "impl", 1, "speed-up"),
    ([*TRAIN, "--checkpoints=kept"], "loss", 4, "epoch 1/1"),
    ([*TRAIN, "--checkpoints=kept", "--resume"], "loss", 0, "continues"),
    (["eval", "kept/last.safetensors", *DATA[:2], "--test-limit=20"], "truth", 1, "accuracy"),
    (["predict", "lenet", "--checkpoint=kept/last.safetensors", *DATA[:2], "--index=0-3"], "logit", 20, "test image 3"),
    (["lr-find", "mnist-bn", *DATA], "lr", 8, "suggestion"),
    (["bypass", "lenet", "--batch-size=1", "--rounds=1"], "event", 20, "1 rounds"),
    (["compare", "before.csv", "before.csv"], "ratio", 2, "geometric mean"),
)


def run(folder, arguments, **kept):
    threads = [] if arguments[0] in ("compare", "doctor") else ["--threads=1"]
    return subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *arguments, *threads, "--csv=-"], cwd=folder,
                          env=dict(os.environ, WINNOW_DB=str(folder / "default.db")), text=True, check=False,
                          **(kept or {"capture_output": True}))


def check_command(folder, arguments, column, least, printed):
    ran = run(folder, arguments)
    if lacks_feature(ran):
        counts["skipped"] += 1
        return
    fine = (0, 3) if arguments[0] == "doctor" else (0,)  # its verdict on the machine is its exit status
    check(ran.returncode in fine, f"{arguments}: exit {ran.returncode}: {ran.stderr}")
    rows = list(csv.reader(io.StringIO(ran.stdout)))
    check(rows and column in rows[0], f"{arguments}: the first line has no {column}: {ran.stdout[:200]}")
    check(len(rows) > least, f"{arguments}: {len(rows)} lines")
    check(all(len(row) == len(rows[0]) for row in rows), f"{arguments}: rows of several lengths")
    check(printed in ran.stderr and printed not in ran.stdout, f"{arguments}: no {printed} in {ran.stderr[:200]}")


def check_trouble(folder):
    bench = ["bench", PROBLEM, "--impl=direct", "--repetitions=1"]
    with open("/dev/full", "wb") as full:
        ran = run(folder, bench, stdout=full, stderr=subprocess.PIPE)
    check(ran.returncode == 1 and "standard output: No space" in ran.stderr, f"exit {ran.returncode}: {ran.stderr}")
    # what stands in the file already, of others, stays
    kept = folder / "kept.csv"
    kept.write_text("above\n", encoding="utf-8")
    for command in (bench, TRAIN):
        length = len(kept.read_text(encoding="utf-8"))
        with open(kept, "a", encoding="utf-8") as file:
            ran = run(folder, command, stdout=file, stderr=subprocess.DEVNULL)
        text = kept.read_text(encoding="utf-8")
        check(ran.returncode == 0 and text.startswith("above\n") and len(text) > length, f"{command}: appending")


def check_perf_template(folder):
    """Lines for users of benchdnn: as many fields as the template has, in its order."""
    lines = run(folder, ["bench", PROBLEM, "--impl=direct,im2col", "--repetitions=3",
                         "--perf-template=%driver%,%dir%,%mb%,%name%,%-time%,%0time%,%+time%,%Mops%,%-Gflops%"])
    rows = list(csv.reader(io.StringIO(lines.stderr)))
    check(lines.returncode == 0 and rows[0][0].startswith("Output template: %driver%") and len(rows) == 3, lines.stderr)
    for row in rows[1:]:
        least, mean, greatest, mops, gflops = map(float, row[4:])
        # 16 x 16 channels, 3 x 3 taps on 8 x 8 pixels: 22 x 22 of 24 x 24 are not on padding
        check(row[:4] == ["conv", "FWD_B", "1", ""] and abs(mops - 2 * 16 * 16 * 22 * 22 / 1e6) < 1e-4, f"{row}")
        check(0 < least <= mean <= greatest and abs(gflops * least / mops - 1) < 1e-3, f"{row}")
    for template, fields in (("def", 11), ("csv", 13)):
        lines = run(folder, ["bench", PROBLEM + 'n"a:b*2"', "--impl=direct", "--repetitions=1",
                             f"--perf-template={template}"])
        row = lines.stderr.splitlines()[-1]
        check(lines.returncode == 0 and len(next(csv.reader([row]))) == fields and row.startswith("perf,cpu,"), row)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "before.csv").write_text(BEFORE, encoding="utf-8")
        for command in COMMANDS:
            check_command(folder, *command)
        check_trouble(folder)
        check_perf_template(folder)
    finish()


if __name__ == "__main__":
    main()
