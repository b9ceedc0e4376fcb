#!/usr/bin/env python3
"""tools/results: every kind of file of a small network and the page, in columns and words that may be published; what is
there is kept; wrong flags are refused before any work; what fails leaves nothing. Takes the program's path; prints
`check_results_tool: N passed, N failed, N skipped`."""
import pathlib
import subprocess
import sys
import tempfile

from checking import check, finish

ROOT = pathlib.Path(__file__).resolve().parent.parent
WINNOW = pathlib.Path(sys.argv[1]).resolve()
SMALL = ["lenet:28:2", "--budget", "0.1", "--repetitions", "1", "--threads", "1"]


def run(*arguments):
    return subprocess.run([ROOT / "tools" / "results", *arguments, "--winnow", WINNOW], capture_output=True, text=True, check=False)


def names(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def check_set(folder):
    kinds = ["tuning", "steps", "winners", "layers", "peer"]
    ran = run(folder, *SMALL, "--only", ",".join(["doctor", *kinds, "report"]))
    without_peer = "peer-lenet-28-2: failed" in ran.stderr  # a build without oneDNN
    check(ran.returncode == (1 if without_peer else 0), ran.stderr)
    made = {f"{kind}-lenet-28-2{ending}" for kind in [*kinds, "parts"] for ending in (".csv", ".machine.csv")
            if not (without_peer and kind == "peer")}
    found = names(folder) - {"plots"}
    check(found == made | {"doctor.csv", "tune.db", "report.html"}, f"found {sorted(found)}")
    ran = subprocess.run([sys.executable, ROOT / "tools" / "check_results.py", folder], capture_output=True, text=True, check=False)
    check(ran.returncode == 0, ran.stdout)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.csv")}
    ran = run(folder, *SMALL, "--only", "doctor,tuning,steps")
    check(ran.returncode == 0 and ran.stdout.count(": there") == 3, ran.stdout)
    check(before == {path.name: path.stat().st_mtime_ns for path in folder.glob("*.csv")}, "a file that was there was made again")
    ran = run(folder, *SMALL, "--only", "steps", "--again")
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.csv")}
    changed = {name for name in after if after[name] != before.get(name)}
    check(ran.returncode == 0 and changed == {name for name in made if name.startswith(("steps", "parts"))}, f"{changed}")


def check_trouble(folder):
    for arguments, words in ((["lenet:x"], "lenet:x"), (["lenet:28:0"], "lenet:28:0"), (["lenet:1:2:3"], "lenet:1:2:3"),
                             (["nonet"], "nonet"), (["--budget", "much"], "much"), (["--only", "steps,colours"], "colours"),
                             (["--repetitions", "0"], "--repetitions"), (["--db", "nowhere"], "nowhere"), (["--isa"], "--isa"),
                             (["--colour"], "--colour")):
        ran = run(folder, *arguments) if arguments != ["--isa"] else subprocess.run(
            [ROOT / "tools" / "results", folder, *arguments], capture_output=True, text=True, check=False)
        check(ran.returncode == 2 and words in ran.stderr, f"{arguments}: exit {ran.returncode}: {ran.stderr}")
        check(not names(folder), f"{arguments}: left {names(folder)}")
    ran = run(folder, *SMALL, "--only", "steps,layers", "--with", "false")
    check(ran.returncode == 1 and "failed: steps-lenet-28-2 layers-lenet-28-2" in ran.stderr, ran.stderr)
    check(not names(folder), f"left {names(folder)}")


def main():
    with tempfile.TemporaryDirectory() as name:
        check_trouble(pathlib.Path(name) / "wrong")
        check_set(pathlib.Path(name) / "set")
    finish()


if __name__ == "__main__":
    main()
