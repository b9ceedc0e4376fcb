#!/usr/bin/env python3
"""Adds up what the test programs of a `meson test` run counted and prints `N passed, N failed, N skipped`.

Reads meson's testlog.json. A program that failed without counting a failure (a crash, a time-out) is one failure;
one that skipped without counting is one skip. Exit code 1 when anything failed or nothing ran."""
import json
import re
import sys

COUNT = re.compile(r"^\S+: (\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


def count(log):
    passed = failed = skipped = 0
    for line in log:
        test = json.loads(line)
        counted = [tuple(int(n or 0) for n in found) for found in COUNT.findall(test.get("stdout") or "")]
        for p, f, s in counted:
            passed, failed, skipped = passed + p, failed + f, skipped + s
        if test["result"] == "SKIP":
            skipped += not counted
        elif test["result"] != "OK":
            failed += not any(f for _, f, _ in counted)
        elif not counted:
            passed += 1
    return passed, failed, skipped


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: count_tests.py TESTLOG.JSON")
    with open(sys.argv[1], encoding="utf-8") as log:
        passed, failed, skipped = count(log)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
