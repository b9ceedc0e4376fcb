#!/usr/bin/env python3
"""Who watches a training run: the log's lines of JSON, TensorBoard's events, the seeds' summary and the curves say what the CSV file says.
Takes the program's path; prints `check_watchers: N passed, ...`."""
import csv
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import event_file
from checking import check, counts, finish, lacks_feature
from program import refuse, run, succeed

TRAIN = ["train", "mnist-cnn", "--limit", "48", "--test-limit", "40", "--batch-size", "16", "--threads", "1", "--epochs", "2"]
STEP = {"event", "seed", "epoch", "step", "examples", "seconds_total", "loss", "train_accuracy", "lr", "seconds_step",
        "data_wait", "data_waits"}
END = {"event", "seed", "error", "epochs", "step", "examples", "loading_seconds", "preparing_seconds", "training_seconds",
       "evaluating_seconds"}
EVALUATED = {"loss", "train_accuracy", "test_accuracy", "examples_per_second", "seconds_total"}


def not_json(word):
    raise ValueError(f"{word} is no JSON")


def lines_of(path):
    text = path.read_text(encoding="utf-8")
    check(text.endswith("\n"), f"{path}: the last line has no end")
    return [json.loads(line, parse_constant=not_json) for line in text.splitlines()]


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def near(a, b):
    return math.isclose(float(a), float(b), rel_tol=2e-6, abs_tol=2e-6)


def check_log(folder):
    succeed(folder, *TRAIN, "--csv", "rows.csv", "--log", "log.jsonl", "--eval-every", "2", "--checkpoints", "kept", "--seed", "9")
    lines, rows = lines_of(folder / "log.jsonl"), rows_of(folder / "rows.csv")
    check([line["event"] for line in lines] == ["start"] + ["step", "step", "evaluation", "step", "evaluation", "checkpoint",
                                                            "step", "evaluation", "step", "step", "evaluation", "checkpoint", "end"],
          f"{[line['event'] for line in lines]}")
    check(all(line["seed"] == 9 for line in lines), "a line of another seed")
    start, end = lines[0], lines[-1]
    check(start["config"]["network"] == "mnist-cnn" and start["config"]["batch size"] == "16" and start["step"] == 0 and
          start["steps_per_epoch"] == 3 and start["threads"] == 1 and re.fullmatch(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}Z", start["time"]),
          f"{start}")
    figures = [line for line in lines if line["event"] in ("step", "evaluation")]
    check(len(figures) == len(rows), f"{len(figures)} lines with figures, {len(rows)} rows")
    for line, row in zip(figures, rows):
        kind = "step" if line["event"] == "step" else "epoch" if line["end_of_epoch"] else "eval"
        check(kind == row["kind"] and set(line) == STEP | (set() if kind == "step" else {"test_accuracy", "end_of_epoch"}), f"{line}")
        check(all(near(line[name], row[name]) for name in STEP - {"event"}), f"{line} beside {row}")
        check(kind == "step" or near(line["test_accuracy"], row["test_accuracy"]), f"{line} beside {row}")
    kept = [line for line in lines if line["event"] == "checkpoint"]
    check(kept[0]["best"] is True and all(line["folder"] == "kept" for line in kept) and [line["step"] for line in kept] == [3, 6],
          f"{kept}")
    check(set(end) == END | EVALUATED and end["error"] == "" and end["step"] == 6 and near(end["test_accuracy"], rows[-1]["test_accuracy"]),
          f"{end}")


