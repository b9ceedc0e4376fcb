#!/usr/bin/env python3
"""Training runs of the program that are stopped by SIGTERM and SIGINT at random steps and by SIGKILL at random moments,
in the middle of saves above all, and resumed: they end with the bits of the run that nobody disturbed, and whatever lies
in the folder in between is a whole checkpoint. And a full disk. Takes the program's path; prints
`check_interruptions: N passed, ...`. WINNOW_TEST_FULL=1 interrupts twenty times of each kind."""
import csv
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from checking import check, counts, finish
from checkpoint_file import read, state

FILES = ("last.safetensors", "best.safetensors")
# All that has a state: dropout, batch norm, augmentation, momenta, schedules, averages, gathered gradients.
COMMON = ("googlenet --variant imagenet --size 64 --width-divisor 16 --limit 100 --test-limit 50 --batch-size 16 --epochs 6 --eval-every 4 "
          "--crop 0.7 --jitter 0.2 --cutout 6 --pad 3 --flip on --checkpoints run --csv run.csv --seed 3").split()
RUNS = {
    "sgd": "--lr 0.01 --momentum 0.9 --nesterov --schedule cosine --warmup 1 --save-every 2",
    "gathered": "--lr 0.001 --optimizer adamw --accumulate 3 --clip 1 --ema 0.9 --schedule one-cycle --save-every 1",
}
STEPS_PER_EPOCH = 7


def command(kind, *more):
    return [PROGRAM, "train", *COMMON, *RUNS[kind].split(), *more]


