#!/usr/bin/env python3
"""Holds result files, and the headers in the sources, to docs/results.md, and finds names and paths in them.

usage: check_results.py [FOLDER]     FOLDER is results/ unless said otherwise. Prints one line per fault; exit status 1 with any."""
import csv
import getpass
import pathlib
import re
import socket
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Folders in which somebody's files are; /usr and /proc say nothing of anybody.
PATHS = re.compile(r"(?<![\w./-])/(?:home|root|Users|tmp|mnt|media|work|srv|opt|builds?)/[\w.+-]+[^\s,;\"')]*")
FIELDS = re.compile(r'"(?:host_name|executable)":\s*"(?!winnow)[^"]*"')


def personal_names():
    """What this machine and this user are called, where that is no common word."""
    common = {"localhost", "debian", "ubuntu", "linux", "runner", "docker", "builder", "test", "user"}
    names = {socket.gethostname(), socket.gethostname().split(".")[0]}
    try:
        names.add(getpass.getuser())
    except (KeyError, OSError):
        pass  # a user without a name
    return [name for name in names if len(name) > 4 and name not in common]


def documented():
    """{kind: [(column, whether it came later)]} of docs/results.md."""
    kinds, kind = {}, None
    for line in (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            kind = kinds.setdefault(line[3:], [])
        row = re.match(r"\| ([a-z0-9_, ]+) \| (.*) \|$", line, re.IGNORECASE)
        if row and kind is not None and row[1] != "column":
            kind += [(column, row[2].startswith("later")) for column in row[1].split(", ")]
    return kinds


def kind_of(header, kinds):
    """The kind whose columns these are, those that came later left out or not; None without one."""
    for kind, columns in kinds.items():
        if header == [name for name, later in columns if not later or name in header]:
            return kind
    return None


def source_headers():
    """(where, header) of every CSV that the programs write."""
    for path in sorted(ROOT.glob("*/*.[ch]")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for found in re.finditer(r'#define \w*HEADER\s+((?:"[^"]*"\s*)+)', text):
            yield path.relative_to(ROOT), "".join(re.findall(r'"([^"]*)"', found[1])).split(",")
    for script in ("tools/peers/torch_step.py", "tools/peers/torch_memory.py", "tools/step_shares.py"):
        columns = re.search(r"COLUMNS = \[(.*?)\]", (ROOT / script).read_text(encoding="utf-8"), re.DOTALL)[1]
        yield script, re.findall(r'"(\w+)"', columns)


def faults_of(path, kinds, names):
    """What is wrong with one file, in words."""
    text = path.read_bytes().decode("utf-8", "replace")
    for pattern in (PATHS, FIELDS):
        for found in pattern.finditer(text):
            yield f"line {text[:found.start()].count(chr(10)) + 1}: found {found[0]}"
    for name in names:
        if re.search(rf"\b{re.escape(name)}\b", text):
            yield f"found {name}, the name of this machine or user"
    if path.suffix == ".csv":
        header = next(csv.reader(text.splitlines()), [])
        if not kind_of(header, kinds):
            yield f"columns of no kind that docs/results.md has: {','.join(header)}"


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) == 2 else ROOT / "results"
    if len(sys.argv) > 2 or not folder.is_dir():
        sys.exit("usage: check_results.py [FOLDER]")
    kinds, names, files, faults = documented(), personal_names(), 0, 0
    full = [[name for name, _ in columns] for columns in kinds.values()]
    for where, header in source_headers():
        if header not in full:
            print(f"{where}: docs/results.md has no kind with the columns {','.join(header)}")
            faults += 1
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "local" in path.relative_to(folder).parts:
            continue
        files += 1
        for fault in faults_of(path, kinds, names):
            print(f"{path}: {fault}")
            faults += 1
    print(f"{files} files, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