def check_log_goes_on(folder):
    """What stands there is kept where a run is resumed, but for half a line; and where one fails before it begins."""
    if lacks_feature(run(folder, "export", "kept/last.safetensors", "--safetensors", "all.safetensors")):
        counts["skipped"] += 1
        return
    log = folder / "log.jsonl"
    before = log.read_text(encoding="utf-8")
    log.write_text(before + '{"event":"st', encoding="utf-8")
    same = [*TRAIN, "--checkpoints", "kept", "--seed", "9", "--log", "log.jsonl"]
    succeed(folder, *same, "--resume")
    text = log.read_text(encoding="utf-8")
    added = [json.loads(line) for line in text[len(before):].splitlines()]
    check(text.startswith(before) and [line["event"] for line in added] == ["start", "end"] and added[0]["step"] == 6, f"{added}")
    check(set(added[1]) == END | EVALUATED and added[1]["test_accuracy"] == json.loads(before.splitlines()[-1])["test_accuracy"], f"{added[1]}")
    refuse(folder, "no-folder", *TRAIN, "--data", "no-folder", "--log", "log.jsonl", "--tensorboard", "none")
    check(log.read_text(encoding="utf-8") == text, "a run that never began emptied the log")
    refuse(folder, "no-folder", *TRAIN, "--data", "no-folder", "--log", "new.jsonl")
    check(not (folder / "new.jsonl").exists() and not (folder / "none").exists(), "a run that never began left files")
    succeed(folder, *TRAIN, "--log", "log.jsonl")
    check(lines_of(log)[0]["event"] == "start" and len(lines_of(log)) == 10, "a new run does not begin the log anew")
    refuse(folder, "no/log", *TRAIN, "--log", "no/log")
    refuse(folder, "/dev/full", *TRAIN, "--log", "/dev/full")


def check_end_of_failure(folder):
    """A run that diverges says so in its last line, with what was measured and nothing else."""
    done = run(folder, "train", "lenet", *TRAIN[2:-1], "9", "--lr", "10", "--weight-decay", "1e6", "--log", "bad.jsonl")
    end = lines_of(folder / "bad.jsonl")[-1]
    check(done.returncode == 1 and end["event"] == "end" and end["error"] in done.stderr and "the loss became" in end["error"], f"{end}")
    check(set(end) in (END, END | EVALUATED), f"{end}")


