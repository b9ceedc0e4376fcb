#!/usr/bin/env python3
"""tools/check_results.py: nothing to find fault with in results/ and in the sources' headers, and each kind of leak and
of strange columns found where there is one; and files of winnow bench in a folder get names and columns that it knows.
Takes the program's path; prints `check_results: N passed, N failed, N skipped`."""
import pathlib
import re
import subprocess
import sys
import tempfile

from checking import check, counts, finish, lacks_feature

CHECKER = pathlib.Path(__file__).resolve().parent.parent / "tools" / "check_results.py"
sys.path.insert(0, str(CHECKER.parent))
import check_results  # the tool: this file runs as __main__

FAULTS = {
    "home.txt": ("read from /home/somebody/data\n", "/home/somebody/data"),
    "scratch.csv": ("lr,loss\n/tmp/x,1\n", "line 2: found /tmp/x"),
    "run.json": ('{"context": {"host_name": "box", "executable": "./winnow-bench"}}', "host_name"),
    "other.csv": ("lr,loss,colour\n1,2,3\n", "lr,loss,colour"),
    "order.csv": ("loss,lr\n1,2\n", "loss,lr"),
    "empty.csv": ("", "columns of no kind"),
}


def run(*arguments):
    return subprocess.run([sys.executable, CHECKER, *arguments], capture_output=True, text=True, check=False)


def winnow(folder, *arguments):
    """Runs a command that writes CSV; False where this build cannot."""
    ran = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if lacks_feature(ran):
        counts["skipped"] += 1
        return False
    fine = (0, 3) if arguments[0] == "doctor" else (0,)  # its verdict on the machine is its exit status
    check(ran.returncode in fine, f"{arguments}: exit {ran.returncode}: {ran.stderr}")
    return True


def check_names(folder):
    """Every command that writes CSV names its file in a folder, alike, with a machine file beside it where a machine matters."""
    data = ["--data", "synthetic", "--limit", "64", "--threads", "1"]
    csv = folder / "named"
    csv.mkdir()
    winnow(folder, "train", "lenet", *data, "--batch-size", "16", "--epochs", "1", "--checkpoints", "kept", "--csv", "named")
    winnow(folder, "lr-find", "mnist-bn", *data, "--batch-size", "16", "--csv", "named")
    evaluated = winnow(folder, "eval", "kept/last.safetensors", "--data", "synthetic", "--test-limit", "20", "--threads", "1", "--csv", "named")
    winnow(folder, "machine", "--threads", "1", "--seconds", "0.001", "--csv", "named/")
    winnow(folder, "doctor", "--quick", "--csv", "named")
    (folder / "run.csv").write_text("net,label,median_seconds\nx,one,0.1\n", encoding="utf-8")
    winnow(folder, "compare", "run.csv", "run.csv", "--csv", "named")
    made, day = sorted(file.name for file in csv.iterdir()), r"\d{4}-\d\d-\d\d"
    machine = r"\w+-\d+-\d+-\d+-\w+-\d+threads"
    wanted = [rf"compare-{day}\.csv", rf"doctor-{machine}-{day}\.csv", rf"machine-{machine}-{day}\.csv"]
    wanted += [rf"{kind}-{machine}-{day}{ending}" for kind in ("confusion", "lr-find-mnist-bn", "training-lenet")[not evaluated:]
               for ending in (r"\.csv", r"\.machine\.csv")]
    check(len(made) == len(wanted) and all(any(re.fullmatch(pattern, file) for file in made) for pattern in wanted), f"{made}")
    ran = run(csv)
    check(ran.returncode == 0, ran.stdout)
    (csv / "empty").mkdir()
    for command in (["train", "lenet", "--data", "nowhere"], ["lr-find", "lenet", "--data", "nowhere"], ["eval", "nowhere.safetensors"]):
        ran = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *command, "--csv", "named/empty"], cwd=folder,
                             capture_output=True, text=True, check=False)
        check(ran.returncode == 1 and "nowhere" in ran.stderr, f"{command}: exit {ran.returncode}: {ran.stderr}")
        check(not list((csv / "empty").iterdir()), f"{command} left a file without rows")


def main():
    committed = run()
    check(committed.returncode == 0, committed.stdout)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "fine.csv").write_text("lr,loss\n1,2\n", encoding="utf-8")
        (folder / "early.csv").write_text("fact,value,unit\ncpu,/usr/bin,\n", encoding="utf-8")
        ran = run(name)
        check(ran.returncode == 0, ran.stdout)
        for file, (text, words) in FAULTS.items():
            (folder / file).write_text(text, encoding="utf-8")
            ran = run(name)
            check(ran.returncode == 1 and file in ran.stdout and words in ran.stdout, f"{file}: {ran.stdout}")
            (folder / file).unlink()
        for host in check_results.personal_names()[:1]:
            (folder / "host.txt").write_text(f"on {host}\n", encoding="utf-8")
            check("the name of this machine" in run(name).stdout, "the host's name was not found")
            (folder / "host.txt").unlink()
        ran = subprocess.run([pathlib.Path(sys.argv[1]).resolve(), "bench", "lenet", "--batch-size=1", "--repetitions=1", "--threads=1",
                              "--csv", name, "--parts-csv", name, "--db", folder / "db"], capture_output=True, text=True, check=False)
        check(ran.returncode == 0, ran.stderr)
        (folder / "db").unlink(missing_ok=True)
        made = sorted(file.name for file in folder.glob("*-lenet-*.csv"))
        check(len(made) == 4 and all(re.fullmatch(r"(steps|parts)-lenet-\w+-\d+-\d+-\d+-\w+-1threads-\d{4}-\d\d-\d\d(\.machine)?\.csv", file)
                                     for file in made), f"{made}")
        ran = run(name)
        check(ran.returncode == 0, ran.stdout)
        check_names(folder)
    finish()


if __name__ == "__main__":
    main()