def start(folder, kind, *more, **how):
    return subprocess.Popen(command(kind, *more), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


def end(process, what, expected=0):
    out, err = process.communicate()
    check(process.returncode == expected, f"{what}: exit code {process.returncode}, expected {expected}: {err}")
    return out, err


def rows(path):
    """The file's rows without the columns that hold times."""
    with open(path, newline="", encoding="ascii") as file:
        return [{key: row[key] for key in row if "seconds" not in key and "wait" not in key} for row in csv.DictReader(file)]


def finished(folder):
    return [state(folder / "run" / name) for name in FILES] + [rows(folder / "run.csv")]


def stop(folder, kind, *more, delay, sent):
    """Starts a run and stops it by a signal so many seconds after its first line; the step it was saved after."""
    process = start(folder, kind, *more)
    line = process.stdout.readline()
    time.sleep(delay)
    process.send_signal(sent)
    out, err = process.communicate()
    if process.returncode == 0:
        return None, line + out
    step = int(err.partition("after step ")[2].partition(",")[0] or -1)
    what = f"{kind}, {sent.name} after step {step}"
    check(process.returncode == 1 and err == f"winnow: interrupted by signal {int(sent)} after step {step}, saved in run; "
          "--resume goes on from there\n", f"{what}: code {process.returncode}: {line}{out}{err}")
    check(is_update(kind, step), f"{what}: not between two updates")
    check(read(folder / "run/last.safetensors")[1]["state.steps"] == str(step), f"{what}: another step is saved")
    return step, line + out


class Undisturbed:
    """A run that goes on from its first steps to its end: what it ends with, and when its steps came. All others go on
    from the same steps, since where a machine was not tuned every new run chooses its kernels anew."""

    def __init__(self, scratch, kind):
        self.begun = scratch / f"{kind}-begun"
        self.begun.mkdir()
        stop(self.begun, kind, delay=0, sent=signal.SIGINT)
        folder = self.copy(scratch / kind)
        began = time.monotonic()
        end(start(folder, kind, "--resume"), kind)
        self.seconds = time.monotonic() - began
        self.results = finished(folder)
        with open(folder / "run.csv", newline="", encoding="ascii") as file:
            times = [float(row["seconds_total"]) for row in csv.DictReader(file) if row["kind"] == "step"]
        self.times = [t - times[3] for t in times[4:]]

    def copy(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        return shutil.copytree(self.begun, folder)


def is_update(kind, step):
    within = step % STEPS_PER_EPOCH
    return kind == "sgd" or within % 3 == 0


def compare(folder, whole, what):
    for name, found, expected in zip(FILES + ("run.csv",), finished(folder), whole.results):
        check(found == expected, f"{what}: {name} is not that of the undisturbed run")


def interrupt(folder, kind, whole, number, chance):
    """Stopped by a signal when a drawn step is due, and resumed."""
    sent = (signal.SIGTERM, signal.SIGINT)[number % 2]
    delay = whole.times[chance.randrange(len(whole.times))]
    step = None
    while step is None:  # on a busy machine the other process may be at its end after that time
        whole.copy(folder)
        step, _ = stop(folder, kind, "--resume", delay=delay, sent=sent)
        delay /= 2
    what = f"{kind} run {number}, {sent.name} after step {step}"
    out, _ = end(start(folder, kind, "--resume"), what)
    check(f"continues after step {step}," in out and "other kernels" not in out, f"{what}: {out}")
    compare(folder, whole, what)
    return step


def wait_for_save(folder, process, chance):
    """Returns in the middle of a save, or shortly behind it."""
    passed = chance.randrange(12)
    seen = False
    while process.poll() is None:
        now = any((folder / "run" / (name + ".tmp")).exists() for name in FILES)
        passed -= now and not seen
        seen = now
        if passed < 0:
            time.sleep(chance.random() * 2e-4)
            return


def look(folder, kind, what, seen):
    """Every file that is there is whole, and what any run has there after that step. Returns the last step."""
    last = 0
    for name in FILES:
        path = folder / "run" / name
        if path.exists():
            found = state(path)  # raises unless it is whole
            last = int(found[1]["state.steps"])
            check(seen.setdefault((kind, name, last, found[1]["state.epochs"]), found) == found, f"{what}: {name} of step {last} is not the usual one")
            check(is_update(kind, last), f"{what}: saved between two updates, after step {last}")
    return int(read(folder / "run" / FILES[0])[1]["state.steps"])


def kill(folder, kind, whole, number, chance, seen):
    """Killed up to three times, in a save or anywhere, and resumed each time. Returns how often."""
    whole.copy(folder)
    kills = before = 0
    for attempt in range(3):
        process = start(folder, kind, "--resume")
        if (number + attempt) % 2:
            wait_for_save(folder, process, chance)
        else:
            time.sleep(chance.random() * whole.seconds)
        process.kill()
        process.communicate()
        what = f"{kind} run {number}, kill {attempt}"
        check(process.returncode in (0, -signal.SIGKILL), f"{what}: exit code {process.returncode}")
        kills += process.returncode != 0
        step = look(folder, kind, what, seen)
        check(step >= before, f"{what}: step {step} is saved, before it was {before}")
        before = step
    end(start(folder, kind, "--resume"), f"{kind} run {number}")
    compare(folder, whole, f"{kind} run {number}, killed {kills} times")
    if before < int(whole.results[0][1]["state.steps"]):  # else nothing was saved any more, and a draft may lie there
        check(not (folder / "run/last.safetensors.tmp").exists(), f"{kind} run {number} leaves a draft behind")
    return kills


def fill_disk(folder, whole):
    """No room for a checkpoint: said, and the old one stays, to be resumed from."""
    old = (whole.copy(folder) / "run/last.safetensors").read_bytes()

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, resource.RLIM_INFINITY))
    # Python has the signal of a file that grew too large ignored, and with restore_signals=False so has its child
    process = start(folder, "sgd", "--resume", preexec_fn=little_room, restore_signals=False)
    out, err = end(process, "a full disk", 1)
    check(out.count("not saved, training goes on: run/") > 1 and out.count("cannot be written: File too large") > 1, out)
    check(err.startswith("winnow: run/") and err.endswith("cannot be written: File too large\n") and err.count("\n") == 1, err)
    check((folder / "run/last.safetensors").read_bytes() == old, "the old checkpoint did not stay as it was")
    check(not list((folder / "run").glob("*.tmp")), "a full disk leaves a draft behind")
    end(start(folder, "sgd", "--resume"), "after a full disk")
    compare(folder, whole, "after a full disk")


def main():
    seed = int(os.environ.get("WINNOW_TEST_SEED", "1"), 0)
    full = os.environ.get("WINNOW_TEST_FULL", "").startswith("1")
    print(f"seed {seed}", flush=True)
    chance, steps, kills, seen = random.Random(seed), [], 0, {}
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        os.environ["XDG_CACHE_HOME"] = name
        os.environ.pop("WINNOW_DB", None)
        whole = {kind: Undisturbed(scratch, kind) for kind in RUNS}
        kinds = list(RUNS)
        for number in range(20 if full else 4):
            kind = kinds[number // 2 % 2]
            steps.append(interrupt(scratch / "stopped", kind, whole[kind], number, chance))
            kills += kill(scratch / "killed", kind, whole[kind], number, chance, seen)
        fill_disk(scratch / "full", whole["sgd"])
    print(f"stopped after steps {steps}; killed {kills} times")
    check(len(set(steps)) > 1 and kills > 0, "the interruptions were not what they should be")
    finish()


if __name__ == "__main__":
    PROGRAM = pathlib.Path(sys.argv[1]).resolve()
    if "does not read safetensors" in subprocess.run([PROGRAM, "eval", "x"], capture_output=True, text=True,
                                                     check=False).stderr:
        counts["skipped"] += 1
        finish()
    main()