def check_events(folder):
    check(event_file.crc32c(b"123456789") == 0xE3069283, "the reader's CRC-32C")
    succeed(folder, *TRAIN, "--csv", "rows.csv", "--tensorboard", "board", "--eval-every", "2")
    files = list((folder / "board").iterdir())
    check(len(files) == 1 and re.fullmatch(r"events\.out\.tfevents\.\d{10}\.winnow\.\d+", files[0].name), f"{files}")
    events, rows = event_file.read(files[0]), rows_of(folder / "rows.csv")
    check(len(events) == len(rows), f"{len(events)} events, {len(rows)} rows")
    first = events[0][0]
    for (moment, step, values), row in zip(events, rows):
        wanted = {"test/accuracy": row["test_accuracy"]} if row["kind"] != "step" else {
            "step/loss": row["loss"], "step/accuracy": row["train_accuracy"], "step/lr": row["lr"], "step/seconds": row["seconds_step"]}
        if row["kind"] == "epoch":
            wanted |= {"epoch/loss": row["loss"], "epoch/accuracy": row["train_accuracy"]}
        check(step == int(row["step"]) and values.keys() == wanted.keys() and all(near(values[tag], wanted[tag]) for tag in wanted),
              f"{step}: {values} beside {row}")
        check(abs(moment - first - (float(row["seconds_total"]) - float(rows[0]["seconds_total"]))) < 1e-3, f"at {moment}: {row}")
    damaged = bytearray(files[0].read_bytes())
    damaged[len(damaged) // 2] ^= 4
    (folder / "damaged").write_bytes(damaged)
    try:
        event_file.read(folder / "damaged")
        check(False, "the reader takes a damaged file")
    except ValueError:
        check(True, "")
    refuse(folder, "rows.csv", *TRAIN, "--tensorboard", "rows.csv")


def timeless(rows):
    return [{key: row[key] for key in row if "seconds" not in key and "wait" not in key} for row in rows]


def check_going_on(folder):
    """A run that ended after its first epoch, good enough, and goes on; its rows may lie behind those of another seed."""
    kept = [*TRAIN, "--seed", "6", "--checkpoints", "half", "--csv", "half.csv", "--tensorboard", "half-board"]
    out = succeed(folder, *kept, "--time-to", "0.01")
    if lacks_feature(run(folder, "export", "half/last.safetensors", "--safetensors", "all.safetensors")):
        counts["skipped"] += 1
        return
    check("reached" in out and {path.name for path in (folder / "half").iterdir()} == {"last.safetensors", "best.safetensors"}, out)
    half = (folder / "half.csv").read_text()
    out = succeed(folder, *kept, "--time-to", "0.01", "--resume")
    check("reached" in out and "from start to here" not in out and (folder / "half.csv").read_text() == half, f"reached already: {out}")
    succeed(folder, *TRAIN, "--seed", "5", "--csv", "five.csv")
    succeed(folder, *TRAIN, "--seed", "6", "--csv", "six.csv")
    five, six, rows = ((folder / name).read_text() for name in ("five.csv", "six.csv", "half.csv"))
    header = six[:six.index("\n") + 1]
    for name in ("half-2", "half-3"):
        shutil.copytree(folder / "half", folder / name)
    (folder / "both.csv").write_text(five + rows[len(header):])
    succeed(folder, *TRAIN, "--seed", "6", "--checkpoints", "half", "--csv", "both.csv", "--tensorboard", "half-board", "--resume")
    check(timeless(rows_of(folder / "both.csv")) == timeless(rows_of(folder / "five.csv") + rows_of(folder / "six.csv")),
          "rows behind those of another seed")
    files = sorted((folder / "half-board").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    events = event_file.read(files[-1])
    check(len(files) == 3 and events[0][1:] == (4, {}) and [step for _, step, _ in events[1:]] == [4, 5, 6, 6], f"{events}")
    mixed = six + five[len(header):]
    (folder / "mixed.csv").write_text(mixed)
    refuse(folder, "mixed.csv: cannot be continued: the rows of seed 5 lie behind those of seed 6 after step 3", *TRAIN, "--seed", "6",
           "--checkpoints", "half-2", "--csv", "mixed.csv", "--resume")
    check((folder / "mixed.csv").read_text() == mixed, "rows were lost")
    if not shutil.which("gnuplot"):
        counts["skipped"] += 1
        return
    (folder / "drawn.csv").write_text(rows)
    succeed(folder, *TRAIN, "--seed", "6", "--checkpoints", "half-3", "--csv", "drawn.csv", "--plot", "resumed.svg", "--resume")
    succeed(folder, *TRAIN, "--seed", "6", "--plot", "whole.svg")
    check((folder / "resumed.svg").read_text() == (folder / "whole.svg").read_text(), "the curves lack what was before")


def check_seeds(folder):
    out = succeed(folder, *TRAIN, "--csv", "rows.csv", "--log", "log.jsonl", "--tensorboard", "seeds", "--seeds", "3", "--seed", "4",
                  "--time-to", "0.01")
    rows, lines = rows_of(folder / "rows.csv"), lines_of(folder / "log.jsonl")
    ends = [line for line in lines if line["event"] == "end"]
    check({row["seed"] for row in rows} == {"4", "5", "6"} and [line["seed"] for line in ends] == [4, 5, 6], out)
    for name, words, digits in (("test_accuracy", "test accuracy", 4), ("loss", "loss", 4), ("seconds_total", "seconds", 2),
                                ("seconds_to_reach", "reached after", 2)):
        values = [line[name] for line in ends]
        found = re.search(rf"^{words}: +mean (\S+), standard deviation (\S+), from (\S+) to (\S+)$", out, re.MULTILINE)
        wanted = (statistics.mean(values), statistics.stdev(values), min(values), max(values))
        check(found and all(abs(float(f) - w) <= 0.51 * 10 ** -digits for f, w in zip(found.groups(), wanted)), f"{words}: {wanted}: {out}")
    check("reached by 3 of 3 seeds" in out, out)
    boards = sorted(path.parent.name for path in (folder / "seeds").glob("*/events.*"))
    check(boards == ["seed-4", "seed-5", "seed-6"], f"{boards}")
    out = succeed(folder, *TRAIN, "--seeds", "2", "--time-to", "1", "--epochs", "1")
    check(out.count("never") == 2 and "reached by 0 of 2 seeds" in out and "reached after" not in out, out)


def svg_text(path):
    """All words of a drawing."""
    return " ".join("".join(text.itertext()).strip() for text in xml.etree.ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text"))


def children_of(process):
    """How many it has now; a thread may end between being listed and being looked at."""
    count = 0
    for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
        try:
            count += len(path.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            pass
    return count


def check_live_plot(folder):
    """The drawing is there while the run goes on, and there is never more than one gnuplot."""
    live = subprocess.Popen([pathlib.Path(sys.argv[1]).resolve(), *TRAIN[:-1], "100000", "--plot", "live.svg"], cwd=folder,
                            stdout=subprocess.DEVNULL)
    try:
        most = 0
        while not (folder / "live.svg").exists() and live.poll() is None:
            most = max(most, children_of(live))
            time.sleep(0.01)
        check(live.poll() is None and "learning rate" in svg_text(folder / "live.svg") and most <= 1, f"{live.poll()}, {most} children")
    finally:
        live.kill()
        live.wait()


def check_plot(folder):
    if not shutil.which("gnuplot"):
        refuse(folder, "gnuplot, which is not installed", *TRAIN, "--plot", "curves.svg")
        counts["skipped"] += 1
        return
    done = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *TRAIN, "--plot", "none.svg"], cwd=folder, capture_output=True,
                          text=True, check=False, env=dict(os.environ, PATH="/nowhere"))
    check(done.returncode == 1 and "gnuplot, which is not installed" in done.stderr and not (folder / "none.svg").exists(), done.stderr)
    succeed(folder, *TRAIN, "--plot", "it's.svg", "--csv", "curves.csv")
    words = svg_text(folder / "it's.svg")
    check(all(word in words for word in ("loss", "training accuracy", "test accuracy", "learning rate", "step")), words)
    succeed(folder, *TRAIN, "--seeds", "2", "--plot", "curves.png", "--csv", "seeds.csv")
    head = (folder / "curves.png").read_bytes()[:24]
    check(head[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", head[16:]) == (1000, 640), f"{head}")
    succeed(folder, "report", "curves.csv", "seeds.csv", "--output", "page.html", "--plots", "plots")
    words, several = svg_text(folder / "plots" / "curves.svg"), svg_text(folder / "plots" / "seeds.svg")
    check("learning rate" in words and "loss 2" in several and "test accuracy 2" in several, f"{words}, {several}")
    page = (folder / "page.html").read_text(encoding="utf-8")
    check("seeds, seed 1" in page and "seeds, seed 2" in page, "the page does not tell the seeds apart")
    found = re.search(r"suggestion: (\S+)", succeed(folder, "lr-find", *TRAIN[1:4], *TRAIN[6:10], "--plot", "rates.svg"))
    check(found and f"suggestion: {found[1]}" in svg_text(folder / "rates.svg"), "the suggestion is not marked")
    left = [path.name for path in folder.iterdir() if path.name.endswith(".new")]
    check(not left, f"left over: {left}")
    for command in ("train", "lr-find"):
        refuse(folder, ".svg or .png", command, "lenet", "--plot", "curves.gif")
        refuse(folder, "no/curves.svg", command, "lenet", "--plot", "no/curves.svg")
    check_live_plot(folder)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_log(folder)
        check_log_goes_on(folder)
        check_end_of_failure(folder)
        check_events(folder)
        check_going_on(folder)
        check_seeds(folder)
        check_plot(folder)
    finish()


if __name__ == "__main__":
    main()
